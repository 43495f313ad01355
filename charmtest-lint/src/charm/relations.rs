//! CT101 to CT111: endpoints.

use std::collections::BTreeMap;

use charmtest_charm::yaml::{Data, Key, Node};
use serde_json::Map;

use super::Subject;
use crate::document::{one, refused, unknown_key};
use crate::finding::Findings;
use crate::rules::*;

pub(super) const SECTIONS: [&str; 3] = ["provides", "requires", "peers"];
/// `gets` is what `charm proof` knows from the reactive framework.
const KEYS: [&str; 5] = ["interface", "scope", "limit", "optional", "gets"];
/// The names that the templates of `charm create` use.
const TEMPLATE_ENDPOINTS: [&str; 4] = [
    "relation-name",
    "provides-relation",
    "requires-relation",
    "peer-relation",
];
const TEMPLATE_INTERFACE: &str = "interface-name";
pub(super) const EVENTS: [&str; 5] = ["created", "joined", "changed", "departed", "broken"];

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let Some(document) = &subject.metadata else {
        return;
    };
    let (file, root) = (document.file.as_str(), &document.node);
    if root.as_map().is_none() {
        return;
    }
    let subordinate = root
        .get("subordinate")
        .is_some_and(|node| matches!(node.data, Data::Bool(true)));
    if !subordinate && root.get("provides").is_none() {
        findings.add(
            &CT110,
            file,
            None,
            "the charm has no endpoint under `provides`",
        );
    }
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for section in SECTIONS {
        let Some(node) = root.get(section) else {
            continue;
        };
        let Some(entries) = node.as_map() else {
            let message = format!(
                "`{section}` must be a map of endpoints, and is {}",
                node.kind()
            );
            findings.add(&CT101, file, node.position, message);
            continue;
        };
        for (name, endpoint) in entries {
            if let Some(earlier) = seen.insert(&name.text, section) {
                let message = format!(
                    "endpoint `{}` stands under `{earlier}` and under `{section}`",
                    name.text
                );
                findings.add(&CT107, file, name.position, message);
            }
            let mut check = Check {
                file,
                section,
                name,
                subordinate,
                findings,
            };
            check.name();
            check.body(endpoint);
            hooks(subject, file, name, findings);
        }
    }
}

struct Check<'a> {
    file: &'a str,
    section: &'a str,
    name: &'a Key,
    subordinate: bool,
    findings: &'a mut Findings,
}

impl Check<'_> {
    fn at(&mut self, rule: &'static Rule, node: &Node, message: String) {
        let position = node.position.or(self.name.position);
        self.findings.add(rule, self.file, position, message);
    }

    fn at_name(&mut self, rule: &'static Rule, message: String) {
        self.findings
            .add(rule, self.file, self.name.position, message);
    }

    fn name(&mut self) {
        let name = &self.name.text;
        if TEMPLATE_ENDPOINTS.contains(&name.as_str()) {
            self.at_name(
                &CT105,
                format!("endpoint `{name}` has the name of the template"),
            );
        }
        if is_reserved(name) {
            return;
        }
        if let Some(why) = refused(self.section, one(name, "probe".into()), &Map::new()) {
            self.at_name(&CT108, why);
        }
    }

    fn body(&mut self, endpoint: &Node) {
        let name = self.name.text.clone();
        let scope = endpoint.get("scope").and_then(Node::as_str);
        let interface = match &endpoint.data {
            Data::Text(interface) => Some(interface.as_str()),
            Data::Map(_) => self.map(endpoint),
            Data::Null => None,
            _ => {
                let message = format!(
                    "endpoint `{name}` must be a map with `interface`, or the interface's name, and is {}",
                    endpoint.kind()
                );
                return self.at(&CT101, endpoint, message);
            }
        };
        let container =
            self.subordinate && self.section == "requires" && scope == Some("container");
        if is_reserved(&name) && !container {
            self.at_name(
                &CT106,
                format!(
                    "endpoint name `{name}` is reserved: names starting with `juju-` are Juju's own"
                ),
            );
        }
        match interface {
            None | Some("") => self.at_name(&CT102, format!("endpoint `{name}` has no interface")),
            Some(TEMPLATE_INTERFACE) => {
                self.at_name(&CT105, format!("endpoint `{name}` has the interface of the template, `{TEMPLATE_INTERFACE}`"));
            }
            Some(interface) if is_reserved(interface) && self.section != "requires" => {
                let message = format!(
                    "endpoint `{name}` uses the reserved interface `{interface}`, which only `requires` may do"
                );
                self.at_name(&CT106, message);
            }
            Some(_) => {}
        }
    }

    /// Checks the keys of an endpoint and returns its interface.
    fn map<'n>(&mut self, endpoint: &'n Node) -> Option<&'n str> {
        let name = self.name.text.clone();
        let mut interface = None;
        for (key, value) in endpoint.as_map().into_iter().flatten() {
            let what = format!("`{}` of endpoint `{name}`", key.text);
            match (key.text.as_str(), &value.data) {
                (_, Data::Null) => {}
                ("interface", Data::Text(text)) => interface = Some(text.as_str()),
                ("interface", _) => {
                    self.at(
                        &CT101,
                        value,
                        format!("{what} must be text, and is {}", value.kind()),
                    );
                    // It is there, and wrong; that it is missing would be wrong too.
                    interface = Some("?");
                }
                ("scope", Data::Text(scope)) if scope == "global" || scope == "container" => {}
                ("scope", _) => {
                    let written = value
                        .as_str()
                        .map_or_else(|| value.kind().to_owned(), |text| format!("`{text}`"));
                    self.at(
                        &CT103,
                        value,
                        format!("{what} is {written}; it may be `global` or `container`"),
                    );
                }
                ("limit", Data::Number(number))
                    if number
                        .as_u64()
                        .is_some_and(|limit| u32::try_from(limit).is_ok()) => {}
                ("limit", _) => self.at(
                    &CT109,
                    value,
                    format!("{what} must be a number that is not negative"),
                ),
                ("optional", Data::Bool(_)) => {}
                ("optional", _) => self.at(
                    &CT109,
                    value,
                    format!("{what} must be true or false, and is {}", value.kind()),
                ),
                (word, _) if KEYS.contains(&word) => {}
                (word, _) => {
                    let message = unknown_key(&format!("endpoint `{name}`"), word, &KEYS);
                    self.findings.add(&CT104, self.file, key.position, message);
                }
            }
        }
        interface
    }
}

fn is_reserved(name: &str) -> bool {
    name == "juju" || name.starts_with("juju-")
}

/// Finds endpoints of a charm of hooks that no hook is about.
fn hooks(subject: &Subject<'_>, file: &str, name: &Key, findings: &mut Findings) {
    let by_hooks =
        !subject.has_dispatch() && !subject.is_built() && subject.files.find("hooks").is_some();
    let hook = |event: &&str| {
        let hook = format!("hooks/{}-relation-{event}", name.text);
        subject.files.find(&hook).is_some()
    };
    if by_hooks && !EVENTS.iter().any(hook) {
        let message = format!("endpoint `{}` has no hook", name.text);
        findings.add(&CT111, file, name.position, message);
    }
}
