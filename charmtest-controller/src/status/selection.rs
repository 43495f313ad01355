//! Which parts of a model the arguments of `juju status` pick.

use std::collections::BTreeSet;

use super::derive;
use crate::JujuVersion;
use crate::model::{Model, Unit, UnitName};

/// What was picked of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// `None` picks everything.
    picked: Option<Picked>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Picked {
    machines: BTreeSet<String>,
    applications: BTreeSet<String>,
    units: BTreeSet<UnitName>,
}

impl Selection {
    /// Picks by selectors: names of machines, applications and units, `app/leader`, and in Juju 3.6 also names with `*` and status
    /// words. What belongs to a picked thing is picked with it: a unit's application, machine, principal and subordinates. No
    /// selectors pick everything.
    pub(crate) fn new(model: &Model, selectors: &[String]) -> Self {
        if selectors.is_empty() {
            return Self::default();
        }
        let mut picked = Picked::default();
        for selector in selectors {
            picked.applications.extend(
                model
                    .applications
                    .keys()
                    .filter(|name| matches(model.info.juju, selector, name))
                    .cloned(),
            );
            picked.machines.extend(
                model
                    .machines
                    .keys()
                    .filter(|id| matches(model.info.juju, selector, id))
                    .cloned(),
            );
            for unit in model
                .units
                .values()
                .filter(|unit| picks_unit(model, selector, unit))
            {
                picked.with_family(model, unit);
            }
        }
        Self {
            picked: Some(picked),
        }
    }

    /// Says whether selectors were given and picked nothing.
    pub(crate) fn is_nothing(&self) -> bool {
        self.picked
            .as_ref()
            .is_some_and(|picked| *picked == Picked::default())
    }

    pub(super) fn has_machine(&self, id: &str) -> bool {
        self.picked
            .as_ref()
            .is_none_or(|picked| picked.machines.contains(id))
    }

    pub(super) fn has_application(&self, name: &str) -> bool {
        self.picked
            .as_ref()
            .is_none_or(|picked| picked.applications.contains(name))
    }

    pub(super) fn has_unit(&self, name: &UnitName) -> bool {
        self.picked
            .as_ref()
            .is_none_or(|picked| picked.units.contains(name))
    }
}

impl Picked {
    fn with_family(&mut self, model: &Model, unit: &Unit) {
        let head = unit
            .principal
            .as_ref()
            .and_then(|name| model.units.get(name))
            .unwrap_or(unit);
        let below = model.subordinates_of(&head.name);
        for member in below.chain([head]) {
            self.units.insert(member.name.clone());
            self.applications
                .insert(member.name.application().to_owned());
            if model.machines.contains(&member.machine) {
                self.machines.insert(member.machine.clone());
            }
        }
    }
}

fn picks_unit(model: &Model, selector: &str, unit: &Unit) -> bool {
    let name = unit.name.as_str();
    let application = unit.name.application();
    let juju = model.info.juju;
    let by_name = matches(juju, selector, name)
        || matches(juju, selector, application)
        || selector == unit.machine;
    let as_leader =
        || selector.strip_suffix("/leader") == Some(application) && model.is_leader(&unit.name);
    let by_status = || {
        if juju == JujuVersion::V4_0 {
            return false;
        }
        let (workload, agent) = derive::unit_status(model, unit);
        [workload.current, agent.current].contains(&selector)
    };
    by_name || as_leader() || by_status()
}

/// Says whether `name` is what `selector` names: in Juju 4.0 exactly it, in 3.6 a pattern.
fn matches(juju: JujuVersion, selector: &str, name: &str) -> bool {
    match juju {
        JujuVersion::V3_6 => fits(selector, name),
        JujuVersion::V4_0 => selector == name,
    }
}

/// Says whether `name` fits `pattern`, in which `*` stands for any text.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(rest) = name.strip_prefix(head) else {
        return false;
    };
    (0..=rest.len()).any(|at| rest.is_char_boundary(at) && fits(tail, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use crate::model::Workload;

    #[test]
    fn selectors() {
        let mut model = fixture::model();
        fixture::application(&mut model, "web", 2);
        fixture::application(&mut model, "db", 1);
        fixture::application(&mut model, "sub", 1);
        model.units.get_mut("sub/0").unwrap().principal = Some(UnitName::new("web", 1));
        fixture::workload(&mut model, "db/0", Workload::Blocked, "");
        for (selectors, applications, units, machines) in [
            ("web", "sub web", "sub/0 web/0 web/1", "0 1 3"),
            ("web/0", "web", "web/0", "0"),
            ("web/1", "sub web", "sub/0 web/1", "1 3"),
            ("sub", "sub web", "sub/0 web/1", "1 3"),
            ("web/leader", "web", "web/0", "0"),
            ("w*", "sub web", "sub/0 web/0 web/1", "0 1 3"),
            ("*/1", "sub web", "sub/0 web/1", "1 3"),
            ("2", "db", "db/0", "2"),
            ("blocked", "db", "db/0", "2"),
            ("db nosuch", "db", "db/0", "2"),
            ("nosuch", "", "", ""),
        ] {
            let words: Vec<String> = selectors.split(' ').map(str::to_owned).collect();
            let selection = Selection::new(&model, &words);
            let picked = selection.picked.clone().unwrap();
            let join = |names: Vec<String>| names.join(" ");
            assert_eq!(
                join(picked.applications.into_iter().collect()),
                applications,
                "{selectors}"
            );
            assert_eq!(
                join(picked.units.iter().map(ToString::to_string).collect()),
                units,
                "{selectors}"
            );
            assert_eq!(
                join(picked.machines.into_iter().collect()),
                machines,
                "{selectors}"
            );
            assert_eq!(
                selection.is_nothing(),
                applications.is_empty(),
                "{selectors}"
            );
        }
        assert!(!Selection::new(&model, &[]).is_nothing());

        model.info_mut().juju = JujuVersion::V4_0;
        for (selector, is_nothing) in [
            ("w*", true),
            ("*", true),
            ("blocked", true),
            ("web", false),
            ("web/0", false),
            ("web/leader", false),
            ("2", false),
        ] {
            let selection = Selection::new(&model, &[selector.to_owned()]);
            assert_eq!(selection.is_nothing(), is_nothing, "{selector}");
        }
    }
}
