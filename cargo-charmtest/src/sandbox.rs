//! A sandbox around a whole run, with its controller and its hooks.

mod room;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal as _};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, mpsc};
use std::thread;

use charmtest::juju::BackendChoice;
use charmtest_sandbox::{Level, Network, Policy, Request, Sandbox, network_command};
use rustix::process::{Pid, Signal, kill_process};

use crate::cli::{ColorArg, InsideArgs, SuiteArgs};
use crate::error::{Error, Kind, Result};
use crate::report::{hand_on, heading, say, shows_colours};
use crate::results::{CONTAINER, ResultsArgs, container};
use crate::run::signals::{self, Interrupt};
pub(crate) use room::{Left, Room, left_behind};

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
pub(crate) fn contained(
    args: &InsideArgs,
    keep: Keep,
    readable: &[PathBuf],
    streams: Streams,
) -> Result<Option<u8>> {
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
        own_session: streams != Streams::Terminal,
    };
    let mut words: Vec<OsString> = std::env::args_os().skip(1).collect();
    if streams == (Streams::Plain { coloured: true }) {
        // After `charmtest` and the command.
        words.insert(2.min(words.len()), "--color=always".into());
    }
    inside.run(&words, keep, streams).map(Some)
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
    let coloured = suite.color == ColorArg::Auto && shows_colours() && !names_colour();
    contained(&args, keep, charms, Streams::Plain { coloured })
}

/// Says whether the command line says anything of colours.
fn names_colour() -> bool {
    let mut words = std::env::args_os().skip(1);
    words.any(|word| word.as_encoded_bytes().starts_with(b"--color"))
}

/// What becomes of the standard streams of a run in a sandbox. Whatever runs there can write to them what it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Streams {
    /// They are the user's terminal: the user works with what runs there.
    Terminal,
    /// There is nothing to read, and what is written is handed on as harmless text.
    Plain {
        /// Whether it is to be coloured.
        coloured: bool,
    },
    /// What would go to a terminal is handed on as harmless text; files and pipes are as they are.
    PlainOnTerminal,
}

impl Streams {
    /// Returns what is right for a command that the user named, which may be a shell.
    pub(crate) fn of_command() -> Self {
        match io::stdin().is_terminal() {
            true => Self::Terminal,
            false => Self::PlainOnTerminal,
        }
    }

    /// Says what is piped: standard output, and standard error.
    fn piped(self) -> (bool, bool) {
        match self {
            Self::Terminal => (false, false),
            Self::Plain { .. } => (true, true),
            Self::PlainOnTerminal => (io::stdout().is_terminal(), io::stderr().is_terminal()),
        }
    }
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
    /// Whether it is kept from the user's terminal, if it is in a sandbox.
    pub(crate) own_session: bool,
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
    fn run(&self, words: &[OsString], keep: Keep, streams: Streams) -> Result<u8> {
        let (sender, happenings) = mpsc::channel();
        signals::forward(sender.clone()).map_err(Error::infrastructure)?;
        let room = Room::make()?;
        let code = self.start(&room, words, streams).and_then(|mut child| {
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            let said = child
                .stdout
                .take()
                .map(|said| thread::spawn(|| hand_on(said, io::stdout(), u64::MAX)));
            let told = child
                .stderr
                .take()
                .map(|told| thread::spawn(|| hand_on(told, io::stderr(), u64::MAX)));
            thread::spawn(move || sender.send(Happening::Ended(child.wait())));
            let code = wait(&happenings, pid);
            // All that could write has ended with the run.
            for relay in [said, told].into_iter().flatten() {
                let _ = relay.join();
            }
            code
        });
        room.end(match keep {
            Keep::Always => true,
            Keep::IfFailed => code.as_ref().is_ok_and(|code| *code != 0),
            Keep::Never => false,
        })?;
        code
    }

    fn start(&self, room: &Room, words: &[OsString], streams: Streams) -> Result<Child> {
        let mut command = self.command(room, words)?;
        if self.around.level() != Level::Plain {
            if let Streams::Plain { .. } = streams {
                command.stdin(Stdio::null());
            }
            let (said, told) = streams.piped();
            if said {
                command.stdout(Stdio::piped());
            }
            if told {
                command.stderr(Stdio::piped());
            }
        }
        command
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
        if self.own_session && level != Level::Plain {
            policy = policy.own_session();
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
