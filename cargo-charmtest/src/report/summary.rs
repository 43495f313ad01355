//! The end of a report: outcomes, models, how to run the failed ones again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use charmtest::harness::{Outcome, slowest};

use super::{ModelEnd, Module, Options, style};
use crate::workspace::Origin;

pub(super) const RULE: &str = "────────────";

/// Returns the summary of a run.
pub(super) fn text(modules: &[Module], took: Duration, options: &Options) -> String {
    let juju = &options.juju;
    let mut lines = vec![
        RULE.to_owned(),
        style::heading(
            "Summary",
            &format!(
                "[{:>8}] {}",
                style::duration(took),
                counts(results(modules).map(|(_, _, result)| result.outcome))
            ),
        ),
    ];
    for (module, name, result) in
        results(modules).filter(|(_, _, result)| is_worth_a_line(result.outcome))
    {
        lines.push(style::test_line(&module.test_name(name), result));
    }
    if let Some(limit) = options.durations {
        let ran = results(modules).filter(|(module, name, _)| module.started.contains(*name));
        let slowest = slowest(
            ran.map(|(module, name, result)| (module.test_name(name), result.took)),
            limit,
        );
        let line = |(name, took)| format!("    [{:>8}] {name}", style::duration(took));
        lines.extend(titled("slowest tests:", slowest.into_iter().map(line)));
    }
    let troubles = modules.iter().filter_map(|module| module.trouble.as_ref());
    lines.extend(troubles.map(|trouble| style::warning(trouble)));
    // Modules may share a model: each is told of once.
    let ends: BTreeMap<&String, &ModelEnd> =
        modules.iter().flat_map(|module| &module.models).collect();
    for (model, end) in &ends {
        match end {
            ModelEnd::Kept(why) => {
                lines.push(style::heading("Kept", &format!("model {model} ({why})")));
            }
            ModelEnd::Left(why) => lines.push(style::warning(&format!(
                "model {model} is left over: {why}"
            ))),
            ModelEnd::InUse => lines.push(style::warning(&format!("model {model} is left over"))),
            ModelEnd::Destroyed => {}
        }
    }
    let kept = ends
        .iter()
        .filter(|(_, end)| matches!(end, ModelEnd::Kept(_)))
        .map(|(model, _)| format!("    {juju} status -m {model}"));
    lines.extend(titled("to look at what was kept:", kept));
    let clouds = || modules.iter().flat_map(|module| &module.clouds);
    lines.extend(clouds().map(|cloud| style::warning(&cloud.to_string())));
    let fixtures = modules.iter().flat_map(|module| &module.fixtures);
    lines.extend(fixtures.map(|text| style::warning(text)));
    let left: Vec<String> = ends
        .iter()
        .filter(|(_, end)| matches!(end, ModelEnd::InUse | ModelEnd::Left(_)))
        .map(|(model, _)| {
            format!("    {juju} destroy-model --no-prompt --force --destroy-storage {model}")
        })
        .collect();
    let by_hand = clouds().map(|cloud| {
        format!(
            "    {juju} remove-cloud {} --controller {}",
            cloud.cloud, cloud.controller
        )
    });
    let title = if left.is_empty() {
        "to remove what was left over:"
    } else {
        "to remove what was left over: `cargo charmtest clean`, or"
    };
    lines.extend(titled(title, left.into_iter().chain(by_hand)));
    let again = again(modules, &options.build).into_iter();
    let again = again.map(|command| format!("    {command}"));
    lines.extend(titled("to run what went wrong again:", again));
    lines.join("\n")
}

/// Returns what is wrong although all tests may have passed.
pub(super) fn troubles(modules: &[Module]) -> Vec<String> {
    let mut troubles: Vec<String> = Vec::new();
    let ends: BTreeMap<&String, &ModelEnd> =
        modules.iter().flat_map(|module| &module.models).collect();
    for module in modules {
        troubles.extend(module.trouble.clone());
        troubles.extend(module.clouds.iter().map(ToString::to_string));
        troubles.extend(module.fixtures.iter().cloned());
    }
    for (model, end) in ends {
        match end {
            ModelEnd::Left(why) => troubles.push(format!("model {model} is left over: {why}")),
            ModelEnd::InUse => troubles.push(format!("model {model} is left over")),
            ModelEnd::Kept(_) | ModelEnd::Destroyed => {}
        }
    }
    troubles
}

/// Says whether the summary names a test with this outcome: those that went wrong or not as the suite says.
pub(super) fn is_worth_a_line(outcome: Outcome) -> bool {
    !matches!(
        outcome,
        Outcome::Passed | Outcome::Skipped | Outcome::Xfailed
    )
}

/// Returns `lines` under a title; nothing without lines.
pub(super) fn titled(title: &str, lines: impl Iterator<Item = String>) -> Vec<String> {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return lines;
    }
    std::iter::once(title.to_owned()).chain(lines).collect()
}

fn results(modules: &[Module]) -> impl Iterator<Item = (&Module, &str, &super::TestResult)> {
    modules.iter().flat_map(|module| {
        module
            .results()
            .map(move |(name, result)| (module, name, result))
    })
}

/// Returns how many tests ended how.
pub(super) fn counts(outcomes: impl Iterator<Item = Outcome>) -> String {
    let outcomes: Vec<Outcome> = outcomes.collect();
    let count = |wanted: Outcome| outcomes.iter().filter(|one| **one == wanted).count();
    let total = outcomes.len();
    let words = [
        (Outcome::Passed, "passed"),
        (Outcome::Flaky, "flaky"),
        (Outcome::Xfailed, "xfailed"),
        (Outcome::Xpassed, "xpassed"),
        (Outcome::Failed, "failed"),
        (Outcome::TimedOut, "timed out"),
        (Outcome::Errored, "errored"),
        (Outcome::Unmet, "unmet"),
        (Outcome::Refused, "refused"),
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
fn again(modules: &[Module], build: &[String]) -> Vec<String> {
    let mut targets: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    let mut suites: BTreeSet<&str> = BTreeSet::new();
    for module in modules.iter().filter(|module| {
        module
            .tests
            .values()
            .any(|result| !result.outcome.is_success())
    }) {
        let executable = &module.plan.executable;
        if let Origin::Suite { again } = &executable.origin {
            suites.insert(again);
            continue;
        }
        targets
            .entry((&executable.package, &executable.target))
            .or_default()
            .push(&module.plan.module.name);
    }
    let command = |((package, target), modules): ((&str, &str), Vec<&str>)| {
        let select = format!("cargo charmtest -p {package} --test {target}");
        let words = modules.into_iter().chain(build.iter().map(String::as_str));
        words.fold(select, |command, word| command + " " + word)
    };
    let targets = targets.into_iter().map(command);
    targets
        .chain(suites.into_iter().map(str::to_owned))
        .collect()
}
