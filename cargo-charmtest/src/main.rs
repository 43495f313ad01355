//! `cargo charmtest`; by its name it also answers as `juju` and as every hook tool.
//!
//! [`main`] looks at `argv[0]` first and goes one of four ways: hook tool, `juju`, the controller's daemon, or the cargo subcommand
//! ([`cli`]).
//!
//! Invariant: the way of a hook tool loads neither an argument framework nor an async runtime. Charms call tools hundreds of times.

mod cli;
mod commands;
mod embedded;
mod error;
mod record;
mod report;
mod run;
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
    if charmtest_controller::TOOL_NAMES.contains(&name) {
        return charmtest_controller::tool_main(name, texts(args)).into();
    }
    if name == "juju" {
        return charmtest_controller::juju_main(texts(args)).into();
    }
    match args.as_slice() {
        [first, rest @ ..] if first == charmtest_controller::DAEMON_ARGUMENT => {
            let root = rest.first().map(Path::new).unwrap_or(Path::new(""));
            charmtest_controller::daemon_main(root).into()
        }
        _ => cli::main(args),
    }
}

/// Returns arguments as text: what `juju` and hook tools are told is stored and shown as UTF-8.
fn texts(args: Vec<OsString>) -> Vec<String> {
    args.iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect()
}
