//! `cargo charmtest [run]`: build the tests, and run them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use charmtest::juju::quote;

use crate::cli::{RunArgs, TestsArgs};
use crate::error::{Error, Kind, Result};
use crate::report::{choose_color, say};
use crate::results::{Recording, Sink, planned};
use crate::run::again::{self, Again};
use crate::run::module::ModulePlan;
use crate::run::session::Session;
use crate::run::together::Order;
use crate::workspace;

/// The commands that a filter may have been meant as.
const COMMANDS: [&str; 12] = [
    "export",
    "crash-dump",
    "generic",
    "clean",
    "list",
    "report",
    "pack",
    "controller",
    "juju",
    "with",
    "run",
    "help",
];

/// Runs the selected charm tests and returns the exit code of the run.
///
/// # Errors
///
/// Fails on wrong usage, when nothing is selected, when the build fails, and when there is no backend.
pub(crate) fn main(mut args: RunArgs) -> Result<u8> {
    choose_color(args.tests.output.color);
    let warnings = args.tests.flags.settle(args.test_threads);
    for warning in warnings.map_err(|why| Error::new(Kind::Usage, why))? {
        say(&format!("warning: {warning}"));
    }
    let sink = Some(args.results.open()?).filter(Sink::is_wanted);
    let again = Again::take(&mut args.tests.flags);
    let TestsArgs {
        select,
        flags,
        cargo,
        output,
    } = &args.tests;
    let found = workspace::test_binaries(&args.tests)?;
    for binary in &found.binaries {
        for warning in &binary.description.warnings {
            say(&format!("warning: {}: {warning}", binary.executable.id()));
        }
    }
    for warning in workspace::unknown_words(flags, &found) {
        say(&format!("warning: {warning}"));
    }
    let mut plan = ModulePlan::all(found.binaries);
    if plan.is_empty() {
        return Err(nothing_selected(&select.filters));
    }
    let mut recording = sink.map(|sink| Recording {
        sink,
        command: "run".to_owned(),
        modules: planned(&plan),
        partition: select.partition.as_ref().map(ToString::to_string),
        sandbox: BTreeMap::new(),
        sources: found_in(&plan),
    });
    if let Some(partition) = &select.partition {
        let all = plan.len();
        partition.apply(&mut plan);
        if plan.is_empty() {
            if let Some(module) = partition.module() {
                let text = format!("none of the modules that were selected is called `{module}`");
                return Err(Error::new(Kind::NothingSelected, text)
                    .hint("`cargo charmtest list` shows all of them; the name has the target before it, `web::integration relations`"));
            }
            let modules = if all == 1 { "module" } else { "modules" };
            say(&format!(
                "nothing to run: none of the {all} {modules} is in part {partition}"
            ));
            // Its results are written all the same, so that it is not taken for a part that got lost.
            if recording.is_none() {
                return Ok(charmtest::exit::SUCCESS);
            }
        }
    }
    if let Some(again) = again {
        for note in again::apply(&mut plan, again) {
            say(&format!("warning: {note}"));
        }
        match &mut recording {
            Some(Recording {
                modules,
                partition: None,
                ..
            }) => *modules = planned(&plan),
            Some(_) if matches!(again, Again::Only(_)) => {
                say(
                    "warning: --last-failed leaves tests of this part out, which `cargo charmtest report` will miss",
                );
            }
            _ => {}
        }
    }
    let session = Session {
        plan,
        order: match again {
            Some(Again::First) => Order::AsPlanned,
            Some(Again::Only(_)) | None => Order::SharedFirst,
        },
        flags: flags.clone(),
        selection: workspace::selection(select),
        no_capture: args.no_capture,
        quiet: output.quiet,
        listener: None,
        recording,
        fail_on_skip: false,
        build: cargo.options("--cargo-profile").iter().map(quote).collect(),
        of_units: None,
    };
    Ok(session.run()?.code)
}

/// Returns the directory of a package of the plan.
fn found_in(plan: &[ModulePlan]) -> PathBuf {
    let first = plan.first();
    first
        .map(|module| module.executable.dir().to_owned())
        .unwrap_or_default()
}

fn nothing_selected(filters: &[String]) -> Error {
    let error = Error::new(Kind::NothingSelected, "no charm test matches");
    match filters.iter().find(|filter| COMMANDS.iter().any(|command| is_near(filter, command))) {
        Some(word) => error.hint(format!("`{word}` was taken as a filter; a command comes first and its options after it, see `cargo charmtest --help`")),
        None => error.hint("`cargo charmtest list` shows all of them"),
    }
}

/// Says whether two words are the same but for one letter or two swapped ones.
fn is_near(a: &str, b: &str) -> bool {
    let sorted = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        letters
    };
    a == b
        || sorted(a) == sorted(b)
        || (a.len().abs_diff(b.len()) <= 1
            && a.chars().zip(b.chars()).filter(|(x, y)| x != y).count() <= 1)
}
