//! CT401 to CT411: what Juju runs.

use std::collections::BTreeSet;

use charmtest_charm::yaml::Node;
use charmtest_charm::{Metadata, known_hooks};

use super::Subject;
use super::relations::{EVENTS, SECTIONS};
use crate::document::meant;
use crate::files::{Content, Entry, Kind};
use crate::finding::Findings;
use crate::rules::*;
use crate::shell;

const USUAL: [&str; 4] = ["install", "start", "stop", "config-changed"];
/// What hooks of relations, storage and containers are called after their name.
const KINDS: [&str; 3] = ["-relation-", "-storage-", "-pebble-"];
/// Where EC2 and its likes tell machines about themselves.
const METADATA_ADDRESS: &str = "169.254.169.254";

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let dispatch = subject.files.find("dispatch");
    let hooks = subject.files.list("hooks");
    let nothing = dispatch.is_none() && !hooks.iter().any(|hook| hook.kind != Kind::Directory);
    if nothing && !subject.is_built() {
        findings.add(
            &CT401,
            "dispatch",
            None,
            "the charm has neither `dispatch` nor hooks",
        );
    }
    if let Some(dispatch) = &dispatch {
        script(subject, "dispatch", dispatch, findings);
        if dispatch.kind == Kind::File && !dispatch.executable {
            findings.add(&CT402, "dispatch", None, "`dispatch` is not executable");
        }
        entry_point(subject, findings);
    }
    all_hooks(subject, &hooks, findings);
    for action in subject.files.list("actions") {
        if action.executable || matches!(action.kind, Kind::Broken(_)) {
            script(
                subject,
                &format!("actions/{}", action.name),
                &action,
                findings,
            );
        }
    }
    if dispatch.is_none() {
        built_entry_point(subject, findings);
    }
    operator(subject, findings);
}

fn all_hooks(subject: &Subject<'_>, hooks: &[Entry], findings: &mut Findings) {
    let known = known(subject);
    let by_hooks = !hooks.is_empty() && !subject.has_dispatch() && !subject.is_built();
    for hook in hooks {
        let name = hook.name.as_str();
        let file = format!("hooks/{name}");
        let is_known = known.names.contains(name);
        if is_known && hook.kind == Kind::File && !hook.executable {
            findings.add(
                &CT403,
                &file,
                None,
                format!("hook `{name}` is not executable"),
            );
        }
        if is_known || hook.executable || matches!(hook.kind, Kind::Broken(_)) {
            script(subject, &file, hook, findings);
        }
        if !is_known && hook.kind == Kind::File {
            unknown(&file, name, &known, findings);
        }
    }
    if by_hooks {
        for name in USUAL {
            if !hooks.iter().any(|hook| hook.name == name) {
                let message = format!("there is no hook `{name}`");
                findings.add(&CT408, &format!("hooks/{name}"), None, message);
            }
        }
    }
}

/// The hooks of a charm.
struct Known {
    names: BTreeSet<String>,
    /// Whether these are all: the charm could be read as a whole.
    complete: bool,
}

/// Returns the hooks of the charm: of one that Juju refuses, those that every charm has and those of its endpoints.
fn known(subject: &Subject<'_>) -> Known {
    if let Some(Ok(charm)) = &subject.charm {
        return Known {
            names: known_hooks(&charm.metadata),
            complete: true,
        };
    }
    let plain = Metadata::parse("", "{name: x, summary: s, description: d}");
    let mut names = plain.map(|plain| known_hooks(&plain)).unwrap_or_default();
    let root = subject.metadata.as_ref().map(|document| &document.node);
    for section in SECTIONS {
        let section = root.and_then(|root| root.get(section));
        for (endpoint, _) in section.and_then(Node::as_map).into_iter().flatten() {
            names.extend(EVENTS.map(|event| format!("{}-relation-{event}", endpoint.text)));
        }
    }
    Known {
        names,
        complete: false,
    }
}

/// Finds files that look like hooks and are none; others may be helpers of hooks.
fn unknown(file: &str, name: &str, known: &Known, findings: &mut Findings) {
    if name.contains('.') {
        return;
    }
    let like = meant(name, known.names.iter().map(String::as_str));
    let message = match like {
        Some(like) => format!("Juju has no hook `{name}`; did you mean `{like}`?"),
        None if known.complete && KINDS.iter().any(|kind| name.contains(kind)) => {
            format!(
                "Juju has no hook `{name}` for this charm: there is no such endpoint, storage, container or event"
            )
        }
        None => return,
    };
    findings.add(&CT404, file, None, message);
}

