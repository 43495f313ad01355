//! Narrowing and ordering a plan by what failed in the last run.

use std::collections::BTreeSet;

use super::last_failed::{Base, LastFailed, run_again};
use super::plan::{Choice, Plan};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rerun {
    /// `--last-failed`
    Only(Base),
    /// `--failed-first`
    First,
}

/// Applies `--last-failed` or `--failed-first` to a plan, and returns what the user should know.
pub(super) fn apply(plan: &mut Plan, rerun: Rerun, record: &LastFailed) -> Vec<String> {
    match record.read() {
        Ok(failed) => by_failures(plan, rerun, &failed),
        Err(error) => vec![format!("what failed in the last run is not known: {error}")],
    }
}

fn by_failures(plan: &mut Plan, rerun: Rerun, failed: &BTreeSet<String>) -> Vec<String> {
    let description = plan.describe("", "");
    let base = match rerun {
        Rerun::Only(base) => base,
        Rerun::First => Base::Model,
    };
    let again = |module| run_again(module, failed, base);
    let modules = description.modules.iter();
    let wanted: BTreeSet<String> = modules
        .flat_map(again)
        .map(|test| test.name.clone())
        .collect();
    if wanted.is_empty() {
        return vec![NOTHING_FAILED.to_owned()];
    }
    match rerun {
        Rerun::Only(_) => plan.keep_only(&wanted),
        Rerun::First => plan.modules.sort_by_key(|module| {
            !module
                .tests
                .iter()
                .any(|test| test.choice != Choice::FilteredOut && wanted.contains(&test.name))
        }),
    }
    Vec::new()
}

/// What is said when there is nothing to run again.
pub const NOTHING_FAILED: &str = "none of the selected tests failed in the last run: all are run";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::plan::Selection;
    use crate::harness::plan::tests::plan;

    #[test]
    fn a_plan_is_narrowed_or_ordered_by_what_failed() {
        let failed = |names: &[&str]| {
            names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<BTreeSet<_>>()
        };
        let running = |rerun, names: &[&str]| {
            let mut plan = plan(&Selection::default());
            let notes = by_failures(&mut plan, rerun, &failed(names));
            let left = plan
                .tests()
                .filter(|test| test.choice != Choice::FilteredOut);
            (
                left.map(|test| test.name.clone()).collect::<Vec<_>>(),
                notes,
            )
        };
        let (names, notes) = running(Rerun::Only(Base::Tests), &["relations::second", "gone"]);
        assert_eq!(names, ["relations::build_and_deploy", "relations::second"]);
        assert_eq!(notes, [""; 0]);
        let (names, _) = running(Rerun::Only(Base::Model), &["relations::second"]);
        assert_eq!(names, ["relations::second"]);
        let (names, notes) = running(Rerun::Only(Base::Tests), &["gone"]);
        assert_eq!(
            (names.len(), notes.as_slice()),
            (7, [NOTHING_FAILED.to_owned()].as_slice())
        );
        // The order in a module stays: its tests build on each other.
        let (names, _) = running(Rerun::First, &["relations::second"]);
        assert_eq!(names[0], "relations::build_and_deploy");
        assert_eq!(names[6], "relations_hold");
    }
}
