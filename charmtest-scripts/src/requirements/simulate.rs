//! Reading what apt says that it would do, before anything is done.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use super::archive::Archive;
use super::version::compare;

/// A package that apt would put on the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its name, with `:architecture` when it is a foreign one.
    pub name: String,
    /// The version that is on the machine.
    pub old: Option<String>,
    /// The version that would be.
    pub new: String,
}

/// Why what apt would do must not be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Packages would be removed.
    Removes(Vec<String>),
    /// A package would be replaced by an older version of it.
    Downgrades(String),
    /// Nobody signed this.
    Unsigned(String),
    /// A file would be fetched from elsewhere.
    Foreign(String),
    /// apt takes a name for something else: a pattern, or a package that provides it.
    Other(String),
    /// apt cannot do it.
    Failed(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removes(names) => write!(f, "it would remove {}", names.join(", ")),
            Self::Downgrades(what) => write!(f, "it would downgrade {what}"),
            Self::Unsigned(what) => write!(f, "what it would install is not signed: {what}"),
            Self::Foreign(uri) => write!(f, "it would fetch {uri}, which is not of the archive"),
            Self::Other(note) => write!(f, "apt takes a name for something else: {note}"),
            Self::Failed(message) => write!(f, "apt cannot do it: {message}"),
        }
    }
}

/// What apt would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// What it would install or upgrade, in its order.
    pub changes: Vec<Change>,
    /// Why it must not; empty when it may.
    pub refusals: Vec<Refusal>,
}

impl Plan {
    /// Reads what `apt-get -s install --no-remove` printed on its outputs, and whether it succeeded.
    pub fn of_simulation(output: &str, succeeded: bool) -> Self {
        let mut plan = Self::default();
        let mut removed = Vec::new();
        let mut errors = Vec::new();
        let mut block = Block::Other;
        for line in output.lines() {
            if let Some(name) = line.strip_prefix("  ") {
                let names = name
                    .split_whitespace()
                    .map(|name| name.trim_end_matches('*'));
                match block {
                    Block::Removed => removed.extend(names.map(str::to_owned)),
                    Block::Downgraded => {
                        plan.refusals
                            .extend(names.map(|name| Refusal::Downgrades(name.to_owned())));
                    }
                    Block::Unsigned => {
                        plan.refusals
                            .extend(names.map(|name| Refusal::Unsigned(name.to_owned())));
                    }
                    Block::Other => {}
                }
                continue;
            }
            block = Block::of(line);
            if let Some(rest) = line.strip_prefix("Inst ") {
                match change(rest) {
                    Some(change) => plan.changes.push(change),
                    None => plan.refusals.push(Refusal::Failed(format!(
                        "its line `{line}` is not understood"
                    ))),
                }
            } else if let Some(rest) = line.strip_prefix("Remv ").or(line.strip_prefix("Purg ")) {
                removed.extend(rest.split_whitespace().next().map(str::to_owned));
            } else if line.starts_with("Note, selecting ") {
                plan.refusals.push(Refusal::Other(line.to_owned()));
            } else if let Some(message) = line.strip_prefix("E: ") {
                errors.push(message.to_owned());
            }
        }
        removed.sort();
        removed.dedup();
        if !removed.is_empty() {
            plan.refusals.push(Refusal::Removes(removed));
        }
        for change in &plan.changes {
            let older = |old: &String| compare(&change.new, old) == Ordering::Less;
            if change.old.as_ref().is_some_and(older) {
                let old = change.old.as_deref().unwrap_or_default();
                let what = format!("{} from {old} to {}", change.name, change.new);
                plan.refusals.push(Refusal::Downgrades(what));
            }
        }
        if !succeeded || !errors.is_empty() {
            if errors.is_empty() {
                errors.push("it failed and does not say why".to_owned());
            }
            plan.refusals.push(Refusal::Failed(errors.join("; ")));
        }
        plan
    }

    /// Adds what `apt-get --print-uris install` printed: each file must be of the archive.
    pub fn check_uris(&mut self, output: &str, archive: &Archive) {
        for line in output.lines() {
            let Some(rest) = line.strip_prefix('\'') else {
                continue;
            };
            let uri = rest.split('\'').next().unwrap_or(rest);
            if !archive.holds(uri) {
                self.refusals.push(Refusal::Foreign(uri.to_owned()));
            }
        }
    }
}

