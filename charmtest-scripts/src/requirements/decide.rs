//! What is done about requirements, from what is known; nothing here acts.

use std::collections::BTreeMap;
use std::fmt;

use super::archive::Base;
use super::simulate::{Known, Plan};

/// What the user allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The machine may be changed: packages may be installed, if we are root.
    pub install: bool,
    /// What is missing may be unpacked beside the system, for the test alone: tools only, since no maintainer script runs.
    pub overlay: bool,
    /// A package that is installed from elsewhere is taken, with a note.
    pub allow_installed: bool,
}

/// The machine, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Its distribution, if it tells.
    pub base: Option<Base>,
    /// Whether we are root.
    pub root: bool,
    /// Whether it is a disposable machine of a CI system (`CI` is set, and neither empty nor `false`).
    pub ci: bool,
}

/// The versions of packages, by name.
pub type Versions = BTreeMap<String, String>;

/// Why requirements are not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// What is wrong.
    pub why: String,
    /// What the user could run to have it; `None` when no command helps.
    pub command: Option<String>,
}

impl Unmet {
    /// Says why, where no command helps.
    pub fn because(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            command: None,
        }
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "requirements.yaml is not met: {}", self.why)?;
        match &self.command {
            Some(command) => write!(f, "; run `{command}`"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Unmet {}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Run the test: everything is there.
    GoOn {
        /// What is there.
        versions: Versions,
        /// What the user should know.
        notes: Vec<String>,
    },
    /// Install these packages, at these versions, and look again.
    Install(Versions),
    /// Unpack these packages, all that apt would install, beside the system.
    Overlay(Versions),
    /// Do not run the test.
    Unmet(Unmet),
}

/// Returns the command that installs packages, as a user would run it.
pub fn install_command<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().collect();
    format!(
        "sudo apt-get install --no-install-recommends {}",
        names.join(" ")
    )
}

/// Sorts out what is there and what is missing.
///
/// # Errors
///
/// Says which package the archive does not have, or is installed from elsewhere.
pub fn missing(
    packages: &[String],
    known: &BTreeMap<String, Known>,
    base: &Base,
    wishes: Wishes,
) -> Result<(Versions, Versions, Vec<String>), Unmet> {
    let (mut present, mut wanted, mut notes) = (Versions::new(), Versions::new(), Vec::new());
    let nothing = Known::default();
    for name in packages {
        let known = known.get(name).unwrap_or(&nothing);
        match (&known.installed, known.wanted()) {
            (Some(version), _) if known.is_official() => {
                present.insert(name.clone(), version.clone());
            }
            (Some(version), _) if wishes.allow_installed => {
                notes.push(format!(
                    "{name} {version} is taken as it is installed; it is not from the official archive of {base}"
                ));
                present.insert(name.clone(), version.clone());
            }
            (_, Some(version)) => {
                wanted.insert(name.clone(), version.to_owned());
            }
            (Some(version), None) => {
                return Err(Unmet::because(format!(
                    "{name} {version} is installed, and is not from the official archive of {base}; --allow-installed takes it all the same"
                )));
            }
            (None, None) => {
                return Err(Unmet::because(format!(
                    "there is no package {name} in the official archive of {base}"
                )));
            }
        }
    }
    Ok((present, wanted, notes))
}

/// Says what to do about packages: `known` is what the archive and the machine have of them, `plan` what installing them would do.
///
/// They are all there: go on. Something would be done that must not be: unmet. Root on a machine that may be changed: install. Otherwise the
/// overlay, if it is wished, and at last unmet, with the command that would help. The system is never changed without being told to.
pub fn decide(
    packages: &[String],
    base: &Base,
    machine: &Machine,
    wishes: Wishes,
    known: &BTreeMap<String, Known>,
    plan: &Plan,
) -> Decision {
    let (present, wanted, notes) = match missing(packages, known, base, wishes) {
        Ok(found) => found,
        Err(unmet) => return Decision::Unmet(unmet),
    };
    if wanted.is_empty() {
        return Decision::GoOn {
            versions: present,
            notes,
        };
    }
    let names: Vec<_> = wanted.keys().map(String::as_str).collect();
    let list = names.join(", ");
    if let Some(refusal) = plan.refusals.first() {
        let why = format!("installing {list} is refused: {refusal}");
        return Decision::Unmet(Unmet::because(why));
    }
    if machine.base.as_ref() != Some(base) {
        let here = match &machine.base {
            Some(here) => format!("this machine is {here}"),
            None => "this machine does not say what it is".to_owned(),
        };
        let why = format!("{list} of {base} is missing, and {here}: run the tests on {base}");
        return Decision::Unmet(Unmet::because(why));
    }
    if machine.root && (machine.ci || wishes.install) {
        return Decision::Install(wanted);
    }
    if wishes.overlay {
        let changes = plan.changes.iter();
        return Decision::Overlay(
            changes
                .map(|change| (change.name.clone(), change.new.clone()))
                .collect(),
        );
    }
    let verb = if names.len() == 1 { "is" } else { "are" };
    let but = match (machine.root, wishes.install) {
        (false, true) => ", and only root may install",
        _ => "",
    };
    Decision::Unmet(Unmet {
        why: format!("{list} {verb} not installed{but}"),
        command: Some(install_command(names)),
    })
}

