//! One unit with much to do, and what the others notice of it.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::{
    Bed, LOG_LINES, SETTLE_LIMIT, SETTLE_POLL, median, row, run_quietly, time, write_script,
};
use crate::sh::{Result, print};

/// How many commands are queued for one unit.
const QUEUED: usize = 2_000;

/// How many commands are timed while another unit misbehaves.
const COMMANDS: usize = 20;

/// An `ops` charm whose actions log, or spawn a program that does nothing, as often as `LINES` says.
const OPS_CHARM: &str = r#"#!/usr/bin/env python3
import logging
import subprocess

import ops

LOGGER = logging.getLogger(__name__)


class Charm(ops.CharmBase):
    def __init__(self, framework):
        super().__init__(framework)
        framework.observe(self.on.start, self._start)
        framework.observe(self.on.log_action, self._log)
        framework.observe(self.on.spawn_action, self._spawn)

    def _start(self, _):
        self.unit.status = ops.ActiveStatus()

    def _log(self, _):
        for line in range(LINES):
            LOGGER.info("line %d", line)

    def _spawn(self, _):
        for _ in range(LINES):
            subprocess.run(["/bin/true"], check=True)


if __name__ == "__main__":
    ops.main(Charm)
"#;

/// Measures what one `ops` action needs to log 10,000 lines.
pub(super) fn ops_log(bed: &Bed) -> Result {
    let charm = bed.charm("opslog", "")?;
    let dir = bed.dir.join("opslog");
    let venv = dir.join("venv");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--target"])
        .arg(&venv)
        .arg("ops");
    if run_quietly(&mut pip).is_err() {
        print("10,000 juju-log calls by an ops action: left out, pip cannot install ops");
        return Ok(());
    }
    fs::create_dir_all(dir.join("src"))?;
    let source = OPS_CHARM.replace("LINES", &LOG_LINES.to_string());
    fs::write(dir.join("src/charm.py"), source)?;
    fs::write(dir.join("actions.yaml"), "log: {}\nspawn: {}\n")?;
    write_script(
        &dir.join("dispatch"),
        "PYTHONPATH=venv exec python3 src/charm.py",
    )?;
    bed.juju(&["deploy", &charm])?;
    bed.settle(1)?;
    let run = |action: &str| {
        time(|| {
            bed.juju(&["run", "--wait", "10m", "opslog/0", action])
                .map(drop)
        })
    };
    let it = run("log")?;
    let other = run("spawn")?;
    row(
        "10,000 juju-log calls by an ops action",
        it,
        other,
        "10,000 times /bin/true by one",
    );
    bed.remove("opslog")
}

/// Measures whether many commands make it slower to queue more of them.
pub(super) fn queue(bed: &Bed) -> Result {
    bed.deploy("queue", 1)?;
    let mut times = Vec::new();
    for _ in 0..QUEUED {
        times.push(time(|| {
            bed.juju(&["exec", "--background", "--unit", "queue/0", "--", "true"])
                .map(drop)
        })?);
    }
    let tenth = QUEUED / 10;
    let (mut first, mut last) = (times[..tenth].to_vec(), times[QUEUED - tenth..].to_vec());
    row(
        "exec --background, the last of 2,000",
        median(&mut last),
        median(&mut first),
        "the first ones",
    );
    bed.remove("queue")
}

/// Measures what a unit notices of another one that spins, prints or forks without end.
pub(super) fn misbehaving(bed: &Bed) -> Result {
    bed.deploy("good", 1)?;
    let bad = bed.charm("bad", "status-set active")?;
    bed.juju(&["deploy", &bad])?;
    bed.settle(2)?;
    let command = || {
        let mut times = Vec::new();
        for _ in 0..COMMANDS {
            times.push(time(|| {
                bed.juju(&["exec", "--unit", "good/0", "--", "status-set active"])
                    .map(drop)
            })?);
        }
        Result::Ok(median(&mut times))
    };
    let alone = command()?;
    let (started, stop) = (bed.dir.join("started"), bed.dir.join("stop"));
    for (what, body) in [
        ("spins", "while :; do :; done"),
        ("prints without end", "exec yes"),
        (
            "calls tools side by side",
            "while :; do for i in 1 2 3 4 5 6 7 8; do juju-log x & done; wait; done",
        ),
    ] {
        let script = format!(
            "({body}) & touch {started}; while [ ! -e {stop} ]; do sleep 0.05; done; kill $!",
            started = started.display(),
            stop = stop.display()
        );
        let mut exec = Command::new(bed.data().join("bin/juju"))
            .args(["exec", "--wait", "10m", "--unit", "bad/0", "--", &script])
            .env("CHARMTEST_DATA", bed.data())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        wait_for(|| started.exists())?;
        let it = command();
        fs::write(&stop, "")?;
        exec.wait()?;
        fs::remove_file(&started)?;
        fs::remove_file(&stop)?;
        row(
            &format!("exec beside a unit that {what}"),
            it?,
            alone,
            "beside one that is quiet",
        );
    }
    bed.juju(&["remove-application", "--no-prompt", "--force", "bad"])?;
    bed.settle(1)?;
    bed.remove("good")
}

fn wait_for(condition: impl Fn() -> bool) -> Result {
    let deadline = Instant::now() + SETTLE_LIMIT;
    while !condition() {
        if Instant::now() > deadline {
            return Err("nothing happened".to_owned().into());
        }
        std::thread::sleep(SETTLE_POLL);
    }
    Ok(())
}
