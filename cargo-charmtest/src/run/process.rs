//! Child processes with a time limit.

use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

/// What a short command said.
#[derive(Debug)]
pub(crate) struct Output {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

/// Runs a command to its end, with null standard input.
///
/// # Errors
///
/// Fails when it cannot be started, and when it takes longer than `limit`; then it was killed with all its children.
pub(crate) fn output(mut command: Command, limit: Duration) -> io::Result<Output> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let (done, wait) = mpsc::channel();
    let group = Group::of(&child);
    let stdout = read_all(child.stdout.take());
    let stderr = read_all(child.stderr.take());
    thread::spawn(move || {
        let status = child.wait();
        let texts = (
            stdout.join().unwrap_or_default(),
            stderr.join().unwrap_or_default(),
        );
        // The receiver is gone after the time limit.
        let _ = done.send((status, texts));
    });
    match wait.recv_timeout(limit) {
        Ok((status, (stdout, stderr))) => Ok(Output {
            status: status?,
            stdout,
            stderr,
        }),
        Err(_) => {
            group.signal(Signal::KILL);
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no answer within {} s", limit.as_secs()),
            ))
        }
    }
}

/// A process group that was started by this program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group(Option<Pid>);

impl Group {
    /// Returns the group that `child` leads.
    pub(crate) fn of(child: &Child) -> Self {
        Self(i32::try_from(child.id()).ok().and_then(Pid::from_raw))
    }

    /// Returns a group that is gone.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Sends a signal to the whole group; a group that is gone is no error.
    pub(crate) fn signal(self, signal: Signal) {
        if let Some(pid) = self.0 {
            let _ = kill_process_group(pid, signal);
        }
    }
}

/// Says how a process ended, for people.
pub(crate) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no exit code".to_owned(),
    }
}

fn read_all(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // What was read before an error is still worth showing.
            let _ = stream.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
