//! What is wrong with a bundle, in Juju's words.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::path::Path;

use super::placement::{is_application, is_number};
use super::{Application, Bundle, KUBERNETES, On, Placement, natural};
use crate::Base;

/// What [`verify`] asks others.
pub struct Checks<'a> {
    /// Looks whether there is something at a path.
    pub exists: &'a dyn Fn(&Path) -> io::Result<bool>,
    /// Says why a text is no constraints.
    pub constraints: &'a dyn Fn(&str) -> Result<(), String>,
    /// Says why a text is no storage directive.
    pub storage: &'a dyn Fn(&str) -> Result<(), String>,
    /// Says why a text is no device constraint.
    pub devices: &'a dyn Fn(&str) -> Result<(), String>,
}

impl std::fmt::Debug for Checks<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Checks")
    }
}

/// Lists what is wrong with a bundle (Juju 3.6, "the provided bundle has the following errors").
pub fn verify(bundle: &Bundle, checks: &Checks<'_>) -> Vec<String> {
    let mut verifier = Verifier {
        bundle,
        checks,
        used: BTreeSet::new(),
        errors: Vec::new(),
    };
    verifier.run();
    verifier.errors
}

struct Verifier<'a> {
    bundle: &'a Bundle,
    checks: &'a Checks<'a>,
    /// The machines that placements name.
    used: BTreeSet<String>,
    errors: Vec<String>,
}

impl<'a> Verifier<'a> {
    fn add(&mut self, error: String) {
        self.errors.push(error);
    }

    fn run(&mut self) {
        let bundle = self.bundle;
        let kubernetes = bundle.kind == KUBERNETES;
        if !bundle.kind.is_empty() && !kubernetes {
            self.add(format!("bundle has an invalid type {:?}", bundle.kind));
        }
        if kubernetes && !bundle.machines.is_empty() {
            self.add("bundle machines not valid for Kubernetes bundles".to_owned());
        }
        if !is_base(&bundle.default_base) {
            self.add(format!(
                "bundle declares an invalid base {:?}",
                bundle.default_base
            ));
        }
        self.saas();
        self.machines();
        if bundle.applications.is_empty() {
            self.add("at least one application must be specified".to_owned());
        }
        for (name, app) in &bundle.applications {
            match app {
                None => self.add(format!("bundle application for key {name:?} is undefined")),
                Some(app) => self.application(name, app),
            }
        }
        self.relations();
        let mut idle: Vec<&String> = bundle
            .machines
            .keys()
            .filter(|id| !kubernetes && !self.used.contains(*id))
            .collect();
        idle.sort_by(|a, b| natural(a, b));
        for id in idle {
            self.add(format!(
                "machine {id:?} is not referred to by a placement directive"
            ));
        }
    }

    fn saas(&mut self) {
        for (name, saas) in &self.bundle.saas {
            if self.bundle.applications.contains_key(name) {
                self.add(format!(
                    "application {name:?} already exists with SAAS {name:?} name"
                ));
            }
            if !is_application(name) {
                self.add(format!("invalid SAAS name {name:?} found"));
            }
            let url = saas
                .as_ref()
                .map(|saas| saas.url.as_str())
                .unwrap_or_default();
            if !url.is_empty() && !is_offer_url(url) {
                self.add(format!("invalid offer URL {url:?} for SAAS {name}"));
            }
        }
    }

    fn machines(&mut self) {
        for (id, machine) in &self.bundle.machines {
            if !is_number(id) {
                self.add(format!("invalid machine id {id:?} found in machines"));
            }
            let Some(machine) = machine else { continue };
            if !machine.constraints.is_empty()
                && let Err(why) = (self.checks.constraints)(&machine.constraints)
            {
                self.add(format!(
                    "invalid constraints {:?} in machine {id:?}: {why}",
                    machine.constraints
                ));
            }
            if !is_base(&machine.base) {
                self.add(format!(
                    "invalid base {:?} for machine {id:?}",
                    machine.base
                ));
            }
        }
    }

