//! Relations across models: what the agents of both models run, and that nothing is left.

use std::sync::Arc;

use super::simulation::{Simulation, unit};
use super::tidy::needs_tidying;
use crate::model::changes::{self, EndpointName, Haste, OfferUrl};
use crate::model::{
    Bag, Life, Model, ModelUuid, RelationId, State, Suspension, UnitName, keep_in_step,
};

/// Two models of one controller: `db` with one unit, offered, in one; `web` with two units in the other.
struct Two {
    state: State,
    db: Simulation,
    web: Simulation,
}

impl Two {
    fn new() -> Self {
        let mut two = Self {
            state: State::new("c".to_owned(), Default::default()),
            db: Simulation::new(),
            web: Simulation::new(),
        };
        two.db.model.info_mut().name = "offers".to_owned();
        two.web.model.info_mut().name = "uses".to_owned();
        two.web.model.info_mut().uuid = ModelUuid("uses".to_owned());
        two.db.deploy("db", "provides: {db: {interface: sql}}", 1);
        two.web.deploy("web", "requires: {db: {interface: sql}}", 2);
        two.db.settle();
        two.web.settle();
        two.publish();
        let uses = two.uses();
        two.change(|state| {
            let offering = state
                .models
                .values()
                .find(|model| model.info.name == "offers");
            let uuid = offering.unwrap().info.uuid.clone();
            let model = state.model_mut(&uuid).unwrap();
            changes::offer(model, "db", &["db".to_owned()], "db").unwrap();
            let url = OfferUrl::parse("offers.db").unwrap();
            let now = jiff::Timestamp::UNIX_EPOCH;
            changes::consume(state, &uses, &url, Some("sql"), now).unwrap();
        });
        two
    }

    /// Makes one where the applications are related and all hooks have run.
    fn related() -> Self {
        let mut two = Self::new();
        two.relate();
        two.settle();
        two
    }

    fn uses(&self) -> ModelUuid {
        self.web.model.info.uuid.clone()
    }

    fn offers(&self) -> ModelUuid {
        self.db.model.info.uuid.clone()
    }

    fn relate(&mut self) {
        let uses = self.uses();
        self.change(|state| {
            let name = |text| EndpointName::parse(text).unwrap();
            let now = jiff::Timestamp::UNIX_EPOCH;
            changes::relate(state, &uses, &name("web"), &name("sql"), &[], now).unwrap();
        });
    }

    /// Makes a transaction.
    fn change(&mut self, change: impl FnOnce(&mut State)) {
        let before = self.state.clone();
        change(&mut self.state);
        keep_in_step(&before, &mut self.state);
        self.read();
        self.tidy();
    }

    /// Changes one model in a transaction.
    fn change_model(&mut self, uuid: &ModelUuid, change: impl FnOnce(&mut Model)) {
        self.change(|state| change(state.model_mut(uuid).unwrap()));
    }

    /// Takes what the simulations did as a transaction.
    fn publish(&mut self) {
        let before = self.state.clone();
        for simulation in [&self.db, &self.web] {
            let uuid = simulation.model.info.uuid.clone();
            if simulation.gone {
                self.state.models.remove(&uuid);
            } else {
                self.state
                    .models
                    .insert(uuid, Arc::new(simulation.model.clone()));
            }
        }
        keep_in_step(&before, &mut self.state);
        self.read();
    }

    fn read(&mut self) {
        for simulation in [&mut self.db, &mut self.web] {
            match self.state.models.get(&simulation.model.info.uuid) {
                Some(model) => simulation.model = (**model).clone(),
                None => simulation.gone = true,
            }
        }
    }

    /// Does what the supervisor does after a commit.
    fn tidy(&mut self) {
        for _ in 0..10 {
            let mut changed = false;
            for simulation in [&mut self.db, &mut self.web] {
                if !simulation.gone && needs_tidying(&simulation.model) {
                    simulation.gone = super::tidy::tidy(&mut simulation.model);
                    changed = true;
                }
            }
            if !changed {
                return;
            }
            self.publish();
        }
        panic!("there is always something to tidy");
    }

