//! `--results`, `--junit` and `cargo charmtest report`: what a program reads of runs, and merging it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::author::{cargo, cargo_command, write_crate};
use crate::bed::{Bed, PROGRAM, Said, executable};

const TESTS: &str = r#"
use charmtest::prelude::*;

fn breaks(name: &str) {
    assert!(std::env::var("BREAK").unwrap_or_default() != name, "{name} is \"broken\" & so on");
}

mod first {
    use super::*;

    #[charm_test(order = 0, abort_on_fail)]
    async fn uses_a_model(model: &Model) -> Result {
        breaks("first");
        model.status().await?;
        Ok(())
    }

    #[charm_test]
    fn comes_after() {}
}

mod second {
    use super::*;

    #[charm_test(retries = 1)]
    fn fails_once() {
        let file = std::env::temp_dir().join(format!("once-{}", std::process::id()));
        if std::env::var("BREAK").is_ok_and(|broken| broken == "once") && !file.exists() {
            std::fs::write(&file, "").unwrap();
            panic!("the first time");
        }
        let _ = std::fs::remove_file(file);
    }

    #[charm_test(ignore = "waits for ever")]
    async fn waits() {
        println!("waiting now in {}", std::process::id());
        std::future::pending::<()>().await;
    }
}

mod third {
    use super::*;

    #[charm_test(xfail = "as it should")]
    fn is_known_to_fail() {
        panic!("as always");
    }
}

charmtest::main!();
"#;

/// Writes a crate with these tests and returns its directory.
fn suite(bed: &Bed, name: &str) -> PathBuf {
    let dir = bed.path().join(name);
    write_crate(&dir, name, "", &[("it.rs", TESTS)]);
    dir
}

/// Runs cargo with a line of arguments and this broken.
fn run(bed: &Bed, dir: &Path, line: &str, broken: &str) -> Said {
    let args: Vec<&str> = line.split(' ').collect();
    let mut command = cargo_command(bed, dir, &args);
    command.env("BREAK", broken).output().unwrap().into()
}

/// Returns the lines of a file of results.
#[track_caller]
pub(crate) fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    assert!(text.ends_with('\n'), "{text}");
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

/// Returns what of results is the same whenever and wherever the same tests end in the same way: what was planned, each attempt, and the
/// exit code.
#[track_caller]
pub(crate) fn essence(file: &Path) -> Value {
    let lines = lines(file);
    let kept = |line: &Value, keys: &[&str]| -> Value {
        let pairs = keys
            .iter()
            .map(|key| ((*key).to_owned(), line[*key].clone()));
        Value::Object(pairs.collect())
    };
    let attempt = |line: &Value| {
        let keys = [
            "package", "target", "module", "test", "job", "base", "charm", "branch", "variant",
            "attempt", "outcome", "verdict", "reason", "location", "backend", "tools", "sandbox",
        ];
        kept(line, &keys)
    };
    let of = |record: &str| -> Vec<&Value> {
        lines
            .iter()
            .filter(|line| line["record"] == record)
            .collect()
    };
    let (runs, ends) = (of("run"), of("end"));
    assert_eq!((runs.len(), ends.len()), (1, 1), "{lines:?}");
    let mut modules = runs[0]["modules"].as_array().unwrap().clone();
    modules.sort_by_key(|module| module["module"].to_string() + &module["target"].to_string());
    let mut tests: Vec<Value> = of("test").into_iter().map(attempt).collect();
    // Which of two modules that run side by side ends first is nobody's to say.
    tests.sort_by_key(|test| {
        ["target", "module", "test", "attempt"].map(|key| test[key].to_string())
    });
    json!({"modules": modules, "tests": tests, "exit": ends[0]["exit"]})
}

/// Returns JUnit XML without the times, its suites in the order of their names.
pub(crate) fn junit(file: &Path) -> Vec<String> {
    let xml = fs::read_to_string(file).unwrap();
    let timeless = |line: &str| {
        let mut parts = line.split(" time=\"");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |line, part| {
            line + part.split_once('"').map_or("", |(_, rest)| rest)
        })
    };
    let lines: Vec<String> = xml.lines().map(timeless).collect();
    let mut suites: Vec<String> = lines
        .join("\n")
        .split("  <testsuite ")
        .map(|suite| suite.replace("\n</testsuites>", "").trim_end().to_owned())
        .collect();
    suites.sort();
    suites
}

