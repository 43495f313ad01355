//! The table of requirements in `docs/specification.md`, held against the tests and the pages.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// The number and the links of each row.
fn rows() -> Vec<(String, Vec<String>)> {
    let page = fs::read_to_string(root().join("docs/specification.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| R"));
    rows.map(|row| {
        let number = row[2..].split_whitespace().next().unwrap().to_owned();
        let links = row.split("](").skip(1);
        let links = links.map(|link| link.split(')').next().unwrap().to_owned());
        (number, links.collect())
    })
    .collect()
}

/// The requirements in the names of this program's tests: `r09_r10_juju_is_there` bears R9 and R10.
fn tested() -> BTreeSet<String> {
    let sources = fs::read_dir(root().join("cargo-charmtest/tests/it")).unwrap();
    let mut found = BTreeSet::new();
    for source in sources {
        let text = fs::read_to_string(source.unwrap().path()).unwrap();
        for test in text.split("#[test]\n").skip(1) {
            let attributes_end = test.find("fn ").unwrap();
            let ignored = test[..attributes_end].contains("#[ignore");
            let name = test[attributes_end + 3..].split('(').next().unwrap();
            let numbers = name
                .split('_')
                .map_while(|word| word.strip_prefix('r')?.parse::<u32>().ok());
            if !ignored {
                found.extend(numbers.map(|number| format!("R{number}")));
            }
        }
    }
    found
}

#[test]
fn each_requirement_is_there_and_has_a_test_that_bears_its_number() {
    let numbers: Vec<String> = rows().into_iter().map(|(number, _)| number).collect();
    let all: Vec<String> = (1..=31).map(|number| format!("R{number}")).collect();
    assert_eq!(numbers, all);
    let tested = tested();
    let without: Vec<&String> = all
        .iter()
        .filter(|number| !tested.contains(*number))
        .collect();
    assert!(without.is_empty(), "without a test: {without:?}");
}

#[test]
fn each_requirement_is_described_where_its_row_says() {
    for (number, links) in rows() {
        assert!(!links.is_empty(), "{number} links to nothing");
        for link in links {
            let (page, section) = link.split_once('#').unwrap_or((&link, ""));
            let text = fs::read_to_string(root().join("docs").join(page)).unwrap();
            let there = section.is_empty() || headings(&text).any(|anchor| anchor == section);
            assert!(there, "{number}: {page} has no section #{section}");
        }
    }
}

/// The anchors of a page's headings, as GitHub makes them.
fn headings(page: &str) -> impl Iterator<Item = String> {
    page.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
}