    /// Lets all units of both models come to rest; returns what ran, the consumer's name shortened to `remote`.
    fn settle(&mut self) -> Vec<String> {
        for _ in 0..1000 {
            let mut moved = false;
            for side in 0..2 {
                let simulation = if side == 0 {
                    &mut self.db
                } else {
                    &mut self.web
                };
                if simulation.gone {
                    continue;
                }
                let units: Vec<UnitName> = simulation.model.units.keys().cloned().collect();
                for name in units {
                    let simulation = if side == 0 {
                        &mut self.db
                    } else {
                        &mut self.web
                    };
                    moved |= simulation.step(&name);
                    self.publish();
                    self.tidy();
                }
            }
            if !moved {
                let remote = self.remote();
                let short = |line: String| match &remote {
                    Some(remote) => line.replace(remote, "remote"),
                    None => line,
                };
                let mut ran = std::mem::take(&mut self.db.ran);
                ran.append(&mut self.web.ran);
                return ran.into_iter().map(short).collect();
            }
        }
        panic!("the units do not come to rest");
    }

    /// Returns what the consumer is called in the offering model, as long as a relation or a hook that ran tells.
    fn remote(&self) -> Option<String> {
        let text = format!("{:?}", (&self.db.ran, &self.db.model.relations));
        let at = text.find("remote-")?;
        Some(text[at..at + "remote-".len() + 32].to_owned())
    }

    /// Returns the numbers of the two halves.
    fn halves(&self) -> (Option<RelationId>, Option<RelationId>) {
        let id = |model: &Model| {
            let relation = model
                .relations
                .values()
                .find(|relation| relation.cross_model.is_some());
            relation.map(|relation| relation.id)
        };
        (id(&self.db.model), id(&self.web.model))
    }

    #[track_caller]
    fn assert_nothing_is_left(&self) {
        assert_eq!(self.halves(), (None, None));
        for simulation in [&self.db, &self.web] {
            for unit in simulation.model.units.values() {
                assert!(unit.progress.relations.is_empty(), "{unit:?}");
            }
        }
    }
}

/// Keeps the hooks of one unit.
fn of(unit: &str, ran: &[String]) -> Vec<String> {
    let prefix = format!("{unit} ");
    ran.iter()
        .filter_map(|line| line.strip_prefix(&prefix))
        .map(str::to_owned)
        .collect()
}

const DB_JOINS: [&str; 5] = [
    "db-relation-created remote",
    "db-relation-joined remote/0",
    "db-relation-changed remote/0",
    "db-relation-joined remote/1",
    "db-relation-changed remote/1",
];
const WEB_JOINS: [&str; 3] = [
    "db-relation-created sql",
    "db-relation-joined sql/0",
    "db-relation-changed sql/0",
];
const DB_LEAVES: [&str; 3] = [
    "db-relation-departed remote/0",
    "db-relation-departed remote/1",
    "db-relation-broken remote",
];
const WEB_LEAVES: [&str; 2] = ["db-relation-departed sql/0", "db-relation-broken sql"];

#[track_caller]
fn assert_ran(ran: &[String], db: &[&str], web: &[&str]) {
    assert_eq!(of("db/0", ran), db);
    for name in ["web/0", "web/1"] {
        assert_eq!(of(name, ran), web, "{name}");
    }
}

#[test]
fn units_of_both_models_see_each_other() {
    let mut two = Two::new();
    two.relate();
    let ran = two.settle();
    assert_ran(&ran, &DB_JOINS, &WEB_JOINS);
    let (there, here) = two.halves();
    let (there, here) = (there.unwrap(), here.unwrap());
    let address = |model: &Model, id: RelationId, name: &str| {
        let relation = model.relations.get(&id).unwrap();
        relation.members[&unit(name)].bag.data["ingress-address"].clone()
    };
    let remote = two.remote().unwrap();
    assert_eq!(
        address(&two.db.model, there, &format!("{remote}/1")),
        two.web
            .model
            .address_of(&unit("web/1"))
            .unwrap()
            .to_string()
    );
    assert_eq!(
        address(&two.web.model, here, "sql/0"),
        two.db.model.address_of(&unit("db/0")).unwrap().to_string()
    );
    for (model, id) in [(&two.db.model, there), (&two.web.model, here)] {
        assert_eq!(model.relations.get(&id).unwrap().status().0, "joined");
    }
}

