//! The acting half: real processes, a real database, charms made of shell.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::Agents;
use super::simulation::{Simulation, unit};
use crate::model::changes::{self, Haste};
use crate::model::random_uuid;
use crate::model::{
    AgentStatus, Clock, Hub, LogQuery, Model, ModelUuid, Resolved, State, Task, TaskStatus, Timing,
    Unit,
};
use crate::paths::DataDir;

/// How long a test waits for something that should take milliseconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// A controller with agents, its data in a directory that goes with it.
struct Rig {
    dir: tempfile::TempDir,
    hub: Arc<Hub>,
    agents: Arc<Agents>,
    uuid: ModelUuid,
}

/// A charm of shell: what its `dispatch` does, and what else is in it.
struct ShellCharm<'a> {
    dispatch: &'a str,
    files: &'a [(&'a str, &'a str)],
    mode: u32,
}

impl Default for ShellCharm<'_> {
    fn default() -> Self {
        Self {
            dispatch: "",
            files: &[],
            mode: 0o755,
        }
    }
}

fn charm(dispatch: &str) -> ShellCharm<'_> {
    ShellCharm {
        dispatch,
        ..ShellCharm::default()
    }
}

fn timing() -> Timing {
    Timing {
        hook_retry_first: Duration::from_millis(50),
        hook_retry_max: Duration::from_millis(400),
        killed_hook: Duration::from_millis(50),
        ..Timing::default()
    }
}

fn open(data: DataDir) -> (Arc<Hub>, Arc<Agents>) {
    let (hub, touched) = Hub::open(data, Clock::System, timing()).unwrap();
    (Arc::clone(&hub), Agents::start(hub, touched))
}