/// Says which packages are at another version than a record has them: the archive has moved on since.
pub fn moved_on(recorded: &Versions, now: &Versions) -> Vec<String> {
    let differing = recorded.iter().filter_map(|(name, version)| {
        let found = now.get(name)?;
        (found != version).then(|| {
            format!(
                "{name} is {found} now and was {version} in the record: the archive has moved on"
            )
        })
    });
    differing.collect()
}

#[cfg(test)]
mod tests {
    use super::super::simulate::{Change, Refusal};
    use super::*;

    const ROOT: (bool, bool) = (true, false);
    const CI: (bool, bool) = (true, true);
    const USER: (bool, bool) = (false, false);

    fn known() -> BTreeMap<String, Known> {
        let known = |installed: Option<&str>, archived: Option<&str>| Known {
            installed: installed.map(str::to_owned),
            candidate: archived.or(installed).map(str::to_owned),
            archived: archived.map(str::to_owned).into_iter().collect(),
        };
        [
            ("jq", known(None, Some("1.6-2"))),
            ("bc", known(Some("1.07"), Some("1.07"))),
            ("tree", known(Some("99.0"), Some("2.1"))),
            ("old", known(Some("1.0"), Some("1.1"))),
        ]
        .into_iter()
        .map(|(name, known)| (name.to_owned(), known))
        .collect()
    }

    fn run(
        names: &str,
        on: &str,
        (root, ci): (bool, bool),
        wishes: Wishes,
        refusals: &[Refusal],
    ) -> String {
        let names: Vec<_> = names.split_whitespace().map(str::to_owned).collect();
        let machine = Machine {
            base: Base::parse(on),
            root,
            ci,
        };
        let plan = Plan {
            changes: ["libjq1", "jq"]
                .map(|name| Change {
                    name: name.to_owned(),
                    old: None,
                    new: "1.6-2".to_owned(),
                })
                .into(),
            refusals: refusals.to_vec(),
        };
        let base = Base::parse("debian@12").unwrap();
        let list = |versions: &Versions| {
            let items: Vec<_> = versions
                .iter()
                .map(|(name, version)| format!("{name}={version}"))
                .collect();
            items.join(" ")
        };
        match decide(&names, &base, &machine, wishes, &known(), &plan) {
            Decision::GoOn { versions, notes } => {
                format!("go on {} {}", list(&versions), notes.join(";"))
            }
            Decision::Install(versions) => format!("install {}", list(&versions)),
            Decision::Overlay(versions) => format!("overlay {}", list(&versions)),
            Decision::Unmet(unmet) => unmet.to_string(),
        }
    }

    #[test]
    fn r19_what_is_done() {
        let none = Wishes::default();
        let install = Wishes {
            install: true,
            ..none
        };
        let overlay = Wishes {
            overlay: true,
            ..none
        };
        let allow = Wishes {
            allow_installed: true,
            ..none
        };
        let removes = [Refusal::Removes(vec!["systemd".to_owned()])];
        let command = "run `sudo apt-get install --no-install-recommends jq`";
        let here = "debian@12";
        let table: [(&str, &str, _, Wishes, &[Refusal], &str); 18] = [
            ("bc", here, USER, none, &[], "go on bc=1.07"),
            ("bc", "ubuntu@24.04", USER, none, &[], "go on bc=1.07"),
            ("jq bc", here, USER, none, &[], command),
            ("jq", here, USER, none, &[], "jq is not installed; run"),
            (
                "jq old",
                here,
                USER,
                none,
                &[],
                "jq, old are not installed; run",
            ),
            ("jq", here, ROOT, none, &[], command),
            ("jq", here, (false, true), none, &[], command),
            ("jq", here, CI, none, &[], "install jq=1.6-2"),
            ("jq", here, ROOT, install, &[], "install jq=1.6-2"),
            ("jq", here, USER, install, &[], "only root may install"),
            (
                "jq",
                here,
                USER,
                overlay,
                &[],
                "overlay jq=1.6-2 libjq1=1.6-2",
            ),
            (
                "jq",
                here,
                CI,
                install,
                &removes,
                "refused: it would remove systemd",
            ),
            (
                "jq",
                here,
                USER,
                overlay,
                &removes,
                "refused: it would remove systemd",
            ),
            (
                "jq",
                "ubuntu@24.04",
                CI,
                install,
                &[],
                "this machine is ubuntu@24.04: run the tests on debian@12",
            ),
            (
                "nosuch",
                here,
                CI,
                install,
                &[],
                "there is no package nosuch in the official archive of debian@12",
            ),
            (
                "tree",
                here,
                CI,
                install,
                &[],
                "tree 99.0 is installed, and is not from the official archive",
            ),
            (
                "tree",
                here,
                USER,
                allow,
                &[],
                "go on tree=99.0 tree 99.0 is taken as it is installed",
            ),
            ("old", here, CI, none, &[], "install old=1.1"),
        ];
        for (names, on, who, wishes, refusals, expected) in table {
            let found = run(names, on, who, wishes, refusals);
            assert!(found.contains(expected), "{names} {on} {wishes:?}: {found}");
        }
    }

    #[test]
    fn a_record_and_an_archive_that_moved_on_are_told_apart() {
        let versions = |version: &str| Versions::from([("jq".to_owned(), version.to_owned())]);
        assert_eq!(moved_on(&versions("1.6"), &versions("1.6")), [""; 0]);
        assert_eq!(
            moved_on(&versions("1.6"), &versions("1.7")),
            ["jq is 1.7 now and was 1.6 in the record: the archive has moved on"]
        );
    }
}