#[test]
fn a_run_tells_programs_what_came_of_it() {
    let bed = Bed::bare();
    let dir = suite(&bed, "results-run");
    let line = "charmtest --jobs 1 --results out/r.jsonl --junit out/junit.xml";
    let said = run(&bed, &dir, line, "once");
    assert_eq!(said.code, Some(0), "{said:?}");
    let (results, xml) = (dir.join("out/r.jsonl"), dir.join("out/junit.xml"));
    let told = lines(&results);
    let header = &told[0];
    assert_eq!(header["command"], "run");
    assert_eq!(
        header["modules"][0]["tests"],
        json!(["first::uses_a_model", "first::comes_after"])
    );
    assert_eq!(
        header["modules"][0]["variant"],
        json!({"backend": "embedded"})
    );
    let tests: Vec<[&str; 3]> = told[1..told.len() - 1]
        .iter()
        .map(|line| {
            assert_eq!(line["package"], "results-run");
            assert_eq!(line["tools"]["charmtest"], env!("CARGO_PKG_VERSION"));
            ["test", "outcome", "verdict"].map(|key| line[key].as_str().unwrap())
        })
        .collect();
    let expected = [
        ["first::uses_a_model", "passed", "pass"],
        ["first::comes_after", "passed", "pass"],
        ["second::fails_once", "failed", "fail"],
        ["second::fails_once", "flaky", "pass"],
        ["second::waits", "skipped", "skip"],
        ["third::is_known_to_fail", "xfailed", "pass"],
    ];
    assert_eq!(tests, expected);
    assert_eq!(
        (&told[3]["attempt"], &told[4]["attempt"]),
        (&json!(0), &json!(1))
    );
    assert!(
        told[1]["tools"]["juju"]
            .as_str()
            .unwrap()
            .starts_with("3.6.")
    );
    let last = told.last().unwrap();
    assert_eq!((&last["record"], &last["exit"]), (&json!("end"), &json!(0)));
    let xml = fs::read_to_string(xml).unwrap();
    assert!(
        xml.contains("tests=\"5\" failures=\"0\" errors=\"0\" skipped=\"1\""),
        "{xml}"
    );

    // A failure with its evidence, in the place that a profile names; what is not run is told too.
    fs::create_dir_all(dir.join(".config")).unwrap();
    let profile = "[profile.ci]\nresults = 'out/ci.jsonl'\nmaxfail = 1\n";
    fs::write(dir.join(".config/charmtest.toml"), profile).unwrap();
    let said = run(&bed, &dir, "charmtest --jobs 1 --profile ci", "first");
    assert_eq!(said.code, Some(1), "{said:?}");
    let ci = lines(&dir.join("out/ci.jsonl"));
    let [failed, aborted, skipped] = [1, 2, 3].map(|at| &ci[at]);
    assert_eq!(failed["reason"], "first is \"broken\" & so on");
    assert!(
        failed["location"]
            .as_str()
            .unwrap()
            .contains("tests/it.rs:"),
        "{failed}"
    );
    assert!(
        Path::new(failed["dump"].as_str().unwrap())
            .join("message.txt")
            .exists()
    );
    assert_eq!(
        (&aborted["outcome"], &aborted["verdict"]),
        (&json!("aborted"), &json!("fail"))
    );
    assert_eq!(skipped["outcome"], "skipped");
    assert_eq!(ci.last().unwrap()["exit"], 1);

    // The program's options are not a test binary's.
    let said = run(&bed, &dir, "test -- --profile ci third", "");
    let warning =
        "`results` in the profile has no effect here: it is an option of `cargo charmtest`";
    assert!(said.stderr.contains(warning), "{said:?}");

    let report = run(&bed, &dir, "charmtest report out/ci.jsonl", "");
    assert_eq!(report.code, Some(1), "{report:?}");
    for text in [
        "5 charm tests: 0 passed",
        "1 failed",
        "results-run::it first::uses_a_model",
        "evidence in /",
    ] {
        assert!(report.stderr.contains(text), "no {text}: {report:?}");
    }
}

