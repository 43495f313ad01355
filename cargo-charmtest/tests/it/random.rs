//! Random legal commands against a small model of Juju's rules: whatever is asked for in whatever order, and whatever is killed
//! meanwhile, in the end everything that should be there is there, settled, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::bed::{Bed, units};

/// How many sequences are tried.
const CASES: u32 = 6;

/// How often a failing sequence is made smaller: each try is a controller of its own.
const SHRINKS: u32 = 40;

/// Both charms write what they know into their databags, fail where the option `fail` says so, and show the option `word`.
const SCRIPT: &str = r#"
tell() {
    for id in $(relation-ids "$1"); do
        relation-set -r "$id" unit="$JUJU_UNIT_NAME" word="$(config-get word)"
        [ "$(is-leader)" = True ] && relation-set -r "$id" --app word="$(config-get word)"
    done
}
[ "$JUJU_HOOK_NAME" = "$(config-get fail)" ] && exit 1
case "$JUJU_HOOK_NAME" in
    config-changed|leader-elected|*-relation-created) tell server; tell client ;;
esac
status-set active "$(config-get word)"
exit 0
"#;
const SERVER: &str = "provides:\n  server: {interface: kv}\npeers:\n  ring: {interface: ring}\n";
const CLIENT: &str = "requires:\n  client: {interface: kv}\n";
const OPTIONS: &str = "options:\n  word: {type: string, default: none, description: w}\n  fail: {type: string, default: '', description: f}\n";

/// A command, or a blow. What it works on is chosen among what is there by the number, so a shorter sequence is legal too.
#[derive(Debug, Clone)]
enum Step {
    Deploy { client: bool },
    AddUnit(usize),
    RemoveUnit(usize),
    RemoveApplication { which: usize, force: bool },
    Relate(usize),
    Unrelate(usize),
    Configure(usize),
    Fail(usize),
    Resolve,
    Refresh(usize),
    KillDaemon,
    KillHook,
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..8_usize;
    prop_oneof![
        3 => any::<bool>().prop_map(|client| Step::Deploy { client }),
        3 => which.clone().prop_map(Step::AddUnit),
        2 => which.clone().prop_map(Step::RemoveUnit),
        1 => (which.clone(), any::<bool>()).prop_map(|(which, force)| Step::RemoveApplication { which, force }),
        4 => which.clone().prop_map(Step::Relate),
        2 => which.clone().prop_map(Step::Unrelate),
        2 => which.clone().prop_map(Step::Configure),
        1 => which.clone().prop_map(Step::Fail),
        1 => Just(Step::Resolve),
        1 => which.prop_map(Step::Refresh),
        1 => Just(Step::KillDaemon),
        1 => Just(Step::KillHook),
        2 => Just(Step::Settle),
    ]
}

/// What Juju's rules say is there once everything has settled.
#[derive(Debug, Default)]
struct Expected {
    applications: BTreeMap<String, Application>,
    /// Related pairs: server, client.
    relations: BTreeSet<(String, String)>,
    deployed: u32,
    words: u32,
}

#[derive(Debug)]
struct Application {
    client: bool,
    units: BTreeSet<String>,
    next_unit: u32,
    word: String,
    fails: bool,
}

/// Returns the `which`-th of `all`, counting round.
fn pick<T>(all: impl Iterator<Item = T> + Clone, which: usize) -> Option<T> {
    let count = all.clone().count();
    all.clone().nth(which.checked_rem(count)?)
}

impl Expected {
    fn name(&self, which: usize) -> Option<String> {
        pick(self.applications.keys(), which).cloned()
    }

    fn change(&mut self, which: usize) -> Option<(String, &mut Application)> {
        let name = self.name(which)?;
        let application = self.applications.get_mut(&name)?;
        Some((name, application))
    }

