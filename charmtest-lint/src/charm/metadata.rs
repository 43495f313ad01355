//! CT004 to CT032: what a charm says about itself.

use charmtest_charm::yaml::{Data, Key, Node};
use charmtest_charm::{CharmName, Position};
use serde_json::{Map, Value, json};

use super::Subject;
use crate::document::{Document, one, refused, unknown_key};
use crate::files::Content;
use crate::finding::Findings;
use crate::rules::*;

/// The keys of `metadata.yaml` that Juju or charmcraft reads, or `charm proof` knows.
const KEYS: [&str; 34] = [
    "name",
    "display-name",
    "summary",
    "description",
    "maintainer",
    "maintainers",
    "tags",
    "categories",
    "subordinate",
    "provides",
    "requires",
    "peers",
    "extra-bindings",
    "storage",
    "resources",
    "containers",
    "devices",
    "payloads",
    "assumes",
    "charm-user",
    "series",
    "deployment",
    "min-juju-version",
    "terms",
    "docs",
    "issues",
    "source",
    "website",
    "format",
    "revision",
    "contact",
    "documentation",
    "license",
    "labels",
];

/// The keys that only `charmcraft.yaml` has.
const PROJECT_KEYS: [&str; 17] = [
    "type",
    "title",
    "version",
    "base",
    "build-base",
    "platforms",
    "bases",
    "parts",
    "links",
    "analysis",
    "charmhub",
    "charm-libs",
    "actions",
    "config",
    "adopt-info",
    "source-code",
    "lint",
];

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    revision_file(subject, findings);
    let Some(document) = &subject.metadata else {
        return;
    };
    let Document { file, node } = document;
    let Some(entries) = node.as_map() else {
        let message = match node.data {
            Data::Null => {
                "is empty; at least `name`, `summary` and `description` are needed".to_owned()
            }
            _ => format!("must be a map, and is {}", node.kind()),
        };
        findings.add(&CT002, file, node.position, message);
        return;
    };
    let mut check = Check {
        file,
        node,
        unified: subject.is_unified(),
        findings,
    };
    check.texts();
    check.types(entries);
    check.keys(entries);
    check.maintainers();
    check.old_keys();
    check.subordinate();
    check.declarations();
    check.extra_bindings();
}

fn revision_file(subject: &Subject<'_>, findings: &mut Findings) {
    let wrong = match subject.files.read("revision") {
        Content::Absent => return,
        Content::Text(text) => text.trim().parse::<u64>().is_err(),
        Content::Binary | Content::Unreadable(_) => true,
    };
    if wrong {
        findings.add(&CT018, "revision", None, "must hold one number, as in `7`");
    }
}

struct Check<'a> {
    file: &'a str,
    node: &'a Node,
    unified: bool,
    findings: &'a mut Findings,
}

