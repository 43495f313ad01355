//! What `charmcraft analyse --format json` found.

use serde::Deserialize;

use crate::finding::Finding;
use crate::rules::{CT490, Level};

#[derive(Deserialize)]
struct Checked {
    name: String,
    result: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    text: Option<String>,
}

/// The two shapes that versions of charmcraft print: a list of all checks, or lists by kind.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    List(Vec<Checked>),
    ByKind {
        #[serde(default)]
        linters: Vec<Checked>,
    },
}

/// Turns the answer of `charmcraft analyse --format json FILE` about `file` into findings of `CT490`.
///
/// # Errors
///
/// Fails when the answer is not of a shape that charmcraft is known to print.
pub fn findings(file: &str, answer: &str) -> Result<Vec<Finding>, serde_json::Error> {
    let checked = match serde_json::from_str(answer)? {
        Answer::List(checked) => checked,
        Answer::ByKind { linters } => linters,
    };
    let found = checked.into_iter().filter_map(|checked| {
        let level = match checked.result.as_str() {
            "error" | "errors" | "fatal" => Level::Error,
            "warning" | "warnings" => Level::Warning,
            // Attributes have words such as `python`; `ok`, `ignored`, `unknown` and `nonapplicable` ask for nothing.
            _ => return None,
        };
        let text = checked.text.unwrap_or_default();
        let url = match checked.url.as_str() {
            "" => String::new(),
            url => format!(" ({url})"),
        };
        Some(Finding {
            rule: &CT490,
            level,
            file: file.to_owned(),
            position: None,
            message: format!("{}: {text}{url}", checked.name),
        })
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_are_read() {
        let list = r#"[{"name":"language","result":"python","url":"u","check_type":"attribute","text":""},
            {"name":"metadata","result":"warning","url":"https://x","check_type":"lint","text":"series"},
            {"name":"entrypoint","result":"error","url":"","check_type":"lint","text":null}]"#;
        let by_kind = r#"{"attributes":[{"name":"language","result":"python","url":"u"}],
            "linters":[{"name":"metadata","result":"warnings","url":"https://x","text":"series"},{"name":"entrypoint","result":"errors"}]}"#;
        for answer in [list, by_kind] {
            let found = findings("a.charm", answer).unwrap();
            let lines: Vec<_> = found
                .iter()
                .map(|finding| (finding.level, finding.message.as_str()))
                .collect();
            assert_eq!(
                lines,
                [
                    (Level::Warning, "metadata: series (https://x)"),
                    (Level::Error, "entrypoint: ")
                ]
            );
        }
        for wrong in ["", "5", "{\"linters\": 1}"] {
            assert!(findings("a.charm", wrong).is_err(), "{wrong}");
        }
    }
}
