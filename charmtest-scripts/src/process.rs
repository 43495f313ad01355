//! Ending processes: a group, and what left its group.

use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::verdict::End;

/// How long a group has between being asked to end and being killed.
pub const GRACE: Duration = Duration::from_secs(5);

/// How long we look away between two looks at a process that has a time limit.
const LOOK: Duration = Duration::from_millis(20);

/// Blocks until the child has ended, and leaves its number taken: until [`Child::wait`] no other process or group can have it.
///
/// # Errors
///
/// Fails when there is no such child.
pub fn wait_without_reaping(child: &Child) -> io::Result<()> {
    let pid = pid_of(child.id())?;
    loop {
        match waitid(
            WaitId::Pid(pid),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        ) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Says whether the child has ended, and leaves its number taken.
fn has_ended(child: &Child) -> io::Result<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    match waitid(WaitId::Pid(pid_of(child.id())?), options) {
        Ok(status) => Ok(status.is_some()),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Waits for the leader of a process group, at most `limit`, then ends the whole group: politely, and after [`GRACE`] by force. The group is
/// killed also when its leader ended in time. Once `cancelled` says so, nothing more is waited for.
///
/// # Errors
///
/// Fails when the child cannot be waited for.
pub fn wait_group(
    child: &mut Child,
    limit: Duration,
    cancelled: &dyn Fn() -> bool,
) -> io::Result<End> {
    let deadline = Instant::now() + limit;
    let mut over = None;
    while !has_ended(child)? {
        if cancelled() {
            signal_group(child.id(), Signal::KILL);
            over.get_or_insert(Instant::now());
        }
        match over {
            None if Instant::now() >= deadline => {
                signal_group(child.id(), Signal::TERM);
                over = Some(Instant::now() + GRACE);
            }
            Some(force) if Instant::now() >= force => {
                signal_group(child.id(), Signal::KILL);
            }
            _ => {}
        }
        std::thread::sleep(LOOK);
    }
    signal_group(child.id(), Signal::KILL);
    let status = child.wait()?;
    Ok(match over {
        Some(_) => End::TimeIsOver,
        None => end_of(status),
    })
}

/// Kills a process group that this process started, whose leader was not waited for yet.
pub fn kill_group(leader: u32) {
    signal_group(leader, Signal::KILL);
}

fn signal_group(leader: u32, signal: Signal) {
    if let Ok(pid) = pid_of(leader) {
        // Failing means that nothing of it is left.
        let _ = kill_process_group(pid, signal);
    }
}

fn pid_of(id: u32) -> io::Result<Pid> {
    let raw = i32::try_from(id).ok().and_then(Pid::from_raw);
    raw.ok_or_else(|| io::Error::other("a process without a number"))
}

fn end_of(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Code(code),
        (None, signal) => End::Signal(signal.unwrap_or(0)),
    }
}

/// How often [`sweep`] looks at most.
const LOOKS: usize = 50;

/// Kills the processes that have `room`, a directory of one script alone, in their environment: those that left the script's group.
///
/// Processes that cleared their environment are not found; in a process namespace of its own a script has none left anyway.
pub fn sweep(room: &Path) {
    let needle = room.as_os_str().as_encoded_bytes();
    // A process may be starting another one, or becoming another program, while we look: look until nothing is found.
    for _ in 0..LOOKS {
        let (found, unknown) = processes_with(needle);
        if found.is_empty() && !unknown {
            return;
        }
        for pid in found {
            // It may have ended by itself.
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(LOOK);
    }
}

/// Returns the processes that have the words in their environment, and whether there is one whose environment is not known yet.
fn processes_with(needle: &[u8]) -> (Vec<Pid>, bool) {
    let own = std::process::id();
    let mut found = Vec::new();
    let mut unknown = false;
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let id = entry.file_name().to_str().and_then(|id| id.parse().ok());
        let Some(id) = id.filter(|id| *id != own) else {
            continue;
        };
        let Ok(environment) = fs::read(entry.path().join("environ")) else {
            continue;
        };
        if environment
            .windows(needle.len())
            .any(|window| window == needle)
        {
            found.extend(pid_of(id));
        } else {
            unknown |= !is_whole(&environment, &entry.path());
        }
    }
    (found, unknown)
}

/// Says whether this is all of a process's environment: what is read while the process becomes another program is empty, or ends somewhere.
fn is_whole(environment: &[u8], process: &Path) -> bool {
    let Ok(stat) = fs::read_to_string(process.join("stat")) else {
        return true;
    };
    // The name, in parentheses, may hold anything. What follows begins with the third field of proc_pid_stat(5).
    let after_name = stat.rsplit(')').next().unwrap_or_default().trim_start();
    let fields: Vec<&str> = after_name.split(' ').collect();
    let field = |number: usize| -> Option<usize> { fields.get(number - 3)?.parse().ok() };
    let (end_of_code, environment_start, environment_end) = (field(27), field(50), field(51));
    if end_of_code == Some(0) {
        // A program that is not all there yet; threads of the kernel and zombies have none.
        return fs::read_link(process.join("exe")).is_err();
    }
    match (environment_start, environment_end) {
        (Some(start), Some(end)) => end.checked_sub(start) == Some(environment.len()),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::*;

    fn shell(script: &str) -> Child {
        Command::new("/bin/sh")
            .args(["-c", script])
            .process_group(0)
            .spawn()
            .unwrap()
    }

    #[test]
    fn a_group_ends_with_its_leader() {
        let long = Duration::from_secs(60);
        assert_eq!(
            wait_group(&mut shell("exit 7"), long, &|| false).unwrap(),
            End::Code(7)
        );
        assert_eq!(
            wait_group(&mut shell("kill -9 $$"), long, &|| false).unwrap(),
            End::Signal(9)
        );
        let room = tempfile::tempdir().unwrap();
        let pid = room.path().join("pid");
        let script = format!("sleep 600 & echo $! > {}", pid.display());
        assert_eq!(
            wait_group(&mut shell(&script), long, &|| false).unwrap(),
            End::Code(0)
        );
        let pid = fs::read_to_string(pid).unwrap();
        assert_gone(pid.trim());
    }

    /// A killed process may stay in the table until whoever inherited it looks.
    fn assert_gone(pid: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            match fs::read_to_string(format!("/proc/{pid}/stat")) {
                Err(_) => return,
                Ok(stat) if stat.contains(") Z ") => return,
                Ok(stat) => assert!(Instant::now() < deadline, "still there: {stat}"),
            }
            std::thread::sleep(LOOK);
        }
    }

    #[test]
    fn a_limit_ends_the_group() {
        let mut child = shell("sleep 600; sleep 600");
        let end = wait_group(&mut child, Duration::from_millis(1), &|| false).unwrap();
        assert_eq!(end, End::TimeIsOver);
        let mut child = shell("sleep 600");
        let end = wait_group(&mut child, Duration::from_secs(600), &|| true).unwrap();
        assert_eq!(end, End::TimeIsOver);
    }

    #[test]
    fn what_left_its_group_is_found_by_its_room() {
        // It is looked for while it becomes `setsid`, then `sleep`: at different moments each time.
        for _ in 0..20 {
            what_left_its_group_is_found();
        }
    }

    fn what_left_its_group_is_found() {
        let room = tempfile::tempdir().unwrap();
        let pid = room.path().join("pid");
        let mut child = Command::new("/bin/sh")
            .args(["-c", "setsid sleep 600 & echo $! > \"$HOME/pid\""])
            .env("HOME", room.path())
            .process_group(0)
            .spawn()
            .unwrap();
        child.wait().unwrap();
        let pid = fs::read_to_string(pid).unwrap();
        sweep(room.path());
        assert_gone(pid.trim());
    }
}
