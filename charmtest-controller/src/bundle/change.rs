//! One step of deploying a bundle.

use std::collections::{BTreeMap, BTreeSet};

use charmtest_charm::bundle::{Application, ExposedEndpoint};
use serde_json::Value;

/// A change with its number and what has to be done before it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Planned {
    /// Its number, in the order in which it was thought of.
    pub(crate) id: usize,
    /// The numbers of changes that come before.
    pub(crate) requires: BTreeSet<usize>,
    /// What is done.
    pub(crate) change: Change,
}

/// A charm: one that the model has, or one that a change brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CharmRef {
    /// The URL of a charm in the model.
    Known(String),
    /// The number of the change.
    New(usize),
}

/// A machine: one that the model has, or that of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// The id of a machine in the model.
    Machine(String),
    /// The number of the change that adds the machine, or a unit on it.
    Change(usize),
}

/// What annotations are of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holder {
    /// An application.
    Application(String),
    /// A machine.
    Machine(Target),
}

/// What is done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// A charm is uploaded.
    AddCharm {
        /// Its path or name.
        charm: String,
        /// Its revision in the store.
        revision: Option<i64>,
        /// Its base; empty when nothing says it.
        base: String,
        /// Its channel.
        channel: String,
        /// Its architecture, if that is told.
        arch: Option<String>,
    },
    /// An application is added, without units.
    Deploy {
        /// Its name.
        name: String,
        /// Its charm.
        charm: CharmRef,
        /// Its base.
        base: String,
        /// What the bundle says about it.
        spec: Box<Application>,
    },
    /// An application gets another charm.
    Upgrade {
        /// Its name.
        name: String,
        /// The charm.
        charm: CharmRef,
        /// Its base.
        base: String,
        /// What the bundle says about it.
        spec: Box<Application>,
    },
    /// A machine or container is added.
    AddMachine {
        /// The id that it should get; that of its host for a container.
        id: String,
        /// Its id in the bundle, if it has one.
        bundle_id: String,
        /// The kind of container and its id.
        container: Option<(String, String)>,
        /// Whether the host of the container is there already.
        on_existing: bool,
        /// Its base.
        base: String,
        /// Its constraints.
        constraints: String,
    },
    /// Two applications are related.
    Relate(String, String),
    /// A unit is added.
    AddUnit {
        /// The application.
        application: String,
        /// The name that the unit should get.
        unit: String,
        /// Where it goes; on a machine of its own when it is nowhere.
        target: Option<Target>,
        /// The kind of container that it wants on its target.
        container: Option<String>,
        /// Where it goes, in words.
        place: String,
        /// The machine at the bottom of that, once it is known.
        machine: String,
        /// The placement that this satisfies, if it is worth telling.
        directive: String,
    },
    /// An application is exposed.
    Expose {
        /// The application.
        application: String,
        /// To whom, by endpoint.
        endpoints: BTreeMap<String, ExposedEndpoint>,
    },
    /// Annotations are set.
    Annotate {
        /// Of what.
        of: Holder,
        /// That, in words.
        target: String,
        /// The annotations.
        annotations: BTreeMap<String, String>,
    },
    /// Options are set.
    SetOptions {
        /// The application.
        application: String,
        /// The options.
        options: BTreeMap<String, Value>,
    },
    /// Constraints are replaced.
    SetConstraints {
        /// The application.
        application: String,
        /// The constraints.
        constraints: String,
    },
    /// Endpoints are offered to other models.
    Offer {
        /// The offer.
        name: String,
        /// The application.
        application: String,
        /// Its endpoints.
        endpoints: Vec<String>,
        /// Whether the offer is there already.
        update: bool,
    },
    /// An offer is consumed.
    Consume {
        /// The name that it gets here.
        name: String,
        /// Where it is.
        url: String,
    },
    /// A user may use an offer.
    Grant {
        /// The user.
        user: String,
        /// What the user may do.
        access: String,
        /// The offer.
        offer: String,
    },
}

