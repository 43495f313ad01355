//! Rules of Juju as scenarios: commands and charm behaviour go in, hooks, statuses and outputs come out.

mod expect;
mod file;
mod run;
mod trace;

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::{Options, Result, print};
use file::Scenario;

pub(crate) use run::at_rest;

/// The Juju versions as which the embedded controller speaks.
pub(crate) const VERSIONS: &[&str] = &["3.6", "4.0"];

/// Runs the scenarios that were asked for; returns whether all hold.
pub(crate) fn run(options: &Options, root: &Path) -> Result<bool> {
    let all = file::read_all(&root.join("scenarios"))?;
    let chosen: Vec<&Scenario> = all
        .iter()
        .filter(|scenario| options.chooses(&scenario.name))
        .collect();
    if options.list {
        for scenario in chosen {
            print(&format!(
                "{:<28} {:<34} {} ({})",
                scenario.name,
                scenario.source,
                scenario.rule,
                scenario.versions.join(", ")
            ));
        }
        return Ok(true);
    }
    let real = options.juju.is_some();
    let mut cases: Vec<(&Scenario, &str)> = Vec::new();
    for scenario in chosen {
        if real && scenario.embedded_only.is_none() {
            cases.push((scenario, ""));
        } else if !real {
            cases.extend(
                scenario
                    .versions
                    .iter()
                    .map(|version| (scenario, version.as_str())),
            );
        }
    }
    let started = Instant::now();
    let jobs = options
        .jobs
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(2, |n| n.get() * 2));
    let failed = side_by_side(jobs, &cases, |(scenario, version)| {
        let since = Instant::now();
        let outcome = run::run(options, root, scenario, version);
        report(
            options,
            scenario,
            version,
            since.elapsed().as_secs_f64(),
            outcome,
        )
    });
    print(&format!(
        "scenarios: {} of {} hold ({:.0} s)",
        cases.len() - failed,
        cases.len(),
        started.elapsed().as_secs_f64()
    ));
    Ok(failed == 0)
}

fn report(
    options: &Options,
    scenario: &Scenario,
    version: &str,
    seconds: f64,
    outcome: Result<Vec<String>>,
) -> bool {
    let name = format!("{} {version}", scenario.name);
    let problems = outcome.unwrap_or_else(|error| vec![error.to_string()]);
    if let Some(why) = scenario.pending.get(version) {
        if problems.is_empty() {
            print(&format!(
                "FAILS {name}: it holds; remove its entry in `pending` ({why})"
            ));
        } else if options.verbose {
            print(&format!("waits {name}: {why}"));
        }
        return !problems.is_empty();
    }
    if problems.is_empty() {
        if options.verbose {
            print(&format!("holds {name} ({seconds:.1} s)"));
        }
        return true;
    }
    let mut text = format!(
        "FAILS {name} ({seconds:.1} s): {}, {}",
        scenario.rule, scenario.source
    );
    for problem in problems {
        text.push_str("\n    ");
        text.push_str(&problem.replace('\n', "\n    "));
    }
    print(&text);
    false
}

/// Runs cases on several threads; returns how many failed.
fn side_by_side<T: Copy + Send + Sync>(
    jobs: usize,
    cases: &[T],
    run: impl Fn(T) -> bool + Sync,
) -> usize {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(0);
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if !run(*case) {
                        *failed
                            .lock()
                            .unwrap_or_else(std::sync::PoisonError::into_inner) += 1;
                    }
                }
            });
        }
    });
    failed
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
