//! Who owns a model: a process, told from others that had or will have its number.

use std::fs;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

/// A process of this machine or of another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Its number.
    pub pid: u32,
    /// When it was started, in a form that only this program compares.
    pub started: String,
    /// Where its number counts: the machine, and there the namespace of process numbers.
    pub place: String,
}

/// Whether a process is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerState {
    /// It runs.
    Alive,
    /// It has ended.
    Gone,
    /// Nobody here can tell: it is, or was, on another machine or in another container.
    Elsewhere,
}

impl Owner {
    /// Returns this process.
    #[must_use]
    pub fn current() -> Self {
        let pid = std::process::id();
        Self {
            pid,
            started: started(pid).unwrap_or_default(),
            place: place(),
        }
    }

    /// Tells whether the process is still there.
    #[must_use]
    pub fn state(&self) -> OwnerState {
        if self.place != place() || self.started.is_empty() {
            return OwnerState::Elsewhere;
        }
        match started(self.pid) {
            Some(started) if started == self.started => OwnerState::Alive,
            _ => OwnerState::Gone,
        }
    }
}

/// Returns when a process was started; `None` if there is none, or it has ended and only waits for its parent to notice.
fn started(pid: u32) -> Option<String> {
    if !cfg!(target_os = "linux") {
        return started_by_ps(pid);
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let ticks = start_of(&stat)?;
    Some(format!(
        "{}/{ticks}",
        line_of("/proc/sys/kernel/random/boot_id")
    ))
}

/// Reads the 22nd field of `/proc/PID/stat`, the start in ticks since boot. The second one is a name in parentheses that may
/// hold anything; the third is the state.
fn start_of(stat: &str) -> Option<&str> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    if matches!(fields.next()?, "Z" | "X" | "x") {
        return None;
    }
    fields.nth(18)
}

fn started_by_ps(pid: u32) -> Option<String> {
    let output = Command::new("ps")
        .args(["-o", "stat=", "-o", "lstart=", "-p", &pid.to_string()])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (state, started) = text.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| started.trim().to_owned())
}

/// Returns where process numbers count.
fn place() -> String {
    let machine = match line_of("/etc/machine-id") {
        none if none.is_empty() => line_of("/proc/sys/kernel/hostname"),
        machine => machine,
    };
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{machine}/{}", namespace.display())
}

fn line_of(path: &str) -> String {
    fs::read_to_string(path)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_from_others_with_its_number() {
        let owner = Owner::current();
        assert_eq!(owner.state(), OwnerState::Alive);
        let with = |started: &str, place: &str| Owner {
            pid: owner.pid,
            started: started.to_owned(),
            place: place.to_owned(),
        };
        assert_eq!(with("long ago", &owner.place).state(), OwnerState::Gone);
        assert_eq!(
            with(&owner.started, "another machine").state(),
            OwnerState::Elsewhere
        );
        let gone = Owner {
            pid: u32::MAX,
            ..owner
        };
        assert_eq!(gone.state(), OwnerState::Gone);
    }

    #[test]
    fn a_process_that_has_ended_is_gone_before_its_parent_notices() {
        let mut child = Command::new("/bin/sh")
            .args(["-c", "read line"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let owner = Owner {
            pid: child.id(),
            started: started(child.id()).unwrap(),
            place: place(),
        };
        assert_eq!(owner.state(), OwnerState::Alive);
        drop(child.stdin.take());
        while owner.state() == OwnerState::Alive {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert_eq!(owner.state(), OwnerState::Gone);
    }

    #[test]
    fn a_name_with_parentheses_hides_nothing() {
        let fields: Vec<String> = (4..=52).map(|field| field.to_string()).collect();
        let stat = |state: &str| format!("7 (a) S (b) {state} {}", fields.join(" "));
        assert_eq!(start_of(&stat("R")), Some("22"));
        assert_eq!(start_of(&stat("Z")), None);
        assert_eq!(start_of("nonsense"), None);
    }
}
