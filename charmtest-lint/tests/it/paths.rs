//! What can be looked at: directories, archives, single files.

use std::fs;

use charmtest_charm::{PackOptions, pack};
use charmtest_lint::{Policy, lint, output};

use crate::bed::{Bed, SCRIPT, look};

fn ids(path: &std::path::Path) -> Vec<&'static str> {
    look(path)
        .findings
        .iter()
        .map(|finding| finding.rule.id)
        .collect()
}

#[test]
fn what_is_neither_charm_nor_bundle_is_said() {
    let bed = Bed::empty();
    assert_eq!(ids(&bed.path()), ["CT001"]);
    bed.change(&[("notes.txt", "x"), ("broken.charm", "PK")]);
    assert_eq!(ids(&bed.path().join("notes.txt")), ["CT001"]);
    assert_eq!(ids(&bed.path().join("broken.charm")), ["CT002"]);
    let nothing = lint(&[bed.path().join("gone")], &Policy::default()).unwrap_err();
    assert!(nothing.to_string().contains("gone"), "{nothing}");
}

#[test]
fn a_packed_charm_is_looked_at_like_its_directory() {
    let bed = Bed::toy(&[
        (
            "metadata.yaml",
            ">>requires:\n  db: {limit: 1}\n  db2: {scope: far, interface: x}\n",
        ),
        ("+dispatch", "#!/bin/sh\n./src/charm.py\n"),
        ("tests/20-late.test", SCRIPT),
        ("@hooks/update-status", "install"),
    ]);
    let charm = bed.path().parent().unwrap().join("toy.charm");
    charmtest_charm::pack_directory(&bed.path(), &charm).unwrap();
    let short = |path: &std::path::Path| -> Vec<(String, String)> {
        let report = look(path);
        let root = format!("{}/", path.display());
        let mut found: Vec<(String, String)> = report
            .findings
            .iter()
            .map(|finding| {
                (
                    finding.file.strip_prefix(&root).unwrap().to_owned(),
                    format!("{} {:?}", finding.message, finding.position),
                )
            })
            .collect();
        found.sort();
        found
    };
    let (of_directory, of_charm) = (short(&bed.path()), short(&charm));
    assert_eq!(of_directory, of_charm);
    let files: Vec<&str> = of_charm.iter().map(|(file, _)| file.as_str()).collect();
    assert_eq!(
        files,
        [
            "dispatch",
            "metadata.yaml",
            "metadata.yaml",
            "tests/20-late.test"
        ]
    );
}

#[test]
fn a_charm_of_charmcraft_has_all_in_one_file() {
    let bed = Bed::empty();
    bed.change(&[
        ("charmcraft.yaml", "name: toy\ntype: charm\ntitle: Toy\nsummary: A toy.\ndescription: d\nlicense: MIT\nlinks: {contact: https://example.com}\nbase: ubuntu@24.04\nplatforms: {amd64: }\nparts: {charm: {source: .}}\n\
            requires:\n  db:\n    scope: far\nprovides: {web: http}\nconfig:\n  options:\n    a_b: {type: int, default: x, description: d}\nactions:\n  Go: {}\n"),
        ("+src/charm.py", "#!/usr/bin/env python3\nimport ops\nops.main(C)\n"),
        ("README.md", "Toy.\n"),
        ("icon.svg", "<svg/>"),
    ]);
    let report = look(&bed.path());
    let said: Vec<String> = report
        .findings
        .iter()
        .map(|finding| {
            let at = finding.position.unwrap();
            format!("{}:{}:{}", finding.rule.id, at.line, at.column)
        })
        .collect();
    assert_eq!(
        said,
        [
            "CT102:12:3",
            "CT103:13:12",
            "CT211:17:5",
            "CT205:17:31",
            "CT303:19:3",
            "CT307:19:3"
        ],
        "{}",
        output::human(&report)
    );
}

#[test]
fn single_files_are_looked_at() {
    let bed = Bed::toy(&[
        ("-icon.svg", ""),
        ("tests/x.test", "echo\n"),
        ("more.yaml", "applications: {}\n"),
    ]);
    assert_eq!(
        ids(&bed.path().join("metadata.yaml")),
        ["CT019", "CT501", "CT502"]
    );
    assert_eq!(ids(&bed.path().join("tests/x.test")), ["CT501", "CT502"]);
    assert_eq!(ids(&bed.path().join("more.yaml")), ["CT602"]);
    let both = lint(
        &[bed.path().join("more.yaml"), bed.path()],
        &Policy::default(),
    )
    .unwrap();
    let files: Vec<bool> = both
        .findings
        .iter()
        .map(|finding| finding.file.ends_with("more.yaml"))
        .collect();
    assert_eq!(files, [true, false, false, false]);
}

#[test]
fn a_zip_with_a_bundle_is_a_bundle() {
    let bed = Bed::empty();
    bed.change(&[
        ("bundle.yaml", "applications: {a: {charm: x}}\n"),
        ("README.md", "x"),
    ]);
    let zip = bed.path().parent().unwrap().join("b.zip");
    charmtest_charm::pack_directory(&bed.path(), &zip).unwrap();
    assert_eq!(ids(&zip), ["CT605"]);
}

#[test]
fn what_is_packed_here_has_no_errors() {
    let bed = Bed::toy(&[]);
    let parent = bed.path().parent().unwrap().to_owned();
    let packed = pack(
        &bed.path(),
        &PackOptions::new(parent.join("out"), parent.join("cache")),
    )
    .unwrap();
    let report = look(&packed.path);
    assert!(!report.has_errors(), "{}", output::human(&report));
    assert!(fs::metadata(bed.path().join("toy.charm")).is_err());
}