    /// Does a step for real and in the model; one that has nothing to work on is none.
    fn take(&mut self, bed: &Bed, step: &Step) {
        match step {
            Step::Deploy { client } => self.deploy(bed, *client),
            Step::AddUnit(which) => {
                let Some((name, application)) = self.change(*which) else {
                    return;
                };
                application
                    .units
                    .insert(format!("{name}/{}", application.next_unit));
                application.next_unit += 1;
                bed.juju(&["add-unit", &name]);
            }
            Step::RemoveUnit(which) => {
                let Some((_, application)) = self.change(*which) else {
                    return;
                };
                let Some(unit) = pick(application.units.iter(), *which).cloned() else {
                    return;
                };
                application.units.remove(&unit);
                bed.juju(&["remove-unit", "--no-prompt", &unit]);
            }
            Step::RemoveApplication { which, force } => {
                let Some(name) = self.name(*which) else {
                    return;
                };
                let removed = self.applications.remove(&name);
                self.relations
                    .retain(|(server, client)| *server != name && *client != name);
                // A unit in error would hold its application for ever, as it does in Juju.
                if !force && removed.is_some_and(|application| application.fails) {
                    bed.juju(&["config", &name, "fail="]);
                }
                let force = force.then_some("--force");
                let args = ["remove-application", "--no-prompt", &name];
                bed.juju(&args.into_iter().chain(force).collect::<Vec<_>>());
            }
            Step::Relate(which) => {
                let pairs: BTreeSet<(String, String)> = self
                    .pairs()
                    .filter(|pair| !self.relations.contains(pair))
                    .collect();
                let Some((server, client)) = pick(pairs.iter(), *which) else {
                    return;
                };
                // A relation that is still going keeps its place.
                bed.wait(&format!("room for {server} {client}"), |status| {
                    !is_related(status, server, client)
                });
                bed.juju(&[
                    "integrate",
                    &format!("{server}:server"),
                    &format!("{client}:client"),
                ]);
                self.relations.insert((server.clone(), client.clone()));
            }
            Step::Unrelate(which) => {
                let Some((server, client)) = pick(self.relations.iter(), *which).cloned() else {
                    return;
                };
                bed.juju(&["remove-relation", &server, &client]);
                self.relations.remove(&(server, client));
                // A unit in error would hold the relation for ever, as it does in Juju.
                self.heal(bed);
            }
            Step::Configure(which) => {
                self.words += 1;
                let word = format!("word{}", self.words);
                let Some((name, application)) = self.change(*which) else {
                    return;
                };
                bed.juju(&["config", &name, &format!("word={word}")]);
                application.word = word;
            }
            Step::Fail(which) => {
                let Some((name, application)) = self.change(*which) else {
                    return;
                };
                application.fails = true;
                bed.juju(&["config", &name, "fail=config-changed"]);
            }
            Step::Resolve => self.heal(bed),
            Step::Refresh(which) => {
                let Some((name, application)) = self.change(*which) else {
                    return;
                };
                let path = if application.client { "./cli" } else { "./srv" };
                bed.juju(&["refresh", &name, "--path", path]);
            }
            Step::KillDaemon => {
                if let Some(daemon) = bed.daemon().and_then(Pid::from_raw) {
                    // It may be gone already.
                    let _ = kill_process(daemon, Signal::KILL);
                }
            }
            Step::KillHook => {
                for hook in hooks_of(&bed.data()).into_iter().take(1) {
                    let _ = kill_process(hook, Signal::KILL);
                }
            }
            Step::Settle => {
                self.heal(bed);
                self.settled(bed);
            }
        }
    }

    fn deploy(&mut self, bed: &Bed, client: bool) {
        if self.applications.len() >= 4 {
            return;
        }
        // A name of its own, so that nothing is confused with what is still going.
        let letter = char::from(b'a' + u8::try_from(self.deployed % 26).unwrap_or_default());
        self.deployed += 1;
        let (charm, name) = if client {
            ("./cli", format!("cli{letter}"))
        } else {
            ("./srv", format!("srv{letter}"))
        };
        bed.juju(&["deploy", charm, &name]);
        let application = Application {
            client,
            units: BTreeSet::from([format!("{name}/0")]),
            next_unit: 1,
            word: "none".to_owned(),
            fails: false,
        };
        self.applications.insert(name, application);
    }

    /// Iterates over the pairs of a server and a client.
    fn pairs(&self) -> impl Iterator<Item = (String, String)> {
        let of = |client: bool| {
            let all = self.applications.iter();
            all.filter(move |(_, application)| application.client == client)
                .map(|(name, _)| name.clone())
                .collect::<Vec<_>>()
        };
        let clients = of(true);
        of(false).into_iter().flat_map(move |server| {
            let clients = clients.clone();
            clients
                .into_iter()
                .map(move |client| (server.clone(), client))
        })
    }

    /// Takes away the reasons to fail and has everything in error run again.
    fn heal(&mut self, bed: &Bed) {
        for (name, application) in &mut self.applications {
            if application.fails {
                application.fails = false;
                bed.juju(&["config", name, "fail="]);
            }
        }
        bed.juju(&["resolved", "--all"]);
    }

    /// Waits until just what is expected is there and at rest.
    fn settled(&self, bed: &Bed) -> Value {
        bed.wait(&format!("{self:?}"), |status| {
            let there: BTreeSet<&String> = status["applications"]
                .as_object()
                .into_iter()
                .flat_map(serde_json::Map::keys)
                .collect();
            there == self.applications.keys().collect()
                && self.applications.iter().all(|(name, application)| {
                    let found = units(status, name);
                    let names: BTreeSet<String> =
                        found.iter().map(|(unit, _)| unit.clone()).collect();
                    names == application.units
                        && found.iter().all(|(_, unit)| {
                            unit["juju-status"]["current"] == "idle"
                                && unit["workload-status"]["current"] == "active"
                                && unit["workload-status"]["message"] == application.word.as_str()
                        })
                })
                && self.pairs().all(|(server, client)| {
                    let expected = self.relations.contains(&(server.clone(), client.clone()));
                    is_related(status, &server, &client) == expected
                })
        })
    }