    fn application(&mut self, name: &str, app: &'a Application) {
        if app.charm.is_empty() {
            self.add("empty charm path".to_owned());
        }
        if self.bundle.saas.contains_key(name) {
            self.add(format!(
                "SAAS {name:?} already exists with application {name:?} name"
            ));
        }
        self.charm(name, app);
        if !is_base(&app.base) {
            self.add(format!(
                "application {name:?} declares an invalid base {:?}",
                app.base
            ));
        }
        if let Err(why) = (self.checks.constraints)(&app.constraints) {
            self.add(format!(
                "invalid constraints {:?} in application {name:?}: {why}",
                app.constraints
            ));
        }
        self.directives("storage", name, &app.storage, self.checks.storage);
        self.directives("device", name, &app.devices, self.checks.devices);
        for (offer, spec) in &app.offers {
            if !is_application(offer) {
                self.add(format!(
                    "invalid offer name {offer:?} in application {name:?}"
                ));
            }
            for endpoint in spec.iter().flat_map(|spec| &spec.endpoints) {
                if !is_endpoint(endpoint) {
                    self.add(format!(
                        "invalid endpoint name {endpoint:?} for offer {offer:?} in application {name:?}"
                    ));
                }
            }
        }
        for (resource, value) in &app.resources {
            if resource.is_empty() {
                self.add(format!("missing resource name on application {name:?}"));
            }
            if !value.is_string() && !value.is_i64() && !value.is_u64() {
                self.add(format!("resource revision {name:?} is not int or string"));
            }
        }
        if app.num_units < 0 {
            self.add(format!(
                "negative number of units specified on application {name:?}"
            ));
        }
        if self.bundle.kind != KUBERNETES {
            self.placement(name, app);
        }
        if !app.exposed_endpoints.is_empty() && app.expose {
            self.add(format!(
                "exposed-endpoints cannot be specified together with \"exposed:true\" in application {name:?} as this poses a \
                 security risk when deploying bundles to older controllers"
            ));
        } else {
            for (endpoint, to) in &app.exposed_endpoints {
                for cidr in to.cidrs.iter().filter(|cidr| !is_network(cidr)) {
                    self.add(format!(
                        "invalid CIDR {cidr:?} for expose to CIDRs field for endpoint {endpoint:?} in application {name:?}"
                    ));
                }
            }
        }
    }

    fn charm(&mut self, name: &str, app: &Application) {
        if app.is_local() {
            match (self.checks.exists)(Path::new(&app.charm)) {
                Ok(true) => {}
                Ok(false) => self.add(format!(
                    "charm path in application {name:?} does not exist: {}",
                    app.charm
                )),
                Err(why) => self.add(format!("invalid charm path in application {name:?}: {why}")),
            }
            return;
        }
        let charm = &app.charm;
        let bare = charm.strip_prefix("ch:").unwrap_or(charm);
        if !charm.starts_with("local:") && !charm.is_empty() && !is_charm_name(bare) {
            self.add(format!(
                "invalid charm URL in application {name:?}: cannot parse name and/or revision in URL {charm:?}: name {bare:?} not valid"
            ));
        }
        if app.revision.is_some() && app.channel.is_empty() && !charm.starts_with("local:") {
            self.add(format!(
                "application {name:?} with a revision requires a channel for future upgrades, please use channel"
            ));
        }
        if app.revision.is_some_and(|revision| revision < 0) {
            self.add(format!(
                "the revision for application {name:?} must be zero or greater"
            ));
        }
    }

    /// Checks directives of storage and devices.
    fn directives(
        &mut self,
        kind: &str,
        app: &str,
        directives: &BTreeMap<String, String>,
        check: &dyn Fn(&str) -> Result<(), String>,
    ) {
        for (name, directive) in directives {
            if !is_application(name) {
                self.add(format!(
                    "invalid {kind} name {name:?} in application {app:?}"
                ));
            }
            if let Err(why) = check(directive) {
                self.add(format!(
                    "invalid {kind} {name:?} in application {app:?}: {why}"
                ));
            }
        }
    }

