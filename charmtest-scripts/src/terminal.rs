//! The user's terminal, lent to a shell.
//!
//! A script, and the process that runs it, are in the background of the terminal on which the run was started: ^C there is for the run. A
//! shell needs the foreground, or the kernel stops it when it reads. So it is started by way of our own program ([`FOREGROUND_ARGUMENT`]),
//! which brings itself to the foreground and then becomes the shell; nothing else could do that between fork and exec without `unsafe`. That
//! happens in the sandbox: a shell in a process namespace cannot give the terminal back to a process group that it does not see. Whoever lent
//! the terminal takes it back when the shell is over.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use rustix::process::{Pid, getpgrp, setpgid};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr, tcsetpgrp};

use crate::process::wait_group;

/// The argument that makes the program bring itself to the foreground of its terminal and become the command that follows.
pub const FOREGROUND_ARGUMENT: &str = "__charmtest-foreground";

/// The terminal of this process.
const TERMINAL: &str = "/dev/tty";

/// The exit code when the command cannot be started, as that of `env`.
const FAILED: u8 = 126;

/// Longer than anybody sits in a shell.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 86400);

/// Brings this process, in a group of its own, to the foreground of the terminal at its standard input and becomes the command in `words`.
/// Returns only if that fails.
#[must_use]
pub fn foreground_main(words: &[OsString]) -> u8 {
    let Some((program, args)) = words.split_first() else {
        return FAILED;
    };
    let taken = undisturbed(|| {
        setpgid(None, None)?;
        tcsetpgrp(io::stdin(), getpgrp())
    });
    let error = match taken {
        Ok(()) => Command::new(program).args(args).exec(),
        Err(error) => error,
    };
    let program = program.display();
    let _ = writeln!(io::stderr(), "charmtest: cannot start {program}: {error}");
    FAILED
}

/// Says why no shell can be opened on the terminal of this process.
///
/// # Errors
///
/// Fails when there is no terminal, and when this process is in the background of its terminal.
pub fn check() -> io::Result<()> {
    let terminal = Terminal::open()?;
    match terminal.foreground == getpgrp() {
        true => Ok(()),
        false => Err(io::Error::other(
            "this run is in the background of its terminal",
        )),
    }
}

/// The terminal, and how it was when it was opened; dropping it puts it back so.
pub(crate) struct Terminal {
    file: File,
    foreground: Pid,
    modes: Termios,
}

impl Terminal {
    /// Opens the terminal.
    pub(crate) fn open() -> io::Result<Self> {
        let no_terminal = |error: io::Error| {
            io::Error::new(error.kind(), format!("there is no terminal ({error})"))
        };
        let file = OpenOptions::new().read(true).write(true).open(TERMINAL);
        let file = file.map_err(no_terminal)?;
        let foreground = tcgetpgrp(&file).map_err(|error| no_terminal(error.into()))?;
        let modes = tcgetattr(&file).map_err(|error| no_terminal(error.into()))?;
        Ok(Self {
            file,
            foreground,
            modes,
        })
    }

    /// Brings this process to the foreground, so that nobody else draws on the terminal.
    pub(crate) fn take(&self) -> io::Result<()> {
        undisturbed(|| tcsetpgrp(&self.file, getpgrp()))
    }

    /// Writes to the terminal.
    pub(crate) fn say(&self, text: &str) -> io::Result<()> {
        (&self.file).write_all(text.as_bytes())
    }

    /// Runs a command in the foreground of the terminal and waits for its end, or for `cancelled`. The command must be one that
    /// [`foreground_main`] carries out.
    pub(crate) fn lend(
        &self,
        mut command: Command,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> io::Result<()> {
        let stream = || self.file.try_clone().map(Stdio::from);
        let mut child = command
            .stdin(stream()?)
            .stdout(stream()?)
            .stderr(stream()?)
            .process_group(0)
            .spawn()?;
        wait_group(&mut child, FOREVER, cancelled)?;
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing, and a group that is gone is its shell's business.
        let _ = undisturbed(|| {
            tcsetattr(&self.file, OptionalActions::Drain, &self.modes)?;
            tcsetpgrp(&self.file, self.foreground)
        });
    }
}

/// Does something to the terminal from the background, which stops a process that does not block the signal.
fn undisturbed(act: impl FnOnce() -> rustix::io::Result<()>) -> io::Result<()> {
    let signal: SigSet = [Signal::SIGTTOU].into_iter().collect();
    signal.thread_block()?;
    let done = act();
    signal.thread_unblock()?;
    done.map_err(io::Error::from)
}
