//! `cargo charmtest lint`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::bed::{PROGRAM, Said, executable};

fn lint(dir: &Path, args: &[&str]) -> Said {
    let mut command = Command::new(PROGRAM);
    command
        .args(["charmtest", "lint"])
        .args(args)
        .current_dir(dir);
    command.output().unwrap().into()
}

/// Metadata without a warning.
const METADATA: &str = "name: toy\nsummary: s\ndescription: d\nprovides: {web: http}\n";

/// Makes a charm whose test calls what it may not, and whose hook has a wrong name.
fn charm(dir: &Path) {
    fs::create_dir_all(dir.join("hooks")).unwrap();
    fs::create_dir_all(dir.join("tests")).unwrap();
    let metadata = "name: toy\nsummary: s\ndescription: d\nmaintainer: A <a@b>\nprovides:\n  web: {scope: far}\n";
    fs::write(dir.join("metadata.yaml"), metadata).unwrap();
    executable(&dir.join("hooks/instal"), "#!/bin/sh\n");
    executable(
        &dir.join("tests/10-go.test"),
        "#!/bin/sh\njuju bootstrap lxd\n",
    );
}

/// R31: static analysis is a command of its own, which no test run asks, with ids, places, and exit codes.
#[test]
fn r31_lint_is_a_command_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let toy = dir.path().join("toy");
    charm(&toy);

    let said = lint(dir.path(), &["toy"]);
    assert_eq!(said.code, Some(1), "{}{}", said.stdout, said.stderr);
    for line in [
        "toy/metadata.yaml:6:3: error[CT102]: endpoint `web` has no interface",
        "toy/metadata.yaml:6:16: error[CT103]: `scope` of endpoint `web` is `far`; it may be `global` or `container`",
        "toy/hooks/instal: warning[CT404]: Juju has no hook `instal`; did you mean `install`?",
        "toy/tests/10-go.test:2:1: warning[CT504]: `juju bootstrap` is not available in charm tests",
    ] {
        assert!(
            said.stdout.lines().any(|found| found == line),
            "{line}\n{}",
            said.stdout
        );
    }

    // Without a path it is the charm of the working directory.
    let said = lint(&toy, &["--format", "json"]);
    let answer: Value = serde_json::from_str(&said.stdout).unwrap();
    let finding = |id: &str| {
        let findings = answer["findings"].as_array().unwrap();
        findings
            .iter()
            .find(|finding| finding["id"] == id)
            .cloned()
            .unwrap()
    };
    assert_eq!(
        (&finding("CT103")["file"], &finding("CT103")["line"]),
        (&"metadata.yaml".into(), &6.into())
    );

    let said = lint(dir.path(), &["toy", "--format", "sarif"]);
    let log: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((said.code, &log["version"]), (Some(1), &"2.1.0".into()));

    fs::write(
        toy.join("metadata.yaml"),
        "name: toy\nsummary: s\ndescription: d\nprovides: {web: http}\n",
    )
    .unwrap();
    let quiet = lint(dir.path(), &["toy"]);
    assert_eq!(
        quiet.code,
        Some(0),
        "warnings alone are no failure: {}",
        quiet.stdout
    );
    for (args, code) in [
        (&["toy", "--deny", "warnings"][..], 1),
        (&["toy", "--deny", "CT010"], 1),
        (
            &[
                "toy", "--deny", "warnings", "--allow", "CT404", "--allow", "CT504",
            ],
            0,
        ),
        (&["toy", "--allow", "CT999"], 2),
        (&["toy", "--deny", "warning"], 2),
        (&["gone"], 2),
        (&["--explain", "CT504"], 0),
        (&["--explain", "504"], 2),
        (&["toy", "--charmcraft-timeout", "1s"], 2),
    ] {
        let said = lint(dir.path(), args);
        assert_eq!(
            said.code,
            Some(code),
            "{args:?} {}{}",
            said.stdout,
            said.stderr
        );
    }
}

#[test]
fn all_example_charms_lint_without_errors() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut charms = Vec::new();
    find_charms(&examples, &mut charms);
    assert!(charms.len() >= 7, "{charms:?}");
    let paths: Vec<&str> = charms.iter().map(|path| path.to_str().unwrap()).collect();
    let said = lint(&examples, &paths);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
}

fn find_charms(dir: &Path, charms: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let path = entry.path();
        // Copies of charms in build results are not ours to look at.
        if entry.file_type().unwrap().is_dir() && entry.file_name() != "target" {
            if path.join("charmcraft.yaml").exists() || path.join("metadata.yaml").exists() {
                charms.push(path);
            } else {
                find_charms(&path, charms);
            }
        }
    }
}

/// A stand-in for charmcraft that answers as it does is enough to see what is made of its answer.
#[test]
fn charmcraft_is_asked_only_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let toy = dir.path().join("toy");
    charm(&toy);
    fs::write(toy.join("metadata.yaml"), METADATA).unwrap();
    let packed = Command::new(PROGRAM)
        .args(["charmtest", "pack", "toy"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let name = String::from_utf8(packed.stdout).unwrap();
    let name = name.trim();
    assert!(
        name.ends_with(".charm"),
        "{}",
        String::from_utf8_lossy(&packed.stderr)
    );
    let asked = |bin: &Path, args: &[&str]| -> Said {
        let mut command = Command::new(PROGRAM);
        command.args(["charmtest", "lint", name, "toy"]).args(args);
        command.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
        command.current_dir(dir.path()).output().unwrap().into()
    };
    let bin = dir.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let without = asked(&bin, &["--with-charmcraft"]);
    assert_eq!(without.code, Some(4), "{}", without.stderr);
    assert!(
        without.stderr.contains("no charmcraft on PATH"),
        "{}",
        without.stderr
    );

    executable(
        &bin.join("charmcraft"),
        "#!/bin/sh\n[ \"$1 $2 $3\" = 'analyse --format json' ] && [ -f \"$4\" ] || exit 9\n\
         echo '[{\"name\": \"language\", \"result\": \"unknown\", \"url\": \"\", \"check_type\": \"attribute\", \"text\": \"\"},\
         {\"name\": \"entrypoint\", \"result\": \"warning\", \"url\": \"\", \"check_type\": \"lint\", \"text\": \"no entry\"}]'\nexit 3\n",
    );
    assert!(!asked(&bin, &[]).stdout.contains("CT490"));
    let with = asked(&bin, &["--with-charmcraft"]);
    let line = format!("{name}: warning[CT490]: entrypoint: no entry");
    assert!(
        with.stdout.lines().any(|found| found == line),
        "{}{}",
        with.stdout,
        with.stderr
    );
    assert!(
        with.stderr.contains("no effect on `toy`"),
        "{}",
        with.stderr
    );

    executable(
        &bin.join("charmcraft"),
        "#!/bin/sh\necho oops >&2\nexit 64\n",
    );
    let broken = asked(&bin, &["--with-charmcraft"]);
    assert!(
        broken.code == Some(4) && broken.stderr.contains("oops"),
        "{}",
        broken.stderr
    );
    executable(&bin.join("charmcraft"), "#!/bin/sh\nexec sleep 600\n");
    let slow = asked(&bin, &["--with-charmcraft", "--charmcraft-timeout", "1s"]);
    assert!(
        slow.code == Some(4) && slow.stderr.contains("no answer within 1 s"),
        "{}",
        slow.stderr
    );
}
