//! The end of a report: outcomes, models, how to run the failed ones again.

use std::collections::BTreeMap;
use std::time::Duration;

use charmtest::harness::Outcome;

use super::{ModelEnd, Module, style};

const RULE: &str = "────────────";

/// Returns the summary of a run.
pub(super) fn text(modules: &[Module], took: Duration) -> String {
    let mut lines = vec![
        RULE.to_owned(),
        style::heading(
            "Summary",
            &format!("[{:>8}] {}", style::duration(took), counts(modules)),
        ),
    ];
    for (module, name, result) in results(modules)
        .filter(|(_, _, result)| !matches!(result.outcome, Outcome::Passed | Outcome::Skipped))
    {
        lines.push(style::test_line(
            &format!("{} {name}", module.plan.binary),
            result,
        ));
    }
    for (model, end) in modules.iter().flat_map(|module| &module.models) {
        match end {
            ModelEnd::Kept(why) => {
                lines.push(style::heading("Kept", &format!("model {model} ({why})")))
            }
            ModelEnd::Left(why) => lines.push(style::warning(&format!(
                "model {model} is left over: {why}"
            ))),
            ModelEnd::InUse => lines.push(style::warning(&format!("model {model} is left over"))),
            ModelEnd::Destroyed => {}
        }
    }
    let again = again(modules);
    if !again.is_empty() {
        lines.push("to run what went wrong again:".to_owned());
        lines.extend(again.iter().map(|command| format!("    {command}")));
    }
    lines.join("\n")
}

fn results(modules: &[Module]) -> impl Iterator<Item = (&Module, &String, &super::TestResult)> {
    modules.iter().flat_map(|module| {
        module
            .tests
            .iter()
            .map(move |(name, result)| (module, name, result))
    })
}

fn counts(modules: &[Module]) -> String {
    let count = |wanted: Outcome| {
        results(modules)
            .filter(|(_, _, result)| result.outcome == wanted)
            .count()
    };
    let total = results(modules).count();
    let words = [
        (Outcome::Passed, "passed"),
        (Outcome::Failed, "failed"),
        (Outcome::TimedOut, "timed out"),
        (Outcome::Errored, "errored"),
        (Outcome::Aborted, "aborted"),
        (Outcome::Skipped, "skipped"),
    ];
    let counted: Vec<String> = words
        .into_iter()
        .map(|(outcome, word)| (outcome, count(outcome), word))
        .filter(|(outcome, count, _)| *count > 0 || *outcome == Outcome::Passed)
        .map(|(_, count, word)| format!("{count} {word}"))
        .collect();
    format!(
        "{total} charm test{}: {}",
        if total == 1 { "" } else { "s" },
        counted.join(", ")
    )
}

/// Returns commands that run the modules with failures again: whole modules, since later tests stand on earlier ones.
fn again(modules: &[Module]) -> Vec<String> {
    let mut targets: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for module in modules.iter().filter(|module| {
        module
            .tests
            .values()
            .any(|result| !result.outcome.is_success())
    }) {
        let target = (module.plan.package.as_str(), module.plan.target.as_str());
        targets
            .entry(target)
            .or_default()
            .push(&module.plan.module.name);
    }
    let command = |((package, target), modules): ((&str, &str), Vec<&str>)| {
        let filters: Vec<&str> = modules
            .into_iter()
            .filter(|module| *module != "crate")
            .collect();
        format!(
            "cargo charmtest -p {package} --test {target} {}",
            filters.join(" ")
        )
        .trim_end()
        .to_owned()
    };
    targets.into_iter().map(command).collect()
}
