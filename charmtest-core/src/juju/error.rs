//! What can go wrong with a `juju` command.

use super::{NameError, Output, Task};
use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// A command that did not do what was asked.
///
/// The text names the command ready to paste and what Juju said; [`JujuError::hint`] says what to try next.
#[derive(Debug)]
#[non_exhaustive]
pub enum JujuError {
    /// There is no such program, or it cannot be executed.
    NotRunnable {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory to run the command in is not there.
    NoDirectory {
        /// The directory.
        directory: PathBuf,
        /// The command line.
        command: String,
    },
    /// The command ended with an exit code other than 0.
    Failed {
        /// The command line.
        command: String,
        /// The exit code; 128 + n for a process that signal n ended.
        code: i32,
        /// Its standard output.
        stdout: String,
        /// Its standard error.
        stderr: String,
    },
    /// The command did not end in time and was killed, or Juju gave up waiting.
    TimedOut {
        /// The command line.
        command: String,
        /// The limit.
        limit: Duration,
        /// What it had said by then.
        stderr: String,
    },
    /// The command succeeded and printed something that makes no sense.
    Garbage {
        /// The command line.
        command: String,
        /// What it should have printed.
        expected: &'static str,
        /// What is wrong with it.
        why: String,
        /// How it begins.
        got: String,
    },
    /// Juju took an action or a command and gave it to no unit: no such unit, or no such action.
    NotScheduled {
        /// The command line.
        command: String,
        /// What it said.
        stderr: String,
    },
    /// An action, or a command on a unit, ran and failed.
    Task {
        /// What ran: `action backup`, `command systemctl restart x`.
        what: String,
        /// What came of it.
        task: Box<Task>,
    },
    /// An action gave other results than the test reads: see [`Task::parse`].
    Results {
        /// Which, and what is wrong with it.
        why: String,
        /// What the action gave.
        task: Box<Task>,
    },
    /// Something went wrong of which the caller said what it means: see [`Call::fail_msg`](super::Call::fail_msg).
    Context {
        /// What the caller said.
        what: String,
        /// What went wrong.
        error: Box<JujuError>,
    },
    /// Something is not in the model.
    NotFound(String),
    /// A text that should be a name is none.
    Name(NameError),
    /// Something that cannot be asked of this Juju, or in this way.
    Unsupported(String),
}

impl JujuError {
    pub(super) fn failed(command: String, output: Output) -> Self {
        Self::Failed {
            command,
            code: output.code,
            stdout: output.stdout,
            stderr: output.stderr,
        }
    }

    /// Returns the error for output that makes no sense, with no more of it than a reader wants to see.
    pub(crate) fn garbage(
        command: String,
        expected: &'static str,
        why: impl fmt::Display,
        got: &str,
    ) -> Self {
        Self::Garbage {
            command,
            expected,
            why: why.to_string(),
            got: got.chars().take(200).collect(),
        }
    }

    /// Returns the exit code, if the command ended by itself.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Failed { code, .. } => Some(*code),
            Self::Garbage { .. } => Some(0),
            Self::Context { error, .. } => error.code(),
            _ => None,
        }
    }

    /// Returns what the command said on standard error.
    #[must_use]
    pub fn stderr(&self) -> Option<&str> {
        match self {
            Self::Failed { stderr, .. }
            | Self::TimedOut { stderr, .. }
            | Self::NotScheduled { stderr, .. } => Some(stderr),
            Self::Task { task, .. } => Some(&task.stderr),
            Self::Context { error, .. } => error.stderr(),
            _ => None,
        }
    }

    /// Returns the command line, ready to paste.
    #[must_use]
    pub fn command(&self) -> Option<&str> {
        match self {
            Self::Failed { command, .. }
            | Self::TimedOut { command, .. }
            | Self::Garbage { command, .. }
            | Self::NotScheduled { command, .. }
            | Self::NoDirectory { command, .. } => Some(command),
            Self::Context { error, .. } => error.command(),
            _ => None,
        }
    }

    /// Returns the action or command that failed on a unit.
    #[must_use]
    pub fn task(&self) -> Option<&Task> {
        match self {
            Self::Task { task, .. } | Self::Results { task, .. } => Some(task),
            Self::Context { error, .. } => error.task(),
            _ => None,
        }
    }

    /// Returns what to try next.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotRunnable { source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                Some(
                    "make the file executable, or name another program with --juju or CHARMTEST_JUJU",
                )
            }
            Self::NotRunnable { .. } => {
                Some("install it, or name another program with --juju or CHARMTEST_JUJU")
            }
            Self::TimedOut { .. } => {
                Some("a call of the test can be given more time with `.timeout(..)`")
            }
            Self::Failed { stderr, .. } => hint_for(stderr),
            Self::Context { error, .. } => error.hint(),
            _ => None,
        }
    }

    /// Tells whether Juju says that the name of a new model is taken (3.6, 4.0: `model admin/m already exists`).
    pub(crate) fn is_name_taken(&self) -> bool {
        self.code().is_some()
            && self
                .stderr()
                .is_some_and(|said| said.contains("already exists"))
    }

    /// Tells whether Juju says that the model is not there.
    pub(crate) fn is_model_missing(&self) -> bool {
        if let Self::Context { error, .. } = self {
            return error.is_model_missing();
        }
        let Self::Failed { stderr, .. } = self else {
            return false;
        };
        // 3.6: `model c:admin/m not found`; 4.0: `model c:m not found`, also after `getting controller addresses: `. A missing
        // controller says `controller c not found`, which is something else.
        stderr.lines().any(|line| {
            let what = line
                .trim_start_matches("ERROR ")
                .rsplit(": ")
                .next()
                .unwrap_or_default();
            what.starts_with("model ") && what.contains("not found")
        })
    }
}

