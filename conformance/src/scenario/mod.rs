//! Rules of Juju as scenarios: commands and charm behaviour go in, hooks, statuses and outputs come out.

mod expect;
mod file;
mod real;
mod run;
mod trace;

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::juju::Juju;
use crate::{Options, Result, print};
use file::Scenario;
use real::Real;
pub(crate) use run::at_rest;

/// The Juju versions as which the embedded controller speaks.
pub(crate) const VERSIONS: &[&str] = &["3.6", "4.0"];

/// How many scenarios run side by side on a real Juju: each starts machines of its own.
const REAL_JOBS: usize = 2;

/// The word that asks for [`stand_in`].
pub(crate) const STAND_IN: &str = "stand-in";

/// Runs scenarios as on a real Juju, on an embedded controller of each version; returns whether all hold and nothing is left behind.
pub(crate) fn stand_in(options: &Options, root: &Path) -> Result<bool> {
    let mut holds = true;
    for version in VERSIONS {
        let dir = tempfile::tempdir()?;
        // Ends the controller when it goes.
        let juju = Juju::embedded(&options.charmtest, dir.path(), version)?;
        juju.say(&["models"])?;
        let mut options = options.clone();
        options.names.remove(0);
        options.juju = Some(juju.program().to_owned());
        options.controller = Some("embedded".to_owned());
        options.stand_in = juju.data().map(Path::to_owned);
        options.rest = Duration::ZERO;
        holds &= run(&options, root)?;
        for model in Real::find(&options)?.map_or_else(|| Ok(Vec::new()), |real| real.left())? {
            print(&format!("model {model} was left behind"));
            holds = false;
        }
    }
    Ok(holds)
}

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
    let real = Real::find(options)?;
    let mut cases: Vec<(&Scenario, &str)> = Vec::new();
    let mut skipped = 0;
    for scenario in chosen {
        let Some(real) = &real else {
            let versions = scenario.versions.iter();
            cases.extend(versions.map(|version| (scenario, version.as_str())));
            continue;
        };
        match scenario.not_for_real(real.version) {
            Some(why) => {
                skipped += 1;
                print(&format!("skips {}: {why}", scenario.name));
            }
            None => cases.push((scenario, real.version)),
        }
    }
    let started = Instant::now();
    let jobs = options.jobs.unwrap_or_else(|| match &real {
        Some(_) => REAL_JOBS,
        None => std::thread::available_parallelism().map_or(2, |n| n.get() * 2),
    });
    let failed = side_by_side(jobs, &cases, |(scenario, version)| {
        let since = Instant::now();
        let outcome = run::run(options, real.as_ref(), scenario, version);
        let seconds = since.elapsed().as_secs_f64();
        // A real Juju takes minutes for each: its user sees that it goes on.
        let verbose = options.verbose || real.is_some();
        // What waits for our controller says nothing about a real one.
        let pending = scenario.pending.get(version).filter(|_| real.is_none());
        report(
            scenario,
            version,
            seconds,
            outcome,
            verbose,
            pending.map(String::as_str),
        )
    });
    let skipped = match skipped {
        0 => String::new(),
        skipped => format!(", {skipped} skipped"),
    };
    print(&format!(
        "scenarios: {} of {} hold{skipped} ({:.0} s)",
        cases.len() - failed,
        cases.len(),
        started.elapsed().as_secs_f64()
    ));
    Ok(failed == 0)
}

fn report(
    scenario: &Scenario,
    version: &str,
    seconds: f64,
    outcome: Result<Vec<String>>,
    verbose: bool,
    pending: Option<&str>,
) -> bool {
    let name = format!("{} {version}", scenario.name);
    let problems = outcome.unwrap_or_else(|error| vec![error.to_string()]);
    if let Some(why) = pending {
        if problems.is_empty() {
            print(&format!(
                "FAILS {name}: it holds; remove its entry in `pending` ({why})"
            ));
        } else if verbose {
            print(&format!("waits {name}: {why}"));
        }
        return !problems.is_empty();
    }
    if problems.is_empty() {
        if verbose {
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