#[test]
fn data_of_applications_and_units_reach_the_other_model() {
    let mut two = Two::related();
    let (there, here) = two.halves();
    let data = |value: &str| [("k".to_owned(), value.to_owned())].into();
    let (uses, offers) = (two.uses(), two.offers());
    two.change_model(&uses, |model| {
        let relation = model.relations.get_mut(&here.unwrap()).unwrap();
        let bag = relation.applications.entry("web".to_owned()).or_default();
        bag.merge(&data("from the app"));
        let member = relation.members.get_mut(&unit("web/1")).unwrap();
        member.bag.merge(&data("from the unit"));
    });
    let ran = two.settle();
    assert_ran(
        &ran,
        &["db-relation-changed remote", "db-relation-changed remote/1"],
        &[],
    );
    let remote = two.remote().unwrap();
    let relation = two.db.model.relations.get(&there.unwrap()).unwrap();
    assert_eq!(relation.applications[&remote].data, data("from the app"));

    two.change_model(&offers, |model| {
        let relation = model.relations.get_mut(&there.unwrap()).unwrap();
        let bag: &mut Bag = relation.applications.entry("db".to_owned()).or_default();
        bag.merge(&data("back"));
    });
    let ran = two.settle();
    assert_ran(&ran, &[], &["db-relation-changed sql"]);
}

#[test]
fn units_come_and_go_on_either_side() {
    let mut two = Two::related();
    two.web.remove_unit("web/0");
    two.publish();
    let ran = two.settle();
    assert_eq!(of("db/0", &ran), ["db-relation-departed remote/0"]);
    assert_eq!(
        of("web/0", &ran),
        [
            "db-relation-departed sql/0 (leaving: self)",
            "db-relation-broken sql",
            "stop",
            "remove",
            "gone"
        ]
    );
    two.db.add_unit("db");
    two.publish();
    let ran = two.settle();
    assert_eq!(
        of("web/1", &ran),
        ["db-relation-joined sql/1", "db-relation-changed sql/1"]
    );
    let offers = two.offers();
    let now = two.db.now;
    two.change_model(&offers, |model| {
        changes::remove_unit(model, &unit("db/1"), Haste::Forced, now).unwrap();
    });
    assert_eq!(
        of("web/1", &two.settle()),
        ["db-relation-departed sql/1"],
        "also a unit that is removed by force has left"
    );
}

#[test]
fn a_suspended_relation_is_broken_and_begins_anew_when_it_is_resumed() {
    let mut two = Two::related();
    let (there, here) = two.halves();
    let offers = two.offers();
    let suspend = |two: &mut Two, message: Option<&str>| {
        let suspension = message.map(|message| Suspension {
            message: message.to_owned(),
            since: two.db.now,
        });
        two.change_model(&offers, |model| {
            changes::set_suspended(model, there.unwrap(), suspension).unwrap();
        });
    };
    let status = |two: &Two| {
        let relation = two.web.model.relations.get(&here.unwrap()).unwrap();
        let (word, message) = relation.status();
        format!("{word} {message}")
    };
    suspend(&mut two, Some("held"));
    assert_eq!(status(&two), "suspending held");
    assert_ran(&two.settle(), &DB_LEAVES, &WEB_LEAVES);
    assert_eq!(status(&two), "suspended held");
    two.web.add_unit("web");
    two.publish();
    let ran = two.settle();
    assert!(
        !of("web/2", &ran)
            .iter()
            .any(|hook| hook.contains("relation")),
        "{ran:?}"
    );
    two.web.remove_unit("web/2");
    two.publish();
    two.settle();

    suspend(&mut two, None);
    assert_ran(&two.settle(), &DB_JOINS, &WEB_JOINS);
    assert_eq!(status(&two), "joined ");

    // Resumed before everybody has run its hooks: those go on from where they are, and nobody is left out.
    suspend(&mut two, Some(""));
    for name in ["web/0", "web/1"] {
        while two.web.step(&unit(name)) {}
        two.publish();
    }
    suspend(&mut two, None);
    two.settle();
    for (simulation, name, others) in [(&two.db, "db/0", 2), (&two.web, "web/1", 1)] {
        let progress = simulation.unit(name).progress.relations.values().next();
        assert_eq!(progress.unwrap().members.len(), others, "{name}");
    }
}

