//! Modules to run, and the process that runs them.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use charmtest::harness::{DescribedModule, Event};

use super::process::Group;
use super::scheduler::{Job, Message, Streams};
use crate::workspace::{Executable, Origin, TestBinary};

/// The longest line of a test's output that is kept whole, in bytes.
const LINE_LIMIT: u64 = 1 << 20;

/// How long the streams of a process that has ended are read on: what is left in a pipe is read at once.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// What every process of modules gets.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    /// Arguments that select tests.
    pub(crate) selection: Vec<String>,
    /// Variables.
    pub(crate) env: BTreeMap<String, std::ffi::OsString>,
    /// Variables that it does not get: what they say was given up for something else.
    pub(crate) unset: Vec<String>,
}

/// A module to run.
#[derive(Debug, Clone)]
pub(crate) struct ModulePlan {
    /// The test binary that holds it.
    pub(crate) executable: Executable,
    /// The module with its tests.
    pub(crate) module: DescribedModule,
    /// Whether the module has more tests, which are not to run.
    pub(crate) only: bool,
}

impl ModulePlan {
    /// Returns the modules of `binaries` in the order in which they start.
    pub(crate) fn all(binaries: Vec<TestBinary>) -> Vec<Self> {
        let modules_of = |binary: TestBinary| {
            let TestBinary {
                executable,
                description,
            } = binary;
            let plan = move |module| Self {
                executable: executable.clone(),
                module,
                only: false,
            };
            description.modules.into_iter().map(plan)
        };
        binaries.into_iter().flat_map(modules_of).collect()
    }

    /// Returns a plan for each test by itself, so that each has a process and a model of its own.
    pub(crate) fn one_per_test(binary: TestBinary) -> Vec<Self> {
        let split = |plan: Self| {
            let tests = plan.module.tests.clone();
            tests.into_iter().map(move |test| Self {
                module: DescribedModule {
                    tests: vec![test],
                    ..plan.module.clone()
                },
                only: true,
                ..plan.clone()
            })
        };
        Self::all(vec![binary])
            .into_iter()
            .flat_map(split)
            .collect()
    }

    /// Returns the module's name in reports.
    pub(crate) fn name(&self) -> String {
        match (&self.executable.origin, &self.module.tests[..]) {
            (Origin::Suite { .. }, [test]) => test.name.clone(),
            (Origin::Suite { .. }, _) => self.module.name.clone(),
            (Origin::Target, _) => format!("{} {}", self.executable.id(), self.module.name),
        }
    }

    /// Returns the name of one of its tests in reports.
    pub(crate) fn test_name(&self, test: &str) -> String {
        match self.executable.origin {
            Origin::Suite { .. } => test.to_owned(),
            Origin::Target => format!("{} {test}", self.executable.id()),
        }
    }
}

/// Starts a process for modules of one test binary, of which `width` run side by side; its events and output go to `messages`,
/// marked with `job`.
///
/// # Errors
///
/// Fails when the test binary cannot be started, and when there is no module.
pub(super) fn start(
    modules: &[&ModulePlan],
    width: usize,
    job: Job,
    common: &Common,
    messages: &Sender<Message>,
) -> io::Result<Group> {
    let Some(first) = modules.first() else {
        return Err(io::ErrorKind::NotFound.into());
    };
    let executable = &first.executable;
    let mut command = executable.command();
    common.unset.iter().for_each(|name| {
        command.env_remove(name);
    });
    let whole = modules.iter().all(|module| !module.only);
    for module in modules {
        command.args(["--module", &module.module.name]);
        for test in module.module.tests.iter().filter(|_| !whole) {
            command.args(["--only", &test.name]);
        }
    }
    let mut child = command
        .args(&common.selection)
        .envs(&common.env)
        .envs(
            executable
                .juju_version
                .map(|version| ("CHARMTEST_JUJU_VERSION", version.to_string())),
        )
        .env("CHARMTEST_JOBS", width.to_string())
        .env("CHARMTEST_EVENTS", "stdout")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let group = Group::of(&child);
    let stdout = child.stdout.take();
    let stderr = child.stderr.take();
    let messages = messages.clone();
    thread::spawn(move || attend(child, stdout, stderr, job, &messages));
    Ok(group)
}

