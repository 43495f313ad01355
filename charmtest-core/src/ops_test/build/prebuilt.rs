//! Charms that were packed before the run: `--charm-path`, and the variables of CI systems.

use super::BuildError;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Variables in which CI systems say where the packed charm is, the stronger first: Canonical's workflows and `charmcraft test`.
const VARIABLES: [&str; 2] = ["CHARM_PATH", "CRAFT_ARTIFACT"];

/// A packed charm to use instead of packing one: `[NAME=]FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CharmPath {
    name: Option<String>,
    file: PathBuf,
}

impl CharmPath {
    /// Returns the file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Returns the name of the charm that the file stands for: the one that was given, else what the file is called up to the
    /// first `_`, as charmcraft calls it.
    pub(crate) fn charm(&self) -> &str {
        let stem = self.file.file_stem().and_then(|stem| stem.to_str());
        let stem = stem.unwrap_or_default();
        let by_file = stem.split_once('_').map_or(stem, |(name, _)| name);
        self.name.as_deref().unwrap_or(by_file)
    }
}

impl FromStr for CharmPath {
    type Err = String;

    /// Reads `[NAME=]FILE` and makes the path absolute: it is used in other directories than the one it was written in.
    fn from_str(text: &str) -> Result<Self, String> {
        let is_name = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_lowercase())
                && name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        let (name, file) = match text.split_once('=') {
            Some((name, file)) if is_name(name) => (Some(name.to_owned()), file),
            _ => (None, text),
        };
        let file = std::path::absolute(file).map_err(|error| format!("`{file}`: {error}"))?;
        match file.is_file() {
            true => Ok(Self { name, file }),
            false => Err(format!("there is no file `{}`", file.display())),
        }
    }
}

impl fmt::Display for CharmPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name}={}", self.file.display()),
            None => self.file.display().fmt(f),
        }
    }
}

/// Returns the files that were packed before for the charm in `directory`.
pub(super) fn of(given: &[CharmPath], directory: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let from_environment = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let variable = VARIABLES
        .iter()
        .find_map(|name| Some((*name, from_environment(name)?)));
    select(given, variable, declared_name(directory).as_deref())
}

/// Returns the files for the charm `name`: those that were given for it, else the one that a variable names if it is for it.
fn select(
    given: &[CharmPath],
    variable: Option<(&'static str, String)>,
    name: Option<&str>,
) -> Result<Vec<PathBuf>, BuildError> {
    let Some(name) = name else {
        return Ok(Vec::new());
    };
    let chosen: Vec<PathBuf> = given
        .iter()
        .filter(|path| path.charm() == name)
        .map(|path| path.file.clone())
        .collect();
    if !chosen.is_empty() {
        return Ok(chosen);
    }
    match variable {
        None => Ok(Vec::new()),
        Some((variable, value)) => match value.parse::<CharmPath>() {
            Ok(path) if path.charm() == name => Ok(vec![path.file]),
            Ok(_) => Ok(Vec::new()),
            Err(why) => Err(BuildError::NoPrebuilt { variable, why }),
        },
    }
}

/// Returns the name that the files of a charm's directory give it.
pub(super) fn declared_name(directory: &Path) -> Option<String> {
    ["charmcraft.yaml", "metadata.yaml"]
        .iter()
        .filter_map(|file| fs::read_to_string(directory.join(file)).ok())
        .find_map(|text| name_in(&text))
}

/// Finds the value of the top-level key `name`. A name has no character that YAML would have to escape, so this is all of YAML
/// that is needed.
fn name_in(text: &str) -> Option<String> {
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix("name")?.trim_start().strip_prefix(':'))?;
    let value = value.split(" #").next().unwrap_or_default().trim();
    let value = value.trim_matches(['"', '\'']);
    (!value.is_empty()).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_charm_is_found_in_its_yaml() {
        for (text, name) in [
            ("name: web\n", Some("web")),
            (
                "# name: no\ntype: charm\nname:   'web-k8s'  # the charm\n",
                Some("web-k8s"),
            ),
            ("parts:\n  name: no\n", None),
            ("name-of: x\nname : \"web\"\n", Some("web")),
            ("name:\n", None),
        ] {
            assert_eq!(name_in(text).as_deref(), name, "{text}");
        }
    }

    #[test]
    fn a_packed_charm_stands_for_the_charm_of_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = dir.path().join(name);
            fs::write(&path, "").unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (web, web22, other) = (
            file("web_ubuntu-20.04-amd64.charm"),
            file("web_ubuntu-22.04-amd64.charm"),
            file("local.charm"),
        );
        let path = |text: &str| text.parse::<CharmPath>().unwrap();
        let named = format!("db={other}");
        assert_eq!(path(&named).to_string(), named);
        let given = [path(&web), path(&web22), path(&named)];
        let variable = Some(("CHARM_PATH", other.clone()));
        let nothing = Vec::<PathBuf>::new();
        for (given, variable, name, expected) in [
            (
                &given[..],
                None,
                "web",
                vec![web.clone().into(), web22.into()],
            ),
            (&given, None, "db", vec![other.clone().into()]),
            (&given, None, "local", nothing.clone()),
            (
                &given,
                variable.clone(),
                "local",
                vec![other.clone().into()],
            ),
            (&[], variable.clone(), "local", vec![other.into()]),
            (&[], variable, "web", nothing.clone()),
            (&[], None, "web", nothing),
        ] {
            assert_eq!(
                select(given, variable, Some(name)).unwrap(),
                expected,
                "{name}"
            );
        }
        let missing = Some(("CRAFT_ARTIFACT", "/no/such.charm".to_owned()));
        let error = select(&[], missing, Some("web")).unwrap_err().to_string();
        assert_eq!(error, "CRAFT_ARTIFACT: there is no file `/no/such.charm`");
    }
}