#[test]
fn results_that_cannot_be_written_are_told_before_anything_runs() {
    let bed = Bed::bare();
    let dir = suite(&bed, "results-unwritten");
    fs::write(dir.join("file"), "").unwrap();
    for (line, code, text) in [
        ("--results file/r.jsonl", 4, "--results file/r.jsonl: "),
        ("--junit file/j.xml", 4, "--junit file/j.xml: "),
        (
            "--results a --junit ./a",
            2,
            "two forms do not fit in one file",
        ),
    ] {
        let said = run(&bed, &dir, &format!("charmtest {line}"), "");
        assert_eq!(said.code, Some(code), "{said:?}");
        assert!(said.stderr.contains(text), "{said:?}");
        assert!(!said.stderr.contains("Compiling"), "{said:?}");
    }
    // That the disk is full shows when the first line is written; no test has run then.
    let said = run(&bed, &dir, "charmtest --results /dev/full", "");
    assert_eq!(said.code, Some(4), "{said:?}");
    assert!(
        said.stderr.contains("--results /dev/full: No space left"),
        "{said:?}"
    );
    assert!(!said.stderr.contains("PASS"), "{said:?}");
    // What shows at the end takes a failed run's exit code from nobody.
    for (broken, code) in [("first", 1), ("", 4)] {
        let said = run(&bed, &dir, "charmtest --junit /dev/full", broken);
        assert_eq!(said.code, Some(code), "{said:?}");
        let warning = "warning: results are not complete: --junit /dev/full: No space left";
        assert!(said.stderr.contains(warning), "{said:?}");
        assert!(said.stderr.contains("5 charm tests: "), "{said:?}");
    }
}

#[test]
fn a_run_that_is_killed_leaves_whole_lines_and_is_no_pass() {
    let bed = Bed::bare();
    let dir = suite(&bed, "results-killed");
    let line = "charmtest --jobs 1 --include-ignored --nocapture --results r.jsonl";
    let args: Vec<&str> = line.split(' ').collect();
    let like = cargo_command(&bed, &dir, &[]);
    let mut command = Command::new(PROGRAM);
    for (name, value) in like.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut child = command
        .args(args)
        .current_dir(&dir)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = stderr.lines().map(Result::unwrap);
    let waits = said.find_map(|line| Some(line.split_once("waiting now in ")?.1.to_owned()));
    child.kill().unwrap();
    child.wait().unwrap();
    // The test's process is one of its own.
    let killed = Command::new("kill").args(["-9", &waits.unwrap()]).status();
    assert!(killed.unwrap().success());
    let told = lines(&dir.join("r.jsonl"));
    assert_eq!(told.len(), 4, "{told:?}");
    let report = cargo(
        &bed,
        &dir,
        &["charmtest", "report", "r.jsonl", "--results", "m.jsonl"],
    );
    assert_eq!(report.code, Some(4), "{report:?}");
    for text in [
        "3 charm tests: 3 passed",
        "r.jsonl: its run was cut off",
        "no file has a result of second::waits of results-killed::it second",
        "no file has a result of results-killed::it third",
    ] {
        assert!(report.stderr.contains(text), "no {text}: {report:?}");
    }
    // Nor is what was merged of it.
    let again = cargo(&bed, &dir, &["charmtest", "report", "m.jsonl"]);
    assert_eq!(again.code, Some(4), "{again:?}");

    let text = fs::read_to_string(dir.join("r.jsonl")).unwrap();
    fs::write(dir.join("r.jsonl"), &text[..text.len() - 10]).unwrap();
    fs::create_dir(dir.join("empty")).unwrap();
    fs::write(dir.join("empty/e.jsonl"), "").unwrap();
    let report = cargo(&bed, &dir, &["charmtest", "report", "."]);
    assert_eq!(report.code, Some(4), "{report:?}");
    for text in [
        "./r.jsonl:4: the line cannot be read: the line has no end: it was cut off",
        "./empty/e.jsonl: it is empty",
        "./m.jsonl was left out: it is what `report` wrote",
    ] {
        assert!(report.stderr.contains(text), "no {text}: {report:?}");
    }
    let nothing = cargo(&bed, &dir, &["charmtest", "report", "tests"]);
    assert_eq!(nothing.code, Some(4), "{nothing:?}");
    assert!(
        nothing.stderr.contains("there are no results in tests"),
        "{nothing:?}"
    );
}

