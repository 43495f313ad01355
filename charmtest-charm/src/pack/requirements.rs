//! Reading what a charm's files say about Python packages. Pure.

use serde_json::Value;

use super::plan::Pyproject;
use crate::error::{FileError, Position};

/// Returns the requirements that `pyproject.toml` names for the project, its groups and its extras.
///
/// # Errors
///
/// Fails when the text is not TOML, or a group or an extra is not there.
pub(super) fn of_pyproject(text: &str, wanted: &Pyproject) -> Result<Vec<String>, FileError> {
    const FILE: &str = "pyproject.toml";
    let value = parse_toml(FILE, text)?;
    let mut requirements = strings(
        FILE,
        "project.dependencies",
        &value["project"]["dependencies"],
    )?;
    for group in &wanted.groups {
        let list = &value["dependency-groups"][group];
        requirements.extend(required(FILE, &format!("dependency-groups.{group}"), list)?);
    }
    for extra in &wanted.extras {
        let list = &value["project"]["optional-dependencies"][extra];
        requirements.extend(required(
            FILE,
            &format!("project.optional-dependencies.{extra}"),
            list,
        )?);
    }
    Ok(requirements)
}

/// Returns the packages that `uv.lock` pins, as lines of a constraints file.
///
/// A package that is locked in several versions (for several platforms) is not constrained.
///
/// # Errors
///
/// Fails when the text is not TOML.
pub(super) fn pins_of_uv_lock(text: &str) -> Result<Vec<String>, FileError> {
    let value = parse_toml("uv.lock", text)?;
    let packages = value["package"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let pinned = |package: &Value| {
        package["source"].get("registry")?;
        Some((
            package["name"].as_str()?.to_owned(),
            package["version"].as_str()?.to_owned(),
        ))
    };
    let pins: Vec<(String, String)> = packages.iter().filter_map(pinned).collect();
    let is_single = |name: &str| pins.iter().filter(|(other, _)| other == name).count() == 1;
    Ok(pins
        .iter()
        .filter(|(name, _)| is_single(name))
        .map(|(name, version)| format!("{name}=={version}"))
        .collect())
}

/// Returns the `PYDEPS` of a charm library: the strings of the list assigned at the start of a line.
pub(super) fn of_library(source: &str) -> Vec<String> {
    let mut rest = source;
    let list = loop {
        let Some(at) = rest.find("PYDEPS") else {
            return Vec::new();
        };
        let starts_line = at == 0 || rest[..at].ends_with('\n');
        rest = &rest[at + "PYDEPS".len()..];
        let value = rest.trim_start().strip_prefix('=').map(str::trim_start);
        match value.and_then(|value| value.strip_prefix('[')) {
            Some(list) if starts_line => break list,
            _ => {}
        }
    };
    string_literals(list)
}

/// Returns the Python string literals before the closing bracket, passing over comments.
fn string_literals(list: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut characters = list.chars();
    while let Some(c) = characters.next() {
        match c {
            ']' => break,
            '#' => {
                let _ = characters.by_ref().find(|&c| c == '\n');
            }
            quote @ ('"' | '\'') => {
                found.push(characters.by_ref().take_while(|&c| c != quote).collect())
            }
            _ => {}
        }
    }
    found
}

fn parse_toml(file: &str, text: &str) -> Result<Value, FileError> {
    let table: Value = toml::from_str(text).map_err(|error| FileError {
        file: file.to_owned(),
        position: error.span().map(|span| position(text, span.start)),
        message: error.message().to_owned(),
    })?;
    Ok(table)
}

fn position(text: &str, offset: usize) -> Position {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Position {
        line: before.matches('\n').count() as u64 + 1,
        column: before[line_start..].chars().count() as u64 + 1,
    }
}

fn required(file: &str, key: &str, list: &Value) -> Result<Vec<String>, FileError> {
    if list.is_null() {
        return Err(FileError::new(file, format!("`{key}` is not there")));
    }
    strings(file, key, list)
}

fn strings(file: &str, key: &str, list: &Value) -> Result<Vec<String>, FileError> {
    let wrong = || FileError::new(file, format!("`{key}` must be a list of strings"));
    match list {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong))
            .collect(),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_name_packages() {
        let table = [
            ("LIBAPI = 1\n", vec![]),
            ("PYDEPS = [\"a>=1\", 'b']\n", vec!["a>=1", "b"]),
            (
                "x = 1\nPYDEPS=[\n    \"a\",  # not \"c\"\n    \"b\",\n]\nz = [\"d\"]\n",
                vec!["a", "b"],
            ),
            ("# the PYDEPS of old\n    PYDEPS = ['no']\n", vec![]),
            (
                "\"\"\"PYDEPS: [\"no\"]\"\"\"\nPYDEPS = [\"yes\"]\n",
                vec!["yes"],
            ),
        ];
        for (source, expected) in table {
            assert_eq!(of_library(source), expected, "{source}");
        }
    }

    #[test]
    fn pyproject_names_dependencies_groups_and_extras() {
        let text = "[project]\ndependencies = ['ops>=2']\n[project.optional-dependencies]\nx = ['b']\n[dependency-groups]\ncharm = ['c']\n";
        let wanted = |groups: &[&str], extras: &[&str]| Pyproject {
            groups: groups.iter().map(|&g| g.to_owned()).collect(),
            extras: extras.iter().map(|&e| e.to_owned()).collect(),
        };
        assert_eq!(of_pyproject(text, &wanted(&[], &[])).unwrap(), ["ops>=2"]);
        assert_eq!(
            of_pyproject(text, &wanted(&["charm"], &["x"])).unwrap(),
            ["ops>=2", "c", "b"]
        );
        let error = of_pyproject(text, &wanted(&["nope"], &[])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "pyproject.toml: `dependency-groups.nope` is not there"
        );
        let error = of_pyproject("[project]\nx =\n", &wanted(&[], &[])).unwrap_err();
        assert!(
            error.to_string().starts_with("pyproject.toml:2:"),
            "{error}"
        );
    }

    #[test]
    fn a_lock_pins_what_comes_from_a_registry() {
        let text = r#"
version = 1
[[package]]
name = "ops"
version = "3.1.0"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "mine"
version = "0.1"
source = { virtual = "." }
[[package]]
name = "twice"
version = "1"
source = { registry = "x" }
[[package]]
name = "twice"
version = "2"
source = { registry = "x" }
"#;
        assert_eq!(pins_of_uv_lock(text).unwrap(), ["ops==3.1.0"]);
    }
}