    fn placement(&mut self, name: &str, app: &Application) {
        if usize::try_from(app.num_units).is_ok_and(|units| app.to.len() > units) {
            self.add(format!(
                "too many units specified in unit placement for application {name:?}"
            ));
        }
        for text in &app.to {
            let placement = match Placement::parse(text) {
                Ok(placement) => placement,
                Err(error) => {
                    self.add(error.to_string());
                    continue;
                }
            };
            match placement.on {
                On::New => {}
                On::Machine(id) => {
                    if self.bundle.machines.contains_key(&id) {
                        self.used.insert(id);
                    } else {
                        self.add(format!("placement {text:?} refers to a machine not defined in this bundle"));
                    }
                }
                On::Application(other) => {
                    if self.bundle.app(&other).is_none() {
                        self.add(format!("placement {text:?} refers to an application not defined in this bundle"));
                    }
                }
                On::Unit(other, number) => match self.bundle.app(&other) {
                    None => self.add(format!(
                        "placement {text:?} refers to an application not defined in this bundle"
                    )),
                    Some(other) if i64::from(number) >= other.num_units => self.add(format!(
                        "placement {text:?} specifies a unit greater than the {} unit(s) started by the target application",
                        other.num_units
                    )),
                    Some(_) => {}
                },
            }
        }
    }

    fn relations(&mut self) {
        let mut seen = BTreeSet::new();
        for pair in &self.bundle.relations {
            let shown = go_list(pair);
            let [a, b] = &pair[..] else {
                self.add(format!(
                    "relation {shown} has {} endpoint(s), not 2",
                    pair.len()
                ));
                continue;
            };
            let mut ends = Vec::new();
            for end in [a, b] {
                let (app, endpoint) = end.split_once(':').unwrap_or((end, ""));
                if !is_application(app) || (end.contains(':') && !is_endpoint(endpoint)) {
                    self.add(format!("invalid relation syntax {end:?}"));
                    continue;
                }
                let is_app = self.bundle.applications.contains_key(app);
                let is_saas = self.bundle.saas.contains_key(app);
                if !is_app && !is_saas {
                    self.add(format!(
                        "relation {shown} refers to application {app:?} not defined in this bundle"
                    ));
                }
                if is_app && is_saas {
                    self.add(format!("ambiguous relation {app:?} refers to a application and a SAAS in this bundle"));
                }
                ends.push((app, endpoint));
            }
            if ends.len() != 2 {
                continue;
            }
            if ends[0].0 == ends[1].0 {
                self.add(format!("relation {shown} relates an application to itself"));
            }
            ends.sort_unstable();
            if !seen.insert(ends) {
                self.add(format!("relation {shown} is defined more than once"));
            }
        }
    }
}

/// Writes a list of texts as Go's `%q` does.
fn go_list(items: &[String]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| format!("{item:?}")).collect();
    format!("[{}]", quoted.join(" "))
}

fn is_base(text: &str) -> bool {
    text.is_empty() || text.parse::<Base>().is_ok()
}

/// Says whether `text` can be the name of an endpoint.
fn is_endpoint(text: &str) -> bool {
    let mut words = text.split(['-', '_']);
    let plain = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    text.starts_with(|c: char| c.is_ascii_lowercase()) && words.all(plain)
}

/// Says whether `text` can be the name of a charm in the store.
fn is_charm_name(text: &str) -> bool {
    is_application(text)
}

/// Says whether `text` is an offer's URL: `[controller:][owner/]model.offer`.
fn is_offer_url(text: &str) -> bool {
    let path = text.rsplit_once(':').map_or(text, |(_, path)| path);
    let path = path.rsplit_once('/').map_or(path, |(_, path)| path);
    let Some((model, offer)) = path.split_once('.') else {
        return false;
    };
    let is_model = !model.is_empty()
        && model
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    is_model && is_application(offer)
}