impl Check<'_> {
    fn add(&mut self, rule: &'static Rule, at: Option<Position>, message: impl Into<String>) {
        self.findings.add(rule, self.file, at, message);
    }

    /// Name, summary, description and display name.
    fn texts(&mut self) {
        match self.node.get("name") {
            None => self.add(&CT004, None, "`name` is missing"),
            Some(name) => {
                if let Some(text) = name.as_str()
                    && let Err(error) = CharmName::new(text)
                {
                    self.add(&CT004, name.position, error.to_string());
                }
            }
        }
        for (key, rule) in [("summary", &CT005), ("description", &CT006)] {
            match self.node.entry(key) {
                None => self.add(rule, None, format!("`{key}` is missing")),
                Some((at, node)) => {
                    let empty =
                        node.is_null() || node.as_str().is_some_and(|text| text.trim().is_empty());
                    if empty {
                        self.add(rule, at.position, format!("`{key}` is empty"));
                    }
                }
            }
        }
        if let Some(node) = self.node.get("summary")
            && let Some(text) = node.as_str()
        {
            let length = text.trim_end().chars().count();
            if length > 72 {
                self.add(
                    &CT008,
                    node.position,
                    format!("the summary has {length} characters; at most 72 fit on a line"),
                );
            } else if text.trim_end().contains('\n') {
                self.add(&CT008, node.position, "the summary has more than one line");
            }
        }
        let display = if self.unified {
            "title"
        } else {
            "display-name"
        };
        if let Some((at, node)) = self.node.entry(display) {
            let text = match &node.data {
                Data::Text(text) => Some(text.trim()),
                // As with the name, charmcraft takes what YAML has for a number as text.
                Data::Number(_) | Data::Bool(_) if self.unified => Some("x"),
                _ => None,
            };
            match text {
                Some("") => self.add(&CT029, at.position, format!("`{display}` is empty")),
                Some(_) => {}
                None => self.add(
                    &CT029,
                    at.position,
                    format!("`{display}` must be text, and is {}", node.kind()),
                ),
            }
        }
    }

    fn types(&mut self, entries: &[(Key, Node)]) {
        for (key, node) in entries {
            let fits = match (key.text.as_str(), &node.data) {
                (_, Data::Null) => continue,
                ("name" | "summary" | "description", Data::Number(_) | Data::Bool(_))
                    if self.unified =>
                {
                    true
                }
                ("name" | "summary" | "description" | "charm-user", data) => {
                    matches!(data, Data::Text(_))
                }
                ("subordinate", data) => matches!(data, Data::Bool(_)),
                ("tags" | "categories" | "series", Data::List(items)) => {
                    let wrong = items.iter().find(|item| item.as_str().is_none());
                    if let Some(wrong) = wrong {
                        let message = format!(
                            "`{}` must be a list of texts, and has {}",
                            key.text,
                            wrong.kind()
                        );
                        self.add(&CT007, wrong.position, message);
                    }
                    continue;
                }
                ("tags" | "categories" | "series", _) => false,
                ("storage" | "resources" | "containers" | "devices" | "payloads", data) => {
                    matches!(data, Data::Map(_))
                }
                _ => continue,
            };
            if !fits {
                let wanted = match key.text.as_str() {
                    "subordinate" => "true or false",
                    "tags" | "categories" | "series" => "a list of texts",
                    "storage" | "resources" | "containers" | "devices" | "payloads" => "a map",
                    _ => "text",
                };
                let message = format!("`{}` must be {wanted}, and is {}", key.text, node.kind());
                self.add(&CT007, node.position, message);
            }
        }
    }

    fn keys(&mut self, entries: &[(Key, Node)]) {
        let mut known: Vec<&str> = KEYS.to_vec();
        if self.unified {
            known.extend(PROJECT_KEYS);
        }
        for (key, _) in entries {
            if !known.contains(&key.text.as_str()) {
                let message = unknown_key("a charm", &key.text, &known);
                self.add(&CT012, key.position, message);
            }
        }
    }

    fn maintainers(&mut self) {
        let node = self.node;
        let one = node.entry("maintainer");
        let many = node.entry("maintainers");
        if let (Some(_), Some((at, _))) = (one, many) {
            self.add(
                &CT009,
                at.position,
                "`maintainer` and `maintainers` are both there",
            );
            return;
        }
        let contact = node.get("links").and_then(|links| links.get("contact"));
        let named: Vec<&Node> = match (one, many) {
            (Some((_, node)), _) if node.as_str().is_some() => vec![node],
            (Some((at, node)), _) => {
                let message = format!("`maintainer` must be one text, and is {}", node.kind());
                return self.add(&CT009, at.position, message);
            }
            (_, Some((at, node))) => match node.as_list() {
                Some(items) if items.iter().all(|item| item.as_str().is_some()) => {
                    items.iter().collect()
                }
                _ => {
                    let message = "`maintainers` must be a list of texts";
                    return self.add(&CT009, at.position, message);
                }
            },
            (None, None) if contact.is_some() => return,
            (None, None) => Vec::new(),
        };
        if named.is_empty() {
            let message = if self.unified {
                "neither `links: {contact: ..}` nor anything else says whom to ask"
            } else {
                "neither `maintainer` nor `maintainers` names anybody"
            };
            return self.add(&CT010, None, message);
        }
        for node in named {
            let text = node.as_str().unwrap_or_default();
            if !is_contact(text) {
                let message = format!("`{text}` is not of the form `Name <mail@example.com>`");
                self.add(&CT011, node.position, message);
            }
        }
    }

    fn old_keys(&mut self) {
        for (key, rule, message) in [
            ("categories", &CT016, "`categories` are not read any more"),
            ("revision", &CT017, "`revision` does not belong here"),
            ("series", &CT020, "`series` is deprecated"),
        ] {
            if let Some((at, _)) = self.node.entry(key) {
                self.add(rule, at.position, message);
            }
        }
        if let Some((at, node)) = self.node.entry("min-juju-version") {
            let why = match node.as_str() {
                None => Some(format!(
                    "must be text, as in `\"2.9.0\"`, and is {}",
                    node.kind()
                )),
                Some(text) => version_is_wrong(text),
            };
            if let Some(why) = why {
                self.add(&CT028, at.position, format!("`min-juju-version` {why}"));
            }
        }
        if let Some((at, node)) = self.node.entry("deployment")
            && node.as_map().is_none()
        {
            self.add(
                &CT025,
                at.position,
                format!("`deployment` must be a map, and is {}", node.kind()),
            );
        }
        if let Some((at, node)) = self.node.entry("deployment")
            && let Some((key, value)) = node.as_map().into_iter().flatten().find(|(key, value)| {
                ["type", "service", "min-version"].contains(&key.text.as_str())
                    && value.as_str().is_none()
            })
        {
            let message = format!(
                "`{}` of `deployment` must be text, and is {}",
                key.text,
                value.kind()
            );
            self.add(&CT025, key.position.or(at.position), message);
        }
        if let Some((at, node)) = self.node.entry("terms") {
            let fits = node.is_null()
                || node.as_list().is_some_and(|items| {
                    items
                        .iter()
                        .all(|item| item.as_str().is_some_and(|text| !text.is_empty()))
                });
            if !fits {
                self.add(&CT026, at.position, "`terms` must be a list of texts");
            }
        }
    }

    fn subordinate(&mut self) {
        let Some((
            at,
            Node {
                data: Data::Bool(true),
                ..
            },
        )) = self.node.entry("subordinate")
        else {
            return;
        };
        let requires = self.node.get("requires").and_then(Node::as_map);
        let has_principal = requires
            .into_iter()
            .flatten()
            .any(|(_, endpoint)| endpoint.get("scope").and_then(Node::as_str) == Some("container"));
        if !has_principal {
            self.add(&CT030, at.position, "a subordinate charm needs at least one endpoint under `requires` with `scope: container`");
        }
    }

    /// Resources, storage, devices, payloads, containers and `assumes`: each entry is tried alone.
    fn declarations(&mut self) {
        let mut good = Map::new();
        for (key, rule) in [
            ("resources", &CT021),
            ("storage", &CT022),
            ("devices", &CT023),
            ("containers", &CT031),
        ] {
            let context = if key == "containers" {
                good.clone()
            } else {
                Map::new()
            };
            let mut accepted = Map::new();
            for (name, node) in self
                .node
                .get(key)
                .and_then(Node::as_map)
                .into_iter()
                .flatten()
            {
                let value = node.to_value();
                match refused(key, one(&name.text, value.clone()), &context) {
                    None => {
                        accepted.insert(name.text.clone(), value);
                    }
                    Some(why) => self.add(rule, name.position, format!("`{}`: {why}", name.text)),
                }
            }
            good.insert(key.to_owned(), Value::Object(accepted));
        }
        for (name, node) in self
            .node
            .get("payloads")
            .and_then(Node::as_map)
            .into_iter()
            .flatten()
        {
            if node
                .get("type")
                .and_then(Node::as_str)
                .is_none_or(str::is_empty)
            {
                self.add(
                    &CT024,
                    name.position,
                    format!("payload `{}` has no `type`", name.text),
                );
            }
        }
        if let Some((at, node)) = self
            .node
            .entry("assumes")
            .filter(|(_, node)| !node.is_null())
        {
            match node.as_list() {
                None => self.add(
                    &CT032,
                    at.position,
                    format!(
                        "`assumes` must be a list of features, and is {}",
                        node.kind()
                    ),
                ),
                Some(items) => {
                    for item in items {
                        if let Some(why) = refused("assumes", json!([item.to_value()]), &Map::new())
                        {
                            self.add(&CT032, item.position, why);
                        }
                    }
                }
            }
        }
    }

    fn extra_bindings(&mut self) {
        let Some((at, node)) = self.node.entry("extra-bindings") else {
            return;
        };
        let Some(entries) = node.as_map().filter(|entries| !entries.is_empty()) else {
            let message = "`extra-bindings` must be a map with at least one name";
            return self.add(&CT027, at.position, message);
        };
        let is_endpoint = |name: &str| {
            ["provides", "requires", "peers"].iter().any(|section| {
                self.node
                    .get(section)
                    .is_some_and(|section| section.entry(name).is_some())
            })
        };
        let mut wrong = Vec::new();
        for (name, value) in entries {
            if name.text.is_empty() {
                wrong.push((name.position, "an extra binding needs a name".to_owned()));
            } else if is_endpoint(&name.text) {
                wrong.push((
                    name.position,
                    format!("extra binding `{}` has the name of an endpoint", name.text),
                ));
            } else if !value.is_null() {
                wrong.push((
                    value.position,
                    format!(
                        "extra binding `{}` has a value; write only the name",
                        name.text
                    ),
                ));
            }
        }
        for (at, message) in wrong {
            self.add(&CT027, at, message);
        }
    }
}

