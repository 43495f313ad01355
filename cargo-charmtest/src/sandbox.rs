//! Sandboxes as this program uses them: around one script, and around a whole run with its controller and its hooks.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::{LazyLock, mpsc};
use std::thread;

use charmtest_sandbox::{Level, Network, Policy, Request, Sandbox, network_command};
use clap::Args;
use rustix::process::{Pid, Signal, kill_process};

use crate::error::{Error, Result};
use crate::record;
use crate::report::{heading, say};
use crate::run::signals::{self, Interrupt};

/// Says in a run that is in a sandbox, or in a network of its own, what is around it.
const INSIDE: &str = "CHARMTEST_INSIDE";

/// Where programs are in a sandbox.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How strong a sandbox shall be, and what is reached from it.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct SandboxArgs {
    /// The sandbox: auto (the best that this machine has), a level from 0 to 3 or its name, off; see `doctor --sandbox`.
    #[arg(long, value_name = "LEVEL", default_value = "auto")]
    pub(crate) sandbox: Request,
    /// What is reached over the network: host, nodes (the units, on the embedded controller), none.
    #[arg(long, value_name = "NETWORK", default_value = "host")]
    pub(crate) network: Network,
}

/// What every program in a sandbox may read; finding it means a look at all of `/etc`.
static SYSTEM: LazyLock<Policy> = LazyLock::new(Policy::system);

/// Returns what every sandbox of this program allows: the system and this program. What is the user's and Juju's must be out of it.
fn policy() -> Result<Policy> {
    let mut policy = SYSTEM.clone().executable(ourselves()?);
    for name in ["HOME", "JUJU_DATA", "CHARMTEST_DATA", "XDG_DATA_HOME"] {
        if let Some(path) = std::env::var_os(name).filter(|path| !path.is_empty()) {
            policy = policy.hidden(path);
        }
    }
    Ok(policy)
}

fn ourselves() -> Result<PathBuf> {
    std::env::current_exe().map_err(|error| {
        Error::infrastructure(format!("cannot find the program itself: {error}"))
    })
}

/// Returns a command that runs a script's program in a sandbox: it has the system, this program for its `juju`, and its own directory.
///
/// `directory` is what belongs to the script alone: its copy of the charm, its `HOME` and `TMPDIR`, its way to the broker.
///
/// # Errors
///
/// Fails when the policy cannot be made, for `directory` is not there or the user's data lies below what is allowed.
#[allow(dead_code, reason = "scripts are not run by a command yet")]
pub(crate) fn script_command(
    sandbox: &Sandbox,
    words: &[OsString],
    variables: &BTreeMap<OsString, OsString>,
    directory: &Path,
) -> io::Result<Command> {
    let [program, args @ ..] = words else {
        return Err(io::Error::other("there is no program to run"));
    };
    let policy = policy()
        .map_err(|error| io::Error::other(error.to_string()))?
        .writable(directory)
        .environment(variables);
    sandbox
        .command(&policy, program, args)
        .map_err(io::Error::other)
}

/// Where a whole run takes place.
#[derive(Debug)]
pub(crate) struct Inside<'a> {
    pub(crate) request: Request,
    pub(crate) network: Network,
    /// What of the user's the run may read.
    pub(crate) readable: &'a [PathBuf],
    /// What of the user's the run may change.
    pub(crate) writable: &'a [PathBuf],
    /// Keep what the run leaves behind.
    pub(crate) keep: bool,
}

