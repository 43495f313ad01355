//! Finding and ending the processes of hooks.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use crate::model::{ModelUuid, TaskId};
use rustix::process::{Pid, Signal, getuid, kill_process, kill_process_group};

/// How often the process table is searched until nothing is found: a process may fork while it is looked at.
const ROUNDS: u32 = 50;

/// The variable by which the processes of a machine's sessions and commands are known; its value is [`machine_mark`].
pub(crate) const MACHINE_VARIABLE: &str = "CHARMTEST_MACHINE";

/// The variable by which the processes of one command on a machine are known: [`task_mark`].
pub(crate) const TASK_VARIABLE: &str = "CHARMTEST_TASK";

/// Returns what the processes of a command on a machine carry in [`TASK_VARIABLE`].
pub(crate) fn task_mark(model: &ModelUuid, task: TaskId) -> String {
    format!("{model}/{task}")
}

/// Returns what processes of a machine carry in [`MACHINE_VARIABLE`].
pub(crate) fn machine_mark(model: &ModelUuid, machine: &str) -> String {
    format!("{model}/{machine}")
}

/// Kills the process group that a hook leads.
pub(crate) fn kill_group(leader: u32) {
    let pid = i32::try_from(leader).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may just have ended.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

/// Kills every process of this user that carries all of these variables in its environment, and waits until they are gone.
///
/// It reads `/proc` and may sleep: call it where blocking is allowed.
pub(crate) fn kill_by_environment(variables: &[(&str, &str)]) {
    kill_where(|environment| {
        variables
            .iter()
            .all(|(name, value)| environment.values(name).any(|found| found == *value))
    });
}

/// Kills every process of this user whose environment is the one that is meant, and waits until they are gone.
///
/// It reads all of `/proc`, whatever the number of processes that are meant, and may sleep: call it where blocking is allowed.
pub(crate) fn kill_where(is_meant: impl Fn(&Environment) -> bool) {
    for _ in 0..ROUNDS {
        let found = find(&is_meant);
        if found.is_empty() {
            return;
        }
        for pid in found {
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The environment of a process as it was when the process started.
#[derive(Debug)]
pub(crate) struct Environment(Vec<u8>);

impl Environment {
    /// Iterates over the values of a variable; there is one as a rule, but a process may be started with more.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.split(|byte| *byte == 0).filter_map(move |entry| {
            let value = entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
            std::str::from_utf8(value).ok()
        })
    }
}

fn find(is_meant: impl Fn(&Environment) -> bool) -> Vec<Pid> {
    let own = std::process::id().cast_signed();
    let user = getuid().as_raw();
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let id: i32 = entry.file_name().to_str()?.parse().ok()?;
            if id == own || entry.metadata().ok()?.uid() != user {
                return None;
            }
            // Empty for zombies, unreadable for processes that just ended.
            let environment = Environment(fs::read(entry.path().join("environ")).ok()?);
            is_meant(&environment).then(|| Pid::from_raw(id)).flatten()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn only_processes_with_all_variables_are_killed() {
        let mark = crate::model::random_hex(8);
        let start = |other: &str| {
            Command::new("sleep")
                .arg("60")
                .env("MARK", &mark)
                .env("OTHER", other)
                .stdin(Stdio::null())
                .spawn()
                .unwrap()
        };
        let (mut one, mut two) = (start("1"), start("2"));
        kill_by_environment(&[("MARK", &mark), ("OTHER", "1")]);
        assert!(!one.wait().unwrap().success());
        assert!(two.try_wait().unwrap().is_none(), "the other one lives");
        two.kill().unwrap();
        two.wait().unwrap();
    }
}
