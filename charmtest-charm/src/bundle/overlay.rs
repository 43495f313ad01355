//! Laying one bundle over another.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Bundle, ExposedEndpoint, Machine, Offer};

/// What can be laid over another of its kind.
pub(super) trait Layer {
    /// Takes over what the overlay gives.
    fn lay(&mut self, overlay: Self);
}

/// How a field of an overlay changes that of the bundle below.
pub(super) trait Merge {
    /// Takes over what the overlay says.
    fn merge(&mut self, overlay: Self);
}

macro_rules! replaced {
    ($($type:ty),*) => {
        $(impl Merge for $type {
            fn merge(&mut self, overlay: Self) {
                *self = overlay;
            }
        })*
    };
}

replaced!(
    String,
    bool,
    i64,
    Option<i64>,
    Vec<String>,
    Vec<Vec<String>>
);

/// A value in a map: some take the key away when they are nothing.
pub(super) trait Entry {
    /// Says whether the overlay means to take the key away.
    fn deletes(&self) -> bool;
}

impl Entry for String {
    fn deletes(&self) -> bool {
        false
    }
}

impl Entry for Value {
    fn deletes(&self) -> bool {
        self.is_null()
    }
}

impl<T> Entry for Option<T> {
    fn deletes(&self) -> bool {
        self.is_none()
    }
}

impl Entry for ExposedEndpoint {
    fn deletes(&self) -> bool {
        self.spaces.is_empty() && self.cidrs.is_empty()
    }
}

impl<V: Entry> Merge for BTreeMap<String, V> {
    fn merge(&mut self, overlay: Self) {
        if overlay.is_empty() {
            self.clear();
        }
        for (key, value) in overlay {
            if value.deletes() {
                self.remove(&key);
            } else {
                self.insert(key, value);
            }
        }
    }
}

impl Bundle {
    /// Lays an overlay over this bundle (Juju 3.6, `deploy --overlay`).
    ///
    /// Applications are merged key by key: lists and plain values replace, maps are merged, an empty map clears, null takes away.
    /// Relations are added, machines replaced.
    pub fn overlay(&mut self, overlay: Self) {
        for (name, app) in overlay.applications {
            lay(&mut self.applications, &mut self.relations, name, app);
        }
        for (name, saas) in overlay.saas {
            lay(&mut self.saas, &mut self.relations, name, saas);
        }
        if !overlay.default_base.is_empty() {
            self.default_base = overlay.default_base;
        }
        if !overlay.series.is_empty() {
            self.series = overlay.series;
        }
        self.relations.extend(overlay.relations);
        if overlay.given.contains("machines") && !overlay.machines.is_empty() {
            self.machines = overlay.machines;
        }
    }

    /// Lists what stands in the bundle although only an overlay may have it, in Juju's words.
    pub fn overlay_only(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut add =
            |path: String| found.push(format!("{path} can only appear in an overlay section"));
        for (name, app) in self.apps() {
            let path = format!("applications.{name}");
            if !app.exposed_endpoints.is_empty() {
                add(format!("{path}.exposed-endpoints"));
            }
            for (endpoint, to) in &app.exposed_endpoints {
                let path = format!("{path}.exposed-endpoints.{endpoint}");
                if !to.spaces.is_empty() {
                    add(format!("{path}.expose-to-spaces"));
                }
                if !to.cidrs.is_empty() {
                    add(format!("{path}.expose-to-cidrs"));
                }
            }
            if !app.offers.is_empty() {
                add(format!("{path}.offers"));
            }
            for (offer, Offer { endpoints, acl, .. }) in app
                .offers
                .iter()
                .filter_map(|(name, offer)| Some((name, offer.as_ref()?)))
            {
                let path = format!("{path}.offers.{offer}");
                if !endpoints.is_empty() {
                    add(format!("{path}.endpoints"));
                }
                if !acl.is_empty() {
                    add(format!("{path}.acl"));
                }
            }
        }
        found
    }