impl Change {
    /// Returns the lines that Juju prints about the change, without the hyphen.
    pub(crate) fn describe(&self) -> Vec<String> {
        let given = |word: &str, text: &str| {
            if text.is_empty() {
                String::new()
            } else {
                format!(" {word} {text}")
            }
        };
        vec![match self {
            Self::AddCharm {
                charm,
                revision,
                base,
                channel,
                arch,
            } => {
                let (name, from) = named(charm);
                let from = given("from", from);
                let which = match revision {
                    Some(revision) => format!(" with revision {revision}"),
                    None => given("from channel", channel),
                };
                let arch = arch
                    .as_ref()
                    .map(|arch| format!(" with architecture={arch}"))
                    .unwrap_or_default();
                format!(
                    "upload charm {name}{from}{}{which}{arch}",
                    given("for base", base)
                )
            }
            Self::Deploy {
                name, base, spec, ..
            } => {
                let (charm, from) = named(&spec.charm);
                let using = if from.is_empty() || charm == name {
                    ""
                } else {
                    charm
                };
                format!(
                    "deploy application {name}{}{}{}{}",
                    given("from", from),
                    given("on", base),
                    given("with", &spec.channel),
                    given("using", using)
                )
            }
            Self::Upgrade {
                name, base, spec, ..
            } => {
                let (charm, from) = named(&spec.charm);
                format!(
                    "upgrade {name}{} using charm {charm}{}{}",
                    given("from", from),
                    given("for base", base),
                    given("from channel", &spec.channel)
                )
            }
            Self::AddMachine {
                id,
                bundle_id,
                container,
                on_existing,
                ..
            } => {
                let age = if *on_existing { "existing" } else { "new" };
                let in_bundle = if bundle_id.is_empty() || bundle_id == id {
                    String::new()
                } else {
                    format!(" (bundle machine {bundle_id})")
                };
                let machine = format!("{age} machine {id}{in_bundle}");
                match container {
                    Some((kind, inner)) => format!("add {kind} container {inner} on {machine}"),
                    None => format!("add {machine}"),
                }
            }
            Self::Relate(a, b) => format!("add relation {a} - {b}"),
            Self::AddUnit {
                unit,
                place,
                machine,
                directive,
                ..
            } => {
                let place = match (place.is_empty(), machine.is_empty()) {
                    (false, _) => place.clone(),
                    (true, false) => format!("new machine {machine}"),
                    (true, true) => "new machine".to_owned(),
                };
                let why = if directive.is_empty() {
                    String::new()
                } else {
                    format!(" to satisfy [{directive}]")
                };
                format!("add unit {unit} to {place}{why}")
            }
            Self::Expose {
                application,
                endpoints,
            } => return describe_expose(application, endpoints),
            Self::Annotate { target, .. } => format!("set annotations for {target}"),
            Self::SetOptions { application, .. } => {
                format!("set application options for {application}")
            }
            Self::SetConstraints {
                application,
                constraints,
            } => format!("set constraints for {application} to {constraints:?}"),
            Self::Offer {
                name,
                application,
                endpoints,
                update,
            } => {
                let verb = if *update { "update" } else { "create" };
                format!(
                    "{verb} offer {name} using {application}:{}",
                    endpoints.join(",")
                )
            }
            Self::Consume { name, url } => format!("consume offer {name} at {url}"),
            Self::Grant {
                user,
                access,
                offer,
            } => format!("grant user {user} {access} access to offer {offer}"),
        }]
    }
}

/// Returns how Juju names a charm, and where it is from: a path stands for itself.
fn named(charm: &str) -> (&str, &'static str) {
    if charm.starts_with(['.', '/']) {
        return (charm, "");
    }
    let (name, from) = match charm.strip_prefix("local:") {
        Some(name) => (name, "local"),
        None => (charm.strip_prefix("ch:").unwrap_or(charm), "charm-hub"),
    };
    let bare = match name.rsplit_once('-') {
        Some((bare, revision)) if revision.parse::<u32>().is_ok() => bare,
        _ => name,
    };
    (bare, from)
}

