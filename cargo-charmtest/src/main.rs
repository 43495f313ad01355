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

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned());
    let program = args.next().unwrap_or_default();
    let name = Path::new(&program)
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    if charmtest_controller::TOOL_NAMES.contains(&name) {
        return charmtest_controller::tool_main(name, args.collect()).into();
    }
    if name == "juju" {
        return charmtest_controller::juju_main(args.collect()).into();
    }
    let args: Vec<String> = args.collect();
    match args.first().map(String::as_str) {
        Some(charmtest_controller::DAEMON_ARGUMENT) => {
            let root = args.get(1).map(String::as_str).unwrap_or_default();
            charmtest_controller::daemon_main(Path::new(root)).into()
        }
        _ => cli::main(args),
    }
}