/// Says whether `text` is a network, `10.0.0.0/24` or `2001:db8::/32`.
pub fn is_network(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        return false;
    };
    let most = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    is_number(bits) && bits.parse::<u8>().is_ok_and(|bits| bits <= most)
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn errors(text: &str) -> Vec<String> {
        let checks = Checks {
            exists: &|path| Ok(path.ends_with("a")),
            constraints: &|text| {
                if text == "bad" {
                    Err("why".to_owned())
                } else {
                    Ok(())
                }
            },
            storage: &|text| {
                if text == "bad" {
                    Err("why".to_owned())
                } else {
                    Ok(())
                }
            },
            devices: &|_| Ok(()),
        };
        verify(&parse(text).unwrap().remove(0), &checks)
    }

    #[test]
    fn a_good_bundle_has_no_errors() {
        let text = "default-base: ubuntu@24.04/stable\napplications:\n  a: {charm: /x/a, num_units: 3, to: [0, 'lxd:new', b/0], \
                    storage: {data: 1G}, resources: {r: 3, f: ./f}}\n  b: {charm: ch:store-b, revision: 3, channel: edge, num_units: 1, to: [a]}\n\
                    machines: {0: }\nsaas: {s: {url: 'ctrl:admin/m.offer'}}\nrelations: [[a:x_y, b], [a, s:z]]\n";
        assert_eq!(errors(text), Vec::<String>::new());
    }

    #[test]
    fn errors_in_jujus_words() {
        for (text, expected) in [
            ("{}", "at least one application must be specified"),
            (
                "applications: {a: {charm: /no}}",
                "charm path in application \"a\" does not exist: /no",
            ),
            ("applications: {a: {num_units: 1}}", "empty charm path"),
            (
                "applications: {a: {charm: /a, num_units: 1, to: ['7']}}",
                "placement \"7\" refers to a machine not defined in this bundle",
            ),
            (
                "applications: {a: {charm: /a, num_units: 1, to: [x]}}",
                "placement \"x\" refers to an application not defined in this bundle",
            ),
            (
                "applications: {a: {charm: /a, num_units: 1, to: [a/1]}}",
                "placement \"a/1\" specifies a unit greater than the 1 unit(s) started by the target application",
            ),
            (
                "applications: {a: {charm: /a, to: [new]}}",
                "too many units specified in unit placement for application \"a\"",
            ),
            (
                "applications: {a: {charm: /a, num_units: -1}}",
                "negative number of units specified on application \"a\"",
            ),
            (
                "{applications: {a: {charm: /a}}, machines: {0: }}",
                "machine \"0\" is not referred to by a placement directive",
            ),
            (
                "{applications: {a: {charm: /a}}, relations: [[a:x, y:z]]}",
                "relation [\"a:x\" \"y:z\"] refers to application \"y\" not defined in this bundle",
            ),
            (
                "{applications: {a: {charm: /a}}, relations: [[a:x]]}",
                "relation [\"a:x\"] has 1 endpoint(s), not 2",
            ),
            (
                "{applications: {a: {charm: /a}}, relations: [[a:x, a:y]]}",
                "relation [\"a:x\" \"a:y\"] relates an application to itself",
            ),
            (
                "{applications: {a: {charm: /a}, b: {charm: /a}}, relations: [[a:x, b:y], [b:y, a:x]]}",
                "relation [\"b:y\" \"a:x\"] is defined more than once",
            ),
            (
                "{applications: {a: {charm: /a}}, relations: [[a, 'B x']]}",
                "invalid relation syntax \"B x\"",
            ),
            (
                "applications: {a: {charm: /a, constraints: bad}}",
                "invalid constraints \"bad\" in application \"a\": why",
            ),
            (
                "applications: {a: {charm: /a, storage: {s: bad}}}",
                "invalid storage \"s\" in application \"a\": why",
            ),
            (
                "applications: {a: {charm: /a, base: jammy}}",
                "application \"a\" declares an invalid base \"jammy\"",
            ),
            (
                "applications: {a: {charm: /a, resources: {r: [1]}}}",
                "resource revision \"a\" is not int or string",
            ),
            (
                "applications: {a: {charm: store, revision: 1}}",
                "application \"a\" with a revision requires a channel for future upgrades, please use channel",
            ),
            (
                "applications: {a: {charm: '42'}}",
                "invalid charm URL in application \"a\": cannot parse name and/or revision in URL \"42\": name \"42\" not valid",
            ),
            (
                "{applications: {a: {charm: /a}}, saas: {s: {url: nope}}}",
                "invalid offer URL \"nope\" for SAAS s",
            ),
            (
                "{bundle: vm, applications: {a: {charm: /a}}}",
                "bundle has an invalid type \"vm\"",
            ),
            (
                "applications: {a: {charm: /a, exposed-endpoints: {x: {expose-to-cidrs: [bogus]}}}}",
                "invalid CIDR \"bogus\" for expose to CIDRs field for endpoint \"x\" in application \"a\"",
            ),
        ] {
            assert_eq!(errors(text), [expected], "{text}");
        }
    }
}