/// Says whether one can write to this: `Name <mail>`, or the address of a page, as charmcraft copies it from `links`.
fn is_contact(text: &str) -> bool {
    if text.starts_with("https://") || text.starts_with("http://") {
        return true;
    }
    let Some((name, address)) = text.split_once('<') else {
        return false;
    };
    let Some(address) = address.strip_suffix('>') else {
        return false;
    };
    let is_address = address
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'));
    !name.trim().is_empty() && is_address && !address.contains(char::is_whitespace)
}

/// Says what is wrong with a version of Juju: `2.9.0`, `3.0-beta1`.
fn version_is_wrong(text: &str) -> Option<String> {
    let not_one = || Some(format!("is `{text}`, which is no version such as `2.9.0`"));
    let Some((major, rest)) = text.split_once('.') else {
        return not_one();
    };
    let (Ok(major), false) = (major.parse::<u32>(), rest.is_empty()) else {
        return not_one();
    };
    let mut parts = rest.split(['.', '-']);
    let minor_is_number = parts
        .next()
        .is_some_and(|minor| minor.parse::<u32>().is_ok());
    let rest_is_word =
        parts.all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric()));
    if !minor_is_number || !rest_is_word {
        return not_one();
    }
    (major < 2).then(|| format!("is `{text}`; Juju 1 is long gone"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts() {
        for (text, good) in [
            ("Ann Other <ann@example.com>", true),
            ("https://matrix.to/#/room", true),
            ("ann@example.com", false),
            ("Ann <ann>", false),
            ("Ann <ann@example.com", false),
            ("<ann@example.com>", false),
            ("", false),
        ] {
            assert_eq!(is_contact(text), good, "{text}");
        }
    }

    #[test]
    fn versions() {
        for (text, good) in [
            ("2.9.0", true),
            ("2.9", true),
            ("3.0-beta1", true),
            ("1.25.0", false),
            ("2", false),
            ("2.", false),
            ("two.one", false),
            ("", false),
        ] {
            assert_eq!(version_is_wrong(text).is_none(), good, "{text}");
        }
    }
}
