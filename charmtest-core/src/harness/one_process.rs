//! Fixtures of scope "run" live in one process: what follows for those who start several.

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};

use super::plan::{Plan, PlannedModule, PlannedTest};

/// Returns a warning for each fixture of scope "run" that tests of `plan` ask for, and tests of modules that are only in `all` as
/// well: the modules that `all` holds and `plan` does not run in other processes.
pub(super) fn made_elsewhere_too(plan: &Plan, all: &Plan) -> Vec<String> {
    let here: BTreeMap<&str, BTreeMap<TypeId, &'static str>> = fixtures(plan).collect();
    let elsewhere: BTreeSet<TypeId> = fixtures(all)
        .filter(|(module, _)| !here.contains_key(module))
        .flat_map(|(_, fixtures)| fixtures.into_keys())
        .collect();
    let asked: BTreeMap<TypeId, &'static str> = here.into_values().flatten().collect();
    let twice = asked.into_iter().filter(|(key, _)| elsewhere.contains(key));
    let names: BTreeSet<&str> = twice.map(|(_, name)| name).collect();
    let warning = |name| {
        format!(
            "modules that ask for fixture `{name}` of scope \"run\" are in several processes, and it is made once in each; \
             `cargo charmtest` and `cargo test` make it once"
        )
    };
    names.into_iter().map(warning).collect()
}

/// Returns the modules that ask for fixtures of scope "run", and which.
fn fixtures(plan: &Plan) -> impl Iterator<Item = (&str, BTreeMap<TypeId, &'static str>)> {
    let fixtures = |module: &PlannedModule| -> BTreeMap<TypeId, &'static str> {
        let tests = module.tests.iter();
        tests.flat_map(PlannedTest::run_fixtures).collect()
    };
    let modules = plan.modules.iter();
    let asking = modules.map(move |module| (module.name.as_str(), fixtures(module)));
    asking.filter(|(_, fixtures)| !fixtures.is_empty())
}