fn hint_for(stderr: &str) -> Option<&'static str> {
    const HINTS: [(&str, &str); 7] = [
        (
            "No controllers registered",
            "bootstrap a controller, or use the embedded one: --backend embedded",
        ),
        (
            "No selected controller",
            "name a controller with --controller, or select one with `juju switch`",
        ),
        (
            "unable to connect to API",
            "see whether the controller answers: `juju show-controller`",
        ),
        (
            "deploying from directory not supported",
            "Juju 4 deploys packed charms only: pack it with `ops.build_charm(..)`",
        ),
        (
            "Permission denied (publickey",
            "Juju 4 puts no key into a model by itself: give it yours with `model.add_ssh_key(..)`",
        ),
        (
            "specifying a revision requires a channel",
            "give the deployment a channel as well: `.channel(..)`",
        ),
        (
            "is not a valid name",
            "model names may only contain lowercase letters, digits and hyphens",
        ),
    ];
    HINTS
        .iter()
        .find(|(text, _)| stderr.contains(text))
        .map(|(_, hint)| *hint)
}

impl fmt::Display for JujuError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunnable { program, source } => match source.kind() {
                io::ErrorKind::NotFound => write!(f, "there is no program `{}`", program.display()),
                _ => write!(f, "cannot run `{}`", program.display()),
            },
            Self::NoDirectory { directory, command } => {
                write!(
                    f,
                    "there is no directory `{}` to run `{command}` in",
                    directory.display()
                )
            }
            Self::Failed {
                command,
                code,
                stdout,
                stderr,
            } => {
                write!(f, "`{command}` failed with exit code {code}")?;
                write_said(
                    f,
                    if stderr.trim().is_empty() {
                        stdout
                    } else {
                        stderr
                    },
                )
            }
            Self::TimedOut {
                command,
                limit,
                stderr,
            } => {
                write!(f, "`{command}` did not end within {limit:?}")?;
                write_said(f, stderr)
            }
            Self::Garbage {
                command,
                expected,
                why,
                got,
            } => write!(
                f,
                "`{command}` did not print {expected}: {why}; it printed {got:?}"
            ),
            Self::NotScheduled { command, stderr } => {
                write!(f, "`{command}` ran on no unit")?;
                write_said(f, stderr)
            }
            Self::Task { what, task } => write_task(f, what, task),
            Self::Results { why, task } => {
                let results = serde_json::to_string(&task.results).map_err(|_| fmt::Error)?;
                write!(
                    f,
                    "the results of task {} on {} are not what was expected: {why}; they are {results}",
                    task.id, task.unit
                )
            }
            Self::Context { what, error } => write!(f, "{what}: {error}"),
            Self::Name(error) => error.fmt(f),
            Self::NotFound(what) | Self::Unsupported(what) => f.write_str(what),
        }
    }
}

/// Appends what a command said, without the word that begins each of Juju's error lines.
fn write_said(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut lines = text
        .trim()
        .lines()
        .map(|line| line.strip_prefix("ERROR ").unwrap_or(line).trim_end());
    let Some(first) = lines.next() else {
        return f.write_str(", saying nothing");
    };
    write!(f, ": {first}")?;
    lines.try_for_each(|line| write!(f, "\n{line}"))
}

fn write_task(f: &mut fmt::Formatter<'_>, what: &str, task: &Task) -> fmt::Result {
    write!(f, "{what} on {} ended as {}", task.unit, task.status)?;
    if task.return_code != 0 {
        write!(f, " with code {}", task.return_code)?;
    }
    if !task.message.is_empty() {
        write!(f, ": {}", task.message)?;
    }
    for (name, text) in [("stdout", &task.stdout), ("stderr", &task.stderr)] {
        if !text.trim().is_empty() {
            write!(f, "\n{name}: {}", text.trim_end())?;
        }
    }
    if !task.results.is_empty() {
        let results = serde_json::to_string(&task.results).map_err(|_| fmt::Error)?;
        write!(f, "\nresults: {results}")?;
    }
    Ok(())
}

impl Error for JujuError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotRunnable { source, .. } if source.kind() != io::ErrorKind::NotFound => {
                Some(source)
            }
            Self::Context { error, .. } => error.source(),
            _ => None,
        }
    }
}

impl From<NameError> for JujuError {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}
