//! Bundles: what `juju deploy ./bundle.yaml` reads (Juju 3.6, "bundle" in its documentation).
//!
//! [`parse`] reads the documents of one file, [`Bundle::overlay`] lays one over another, [`Bundle::resolve`] replaces what names
//! files, and [`verify`] finds what cannot be. Keys that a bundle does not have are no error in Juju; [`Bundle::unknown_keys`]
//! lists them.

mod overlay;
mod placement;
mod read;
mod resolve;
mod verify;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub use placement::{On, Placement, PlacementError};
pub use read::{Unknown, parse};
pub use resolve::IncludeError;
pub use verify::{Checks, is_network, verify};

use read::spec;

spec! {
    /// A bundle, or an overlay of one.
    pub struct Bundle {
        /// `kubernetes`, or empty for machines.
        kind: String = "bundle",
        /// The applications; null in an overlay takes one away.
        applications: BTreeMap<String, Option<Application>> = "applications",
        /// The machines that placements name.
        machines: BTreeMap<String, Option<Machine>> = "machines",
        /// Offers of other models, by the name that they get here.
        saas: BTreeMap<String, Option<Saas>> = "saas",
        /// The base of applications and machines that name none, `ubuntu@22.04/stable`.
        default_base: String = "default-base",
        /// The series of applications and machines that name none, `jammy`; Juju 4.0 does not know it.
        series: String = "series",
        /// Pairs of endpoints.
        relations: Vec<Vec<String>> = "relations",
        /// Tags for the charm store.
        tags: Vec<String> = "tags",
        /// What the bundle is for.
        description: String = "description",
    }
}

spec! {
    /// An application of a bundle.
    pub struct Application {
        /// A path that begins with `.` or `/`, or the name of a charm in the store.
        charm: String = "charm",
        /// The channel of a charm from the store.
        channel: String = "channel",
        /// The revision of a charm from the store.
        revision: Option<i64> = "revision",
        /// The base, `ubuntu@22.04/stable`.
        base: String = "base",
        /// The series, `jammy`; Juju 4.0 does not know it.
        series: String = "series",
        /// Resources: a revision in the store, or the path of a file.
        resources: BTreeMap<String, Value> = "resources",
        /// How many units.
        num_units: i64 = "num_units",
        /// Another word for `num_units`; zero after reading.
        scale: i64 = "scale",
        /// Where units go.
        to: Vec<String> = "to",
        /// Where pods go; only for Kubernetes.
        placement: String = "placement",
        /// Whether all endpoints are exposed to everybody.
        expose: bool = "expose",
        /// To whom single endpoints are exposed; only in overlays.
        exposed_endpoints: BTreeMap<String, ExposedEndpoint> = "exposed-endpoints",
        /// Configuration.
        options: BTreeMap<String, Value> = "options",
        /// Annotations.
        annotations: BTreeMap<String, String> = "annotations",
        /// Constraints of machines to come, `mem=2G cores=2`.
        constraints: String = "constraints",
        /// Storage directives by the charm's storage.
        storage: BTreeMap<String, String> = "storage",
        /// Device constraints by the charm's device.
        devices: BTreeMap<String, String> = "devices",
        /// Spaces by endpoint; the empty endpoint means all others.
        bindings: BTreeMap<String, String> = "bindings",
        /// What is offered to other models; only in overlays.
        offers: BTreeMap<String, Option<Offer>> = "offers",
        /// A plan of the former charm store.
        plan: String = "plan",
        /// Whether the application wants the cloud's credentials.
        trust: bool = "trust",
    }
}

spec! {
    /// A machine of a bundle.
    pub struct Machine {
        /// Its constraints.
        constraints: String = "constraints",
        /// Its annotations.
        annotations: BTreeMap<String, String> = "annotations",
        /// Its base.
        base: String = "base",
        /// Its series; Juju 4.0 does not know it.
        series: String = "series",
    }
}

spec! {
    /// An offer that the bundle consumes.
    pub struct Saas {
        /// `[controller:][owner/]model.offer`.
        url: String = "url",
    }
}

