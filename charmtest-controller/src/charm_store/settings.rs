//! Which charm stores are asked: the file `charm-store.yaml` of the data directory, and variables of the client.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use charmtest_charm::yaml;
use serde::Deserialize;

use super::CharmStoreError;

/// The file of the data directory that says which stores are asked.
pub(crate) const FILE: &str = "charm-store.yaml";

/// The client's variable with directories and `.charm` files, separated by colons; relative ones are below its working directory.
pub(crate) const PATHS_VARIABLE: &str = "CHARMTEST_CHARM_STORE";

/// The client's variable that allows Charmhub to be asked (`true`) or not (`false`), whatever the file says.
pub(crate) const CHARMHUB_VARIABLE: &str = "CHARMTEST_CHARMHUB";

/// Where Charmhub is, unless `charmhub-url` of the model, `CHARMHUB_URL` or `--charmhub-url` says otherwise.
pub(crate) const CHARMHUB_URL: &str = "https://api.charmhub.io";

/// Which stores are asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Directories and `.charm` files, absolute; the earlier one wins.
    pub(crate) paths: Vec<PathBuf>,
    /// Whether Charmhub is asked for what the paths do not have.
    pub(crate) charmhub: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    paths: Vec<String>,
    charmhub: bool,
}

impl Settings {
    /// Reads the settings of the data directory `data` for a client with these variables and this working directory.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be read or says something else, a variable is neither true nor false, or a path is not there.
    pub(crate) fn read(
        data: &Path,
        cwd: &Path,
        env: &BTreeMap<String, String>,
    ) -> Result<Self, CharmStoreError> {
        let set = |name: &str| env.get(name).filter(|value| !value.is_empty());
        let name = data.join(FILE);
        let file: File = match fs::read_to_string(&name) {
            Ok(text) => yaml::parse::<Option<File>>(&name.display().to_string(), &text)
                .map_err(CharmStoreError::failed)?
                .unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => File::default(),
            Err(error) => {
                return Err(CharmStoreError::failed(format!(
                    "cannot read {}: {error}",
                    name.display()
                )));
            }
        };
        let listed = set(PATHS_VARIABLE).into_iter().flat_map(|list| {
            let paths = list.split(':').filter(|path| !path.is_empty());
            paths.map(|path| (cwd.join(path), PATHS_VARIABLE))
        });
        let in_file = file.paths.iter().map(|path| (data.join(path), FILE));
        let mut settings = Self {
            paths: Vec::new(),
            charmhub: file.charmhub,
        };
        for (path, by) in listed.chain(in_file) {
            if !path.exists() {
                return Err(CharmStoreError::failed(format!(
                    "there is no charm store at {}, which {by} names: make it, or take it off the list",
                    path.display()
                )));
            }
            if !settings.paths.contains(&path) {
                settings.paths.push(path);
            }
        }
        if let Some(value) = set(CHARMHUB_VARIABLE) {
            settings.charmhub = match value.as_str() {
                "true" | "1" => true,
                "false" | "0" => false,
                other => {
                    return Err(CharmStoreError::failed(format!(
                        "{CHARMHUB_VARIABLE} is {other:?}: set it to true or false"
                    )));
                }
            };
        }
        Ok(settings)
    }

    /// Says whether there is no store at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.paths.is_empty() && !self.charmhub
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn the_file_and_the_variables_add_up() {
        let dir = tempfile::tempdir().unwrap();
        let (data, cwd) = (dir.path().join("data"), dir.path().join("cwd"));
        for sub in ["data/own", "cwd/a", "cwd/b"] {
            fs::create_dir_all(dir.path().join(sub)).unwrap();
        }
        let read = |pairs: &[(&str, &str)]| Settings::read(&data, &cwd, &env(pairs));
        assert!(read(&[]).unwrap().is_empty());
        assert!(read(&[(PATHS_VARIABLE, "")]).unwrap().is_empty());
        fs::write(data.join(FILE), "paths: [own]\ncharmhub: true\n").unwrap();
        let settings = read(&[(PATHS_VARIABLE, "a:b:a")]).unwrap();
        assert_eq!(
            settings.paths,
            [cwd.join("a"), cwd.join("b"), data.join("own")]
        );
        assert!(settings.charmhub);
        assert!(!read(&[(CHARMHUB_VARIABLE, "false")]).unwrap().charmhub);
        fs::write(data.join(FILE), "").unwrap();
        assert!(read(&[]).unwrap().is_empty());
    }

    #[test]
    fn mistakes_name_their_place() {
        let dir = tempfile::tempdir().unwrap();
        let read = |pairs: &[(&str, &str)]| {
            let settings = Settings::read(dir.path(), dir.path(), &env(pairs));
            settings.unwrap_err().to_string()
        };
        assert!(read(&[(CHARMHUB_VARIABLE, "maybe")]).contains("set it to true or false"));
        let missing = read(&[(PATHS_VARIABLE, "nosuch")]);
        assert!(
            missing.contains("/nosuch, which CHARMTEST_CHARM_STORE names"),
            "{missing}"
        );
        fs::write(dir.path().join(FILE), "path: [x]\n").unwrap();
        let unknown = read(&[]);
        assert!(
            unknown.contains("charm-store.yaml") && unknown.contains("path"),
            "{unknown}"
        );
    }
}
