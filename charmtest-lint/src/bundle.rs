//! CT601 to CT607: bundles.

use std::io;
use std::path::Path;

use charmtest_charm::bundle::{self, Bundle, Checks};
use charmtest_charm::yaml::{Data, Node, parse_node};

use crate::files::{Content, Files};
use crate::finding::Findings;
use crate::rules::*;

/// Applies the rules to a bundle in the file `name`.
pub(crate) fn check(files: &Files, name: &str, findings: &mut Findings) {
    let text = match files.read(name) {
        Content::Absent => return,
        Content::Text(text) => text,
        Content::Binary => return findings.add(&CT601, name, None, "is not UTF-8 text"),
        Content::Unreadable(why) => return findings.add(&CT601, name, None, why),
    };
    // A file of several documents is a bundle and its overlays; only Juju's own reading of it knows all of them.
    let root = if several(&text) {
        None
    } else {
        match parse_node(name, &text) {
            Ok(node) => Some(node),
            Err(error) => return findings.add(&CT601, name, error.position, error.message),
        }
    };
    if let Some(root) = &root
        && !has_shape(name, root, findings)
    {
        return;
    }
    let mut documents = match bundle::parse(&text) {
        Ok(documents) => documents.into_iter(),
        Err(why) => return findings.add(&CT601, name, None, why),
    };
    let mut whole = documents.next().unwrap_or_default();
    let mut unknown: Vec<_> = whole.unknown_keys().into_iter().cloned().collect();
    for overlay in documents {
        unknown.extend(overlay.unknown_keys().into_iter().cloned());
        whole.overlay(overlay);
    }
    for key in unknown {
        if ["name", "docs", "issues", "website", "source"].contains(&key.key.as_str()) {
            // Charmhub and charmcraft know these of a bundle.
            continue;
        }
        let message = format!("{} has no key `{}`", key.of.to_lowercase(), key.key);
        let position = (key.line > 0).then_some(charmtest_charm::Position {
            line: key.line,
            column: 1,
        });
        findings.add(&CT604, name, position, message);
    }
    applications(files, name, &whole, root.as_ref(), findings);
    let readme = files
        .list("")
        .iter()
        .any(|entry| entry.name.to_ascii_lowercase().starts_with("readme"));
    if !readme && matches!(name, "bundle.yaml") {
        findings.add(&CT607, "README.md", None, "there is no README");
    }
}

fn several(text: &str) -> bool {
    let starts = text
        .lines()
        .filter(|line| *line == "---" || line.starts_with("--- "));
    let first_is_content = text
        .lines()
        .find(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .is_some_and(|line| !line.starts_with("---"));
    starts.count() + usize::from(first_is_content) > 1
}

/// Says whether the document can be a bundle.
fn has_shape(name: &str, root: &Node, findings: &mut Findings) -> bool {
    let Some(entries) = root.as_map() else {
        let message = match root.data {
            Data::Null => "is empty".to_owned(),
            _ => format!("must be a map, and is {}", root.kind()),
        };
        findings.add(&CT601, name, root.position, message);
        return false;
    };
    if let Some((key, _)) = root.entry("services") {
        findings.add(
            &CT601,
            name,
            key.position,
            "`services` is called `applications`",
        );
        return false;
    }
    // In the oldest format a file held several bundles by name.
    let is_old = |node: &Node| node.get("services").is_some() || node.get("inherits").is_some();
    let old = entries
        .iter()
        .find(|(key, node)| key.text != "applications" && is_old(node));
    if let Some((key, _)) = old {
        let message = format!(
            "`{}` is a bundle in a file of bundles; Juju reads one bundle of a file",
            key.text
        );
        findings.add(&CT601, name, key.position, message);
        return false;
    }
    let applications = root.entry("applications");
    match applications.map(|(_, node)| &node.data) {
        Some(Data::Map(apps)) if !apps.is_empty() => true,
        Some(Data::Map(_) | Data::Null) | None => {
            let position = applications.and_then(|(key, _)| key.position);
            findings.add(&CT602, name, position, "there are no applications");
            false
        }
        Some(_) => {
            let position = applications.and_then(|(_, node)| node.position);
            findings.add(&CT601, name, position, "`applications` must be a map");
            false
        }
    }
}

fn applications(
    files: &Files,
    name: &str,
    whole: &Bundle,
    root: Option<&Node>,
    findings: &mut Findings,
) {
    let apps = root.and_then(|root| root.get("applications"));
    let place = |app: &str| {
        apps.and_then(|apps| apps.entry(app))
            .and_then(|(key, _)| key.position)
    };
    let charm_at = |app: &str| {
        let node = apps
            .and_then(|apps| apps.get(app))
            .and_then(|node| node.get("charm"));
        node.and_then(|node| node.position).or(place(app))
    };
    let mut checked = whole.clone();
    for (app, spec) in whole.apps() {
        if spec.charm.starts_with("cs:") {
            let message = format!(
                "application `{app}` names `{}`, of the store of old",
                spec.charm
            );
            findings.add(&CT606, name, charm_at(app), message);
            if let Some(Some(spec)) = checked.applications.get_mut(app) {
                // What Juju says of such a name is said already.
                spec.charm = "x".to_owned();
                spec.channel = "stable".to_owned();
            }
        } else if !spec.is_local()
            && !spec.charm.is_empty()
            && !spec.charm.starts_with("local:")
            && spec.channel.is_empty()
            && spec.revision.is_none()
        {
            let message = format!(
                "application `{app}` takes whatever `{}` is at the time",
                spec.charm
            );
            findings.add(&CT605, name, charm_at(app), message);
        }
    }
    let exists = |path: &Path| -> io::Result<bool> {
        match files.as_directory() {
            Some(dir) => dir.join(path).try_exists(),
            // A bundle in an archive is not beside its charms.
            None => Ok(true),
        }
    };
    let checks = Checks {
        exists: &exists,
        constraints: &|_| Ok(()),
        storage: &|_| Ok(()),
        devices: &|_| Ok(()),
    };
    for message in bundle::verify(&checked, &checks) {
        let about = whole
            .applications
            .keys()
            .filter(|app| message.contains(&format!("{app:?}")))
            .max_by_key(|app| app.len());
        let position = about.and_then(|app| place(app));
        findings.add(&CT603, name, position, message);
    }
}