    /// Asserts what must hold at rest beside the status: databags, directories, processes.
    fn check(&self, bed: &Bed, status: &Value) {
        for (server, client) in &self.relations {
            self.check_bags(bed, server, "server", client);
            self.check_bags(bed, client, "client", server);
        }
        let tags: BTreeSet<String> = self
            .applications
            .values()
            .flat_map(|application| &application.units)
            .map(|unit| format!("unit-{}", unit.replace('/', "-")))
            .collect();
        bed.wait("directories of units that are gone to be gone", |_| {
            directories(&bed.data()) == tags
        });
        bed.wait("all hooks to have ended", |_| {
            hooks_of(&bed.data()).is_empty()
        });
        for (name, application) in &self.applications {
            let leaders = units(status, name)
                .iter()
                .filter(|(_, unit)| unit["leader"] == true)
                .count();
            assert_eq!(
                leaders,
                usize::from(!application.units.is_empty()),
                "leaders of {name}"
            );
        }
    }

    /// Asserts that every unit of `here` sees the databags of all units and of the application on the other side as they wrote them.
    fn check_bags(&self, bed: &Bed, here: &str, endpoint: &str, there: &str) {
        let other = &self.applications[there];
        for unit in &self.applications[here].units {
            let shown: Value =
                serde_json::from_str(&bed.juju(&["show-unit", unit, "--format", "json"])).unwrap();
            let relations = shown[unit]["relation-info"].as_array();
            let seen: Vec<&Value> = relations
                .into_iter()
                .flatten()
                .filter(|relation| relation["endpoint"] == endpoint)
                .filter(|relation| {
                    other.units.is_empty()
                        || other
                            .units
                            .iter()
                            .any(|remote| relation["related-units"].get(remote).is_some())
                })
                .collect();
            if other.units.is_empty() {
                continue;
            }
            let [relation] = seen.as_slice() else {
                panic!("{unit} is not related to {there} once: {shown}");
            };
            let remote: BTreeSet<&String> = relation["related-units"]
                .as_object()
                .into_iter()
                .flat_map(serde_json::Map::keys)
                .collect();
            assert_eq!(remote, other.units.iter().collect(), "{unit} sees {there}");
            for remote in &other.units {
                let data = &relation["related-units"][remote]["data"];
                assert_eq!(
                    data["unit"],
                    remote.as_str(),
                    "{unit} sees {remote}: {shown}"
                );
                assert_eq!(
                    data["word"],
                    other.word.as_str(),
                    "{unit} sees {remote}: {shown}"
                );
            }
            assert_eq!(
                relation["application-data"]["word"],
                other.word.as_str(),
                "{unit} sees {there}: {shown}"
            );
        }
    }
}

fn is_related(status: &Value, server: &str, client: &str) -> bool {
    let related = status["applications"][server]["relations"]["server"].as_array();
    related
        .into_iter()
        .flatten()
        .any(|relation| relation["related-application"] == client)
}

/// Returns the names of the units' directories.
fn directories(data: &Path) -> BTreeSet<String> {
    let list = |dir: &Path| {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    list(&data.join("models"))
        .iter()
        .flat_map(|model| list(&model.join("agents")))
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect()
}

/// Returns the processes of hooks of this controller.
fn hooks_of(data: &Path) -> Vec<Pid> {
    let marker = format!("CHARM_DIR={}/", data.display());
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            // A process that has just ended has no environment any more.
            let environment = fs::read(entry.path().join("environ")).ok()?;
            environment
                .split(|byte| *byte == 0)
                .any(|variable| variable.starts_with(marker.as_bytes()))
                .then_some(pid)
        })
        .filter_map(Pid::from_raw)
        .collect()
}

fn bed() -> Bed {
    let bed = Bed::new();
    bed.charm("srv", SERVER, SCRIPT);
    bed.charm("cli", CLIENT, SCRIPT);
    for charm in ["srv", "cli"] {
        fs::write(bed.path().join(charm).join("config.yaml"), OPTIONS).unwrap();
    }
    bed
}

#[test]
fn random_commands_leave_nothing_stuck_and_nothing_behind() {
    let given = std::env::var("CHARMTEST_SEED")
        .ok()
        .and_then(|seed| seed.parse::<u64>().ok());
    let seed = given.unwrap_or_else(|| SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs());
    println!("to repeat: CHARMTEST_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases: CASES,
        max_shrink_iters: SHRINKS,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let sequences = proptest::collection::vec(step(), 4..16);
    let result = runner.run(&sequences, |steps| {
        let bed = bed();
        let mut expected = Expected::default();
        for step in &steps {
            expected.take(&bed, step);
        }
        expected.heal(&bed);
        let status = expected.settled(&bed);
        expected.check(&bed, &status);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
