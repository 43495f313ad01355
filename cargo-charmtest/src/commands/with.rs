//! `cargo charmtest with`: any command, with the embedded `juju` and a controller of its own.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use charmtest::juju::quote;
use charmtest_controller::DataDir;
use rustix::process::{Pid, Signal, getpgrp, kill_process};
use rustix::termios::tcgetpgrp;

use crate::cli::WithArgs;
use crate::error::{Error, Kind, Result};
use crate::record;
use crate::report::{heading, say};
use crate::run::process;
use crate::run::signals::{self, Interrupt};
use crate::sandbox::{self, Keep, Streams};

/// How long destroying one model may take.
const CLEAN_LIMIT: Duration = Duration::from_secs(300);

/// What happens while the command, and then the cleaning, goes on.
enum Happening {
    Interrupt(Interrupt),
    Ended(io::Result<ExitStatus>),
    Cleaned(Result<()>),
}

impl From<Interrupt> for Happening {
    fn from(interrupt: Interrupt) -> Self {
        Self::Interrupt(interrupt)
    }
}

/// Runs a command whose `juju` is the embedded one, then destroys the models that it left; returns the command's exit code.
///
/// Signals end the command, not this program: it cleans up, unless it is interrupted twice while it does.
///
/// # Errors
///
/// Fails when the controller or the command cannot be started, or when its models cannot be destroyed.
pub(crate) fn main(args: &WithArgs) -> Result<u8> {
    let (keep, streams) = (Keep::of(args.keep_models), Streams::of_command());
    if let Some(code) = sandbox::contained(&args.inside, keep, &[], streams)? {
        return Ok(code);
    }
    let (sender, happenings) = mpsc::channel();
    signals::forward(sender.clone()).map_err(Error::infrastructure)?;
    let runs = record::runs_dir()
        .ok_or_else(|| Error::infrastructure("neither XDG_STATE_HOME nor HOME is set"))?;
    let root = runs.join(record::new_id()).join("data");
    let data =
        DataDir::open_for(&root, args.version.juju_version).map_err(Error::infrastructure)?;
    charmtest_controller::start(&data).map_err(Error::infrastructure)?;
    say(&heading(
        "Backend",
        &format!(
            "embedded controller, Juju {}, data in {}",
            data.juju().number(),
            root.display()
        ),
    ));
    let code = run(&args.command, &data, &sender, &happenings);
    if args.keep_models {
        say(&heading("Kept", "the controller with its models"));
        say(&where_it_is(&root));
        return code;
    }
    let cleaning = data.clone();
    thread::spawn(move || sender.send(Happening::Cleaned(clean(&cleaning))));
    let mut warned = false;
    for happening in happenings {
        match happening {
            Happening::Cleaned(Ok(())) => return code,
            Happening::Cleaned(Err(error)) => return Err(error.hint(where_it_is(&root))),
            // Perhaps the one that has ended the command just now.
            Happening::Interrupt(_) if !warned => {
                say("destroying what is left; interrupt again to leave at once");
                warned = true;
            }
            Happening::Interrupt(interrupt) => {
                let what = Error::infrastructure("interrupted while the models were destroyed");
                say(&what.hint(where_it_is(&root)).to_string());
                return Ok(interrupt.exit_code());
            }
            Happening::Ended(_) => {}
        }
    }
    code
}

