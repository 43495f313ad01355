//! The process before the namespaces: makes them, starts their first process, and waits for it.
//!
//! It stays outside, so it can be told signals, and ends as the command did. A pipe to the first process ends with it: whatever
//! kills this process ends all that was started in the namespaces.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitCode, ExitStatus};

use nix::sched::CloneFlags;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::pipe::{PipeFlags, pipe_with};

use super::{During, Failure, JOB, Job, again, loopback, privileges};
use crate::FAILED;

/// Signals that are handed on to the command.
pub(super) const HANDED_ON: &[Signal] = &[
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGCONT,
    Signal::SIGWINCH,
];

/// Runs the command in namespaces of its own, and ends as it does.
pub(super) fn enter(job: &Job, command: &[OsString]) -> Result<ExitCode, Failure> {
    // The directory's name is asked for here: the first process has another root directory.
    let directory = std::env::current_dir().during("find the working directory")?;
    let signals = watch(HANDED_ON)?;
    let mut namespaces = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWCGROUP;
    if job.own_network {
        namespaces |= CloneFlags::CLONE_NEWNET;
    }
    loopback::unshare_with(namespaces)?;
    if job.own_network {
        loopback::bring_up()?;
    }
    privileges::keep_over_exec()?;
    let (orders_in, orders_out) = pipe_with(PipeFlags::CLOEXEC).during("make a pipe")?;
    let (status_in, status_out) = pipe_with(PipeFlags::CLOEXEC).during("make a pipe")?;
    for inherited in [&orders_in, &status_out] {
        fcntl_setfd(inherited, FdFlags::empty()).during("hand a pipe on")?;
    }
    let child = again("init")
        .arg(orders_in.as_raw_fd().to_string())
        .arg(status_out.as_raw_fd().to_string())
        .arg(&directory)
        .args(command)
        .env_clear()
        .env(JOB, std::env::var_os(JOB).unwrap_or_default())
        .spawn()
        .during("start the first process of the namespaces")?;
    drop((orders_in, status_out));
    let own = wait(child, &signals, orders_out)?;
    let mut status = [0; 4];
    match File::from(status_in).read_exact(&mut status) {
        Ok(()) => end_as(ExitStatus::from_raw(i32::from_ne_bytes(status))),
        // It failed before it had a command; it has said why.
        Err(_) => Ok(ExitCode::from(
            own.code()
                .and_then(|code| u8::try_from(code).ok())
                .unwrap_or(FAILED),
        )),
    }
}

/// Blocks signals, and the end of children, to read them one after the other.
pub(super) fn watch(signals: &[Signal]) -> Result<SignalFd, Failure> {
    let mut set: SigSet = signals.iter().copied().collect();
    set.add(Signal::SIGCHLD);
    set.thread_block().during("block signals")?;
    SignalFd::with_flags(&set, nix::sys::signalfd::SfdFlags::SFD_CLOEXEC).during("watch signals")
}

/// Waits for the first process, and hands signals on as bytes in the pipe.
fn wait(mut child: Child, signals: &SignalFd, orders: OwnedFd) -> Result<ExitStatus, Failure> {
    let mut orders = File::from(orders);
    loop {
        let signal = match signals.read_signal() {
            Ok(Some(signal)) => signal.ssi_signo,
            Ok(None) | Err(nix::errno::Errno::EINTR) => continue,
            Err(error) => return Err(error).during("wait for a signal"),
        };
        if signal == Signal::SIGCHLD as u32 {
            if let Some(status) = child.try_wait().during("wait for the first process")? {
                return Ok(status);
            }
        } else if let Ok(byte) = u8::try_from(signal) {
            // It may just have ended; that is told by the next signal.
            let _ = orders.write_all(&[byte]);
        }
    }
}

/// Ends this process as another one ended, by its exit code or its signal.
fn end_as(status: ExitStatus) -> Result<ExitCode, Failure> {
    if let Some(code) = status.code() {
        return Ok(ExitCode::from(u8::try_from(code).unwrap_or(FAILED)));
    }
    let number = status.signal().unwrap_or(Signal::SIGKILL as i32);
    if let Ok(signal) = Signal::try_from(number) {
        // The command's own memory may have been dumped; ours is of no interest.
        let _ = rustix::process::setrlimit(
            rustix::process::Resource::Core,
            rustix::process::Rlimit {
                current: Some(0),
                maximum: Some(0),
            },
        );
        let set: SigSet = [signal].into_iter().collect();
        let _ = set.thread_unblock();
        // The first SIGSEGV only ends the Rust runtime's watch for stack overflows.
        for _ in 0..2 {
            let _ = nix::sys::signal::raise(signal);
        }
    }
    // A signal that this process ignores, such as SIGPIPE: as a shell would say it.
    Ok(ExitCode::from(u8::try_from(128 + number).unwrap_or(FAILED)))
}
