//! `cargo xtask conformance`: builds the program and hands it to the suite, which is a crate of its own so that this one stays light.

use std::path::PathBuf;

use crate::sh::{Result, cargo, root};

/// Builds the program and runs the suite with these arguments.
pub(crate) fn run(args: &[&str]) -> Result {
    cargo(&["build", "--quiet", "--package", "cargo-charmtest"]).run()?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let program = target.join("debug/cargo-charmtest").display().to_string();
    let mut all = vec![
        "run",
        "--quiet",
        "--package",
        "conformance",
        "--",
        "--program",
        &program,
    ];
    all.extend(args);
    cargo(&all).run()
}
