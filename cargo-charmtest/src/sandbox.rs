//! A sandbox around a whole run, with its controller and its hooks.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, mpsc};
use std::thread;

use charmtest::juju::BackendChoice;
use charmtest_sandbox::{Level, Network, Policy, Request, Sandbox, network_command};
use rustix::process::{Pid, Signal, kill_process};

use crate::cli::{InsideArgs, SuiteArgs};
use crate::error::{Error, Kind, Result};
use crate::record;
use crate::report::{heading, say};
use crate::results::{CONTAINER, ResultsArgs, container};
use crate::run::signals::{self, Interrupt};

/// Says in a run that is in a sandbox, or in a network of its own, what is around it.
const INSIDE: &str = "CHARMTEST_INSIDE";

/// Where programs are in a sandbox.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

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
    std::env::current_exe()
        .map_err(|error| Error::infrastructure(format!("cannot find the program itself: {error}")))
}

/// Returns the network of this process: that of the units alone, if the run was started so.
pub(crate) fn network() -> Network {
    match std::env::var(INSIDE) {
        Ok(inside) if inside.ends_with("network nodes") => Network::Nodes,
        _ => Network::Host,
    }
}

/// Returns the level of the sandbox around this process.
pub(crate) fn level() -> Level {
    match std::env::var(INSIDE) {
        Ok(inside) if inside.starts_with(&format!("sandbox level {}", Level::Namespaces)) => {
            Level::Namespaces
        }
        _ => Level::Plain,
    }
}

/// Returns the level that scripts reach which ask for `request`; what asking for it fails of, they fail of too.
pub(crate) fn level_of(request: &str) -> Level {
    let entered = request
        .parse()
        .ok()
        .and_then(|request| Sandbox::enter(request, network()).ok());
    entered.map_or(Level::Plain, |sandbox| sandbox.achieved().level)
}

/// Starts this very command anew in the sandbox or network that it asks for, and returns its exit code; `None` if it is there already
/// or asks for none.
///
/// `readable` is what a contained run reads beside what its options name, as the charms that it tests.
///
/// # Errors
///
/// Fails when there is no such sandbox or network, or when it cannot be entered.
pub(crate) fn contained(args: &InsideArgs, keep: Keep, readable: &[PathBuf]) -> Result<Option<u8>> {
    let request = match args.contain {
        true => Request::Level(Level::Namespaces),
        false => Request::Off,
    };
    let asked = request != Request::Off || args.network != Network::Host;
    if !asked || std::env::var_os(INSIDE).is_some() {
        return Ok(None);
    }
    let here = std::env::current_dir().map_err(Error::infrastructure)?;
    let readable: Vec<PathBuf> = [&[here][..], readable, &args.readable].concat();
    let inside = Inside {
        around: &Around::find(request, args.network)?,
        readable: &readable,
        writable: &args.writable,
        hidden: &[],
        unset: &[],
        set: &[],
    };
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    inside.run(&words, keep).map(Some)
}

/// Starts a suite of charms anew as [`contained`] does. What a run that failed recorded is kept. The files of its results must be there.
///
/// # Errors
///
/// As [`contained`] does, and when a real Juju is asked for, whose units are elsewhere.
pub(crate) fn contained_suite(
    args: &InsideArgs,
    suite: &SuiteArgs,
    charms: &[PathBuf],
    results: &ResultsArgs,
) -> Result<Option<u8>> {
    if (args.contain || args.network == Network::Nodes)
        && suite.flags.backend_choice() == BackendChoice::Juju
    {
        return Err(Error::new(
            Kind::Usage,
            "--contain and --network nodes are about hooks that run on this machine; those of a real Juju do not",
        )
        .hint("--backend embedded"));
    }
    let keep = match suite.flags.keep_models {
        true => Keep::Always,
        false => Keep::IfFailed,
    };
    let mut args = args.clone();
    args.writable.extend(results.files());
    contained(&args, keep, charms)
}

/// When what a contained run leaves behind is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    Always,
    IfFailed,
    Never,
}

impl Keep {
    /// Returns what an option that keeps models asks for.
    pub(crate) fn of(keep: bool) -> Self {
        match keep {
            true => Self::Always,
            false => Self::Never,
        }
    }
}

/// What is around a whole run: a sandbox, a network of its own, or both.
#[derive(Debug, Clone)]
pub(crate) struct Around {
    sandbox: Sandbox,
    network: Network,
    /// Whether the network is made around the sandbox; else it is part of it.
    network_around: bool,
}

impl Around {
    /// Finds what is asked for.
    ///
    /// # Errors
    ///
    /// Fails when this machine does not have the level, and with one in which a controller and its hooks could not speak to each other.
    pub(crate) fn find(request: Request, network: Network) -> Result<Self> {
        let shim = ourselves()?;
        // With a root directory of its own a network of its own is part of it; without a sandbox it is made around it.
        let none = match network {
            Network::Host => None,
            _ if request == Request::Off => None,
            _ => Sandbox::with_shim(&shim, request, Network::None).ok(),
        };
        let network_around = network != Network::Host && none.is_none();
        let sandbox = match none {
            Some(sandbox) => sandbox,
            None => Sandbox::with_shim(&shim, request, Network::Host)
                .map_err(|error| Error::infrastructure(&error))?,
        };
        let level = sandbox.achieved().level;
        if level != Level::Plain && !sandbox.achieved().unix_sockets() {
            return Err(Error::infrastructure(format!(
                "a whole run needs sandbox level {}, for its controller and hooks speak through Unix sockets; this is {level}",
                Level::Namespaces
            ))
            .hint("`cargo charmtest doctor --sandbox` says what to do"));
        }
        Ok(Self {
            sandbox,
            network,
            network_around,
        })
    }