#[test]
fn a_relation_goes_on_both_sides_whoever_ends_it() {
    let end = |two: &mut Two, what: &str| {
        let (uses, offers) = (two.uses(), two.offers());
        let (there, here) = two.halves();
        let now = two.db.now;
        match what {
            "consumer removes the relation" => two.change_model(&uses, |model| {
                changes::remove_relation(model, here.unwrap(), Haste::Orderly).unwrap();
            }),
            "offerer removes the relation" => two.change_model(&offers, |model| {
                changes::remove_relation(model, there.unwrap(), Haste::Orderly).unwrap();
            }),
            "remove-saas" => two.change_model(&uses, |model| {
                changes::remove_remote_application(model, "sql", Haste::Orderly).unwrap();
            }),
            "remove-offer --force" => two.change_model(&offers, |model| {
                assert!(changes::remove_offer(model, "db", Haste::Orderly).is_err());
                let haste = Haste::of(true, false, now);
                changes::remove_offer(model, "db", haste).unwrap();
            }),
            "by force at the consumer" => two.change_model(&uses, |model| {
                changes::remove_relation(model, here.unwrap(), Haste::Forced).unwrap();
            }),
            "application by force" => two.change_model(&uses, |model| {
                changes::remove_application(model, "web", Haste::Forced, now).unwrap();
            }),
            "offered application by force" => two.change_model(&offers, |model| {
                changes::remove_application(model, "db", Haste::Orderly, now).unwrap_err();
                changes::remove_application(model, "db", Haste::Forced, now).unwrap();
            }),
            "consumer model by force" => two.change(|state| {
                changes::destroy_model(state.model_mut(&uses).unwrap(), Haste::Forced, now);
                state.models.remove(&uses);
            }),
            "offering model by force" => two.change(|state| {
                changes::destroy_model(state.model_mut(&offers).unwrap(), Haste::Forced, now);
                state.models.remove(&offers);
            }),
            "consumer model" => two.change_model(&uses, |model| {
                changes::destroy_model(model, Haste::Orderly, now);
            }),
            "offering model" => two.change_model(&offers, |model| {
                changes::destroy_model(model, Haste::Orderly, now);
            }),
            other => panic!("{other}"),
        }
    };
    let (db, web): (&[&str], &[&str]) = (&DB_LEAVES, &WEB_LEAVES);
    for (what, db, web) in [
        ("consumer removes the relation", db, web),
        ("offerer removes the relation", db, web),
        ("remove-saas", db, web),
        ("remove-offer --force", db, web),
        ("by force at the consumer", db, &[]),
        ("application by force", db, &[]),
        ("offered application by force", &[], web),
        ("consumer model by force", db, &[]),
        ("offering model by force", &[], web),
    ] {
        let mut two = Two::related();
        end(&mut two, what);
        let ran = two.settle();
        assert_eq!(of("db/0", &ran), db, "{what}");
        assert_eq!(of("web/1", &ran), web, "{what}");
        if !two.web.gone && !two.db.gone {
            two.assert_nothing_is_left();
        }
        let consumed = two.web.model.remote_applications.contains("sql");
        assert!(
            two.web.gone || consumed != (what == "remove-saas"),
            "{what}"
        );
    }
    for (what, other) in [("consumer model", "db/0"), ("offering model", "web/0")] {
        let mut two = Two::related();
        end(&mut two, what);
        let ran = two.settle();
        let left = if other == "db/0" { db } else { web };
        assert_eq!(of(other, &ran), left, "{what}");
        assert_eq!(
            (two.web.gone, two.db.gone),
            (other == "db/0", other == "web/0"),
            "{what}"
        );
    }
}

#[test]
fn a_unit_in_error_holds_only_its_own_side() {
    let mut two = Two::related();
    let (uses, offers) = (two.uses(), two.offers());
    let (there, _) = two.halves();
    two.change_model(&offers, |model| {
        changes::remove_relation(model, there.unwrap(), Haste::Orderly).unwrap();
    });
    two.db.fail("db/0");
    two.db
        .model
        .info_mut()
        .config
        .insert("automatically-retry-hooks".to_owned(), "false".to_owned());
    two.publish();
    two.settle();
    assert_eq!(two.halves(), (there, None), "the other side is done");
    // They can be related again at once.
    two.change_model(&uses, |model| {
        assert_eq!(
            model.remote_applications.get("sql").unwrap().life,
            Life::Alive
        );
    });
    two.relate();
    two.settle();
    two.change_model(&offers, |model| {
        let row = model.units.get_mut(&unit("db/0")).unwrap();
        row.resolved = Some(crate::model::Resolved::Retry);
    });
    let ran = of("db/0", &two.settle());
    assert!(
        ran.iter()
            .any(|hook| hook.starts_with("db-relation-broken"))
    );
    let crossing = two.db.model.relations.values();
    let crossing = crossing.filter(|relation| relation.cross_model.is_some());
    assert_eq!(crossing.count(), 1, "the new one");
}
