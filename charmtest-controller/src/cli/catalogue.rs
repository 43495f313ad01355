//! Which commands and options Juju has, and which of them we do not.
//!
//! `catalogue.txt` lists them: those of 4.0 were recorded with `juju help`, those of 3.6 follow from the known differences.

use crate::JujuVersion;
use crate::flags::Flag;

/// One command per line: its names with `/` between them, then its options; `3.6:` and `4.0:` limit what follows to that version.
const CATALOGUE: &str = include_str!("catalogue.txt");

/// A command of Juju.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// Its names, the proper one first.
    names: Vec<&'static str>,
    /// The names of its options, each with its short form in front.
    flags: Vec<Vec<&'static str>>,
}

/// Iterates over the commands that `juju` has.
fn entries(juju: JujuVersion) -> impl Iterator<Item = Entry> {
    CATALOGUE.lines().filter_map(move |line| {
        let mut words = line.split_whitespace();
        let names = split(words.next()?, juju)?;
        Some(Entry {
            names,
            flags: words.filter_map(|word| split(word, juju)).collect(),
        })
    })
}

/// Splits `3.6:a/b` into names; `None` when the version is another one.
fn split(word: &'static str, juju: JujuVersion) -> Option<Vec<&'static str>> {
    let names = match word.split_once(':') {
        Some((series, _)) if series != juju.series() => return None,
        Some((_, names)) => names,
        None => word,
    };
    Some(names.split('/').collect())
}

/// Iterates over all names of commands that `juju` has.
pub(super) fn names(juju: JujuVersion) -> impl Iterator<Item = &'static str> {
    entries(juju).flat_map(|entry| entry.names)
}

/// Lists what of `juju` the embedded controller does not support: whole commands by name, options as `command --option`.
pub fn unsupported(juju: JujuVersion) -> Vec<String> {
    let mut missing = Vec::new();
    for entry in entries(juju) {
        let name = entry.names[0];
        let Some(command) = super::find(name, juju) else {
            missing.push(name.to_owned());
            continue;
        };
        let own = super::flags_of(command, juju);
        let lacking = entry.flags.iter().filter(|names| {
            let found = own.iter().find(|flag| shares_name(flag, names));
            found.is_none_or(|flag| flag.unsupported)
        });
        missing.extend(lacking.map(|names| {
            let long = names.last().copied().unwrap_or_default();
            let dashes = if long.chars().count() > 1 { "--" } else { "-" };
            format!("{name} {dashes}{long}")
        }));
    }
    missing
}

fn shares_name(flag: &Flag, names: &[&str]) -> bool {
    flag.names.iter().any(|name| names.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_accept_nothing_that_juju_does_not_know() {
        for juju in JujuVersion::ALL {
            let all: Vec<Entry> = entries(juju).collect();
            let mut strange = Vec::new();
            for command in super::super::commands(juju) {
                let Some(entry) = all.iter().find(|entry| entry.names[0] == command.name) else {
                    strange.push(command.name.to_owned());
                    continue;
                };
                for alias in command.aliases {
                    if !entry.names.contains(alias) {
                        strange.push((*alias).to_owned());
                    }
                }
                let own = command
                    .flags
                    .iter()
                    .filter(|flag| flag.versions.contain(juju));
                for flag in
                    own.filter(|flag| !entry.flags.iter().any(|names| shares_name(flag, names)))
                {
                    strange.push(format!("{} --{}", command.name, flag.name()));
                }
            }
            assert!(strange.is_empty(), "{juju}: {strange:?}");
        }
    }

    #[test]
    fn the_versions_differ() {
        let lacks =
            |juju: JujuVersion, what: &str| unsupported(juju).iter().any(|line| line == what);
        for (what, in_36, in_40) in [
            ("bootstrap", true, true),
            ("enable-ha", true, false),
            ("deploy --series", true, false),
            ("exec --operator", true, false),
            ("exec --unit", false, false),
            ("ssh", false, false),
        ] {
            assert_eq!(
                (
                    lacks(JujuVersion::V3_6, what),
                    lacks(JujuVersion::V4_0, what)
                ),
                (in_36, in_40),
                "{what}"
            );
        }
    }
}
