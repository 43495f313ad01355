//! Runs a program to its end. The only place of the crate where processes are started.
//!
//! The standard library cannot wait for a process and stop waiting, so one thread waits and hands the result over to
//! whoever polls or blocks. A [`Running`] that is dropped early kills the process with everything it started.

use std::future::Future;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

/// How long output is still awaited after the process has ended. Only a process that was left behind in the background
/// and kept the pipe open makes us wait for it.
const GRACE: Duration = Duration::from_secs(2);

/// The process groups that are under way, for [`kill_all`].
static UNDER_WAY: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Kills every process that is under way with everything it started; for the end of a run, at which nobody is left to drop
/// what a blocked thread or a detached task has started.
pub fn kill_all() {
    let groups = std::mem::take(&mut *under_way());
    if !groups.is_empty() {
        kill_groups(&groups);
    }
}

fn under_way() -> MutexGuard<'static, Vec<u32>> {
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a process left behind.
#[derive(Debug)]
pub(super) struct RawOutput {
    pub(super) code: i32,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// A process that has not been waited for yet: a future of its [`RawOutput`].
#[derive(Debug)]
pub(super) struct Running {
    pid: u32,
    handoff: Arc<Handoff>,
    stderr: Captured,
}

impl Running {
    /// Starts the command in a process group of its own. Without `stdin` its standard input is closed.
    pub(super) fn start(mut command: Command, stdin: Option<Vec<u8>>) -> io::Result<Self> {
        command
            .stdin(if stdin.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        own_group(&mut command);
        let mut child = command.spawn()?;

        let pid = child.id();
        under_way().push(pid);
        let running = Self {
            pid,
            handoff: Arc::default(),
            stderr: Captured::default(),
        };
        // From here on an early return drops `running`, which kills the process.
        if let (Some(text), Some(mut pipe)) = (stdin, child.stdin.take()) {
            // A process that does not read all of it is free not to.
            spawn("stdin", move || drop(pipe.write_all(&text)))?;
        }
        let (done, ended) = mpsc::channel();
        let stdout = Captured::default();
        if let Some(pipe) = child.stdout.take() {
            stdout.fill(pipe, done.clone())?;
        }
        if let Some(pipe) = child.stderr.take() {
            running.stderr.fill(pipe, done)?;
        }
        let (handoff, stderr) = (Arc::clone(&running.handoff), running.stderr.clone());
        spawn("wait", move || {
            let status = wait_all(&mut child, &ended);
            under_way().retain(|&other| other != pid);
            handoff.complete(status.map(|status| RawOutput {
                code: exit_code(status),
                stdout: stdout.take(),
                stderr: stderr.take(),
            }));
        })?;
        Ok(running)
    }

    /// Blocks the thread until the process has ended, or returns `None` after `limit`.
    pub(super) fn wait_blocking(&self, limit: Duration) -> Option<io::Result<RawOutput>> {
        let slot = self.handoff.lock();
        let (mut slot, _) = self
            .handoff
            .finished
            .wait_timeout_while(slot, limit, |slot| !slot.finished)
            .unwrap_or_else(PoisonError::into_inner);
        slot.output.take()
    }

    /// Returns what the process has written to standard error up to now.
    pub(super) fn stderr_so_far(&self) -> Vec<u8> {
        self.stderr.lock().clone()
    }
}

impl Future for Running {
    type Output = io::Result<RawOutput>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = self.handoff.lock();
        if let Some(output) = slot.output.take() {
            return Poll::Ready(output);
        }
        slot.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let finished = self.handoff.lock().finished;
        if !finished {
            kill_groups(&[self.pid]);
        }
    }
}

/// Where the waiting thread leaves the result.
#[derive(Debug, Default)]
struct Handoff {
    slot: Mutex<Slot>,
    finished: Condvar,
}

#[derive(Debug, Default)]
struct Slot {
    output: Option<io::Result<RawOutput>>,
    finished: bool,
    waker: Option<Waker>,
}

impl Handoff {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn complete(&self, output: io::Result<RawOutput>) {
        let mut slot = self.lock();
        slot.output = Some(output);
        slot.finished = true;
        let waker = slot.waker.take();
        drop(slot);
        self.finished.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The bytes read from a pipe up to now.
#[derive(Clone, Debug, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.lock())
    }

    /// Reads the pipe to its end in a thread; `done` is dropped then.
    fn fill(&self, mut pipe: impl Read + Send + 'static, done: Sender<()>) -> io::Result<()> {
        let captured = self.clone();
        spawn("read", move || {
            let _done = done;
            let mut buffer = [0; 8192];
            loop {
                match pipe.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(count) => captured.lock().extend_from_slice(&buffer[..count]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => return,
                }
            }
        })
    }
}

/// Waits for the process, then for the ends of its pipes.
fn wait_all(child: &mut Child, ended: &mpsc::Receiver<()>) -> io::Result<ExitStatus> {
    let status = child.wait()?;
    // Nothing is ever sent: the channel disconnects when both readers are done.
    match ended.recv_timeout(GRACE) {
        Ok(()) | Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => Ok(status),
    }
}

fn spawn(purpose: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new()
        .name(format!("charmtest-{purpose}"))
        .spawn(work)?;
    Ok(())
}

#[cfg(unix)]
fn own_group(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

#[cfg(not(unix))]
fn own_group(_command: &mut Command) {}

/// Kills processes and all they started, by the system's own program: the standard library has no call for it.
fn kill_groups(groups: &[u32]) {
    let mut kill;
    if cfg!(unix) {
        kill = Command::new("/bin/sh");
        kill.args([
            "-c",
            "for group; do kill -s KILL -- \"-$group\"; done",
            "sh",
        ]);
        kill.args(groups.iter().map(u32::to_string));
    } else {
        kill = Command::new("taskkill");
        kill.args(["/T", "/F"]);
        kill.args(
            groups
                .iter()
                .flat_map(|group| ["/PID".to_owned(), group.to_string()]),
        );
    }
    // Failing means that nothing is left to kill.
    let _ = kill
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

#[cfg(unix)]
fn exit_code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

#[cfg(not(unix))]
fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or(1)
}
