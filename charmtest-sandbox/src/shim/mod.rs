//! The shim: our own program, started to restrict itself and then become the command.
//!
//! The stages, each a start of its own: `apply` restricts this process and becomes the command; for namespaces, `enter` makes them
//! and waits, and `init` is their first process, which makes the root directory, starts `apply` and reaps. `network` makes a network
//! namespace only. `check` tries, inside, what a sandbox must stop.
//!
//! What to do is in the environment variable [`JOB`], since arguments can be read by every user of the machine; the command's own
//! environment is in it too, so nothing of that has an effect on the shim.

pub(crate) mod check;
mod descriptors;
mod enter;
mod filter;
mod init;
mod landlocked;
mod loopback;
mod privileges;
mod root;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::sys::signal::SigSet;
use rustix::process::{Signal, set_parent_process_death_signal, setsid};
use serde::{Deserialize, Serialize};

use crate::policy::Resolved;
use crate::{FAILED, Level, SHIM_ARGUMENT};

/// The variable with the job.
pub(crate) const JOB: &str = "CHARMTEST_SANDBOX_JOB";

/// This very program, also when its file is hidden or was replaced.
const OURSELVES: &str = "/proc/self/exe";

/// What the shim shall do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) level: Level,
    /// Give the command a network namespace of its own.
    pub(crate) own_network: bool,
    /// The command is among the other processes of the user: refuse it Unix sockets and shared memory.
    pub(crate) shares_namespaces: bool,
    /// The command is out of reach of the starter's terminal.
    pub(crate) own_session: bool,
    pub(crate) policy: Resolved,
}

/// Why the command was not started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{what}: {why}")]
    Step { what: String, why: String },
    #[error("the shim was not started by its sandbox: {0}")]
    Usage(String),
    #[error("cannot start {}: {error}", program.display())]
    Start { program: OsString, error: io::Error },
}

/// Says which step an error belongs to.
trait During<T> {
    fn during(self, what: impl Into<String>) -> Result<T, Failure>;
}

impl<T, E: std::fmt::Display> During<T> for Result<T, E> {
    fn during(self, what: impl Into<String>) -> Result<T, Failure> {
        self.map_err(|error| Failure::Step {
            what: what.into(),
            why: error.to_string(),
        })
    }
}

/// Goes through the stage that the arguments name.
pub(crate) fn main(args: &[OsString]) -> ExitCode {
    match stage(args.get(1..).unwrap_or_default()) {
        Ok(code) => code,
        Err(failure) => {
            complain(&failure);
            ExitCode::from(match &failure {
                Failure::Start { error, .. } if error.kind() == io::ErrorKind::NotFound => 127,
                Failure::Start { .. } => 126,
                _ => FAILED,
            })
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the shim has nobody else to tell, and is not the program that the user started"
)]
fn complain(failure: &Failure) {
    eprintln!("charmtest-sandbox: {failure}");
}

fn stage(args: &[OsString]) -> Result<ExitCode, Failure> {
    let (name, rest) = args
        .split_first()
        .ok_or_else(|| Failure::Usage("no stage".to_owned()))?;
    match name.to_str() {
        Some("apply") => {
            end_with_starter()?;
            descriptors::close_others(&[])?;
            let job = job()?;
            // The process before the namespaces has done so for all of them.
            if job.level < Level::Namespaces {
                leave_terminal(&job)?;
            }
            apply(&job, rest)
        }
        Some("enter") => {
            end_with_starter()?;
            descriptors::close_others(&[])?;
            let job = job()?;
            leave_terminal(&job)?;
            enter::enter(&job, rest)
        }
        Some("init") => init::init(&job()?, rest),
        Some("network") => loopback::become_in_network(rest),
        Some("check") => check::check(rest),
        _ => Err(Failure::Usage(format!("no stage `{}`", name.display()))),
    }
}

/// Asks the kernel to kill this process, and the command that it becomes, with the thread that started it: nobody else would end them.
fn end_with_starter() -> Result<(), Failure> {
    set_parent_process_death_signal(Some(Signal::KILL)).during("end with the starter")
}

/// Leaves the starter's session, and with it its terminal, if that is wanted.
fn leave_terminal(job: &Job) -> Result<(), Failure> {
    if job.own_session {
        setsid().during("make a session of its own")?;
    }
    Ok(())
}

fn job() -> Result<Job, Failure> {
    let text = std::env::var(JOB).map_err(|error| Failure::Usage(format!("{JOB}: {error}")))?;
    serde_json::from_str(&text).map_err(|error| Failure::Usage(format!("{JOB}: {error}")))
}

/// Restricts this process as the level says and becomes the command.
fn apply(job: &Job, command: &[OsString]) -> Result<ExitCode, Failure> {
    let (program, args) = split(command)?;
    if job.level >= Level::Landlock {
        privileges::no_new_privileges()?;
        landlocked::restrict(job)?;
        privileges::drop_all()?;
        filter::basic(job.shares_namespaces)?;
    }
    if job.level >= Level::Seccomp {
        filter::full()?;
    }
    // What opened the rules is closed by now; nothing is left but the command's own three.
    descriptors::close_others(&[])?;
    // Whoever waits for signals blocks them, and that would be handed on.
    SigSet::empty()
        .thread_set_mask()
        .during("unblock signals")?;
    let mut command = Command::new(program);
    command
        .args(args)
        .env_clear()
        .envs(job.policy.environment.iter().map(|(k, v)| (k, v)));
    Err(Failure::Start {
        program: program.to_owned(),
        error: command.exec(),
    })
}

/// Splits a command into its program and arguments.
fn split(command: &[OsString]) -> Result<(&OsString, &[OsString]), Failure> {
    command
        .split_first()
        .ok_or_else(|| Failure::Usage("no program".to_owned()))
}

/// Returns a command that starts this program again at a stage.
fn again(stage: &str) -> Command {
    let mut command = Command::new(OURSELVES);
    command
        .arg0(OsStr::new("charmtest-sandbox"))
        .args([SHIM_ARGUMENT, stage]);
    command
}
