//! One module in a process of its own.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread;

use charmtest::harness::{DescribedModule, Event};

use super::process::Group;
use super::scheduler::{Job, Message};
use crate::workspace::TestBinary;

/// The longest line of a test's output that is kept whole, in bytes.
const LINE_LIMIT: u64 = 1 << 20;

/// What every module process gets.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    /// Arguments that select tests.
    pub(crate) selection: Vec<String>,
    /// Variables.
    pub(crate) env: BTreeMap<String, std::ffi::OsString>,
}

/// A module to run.
#[derive(Debug, Clone)]
pub(crate) struct ModulePlan {
    /// `package::target`.
    pub(crate) binary: String,
    /// The package.
    pub(crate) package: String,
    /// The target.
    pub(crate) target: String,
    /// The module with its tests.
    pub(crate) module: DescribedModule,
    package_dir: PathBuf,
    executable: PathBuf,
}

impl ModulePlan {
    /// Returns the modules of `binaries` in the order in which they start.
    pub(crate) fn all(binaries: Vec<TestBinary>) -> Vec<Self> {
        let mut plans = Vec::new();
        for binary in binaries {
            let id = binary.id();
            for module in binary.description.modules {
                plans.push(Self {
                    binary: id.clone(),
                    package: binary.package.clone(),
                    target: binary.target.clone(),
                    module,
                    package_dir: binary.package_dir.clone(),
                    executable: binary.executable.clone(),
                });
            }
        }
        plans
    }

    /// Returns the module's name in reports.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.binary, self.module.name)
    }

    /// Starts the module's process; its events and output go to `messages`, marked with `job`.
    ///
    /// # Errors
    ///
    /// Fails when the test binary cannot be started.
    pub(crate) fn start(
        &self,
        job: Job,
        common: &Common,
        messages: &Sender<Message>,
    ) -> io::Result<Group> {
        let mut child = Command::new(&self.executable)
            .args(["--module", &self.module.name])
            .args(&common.selection)
            .envs(&common.env)
            .env("CHARMTEST_EVENTS", "stdout")
            .current_dir(&self.package_dir)
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
}

/// Reads a module's streams to their ends, then waits for the process. The receiver may be gone: then nobody is interested.
fn attend(
    mut child: Child,
    stdout: Option<impl Read>,
    stderr: Option<impl Read + Send + 'static>,
    job: Job,
    messages: &Sender<Message>,
) {
    let errors = messages.clone();
    let reading = thread::spawn(move || {
        each_line(stderr, |line| {
            let _ = errors.send(Message::Output {
                job,
                line: line.to_owned(),
            });
        });
    });
    each_line(stdout, |line| {
        let (text, event) = Event::split_line(line);
        if !text.is_empty() || event.is_none() {
            let _ = messages.send(Message::Output {
                job,
                line: text.to_owned(),
            });
        }
        if let Some(event) = event {
            let _ = messages.send(Message::Event { job, event });
        }
    });
    let status = child.wait();
    // A daemon that a test left behind may hold the stream: what it says is not awaited.
    if reading.is_finished() {
        let _ = reading.join();
    }
    let _ = messages.send(Message::Ended { job, status });
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
