//! A network namespace with nothing but the loopback device in it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::sched::{CloneFlags, unshare};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, recv, send, socket};

use super::{During, Failure, privileges, split};

/// Makes a network namespace, brings its loopback device up, and becomes a program in it.
pub(super) fn become_in_network(command: &[OsString]) -> Result<ExitCode, Failure> {
    let (program, args) = split(command)?;
    unshare_with(CloneFlags::CLONE_NEWNET)?;
    bring_up()?;
    Err(Failure::Start {
        program: program.to_owned(),
        error: Command::new(program).args(args).exec(),
    })
}

/// Makes namespaces, by way of a user namespace where this process has no right to others.
///
/// User and group stay what they are.
pub(super) fn unshare_with(namespaces: CloneFlags) -> Result<(), Failure> {
    if privileges::may_administer() {
        return unshare(namespaces).during("make namespaces");
    }
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    unshare(namespaces | CloneFlags::CLONE_NEWUSER)
        .during("make namespaces as an ordinary user")?;
    let own = |name: &str, text: String| {
        let path = format!("/proc/self/{name}");
        fs::write(&path, text).during(format!("write {path}"))
    };
    own("setgroups", "deny".to_owned())?;
    own("uid_map", format!("{0} {0} 1", uid.as_raw()))?;
    own("gid_map", format!("{0} {0} 1", gid.as_raw()))
}

/// Brings the loopback device of this process's network namespace up.
pub(super) fn bring_up() -> Result<(), Failure> {
    try_bring_up().during("bring the loopback device up")
}

/// The request `RTM_NEWLINK` for device 1, which loopback is in every network namespace: a `nlmsghdr` and an `ifinfomsg`.
fn request() -> Vec<u8> {
    const RTM_NEWLINK: u16 = 16;
    const NLM_F_REQUEST: u16 = 1;
    const NLM_F_ACK: u16 = 4;
    const IFF_UP: u32 = 1;
    let mut message = Vec::with_capacity(32);
    message.extend(32_u32.to_ne_bytes());
    message.extend(RTM_NEWLINK.to_ne_bytes());
    message.extend((NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
    message.extend(1_u32.to_ne_bytes()); // sequence
    message.extend(0_u32.to_ne_bytes()); // port
    message.extend([0_u8, 0]); // family
    message.extend(0_u16.to_ne_bytes()); // type
    message.extend(1_i32.to_ne_bytes()); // index
    message.extend(IFF_UP.to_ne_bytes()); // flags
    message.extend(IFF_UP.to_ne_bytes()); // which of them
    message
}

fn try_bring_up() -> io::Result<()> {
    let netlink = socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    send(&netlink, &request(), SendFlags::empty())?;
    let mut answer = [0_u8; 1024];
    let (length, _) = recv(&netlink, &mut answer, RecvFlags::empty())?;
    // The answer is a header of 16 bytes and an error code, negative or 0.
    let code = answer
        .get(16..20)
        .filter(|_| length >= 20)
        .and_then(|code| code.try_into().ok())
        .map(i32::from_ne_bytes);
    match code {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(io::Error::other("the kernel gave no answer")),
    }
}
