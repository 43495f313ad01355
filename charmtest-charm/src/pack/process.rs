//! Running other programs with a time limit.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::PackError;

/// How much of a program's output an error shows: the end, where the reason stands.
const SHOWN: u64 = 16 << 10;
/// How often a running program is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// Runs a program to its end and returns what it printed on stdout.
///
/// The program gets no input and a process group of its own, which is killed as a whole at the limit.
///
/// # Errors
///
/// Fails, with the end of the output, when the program cannot be started, fails, or does not finish within `limit`.
pub(super) fn run(command: &mut Command, limit: Duration) -> Result<String, PackError> {
    let line = describe(command);
    let no_file = |error| PackError::io("create", std::env::temp_dir(), error);
    let mut stdout = tempfile::tempfile().map_err(no_file)?;
    let mut stderr = tempfile::tempfile().map_err(no_file)?;
    // Files and not pipes: a grandchild that keeps them open cannot block us.
    let child = command
        .stdin(Stdio::null())
        .stdout(stdout.try_clone().map_err(no_file)?)
        .stderr(stderr.try_clone().map_err(no_file)?)
        .process_group(0)
        .spawn()
        .map_err(|error| PackError::io("run", command.get_program(), error))?;
    let status =
        wait(child, limit).map_err(|error| PackError::io("run", command.get_program(), error))?;

    match status {
        Some(status) if status.success() => Ok(tail(&mut stdout)),
        Some(status) => Err(PackError::Failed {
            command: located(line, command),
            status: status.to_string(),
            output: both(&mut stdout, &mut stderr),
        }),
        None => Err(PackError::TimedOut {
            command: located(line, command),
            limit,
            output: both(&mut stdout, &mut stderr),
        }),
    }
}

/// Waits for the child; `None` when it had to be killed.
fn wait(mut child: Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            break;
        }
        thread::sleep(INTERVAL);
    }
    // The group may be gone in this very moment; then there is nothing to kill.
    let _ = rustix::process::kill_process_group(
        rustix::process::Pid::from_child(&child),
        rustix::process::Signal::KILL,
    );
    child.wait()?;
    Ok(None)
}

fn both(stdout: &mut File, stderr: &mut File) -> String {
    let text = format!("{}{}", tail(stdout), tail(stderr));
    text.trim_end().to_owned()
}

/// Reads the end of a file; a file that cannot be read counts as empty, since only an error message suffers.
fn tail(file: &mut File) -> String {
    let mut bytes = Vec::new();
    let length = file.metadata().map(|found| found.len()).unwrap_or_default();
    let start = SeekFrom::Start(length.saturating_sub(SHOWN));
    if file.seek(start).is_ok() {
        let _ = file.take(SHOWN).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns a command line with the directory that it ran in, if that is not our own.
fn located(line: String, command: &Command) -> String {
    match command.get_current_dir() {
        Some(dir) => format!("cd {} && {line}", dir.display()),
        None => line,
    }
}

/// Returns the command line as one could type it.
pub(super) fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}
