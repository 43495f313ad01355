//! Files that a bundle names: charms beside it, and values that are included.

use std::io;
use std::path::{Component, Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::Bundle;

/// An included file that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IncludeError(String);

impl Bundle {
    /// Makes paths of charms absolute and puts the content of files for `include-file://` and `include-base64://` in options and
    /// annotations; relative paths begin at `dir`, where the bundle is.
    ///
    /// # Errors
    ///
    /// Fails in Juju's words when an application has no body or an included file cannot be read.
    pub fn resolve(
        &mut self,
        dir: &Path,
        read: impl Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<(), IncludeError> {
        let include = |text: &str| included(text, dir, &read);
        for (name, app) in &mut self.applications {
            let Some(app) = app else {
                return Err(IncludeError(format!(
                    "base application {name:?} has no body"
                )));
            };
            if app.charm.starts_with('.') {
                app.charm = clean(&dir.join(&app.charm)).display().to_string();
            }
            for (key, value) in &mut app.options {
                let Value::String(text) = &*value else {
                    continue;
                };
                let found = include(text).map_err(|why| {
                    IncludeError(format!(
                        "processing option {key:?} for application {name:?}: {why}"
                    ))
                })?;
                if let Some(text) = found {
                    *value = Value::String(text);
                }
            }
            for (key, value) in &mut app.annotations {
                let found = include(value).map_err(|why| {
                    IncludeError(format!(
                        "processing annotation {key:?} for application {name:?}: {why}"
                    ))
                })?;
                *value = found.unwrap_or_else(|| value.clone());
            }
        }
        for (id, machine) in &mut self.machines {
            for (key, value) in machine
                .iter_mut()
                .flat_map(|machine| &mut machine.annotations)
            {
                let found = include(value).map_err(|why| {
                    IncludeError(format!(
                        "processing annotation {key:?} for machine {id:?}: {why}"
                    ))
                })?;
                *value = found.unwrap_or_else(|| value.clone());
            }
        }
        Ok(())
    }
}

/// Returns the content that `text` asks for; `None` when it asks for none.
fn included(
    text: &str,
    dir: &Path,
    read: &impl Fn(&Path) -> io::Result<Vec<u8>>,
) -> Result<Option<String>, String> {
    let in_base64 = text.strip_prefix("include-base64://");
    let Some(path) = in_base64.or_else(|| text.strip_prefix("include-file://")) else {
        return Ok(None);
    };
    let full = clean(&dir.join(path));
    let shown = full.display().to_string();
    let fail = |why: String| format!("resolving include {path:?}: {why}");
    let bytes = read(&full).map_err(|error| {
        fail(match error.kind() {
            io::ErrorKind::NotFound => format!("include file {shown:?} not found"),
            io::ErrorKind::IsADirectory => format!("include path {shown:?} resolves to a folder"),
            _ => error.to_string(),
        })
    })?;
    if in_base64.is_some() {
        return Ok(Some(STANDARD.encode(bytes)));
    }
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| fail(format!("{shown:?} is not UTF-8 text")))
}

/// Takes `.` and `..` out of a path without looking at files.
fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                cleaned.pop();
            }
            part => cleaned.push(part),
        }
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::parse;
    use super::*;

    fn files(path: &Path) -> io::Result<Vec<u8>> {
        match path.to_str() {
            Some("/b/x.txt") => Ok(b"text\n".to_vec()),
            Some("/etc/y") => Ok(vec![0, 255]),
            Some("/b/dir") => Err(io::ErrorKind::IsADirectory.into()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    #[test]
    fn files_are_included() {
        let mut bundle = parse(
            "applications: {a: {charm: ../c/./a.charm, options: {f: 'include-file://x.txt', b: 'include-base64:///etc/y', n: 1}, \
             annotations: {k: 'include-base64://x.txt'}}, s: {charm: store}}\nmachines: {0: {annotations: {m: 'include-file://./x.txt'}}}",
        )
        .unwrap()
        .remove(0);
        bundle.resolve(Path::new("/b"), files).unwrap();
        let app = bundle.app("a").unwrap();
        assert_eq!(app.charm, "/c/a.charm");
        assert_eq!(
            json!(app.options),
            json!({"f": "text\n", "b": "AP8=", "n": 1})
        );
        assert_eq!(app.annotations["k"], "dGV4dAo=");
        assert_eq!(bundle.app("s").unwrap().charm, "store");
        assert_eq!(bundle.machine("0").unwrap().annotations["m"], "text\n");
    }

    #[test]
    fn what_cannot_be_included() {
        for (text, expected) in [
            (
                "applications: {a: {options: {k: 'include-file://no.txt'}}}",
                "processing option \"k\" for application \"a\": resolving include \"no.txt\": include file \"/b/no.txt\" not found",
            ),
            (
                "applications: {a: {annotations: {k: 'include-file://dir'}}}",
                "processing annotation \"k\" for application \"a\": resolving include \"dir\": include path \"/b/dir\" resolves to a folder",
            ),
            (
                "applications: {a: {options: {k: 'include-file:///etc/y'}}}",
                "processing option \"k\" for application \"a\": resolving include \"/etc/y\": \"/etc/y\" is not UTF-8 text",
            ),
            ("applications: {a: }", "base application \"a\" has no body"),
        ] {
            let mut bundle = parse(text).unwrap().remove(0);
            assert_eq!(
                bundle
                    .resolve(Path::new("/b"), files)
                    .unwrap_err()
                    .to_string(),
                expected
            );
        }
    }
}
