//! One command about to run: arguments, input, limits.

use super::process::Running;
use super::read::Read;
use super::shell::{command_line, secret_values};
use super::{JujuError, Note, Observer, Transcript, TranscriptEntry};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::future::{Future, IntoFuture};
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

/// The time limit of a command that does not wait for anything.
const LIMIT: Duration = Duration::from_secs(2 * 60);

/// What a command left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The exit code; 128 + n for a process that signal n ended.
    pub code: i32,
    /// Standard output, invalid UTF-8 replaced.
    pub stdout: String,
    /// Standard error, invalid UTF-8 replaced.
    pub stderr: String,
}

impl Output {
    /// Tells whether the exit code is 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.code == 0
    }
}

/// A command about to run; awaiting it runs it.
///
/// It runs in a process group of its own with its standard input closed, for 2 minutes at most; then, or when the
/// future is dropped, it is killed with everything it started. An exit code other than 0 is an error only for a
/// [checked](Call::check) call.
#[must_use = "a call does nothing until it is awaited"]
#[derive(Clone, Debug)]
pub struct Call {
    program: PathBuf,
    shown_program: String,
    arguments: Vec<OsString>,
    env: BTreeMap<OsString, Option<OsString>>,
    stdin: Option<Vec<u8>>,
    limit: Duration,
    cwd: Option<PathBuf>,
    checked: bool,
    fail_msg: Option<String>,
    transcript: Transcript,
    observer: Observer,
}

impl Call {
    pub(crate) fn new(
        program: impl Into<PathBuf>,
        transcript: Transcript,
        observer: Observer,
    ) -> Self {
        let program = program.into();
        Self {
            shown_program: program.to_string_lossy().into_owned(),
            program,
            arguments: Vec::new(),
            env: BTreeMap::new(),
            stdin: None,
            limit: LIMIT,
            cwd: None,
            checked: false,
            fail_msg: None,
            transcript,
            observer,
        }
    }

    /// Shows the program by another word than its path.
    pub(super) fn shown_as(mut self, shown: &str) -> Self {
        shown.clone_into(&mut self.shown_program);
        self
    }