    /// Returns a machine; one that was only named has no settings.
    pub fn machine(&self, id: &str) -> Option<Machine> {
        self.machines
            .get(id)
            .map(|machine| machine.clone().unwrap_or_default())
    }
}

/// Lays one entry over those below; null takes it away with its relations.
fn lay<T: Layer>(
    below: &mut BTreeMap<String, Option<T>>,
    relations: &mut Vec<Vec<String>>,
    name: String,
    above: Option<T>,
) {
    let Some(above) = above else {
        below.remove(&name);
        relations.retain(|pair| pair.len() != 2 || !pair.iter().any(|end| is_of(end, &name)));
        return;
    };
    match below.get_mut(&name) {
        Some(Some(below)) => below.lay(above),
        _ => {
            below.insert(name, Some(above));
        }
    }
}

/// Says whether an endpoint is one of `application`.
fn is_of(endpoint: &str, application: &str) -> bool {
    endpoint.split(':').next() == Some(application)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::parse;
    use super::*;

    fn merged(base: &str, overlay: &str) -> Bundle {
        let read = |text: &str| parse(text).unwrap().remove(0);
        let mut bundle = read(base);
        bundle.overlay(read(overlay));
        bundle
    }

    const BASE: &str = "applications:\n  a: {charm: ./a, num_units: 2, to: [\"1\", \"2\"], options: {level: 1, mode: x}, \
                        annotations: {k: v}}\n  b: {charm: ./b}\nmachines: {1: {constraints: mem=1G}, 2: }\n\
                        relations: [[a:x, b:y], [b, a:z]]\n";

    #[test]
    fn keys_are_merged_one_by_one() {
        let bundle = merged(
            BASE,
            "default-base: ubuntu@22.04\napplications: {a: {num_units: 1, to: [\"1\"], options: {level: 2, mode: , new: fresh}, \
             annotations: {}}, c: {charm: ./c}}\nmachines: {1: }\nrelations: [[c, b]]\n",
        );
        let app = bundle.app("a").unwrap();
        assert_eq!(
            (app.charm.as_str(), app.num_units, &app.to[..]),
            ("./a", 1, &["1".to_owned()][..])
        );
        assert_eq!(json!(app.options), json!({"level": 2, "new": "fresh"}));
        assert!(app.annotations.is_empty());
        assert_eq!(
            bundle.apps().map(|(name, _)| name).collect::<Vec<_>>(),
            ["a", "b", "c"]
        );
        assert_eq!(bundle.machines.keys().collect::<Vec<_>>(), ["1"]);
        assert_eq!(bundle.machine("1").unwrap().constraints, "");
        assert_eq!(bundle.relations, [["a:x", "b:y"], ["b", "a:z"], ["c", "b"]]);
        assert_eq!(bundle.default_base, "ubuntu@22.04");
    }

    #[test]
    fn null_takes_an_application_away_with_its_relations() {
        let bundle = merged(BASE, "applications: {b: }");
        assert_eq!(bundle.apps().count(), 1);
        assert!(bundle.relations.is_empty());
        let kept = merged(BASE, "applications: {b: {}}");
        assert_eq!(kept.app("b").unwrap().charm, "./b");
    }

    #[test]
    fn some_keys_are_for_overlays_only() {
        let text = "applications: {a: {offers: {o: {endpoints: [x], acl: {u: read}}, p: }, exposed-endpoints: {x: {expose-to-cidrs: [::/0]}}}}";
        let expected = [
            "applications.a.exposed-endpoints can only appear in an overlay section",
            "applications.a.exposed-endpoints.x.expose-to-cidrs can only appear in an overlay section",
            "applications.a.offers can only appear in an overlay section",
            "applications.a.offers.o.endpoints can only appear in an overlay section",
            "applications.a.offers.o.acl can only appear in an overlay section",
        ];
        assert_eq!(parse(text).unwrap()[0].overlay_only(), expected);
    }
}