/// Which list of names the indented lines belong to.
#[derive(Clone, Copy)]
enum Block {
    Removed,
    Downgraded,
    Unsigned,
    Other,
}

impl Block {
    fn of(line: &str) -> Self {
        if line.ends_with("will be REMOVED:") {
            Self::Removed
        } else if line.ends_with("will be DOWNGRADED:") {
            Self::Downgraded
        } else if line.contains("cannot be authenticated") {
            Self::Unsigned
        } else {
            Self::Other
        }
    }
}

/// Reads `dpkg [1.21.22] (1.21.23 Debian:12.15/oldstable [amd64])`.
fn change(rest: &str) -> Option<Change> {
    let (name, rest) = rest.split_once(' ')?;
    let (old, rest) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (old, rest) = rest.split_once(']')?;
            (Some(old.to_owned()), rest.trim_start())
        }
        None => (None, rest),
    };
    let new = rest.strip_prefix('(')?.split_whitespace().next()?;
    Some(Change {
        name: name.to_owned(),
        old,
        new: new.to_owned(),
    })
}

/// What apt knows about a package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The version on the machine.
    pub installed: Option<String>,
    /// The version that apt would install.
    pub candidate: Option<String>,
    /// The versions that the archive has.
    pub archived: Vec<String>,
}

impl Known {
    /// Says whether the version on the machine is one that the archive has.
    pub fn is_official(&self) -> bool {
        let archived = |version| self.archived.contains(version);
        self.installed.as_ref().is_some_and(archived)
    }

    /// Returns the archive's version that replaces what is on the machine, or comes where nothing is.
    pub fn wanted(&self) -> Option<&str> {
        let newest = self
            .archived
            .iter()
            .max_by(|left, right| compare(left, right))?;
        let newer = match &self.installed {
            Some(installed) => compare(newest, installed) == Ordering::Greater,
            None => true,
        };
        newer.then_some(newest)
    }
}

