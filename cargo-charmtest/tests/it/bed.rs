//! A controller of its own for each test, and charms that write down what they do.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_cargo-charmtest");

/// How long anything may take before a test gives up: generous, because the machines are small and busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A data directory with a model `m` in it; what is in it ends with the test.
pub(crate) struct Bed {
    dir: tempfile::TempDir,
    juju_version: &'static str,
    time_scale: &'static str,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Bed {
    /// Makes a bed without a model; nothing runs yet.
    pub(crate) fn bare() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(PROGRAM, dir.path().join("juju")).unwrap();
        Self {
            dir,
            juju_version: "",
            time_scale: "",
        }
    }

    /// Makes a bed with the model `m` whose controller speaks as this Juju, `3.6` or `4.0`.
    pub(crate) fn of(juju_version: &'static str) -> Self {
        let mut bed = Self::bare();
        bed.juju_version = juju_version;
        bed.juju(&["add-model", "m"]);
        bed
    }

    /// Makes a bed with the model `m` where waits pass so many times faster.
    pub(crate) fn with_time_scale(time_scale: &'static str) -> Self {
        let mut bed = Self::bare();
        bed.time_scale = time_scale;
        bed.juju(&["add-model", "m"]);
        bed
    }

    /// Makes a bed with the model `m`.
    pub(crate) fn new() -> Self {
        let bed = Self::bare();
        bed.juju(&["add-model", "m"]);
        bed
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Runs `juju` to its end, whatever comes of it.
    pub(crate) fn try_juju(&self, args: &[&str]) -> Said {
        self.juju_with_input(args, "")
    }

    /// Runs `juju` with standard input.
    pub(crate) fn juju_with_input(&self, args: &[&str], input: &str) -> Said {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read its input closes it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap().into()
    }

    /// Runs `juju`, which must succeed; returns its standard output.
    #[track_caller]
    pub(crate) fn juju(&self, args: &[&str]) -> String {
        let said = self.try_juju(args);
        assert_eq!(
            said.code,
            Some(0),
            "juju {}\n{}{}",
            args.join(" "),
            said.stdout,
            said.stderr
        );
        said.stdout
    }

    /// Makes the command of a `juju` call: the program under the name `juju`.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.path().join("juju"));
        command
            .args(args)
            .env("CHARMTEST_DATA", self.data())
            .env("CHARMTEST_JUJU_VERSION", self.juju_version)
            .env("CHARMTEST_TIME_SCALE", self.time_scale)
            .env_remove("JUJU_MODEL")
            .current_dir(self.path());
        command
    }

    /// Returns the status as JSON.
    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        serde_json::from_str(&self.juju(&["status", "--format", "json"])).unwrap()
    }

    /// Waits until the status satisfies `ready`.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, ready: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            if ready(&status) {
                return status;
            }
            if Instant::now() > deadline {
                let log = self.juju(&["debug-log", "--replay", "--no-tail"]);
                panic!(
                    "{what} did not come to pass:\n{}\n{log}",
                    serde_json::to_string_pretty(&status).unwrap()
                );
            }
            sleep(Duration::from_millis(20));
        }
    }

    /// Waits until every unit of these applications is idle with this workload status.
    #[track_caller]
    pub(crate) fn settle(&self, applications: &[&str], workload: &str) -> Value {
        self.wait(&format!("{applications:?} {workload} and idle"), |status| {
            applications.iter().all(|application| {
                let units = units(status, application);
                !units.is_empty()
                    && units.iter().all(|(_, unit)| {
                        unit["workload-status"]["current"] == workload
                            && unit["juju-status"]["current"] == "idle"
                    })
            })
        })
    }

    /// Waits until an application is gone.
    #[track_caller]
    pub(crate) fn wait_gone(&self, application: &str) {
        self.wait(&format!("{application} to go"), |status| {
            status["applications"].get(application).is_none()
        });
    }

    /// Returns the process id of the daemon.
    pub(crate) fn daemon(&self) -> Option<i32> {
        let output = Command::new(PROGRAM)
            .args(["charmtest", "controller", "status"])
            .env("CHARMTEST_DATA", self.data())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines()
            .find_map(|line| line.strip_prefix("process: ")?.trim().parse().ok())
    }

    /// Writes a charm whose `dispatch` runs `script`; returns its directory as `./name`.
    pub(crate) fn charm(&self, name: &str, metadata: &str, script: &str) -> String {
        let dir = self.path().join(name);
        fs::create_dir_all(&dir).unwrap();
        fs::write(
            dir.join("metadata.yaml"),
            format!("name: {name}\nsummary: s\ndescription: d\n{metadata}"),
        )
        .unwrap();
        fs::write(
            dir.join("manifest.yaml"),
            "bases:\n- {name: ubuntu, channel: '24.04', architectures: [amd64]}\n",
        )
        .unwrap();
        executable(&dir.join("dispatch"), &format!("#!/bin/sh\n{script}\n"));
        format!("./{name}")
    }

    /// Writes a charm that appends a line to the trace for every hook: unit, hook, remote application, remote unit, departing unit.
    pub(crate) fn tracer(&self, name: &str, metadata: &str, script: &str) -> String {
        let trace = self.trace_file();
        let script = format!(
            "echo \"$JUJU_UNIT_NAME $JUJU_HOOK_NAME ${{JUJU_REMOTE_APP:--}} ${{JUJU_REMOTE_UNIT:--}} ${{JUJU_DEPARTING_UNIT:--}}\" >> {}\n\
             [ \"$JUJU_HOOK_NAME\" = start ] && status-set active\n{script}\nexit 0",
            trace.display()
        );
        self.charm(name, metadata, &script)
    }

    /// Packs a charm directory of this bed and returns the file: Juju 4.0 takes no directories.
    #[track_caller]
    pub(crate) fn packed(&self, charm: &str) -> String {
        let output = Command::new(PROGRAM)
            .args(["charmtest", "pack", charm, "--format", "json"])
            .current_dir(self.path())
            .output()
            .unwrap();
        let packed: Value = serde_json::from_slice(&output.stdout).unwrap();
        packed["path"].as_str().unwrap().to_owned()
    }

    /// Returns the trace of one unit: hooks in the order in which they ran.
    pub(crate) fn trace(&self, unit: &str) -> Vec<String> {
        let text = fs::read_to_string(self.trace_file()).unwrap_or_default();
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix(&format!("{unit} ")));
        lines
            .map(|line| line.trim_end_matches(" -").to_owned())
            .map(|line| line.trim_end_matches(" -").to_owned())
            .map(|line| line.trim_end_matches(" -").to_owned())
            .collect()
    }

    /// Returns the file of the trace.
    pub(crate) fn trace_file(&self) -> PathBuf {
        self.path().join("trace")
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        if !self.data().exists() {
            return;
        }
        let models = self.try_juju(&["models", "--format", "json"]);
        let models: Value = serde_json::from_str(&models.stdout).unwrap_or_default();
        for model in models["models"].as_array().into_iter().flatten() {
            self.try_juju(&[
                "destroy-model",
                "--no-prompt",
                "--force",
                "--no-wait",
                model["short-name"].as_str().unwrap_or_default(),
            ]);
        }
        let _ = Command::new(PROGRAM)
            .args(["charmtest", "controller", "stop"])
            .env("CHARMTEST_DATA", self.data())
            .output();
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Returns the units of an application in a status.
pub(crate) fn units(status: &Value, application: &str) -> Vec<(String, Value)> {
    let units = status["applications"][application]["units"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    units.into_iter().collect()
}

/// Writes an executable file.
pub(crate) fn executable(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
