//! The rules about charms.

mod actions;
mod config;
mod hooks;
mod metadata;
mod publishing;
mod relations;

use charmtest_charm::yaml::parse_node;
use charmtest_charm::{Charm, ReadError};

use crate::document::Document;
use crate::files::{Content, Files};
use crate::finding::Findings;
use crate::rules::{CT002, CT003, CT033, CT201, CT202, CT301, CT302};
use crate::scripts;

/// A charm as far as it could be read.
pub(crate) struct Subject<'a> {
    pub(crate) files: &'a Files,
    /// `metadata.yaml`, else `charmcraft.yaml`.
    pub(crate) metadata: Option<Document>,
    /// The document of `config.yaml`, else `config` of `charmcraft.yaml`.
    pub(crate) config: Option<Document>,
    /// The document of `actions.yaml`, else `actions` of `charmcraft.yaml`.
    pub(crate) actions: Option<Document>,
    /// `charmcraft.yaml`.
    pub(crate) project: Option<Document>,
    /// The charm as Juju reads it; `None` when a file of it is no YAML.
    pub(crate) charm: Option<Result<Charm, ReadError>>,
}

impl Subject<'_> {
    /// Says whether the metadata are keys of `charmcraft.yaml`.
    fn is_unified(&self) -> bool {
        let metadata = self.metadata.as_ref();
        metadata.is_some_and(|document| document.file == PROJECT)
    }

    /// Says whether Juju would run `dispatch` of this charm.
    fn has_dispatch(&self) -> bool {
        self.files.find("dispatch").is_some()
    }

    /// Says whether a tool makes what Juju runs of what is in the directory, so that it need not be there yet.
    fn is_built(&self) -> bool {
        let tool_builds = self.project.as_ref().is_some_and(|project| {
            // Without parts charmcraft takes the charm for one of Python.
            let Some(parts) = project.node.get("parts").and_then(|parts| parts.as_map()) else {
                return true;
            };
            // A part without a plugin has the plugin of its name; `dump` and `nil` add no code of their own.
            parts.iter().any(|(name, part)| {
                let plugin = part.get("plugin").and_then(|plugin| plugin.as_str());
                !matches!(plugin.unwrap_or(&name.text), "dump" | "nil")
            })
        });
        tool_builds || self.files.has_file("layer.yaml")
    }
}

const METADATA: &str = "metadata.yaml";
const CONFIG: &str = "config.yaml";
const ACTIONS: &str = "actions.yaml";
const PROJECT: &str = "charmcraft.yaml";

/// Applies all rules to a charm; `directory` is the name of its directory, if it is known.
pub(crate) fn check(files: &Files, directory: Option<&str>, findings: &mut Findings) {
    let project = Document::read(files, PROJECT, &CT002, findings);
    let own = Document::read(files, METADATA, &CT002, findings);
    let has_own = !matches!(files.read(METADATA), Content::Absent);
    let subject = Subject {
        files,
        metadata: if has_own { own } else { project.clone() },
        config: section(files, CONFIG, "config", project.as_ref(), findings),
        actions: section(files, ACTIONS, "actions", project.as_ref(), findings),
        project,
        charm: read(files),
    };
    twice(&subject, has_own, findings);
    metadata::check(&subject, findings);
    relations::check(&subject, findings);
    config::check(&subject, findings);
    actions::check(&subject, findings);
    hooks::check(&subject, findings);
    publishing::check(&subject, directory, findings);
    scripts::check(files, findings);
    // Read also for what they hold of settings of lint, and to find those that are no YAML.
    for name in ["manifest.yaml", "lxd-profile.yaml"] {
        Document::read(files, name, &CT002, findings);
    }
    whole(&subject, findings);
}

/// Reads a file of its own, else the section of `charmcraft.yaml`.
fn section(
    files: &Files,
    name: &str,
    key: &str,
    project: Option<&Document>,
    findings: &mut Findings,
) -> Option<Document> {
    let rule = if name == CONFIG { &CT201 } else { &CT301 };
    if !matches!(files.read(name), Content::Absent) {
        return Document::read(files, name, rule, findings);
    }
    let project = project?;
    let node = project.node.get(key)?;
    Some(Document {
        file: project.file.clone(),
        node: node.clone(),
    })
}

/// Finds what stands both in `charmcraft.yaml` and in a file of its own.
fn twice(subject: &Subject<'_>, has_metadata: bool, findings: &mut Findings) {
    let Some(project) = &subject.project else {
        return;
    };
    let mut both = |key: &str, other: &str| {
        if let Some((key, _)) = project.node.entry(key) {
            let message = format!("`{}` stands here, and there is a file `{other}`", key.text);
            findings.add(&CT033, PROJECT, key.position, message);
        }
    };
    if has_metadata {
        for key in [
            "name",
            "summary",
            "description",
            "provides",
            "requires",
            "peers",
        ] {
            both(key, METADATA);
        }
    }
    for (key, other) in [("config", CONFIG), ("actions", ACTIONS)] {
        if subject.files.find(other).is_some() {
            both(key, other);
        }
    }
}

/// The files that Juju reads, and those that charmcraft makes them of.
const READ: [&str; 7] = [
    METADATA,
    CONFIG,
    ACTIONS,
    PROJECT,
    "manifest.yaml",
    "lxd-profile.yaml",
    "version",
];

/// Reads the charm as Juju does, unless one of its files was found to be no YAML.
fn read(files: &Files) -> Option<Result<Charm, ReadError>> {
    for name in READ {
        match files.read(name) {
            Content::Absent => {}
            Content::Text(_) if name == "version" => {}
            Content::Text(text) => {
                parse_node(name, &text).ok()?;
            }
            Content::Binary | Content::Unreadable(_) => return None,
        }
    }
    Some(match (files.as_directory(), files.as_archive()) {
        (Some(dir), _) => Charm::read(dir),
        (_, Some(archive)) => Charm::read_archive(archive),
        (None, None) => return None,
    })
}

/// Finds what Juju refuses and no other rule has found an error in.
fn whole(subject: &Subject<'_>, findings: &mut Findings) {
    let files = subject.files;
    let Some(outcome) = &subject.charm else {
        return;
    };
    match outcome {
        Ok(_) => {}
        Err(ReadError::File(error)) => {
            let file = match error.file.as_str() {
                // What charmcraft would make of `charmcraft.yaml` has no place of its own.
                METADATA | CONFIG | ACTIONS | "manifest.yaml" if !files.has_file(&error.file) => {
                    PROJECT
                }
                file => file,
            };
            let rule = match error.file.as_str() {
                CONFIG => &CT202,
                ACTIONS => &CT302,
                _ => &CT003,
            };
            if !findings.has_error_in(file) {
                let position = error.position.filter(|_| file == error.file);
                findings.add(rule, file, position, error.message.clone());
            }
        }
        Err(error) => {
            if !READ.iter().any(|file| findings.has_error_in(file)) {
                findings.add(&CT003, METADATA, None, error.to_string());
            }
        }
    }
}
