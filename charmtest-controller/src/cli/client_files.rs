//! `clouds.yaml` and `credentials.yaml` of the client store, as other tools read and write them.

use std::io;

use charmtest_charm::{yaml, yaml_writer};
use serde_json::{Map, Value};

use super::command::{Cx, Failure};
use super::store;

/// The file of clouds; its one key is `clouds`.
pub(super) const CLOUDS: &str = "clouds";

/// The file of credentials; its one key is `credentials`.
pub(super) const CREDENTIALS: &str = "credentials";

/// Reads the entries of a file by name; a file that is not there has none.
///
/// # Errors
///
/// Fails when the file is there and makes no sense.
pub(super) fn read(cx: &Cx, what: &str) -> Result<Map<String, Value>, Failure> {
    let name = format!("{what}.yaml");
    let path = cx.hub.data.root().join(&name);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Map::new()),
        Err(error) => {
            return Err(Failure::failed(format!(
                "cannot read {}: {error}",
                path.display()
            )));
        }
    };
    let content = yaml::parse_value(&name, &text).map_err(Failure::failed)?;
    match content.get(what) {
        Some(Value::Object(entries)) => Ok(entries.clone()),
        None | Some(Value::Null) => Ok(Map::new()),
        Some(_) => Err(Failure::failed(format!(
            "{}: {what} is not a map; correct the file or move it away",
            path.display()
        ))),
    }
}

/// Changes the entries of a file; it is readable by its owner alone and replaced as a whole.
///
/// # Errors
///
/// Fails when the file cannot be read or written.
pub(super) fn change<R>(
    cx: &Cx,
    what: &str,
    change: impl FnOnce(&mut Map<String, Value>) -> R,
) -> Result<R, Failure> {
    let _writing = store::writing();
    let mut entries = read(cx, what)?;
    let result = change(&mut entries);
    let mut content = Map::new();
    content.insert(what.to_owned(), Value::Object(entries));
    let path = cx.hub.data.root().join(format!("{what}.yaml"));
    store::replace(&path, &yaml_writer::to_yaml_sorted(&Value::Object(content)))
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))?;
    Ok(result)
}
