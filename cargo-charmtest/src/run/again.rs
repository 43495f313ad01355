//! What failed in the last run: `--last-failed`, `--failed-first`, and the record that they go by.

use std::collections::{BTreeMap, BTreeSet};

use charmtest::harness::{Base, LastFailed, NOTHING_FAILED, Outcome, RunFlags, run_again};

use super::module::ModulePlan;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// `--last-failed`
    Only(Base),
    /// `--failed-first`
    First,
}

impl Again {
    /// Takes what is asked for out of the flags: this program sees to it for all modules together.
    pub(crate) fn take(flags: &mut RunFlags) -> Option<Self> {
        let only = std::mem::take(&mut flags.last_failed);
        let first = std::mem::take(&mut flags.failed_first);
        let base = match &flags.model {
            Some(_) => Base::Model,
            None => Base::Tests,
        };
        let only = only.then_some(Self::Only(base));
        only.or(first.then_some(Self::First))
    }
}

/// Narrows or orders `plan` by what failed in the last run of each target, and returns what the user should know.
pub(crate) fn apply(plan: &mut Vec<ModulePlan>, again: Again) -> Vec<String> {
    let mut notes = Vec::new();
    let mut failed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for module in plan.iter() {
        failed.entry(module.executable.id()).or_insert_with(|| {
            record(module).read().unwrap_or_else(|error| {
                notes.push(format!("what failed in the last run is not known: {error}"));
                BTreeSet::new()
            })
        });
    }
    if !by_failures(plan, again, &failed) {
        notes.push(NOTHING_FAILED.to_owned());
    }
    notes
}

/// Says whether there was anything to go by.
fn by_failures(
    plan: &mut Vec<ModulePlan>,
    again: Again,
    failed: &BTreeMap<String, BTreeSet<String>>,
) -> bool {
    let base = match again {
        Again::Only(base) => base,
        Again::First => Base::Model,
    };
    let wanted = |module: &ModulePlan| {
        let failed = &failed[&module.executable.id()];
        let tests = run_again(&module.module, failed, base);
        tests.into_iter().cloned().collect::<Vec<_>>()
    };
    if plan.iter().all(|module| wanted(module).is_empty()) {
        return false;
    }
    match again {
        Again::First => plan.sort_by_cached_key(|module| wanted(module).is_empty()),
        Again::Only(_) => {
            for module in plan.iter_mut() {
                module.module.tests = wanted(module);
                module.only = true;
            }
            plan.retain(|module| !module.module.tests.is_empty());
        }
    }
    true
}

/// Keeps what became of tests for the next run, and returns what went wrong with that.
pub(crate) fn enter<'a>(
    results: impl IntoIterator<Item = (&'a ModulePlan, String, Outcome)>,
) -> Vec<String> {
    let mut ran: BTreeMap<String, (LastFailed, Vec<(String, Outcome)>)> = BTreeMap::new();
    for (module, test, outcome) in results {
        let (_, outcomes) = ran
            .entry(module.executable.id())
            .or_insert_with(|| (record(module), Vec::new()));
        outcomes.push((test, outcome));
    }
    let enter = |(record, outcomes): (LastFailed, Vec<_>)| record.enter(&outcomes).err();
    let errors = ran.into_values().filter_map(enter);
    errors
        .map(|error| format!("--last-failed will not know of this run: {error}"))
        .collect()
}

fn record(module: &ModulePlan) -> LastFailed {
    let executable = &module.executable;
    LastFailed::of(executable.dir(), &executable.target, |name| {
        std::env::var_os(name)
    })
}
