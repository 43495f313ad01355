//! The proof of [the migration guide](../../../docs/migration.md): each row of it, each row of the abort table in
//! [outcomes](../../../docs/outcomes.md), and each behaviour that pytest-operator's own tests assert is shown by a test that is
//! named here. A row without a test fails, as does an entry without a row.

mod behaviours;
mod claims;
mod model_rows;
mod outcomes;
mod page;
mod rows;
mod sources;

use std::fs;
use std::path::{Path, PathBuf};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn guide() -> String {
    fs::read_to_string(workspace().join("docs/migration.md")).expect("the guide")
}

#[test]
fn each_row_of_the_guide_is_shown_by_a_test() {
    let sources = sources::read(&workspace());
    let faults = claims::check(&page::rows(&guide()), rows::SECTIONS, &sources);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn each_row_of_the_abort_table_is_shown_by_a_test() {
    let outcomes = fs::read_to_string(workspace().join("docs/outcomes.md")).expect("the page");
    let sources = sources::read(&workspace());
    let mut table = page::rows(&outcomes);
    table.retain(|row| row.section == "The abort table");
    let faults = claims::check(&table, outcomes::SECTIONS, &sources);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn each_behaviour_of_pytest_operator_is_shown_by_a_test_or_has_a_reason() {
    let sources = sources::read(&workspace());
    let numbers = [("U", 23), ("I", 10)];
    let faults = claims::check_behaviours(behaviours::BEHAVIOURS, &numbers, &sources);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The suite of the guide is a test target of the how-to; only the line breaks are rustfmt's there.
#[test]
fn the_suite_of_the_guide_is_the_one_that_runs() {
    let file = workspace().join("examples/how-to/tests/migration/main.rs");
    let runs = fs::read_to_string(file).expect("the suite");
    let runs: Vec<&str> = runs
        .lines()
        .filter(|line| !line.starts_with("//!"))
        .collect();
    let shown = page::block(&guide(), "rust,ignore").expect("a suite");
    let plain = |text: &str| text.split_whitespace().collect::<String>();
    assert_eq!(plain(&shown), plain(&runs.concat()));
}
