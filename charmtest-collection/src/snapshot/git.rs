//! The `git` program: with a time limit, without our environment, never asking anybody anything.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::error::{Error, Result};

/// What of our environment git gets: where programs, the user's keys and proxies are.
const PASSED_ON: [&str; 14] = [
    "PATH",
    "HOME",
    "USER",
    "XDG_CONFIG_HOME",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "TMPDIR",
];

/// Settings of every call: nothing that a repository names is run, and nothing is tidied up behind our back.
const SETTINGS: [&str; 7] = [
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.ext.allow=never",
    "advice.detachedHead=false",
    "core.untrackedCache=false",
];

/// How git is called.
#[derive(Debug, Clone)]
pub struct Git {
    /// The program.
    pub program: PathBuf,
    /// How long one call may take.
    pub limit: Duration,
}

impl Default for Git {
    /// `git` of the PATH, five minutes for each call.
    fn default() -> Self {
        Self {
            program: "git".into(),
            limit: Duration::from_secs(300),
        }
    }
}

impl Git {
    /// Prepares a call in `directory`.
    pub(super) fn command(&self, directory: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear();
        for name in PASSED_ON {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .envs([
                ("LC_ALL", "C"),
                ("GIT_TERMINAL_PROMPT", "0"),
                ("GIT_OPTIONAL_LOCKS", "0"),
                ("GIT_LITERAL_PATHSPECS", "1"),
                ("GIT_NO_REPLACE_OBJECTS", "1"),
                ("GIT_NO_LAZY_FETCH", "1"),
                ("GIT_ASKPASS", "true"),
                ("SSH_ASKPASS", "true"),
                ("GIT_SSH_COMMAND", "ssh -oBatchMode=yes"),
            ])
            .current_dir(directory)
            .process_group(0)
            .stdin(Stdio::null());
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command
    }

    /// Runs a call to its end.
    ///
    /// # Errors
    ///
    /// Fails when git is not there, fails, or takes too long; the text has what git said.
    pub(super) fn run(&self, mut command: Command, input: Option<Vec<u8>>) -> Result<Vec<u8>> {
        let said = describe(&command);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if input.is_some() {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().map_err(|error| self.not_started(&error))?;
        let watchdog = Watchdog::of(&child, self.limit);
        let writer = input.zip(child.stdin.take()).map(|(input, mut stdin)| {
            // Git that ends early says why itself.
            thread::spawn(move || drop(stdin.write_all(&input)))
        });
        let output = child.wait_with_output();
        let timed_out = watchdog.end();
        if let Some(writer) = writer {
            let _ = writer.join();
        }
        let output = output.map_err(|error| Error::Git(format!("{said}: {error}")))?;
        if timed_out {
            let seconds = self.limit.as_secs();
            return Err(Error::Git(format!("{said}: not done after {seconds} s")));
        }
        if !output.status.success() {
            return Err(Error::Git(format!("{said}: {}", why(&output))));
        }
        Ok(output.stdout)
    }

    pub(super) fn not_started(&self, error: &std::io::Error) -> Error {
        Error::Git(format!("cannot start {}: {error}", self.program.display()))
    }
}

/// Returns git's own words, else its exit status.
fn why(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let words: Vec<&str> = stderr
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    if words.is_empty() {
        output.status.to_string()
    } else {
        words.join("; ")
    }
}

/// Returns a call without our settings.
fn describe(command: &Command) -> String {
    let args: Vec<&OsStr> = command
        .get_args()
        .skip(2 * SETTINGS.len())
        .take(4)
        .collect();
    let line = args.join(OsStr::new(" "));
    format!("`git {}`", line.to_string_lossy())
}

/// Ends a process with all that it started when its time is over.
pub(super) struct Watchdog {
    done: Sender<()>,
    thread: JoinHandle<bool>,
}

impl Watchdog {
    /// Watches a child that leads a process group.
    pub(super) fn of(child: &Child, limit: Duration) -> Self {
        let (done, waiting) = mpsc::channel();
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let thread = thread::spawn(move || {
            let late = waiting.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
            if late && let Some(group) = group {
                let _ = kill_process_group(group, Signal::KILL);
            }
            late
        });
        Self { done, thread }
    }

    /// Stops watching; says whether the time was over.
    pub(super) fn end(self) -> bool {
        drop(self.done);
        self.thread.join().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn fake(script: &str) -> (tempfile::TempDir, Git) {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("git");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let limit = Duration::from_secs(300);
        (directory, Git { program, limit })
    }

    #[test]
    fn git_that_hangs_is_ended_with_its_children() {
        let (directory, mut git) = fake("sleep 1000 & sleep 1000");
        git.limit = Duration::from_millis(100);
        let mut command = git.command(directory.path());
        command.args(["fetch", "x"]);
        let error = git.run(command, None).unwrap_err().to_string();
        assert!(
            error.starts_with("`git fetch x`: not done after"),
            "{error}"
        );
    }

    #[test]
    fn git_gets_no_variable_of_ours_and_its_words_are_told() {
        let (directory, git) = fake("env >&2; exit 3");
        let error = git
            .run(git.command(directory.path()), None)
            .unwrap_err()
            .to_string();
        assert!(error.contains("GIT_TERMINAL_PROMPT=0"), "{error}");
        assert!(!error.contains("CARGO"), "{error}");
    }
}