impl Rig {
    /// Makes a controller with an empty model.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(&dir.path().join("data")).unwrap();
        fs::create_dir_all(data.root().join("charms")).unwrap();
        let (hub, agents) = open(data);
        let mut model = Simulation::new().model;
        // Tests that run side by side must not end each other's processes.
        let uuid = ModelUuid(random_uuid());
        model.info_mut().uuid = uuid.clone();
        let rig = Self {
            dir,
            hub,
            agents,
            uuid,
        };
        rig.hub
            .transact(|state: &mut State| {
                let mut model = model;
                model
                    .info_mut()
                    .config
                    .insert("logging-config".to_owned(), "<root>=DEBUG".to_owned());
                state.models.insert(rig.uuid.clone(), Arc::new(model));
                Ok::<_, std::convert::Infallible>(())
            })
            .unwrap();
        rig
    }

    /// Makes a controller in which `app` runs one unit of a charm.
    fn with(shell: &ShellCharm<'_>) -> Self {
        let rig = Self::new();
        let sha256 = rig.pack(shell);
        rig.change(|model| deploy(model, "app", 1, &sha256));
        rig
    }

    /// Packs a charm whose `dispatch` also writes what it runs to the file `ran`; returns its hash.
    fn pack(&self, shell: &ShellCharm<'_>) -> String {
        let source = tempfile::tempdir_in(self.dir.path()).unwrap();
        let put = |name: &str, text: &str, mode: u32| {
            let path = source.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        };
        put(
            "metadata.yaml",
            "name: app\nsummary: s\ndescription: d\n",
            0o644,
        );
        let ran = self.file("ran");
        let body = shell
            .dispatch
            .replace("@DIR@", &self.dir.path().display().to_string());
        let script = format!(
            "#!/bin/bash\necho \"$JUJU_UNIT_NAME $JUJU_DISPATCH_PATH\" >> {}\n{body}\n",
            ran.display()
        );
        put("dispatch", &script, shell.mode);
        for (name, text) in shell.files {
            put(name, text, 0o644);
        }
        let out = self.dir.path().join("app.charm");
        let archive = charmtest_charm::pack_directory(source.path(), &out).unwrap();
        fs::rename(&out, self.hub.data.charm(archive.sha256())).unwrap();
        archive.sha256().to_owned()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn change(&self, change: impl FnOnce(&mut Model)) {
        let result = self.hub.transact(|state: &mut State| {
            change(state.model_mut(&self.uuid).unwrap());
            Ok::<_, std::convert::Infallible>(())
        });
        result.unwrap();
    }

    fn model(&self) -> Arc<Model> {
        self.hub.model(&self.uuid).unwrap()
    }

    fn unit(&self) -> Unit {
        self.model().units.get(&unit("app/0")).unwrap().clone()
    }

    /// Waits until the model is so.
    async fn until(&self, what: &str, mut is_so: impl FnMut(&Model) -> bool) {
        let mut states = self.hub.watch();
        let waiting = states.wait_for(|state| {
            state
                .models
                .get(&self.uuid)
                .is_some_and(|model| is_so(model))
        });
        let met = tokio::time::timeout(PATIENCE, waiting).await.is_ok();
        assert!(
            met,
            "not {what}: {:#?}\n{}",
            self.hub.model(&self.uuid).map(|m| m.units.clone()),
            self.log().join("\n")
        );
    }

    async fn until_idle(&self) {
        self.until("idle", |model| {
            let idle =
                |unit: &Unit| unit.agent.current == AgentStatus::Idle && unit.progress.started;
            !model.units.is_empty() && model.units.values().all(idle)
        })
        .await;
    }

    async fn until_file(&self, name: &str) {
        let path = self.file(name);
        let waiting = async {
            while !path.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(
            tokio::time::timeout(PATIENCE, waiting).await.is_ok(),
            "no file {name}: {}",
            self.log().join("\n")
        );
    }

    /// What `dispatch` was called for.
    fn ran(&self) -> Vec<String> {
        let text = fs::read_to_string(self.file("ran")).unwrap_or_default();
        text.lines()
            .map(|line| line.strip_prefix("app/0 hooks/").unwrap_or(line).to_owned())
            .collect()
    }

    fn log(&self) -> Vec<String> {
        let lines = self
            .hub
            .read_log(Some(&self.uuid), &LogQuery::default())
            .unwrap();
        lines
            .into_iter()
            .map(|(_, line)| {
                format!(
                    "{}: {} {} {}",
                    line.entity,
                    line.level.as_str(),
                    line.module,
                    line.message
                )
            })
            .collect()
    }

    fn agent_dir(&self) -> PathBuf {
        self.hub.data.agent(&self.uuid, &unit("app/0"))
    }

    /// Queues an action and waits for its end.
    async fn run_task(&self, action: &str, params: Value) -> Task {
        let mut id = 0;
        self.change(|model| {
            let mut sim = Simulation {
                model: model.clone(),
                ..Simulation::new()
            };
            id = sim.queue_task("app/0");
            *model = sim.model;
            model.tasks.update(id, |task| {
                task.action = action.to_owned();
                task.params = params.as_object().cloned().unwrap_or_default();
            });
        });
        self.until("done with the task", |model| {
            model
                .tasks
                .get(&id)
                .is_some_and(|task| task.status.is_final())
        })
        .await;
        self.model().tasks.get(&id).unwrap().clone()
    }
}

fn deploy(model: &mut Model, name: &str, units: u32, sha256: &str) {
    let mut sim = Simulation {
        model: model.clone(),
        ..Simulation::new()
    };
    sim.deploy(name, "", units);
    sim.model
        .charms
        .get_mut(&format!("local:{name}-0"))
        .unwrap()
        .sha256 = sha256.to_owned();
    *model = sim.model;
}

fn results(task: &Task) -> String {
    serde_json::to_string(&task.results).unwrap()
}

fn is_running(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.trim())).unwrap_or_default();
    status
        .lines()
        .any(|line| line.starts_with("State:") && !line.contains('Z'))
}

