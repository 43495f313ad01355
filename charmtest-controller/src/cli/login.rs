//! What `juju ssh` and `juju scp` find behind a target: a machine, its home directory, and a session on it.
//!
//! A machine is a directory and an address on this host, and a session is a shell of this user that begins in that directory with the
//! environment of a fresh login.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::getuid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};

use super::command::{Cx, Failure};
use super::io::Io;
use crate::JujuVersion;
use crate::agent::{MACHINE_VARIABLE, kill_group, machine_mark};
use crate::model::changes::Receiver;
use crate::model::{Model, UnitName};

/// The user that Juju logs in as on its machines.
const LOGIN: &str = "ubuntu";

/// What a login's `PATH` is on Ubuntu.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/games:/usr/local/games:/snap/bin";

/// Why nobody can log in there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoLogin {
    /// Juju itself says so: `ERROR`, exit 1.
    Juju(String),
    /// The `ssh` program would say so and exit 255.
    Ssh(String),
}

impl From<NoLogin> for Failure {
    fn from(error: NoLogin) -> Self {
        match error {
            NoLogin::Juju(text) | NoLogin::Ssh(text) => Self::Failed(text),
        }
    }
}

/// Finds the machine that `[user@]target` means: a machine's id, a unit, `app/leader`, or the address of a machine.
///
/// # Errors
///
/// Fails with Juju's words when there is no such thing, and with those of `ssh` when the text can only be a host.
pub(super) fn machine_of(model: &Model, text: &str) -> Result<String, NoLogin> {
    let (user, target) = match text.split_once('@') {
        Some((user, target)) => (Some(user), target),
        None => (None, text),
    };
    let machine = machine_of_target(model, target)?;
    // A model of Juju 4.0 has no keys until somebody adds one; 3.6 takes the client's own when it makes the model.
    if model.info.juju == JujuVersion::V4_0 && model.info.authorized_keys.is_empty() {
        return Err(NoLogin::Ssh(format!(
            "{LOGIN}@{target}: Permission denied (publickey)."
        )));
    }
    match user {
        None | Some(LOGIN) => Ok(machine),
        Some(user) if user == user_name() => Ok(machine),
        Some(user) => Err(NoLogin::Ssh(format!(
            "{user}@{target}: Permission denied (publickey)."
        ))),
    }
}

fn machine_of_target(model: &Model, target: &str) -> Result<String, NoLogin> {
    if is_machine_id(target) {
        return match model.machines.get(target) {
            Some(machine) => Ok(machine.id.clone()),
            None => Err(NoLogin::Juju(no_machine(model, target))),
        };
    }
    match Receiver::parse(target) {
        Ok(Receiver::Leader(application)) => {
            let leader = model
                .applications
                .get(&application)
                .and_then(|row| row.leader.as_ref());
            match leader {
                Some(unit) => machine_of_unit(model, unit),
                None => Err(NoLogin::Juju(format!(
                    "leader for application-{application} not found"
                ))),
            }
        }
        Ok(Receiver::Unit(unit)) => machine_of_unit(model, &unit),
        Ok(Receiver::Machine(_)) | Err(_) => {
            let found = model
                .machines
                .values()
                .find(|machine| machine.address.to_string() == target);
            found.map(|machine| machine.id.clone()).ok_or_else(|| {
                NoLogin::Ssh(format!(
                    "ssh: Could not resolve hostname {target}: Name or service not known"
                ))
            })
        }
    }
}

/// Says that there is no such machine (4.0: recorded).
fn no_machine(model: &Model, id: &str) -> String {
    match model.info.juju {
        JujuVersion::V3_6 => format!("machine {id} not found"),
        JujuVersion::V4_0 => {
            format!("getting UUID for machine {id:?}: machine {id:?}: machine not found")
        }
    }
}

fn machine_of_unit(model: &Model, unit: &UnitName) -> Result<String, NoLogin> {
    let row = model
        .units
        .get(unit)
        .ok_or_else(|| NoLogin::Juju(format!("unit {:?} not found", unit.as_str())))?;
    Ok(row.machine.clone())
}

/// Says whether a text has the form of a machine's id: a number, or a container such as `0/lxd/1`.
pub(super) fn is_machine_id(text: &str) -> bool {
    let number = |part: &str| part.parse::<u32>().is_ok_and(|n| n.to_string() == part);
    let mut parts = text.split('/');
    if !parts.next().is_some_and(number) {
        return false;
    }
    let rest: Vec<&str> = parts.collect();
    rest.len().is_multiple_of(2)
        && rest
            .chunks(2)
            .all(|pair| matches!(pair[0], "lxd" | "kvm") && number(pair[1]))
}

