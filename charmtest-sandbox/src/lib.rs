//! The sandbox around a command: how much of the machine it may reach.
//!
//! A [`Sandbox`] is entered once per run, at a [`Level`] that was proven by doing ([`Probe`]), and then starts commands under a
//! [`Policy`]: an allow-list of paths. Nothing here is `unsafe`, so a command is not changed between fork and exec; our own program
//! is started again as a shim ([`SHIM_ARGUMENT`], [`shim_main`]) that restricts itself and then becomes the command. A program that
//! uses this crate calls [`shim_main`] first thing in its `main` when its first argument says so.
//!
//! | level | what it is | what it needs |
//! | --- | --- | --- |
//! | 0 `plain` | nothing but closed file descriptors | |
//! | 1 `landlock` | files by allow-list; no capabilities; no Unix sockets; no signals to others (Linux 6.12) | Linux 6.2 with Landlock |
//! | 2 `seccomp` | and no way to namespaces, mounts, tracing and other deep parts of the kernel | |
//! | 3 `namespaces` | and a root directory, processes and, if wanted, a network of its own | root or user namespaces |
//!
//! What each level stops, and what `plain` does not, is in `docs/sandbox.md`.

mod level;
mod network;
mod policy;
mod probe;
mod public;
mod sandbox;
#[cfg(target_os = "linux")]
mod shim;

pub use level::{Level, Request, UnknownLevel};
pub use network::{Network, UnknownNetwork, network_command};
pub use policy::Policy;
pub use probe::{Finding, Probe};
pub use sandbox::{Achieved, Sandbox, SandboxError};

use std::ffi::OsString;
use std::process::ExitCode;

/// The first argument with which a program is started as the shim of a sandboxed command.
pub const SHIM_ARGUMENT: &str = "charmtest-sandbox-shim";

/// The exit code of a command whose sandbox could not be entered; standard error has the reason.
pub const FAILED: u8 = 125;

/// Is the shim: enters a sandbox and becomes the command in it.
///
/// `args` are the arguments after the program's name, [`SHIM_ARGUMENT`] first. Returns only if the command could not be started
/// ([`FAILED`], 126 or 127 as with `env`), or when it ended in namespaces of its own.
pub fn shim_main(args: &[OsString]) -> ExitCode {
    #[cfg(target_os = "linux")]
    {
        shim::main(args)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = args;
        ExitCode::from(FAILED)
    }
}
