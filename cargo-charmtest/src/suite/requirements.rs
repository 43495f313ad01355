//! What the scripts of a charm need on this machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use charmtest_scripts::environment::{Packages, testbed};
use charmtest_scripts::requirements::{
    FILE, Machine, Request, Requirements, Versions, Wishes, meet,
};
use charmtest_scripts::{Settings, os_release};
use serde::{Deserialize, Serialize};

use crate::record::user_dir;
use crate::report::say;

/// What came of looking for what a charm's `tests/requirements.yaml` names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SuiteRequirements {
    /// Why they are not met: no script of the charm runs then.
    pub(crate) unmet: Option<String>,
    /// What the reader of a result should know.
    pub(crate) notes: Vec<String>,
    /// The packages, at the versions that the scripts run with.
    pub(crate) versions: Versions,
    /// Where programs are that were unpacked for the scripts.
    pub(crate) programs: Vec<PathBuf>,
    /// Where their libraries are.
    pub(crate) libraries: Vec<PathBuf>,
    /// The directory that holds both.
    pub(crate) overlay: Option<PathBuf>,
}

impl SuiteRequirements {
    /// Sees to it that the requirements of the charm in `directory` are met, as far as `wishes` allow; see [`meet`].
    ///
    /// Scripts that want another testbed do not run here, so nothing is looked for.
    pub(crate) fn of(directory: &Path, settings: &Settings, wishes: Wishes) -> Self {
        let unmet = |why: String| Self {
            unmet: Some(why),
            ..Self::default()
        };
        let text = match fs::read_to_string(directory.join(FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Self::default(),
            Err(error) => return unmet(format!("{FILE} cannot be read: {error}")),
        };
        let required = match Requirements::parse(FILE, &text) {
            Ok(required) => required,
            Err(error) => return unmet(error.to_string()),
        };
        let host = testbed(&os_release::read());
        let elsewhere = settings
            .testbed
            .as_ref()
            .is_some_and(|wanted| *wanted != host);
        if required.packages().is_empty() || elsewhere {
            return Self::default();
        }
        let machine = Machine::here();
        let Some(base) = machine.base.clone() else {
            return unmet(format!(
                "{FILE} names packages of Debian or Ubuntu, and this machine is {host}"
            ));
        };
        let Some(cache) = user_dir("XDG_CACHE_HOME", ".cache") else {
            return unmet("neither XDG_CACHE_HOME nor HOME is set: there is no place for what the archive tells".to_owned());
        };
        say(&format!(
            "     asking the archive of {base} for {}",
            required.packages().join(" ")
        ));
        let met = meet(
            &Request {
                requirements: &required,
                base: &base,
                archive: None,
                cache: &cache.join("charmtest/archives"),
                wishes,
            },
            &machine,
        );
        match met {
            Ok(met) => {
                let Packages {
                    programs,
                    libraries,
                } = met.environment();
                Self {
                    unmet: None,
                    notes: met.notes,
                    versions: met.versions,
                    programs,
                    libraries,
                    overlay: met.overlay,
                }
            }
            Err(why) => unmet(why.to_string()),
        }
    }

    /// Says which packages the scripts run with; nothing if they need none.
    pub(crate) fn told(&self) -> Option<String> {
        let exact = |(name, version): (&String, &String)| format!("{name}={version}");
        let exact: Vec<String> = self.versions.iter().map(exact).collect();
        (!exact.is_empty()).then(|| format!("packages: {}", exact.join(" ")))
    }

    /// Returns what the scripts must find.
    pub(crate) fn packages(&self) -> Packages {
        Packages {
            programs: self.programs.clone(),
            libraries: self.libraries.clone(),
        }
    }
}