    /// Returns the level of everything in it.
    pub(crate) fn level(&self) -> Level {
        self.sandbox.achieved().level
    }

    fn what(&self) -> String {
        format!("sandbox level {}, network {}", self.level(), self.network)
    }
}

/// The directories of one run inside: its state, home and temporary files.
#[derive(Debug)]
pub(crate) struct Room(PathBuf);

impl Room {
    /// Makes the directories.
    ///
    /// # Errors
    ///
    /// Fails when they cannot be made.
    pub(crate) fn make() -> Result<Self> {
        let runs = record::runs_dir()
            .ok_or_else(|| Error::infrastructure("neither XDG_STATE_HOME nor HOME is set"))?;
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = match NEXT.fetch_add(1, Ordering::Relaxed) {
            0 => String::new(),
            number => format!("-{number}"),
        };
        let room = runs.join(format!("{}-inside{number}", record::new_id()));
        for name in ["state", "home", "tmp"] {
            std::fs::create_dir_all(room.join(name)).map_err(|error| {
                Error::infrastructure(format!("cannot make {}: {error}", room.display()))
            })?;
        }
        Ok(Self(room))
    }

    /// Returns the directory that holds all of them.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Deletes the directories, or says that they are kept.
    ///
    /// # Errors
    ///
    /// Fails when they cannot be deleted.
    pub(crate) fn end(self, keep: bool) -> Result<()> {
        let room = self.0.display();
        if keep {
            say(&heading("Kept", &room.to_string()));
            return Ok(());
        }
        std::fs::remove_dir_all(&self.0)
            .map_err(|error| Error::infrastructure(format!("cannot delete {room}: {error}")))
    }
}

/// A whole run in what is around it.
#[derive(Debug)]
pub(crate) struct Inside<'a> {
    pub(crate) around: &'a Around,
    /// What of the user's the run may read.
    pub(crate) readable: &'a [PathBuf],
    /// What of the user's the run may change.
    pub(crate) writable: &'a [PathBuf],
    /// What must be out of its reach, beside what always must.
    pub(crate) hidden: &'a [PathBuf],
    /// Variables of ours that it does not have.
    pub(crate) unset: &'a [String],
    /// Variables that it has.
    pub(crate) set: &'a [(&'static str, OsString)],
}

impl Inside<'_> {
    /// Runs this program with `words` inside, and returns its exit code.
    ///
    /// The run has a state directory, a home and a data directory of its own, so its controller is started inside as well, and with it
    /// all hooks: what they do and what tests do is under the same restrictions. What is theirs is deleted in the end.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be entered.
    fn run(&self, words: &[OsString], keep: Keep) -> Result<u8> {
        let (sender, happenings) = mpsc::channel();
        signals::forward(sender.clone()).map_err(Error::infrastructure)?;
        let room = Room::make()?;
        let code = self.start(&room, words).and_then(|mut child| {
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            thread::spawn(move || sender.send(Happening::Ended(child.wait())));
            wait(&happenings, pid)
        });
        room.end(match keep {
            Keep::Always => true,
            Keep::IfFailed => code.as_ref().is_ok_and(|code| *code != 0),
            Keep::Never => false,
        })?;
        code
    }

    fn start(&self, room: &Room, words: &[OsString]) -> Result<Child> {
        self.command(room, words)?
            .spawn()
            .map_err(|error| Error::infrastructure(format!("cannot start the run: {error}")))
    }

    /// Returns the command that runs this program with `words` inside, and tells what is around it.
    ///
    /// # Errors
    ///
    /// Fails when something that it may use is not there, or would let it reach what must be hidden.
    pub(crate) fn command(&self, room: &Room, words: &[OsString]) -> Result<Command> {
        let shim = ourselves()?;
        let room = room.path();
        let (level, what) = (self.around.level(), self.around.what());
        say(&heading("Inside", &what));
        for missing in &self.around.sandbox.achieved().missing {
            say(&format!("  {missing}"));
        }
        let mut policy = policy()?
            .writable(room)
            .environment(self.environment(level, room, &what));
        for path in self.readable {
            policy = policy.executable(path);
        }
        for path in self.writable {
            policy = policy.writable(path);
        }
        for path in self.hidden {
            policy = policy.hidden(path);
        }
        let inner = self
            .around
            .sandbox
            .command(&policy, &shim, words)
            .map_err(|error| Error::infrastructure(&error))?;
        if !self.around.network_around {
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
                _ => {
                    text.starts_with("CHARMTEST_") || ["TERM", "LANG", "NO_COLOR"].contains(&&*text)
                }
            }
        };
        // The controller of another run, or a real one, is not this run's.
        const NOT_KEPT: [&str; 3] = ["CHARMTEST_DATA", "JUJU_DATA", "CHARMTEST_STOP_FILE"];
        let mut variables: BTreeMap<OsString, OsString> = std::env::vars_os()
            .filter(|(key, value)| {
                kept(key) && value.to_str().is_some() && !NOT_KEPT.iter().any(|not| key == not)
            })
            .collect();
        variables.retain(|key, _| {
            !self
                .unset
                .iter()
                .any(|name| key.as_os_str() == name.as_str())
        });
        let set = self.set.iter();
        variables.extend(set.map(|(name, value)| ((*name).into(), value.clone())));
        variables.insert("XDG_STATE_HOME".into(), room.join("state").into());
        variables.insert(INSIDE.into(), what.into());
        // Its marks are out of sight in there.
        variables.insert(CONTAINER.into(), container().into());
        // A real Juju is not in here, and its units are not either.
        variables.insert("CHARMTEST_BACKEND".into(), "embedded".into());
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