    /// Sets and unsets variables.
    pub(crate) fn envs(mut self, env: &BTreeMap<OsString, Option<OsString>>) -> Self {
        self.env.extend(
            env.iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        self
    }

    /// Appends an argument.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Appends arguments.
    pub fn args<I>(mut self, arguments: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), Some(value.into()));
        self
    }

    /// Gives the text to read on standard input.
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    /// Sets the time limit; 2 minutes without it.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sets the working directory.
    pub fn cwd(mut self, directory: impl Into<PathBuf>) -> Self {
        self.cwd = Some(directory.into());
        self
    }

    /// Makes an exit code other than 0 the error [`JujuError::Failed`].
    pub fn check(mut self) -> Self {
        self.checked = true;
        self
    }

    /// Says what it means when the command fails, and [checks](Call::check) it: the error begins with this text.
    ///
    /// ```no_run
    /// # async fn test(ops: charmtest::ops_test::OpsTest) -> charmtest::Result {
    /// ops.run(["make", "images"]).fail_msg("the images for the charm cannot be built").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn fail_msg(mut self, text: impl Into<String>) -> Self {
        self.fail_msg = Some(text.into());
        self.check()
    }

    /// Makes an exit code other than 0 part of the [`Output`].
    pub fn unchecked(mut self) -> Self {
        self.checked = false;
        self
    }

    /// Returns the command line, quoted so that it can be pasted into a shell.
    #[must_use]
    pub fn command_line(&self) -> String {
        // Of the variables only those matter to a reader that change what `juju` talks to.
        let variables = self.env.iter().filter_map(|(name, value)| {
            let shown = name.to_string_lossy().starts_with("JUJU_");
            value
                .as_deref()
                .filter(|_| shown)
                .map(|value| (name.as_os_str(), value))
        });
        command_line(variables, &self.shown_program, &self.arguments)
    }

    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`JujuError::NotRunnable`] if there is no such program, [`JujuError::TimedOut`] when the time limit is over and, if
    /// the call is checked, [`JujuError::Failed`] if the exit code is not 0.
    pub async fn run(self) -> Result<Output, JujuError> {
        let (mut running, mut record) = self.start().map_err(|error| self.in_context(error))?;
        let result = match tokio::time::timeout(self.limit, &mut running).await {
            Ok(raw) => self.finish(raw, &mut record),
            Err(_) => Err(self.timed_out(running, &mut record)),
        };
        result.map_err(|error| self.in_context(error))
    }

    /// Runs the command like [`Call::run`], blocking the thread.
    ///
    /// # Errors
    ///
    /// The same as those of [`Call::run`].
    pub fn run_blocking(self) -> Result<Output, JujuError> {
        let (running, mut record) = self.start().map_err(|error| self.in_context(error))?;
        let result = match running.wait_blocking(self.limit) {
            Some(raw) => self.finish(raw, &mut record),
            None => Err(self.timed_out(running, &mut record)),
        };
        result.map_err(|error| self.in_context(error))
    }

    /// Runs the command and reads its standard output as JSON.
    ///
    /// # Errors
    ///
    /// Those of [`Call::run`], and [`JujuError::Garbage`] if the output is not the JSON that was expected.
    pub async fn json<T: DeserializeOwned>(self, expected: &'static str) -> Result<T, JujuError> {
        let command = self.command_line();
        let output = self.check().run().await?;
        parse_json(&output.stdout, &command, expected)
    }

    /// Runs the command and reads its standard output; nothing at all, where Juju has nothing to list, is the default.
    pub(crate) async fn read<T: Read>(self, expected: &'static str) -> Result<T, JujuError> {
        let command = self.command_line();
        let output = self.check().run().await?;
        if output.stdout.trim().is_empty() {
            return Ok(T::default());
        }
        let value: Value = parse_json(&output.stdout, &command, expected)?;
        T::read(&value).map_err(|why| JujuError::garbage(command, expected, why, &output.stdout))
    }

    fn start(&self) -> Result<(Running, Record), JujuError> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(directory) = &self.cwd {
            command.current_dir(directory);
        }
        let secrets = secret_values(&self.arguments);
        if !secrets.is_empty() {
            self.transcript
                .learn(|masker| secrets.iter().for_each(|value| masker.learn(value)));
        }
        let record = Record {
            entry: Some(TranscriptEntry {
                started: SystemTime::now(),
                command: self.command_line(),
                duration: Duration::ZERO,
                code: None,
            }),
            began: Instant::now(),
            transcript: self.transcript.clone(),
            observer: self.observer.clone(),
        };
        match Running::start(command, self.stdin.clone()) {
            Ok(running) => Ok((running, record)),
            Err(source) => Err(self.not_runnable(source)),
        }
    }

    fn finish(
        &self,
        raw: io::Result<super::process::RawOutput>,
        record: &mut Record,
    ) -> Result<Output, JujuError> {
        let raw = raw.map_err(|source| self.not_runnable(source))?;
        record.close(Some(raw.code));
        let output = Output {
            code: raw.code,
            stdout: lossy(raw.stdout),
            stderr: lossy(raw.stderr),
        };
        self.learn_from(&output.stdout);
        if self.checked && !output.success() {
            return Err(JujuError::failed(self.command_line(), output));
        }
        Ok(output)
    }

    /// Puts what the caller says about a failure in front of it.
    fn in_context(&self, error: JujuError) -> JujuError {
        match &self.fail_msg {
            Some(text) => JujuError::Context {
                what: text.clone(),
                error: Box::new(error),
            },
            None => error,
        }
    }

    /// Remembers the secrets that a command printed, so that they are hidden in what is stored.
    fn learn_from(&self, stdout: &str) {
        let command = self.arguments.first().and_then(|word| word.to_str());
        match command {
            Some("show-secret") => self.transcript.learn(|masker| masker.learn_content(stdout)),
            // What is asked for by name, and the results of actions.
            Some("config" | "run" | "run-action" | "show-operation" | "show-task") => {
                self.transcript.learn(|masker| masker.learn_from(stdout));
            }
            _ => {}
        }
    }

    fn timed_out(&self, running: Running, record: &mut Record) -> JujuError {
        let stderr = lossy(running.stderr_so_far());
        drop(running);
        record.close(None);
        JujuError::TimedOut {
            command: self.command_line(),
            limit: self.limit,
            stderr,
        }
    }

    fn not_runnable(&self, source: io::Error) -> JujuError {
        // The system reports a working directory that is not there like a program that is not there.
        match &self.cwd {
            Some(directory) if !directory.is_dir() => JujuError::NoDirectory {
                directory: directory.clone(),
                command: self.command_line(),
            },
            _ => JujuError::NotRunnable {
                program: self.program.clone(),
                source,
            },
        }
    }
}

impl IntoFuture for Call {
    type Output = Result<Output, JujuError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// Reads JSON that a command printed.
pub(crate) fn parse_json<T: DeserializeOwned>(
    text: &str,
    command: &str,
    expected: &'static str,
) -> Result<T, JujuError> {
    serde_json::from_str(text)
        .map_err(|error| JujuError::garbage(command.to_owned(), expected, error, text))
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Enters the command into the transcript once: when it ends, or when its future is dropped.
struct Record {
    entry: Option<TranscriptEntry>,
    began: Instant,
    transcript: Transcript,
    observer: Observer,
}

impl Record {
    fn close(&mut self, code: Option<i32>) {
        let Some(mut entry) = self.entry.take() else {
            return;
        };
        entry.duration = self.began.elapsed();
        entry.code = code;
        self.observer.note(&Note::Command {
            command: entry.command.clone(),
            duration: entry.duration,
            code,
        });
        self.transcript.push(entry);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.close(None);
    }
}