/// Makes the home directory of a machine if it is not there yet.
///
/// # Errors
///
/// Fails when it cannot be made.
pub(super) fn home(cx: &Cx, machine: &str) -> Result<PathBuf, Failure> {
    let home = cx.hub.data.machine(&cx.model_uuid(), machine);
    make_private(&home)
        .map_err(|error| Failure::failed(format!("cannot make {}: {error}", home.display())))?;
    Ok(home)
}

fn make_private(dir: &std::path::Path) -> io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
}

/// Returns the name of the user that everything runs as.
fn user_name() -> String {
    let uid = getuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    name.unwrap_or(uid)
}

/// A session to be: what runs, and where.
#[derive(Debug)]
pub(super) struct Session {
    /// The command line; `None` for a shell that reads its commands from standard input.
    pub(super) command: Option<String>,
    /// The home directory of the machine.
    pub(super) home: PathBuf,
    /// The machine's id.
    pub(super) machine: String,
    /// Whether standard input reaches the command (`ssh -n`: no).
    pub(super) stdin: bool,
}

/// Runs a session with the client's streams and returns its exit code as `ssh` does: 255 when a signal ended it.
///
/// It ends, as a real one, when the shell has ended and nobody holds its output any more. When the client goes away, what still runs
/// is killed.
///
/// # Errors
///
/// Fails when the shell cannot be started.
pub(super) async fn run(cx: &Cx, session: Session) -> Result<u8, Failure> {
    let model = cx.model()?;
    let address = model
        .machines
        .get(&session.machine)
        .map(|machine| machine.address.to_string())
        .unwrap_or_default();
    let mark = machine_mark(&model.info.uuid, &session.machine);
    let mut command = Command::new("/bin/bash");
    match &session.command {
        Some(line) => command.arg("-c").arg(line),
        None => command.arg("--login"),
    };
    command
        .current_dir(&session.home)
        .env_clear()
        .envs(environment(&session.home, &address))
        .env(MACHINE_VARIABLE, mark)
        .stdin(if session.stdin {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command
        .spawn()
        .map_err(|error| Failure::failed(format!("cannot start /bin/bash: {error}")))?;
    let mut group = Group(child.id());
    let outcome = tokio::select! {
        outcome = attend(&cx.io, &mut child) => outcome,
        () = cx.io.gone() => return Err(Failure::Silent(255)),
    };
    group.0 = None;
    let status = outcome.map_err(Failure::failed)?;
    Ok(match (status.code(), status.signal()) {
        (Some(code), None) => u8::try_from(code).unwrap_or(255),
        _ => 255,
    })
}

/// Passes streams to and fro until the child has ended and its output too.
async fn attend(io: &Io, child: &mut Child) -> io::Result<std::process::ExitStatus> {
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feeding = async {
        if let Some(stdin) = pipes.0 {
            feed(io, stdin).await;
        }
        // The end of the input is not the end of the session.
        std::future::pending::<Infallible>().await
    };
    let ending = async {
        tokio::join!(
            child.wait(),
            forward(io, pipes.1, Direction::Out),
            forward(io, pipes.2, Direction::Err)
        )
        .0
    };
    tokio::select! {
        ended = ending => ended,
        never = feeding => match never {},
    }
}

async fn feed(io: &Io, mut stdin: ChildStdin) {
    while let Some(piece) = io.read().await {
        // A command that closed its input wants no more of it.
        if stdin.write_all(&piece).await.is_err() || stdin.flush().await.is_err() {
            return;
        }
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Out,
    Err,
}

async fn forward(io: &Io, pipe: Option<impl AsyncRead + Unpin>, direction: Direction) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = vec![0; 32 << 10];
    while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
        match direction {
            Direction::Out => io.stdout_bytes(&chunk[..length]).await,
            Direction::Err => io.stderr_bytes(&chunk[..length]).await,
        }
    }
}

/// Kills the process group of a session that nobody attends any more.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            kill_group(leader);
        }
    }
}

/// Returns the variables of a login by ssh, nothing of the daemon's own among them.
fn environment(home: &std::path::Path, address: &str) -> BTreeMap<&'static str, String> {
    let user = user_name();
    BTreeMap::from([
        ("HOME", home.display().to_string()),
        ("LANG", "C.UTF-8".to_owned()),
        ("LOGNAME", user.clone()),
        ("PATH", PATH.to_owned()),
        ("SHELL", "/bin/bash".to_owned()),
        ("SSH_CLIENT", format!("{address} 22 22")),
        ("SSH_CONNECTION", format!("{address} 22 {address} 22")),
        ("USER", user),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_ids() {
        for (text, expected) in [
            ("0", true),
            ("12", true),
            ("0/lxd/1", true),
            ("0/lxd", false),
            ("0/foo/1", false),
            ("a/0", false),
            ("01", false),
            ("", false),
        ] {
            assert_eq!(is_machine_id(text), expected, "{text}");
        }
    }
}
