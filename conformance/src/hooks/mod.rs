//! The hooks that a real Juju was recorded to run, run again on the embedded controller.

mod compare;
mod output;
mod plan;
mod replay;
mod trace;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use self::compare::Found;
use self::plan::{Plan, Recording, Session};
use self::replay::{Outcome, Stage};
use crate::{Options, Result, print};

/// The name of this part of the suite.
pub(crate) const NAME: &str = "hooks";

/// How many sessions run side by side when nothing else is asked for.
const SIDE_BY_SIDE: usize = 3;

/// The variables all hooks have, with what they were for one.
#[derive(Debug, Deserialize)]
pub(crate) struct Environment {
    pub(crate) env: BTreeMap<String, String>,
}

/// Replays the recorded hooks, those of other names asked for when there are any; returns whether all differences are explained.
pub(crate) fn run(options: &Options, root: &Path) -> Result<bool> {
    if options.juju.is_some() || options.list {
        return Err("the recorded hooks are replayed on the embedded controller only".into());
    }
    let recordings = root.join("recordings/juju-4.0.15/hooks");
    let plan = Plan::read(&root.join("recordings/hooks.toml"))?;
    let text = fs::read_to_string(recordings.join("environment.json"))?;
    let environment: Environment = serde_json::from_str(&text)?;
    let mut faults = plan.gaps(&recorded(&recordings)?);
    let asked: Vec<&String> = options.names.iter().filter(|name| *name != NAME).collect();
    let chosen =
        |name: &str| asked.is_empty() || asked.iter().any(|asked| name.contains(asked.as_str()));
    let mut used = BTreeMap::new();
    let mut ran = BTreeSet::new();
    let mut totals = [0_usize; 4];
    let started = Instant::now();
    print(&format!(
        "{:<34} {:>6} {:>6} {:>6} {:>10} {:>12} {:>8}",
        "recorded hooks", "hooks", "agree", "share", "explained", "unexplained", "seconds"
    ));
    let sessions: Vec<Vec<(String, Outcome)>> = side_by_side(options, &plan.session, |session| {
        // A scenario goes on where the one before it ended, so all up to the last one that is chosen run.
        let Some(last) = session.scenarios.iter().rposition(|name| chosen(name)) else {
            return Ok(Vec::new());
        };
        let mut stage = Stage::new(options, root, session, &environment)?;
        let mut outcomes = Vec::new();
        for name in session.scenarios.iter().take(last + 1) {
            let text = fs::read_to_string(recordings.join(format!("{name}.json")))?;
            let recording: Recording =
                serde_json::from_str(&text).map_err(|error| format!("{name}.json: {error}"))?;
            stage.prepare(session.before.get(name).map_or(&[], Vec::as_slice))?;
            if session.restarts.contains(name) {
                stage.restart();
            }
            let explains = |unit: &str, found| {
                plan.uncompared(name, unit).is_some()
                    || plan
                        .unexplained(name, unit, found, &mut BTreeMap::new())
                        .is_empty()
            };
            outcomes.push((name.clone(), stage.play(&recording, explains)?));
        }
        Ok(outcomes)
    })?;
    for (name, outcome) in sessions.into_iter().flatten() {
        report(options, &plan, &name, outcome, &mut used, &mut totals);
        ran.insert(name);
    }
    line("all", totals, started.elapsed());
    for (name, why) in &plan.skip {
        print(&format!("{name:<34} not replayed: {why}"));
    }
    faults.extend(plan.stale(&used, |name| ran.contains(name)));
    for fault in &faults {
        print(fault);
    }
    Ok(totals[3] == 0 && faults.is_empty())
}

/// Plays sessions side by side, each in a controller of its own; most of their time is waiting.
fn side_by_side<R: Send>(
    options: &Options,
    sessions: &[Session],
    play: impl Fn(&Session) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((index, session)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            sessions.get(index).map(|session| (index, session))
        } {
            done.push((index, play(session)));
        }
        done
    };
    let mut results: Vec<(usize, Result<R>)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..options.jobs.unwrap_or(SIDE_BY_SIDE))
            .map(|_| scope.spawn(work))
            .collect();
        let joined = workers.into_iter().map(|worker| {
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        joined.flatten().collect()
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Prints what came of a scenario: its share, then each difference that nothing explains.
fn report(
    options: &Options,
    plan: &Plan,
    name: &str,
    outcome: Outcome,
    used: &mut BTreeMap<usize, usize>,
    totals: &mut [usize; 4],
) {
    let mut explained = 0;
    let mut left: Vec<(String, Found)> = Vec::new();
    let mut shown = Vec::new();
    for (unit, found) in outcome.found {
        if let Some(why) = plan.uncompared(name, &unit) {
            shown.push(format!("  {unit} is not compared: {why}"));
            continue;
        }
        let all = found.len();
        if options.verbose {
            shown.extend(found.iter().map(|found| format!("  {unit}: {found}")));
        }
        let unexplained = plan.unexplained(name, &unit, found, used);
        explained += all - unexplained.len();
        left.extend(unexplained.into_iter().map(|found| (unit.clone(), found)));
    }
    let counts = [outcome.hooks, outcome.agree, explained, left.len()];
    line(name, counts, outcome.took);
    for (total, count) in totals.iter_mut().zip(counts) {
        *total += count;
    }
    for text in shown {
        print(&text);
    }
    for (unit, found) in &left {
        print(&format!("  unexplained: {unit}: {found}"));
    }
    let units: BTreeSet<&String> = left.iter().map(|(unit, _)| unit).collect();
    for (unit, [theirs, ours]) in &outcome.orders {
        if units.contains(unit) {
            print(&format!(
                "  {unit} on Juju: {theirs}\n  {unit} here:    {ours}"
            ));
        }
    }
}

fn line(name: &str, [hooks, agree, explained, unexplained]: [usize; 4], took: Duration) {
    let share = (agree * 100).checked_div(hooks).unwrap_or(100);
    print(&format!(
        "{name:<34} {hooks:>6} {agree:>6} {share:>5}% {explained:>10} {unexplained:>12} {:>8}",
        took.as_secs()
    ));
}

/// Returns the names of the recorded scenarios.
fn recorded(dir: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let scenario = name
            .strip_suffix(".json")
            .filter(|name| *name != "environment");
        names.extend(scenario.map(str::to_owned));
    }
    names.sort();
    Ok(names)
}
