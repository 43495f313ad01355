//! CT301 to CT308: actions.

use charmtest_charm::Actions;
use charmtest_charm::yaml::{Data, Key, Node};

use super::Subject;
use crate::document::{Document, one};
use crate::files::Kind;
use crate::finding::Findings;
use crate::rules::*;

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let Some(Document { file, node }) = &subject.actions else {
        return;
    };
    let actions = match &node.data {
        Data::Map(actions) => actions.as_slice(),
        Data::Null => return,
        _ => {
            let message = format!("the actions must be a map, and are {}", node.kind());
            findings.add(&CT301, file, node.position, message);
            return;
        }
    };
    for (name, action) in actions {
        if schema(file, name, action, findings) {
            script(subject, file, name, findings);
        }
    }
}

/// Checks what is written about an action; says whether its name can be the name of a file.
fn schema(file: &str, name: &Key, action: &Node, findings: &mut Findings) -> bool {
    let text = &name.text;
    let at = name.position;
    if !matches!(action.data, Data::Map(_) | Data::Null) {
        let message = format!("action `{text}` must be a map, and is {}", action.kind());
        findings.add(&CT302, file, action.position.or(at), message);
    }
    let described = action.get("description");
    if described.is_none_or(|node| node.as_str().is_some_and(|text| text.trim().is_empty())) {
        findings.add(
            &CT307,
            file,
            at,
            format!("action `{text}` has no description"),
        );
    }
    for (param, _) in action
        .get("params")
        .and_then(Node::as_map)
        .into_iter()
        .flatten()
    {
        if param
            .text
            .contains(|c: char| c == '_' || c.is_ascii_uppercase())
        {
            let message = format!(
                "parameter `{}` of action `{text}` is not written in lower-case words joined by hyphens",
                param.text
            );
            findings.add(&CT308, file, param.position, message);
        }
    }
    // JSON is YAML, so a name and an action can be tried alone.
    let named = Actions::parse("", &one(text, serde_json::json!({})).to_string());
    if let Err(error) = named {
        let reserved = error.message.contains("reserved");
        let rule = if reserved { &CT304 } else { &CT303 };
        findings.add(rule, file, at, error.message);
        return reserved;
    }
    if matches!(action.data, Data::Map(_))
        && let Err(error) = Actions::parse("", &one("probe", action.to_value()).to_string())
    {
        let why = error
            .message
            .replacen("action `probe`", &format!("action `{text}`"), 1);
        findings.add(&CT302, file, at, why);
    }
    true
}

fn script(subject: &Subject<'_>, file: &str, name: &Key, findings: &mut Findings) {
    if subject.has_dispatch() || subject.is_built() {
        return;
    }
    let script = format!("actions/{}", name.text);
    match subject.files.find(&script) {
        None => {
            let message = format!("action `{}` has no script `{script}`", name.text);
            findings.add(&CT305, file, name.position, message);
        }
        Some(entry) if entry.kind == Kind::File && !entry.executable => {
            findings.add(
                &CT306,
                &script,
                None,
                format!("the script of action `{}` is not executable", name.text),
            );
        }
        Some(_) => {}
    }
}