/// Checks a file that is run by itself.
fn script(subject: &Subject<'_>, file: &str, entry: &Entry, findings: &mut Findings) {
    if let Kind::Broken(why) = &entry.kind {
        findings.add(&CT405, file, None, format!("`{file}` {why}"));
        return;
    }
    let Content::Text(text) = subject.files.read(file) else {
        return;
    };
    // With an extension it is rather a part of other scripts.
    if let Some(message) = shell::no_interpreter(&text).filter(|_| !entry.name.contains('.')) {
        findings.add(&CT406, file, shell::at(1, 1), message);
    }
    if let Some(line) = shell::windows_line(&text) {
        findings.add(
            &CT407,
            file,
            shell::at(line, 1),
            "the line ends in a carriage return",
        );
    }
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(column) = line.find(METADATA_ADDRESS)
            && !line.trim_start().starts_with('#')
        {
            let message =
                format!("`{METADATA_ADDRESS}` is the metadata address of some clouds only");
            findings.add(&CT409, file, shell::at(number, column + 1), message);
        }
    }
}

/// Checks the Python files that `dispatch` starts.
fn entry_point(subject: &Subject<'_>, findings: &mut Findings) {
    let Content::Text(text) = subject.files.read("dispatch") else {
        return;
    };
    if !shell::is_shell(&text) {
        return;
    }
    for command in shell::commands(&text) {
        for (place, (_, word)) in command.words.iter().enumerate() {
            if let Some(path) = python_file(word) {
                let directly = place == 0;
                started_file(subject, path, directly, "dispatch", command.line, findings);
            }
        }
    }
}

/// Returns the path of a Python file of the charm that a word names: `./src/charm.py`, `"${JUJU_CHARM_DIR}/src/charm.py"`.
fn python_file(word: &str) -> Option<&str> {
    let word = word.trim_matches(|c| matches!(c, '"' | '\'' | ';' | '(' | ')' | '&' | '`'));
    let path = match word.strip_prefix('$') {
        Some(rest) => rest.split_once('/')?.1,
        None => word,
    };
    let path = path.strip_prefix("./").unwrap_or(path);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    let inside = !path.starts_with('/') && path.split('/').all(|part| part != "..");
    (path.ends_with(".py") && inside && path.chars().all(plain)).then_some(path)
}

fn started_file(
    subject: &Subject<'_>,
    path: &str,
    directly: bool,
    from: &str,
    line: u64,
    findings: &mut Findings,
) {
    let problem = match subject.files.find(path) {
        None => "is not there",
        Some(Entry {
            kind: Kind::File,
            executable,
            ..
        }) if !executable && directly => "is not executable",
        Some(Entry {
            kind: Kind::File, ..
        }) => return,
        Some(_) => "is no file",
    };
    findings.add(
        &CT410,
        from,
        shell::at(line, 1),
        format!("`{path}`, which `{from}` starts, {problem}"),
    );
}

/// Checks what charmcraft will let `dispatch` start.
fn built_entry_point(subject: &Subject<'_>, findings: &mut Findings) {
    let Some(project) = &subject.project else {
        return;
    };
    for (name, part) in project
        .node
        .get("parts")
        .and_then(Node::as_map)
        .into_iter()
        .flatten()
    {
        let plugin = part
            .get("plugin")
            .and_then(Node::as_str)
            .unwrap_or(&name.text);
        if plugin != "charm" {
            continue;
        }
        // The part may come from elsewhere; then nothing is known of its files.
        let source = part.get("source").and_then(Node::as_str).unwrap_or(".");
        if source != "." && source != "./" {
            continue;
        }
        let written = part.get("charm-entrypoint");
        let path = written.and_then(Node::as_str).unwrap_or("src/charm.py");
        let line = written.and_then(|node| node.position).or(name.position);
        started_file(
            subject,
            path.trim_start_matches("./"),
            true,
            &project.file,
            line.map_or(1, |at| at.line),
            findings,
        );
    }
}

/// Finds code of the ops framework that never hands over to it.
fn operator(subject: &Subject<'_>, findings: &mut Findings) {
    const FILE: &str = "src/charm.py";
    let Content::Text(text) = subject.files.read(FILE) else {
        return;
    };
    let code = || {
        text.lines()
            .map(str::trim)
            .filter(|line| !line.starts_with('#'))
    };
    let imports = code().any(|line| {
        let mut words = line.split([' ', '.', ',']);
        matches!(
            (words.next(), words.next()),
            (Some("import" | "from"), Some("ops"))
        )
    });
    let calls = code().any(|line| {
        line.match_indices("main").any(|(at, word)| {
            let before = line[..at].chars().next_back();
            let after = line[at + word.len()..].trim_start();
            before.is_none_or(|c| !c.is_alphanumeric() && c != '_') && after.starts_with('(')
        })
    });
    if imports && !calls {
        findings.add(
            &CT411,
            FILE,
            None,
            "the charm uses `ops` and does not call `main`",
        );
    }
}