/// Runs the command to its end and returns its exit code, as a shell does.
fn run(
    command: &[OsString],
    data: &DataDir,
    sender: &Sender<Happening>,
    happenings: &Receiver<Happening>,
) -> Result<u8> {
    let [program, rest @ ..] = command else {
        return Err(Error::new(Kind::Usage, "no command to run"));
    };
    let cannot = |error| {
        let program = program.display();
        Error::infrastructure(format!("cannot run `{program}`: {error}"))
    };
    let mut child = Command::new(program)
        .args(rest)
        .env("PATH", path_with(&data.bin()))
        .env("JUJU_DATA", data.root())
        .env("CHARMTEST_DATA", data.root())
        .env_remove("CHARMTEST_JUJU_VERSION")
        .env_remove("JUJU_MODEL")
        .env_remove("JUJU_CONTROLLER")
        .spawn()
        .map_err(cannot)?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let sender = sender.clone();
    thread::spawn(move || sender.send(Happening::Ended(child.wait())));
    let mut terminated = false;
    for happening in happenings {
        match happening {
            Happening::Ended(status) => return Ok(exit_code(status.map_err(cannot)?)),
            // A terminal sends ^C to the command too, which may want to see it once.
            Happening::Interrupt(Interrupt::Int) if is_in_foreground() => {}
            Happening::Interrupt(interrupt) => {
                let signal = if terminated {
                    Signal::KILL
                } else {
                    interrupt.signal()
                };
                terminated = interrupt == Interrupt::Term;
                // It may have ended in between.
                let _ = pid.map(|pid| kill_process(pid, signal));
            }
            Happening::Cleaned(_) => {}
        }
    }
    Err(Error::infrastructure("nobody waits for the command"))
}

/// Says whether this process is in the group that a terminal sends ^C to.
fn is_in_foreground() -> bool {
    File::open("/dev/tty").is_ok_and(|tty| tcgetpgrp(tty).is_ok_and(|group| group == getpgrp()))
}

fn exit_code(status: ExitStatus) -> u8 {
    let signal = status.signal().map(|signal| 128 + signal);
    let code = status.code().or(signal);
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(charmtest::exit::FAILED)
}

/// Destroys all models, ends the controller and deletes its data. What fails stays, to be looked at.
fn clean(data: &DataDir) -> Result<()> {
    let destroyed = destroy_models(data);
    let stopped = charmtest_controller::stop(data).map_err(Error::infrastructure);
    destroyed?;
    stopped?;
    let parent = data.root().parent().unwrap_or(data.root());
    std::fs::remove_dir_all(parent).map_err(|error| {
        Error::infrastructure(format!("cannot delete {}: {error}", parent.display()))
    })
}

fn destroy_models(data: &DataDir) -> Result<()> {
    let listed = juju(data, &["models", "--format", "json"])?;
    let models: serde_json::Value = serde_json::from_str(&listed.stdout).map_err(|error| {
        let said = listed.stderr.trim();
        Error::infrastructure(format!(
            "cannot list the models to destroy: {error}: {said}"
        ))
    })?;
    let names = models["models"].as_array().into_iter().flatten();
    let mut left = Vec::new();
    for name in names.filter_map(|model| model["short-name"].as_str()) {
        let gone = juju(
            data,
            &[
                "destroy-model",
                "--no-prompt",
                "--force",
                "--no-wait",
                "--destroy-storage",
                name,
            ],
        )?;
        if !gone.status.success() {
            left.push(format!("\n    {name}: {}", gone.stderr.trim()));
        }
    }
    if left.is_empty() {
        return Ok(());
    }
    let left = left.concat();
    Err(Error::new(
        Kind::Failed,
        format!("models are left over:{left}"),
    ))
}

fn juju(data: &DataDir, args: &[&str]) -> Result<process::Output> {
    let mut command = Command::new(data.bin().join("juju"));
    command
        .args(args)
        .env("CHARMTEST_DATA", data.root())
        .stdin(Stdio::null());
    process::output(command, CLEAN_LIMIT)
        .map_err(|error| Error::infrastructure(format!("juju {}: {error}", args.join(" "))))
}

/// Says how to look at a controller that stays, and how to be rid of it.
fn where_it_is(root: &Path) -> String {
    let parent = root.parent().unwrap_or(root);
    format!(
        "to look at it, and to be rid of it:\n    export CHARMTEST_DATA={}\n    cargo charmtest controller status\n    cargo charmtest controller stop && rm -r {}",
        quote(root),
        quote(parent)
    )
}

fn path_with(dir: &Path) -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::iter::once(dir.to_owned()).chain(std::env::split_paths(&path));
    // A directory name that holds a colon cannot be on PATH; ours comes from the state directory.
    std::env::join_paths(dirs).unwrap_or(path)
}
