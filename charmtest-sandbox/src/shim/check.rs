//! Tries, inside a sandbox, what a sandbox must stop. It says what it got through to; who asked judges that.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

use super::{During, Failure};

/// Things outside of the sandbox that the check tries to reach.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Targets {
    /// A file that the user may read and write.
    pub(crate) file: PathBuf,
    /// A Unix socket on which somebody listens.
    pub(crate) socket: PathBuf,
    /// The name of an abstract socket on which somebody listens.
    pub(crate) abstract_socket: String,
    /// A TCP address on which somebody listens.
    pub(crate) tcp: SocketAddr,
    /// A process of the user.
    pub(crate) process: i32,
}

/// What the check got through to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Through {
    Read,
    Change,
    Empty,
    Socket,
    AbstractSocket,
    Tcp,
    Signal,
    Environment,
    CommandLine,
    Namespaces,
    Capabilities,
}

/// Prints a JSON list of what it got through to.
pub(super) fn check(args: &[OsString]) -> Result<ExitCode, Failure> {
    let targets: Targets = args
        .first()
        .and_then(|text| text.to_str())
        .and_then(|text| serde_json::from_str(text).ok())
        .ok_or_else(|| Failure::Usage("check: no targets".to_owned()))?;
    let text = serde_json::to_string(&try_all(&targets)).during("say what was found")?;
    writeln!(std::io::stdout(), "{text}").during("say what was found")?;
    Ok(ExitCode::SUCCESS)
}

fn try_all(targets: &Targets) -> Vec<Through> {
    let process = Pid::from_raw(targets.process);
    let of_process = |name: &str| {
        fs::read(format!("/proc/{}/{name}", targets.process)).is_ok_and(|bytes| !bytes.is_empty())
    };
    let abstract_socket =
        std::os::unix::net::SocketAddr::from_abstract_name(&targets.abstract_socket)
            .and_then(|address| UnixStream::connect_addr(&address));
    let capable = rustix::thread::capabilities(None).is_ok_and(|sets| !sets.permitted.is_empty());
    let mut found: Vec<Through> = [
        (fs::read(&targets.file).is_ok(), Through::Read),
        (
            OpenOptions::new().append(true).open(&targets.file).is_ok(),
            Through::Change,
        ),
        (
            nix::unistd::truncate(&targets.file, 1).is_ok(),
            Through::Empty,
        ),
        (
            UnixStream::connect(&targets.socket).is_ok(),
            Through::Socket,
        ),
        (abstract_socket.is_ok(), Through::AbstractSocket),
        (
            TcpStream::connect_timeout(&targets.tcp, Duration::from_secs(5)).is_ok(),
            Through::Tcp,
        ),
        (
            process.is_some_and(|process| test_kill_process(process).is_ok()),
            Through::Signal,
        ),
        (of_process("environ"), Through::Environment),
        (of_process("cmdline"), Through::CommandLine),
        (capable, Through::Capabilities),
    ]
    .into_iter()
    .filter_map(|(got, what)| got.then_some(what))
    .collect();
    // Last, for what comes after it would be tried with other rights.
    if nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER).is_ok() {
        found.push(Through::Namespaces);
    }
    found
}