const FIRST_RUN: [&str; 4] = ["install", "leader-elected", "config-changed", "start"];

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_runs_its_first_hooks() {
    let rig = Rig::with(&charm("echo hello; echo oops >&2; env > @DIR@/env"));
    rig.until_idle().await;
    assert_eq!(rig.ran(), FIRST_RUN);
    let log = rig.log();
    for line in [
        "unit-app-0: DEBUG unit.app/0.install hello",
        "unit-app-0: WARNING unit.app/0.start oops",
        "unit-app-0: INFO juju.worker.uniter.operation ran \"start\" hook (via hook dispatching script: dispatch)",
    ] {
        assert!(
            log.iter().any(|found| found == line),
            "{line} not in {log:#?}"
        );
    }
    let env = fs::read_to_string(rig.file("env")).unwrap();
    assert!(!env.contains("HOME="), "{env}");
    assert_eq!(rig.unit().workload.current, crate::model::Workload::Unknown);
    assert!(!rig.agents.is_busy());
    rig.agents.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_hook_is_retried_until_it_succeeds() {
    let rig = Rig::with(&charm(
        "if [ $JUJU_HOOK_NAME = config-changed ] && [ ! -e @DIR@/mended ]; then exit 3; fi",
    ));
    rig.until("retried", |model| {
        model.units.values().any(|unit| {
            unit.progress
                .failure
                .as_ref()
                .is_some_and(|failure| failure.attempts >= 3)
        })
    })
    .await;
    rig.until("in error", |model| {
        model
            .units
            .values()
            .any(|unit| unit.agent.message == "hook failed: \"config-changed\"")
    })
    .await;
    fs::write(rig.file("mended"), "").unwrap();
    rig.until_idle().await;
    let log = rig.log().join("\n");
    assert!(log.contains("ERROR juju.worker.uniter.operation hook \"config-changed\" (via hook dispatching script: dispatch) failed: exit status 3"));
    assert!(
        log.contains(
            "INFO juju.worker.uniter awaiting error resolution for \"config-changed\" hook"
        )
    );
    assert_eq!(rig.ran().last().map(String::as_str), Some("start"));
}

#[tokio::test(flavor = "multi_thread")]
async fn resolved_without_retry_goes_on() {
    let rig = Rig::new();
    rig.change(|model| {
        model
            .info_mut()
            .config
            .insert("automatically-retry-hooks".to_owned(), "false".to_owned());
    });
    let sha256 = rig.pack(&charm("[ $JUJU_HOOK_NAME != install ]"));
    rig.change(|model| deploy(model, "app", 1, &sha256));
    rig.until("in error", |model| {
        model
            .units
            .values()
            .any(|unit| unit.agent.current == AgentStatus::Error)
    })
    .await;
    rig.change(|model| {
        model.units.get_mut(&unit("app/0")).unwrap().resolved = Some(Resolved::Skip)
    });
    rig.until_idle().await;
    assert_eq!(rig.ran(), FIRST_RUN, "install ran once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_hook_runs_again_and_is_no_error() {
    let rig = Rig::with(&charm(
        "if [ $JUJU_HOOK_NAME = start ] && [ ! -e @DIR@/once ]; then touch @DIR@/once; kill -9 $$; fi",
    ));
    rig.until_idle().await;
    assert_eq!(
        rig.ran(),
        [
            "install",
            "leader-elected",
            "config-changed",
            "start",
            "start"
        ]
    );
    let log = rig.log().join("\n");
    let told = [
        "WARNING juju.worker.uniter.operation hook \"start\" was terminated",
        "WARNING juju.worker.uniter.resolver last \"start\" hook was killed, but agent still alive",
        "INFO juju.worker.uniter found queued \"start\" hook",
        "ran \"start\" hook",
    ];
    let places: Vec<Option<usize>> = told.iter().map(|line| log.rfind(line)).collect();
    assert!(places.is_sorted() && places[0].is_some(), "{log}");
    assert!(!log.contains("failed"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_reboots_at_once_is_killed_with_its_machine_and_runs_again() {
    let rig = Rig::with(&charm(
        "case $JUJU_HOOK_NAME in \
         start) sleep 300 & echo $! > @DIR@/workload;; \
         update-status) if [ ! -e @DIR@/pid ]; then echo $$ > @DIR@/pid; sleep 300; fi;; \
         esac",
    ));
    rig.until_idle().await;
    let workload = fs::read_to_string(rig.file("workload")).unwrap();
    rig.change(|model| {
        drop(
            model
                .info_mut()
                .config
                .insert("update-status-hook-interval".to_owned(), "10ms".to_owned()),
        )
    });
    rig.until_file("pid").await;
    rig.change(|model| {
        drop(
            model
                .info_mut()
                .config
                .insert("update-status-hook-interval".to_owned(), "1h".to_owned()),
        )
    });
    let running = rig.unit().progress.running.unwrap();
    let (context, _) = rig.agents.contexts().get(&running.context).unwrap();
    let kill = context.lock().unwrap().as_ref().unwrap().kill.clone();
    kill.notify_one();
    rig.until("started again", |_| {
        rig.ran().iter().filter(|hook| *hook == "start").count() == 2
    })
    .await;
    rig.until_idle().await;
    assert_eq!(rig.ran()[4..], ["update-status", "update-status", "start"]);
    assert!(
        !is_running(&workload),
        "a reboot ends what ran on the machine"
    );
    let pid = fs::read_to_string(rig.file("pid")).unwrap();
    assert!(!is_running(&pid));
    let log = rig.log().join("\n");
    assert!(
        log.contains("INFO juju.worker.uniter.reboot reboot detected; triggering implicit start hook to notify charm"),
        "{log}"
    );
    rig.agents.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn force_ends_a_hook_that_hangs_when_its_time_is_over() {
    let rig = Rig::with(&charm(
        "if [ $JUJU_HOOK_NAME = stop ]; then echo $$ > @DIR@/pid; sleep 300; fi",
    ));
    rig.until_idle().await;
    let at = rig.hub.now() + jiff::SignedDuration::from_secs(1);
    rig.change(|model| {
        changes::remove_unit(
            model,
            &unit("app/0"),
            Haste::ForcedAt(at),
            Default::default(),
        )
        .unwrap()
    });
    rig.until_file("pid").await;
    let pid = fs::read_to_string(rig.file("pid")).unwrap();
    rig.until("removed", |model| model.units.is_empty()).await;
    assert!(rig.hub.now() >= at);
    rig.agents.stop().await;
    assert!(!is_running(&pid) && !rig.agent_dir().exists());
    assert_eq!(rig.ran()[4..], ["stop"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_history_of_a_first_run() {
    let rig = Rig::with(&charm(""));
    rig.until_idle().await;
    let kinds = [
        crate::model::StatusKind::Workload,
        crate::model::StatusKind::JujuUnit,
    ];
    let told = |kind| -> Vec<String> {
        let records = rig
            .hub
            .read_history(&rig.uuid, "app/0", &[kind], 100)
            .unwrap();
        records
            .into_iter()
            .map(|record| {
                format!("{} {}", record.status, record.message)
                    .trim()
                    .to_owned()
            })
            .collect()
    };
    assert_eq!(
        told(kinds[0]),
        [
            "waiting waiting for machine",
            "waiting installing agent",
            "waiting agent initialising",
            "maintenance installing charm software",
            "unknown"
        ]
    );
    assert_eq!(
        told(kinds[1]),
        [
            "allocating",
            "executing running install hook",
            "executing running leader-elected hook",
            "executing running config-changed hook",
            "executing running start hook",
            "idle"
        ]
    );
    rig.agents.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_signal_fails_the_hook() {
    let rig = Rig::with(&charm(
        "if [ $JUJU_HOOK_NAME = start ] && [ ! -e @DIR@/once ]; then touch @DIR@/once; kill -SEGV $$; fi",
    ));
    rig.until_idle().await;
    let log = rig.log().join("\n");
    assert!(log.contains("failed: signal: segmentation fault"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn much_output_is_bounded() {
    let rig = Rig::with(&charm(
        "if [ $JUJU_HOOK_NAME = install ]; then yes 0123456789 | head -c 20000000; fi",
    ));
    rig.until_idle().await;
    let log = rig.log();
    let kept: Vec<&String> = log
        .iter()
        .filter(|line| line.contains("unit.app/0.install"))
        .collect();
    let bytes: usize = kept.iter().map(|line| line.len()).sum();
    assert!(bytes > 1 << 20 && bytes < 10 << 20, "{bytes}");
    assert!(
        kept.last().unwrap().contains("the rest is not kept"),
        "{:?}",
        kept.last()
    );
    assert_eq!(rig.ran(), FIRST_RUN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispatch_without_the_executable_bit_is_an_error() {
    let rig = Rig::with(&ShellCharm {
        mode: 0o644,
        ..charm("")
    });
    rig.until("in error", |model| {
        model
            .units
            .values()
            .any(|unit| unit.agent.current == AgentStatus::Error)
    })
    .await;
    assert!(rig.ran().is_empty());
    rig.until("logged", |_| {
        rig.log()
            .join("\n")
            .contains("failed: permission denied (dispatch is not executable")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_in_the_background_does_not_hold_up_a_hook() {
    let rig = Rig::with(&charm(
        "if [ $JUJU_HOOK_NAME = install ]; then sleep 300 & echo $! > @DIR@/pid; fi",
    ));
    rig.until_idle().await;
    let pid = fs::read_to_string(rig.file("pid")).unwrap();
    assert!(is_running(&pid), "it lives on, as a workload does");
    rig.change(|model| {
        changes::remove_unit(model, &unit("app/0"), Haste::Orderly, Default::default()).unwrap()
    });
    rig.until("removed", |model| model.units.is_empty()).await;
    rig.agents.stop().await;
    assert!(!is_running(&pid), "but goes with its unit");
    assert!(!rig.agent_dir().exists());
    assert_eq!(rig.ran()[4..], ["stop", "remove"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_give_results() {
    let rig = Rig::with(&charm(
        "case $JUJU_DISPATCH_PATH in actions/crash) echo out; echo err >&2; exit 3;; actions/binary) printf '\\377';; esac",
    ));
    let task = rig.run_task("crash", Value::Null).await;
    assert_eq!(
        (task.status, task.message.as_str()),
        (TaskStatus::Failed, "exit status 3")
    );
    assert_eq!(
        results(&task),
        r#"{"return-code":3,"stdout":"out\n","stderr":"err\n"}"#
    );
    assert!(task.started.is_some() && task.completed.is_some());
    let task = rig.run_task("binary", Value::Null).await;
    assert_eq!(
        results(&task),
        r#"{"return-code":0,"stdout-encoding":"base64","stdout":"/w=="}"#
    );
    rig.until_idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_run_in_a_shell_and_are_stopped_in_time() {
    let rig = Rig::with(&charm(""));
    let task = rig.run_task(Task::EXEC, serde_json::json!({"command": "echo $((6*7)); basename $PWD; exit 7", "timeout": 60_000_000_000_u64})).await;
    assert_eq!(
        (task.status, results(&task).as_str()),
        (
            TaskStatus::Completed,
            r#"{"return-code":7,"stdout":"42\ncharm\n"}"#
        )
    );
    let line = format!(
        "echo early; sleep 300 & echo $! > {}; wait",
        rig.file("pid").display()
    );
    let task = rig
        .run_task(
            Task::EXEC,
            serde_json::json!({"command": line, "timeout": 300_000_000}),
        )
        .await;
    assert_eq!(
        (task.status, task.message.as_str()),
        (TaskStatus::Failed, "command cancelled")
    );
    assert_eq!(task.results["stdout"], "early\n");
    assert!(
        !is_running(&fs::read_to_string(rig.file("pid")).unwrap()),
        "the whole group was killed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charm_without_dispatch_runs_its_own_hooks() {
    let rig = Rig::new();
    let sha256 = {
        let source = tempfile::tempdir().unwrap();
        fs::create_dir_all(source.path().join("hooks")).unwrap();
        fs::write(
            source.path().join("metadata.yaml"),
            "name: app\nsummary: s\ndescription: d\n",
        )
        .unwrap();
        let hook = source.path().join("hooks/install");
        fs::write(
            &hook,
            format!(
                "#!/bin/sh\necho app/0 hooks/install >> {}\n",
                rig.file("ran").display()
            ),
        )
        .unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        let out = rig.file("legacy.charm");
        let archive = charmtest_charm::pack_directory(source.path(), &out).unwrap();
        fs::rename(&out, rig.hub.data.charm(archive.sha256())).unwrap();
        archive.sha256().to_owned()
    };
    rig.change(|model| deploy(model, "app", 1, &sha256));
    rig.until_idle().await;
    assert_eq!(rig.ran(), ["install"]);
    let log = rig.log().join("\n");
    assert!(
        log.contains("ran \"install\" hook (via explicit, bespoke hook script)"),
        "{log}"
    );
    rig.until("logged", |_| {
        rig.log()
            .join("\n")
            .contains("skipped \"start\" hook (missing)")
    })
    .await;
    let task = rig.run_task("nope", Value::Null).await;
    assert_eq!(
        (task.status, task.message.as_str()),
        (
            TaskStatus::Failed,
            "action not implemented on unit \"app/0\""
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_keeps_what_the_charm_made() {
    let rig = Rig::with(&ShellCharm {
        files: &[("old.txt", "1"), ("lib/old.py", "1")],
        ..charm("touch .unit-state.db lib/made.pyc")
    });
    rig.until_idle().await;
    let sha256 = rig.pack(&ShellCharm {
        files: &[("new.txt", "2")],
        ..charm("touch upgraded")
    });
    rig.change(|model| {
        let mut row = model.charms.get("local:app-0").unwrap().clone();
        row.url = "local:app-1".to_owned();
        row.sha256 = sha256.clone();
        model.charms.insert(row.url.clone(), row);
        let app = model.applications.get_mut("app").unwrap();
        app.charm = "local:app-1".to_owned();
        app.charm_modified += 1;
    });
    rig.until("upgraded", |model| {
        model.units.values().any(|unit| {
            unit.progress.charm.as_deref() == Some("local:app-1")
                && unit.agent.current == AgentStatus::Idle
                && unit.progress.config_seen.is_some()
                && unit.progress.queued.is_none()
        })
    })
    .await;
    let dir = rig.agent_dir().join("charm");
    let there = |name: &str| dir.join(name).exists();
    assert!(there("new.txt") && there("upgraded") && there(".unit-state.db"));
    assert!(
        !there("old.txt") && !there("lib/old.py"),
        "files of the old charm are gone"
    );
    assert!(
        !there("lib/made.pyc"),
        "with all that is in a directory that was the old charm's"
    );
    assert_eq!(rig.ran()[4..], ["upgrade-charm", "config-changed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn units_of_one_machine_take_turns_and_others_do_not_wait() {
    let rig = Rig::new();
    // Fails if another hook of the same machine runs meanwhile; a unit that hangs does not stop the others.
    let sha256 = rig.pack(&charm(
        "mkdir @DIR@/lock-$JUJU_MACHINE_ID || { touch @DIR@/overlap; exit 1; }; sleep 0.05; rmdir @DIR@/lock-$JUJU_MACHINE_ID",
    ));
    let hanging = rig.pack(&charm("touch @DIR@/hanging; exec sleep 300"));
    rig.change(|model| {
        deploy(model, "hang", 1, &hanging);
        deploy(model, "app", 3, &sha256);
        let machine = model.units.get(&unit("app/0")).unwrap().machine.clone();
        model.units.get_mut(&unit("app/1")).unwrap().machine = machine;
    });
    rig.until("up", |model| {
        model.units_of("app").all(|unit| unit.progress.started)
    })
    .await;
    rig.until_file("hanging").await;
    assert!(!rig.file("overlap").exists());
    tokio::time::timeout(PATIENCE, rig.agents.stop())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forced_removal_kills_what_runs() {
    let rig = Rig::with(&charm("trap '' TERM; echo $$ > @DIR@/pid; sleep 300"));
    rig.until_file("pid").await;
    rig.change(|model| {
        changes::remove_unit(model, &unit("app/0"), Haste::Forced, Default::default()).unwrap()
    });
    rig.agents.stop().await;
    assert!(!is_running(&fs::read_to_string(rig.file("pid")).unwrap()));
    assert!(!rig.agent_dir().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_the_disk_refuses_is_made_later_without_a_second_run() {
    let rig = Rig::with(&charm(
        "if [ $JUJU_HOOK_NAME = start ]; then touch @DIR@/begun; while [ ! -e @DIR@/go ]; do sleep 0.01; done; touch @DIR@/ended; fi",
    ));
    rig.until_file("begun").await;
    let other = rusqlite::Connection::open(rig.hub.data.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    fs::write(rig.file("go"), "").unwrap();
    rig.until_file("ended").await;
    // Longer than the database waits for a lock: at least one commit is refused meanwhile.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(
        !rig.unit().progress.started,
        "nothing is published that is not on disk"
    );
    other.execute_batch("ROLLBACK").unwrap();
    rig.until_idle().await;
    assert_eq!(rig.ran(), FIRST_RUN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destroyed_model_goes_with_its_units() {
    let rig = Rig::with(&charm(""));
    rig.until_idle().await;
    let dir = rig.hub.data.model(&rig.uuid);
    rig.change(|model| changes::destroy_model(model, Haste::Orderly, Default::default()));
    let mut states = rig.hub.watch();
    tokio::time::timeout(PATIENCE, states.wait_for(|state| state.models.is_empty()))
        .await
        .unwrap()
        .unwrap();
    rig.agents.stop().await;
    assert!(!dir.exists());
    assert_eq!(rig.ran()[4..], ["stop", "remove"]);
}

/// Ends the agents as SIGKILL of the daemon does: their tasks vanish, their processes do not.
fn crash(runtime: tokio::runtime::Runtime, rig: Rig) -> (tempfile::TempDir, PathBuf, ModelUuid) {
    runtime.shutdown_background();
    let root = rig.hub.data.root().to_owned();
    (rig.dir, root, rig.uuid)
}

fn restart(dir: tempfile::TempDir, root: &Path, uuid: ModelUuid) -> Rig {
    let (hub, agents) = open(DataDir::open(root).unwrap());
    Rig {
        dir,
        hub,
        agents,
        uuid,
    }
}

#[test]
fn a_hook_that_a_crash_interrupted_is_killed_and_runs_again() {
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let first = runtime();
    let rig = first.block_on(async {
        let rig = Rig::with(&charm(
            "if [ $JUJU_HOOK_NAME = config-changed ] && [ ! -e @DIR@/pid ]; then (setsid sleep 300 & echo $! > @DIR@/child); echo $$ > @DIR@/pid; sleep 300; fi",
        ));
        rig.until_file("pid").await;
        rig
    });
    let read = |rig: &Rig, name: &str| fs::read_to_string(rig.file(name)).unwrap();
    let (pid, child) = (read(&rig, "pid"), read(&rig, "child"));
    let (dir, root, uuid) = crash(first, rig);
    assert!(is_running(&pid));

    let second = runtime();
    second.block_on(async {
        let rig = restart(dir, &root, uuid);
        rig.until_idle().await;
        assert!(
            !is_running(&pid) && !is_running(&child),
            "the orphan and its child were killed"
        );
        assert_eq!(
            rig.ran(),
            [
                "install",
                "leader-elected",
                "config-changed",
                "config-changed",
                "start"
            ]
        );
        rig.agents.stop().await;
    });
}

#[test]
fn stopping_kills_the_hook_and_the_next_daemon_runs_it_again() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let rig = Rig::with(&charm("if [ $JUJU_HOOK_NAME = start ] && [ ! -e @DIR@/pid ]; then echo $$ > @DIR@/pid; sleep 300; fi"));
        rig.until_file("pid").await;
        rig.agents.stop().await;
        assert!(!is_running(&fs::read_to_string(rig.file("pid")).unwrap()));
        assert!(!rig.agents.is_busy());
        let Rig { dir, hub, agents, uuid } = rig;
        let root = hub.data.root().to_owned();
        drop((hub, agents));
        let rig = restart(dir, &root, uuid);
        rig.until_idle().await;
        assert_eq!(rig.ran(), ["install", "leader-elected", "config-changed", "start", "start"]);
    });
}

#[test]
fn an_action_that_a_crash_interrupted_has_failed() {
    let first = tokio::runtime::Runtime::new().unwrap();
    let rig = first.block_on(async {
        let rig = Rig::with(&charm(
            "if [ -n \"$JUJU_ACTION_NAME\" ]; then touch @DIR@/acting; sleep 300; fi",
        ));
        rig.until_idle().await;
        tokio::select! {
            _ = rig.run_task("act", Value::Null) => panic!("it hangs"),
            () = rig.until_file("acting") => {}
        }
        rig
    });
    let (dir, root, uuid) = crash(first, rig);
    let second = tokio::runtime::Runtime::new().unwrap();
    second.block_on(async {
        let rig = restart(dir, &root, uuid);
        rig.until("failed", |model| {
            model
                .tasks
                .values()
                .any(|task| task.message == "action terminated")
        })
        .await;
        rig.until_idle().await;
        rig.agents.stop().await;
    });
}
