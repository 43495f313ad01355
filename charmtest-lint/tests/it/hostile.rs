//! Whatever is read: no panic, no hang, something is said.

use std::fs;
use std::process::Command;

use charmtest_lint::{Level, Policy, lint, output};
use proptest::prelude::*;

use crate::bed::{Bed, look};

const NAMES: [&str; 9] = [
    "metadata.yaml",
    "charmcraft.yaml",
    "config.yaml",
    "actions.yaml",
    "manifest.yaml",
    "bundle.yaml",
    "tests/requirements.yaml",
    "tests/a.test",
    "charmtest-lint.toml",
];

#[test]
fn hostile_files_are_findings() {
    let deep = "[".repeat(50_000);
    let maps = "a: {".repeat(5_000);
    let bomb: String = std::iter::once("a0: &a0 [x, x]\n".to_owned())
        .chain((1..30).map(|i| format!("a{i}: &a{i} [*a{0}, *a{0}, *a{0}]\n", i - 1)))
        .collect();
    let long = format!("name: {}\n", "x".repeat(100_000));
    for text in [
        deep.as_str(),
        &maps,
        &bomb,
        &long,
        "\u{0}\u{1}",
        "\u{feff}",
        "%YAML 9.9\n---\n",
        "&a [*a]\n",
        "!!python/object x\n",
        "? {a: b}\n: c\n",
        "a: 1\na: 2\n",
        "---\na: 1\n---\nb: 2\n",
        "- - - -\n",
        "\t\n",
        "5\n",
        "'\n",
        "<<: *x\n",
        "{a: b",
        "a: !!binary =\n",
    ] {
        for name in &NAMES[..7] {
            let bed = Bed::toy(&[(name, text)]);
            if *name == "bundle.yaml" {
                bed.change(&[("-metadata.yaml", "")]);
            }
            let report = bed.lint();
            assert!(
                report.count(Level::Error) > 0
                    || matches!(
                        *name,
                        "manifest.yaml" | "actions.yaml" | "charmcraft.yaml" | "config.yaml"
                    ),
                "{name} {text:.30}: {}",
                output::human(&report)
            );
        }
    }
}

#[test]
fn what_is_no_file_is_not_opened() {
    for name in NAMES {
        let toy = |changes: &[(&str, &str)]| {
            let bed = Bed::toy(changes);
            if name == "charmcraft.yaml" || name == "bundle.yaml" {
                bed.change(&[("-metadata.yaml", "")]);
            }
            bed
        };
        let bed = toy(&[
            (&format!("-{name}"), ""),
            (&format!("@{name}"), name.rsplit('/').next().unwrap()),
        ]);
        assert!(!bed.lint().findings.is_empty(), "a loop at {name}");

        let bed = toy(&[(&format!("-{name}"), "")]);
        let made = Command::new("mkfifo")
            .arg(bed.path().join(name))
            .status()
            .unwrap();
        assert!(made.success());
        assert!(!bed.lint().findings.is_empty(), "a pipe at {name}");

        let bed = toy(&[(&format!("-{name}"), ""), (&format!("{name}/"), "")]);
        assert!(!bed.lint().findings.is_empty(), "a directory at {name}");

        let bed = toy(&[]);
        fs::write(bed.path().join(name), b"\xff\xfe\x00binary").unwrap();
        let _ = bed.lint();
    }
}

#[test]
fn a_huge_file_is_not_read() {
    let bed = Bed::toy(&[]);
    let file = fs::File::create(bed.path().join("metadata.yaml")).unwrap();
    file.set_len(64 << 30).unwrap();
    let (ids, said) = bed.ids();
    assert!(
        ids.contains(&"CT002") && said.contains("larger than 8 MiB"),
        "{said}"
    );
}

#[test]
fn one_bad_file_does_not_hide_the_others() {
    let (ids, said) = Bed::toy(&[
        ("metadata.yaml", "name: [\n"),
        ("config.yaml", "options: {a: {type: x}}\n"),
        ("actions.yaml", "Go: {}\n"),
        ("tests/a.test", "x"),
        ("charmtest-lint.toml", "="),
    ])
    .ids();
    for id in ["CT002", "CT206", "CT303", "CT501", "CT502", "CT090"] {
        assert!(ids.contains(&id), "{id}: {said}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(name in 0..NAMES.len(), bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in any::<prop::sample::Index>()) {
        let bed = Bed::toy(&[]);
        let path = bed.path().join(NAMES[name]);
        // Junk of its own, and junk in the middle of what was good.
        let mut text = fs::read(&path).unwrap_or_default();
        let at = if text.is_empty() { 0 } else { cut.index(text.len()) };
        text.splice(at..at, bytes);
        fs::write(&path, &text).unwrap();
        let report = lint(&[bed.path(), path], &Policy::default()).unwrap();
        let _ = (output::human(&report), output::json(&report), output::sarif(&report));
        look(&bed.path());
    }

    #[test]
    fn no_yaml_panics(text in "(name|summary|provides|options|a|x):[ ]?([\\[\\]{}&*!|>'\"%@`,:? \n-]|[a-z0-9]){0,60}") {
        for name in &NAMES[..7] {
            Bed::toy(&[(name, &text)]).lint();
        }
    }
}
