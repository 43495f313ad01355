//! The first process of the namespaces: makes the root directory, starts the command, and reaps.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::os::fd::{AsFd as _, RawFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{ExitCode, ExitStatus};

use nix::sys::signal::Signal;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, WaitOptions, WaitStatus, kill_process, kill_process_group};

use super::{During, Failure, JOB, Job, again, descriptors, enter, privileges, root};

/// Is process 1: `args` are the pipe of orders, the pipe for the status, the working directory, and the command.
pub(super) fn init(job: &Job, args: &[OsString]) -> Result<ExitCode, Failure> {
    let [orders, status, directory, command @ ..] = args else {
        return Err(Failure::Usage("init: too few arguments".to_owned()));
    };
    let (orders_fd, status_fd) = (number(orders)?, number(status)?);
    descriptors::close_others(&[orders_fd, status_fd])?;
    // Opened anew, for an open file by its number alone is nothing that can be owned.
    let mut orders =
        File::open(format!("/proc/self/fd/{orders_fd}")).during("open the pipe of orders")?;
    let mut status = OpenOptions::new()
        .write(true)
        .open(format!("/proc/self/fd/{status_fd}"))
        .during("open the pipe for the status")?;
    for fd in [orders_fd, status_fd] {
        let _ = nix::unistd::close(fd);
    }
    let signals = enter::watch(enter::HANDED_ON)?;
    root::make(job)?;
    std::env::set_current_dir(directory).map_err(|error| Failure::Step {
        what: format!("change to the working directory {}", directory.display()),
        why: format!("{error} (it must be among the policy's paths)"),
    })?;
    let mut apply = again("apply");
    apply
        .args(command)
        .env_clear()
        .env(JOB, std::env::var_os(JOB).unwrap_or_default());
    // With a terminal the command stays in the terminal's foreground group, which gets ^C itself. Otherwise it has a group of its own,
    // so that a signal to our group does not reach it twice.
    let grouped = !std::io::stdin().is_terminal();
    if grouped {
        apply.process_group(0);
    }
    let child = apply.spawn().during("start the command")?;
    privileges::no_new_privileges()?;
    privileges::drop_all()?;
    let command = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| Failure::Usage("the command has no process".to_owned()))?;
    loop {
        let mut ready = [
            PollFd::from_borrowed_fd(orders.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN),
        ];
        match poll(&mut ready, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).during("wait for signals"),
        }
        let (order, signal) = (
            !ready[0].revents().is_empty(),
            !ready[1].revents().is_empty(),
        );
        if signal {
            let _ = signals.read_signal();
            // One signal may stand for many children.
            if let Some(ended) = reap(command)? {
                status
                    .write_all(&ended.into_raw().to_ne_bytes())
                    .during("tell how the command ended")?;
                // The kernel ends what is left with us.
                return Ok(ExitCode::SUCCESS);
            }
        }
        if order {
            let mut byte = [0];
            match orders.read(&mut byte) {
                Ok(1) => hand_on(byte[0], command, grouped),
                // Nobody is there any more who wants to know.
                _ => return Ok(ExitCode::from(128 + Signal::SIGKILL as u8)),
            }
        }
    }
}

fn number(text: &OsStr) -> Result<RawFd, Failure> {
    text.to_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Failure::Usage(format!("init: no file number: {}", text.display())))
}

/// Takes all children that have ended; returns the command's status once it is among them.
fn reap(command: Pid) -> Result<Option<ExitStatus>, Failure> {
    let mut found = None;
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == command => found = Some(raw(status)),
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) | Err(rustix::io::Errno::CHILD) => return Ok(found),
            Err(error) => return Err(error).during("wait for children"),
        }
    }
}

fn raw(status: WaitStatus) -> ExitStatus {
    ExitStatus::from_raw(status.as_raw())
}

fn hand_on(number: u8, command: Pid, grouped: bool) {
    let Some(signal) = rustix::process::Signal::from_named_raw(i32::from(number)) else {
        return;
    };
    // It may have ended; then its end is the next that is heard of it.
    let _ = if grouped {
        kill_process_group(command, signal)
    } else {
        kill_process(command, signal)
    };
}