/// Describes exposing: endpoints that are treated alike share a line.
fn describe_expose(
    application: &str,
    endpoints: &BTreeMap<String, ExposedEndpoint>,
) -> Vec<String> {
    const WORLD: &str = "CIDRs 0.0.0.0/0 and ::/0";
    if endpoints.is_empty() {
        return vec![format!(
            "expose all endpoints of {application} and allow access from {WORLD}"
        )];
    }
    let mut groups: Vec<(Vec<&str>, Vec<&String>, Vec<&String>)> = Vec::new();
    for (name, to) in endpoints {
        let sorted = |list: &'_ [String]| {
            let mut list: Vec<String> = list.to_vec();
            list.sort();
            list
        };
        let alike = groups.iter_mut().find(|(names, spaces, cidrs)| {
            let same = |a: &[&String], b: &[String]| {
                a.iter().map(|text| (*text).clone()).collect::<Vec<_>>() == sorted(b)
            };
            !name.is_empty()
                && !names[0].is_empty()
                && same(spaces, &to.spaces)
                && same(cidrs, &to.cidrs)
        });
        match alike {
            Some((names, ..)) => names.push(name),
            None => {
                let mut spaces: Vec<&String> = to.spaces.iter().collect();
                let mut cidrs: Vec<&String> = to.cidrs.iter().collect();
                spaces.sort();
                cidrs.sort();
                groups.push((vec![name], spaces, cidrs));
            }
        }
    }
    let line = |(names, spaces, cidrs): (Vec<&str>, Vec<&String>, Vec<&String>)| {
        let plural = |count: usize| if count > 1 { "s" } else { "" };
        let list = |items: &[&String]| {
            items
                .iter()
                .map(|item| item.as_str())
                .collect::<Vec<_>>()
                .join(",")
        };
        let what = if names[0].is_empty() {
            "expose all endpoints".to_owned()
        } else {
            let s = plural(names.len());
            format!(
                "override expose settings for endpoint{s} {}",
                names.join(",")
            )
        };
        let mut from = Vec::new();
        if !spaces.is_empty() {
            from.push(format!("space{} {}", plural(spaces.len()), list(&spaces)));
        }
        if !cidrs.is_empty() {
            from.push(format!("CIDR{} {}", plural(cidrs.len()), list(&cidrs)));
        }
        if from.is_empty() {
            from.push(WORLD.to_owned());
        }
        format!(
            "{what} of {application} and allow access from {}",
            from.join(" and ")
        )
    };
    groups.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposed(spaces: &[&str], cidrs: &[&str]) -> ExposedEndpoint {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let mut to = ExposedEndpoint::default();
        (to.spaces, to.cidrs) = (owned(spaces), owned(cidrs));
        to
    }

    #[test]
    fn exposing_in_words() {
        let describe = |endpoints: &[(&str, ExposedEndpoint)]| {
            let endpoints = endpoints
                .iter()
                .map(|(name, to)| ((*name).to_owned(), to.clone()));
            describe_expose("a", &endpoints.collect())
        };
        assert_eq!(
            describe(&[]),
            ["expose all endpoints of a and allow access from CIDRs 0.0.0.0/0 and ::/0"]
        );
        let inside = exposed(&["dmz", "alpha"], &["10.0.0.0/8"]);
        assert_eq!(
            describe(&[
                ("", exposed(&[], &["10.0.0.0/8"])),
                ("x", inside.clone()),
                ("y", exposed(&[], &[])),
                ("z", inside)
            ]),
            [
                "expose all endpoints of a and allow access from CIDR 10.0.0.0/8",
                "override expose settings for endpoints x,z of a and allow access from spaces alpha,dmz and CIDR 10.0.0.0/8",
                "override expose settings for endpoint y of a and allow access from CIDRs 0.0.0.0/0 and ::/0",
            ]
        );
    }

    #[test]
    fn charms_in_words() {
        for (charm, expected) in [
            ("/x/a.charm", ("/x/a.charm", "")),
            ("local:my-app-3", ("my-app", "local")),
            ("postgresql", ("postgresql", "charm-hub")),
            ("ch:postgresql-k8s", ("postgresql-k8s", "charm-hub")),
        ] {
            assert_eq!(named(charm), expected);
        }
    }
}