/// Reads what `apt-cache policy NAME...` printed; a package that is not in it is not known to apt at all.
pub fn read_policy(output: &str) -> BTreeMap<String, Known> {
    let mut packages: BTreeMap<String, Known> = BTreeMap::new();
    let mut current = None;
    let mut version = String::new();
    for line in output.lines() {
        if let Some(name) = line.strip_suffix(':').filter(|name| !name.starts_with(' ')) {
            current = Some(packages.entry(name.to_owned()).or_default());
            continue;
        }
        let Some(known) = current.as_deref_mut() else {
            continue;
        };
        let words: Vec<_> = line.split_whitespace().collect();
        let some = |value: &str| (value != "(none)").then(|| value.to_owned());
        match words.as_slice() {
            ["Installed:", value] => known.installed = some(value),
            ["Candidate:", value] => known.candidate = some(value),
            ["Version", "table:"] | ["Package", "pin:", ..] => {}
            // `(phased 20%)` may follow the priority on Ubuntu.
            ["***", value, _] | ["***", value, _, "(phased", _] | [value, _, "(phased", _] => {
                version = (*value).to_owned();
            }
            // The list of what is installed is no source.
            [_, source, ..] if source.starts_with('/') => {}
            // A row of a version has two words, a source of it has more.
            [_, _, _, ..] => known.archived.push(version.clone()),
            [value, _] => version = (*value).to_owned(),
            _ => {}
        }
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requirements::archive::Base;

    macro_rules! recorded {
        ($name:literal) => {
            include_str!(concat!("recorded/", $name, ".txt"))
        };
    }

    fn names(plan: &Plan) -> Vec<String> {
        let names = plan.changes.iter().map(|change| change.name.clone());
        names.collect()
    }

    #[test]
    fn r19_installing_from_the_archive_is_not_refused() {
        let plan = Plan::of_simulation(recorded!("install"), true);
        assert_eq!(plan.refusals, []);
        assert_eq!(names(&plan), ["libtext-charwidth-perl", "cowsay", "hello"]);
        assert_eq!(plan.changes[1].new, "3.03+dfsg2-8");
        let plan = Plan::of_simulation(recorded!("upgrade"), true);
        assert_eq!(plan.refusals, []);
        assert_eq!(names(&plan), ["dpkg", "dpkg-dev", "libdpkg-perl"]);
        assert_eq!(plan.changes[0].old.as_deref(), Some("1.21.22"));
        assert_eq!(
            Plan::of_simulation(recorded!("present"), true),
            Plan::default()
        );
    }

    #[test]
    fn r19_what_must_not_be_done_is_refused() {
        let failed = |message: &str| format!("apt cannot do it: {message}");
        let table = [
            (recorded!("remove"), true, vec!["it would remove bc".to_owned()]),
            (recorded!("unknown"), false, vec![failed("Unable to locate package nosuchpackage")]),
            (
                recorded!("virtual"),
                false,
                vec![failed("Package 'mail-transport-agent' has no installation candidate")],
            ),
            (
                recorded!("conflict"),
                false,
                vec![failed("Unable to correct problems, you have held broken packages.")],
            ),
            (
                "The following packages will be DOWNGRADED:\n  bc\nInst bc [1.07.1-3+b1] (1.06-1 Debian:12.15/oldstable [amd64])\n",
                true,
                vec![
                    "it would downgrade bc".to_owned(),
                    "it would downgrade bc from 1.07.1-3+b1 to 1.06-1".to_owned(),
                ],
            ),
            (
                "WARNING: The following packages cannot be authenticated!\n  tree\nInst tree (99.0 Debian:12.15/oldstable [all])\n",
                true,
                vec!["what it would install is not signed: tree".to_owned()],
            ),
            ("Inst tree\n", true, vec![failed("its line `Inst tree` is not understood")]),
            ("", false, vec![failed("it failed and does not say why")]),
            (
                "Note, selecting 'cowsay' for regex 'cowsa.'\n",
                true,
                vec!["apt takes a name for something else: Note, selecting 'cowsay' for regex 'cowsa.'".to_owned()],
            ),
        ];
        for (output, succeeded, refusals) in table {
            let plan = Plan::of_simulation(output, succeeded);
            let found: Vec<_> = plan.refusals.iter().map(ToString::to_string).collect();
            assert_eq!(found, refusals, "{output}");
        }
        let plan = Plan::of_simulation(recorded!("removal_refused"), false);
        let removes = plan.refusals.iter().any(|refusal| match refusal {
            Refusal::Removes(names) => {
                names.iter().any(|name| name == "systemd") && names.len() == 14
            }
            _ => false,
        });
        assert!(removes, "{plan:?}");
    }

    #[test]
    fn r19_labels_prove_nothing_and_a_foreign_file_is_refused() {
        let archive = Archive::of(&Base::parse("debian@12").unwrap(), "amd64").unwrap();
        let mut plan = Plan::of_simulation(recorded!("install"), true);
        plan.check_uris(recorded!("uris"), &archive);
        assert_eq!(plan.refusals, []);

        // The forged repository prints the distribution's own labels.
        let mut plan = Plan::of_simulation(recorded!("forged_label"), true);
        assert_eq!(plan.refusals, []);
        plan.check_uris(recorded!("forged_uris"), &archive);
        let uri = "file:/srv/repo/./tree_99.0_all.deb".to_owned();
        assert_eq!(plan.refusals, [Refusal::Foreign(uri)]);
    }

    #[test]
    fn r19_what_is_installed_from_elsewhere_is_seen() {
        let known = read_policy(recorded!("policy"));
        let table = [
            ("tree", None, false, Some("2.1.0-1")),
            ("bc", Some("1.07.1-3+b1"), true, None),
            ("dpkg-dev", Some("1.21.22"), false, Some("1.21.23")),
            ("awk", None, false, None),
        ];
        for (name, installed, official, wanted) in table {
            let known = &known[name];
            assert_eq!(known.installed.as_deref(), installed, "{name}");
            assert_eq!(known.is_official(), official, "{name}");
            assert_eq!(known.wanted(), wanted, "{name}");
        }
        assert!(!known.contains_key("nosuchpackage"));

        let elsewhere = "tree:\n  Installed: 99.0\n  Candidate: 99.0\n  Version table:\n *** 99.0 100\n        100 /var/lib/dpkg/status\n     \
                         2.1.0-1 500\n        500 http://deb.debian.org/debian bookworm/main amd64 Packages\n";
        let known = &read_policy(elsewhere)["tree"];
        assert!(!known.is_official());
        assert_eq!(known.wanted(), None);
    }
}
