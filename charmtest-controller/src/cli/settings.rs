//! Settings on the command line and in YAML files: `k=v`, `k=@file`, `file.yaml`.

use charmtest_charm::yaml;
use serde_json::{Map, Value};

use super::command::{Cx, Failure};
use super::upload::go_words;
use crate::model::changes::Setting;

/// The largest file that is the value of an option, in bytes (Juju 3.6, `juju config`).
const MAX_VALUE: u64 = 5 << 20;

/// Reads the values of `--config` in the order in which they count: first the settings of YAML files, then the pairs.
///
/// # Errors
///
/// Fails when a file cannot be read or holds nothing for `application`.
pub(super) async fn from_flags(
    cx: &Cx,
    application: &str,
    values: &[String],
) -> Result<Vec<(String, Setting)>, Failure> {
    let (pairs, files): (Vec<&String>, Vec<&String>) =
        values.iter().partition(|value| value.contains('='));
    let mut settings = Vec::new();
    for file in files {
        settings.extend(from_file(cx, application, file).await?);
    }
    for pair in pairs {
        settings.push(from_pair(cx, pair)?);
    }
    Ok(settings)
}

/// Reads `k=v`; `k=@file` takes the text of a file.
///
/// # Errors
///
/// Fails with Juju 3.6's words when the file cannot be read, is too large or no text.
pub(super) fn from_pair(cx: &Cx, pair: &str) -> Result<(String, Setting), Failure> {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let Some(file) = value.strip_prefix('@') else {
        return Ok((name.to_owned(), Setting::Text(value.to_owned())));
    };
    let path = cx.path(file);
    let fail = |verb: &str, error: &std::io::Error| {
        Failure::failed(format!(
            "cannot read option from file {file:?}: {verb} {}: {}",
            path.display(),
            go_words(error)
        ))
    };
    let found = std::fs::metadata(&path).map_err(|error| fail("stat", &error))?;
    if found.len() > MAX_VALUE {
        return Err(Failure::failed("size of option file is larger than 5M"));
    }
    let bytes = std::fs::read(&path).map_err(|error| fail("read", &error))?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Failure::failed(format!(
            "value for option {name:?} contains non-UTF-8 sequences"
        ))
    })?;
    Ok((name.to_owned(), Setting::Text(text)))
}

/// Reads the settings of `application` in a YAML file; `-` is standard input.
///
/// # Errors
///
/// Fails when the file cannot be read, is no YAML, or holds nothing for `application`.
pub(super) async fn from_file(
    cx: &Cx,
    application: &str,
    file: &str,
) -> Result<Vec<(String, Setting)>, Failure> {
    let text = cx.read_file(file).await?;
    let document = yaml::parse_value(file, &text).map_err(Failure::failed)?;
    in_document(&document, application)
        .ok_or_else(|| Failure::failed(format!("{file}: no settings found for {application:?}")))
}

/// Finds the settings of `application` in `{app: {k: v}}`, or in what `juju config app` printed.
fn in_document(document: &Value, application: &str) -> Option<Vec<(String, Setting)>> {
    if let Some(settings) = document[application].as_object() {
        return Some(
            settings
                .iter()
                .map(|(name, value)| (name.clone(), Setting::Value(value.clone())))
                .collect(),
        );
    }
    if document["application"] != application {
        return None;
    }
    let sections = ["settings", "application-config"]
        .into_iter()
        .filter_map(|section| document[section].as_object());
    // What is at its default was printed for information only.
    let by_user = |described: &&Value| described["source"] == "user";
    let set = |section: &Map<String, Value>| -> Vec<(String, Setting)> {
        let entries = section.iter().filter(|(_, described)| by_user(described));
        entries
            .map(|(name, described)| (name.clone(), Setting::Value(described["value"].clone())))
            .collect()
    };
    Some(sections.flat_map(set).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_in_both_shapes() {
        let setting = |name: &str, value: Value| (name.to_owned(), Setting::Value(value));
        let short = json!({"a": {"level": 7, "mode": null}, "b": {"x": 1}});
        assert_eq!(
            in_document(&short, "a"),
            Some(vec![
                setting("level", json!(7)),
                setting("mode", Value::Null)
            ])
        );
        let long = json!({
            "application": "a", "charm": "c",
            "settings": {"level": {"value": 7, "source": "user"}, "mode": {"value": "calm", "source": "default"}},
            "application-config": {"trust": {"value": true, "source": "user"}},
        });
        assert_eq!(
            in_document(&long, "a"),
            Some(vec![
                setting("level", json!(7)),
                setting("trust", json!(true))
            ])
        );
        for nothing in [
            json!({"b": {}}),
            json!(null),
            json!([1]),
            json!({"application": "b"}),
        ] {
            assert_eq!(in_document(&nothing, "a"), None, "{nothing}");
        }
    }
}