impl Inside<'_> {
    /// Says whether the run must be started anew, in what it asks for. It need not if nothing is asked for or it is there already.
    pub(crate) fn is_needed(&self) -> bool {
        std::env::var_os(INSIDE).is_none()
            && (self.request != Request::Off || self.network != Network::Host)
    }

    /// Runs this program with `words` inside, and returns its exit code.
    ///
    /// The run has a state directory, a home and a data directory of its own, so its controller is started inside as well, and with it
    /// all hooks: what they do and what tests do is under the same restrictions. What is theirs is deleted in the end.
    ///
    /// # Errors
    ///
    /// Fails when there is no such sandbox or network, or when it cannot be entered.
    pub(crate) fn run(&self, words: &[OsString]) -> Result<u8> {
        let (sender, happenings) = mpsc::channel();
        signals::forward(sender.clone()).map_err(Error::infrastructure)?;
        let runs = record::runs_dir()
            .ok_or_else(|| Error::infrastructure("neither XDG_STATE_HOME nor HOME is set"))?;
        let room = runs.join(format!("{}-inside", record::new_id()));
        for name in ["state", "home", "tmp"] {
            std::fs::create_dir_all(room.join(name)).map_err(|error| {
                Error::infrastructure(format!("cannot make {}: {error}", room.display()))
            })?;
        }
        let mut child = self
            .command(&room, words)?
            .spawn()
            .map_err(|error| Error::infrastructure(format!("cannot start the run: {error}")))?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        thread::spawn(move || sender.send(Happening::Ended(child.wait())));
        let code = wait(&happenings, pid);
        if self.keep {
            say(&heading("Kept", &room.display().to_string()));
        } else {
            std::fs::remove_dir_all(&room).map_err(|error| {
                Error::infrastructure(format!("cannot delete {}: {error}", room.display()))
            })?;
        }
        code
    }

    fn command(&self, room: &Path, words: &[OsString]) -> Result<Command> {
        let shim = ourselves()?;
        // With a root directory of its own a network of its own is part of it; with less it is made around it.
        let none = match self.network {
            Network::Host => None,
            _ if self.request == Request::Off => None,
            _ => Sandbox::with_shim(&shim, self.request, Network::None).ok(),
        };
        let around = self.network != Network::Host && none.is_none();
        let sandbox = match none {
            Some(sandbox) => sandbox,
            None => Sandbox::with_shim(&shim, self.request, Network::Host)
                .map_err(|error| Error::infrastructure(&error))?,
        };
        let level = sandbox.achieved().level;
        let what = format!("sandbox level {level}, network {}", self.network);
        say(&heading("Inside", &what));
        for missing in &sandbox.achieved().missing {
            say(&format!("  {missing}"));
        }
        if level != Level::Plain && !sandbox.achieved().unix_sockets() {
            return Err(Error::infrastructure(format!(
                "a whole run needs sandbox level {}, for its controller and hooks speak through Unix sockets; this is {level}",
                Level::Namespaces
            ))
            .hint("`cargo charmtest doctor --sandbox` says what to do"));
        }
        let mut policy = policy()?.writable(room).environment(self.environment(
            level,
            room,
            &what,
        ));
        for path in self.readable {
            policy = policy.executable(path);
        }
        for path in self.writable {
            policy = policy.writable(path);
        }
        let inner = sandbox
            .command(&policy, &shim, words)
            .map_err(|error| Error::infrastructure(&error))?;
        if !around {
            return Ok(inner);
        }
        let mut outer = network_command(&shim, inner.get_program(), inner.get_args());
        outer.env_clear();
        for (key, value) in inner.get_envs() {
            if let Some(value) = value {
                outer.env(key, value);
            }
        }
        Ok(outer)
    }

    /// Returns the environment of the run: in a sandbox only what is charmtest's, else all; and its own directories.
    fn environment(&self, level: Level, room: &Path, what: &str) -> Vec<(OsString, OsString)> {
        let kept = |key: &OsStr| {
            let text = key.to_string_lossy();
            match level {
                Level::Plain => true,
                _ => text.starts_with("CHARMTEST_") || ["TERM", "LANG", "NO_COLOR"].contains(&&*text),
            }
        };
        // The controller of another run, or a real one, is not this run's.
        const NOT_KEPT: [&str; 3] = ["CHARMTEST_DATA", "JUJU_DATA", "CHARMTEST_STOP_FILE"];
        let mut variables: BTreeMap<OsString, OsString> = std::env::vars_os()
            .filter(|(key, value)| {
                kept(key) && value.to_str().is_some() && !NOT_KEPT.iter().any(|not| key == not)
            })
            .collect();
        variables.insert("XDG_STATE_HOME".into(), room.join("state").into());
        variables.insert(INSIDE.into(), what.into());
        if level != Level::Plain {
            variables.insert("PATH".into(), PATH.into());
            variables.insert("HOME".into(), room.join("home").into());
            variables.insert("TMPDIR".into(), room.join("tmp").into());
        }
        variables.into_iter().collect()
    }
}

enum Happening {
    Interrupt(Interrupt),
    Ended(io::Result<ExitStatus>),
}

impl From<Interrupt> for Happening {
    fn from(interrupt: Interrupt) -> Self {
        Self::Interrupt(interrupt)
    }
}

/// Waits for the run and hands interrupts on to it; the one after a request to terminate kills.
fn wait(happenings: &mpsc::Receiver<Happening>, pid: Option<Pid>) -> Result<u8> {
    let mut terminated = false;
    for happening in happenings {
        match happening {
            Happening::Ended(status) => {
                let status = status.map_err(Error::infrastructure)?;
                if status.code() == Some(charmtest_sandbox::FAILED.into()) {
                    return Err(Error::infrastructure(
                        "the run could not be started in its sandbox",
                    ));
                }
                let signal = status.signal().map(|signal| 128 + signal);
                let code = status.code().or(signal);
                return Ok(code
                    .and_then(|code| u8::try_from(code).ok())
                    .unwrap_or(charmtest::exit::FAILED));
            }
            Happening::Interrupt(interrupt) => {
                let signal = match interrupt {
                    _ if terminated => Signal::KILL,
                    interrupt => interrupt.signal(),
                };
                terminated = interrupt == Interrupt::Term;
                // It may have ended in between.
                let _ = pid.map(|pid| kill_process(pid, signal));
            }
        }
    }
    Err(Error::infrastructure("nobody waits for the run"))
}
