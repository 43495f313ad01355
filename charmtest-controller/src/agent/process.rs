//! Running one program of a charm: finding it, starting it, waiting for it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::OwnedSemaphorePermit;

use super::output::Stream;
use super::processes::kill_group;

/// How long a hook may hold one of the slots that bound how many hooks start at once. One that takes longer mostly waits, and must
/// not keep others from starting.
const SLOT_LIMIT: Duration = Duration::from_secs(2);

/// How often a program that is still being written is tried.
const BUSY_TRIES: u32 = 100;

/// What a hook or an action is run with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Script {
    /// The charm's `dispatch`.
    Dispatch(PathBuf),
    /// The charm's own `hooks/<name>` or `actions/<name>`.
    Bespoke(PathBuf),
    /// A command line for a shell.
    Shell(String),
}

impl fmt::Display for Script {
    /// Writes what Juju's log says after `via`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dispatch(_) => f.write_str("hook dispatching script: dispatch"),
            Self::Bespoke(_) => f.write_str("explicit, bespoke hook script"),
            Self::Shell(_) => f.write_str("shell"),
        }
    }
}

/// Finds what runs `name` (`hooks/install`, `actions/backup`) in the charm directory; `None` when the charm has nothing for it.
///
/// A file that cannot be executed is found all the same: starting it fails, and with it the hook.
///
/// # Errors
///
/// Fails when the charm directory holds no charm.
pub(crate) fn find_script(charm_dir: &Path, name: &str) -> Result<Option<Script>, &'static str> {
    if !charm_dir.join("metadata.yaml").exists() {
        return Err("charm missing from disk");
    }
    let dispatch = charm_dir.join("dispatch");
    if dispatch.exists() {
        return Ok(Some(Script::Dispatch(dispatch)));
    }
    let bespoke = charm_dir.join(name);
    Ok(bespoke.exists().then_some(Script::Bespoke(bespoke)))
}

/// Why a process was killed by its agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// The agent ends: the daemon does, or the unit was removed by force.
    Stop,
    /// The hook asked for a reboot at once.
    Reboot,
    /// The task was cancelled.
    Abort,
    /// The command took longer than it was given.
    TimedOut,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Its agent killed it.
    Interrupted(Interrupt),
    /// It could not be started.
    NotStarted(io::Error),
}

impl fmt::Display for Exit {
    /// Writes the reason as Go does: `exit status 1`, `signal: killed`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(signal) => write!(f, "signal: {}", signal_name(*signal)),
            Self::Interrupted(Interrupt::Stop) => f.write_str("action terminated"),
            Self::Interrupted(_) => f.write_str("command cancelled"),
            Self::NotStarted(error) => f.write_str(&start_error(error)),
        }
    }
}

/// The program, where and with what it runs.
#[derive(Debug)]
pub(crate) struct Job {
    /// The program.
    pub(crate) script: Script,
    /// Its working directory.
    pub(crate) dir: PathBuf,
    /// All of its environment.
    pub(crate) env: BTreeMap<String, String>,
    /// How long the pipes are read after it ended, while a child of it still holds them.
    pub(crate) drain: Duration,
    /// The slot it starts in, if it needs one.
    pub(crate) slot: Option<OwnedSemaphorePermit>,
}

/// Runs a program in a process group of its own until it ends or `interrupt` does; then its group is killed.
///
/// Children that it leaves behind live on, as those of a hook on a machine do.
pub(crate) async fn run(
    job: Job,
    stdout: &mut Stream,
    stderr: &mut Stream,
    interrupt: impl Future<Output = Interrupt>,
) -> Exit {
    let Job {
        script,
        dir,
        env,
        drain,
        slot,
    } = job;
    let mut child = match start(command(&script).current_dir(dir).env_clear().envs(env)).await {
        Ok(child) => child,
        Err(error) => return Exit::NotStarted(error),
    };
    let leader = child.id();
    let pipes = (child.stdout.take(), child.stderr.take());
    let reading = async {
        let out = async {
            if let Some(pipe) = pipes.0 {
                stdout.pump(pipe).await
            }
        };
        let err = async {
            if let Some(pipe) = pipes.1 {
                stderr.pump(pipe).await
            }
        };
        tokio::join!(out, err);
    };
    let giving_back = async move {
        tokio::time::sleep(SLOT_LIMIT).await;
        drop(slot);
        std::future::pending::<()>().await;
    };
    tokio::pin!(reading, giving_back, interrupt);
    let mut drained = false;
    let exit = loop {
        tokio::select! {
            ended = child.wait() => break ended.map_or_else(Exit::NotStarted, exit_of),
            () = &mut reading, if !drained => drained = true,
            () = &mut giving_back => {}
            why = &mut interrupt => {
                if let Some(leader) = leader {
                    kill_group(leader);
                }
                // Killed for certain, so this takes no time; its status tells nothing new.
                let _ = child.wait().await;
                break Exit::Interrupted(why);
            }
        }
    };
    if !drained {
        let _ = tokio::time::timeout(drain, reading).await;
    }
    exit
}

fn command(script: &Script) -> Command {
    let mut command = match script {
        Script::Dispatch(path) | Script::Bespoke(path) => Command::new(path),
        Script::Shell(line) => {
            let mut command = Command::new("/bin/bash");
            command.arg("-c").arg(line);
            command
        }
    };
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command
}

/// Starts a program, again when it is "busy": another thread may be between its own fork and exec, with a copy of the descriptor
/// through which this very file was just written.
async fn start(command: &mut Command) -> io::Result<Child> {
    for _ in 0..BUSY_TRIES {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                tokio::time::sleep(Duration::from_millis(10)).await
            }
            started => return started,
        }
    }
    command.spawn()
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap_or_default()),
    }
}

/// Says whether `path` may be executed by anybody at all; for error messages.
fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0)
}

fn start_error(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        // Also when the interpreter that a script names is not there.
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        _ => error.to_string(),
    }
}

/// Tells more about a program that could not be started.
pub(crate) fn start_hint(script: &Script) -> Option<String> {
    let (Script::Dispatch(path) | Script::Bespoke(path)) = script else {
        return None;
    };
    if is_executable(path) {
        return None;
    }
    let name = path.file_name().unwrap_or_default().display().to_string();
    Some(format!(
        "{name} is not executable; set its mode to 0755 and pack the charm again"
    ))
}

/// Returns the name that Go gives a signal.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        10 => "user defined signal 1",
        11 => "segmentation fault",
        12 => "user defined signal 2",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}
