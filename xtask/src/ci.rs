//! What must hold of every commit.

use std::time::Instant;

use crate::sh::{Result, cargo, say};

/// Runs all checks, cheapest first.
pub(crate) fn run() -> Result {
    let started = Instant::now();
    for step in [
        &["fmt", "--all", "--check"][..],
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ],
        &["doc", "--workspace", "--no-deps", "--lib"],
        &["test", "--workspace"],
        &["charmtest"],
        &["xtask", "conformance"],
        &["xtask", "conformance", "hooks"],
        &["xtask", "conformance", "recorded"],
        // The way to a real Juju, with an embedded controller in its place: a few scenarios that make, offer and destroy.
        &[
            "xtask",
            "conformance",
            "stand-in",
            "/first-run",
            "/cmd-controllers",
            "/cmd-destroy-model",
            "/relation-suspended",
            "/update-status",
        ],
    ] {
        let since = Instant::now();
        cargo(step).env("RUSTDOCFLAGS", "--deny warnings").run()?;
        say(&format!(
            "= cargo {} took {} s",
            step.join(" "),
            since.elapsed().as_secs()
        ));
    }
    say(&format!(
        "= all of it took {} s",
        started.elapsed().as_secs()
    ));
    Ok(())
}
