//! Whatever is killed, nothing that was acknowledged is lost, and everything goes on.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::bed::Bed;

/// How often the daemon is killed.
const KILLS: u32 = 50;

fn kill(pid: i32) {
    // It may be gone already.
    let _ = Command::new("kill")
        .args(["-KILL", &pid.to_string()])
        .output();
}

/// A tiny generator of pseudo-random numbers: a test that fails is run again with the seed that it printed.
struct Random(u64);

impl Random {
    #[expect(clippy::print_stdout, reason = "a failed test shows its seed")]
    fn seeded() -> Self {
        let given = std::env::var("CHARMTEST_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs());
        println!("to repeat: CHARMTEST_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, limit: u64) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// Runs a command that may be cut off by the death of the daemon: again until it is answered. What it wanted may have been done by
/// the attempt whose answer was lost, so `done` is a fine answer too.
#[track_caller]
fn insist(bed: &Bed, args: &[&str], done: &str) {
    let deadline = Instant::now() + crate::bed::PATIENCE;
    loop {
        let said = bed.try_juju(args);
        if said.code == Some(0) || said.stderr.contains(done) {
            return;
        }
        let cut_off = ["went away", "did not start", "does not take"];
        assert!(
            cut_off.iter().any(|text| said.stderr.contains(text)),
            "juju {}: {said:?}",
            args.join(" ")
        );
        assert!(
            Instant::now() < deadline,
            "juju {} was never answered: {said:?}",
            args.join(" ")
        );
    }
}

#[track_caller]
fn until(bed: &Bed, what: &str, ready: impl Fn(&serde_json::Value) -> bool) {
    let deadline = Instant::now() + crate::bed::PATIENCE;
    loop {
        let said = bed.try_juju(&["status", "--format", "json"]);
        let status = serde_json::from_str(&said.stdout).unwrap_or_default();
        if said.code == Some(0) && ready(&status) {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{what} did not come to pass: {said:?}\n{}",
            fs::read_to_string(bed.trace_file()).unwrap_or_default()
        );
        thread::sleep(Duration::from_millis(20));
    }
}

fn scenario(bed: &Bed) {
    insist(bed, &["deploy", "./srv"], "already exists");
    insist(bed, &["deploy", "./cli"], "already exists");
    insist(bed, &["integrate", "srv", "cli"], "already exists");
    until(bed, "the relation to settle", |status| {
        let app = |name: &str| {
            status["applications"][name]["units"]
                .as_object()
                .is_some_and(|units| {
                    units.values().all(|unit| {
                        unit["workload-status"]["message"] == "related"
                            && unit["juju-status"]["current"] == "idle"
                    })
                })
        };
        app("srv") && app("cli")
    });
    insist(bed, &["remove-relation", "srv", "cli"], "not found");
    insist(
        bed,
        &["remove-application", "srv", "cli", "--no-prompt"],
        "not found",
    );
    until(bed, "everything to go", |status| {
        status["applications"]
            .as_object()
            .is_some_and(serde_json::Map::is_empty)
            && status["machines"]
                .as_object()
                .is_some_and(serde_json::Map::is_empty)
    });
}

/// Once a hook was followed by its successor it was committed, and must not run again.
fn assert_nothing_committed_ran_again(trace: &str) {
    for unit in ["srv/", "cli/"] {
        let mut units: Vec<&str> = trace
            .lines()
            .filter_map(|line| line.split(' ').next())
            .filter(|name| name.starts_with(unit))
            .collect();
        units.sort_unstable();
        units.dedup();
        for unit in units {
            let hooks: Vec<&str> = trace
                .lines()
                .filter_map(|line| line.strip_prefix(&format!("{unit} ")))
                .collect();
            let mut distinct = hooks.clone();
            distinct.dedup();
            let repeated = distinct.iter().enumerate().find(|(index, hook)| {
                !hook.contains("config-changed")
                    && !hook.contains("-changed")
                    && distinct[..*index].contains(hook)
            });
            assert_eq!(repeated, None, "{unit}: {hooks:?}");
            for first in ["install", "start", "stop", "remove"] {
                assert!(
                    hooks.iter().any(|hook| hook.starts_with(first)),
                    "{unit} never ran {first}: {hooks:?}"
                );
            }
        }
    }
}

#[test]
fn the_daemon_may_be_killed_at_any_moment() {
    let bed = Bed::new();
    let script = "case $JUJU_HOOK_NAME in\n*-relation-changed) relation-set seen=yes; status-set active related;;\n*-relation-broken) status-set active alone;;\nesac";
    bed.tracer("srv", "provides:\n  server: {interface: kv}\n", script);
    bed.tracer("cli", "requires:\n  client: {interface: kv}\n", script);

    let mut random = Random::seeded();
    let undisturbed = Instant::now();
    scenario(&bed);
    let length = u64::try_from(undisturbed.elapsed().as_millis())
        .unwrap()
        .max(1);

    let mut killed = 0;
    while killed < KILLS {
        fs::remove_file(bed.trace_file()).unwrap();
        let over = AtomicBool::new(false);
        let delays: Vec<u64> = (0..3).map(|_| random.below(length)).collect();
        killed += thread::scope(|scope| {
            let killer = scope.spawn(|| {
                let mut kills = 0;
                for delay in delays {
                    thread::sleep(Duration::from_millis(delay));
                    if over.load(Ordering::SeqCst) {
                        break;
                    }
                    if let Some(pid) = bed.daemon() {
                        kill(pid);
                        kills += 1;
                    }
                }
                kills
            });
            scenario(&bed);
            over.store(true, Ordering::SeqCst);
            killer.join().unwrap()
        });
        assert_nothing_committed_ran_again(&fs::read_to_string(bed.trace_file()).unwrap());
    }
}

#[test]
fn a_hook_that_ran_when_the_daemon_died_runs_again() {
    let bed = Bed::new();
    let go = bed.path().join("go");
    let script = format!(
        "[ \"$JUJU_HOOK_NAME\" = install ] && while [ ! -e {} ]; do sleep 0.02; done",
        go.display()
    );
    let charm = bed.tracer("srv", "", &script);
    bed.juju(&["deploy", &charm]);
    bed.wait("install to run", |_| !bed.trace("srv/0").is_empty());
    kill(bed.daemon().unwrap());
    bed.wait("install to run again", |_| bed.trace("srv/0").len() == 2);
    fs::write(&go, "").unwrap();
    bed.settle(&["srv"], "active");
    assert_eq!(
        bed.trace("srv/0"),
        [
            "install",
            "install",
            "leader-elected",
            "config-changed",
            "start"
        ]
    );
}

#[test]
fn what_was_there_is_there_after_a_stop() {
    let bed = Bed::new();
    let charm = bed.tracer("srv", "", "");
    bed.juju(&["deploy", &charm]);
    let before = bed.settle(&["srv"], "active");
    let stopped = Command::new(crate::bed::PROGRAM)
        .args(["charmtest", "controller", "stop"])
        .env("CHARMTEST_DATA", bed.data())
        .output()
        .unwrap();
    assert!(stopped.status.success());
    assert_eq!(bed.daemon(), None);
    let after = bed.settle(&["srv"], "active");
    assert_eq!(before["applications"], after["applications"]);
    assert_eq!(
        bed.trace("srv/0").len(),
        4,
        "a restart is no event: {:?}",
        bed.trace("srv/0")
    );
}

#[test]
fn a_client_that_is_killed_leaves_the_controller_well() {
    let bed = Bed::new();
    let charm = bed.charm("srv", "", "status-set active");
    bed.juju(&["deploy", &charm]);
    bed.settle(&["srv"], "active");
    let mut client = bed
        .command(&["exec", "--unit", "srv/0", "--", "sleep 2; touch done"])
        .spawn()
        .unwrap();
    bed.wait("the command to run", |status| {
        status["applications"]["srv"]["units"]["srv/0"]["juju-status"]["current"] == "executing"
    });
    client.kill().unwrap();
    client.wait().unwrap();
    bed.settle(&["srv"], "active");
    assert_eq!(
        bed.juju(&["exec", "--unit", "srv/0", "--", "ls done"]),
        "done\n",
        "the task was accepted, so it is done"
    );
}

#[test]
fn two_clients_may_start_the_daemon_at_once() {
    let bed = Bed::bare();
    thread::scope(|scope| {
        for name in ["a", "b", "c", "d"] {
            let bed = &bed;
            scope.spawn(move || bed.juju(&["add-model", name, "--no-switch"]));
        }
    });
    let models: serde_json::Value =
        serde_json::from_str(&bed.juju(&["models", "--format", "json"])).unwrap();
    assert_eq!(
        models["models"].as_array().map(Vec::len),
        Some(4),
        "{models}"
    );
}

#[test]
fn a_damaged_database_is_refused_and_kept() {
    let bed = Bed::bare();
    bed.juju(&["add-model", "m"]);
    let stop = Command::new(crate::bed::PROGRAM)
        .args(["charmtest", "controller", "stop"])
        .env("CHARMTEST_DATA", bed.data())
        .output()
        .unwrap();
    assert!(stop.status.success());
    let database = bed.data().join("state.db");
    let _ = fs::remove_file(bed.data().join("state.db-wal"));
    fs::write(
        &database,
        "this is no database, it only has the length of one".repeat(100),
    )
    .unwrap();
    let said = bed.try_juju(&["models"]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.stderr.contains("state.db is damaged") && said.stderr.contains("move that file away"),
        "{said:?}"
    );
    assert!(
        fs::read_to_string(&database)
            .unwrap()
            .starts_with("this is no database")
    );
}

#[test]
fn a_full_disk_refuses_changes_and_loses_none() {
    let bed = Bed::bare();
    // A limit on the size of files stands in for a full disk; without the trap it would kill instead of refuse.
    let script = format!(
        "trap '' XFSZ; ulimit -f 1500; exec {} charmtest controller start",
        crate::bed::PROGRAM
    );
    let started = Command::new("sh")
        .args(["-c", &script])
        .env("CHARMTEST_DATA", bed.data())
        .output()
        .unwrap();
    assert!(started.status.success(), "{started:?}");
    bed.juju(&["add-model", "m"]);
    let charm = bed.charm("srv", "", "status-set active");
    fs::write(
        bed.path().join("srv/config.yaml"),
        "options:\n  blob: {type: string, default: '', description: d}\n",
    )
    .unwrap();
    bed.juju(&["deploy", &charm]);
    bed.settle(&["srv"], "active");

    bed.charm("big", "", "status-set active");
    let noise: Vec<u8> = {
        let mut random = Random(7);
        (0..6_000_000)
            .map(|_| u8::try_from(random.below(256)).unwrap())
            .collect()
    };
    fs::write(bed.path().join("big/noise"), noise).unwrap();
    let said = bed.try_juju(&["deploy", "./big"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("ERROR "), "{said:?}");
    assert!(bed.status()["applications"].get("big").is_none());

    let mut kept = String::new();
    let refused = (0..40).find_map(|round| {
        let value = format!("{round}-{}", "x".repeat(100_000));
        fs::write(bed.path().join("blob"), &value).unwrap();
        let said = bed.try_juju(&["config", "srv", "blob=@blob"]);
        if said.code == Some(0) {
            kept = value;
            return None;
        }
        Some(said)
    });
    let refused = refused.expect("the disk never filled up");
    assert!(refused.stderr.contains("state.db"), "{refused:?}");
    assert_eq!(bed.juju(&["config", "srv", "blob"]).trim_end(), kept);

    kill(bed.daemon().unwrap());
    until(&bed, "the unit to go on", |status| {
        status["applications"]["srv"]["units"]["srv/0"]["juju-status"]["current"] == "idle"
    });
    assert_eq!(bed.juju(&["config", "srv", "blob"]).trim_end(), kept);
}
