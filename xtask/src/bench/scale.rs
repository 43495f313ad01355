//! Models with many units: how fast they come up and go, what they cost, and how soon a killed controller is back with them.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Bed, SPAWNS, human, interleaved, median, row, run_quietly, time};
use crate::sh::{Result, print, sh};

/// The sizes of models.
const SIZES: [u32; 3] = [10, 100, 1_000];

/// How many hooks a unit of the benchmark's charm runs until it is active: install, one of leadership, config-changed, start.
const HOOKS: u32 = 4;

/// How long many units may take.
const SCALE_LIMIT: Duration = Duration::from_secs(900);

/// How often a large model is looked at: rarely enough to leave the cores to the hooks.
const SCALE_POLL: Duration = Duration::from_millis(250);

/// How long the idle controller is watched.
const IDLE: Duration = Duration::from_secs(10);

/// Measures models of 10, 100 and 1,000 units of a shell charm.
pub(super) fn scale(bed: &Bed) -> Result {
    let charm = bed.charm("many", "status-set active")?;
    let hook = one_hook()?;
    let empty = memory(bed)?;
    let mut ten = Duration::ZERO;
    for size in SIZES {
        let started = Instant::now();
        bed.juju(&["deploy", &charm, "-n", &size.to_string()])?;
        wait_for(bed, size)?;
        let active = started.elapsed();
        let hooks = HOOKS * size;
        let alone = hook * hooks;
        row(
            &format!("{size} units, deploy to active and idle"),
            active,
            alone,
            "their hooks' commands one by one",
        );
        line("  hooks per second", &rate(hooks, active));
        let status = status(bed)?;
        let (other, against) = match size {
            10 => {
                ten = status;
                (spawn()?, "spawning /bin/true")
            }
            _ => (ten, "with 10 units"),
        };
        row(
            &format!("juju status, {size} units"),
            status,
            other,
            against,
        );
        if size == 1_000 {
            at_rest(bed, size, empty)?;
            restart(bed, size, status)?;
        }
        let started = Instant::now();
        bed.juju(&["remove-application", "--no-prompt", "many"])?;
        wait_for(bed, 0)?;
        let hooks = 2 * size;
        row(
            &format!("{size} units, remove-application to gone"),
            started.elapsed(),
            hook * hooks,
            "their hooks' commands one by one",
        );
    }
    Ok(())
}

/// Shows what the daemon needs while nothing happens.
fn at_rest(bed: &Bed, units: u32, empty: u64) -> Result {
    let full = memory(bed)?;
    line("memory of the daemon, without units", &mebibytes(empty));
    line(
        &format!("memory of the daemon, {units} units"),
        &mebibytes(full),
    );
    let per_unit = full.saturating_sub(empty) / u64::from(units);
    line("  per unit", &format!("{per_unit} KiB"));
    let before = processor_time(bed)?;
    sleep(IDLE);
    let used = processor_time(bed)?.saturating_sub(before);
    line(
        &format!("processor time of the idle daemon in {}", human(IDLE)),
        &format!("{used} ticks"),
    );
    Ok(())
}

/// Kills the controller and measures how long it is until it answers again, and until all its agents are at rest.
fn restart(bed: &Bed, units: u32, status: Duration) -> Result {
    run_quietly(Command::new("kill").args(["-KILL", &daemon(bed)?]))?;
    let started = Instant::now();
    bed.juju(&["status", "--format", "oneline"])?;
    row(
        &format!("first status after SIGKILL, {units} units"),
        started.elapsed(),
        status,
        "status otherwise",
    );
    wait_for(bed, units)?;
    line("  until all agents are idle", &human(started.elapsed()));
    Ok(())
}

/// Waits until `units` units are active and idle and no other one is there.
fn wait_for(bed: &Bed, units: u32) -> Result {
    let deadline = Instant::now() + SCALE_LIMIT;
    loop {
        let status = bed.juju(&["status", "--format", "oneline"])?;
        let settled = status.matches("agent:idle, workload:active").count();
        let all = status.matches("workload:").count();
        if [settled, all] == [units as usize; 2] {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("{settled} of {units} units are active, {all} are there").into());
        }
        sleep(SCALE_POLL);
    }
}

fn status(bed: &Bed) -> Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..10 {
        times.push(time(|| {
            bed.juju(&["status", "--format", "json"]).map(drop)
        })?);
    }
    Ok(median(&mut times))
}

/// Returns how long the commands of one hook take alone: a shell that starts one program.
fn one_hook() -> Result<Duration> {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "/bin/true; /bin/true"]);
    let (hook, _) = interleaved(&mut shell, &mut Command::new("/bin/true"))?;
    Ok(hook)
}

fn spawn() -> Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..SPAWNS {
        times.push(time(|| run_quietly(&mut Command::new("/bin/true")))?);
    }
    Ok(median(&mut times))
}

fn daemon(bed: &Bed) -> Result<String> {
    let status = sh(&bed.program, &["charmtest", "controller", "status"])
        .env("CHARMTEST_DATA", bed.data())
        .read()?;
    let pid = status
        .lines()
        .find_map(|line| line.strip_prefix("process:"));
    Ok(pid
        .ok_or_else(|| "the controller does not run".to_owned())?
        .trim()
        .to_owned())
}

/// Returns the resident memory of the daemon in KiB.
fn memory(bed: &Bed) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon(bed)?))?;
    let size = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    size.and_then(|size| size.trim().trim_end_matches("kB").trim().parse().ok())
        .ok_or_else(|| {
            "the kernel does not say how much memory the controller uses"
                .to_owned()
                .into()
        })
}

/// Returns the processor time that the daemon has used, in ticks of the kernel (usually 10 ms).
fn processor_time(bed: &Bed) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", daemon(bed)?))?;
    // The name in parentheses may hold spaces; user and system time are the 12th and 13th field after it.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let fields = after.split_whitespace().skip(11).take(2);
    Ok(fields.filter_map(|field| field.parse::<u64>().ok()).sum())
}

fn rate(count: u32, time: Duration) -> String {
    format!("{:.0}", f64::from(count) / time.as_secs_f64())
}

fn mebibytes(kibibytes: u64) -> String {
    format!("{:.1} MiB", kibibytes as f64 / 1024.0)
}

fn line(what: &str, value: &str) {
    print(&format!("{what:<46} {value:>12}"));
}
