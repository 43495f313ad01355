//! `cargo charmtest list`: the selected tests, in the order in which they would run.

use std::fmt::Write;

use charmtest::harness::{Description, UnknownWords};

use crate::cli::{ListArgs, ListFormat};
use crate::error::{Error, Kind, Result};
use crate::report::{choose_color, print, say};
use crate::run::again::{self, Again};
use crate::run::module::ModulePlan;
use crate::workspace::{self, TestBinary};

/// Lists the selected tests.
///
/// # Errors
///
/// Fails as building and describing the tests does.
pub(crate) fn main(mut args: ListArgs) -> Result<u8> {
    choose_color(args.tests.output.color);
    let warnings = args.tests.flags.settle(None);
    let mut notes = warnings.map_err(|why| Error::new(Kind::Usage, why))?;
    let again = Again::take(&mut args.tests.flags);
    let found = workspace::test_binaries(&args.tests)?;
    notes.extend(workspace::unknown_words(&args.tests.flags, &found));
    let binaries = found.binaries;
    let named = |binary: &TestBinary| Description {
        // As cargo knows it; a binary itself knows only the name of its crate, which has `_` for `-`.
        target: binary.executable.target.clone(),
        modules: Vec::new(),
        unknown_words: UnknownWords::default(),
        ..binary.description.clone()
    };
    let mut descriptions: Vec<Description> = binaries.iter().map(named).collect();
    let mut plan = ModulePlan::all(binaries);
    if let Some(partition) = &args.tests.select.partition {
        partition.apply(&mut plan);
    }
    if let Some(again) = again {
        notes.extend(again::apply(&mut plan, again));
    }
    for module in plan {
        let executable = &module.executable;
        let of_target = |description: &&mut Description| {
            (&description.package, &description.target) == (&executable.package, &executable.target)
        };
        if let Some(description) = descriptions.iter_mut().find(of_target) {
            description.modules.push(module.module);
        }
    }
    for note in notes {
        say(&format!("warning: {note}"));
    }
    match args.format {
        ListFormat::Human => print(&human(&descriptions)),
        ListFormat::Terse => print(&terse(&descriptions)),
        ListFormat::Json => {
            let json =
                serde_json::to_string_pretty(&descriptions).map_err(Error::infrastructure)?;
            print(&format!("{json}\n"));
        }
    }
    Ok(charmtest::exit::SUCCESS)
}

fn terse(descriptions: &[Description]) -> String {
    let tests = descriptions
        .iter()
        .flat_map(|description| &description.modules)
        .flat_map(|module| &module.tests);
    tests.map(|test| format!("{}: test\n", test.name)).collect()
}

fn human(descriptions: &[Description]) -> String {
    let mut text = String::new();
    let mut count = 0;
    for description in descriptions
        .iter()
        .filter(|description| !description.modules.is_empty())
    {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}::{}:", description.package, description.target);
        for test in description.modules.iter().flat_map(|module| &module.tests) {
            count += 1;
            let marks = marks(test);
            let _ = writeln!(
                text,
                "    {}{}{marks}",
                test.name,
                if marks.is_empty() { "" } else { "  " }
            );
        }
    }
    let _ = writeln!(
        text,
        "{count} charm test{}",
        if count == 1 { "" } else { "s" }
    );
    text
}

fn marks(test: &charmtest::harness::DescribedTest) -> String {
    let mut marks = Vec::new();
    marks.extend(test.abort_on_fail.then(|| "abort_on_fail".to_owned()));
    marks.extend(test.abort_on_xfail.then(|| "abort_on_xfail".to_owned()));
    marks.extend(test.skip_if_deployed.then(|| "skip_if_deployed".to_owned()));
    marks.extend((test.retries > 0).then(|| format!("retries={}", test.retries)));
    marks.extend(test.xfail.as_ref().map(|xfail| {
        let strict = if xfail.strict { ", strict" } else { "" };
        format!("xfail: {}{strict}", xfail.reason)
    }));
    marks.extend(test.tags.iter().map(|tag| format!("#{tag}")));
    marks.extend(test.ignore.as_ref().map(|why| {
        if why.is_empty() {
            "ignored".to_owned()
        } else {
            format!("ignored: {why}")
        }
    }));
    marks.join(" ")
}
