//! `cargo charmtest`; by its name it also answers as `juju` and as every hook tool.
//!
//! [`main`] goes one of six ways: by its first argument the shim of a sandbox, the `juju` of a script or the controller's daemon, then by
//! `argv[0]` hook tool, `juju`, or the cargo subcommand ([`cli`]).
//!
//! Invariant: the way of a hook tool loads neither an argument framework nor an async runtime. Charms call tools hundreds of times.

mod cli;
mod commands;
mod embedded;
mod error;
mod profile;
mod record;
mod report;
mod results;
mod run;
mod sandbox;
mod suite;
mod templates;
mod workspace;

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_default();
    let args: Vec<OsString> = args.collect();
    let name = Path::new(&program)
        .file_name()
        .and_then(OsStr::to_str)
        .unwrap_or_default();
    match Way::of(name, &args) {
        Way::Sandbox => charmtest_sandbox::shim_main(&args),
        Way::Script(door, argv) => charmtest_scripts::client::client_main(door, texts(argv)).into(),
        Way::Foreground(words) => charmtest_scripts::terminal::foreground_main(words).into(),
        Way::Daemon(root) => charmtest_controller::daemon_main(root).into(),
        Way::Tool => charmtest_controller::tool_main(name, texts(&args)).into(),
        Way::Juju => charmtest_controller::juju_main(texts(&args)).into(),
        Way::Cargo => cli::main(args),
    }
}

/// What this process is.
#[derive(Debug, PartialEq)]
enum Way<'a> {
    /// The shim of a sandboxed command.
    Sandbox,
    /// The `juju` of a script: where its broker is, and what it was called with.
    Script(&'a Path, &'a [OsString]),
    /// What starts a shell in the foreground of the terminal.
    Foreground(&'a [OsString]),
    /// The controller's daemon for a data directory.
    Daemon(&'a Path),
    /// A hook tool.
    Tool,
    /// The `juju` program.
    Juju,
    /// The cargo subcommand.
    Cargo,
}

impl<'a> Way<'a> {
    /// Decides by the name under which the program was called and by its arguments.
    ///
    /// The daemon's argument counts first: a copy of the program may itself be called `juju`, and `juju` starts the daemon by running
    /// its own file. Asked by name it would start another one, and so on without end.
    fn of(name: &str, args: &'a [OsString]) -> Self {
        match args {
            [first, ..] if first == charmtest_sandbox::SHIM_ARGUMENT => Self::Sandbox,
            [first, door, rest @ ..] if first == charmtest_scripts::client::CLIENT_ARGUMENT => {
                Self::Script(Path::new(door), rest)
            }
            [first, words @ ..] if first == charmtest_scripts::terminal::FOREGROUND_ARGUMENT => {
                Self::Foreground(words)
            }
            [first, rest @ ..] if first == charmtest_controller::DAEMON_ARGUMENT => {
                Self::Daemon(rest.first().map(Path::new).unwrap_or(Path::new("")))
            }
            _ if charmtest_controller::TOOL_NAMES.contains(&name) => Self::Tool,
            _ if name == "juju" => Self::Juju,
            _ => Self::Cargo,
        }
    }
}

/// Returns arguments as text: what `juju` and hook tools are told is stored and shown as UTF-8.
fn texts(args: &[OsString]) -> Vec<String> {
    args.iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_argument_counts_under_every_name() {
        let shim = [charmtest_sandbox::SHIM_ARGUMENT.into(), "apply".into()];
        let script = [
            charmtest_scripts::client::CLIENT_ARGUMENT.into(),
            "/door".into(),
            "status".into(),
        ];
        let daemon = [charmtest_controller::DAEMON_ARGUMENT.into(), "/data".into()];
        let other = ["status".into()];
        for (name, way) in [
            ("juju", Way::Juju),
            ("config-get", Way::Tool),
            ("cargo-charmtest", Way::Cargo),
        ] {
            assert_eq!(
                Way::of(name, &daemon),
                Way::Daemon(Path::new("/data")),
                "{name}"
            );
            assert_eq!(Way::of(name, &shim), Way::Sandbox, "{name}");
            assert_eq!(
                Way::of(name, &script),
                Way::Script(Path::new("/door"), &script[2..]),
                "{name}"
            );
            assert_eq!(Way::of(name, &other), way, "{name}");
        }
    }
}