/// Reads a process's streams, waits for it, and says so. The receiver may be gone: then nobody is interested.
fn attend(
    mut child: Child,
    stdout: Option<impl Read + Send + 'static>,
    stderr: Option<impl Read + Send + 'static>,
    job: Job,
    messages: &Sender<Message>,
) {
    // Nothing is ever sent: the channel disconnects when both readers are done.
    let (reading, read) = mpsc::channel::<()>();
    let (also_reading, output) = (reading.clone(), messages.clone());
    thread::spawn(move || {
        each_line(stdout, |line| tell(job, line, &output));
        drop(reading);
    });
    let output = messages.clone();
    thread::spawn(move || {
        each_line(stderr, |line| {
            let line = line.to_owned();
            let _ = output.send(Message::Output { job, line });
        });
        drop(also_reading);
    });
    let status = child.wait();
    let streams = match read.recv_timeout(DRAIN_LIMIT) {
        Ok(()) | Err(RecvTimeoutError::Disconnected) => Streams::Closed,
        // A daemon that a test left behind holds them, perhaps for ever.
        Err(RecvTimeoutError::Timeout) => Streams::Held,
    };
    let _ = messages.send(Message::Ended {
        job,
        status,
        streams,
    });
}

/// Passes on a line of standard output: an event, what a test wrote, or both.
fn tell(job: Job, line: &str, messages: &Sender<Message>) {
    let (text, event) = Event::split_line(line);
    if !text.is_empty() || event.is_none() {
        let line = text.to_owned();
        let _ = messages.send(Message::Output { job, line });
    }
    if let Some(event) = event {
        let _ = messages.send(Message::Event { job, event });
    }
}

fn each_line(stream: Option<impl Read>, mut line: impl FnMut(&str)) {
    let Some(stream) = stream else { return };
    let mut reader = BufReader::new(stream);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match reader
            .by_ref()
            .take(LINE_LIMIT)
            .read_until(b'\n', &mut bytes)
        {
            Ok(0) | Err(_) => return,
            Ok(_) => line(String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r'])),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::process::Command;

    use charmtest::harness::DescribedTest;

    use super::*;

    /// Returns a module of a target with a test `MODULE::t` that asks for these fixtures of scope "run".
    pub(crate) fn module(target: &str, name: &str, run_fixtures: &[&str]) -> ModulePlan {
        let test = DescribedTest {
            name: format!("{name}::t"),
            file: String::new(),
            line: 1,
            column: 1,
            order: None,
            abort_on_fail: false,
            abort_on_xfail: false,
            skip_if_deployed: false,
            ignore: None,
            tags: Vec::new(),
            timeout_s: None,
            xfail: None,
            retries: 0,
            run_fixtures: run_fixtures.iter().map(ToString::to_string).collect(),
        };
        ModulePlan {
            executable: Executable::stand_in(target),
            module: DescribedModule {
                name: name.to_owned(),
                tests: vec![test],
            },
            only: false,
        }
    }

    /// Runs a shell script as a module's process and returns what is told of it.
    fn attended(script: &str) -> Vec<Message> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", script])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (sender, messages) = mpsc::channel();
        attend(child, stdout, stderr, 0, &sender);
        messages.try_iter().collect()
    }

    #[test]
    fn everything_is_told_before_the_end() {
        let event = Event::ModuleFinished {
            module: "m".to_owned(),
        };
        let script = format!(
            "echo one; printf 'two '; cat <<'.'\n{}.\nexit 3",
            event.to_line()
        );
        let told = attended(&script);
        let [first, second, third, end] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert!(matches!(first, Message::Output { line, .. } if line == "one"));
        assert!(matches!(second, Message::Output { line, .. } if line == "two "));
        assert!(matches!(third, Message::Event { event: told, .. } if *told == event));
        assert!(
            matches!(end, Message::Ended { status: Ok(status), streams: Streams::Closed, .. } if status.code() == Some(3))
        );
    }

    #[test]
    fn a_process_left_behind_is_not_waited_for() {
        let told = attended("sleep 60 & echo $!");
        let [Message::Output { line: pid, .. }, end] = told.as_slice() else {
            panic!("{told:?}");
        };
        Command::new("kill").arg(pid).status().unwrap();
        assert!(
            matches!(
                end,
                Message::Ended {
                    streams: Streams::Held,
                    ..
                }
            ),
            "{end:?}"
        );
    }
}
