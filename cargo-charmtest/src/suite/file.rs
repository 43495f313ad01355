//! What a suite holds, as one process tells another.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use charmtest::generic::{Generic, Require};
use serde::{Deserialize, Serialize};

use super::requirements::SuiteRequirements;
use crate::error::{Error, Result};

/// The version of the file that this program writes and reads.
const SUITE_VERSION: u32 = 1;

/// A suite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SuiteFile {
    /// The version of this form: [`SUITE_VERSION`].
    pub(crate) charmtest: u32,
    /// What stands for the name of a test target: `generic`, `scripts`. What failed last is kept for each.
    pub(crate) name: String,
    /// The charms, in the order in which they are tested.
    pub(crate) charms: Vec<SuiteCharm>,
}

/// A charm of a suite with its tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SuiteCharm {
    /// The module of its tests, which no other charm of the suite has: the charm's name, and more where that is not enough.
    pub(crate) module: String,
    /// The charm: a `.charm` file, or a directory that is packed first. Absolute.
    pub(crate) path: PathBuf,
    /// What the user calls the charm, if its path is one that they do not know and that is gone after the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
    /// An earlier artefact of the charm, which was good; the `upgrade` test begins with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<PathBuf>,
    /// Other charms that fit its endpoints; the `relate` test uses stand-ins for the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) partners: Vec<PathBuf>,
    /// Its generic tests, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) generic: Vec<Generic>,
    /// What units must come to in its generic tests.
    #[serde(default)]
    pub(crate) require: Require,
    /// Its scripts, which run after the generic tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scripts: Option<SuiteScripts>,
}

/// The scripts of a charm, and what they run with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SuiteScripts {
    /// The charm's name.
    pub(crate) charm: String,
    /// The charm's directory, of which each script gets a copy.
    pub(crate) directory: PathBuf,
    /// The packed charm.
    pub(crate) artifact: PathBuf,
    /// Why the charm could not be packed, if so; then its scripts fail of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unpacked: Option<String>,
    /// Names of files in `tests/`, in the order in which they run.
    pub(crate) names: Vec<String>,
    /// The packed charms of the run by name.
    pub(crate) collection: BTreeMap<String, PathBuf>,
    /// Other charms that could not be packed, by the names that stand for them, and why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) unpackable: BTreeMap<String, String>,
    /// What the user says that charm names stand for.
    pub(crate) chosen: BTreeMap<String, String>,
    /// Packed charms by name that passed their tests last, for `juju deploy-previous`.
    pub(crate) previous: BTreeMap<String, PathBuf>,
    /// The file with more charms of the run, and last versions: a [`super::ShelfFile`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shelf: Option<PathBuf>,
    /// How long one script may take, in seconds; 0 for no limit.
    pub(crate) limit_s: u64,
    /// Whether compilers and their like are hidden.
    pub(crate) hide_build_tools: bool,
    /// The sandbox that is asked for: `auto`, `off` or a level.
    pub(crate) sandbox: String,
    /// When a shell is opened.
    pub(crate) shell: SuiteShell,
    /// What came of its requirements.
    pub(crate) requirements: SuiteRequirements,
}

/// When a shell is opened in a script's environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SuiteShell {
    /// Never.
    #[default]
    Never,
    /// After a script that failed.
    AfterFailure,
    /// Instead of the script.
    Instead,
}

impl SuiteCharm {
    /// Returns where the charm is, or a script of it, as reports of failures say it.
    pub(crate) fn place(&self, script: Option<&str>) -> String {
        let own_path = self.path.display().to_string();
        let charm = self.place.clone().unwrap_or(own_path);
        let Some(script) = script else {
            return charm;
        };
        let file = Path::new("tests").join(script);
        // That of a `.charm` file is unpacked for the run.
        match self.place.is_none() && self.path.is_dir() {
            true => self.path.join(file).display().to_string(),
            false => format!("{} of {charm}", file.display()),
        }
    }
}

impl SuiteFile {
    /// Makes a suite of `charms`; `name` stands for the name of a test target.
    pub(crate) fn new(name: &str, charms: Vec<SuiteCharm>) -> Self {
        Self {
            charmtest: SUITE_VERSION,
            name: name.to_owned(),
            charms,
        }
    }

    /// Writes the suite to `path`.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(Error::infrastructure)?;
        fs::write(path, text).map_err(|error| {
            Error::infrastructure(format!("cannot write {}: {error}", path.display()))
        })
    }

    /// Reads the suite in `path`.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be read or has another version.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let fail = |why: &dyn std::fmt::Display| {
            Error::infrastructure(format!("cannot read the suite {}: {why}", path.display()))
        };
        let text = fs::read_to_string(path).map_err(|error| fail(&error))?;
        let suite: Self = serde_json::from_str(&text).map_err(|error| fail(&error))?;
        if suite.charmtest != SUITE_VERSION {
            let version = suite.charmtest;
            return Err(fail(&format!("it has form {version}, not {SUITE_VERSION}")));
        }
        Ok(suite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_name_what_the_user_knows() {
        let room = tempfile::tempdir().unwrap();
        let mut charm = SuiteCharm {
            module: "web".to_owned(),
            path: room.path().to_owned(),
            place: None,
            previous: None,
            partners: Vec::new(),
            generic: Vec::new(),
            require: Require::default(),
            scripts: None,
        };
        let directory = room.path().display().to_string();
        assert_eq!(charm.place(None), directory);
        let script = format!("{directory}/tests/10.test");
        assert_eq!(charm.place(Some("10.test")), script);
        charm.path = "/there/web.charm".into();
        assert_eq!(charm.place(None), "/there/web.charm");
        let script = "tests/10.test of /there/web.charm";
        assert_eq!(charm.place(Some("10.test")), script);
        charm.path = room.path().to_owned();
        charm.place = Some("ubuntu@24.04:web:main".to_owned());
        assert_eq!(charm.place(None), "ubuntu@24.04:web:main");
        let script = "tests/10.test of ubuntu@24.04:web:main";
        assert_eq!(charm.place(Some("10.test")), script);
    }
}