#[test]
fn the_results_of_all_parts_are_those_of_one_run() {
    let bed = Bed::bare();
    let dir = suite(&bed, "results-parts");
    let said = run(
        &bed,
        &dir,
        "charmtest --results one.jsonl --junit one.xml",
        "first",
    );
    assert_eq!(said.code, Some(1), "{said:?}");
    for how in ["hash", "count"] {
        // One more part than there are modules, so that one has none at least.
        for number in 1..=4 {
            let part = format!("{how}:{number}/4");
            let line = format!("charmtest --partition {part} --results {how}/{number}.jsonl");
            let said = run(&bed, &dir, &line, "first");
            assert!(matches!(said.code, Some(0 | 1)), "{said:?}");
        }
        let line = format!("charmtest report {how} --results merged.jsonl --junit merged.xml");
        let said = run(&bed, &dir, &line, "");
        assert_eq!(said.code, Some(1), "{said:?}");
        assert_eq!(
            essence(&dir.join("merged.jsonl")),
            essence(&dir.join("one.jsonl")),
            "{how}"
        );
        assert_eq!(
            junit(&dir.join("merged.xml")),
            junit(&dir.join("one.xml")),
            "{how}"
        );

        for number in 1..=4 {
            let (there, away) = (format!("{how}/{number}.jsonl"), format!("{how}/{number}"));
            fs::rename(dir.join(&there), dir.join(&away)).unwrap();
            let said = run(&bed, &dir, &line, "");
            assert_eq!(said.code, Some(4), "{said:?}");
            let text = format!("part {how}:{number}/4 is missing");
            assert!(said.stderr.contains(&text), "{said:?}");
            fs::rename(dir.join(away), dir.join(there)).unwrap();
        }
    }
    // Which module is in which part differs: most of them are there twice then, and that is told.
    let said = run(&bed, &dir, "charmtest report hash one.jsonl", "");
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.stderr.contains("first ran more than once (hash/"),
        "{said:?}"
    );
    assert!(
        said.stderr.contains("one.jsonl), with the same outcomes"),
        "{said:?}"
    );
}

#[test]
fn generic_tests_and_scripts_are_told_alike() {
    let bed = Bed::bare();
    bed.charm("web", "", "status-set active");
    fs::create_dir_all(bed.path().join("web/tests")).unwrap();
    executable(&bed.path().join("web/tests/10.test"), "#!/bin/sh\nexit 3\n");
    let line = "charmtest scripts web --generic deploy --sandbox off --jobs 1 --results s.jsonl --junit s.xml";
    let said = run(&bed, bed.path(), line, "");
    assert_eq!(said.code, Some(1), "{said:?}");
    let told = lines(&bed.path().join("s.jsonl"));
    let tests: Vec<[&str; 5]> = told[1..told.len() - 1]
        .iter()
        .map(|line| {
            let keys = ["target", "module", "test", "verdict", "sandbox"];
            keys.map(|key| line[key].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        tests,
        [
            ["scripts", "web", "web::deploy", "pass", "plain"],
            ["scripts", "web", "web::10.test", "fail", "plain"],
        ]
    );
    let xml = fs::read_to_string(bed.path().join("s.xml")).unwrap();
    assert!(
        xml.contains("<testsuite name=\"web\" tests=\"2\" failures=\"1\""),
        "{xml}"
    );

    let line = "charmtest generic web --generic deploy --results g.jsonl";
    let said = run(&bed, bed.path(), line, "");
    assert_eq!(said.code, Some(0), "{said:?}");
    let report = run(&bed, bed.path(), "charmtest report g.jsonl s.jsonl", "");
    assert_eq!(report.code, Some(1), "{report:?}");
    assert!(
        report.stderr.contains("3 charm tests: 2 passed, 1 failed"),
        "{report:?}"
    );

    let said = run(
        &bed,
        bed.path(),
        "charmtest generic web --list --results l.jsonl",
        "",
    );
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.stderr
            .contains("--results has no effect beside --list"),
        "{said:?}"
    );
    assert!(!bed.path().join("l.jsonl").exists());
}
