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
        &["test", "--workspace"],
        &["charmtest"],
        &["xtask", "conformance"],
        &["xtask", "conformance", "hooks"],
        &["xtask", "conformance", "recorded"],
    ] {
        let since = Instant::now();
        cargo(step).run()?;
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