spec! {
    /// To whom an endpoint is exposed.
    pub struct ExposedEndpoint {
        /// Names of spaces.
        spaces: Vec<String> = "expose-to-spaces",
        /// Networks.
        cidrs: Vec<String> = "expose-to-cidrs",
    }
}

spec! {
    /// An offer that the bundle makes.
    pub struct Offer {
        /// Names of endpoints.
        endpoints: Vec<String> = "endpoints",
        /// Access by user.
        acl: BTreeMap<String, String> = "acl",
    }
}

/// The bundle type that machines cannot run.
pub const KUBERNETES: &str = "kubernetes";

impl Bundle {
    /// Iterates over the applications in the order of Juju's plans: `a2` before `a10`.
    pub fn apps(&self) -> impl Iterator<Item = (&str, &Application)> {
        let mut apps: Vec<(&str, &Application)> = self
            .applications
            .iter()
            .filter_map(|(name, app)| Some((name.as_str(), app.as_ref()?)))
            .collect();
        apps.sort_by(|(a, _), (b, _)| natural(a, b));
        apps.into_iter()
    }

    /// Returns an application.
    pub fn app(&self, name: &str) -> Option<&Application> {
        self.applications.get(name)?.as_ref()
    }

    /// Lists the keys that a bundle does not have, with the lines where they stand.
    pub fn unknown_keys(&self) -> Vec<&Unknown> {
        let mut found: Vec<&Unknown> = self.unknown.iter().collect();
        for app in self.applications.values().flatten() {
            found.extend(&app.unknown);
            found.extend(app.exposed_endpoints.values().flat_map(|to| &to.unknown));
            found.extend(
                app.offers
                    .values()
                    .flatten()
                    .flat_map(|offer| &offer.unknown),
            );
        }
        found.extend(
            self.machines
                .values()
                .flatten()
                .flat_map(|machine| &machine.unknown),
        );
        found.extend(self.saas.values().flatten().flat_map(|saas| &saas.unknown));
        found.sort();
        found
    }
}

impl Application {
    /// Says whether the charm is a file or directory of the user's: its path begins with `.` or `/`.
    pub fn is_local(&self) -> bool {
        self.charm.starts_with(['.', '/'])
    }

    /// Says whether the application wants to be trusted, by its field or by an option.
    pub fn wants_trust(&self) -> bool {
        self.trust || self.options.get("trust") == Some(&Value::Bool(true))
    }
}

/// Compares texts as Juju orders names: runs of digits by their value.
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (x, y) = (chunk(left), chunk(right));
        let order = match (x.parse::<u64>(), y.parse::<u64>()) {
            (Ok(m), Ok(n)) => m.cmp(&n).then_with(|| x.len().cmp(&y.len())),
            _ => x.cmp(y),
        };
        if order != Ordering::Equal || x.is_empty() {
            return order;
        }
        left = &left[x.len()..];
        right = &right[y.len()..];
    }
}

/// Returns the digits, or the characters up to the next digit, that `text` begins with.
fn chunk(text: &str) -> &str {
    let digit = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text
        .find(|c: char| c.is_ascii_digit() != digit)
        .unwrap_or(text.len());
    &text[..end]
}

/// Returns the base of a series of Ubuntu or CentOS, `jammy` to `ubuntu@22.04/stable`.
pub fn base_of_series(series: &str) -> Option<&'static str> {
    Some(match series {
        "trusty" => "ubuntu@14.04/stable",
        "xenial" => "ubuntu@16.04/stable",
        "bionic" => "ubuntu@18.04/stable",
        "focal" => "ubuntu@20.04/stable",
        "jammy" => "ubuntu@22.04/stable",
        "noble" => "ubuntu@24.04/stable",
        "centos7" => "centos@7/stable",
        "centos9" => "centos@9/stable",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_naturally() {
        let mut names = ["a10", "b", "a2", "a", "a2b", "10", "9"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["9", "10", "a", "a2", "a2b", "a10", "b"]);
    }
}
