//! CT013 to CT015 and CT019: what matters to those who find the charm.

use charmtest_charm::yaml::Node;

use super::Subject;
use crate::files::{Content, Entry, Kind};
use crate::finding::Findings;
use crate::rules::*;

/// Sentences of the README that `charm create` and `charmcraft init` write.
const TEMPLATE: [&str; 3] = [
    "Describe the intended usage of this charm and anything unique about how",
    "Avoid using this README file for information that is maintained or published elsewhere",
    "Charmhub package name: operator-template",
];

pub(super) fn check(subject: &Subject<'_>, directory: Option<&str>, findings: &mut Findings) {
    let Some(metadata) = &subject.metadata else {
        return;
    };
    let name = metadata.node.get("name");
    if let (Some(directory), Some(node)) = (directory, name)
        && let Some(name) = node.as_str()
        && directory != name
        && directory != "charm"
    {
        let message = format!("the charm `{name}` is in a directory `{directory}`");
        findings.add(&CT013, &metadata.file, node.position, message);
    }

    let root: Vec<Entry> = subject.files.list("");
    let has = |prefixes: &[&str]| {
        let found = root.iter().find(|entry| {
            let name = entry.name.to_ascii_lowercase();
            entry.kind != Kind::Directory && prefixes.iter().any(|prefix| name.starts_with(prefix))
        });
        found.map(|entry| entry.name.clone())
    };
    let licensed = metadata
        .node
        .get("license")
        .and_then(Node::as_str)
        .is_some();
    if !licensed && has(&["copyright", "license", "licence", "copying"]).is_none() {
        findings.add(
            &CT014,
            "LICENSE",
            None,
            "there is no `LICENSE`, `copyright` or `COPYING`",
        );
    }
    match has(&["readme"]) {
        None => findings.add(&CT015, "README.md", None, "there is no README"),
        Some(readme) => {
            let template = match subject.files.read(&readme) {
                Content::Text(text) => TEMPLATE.iter().any(|line| text.contains(line)),
                _ => false,
            };
            if template || readme == "README.ex" {
                findings.add(&CT015, &readme, None, "the README is the template's");
            }
        }
    }
    if !subject.files.has_file("icon.svg") {
        findings.add(&CT019, "icon.svg", None, "there is no `icon.svg`");
    }
}
