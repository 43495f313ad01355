//! Options of `cargo charmtest` that concern all targets and modules of a run together.

use std::fs;
use std::path::{Path, PathBuf};

use crate::author::{cargo_command, write_crate};
use crate::bed::{Bed, Said};

/// `BREAK` names the tests that fail.
const FIRST: &str = r#"
use charmtest::prelude::*;

fn breaks(name: &str) {
    let broken = std::env::var("BREAK").unwrap_or_default();
    assert!(!broken.split(' ').any(|broken| broken == name), "{name} is broken");
}

mod builds {
    use super::*;

    #[charm_test(order = 0, abort_on_fail)]
    fn deploys() {}

    #[charm_test]
    fn works() {
        breaks("works");
    }

    #[charm_test(tags("slow"))]
    async fn takes_time() {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

mod waits {
    use super::*;

    /// Says that it runs, and goes on when no more tests are to start.
    #[charm_test(ignore = "for --maxfail")]
    async fn for_the_end() {
        std::fs::write(std::env::var_os("AFTER").unwrap(), "").unwrap();
        let file = std::env::var_os("CHARMTEST_STOP_FILE").unwrap();
        while !std::path::Path::new(&file).exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[charm_test(ignore = "for --maxfail")]
    fn never() {}
}

charmtest::main!();
"#;

const SECOND: &str = r#"
use charmtest::prelude::*;

mod alone {
    use super::*;

    #[charm_test]
    fn breaks() {
        if let Some(file) = std::env::var_os("AFTER") {
            while !std::path::Path::new(&file).exists() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        let broken = std::env::var("BREAK").unwrap_or_default();
        assert!(!broken.contains("alone"), "alone is broken");
    }
}

mod fine {
    use super::*;

    #[charm_test]
    fn passes() {}
}

charmtest::main!();
"#;

fn suite(bed: &Bed, name: &str) -> PathBuf {
    let dir = bed.path().join(name);
    let tokio = "tokio = { version = \"1\", features = [\"time\"] }";
    let tests = [("first-ones.rs", FIRST), ("second.rs", SECOND)];
    write_crate(&dir, name, tokio, &tests);
    dir
}

/// Runs cargo with a line of arguments and these tests broken.
fn cargo(bed: &Bed, dir: &Path, line: &str, broken: &str) -> Said {
    let args: Vec<&str> = line.split_whitespace().collect();
    let mut command = cargo_command(bed, dir, &args);
    command.env("BREAK", broken).output().unwrap().into()
}

/// Returns the tests whose line begins with `word`, in the order of the report.
fn tests<'a>(said: &'a Said, word: &str) -> Vec<&'a str> {
    let report = said.stderr.split("────").next().unwrap_or_default();
    let lines = report
        .lines()
        .filter(|line| line.trim_start().starts_with(word));
    lines
        .filter_map(|line| line.split(']').nth(1)?.split_whitespace().nth(1))
        .collect()
}

#[test]
fn what_failed_in_the_last_run_runs_again() {
    let bed = Bed::bare();
    let dir = suite(&bed, "options-again");
    let all = [
        "builds::deploys",
        "builds::works",
        "builds::takes_time",
        "alone::breaks",
        "fine::passes",
    ];

    let said = cargo(&bed, &dir, "charmtest --lf --jobs 1", "");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.stderr
            .contains("none of the selected tests failed in the last run"),
        "{said:?}"
    );
    assert_eq!(tests(&said, "PASS"), all, "{said:?}");

    let said = cargo(&bed, &dir, "charmtest --jobs 1", "works alone");
    assert_eq!(said.code, Some(1), "{said:?}");
    assert_eq!(
        tests(&said, "FAIL"),
        ["builds::works", "alone::breaks"],
        "{said:?}"
    );

    // What they build on runs with them.
    let said = cargo(&bed, &dir, "charmtest --lf --jobs 1", "alone");
    assert_eq!(
        tests(&said, "PASS"),
        ["builds::deploys", "builds::works"],
        "{said:?}"
    );
    assert_eq!(tests(&said, "FAIL"), ["alone::breaks"], "{said:?}");
    assert!(said.stderr.contains("3 charm tests"), "{said:?}");

    // The other target has none any more, and runs none.
    let said = cargo(&bed, &dir, "charmtest --last-failed --jobs 1", "alone");
    assert_eq!(
        (tests(&said, "PASS").len(), tests(&said, "FAIL")),
        (0, vec!["alone::breaks"]),
        "{said:?}"
    );

    let said = cargo(&bed, &dir, "charmtest list --format terse --lf", "");
    assert_eq!(said.stdout, "alone::breaks: test\n", "{said:?}");

    let said = cargo(&bed, &dir, "charmtest --ff --jobs 1", "alone");
    assert_eq!(tests(&said, "FAIL"), ["alone::breaks"], "{said:?}");
    let first = said.stderr.find("alone::breaks").unwrap();
    assert!(
        first < said.stderr.find("builds::deploys").unwrap(),
        "{said:?}"
    );

    // Plain `cargo test` goes by the same record, each target by itself.
    let said = cargo(&bed, &dir, "test --test second -- --lf", "");
    assert!(
        said.stdout.contains("1 passed") && said.stdout.contains("1 filtered out"),
        "{said:?}"
    );
    let said = cargo(&bed, &dir, "charmtest --lf --jobs 1 -p options-again", "");
    assert_eq!(tests(&said, "PASS"), all, "{said:?}");
}

#[test]
fn a_run_stops_after_enough_failures() {
    let bed = Bed::bare();
    let dir = suite(&bed, "options-maxfail");
    let said = cargo(&bed, &dir, "charmtest -x --jobs 1", "works alone");
    assert_eq!(said.code, Some(1), "{said:?}");
    assert_eq!(tests(&said, "FAIL"), ["builds::works"], "{said:?}");
    assert!(
        said.stderr.contains("1 passed, 1 failed, 5 skipped"),
        "{said:?}"
    );
    assert!(
        said.stderr.contains("not run after 1 failure (--maxfail)"),
        "{said:?}"
    );

    let said = cargo(&bed, &dir, "charmtest --maxfail 2 --jobs 1", "works alone");
    assert_eq!(
        tests(&said, "FAIL"),
        ["builds::works", "alone::breaks"],
        "{said:?}"
    );
    assert!(
        said.stderr.contains("2 passed, 2 failed, 3 skipped"),
        "{said:?}"
    );

    // A module that runs beside the one that fails ends its test, and starts no other.
    let args = "charmtest --include-ignored --maxfail 1 --jobs 3";
    let args: Vec<&str> = args.split(' ').collect();
    let said: Said = cargo_command(&bed, &dir, &args)
        .env("BREAK", "alone")
        .env("AFTER", dir.join("waits-runs"))
        .output()
        .unwrap()
        .into();
    assert_eq!(said.code, Some(1), "{said:?}");
    let skipped = tests(&said, "SKIP");
    assert!(
        tests(&said, "PASS").contains(&"waits::for_the_end"),
        "{said:?}"
    );
    assert!(skipped.contains(&"waits::never"), "{said:?}");
}

#[test]
fn the_slowest_tests_are_shown() {
    let bed = Bed::bare();
    let dir = suite(&bed, "options-durations");
    let said = cargo(&bed, &dir, "charmtest --durations 1 -m slow", "");
    assert_eq!(said.code, Some(0), "{said:?}");
    let shown = said.stderr.split("slowest tests:\n").nth(1).unwrap();
    assert!(
        shown.contains("s] options-durations::first-ones builds::takes_time"),
        "{said:?}"
    );
    assert_eq!(tests(&said, "PASS"), ["builds::takes_time"], "{said:?}");

    let said = cargo(&bed, &dir, "test --test first-ones -- --durations 2", "");
    let shown = said.stderr.split("slowest 2 tests:\n").nth(1).unwrap();
    assert!(
        shown
            .lines()
            .next()
            .unwrap()
            .ends_with("s builds::takes_time"),
        "{said:?}"
    );
}

#[test]
fn options_without_effect_are_refused_before_anything_is_built() {
    let bed = Bed::bare();
    let dir = suite(&bed, "options-refused");
    for (line, text) in [
        (
            "--keep-models --destroy-storage",
            "--destroy-storage has no effect beside --keep-models",
        ),
        (
            "--lf --ff",
            "--failed-first has no effect beside --last-failed",
        ),
        ("--model-config nosuch.yaml", "nosuch.yaml"),
        ("--crash-dump sometimes", "on-failure"),
    ] {
        let said = cargo(&bed, &dir, &format!("charmtest {line}"), "");
        assert_eq!(said.code, Some(2), "{line}: {said:?}");
        assert!(said.stderr.contains(text), "{line}: {said:?}");
        assert!(!said.stderr.contains("Compiling"), "{line}: {said:?}");
    }
    let said = cargo(&bed, &dir, "charmtest --juju-max-frame-size 1 fine", "");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(
        said.stderr
            .matches("--juju-max-frame-size sets nothing")
            .count(),
        1,
        "{said:?}"
    );
}

#[test]
fn what_had_no_effect_is_named_for_all_targets_together() {
    let bed = Bed::bare();
    let dir = suite(&bed, "options-unused");
    // `slow` and `alone` mean tests of one target each, `slwo` and `aloen` of none.
    let said = cargo(&bed, &dir, "charmtest list -k alone -m slow", "");
    assert!(!said.stderr.contains("warning:"), "{said:?}");
    let list = ["charmtest", "list", "-k", "not aloen", "-m", "not slwo"];
    let said: Said = cargo_command(&bed, &dir, &list).output().unwrap().into();
    for warning in [
        "warning: -k: no test has in its name or tags `aloen`",
        "warning: -m: no test has the tag `slwo`",
    ] {
        assert_eq!(said.stderr.matches(warning).count(), 1, "{said:?}");
    }

    let file = dir.join("web_amd64.charm");
    fs::write(&file, "").unwrap();
    let unused = format!("--charm-path {}", file.display());
    let warning =
        format!("warning: {unused} had no effect: no test that ran built the charm `web`");
    for (line, place) in [
        ("charmtest fine", ""),
        ("test --test second -- fine", " (target `second`)"),
    ] {
        let said = cargo(&bed, &dir, &format!("{line} {unused}"), "");
        assert_eq!(said.code, Some(0), "{said:?}");
        let warning = format!("{warning}{place}\n");
        assert_eq!(said.stderr.matches(&warning).count(), 1, "{said:?}");
    }
    let said = cargo(&bed, &dir, "test --test second -- -m slow", "");
    let warning = "warning: -m: no test has the tag `slow` (target `second`)";
    assert!(said.stderr.contains(warning), "{said:?}");
}

#[test]
fn profiles_give_what_nobody_else_gives() {
    let bed = Bed::bare();
    let dir = suite(&bed, "options-profile");
    let write = |text: &str| {
        fs::create_dir_all(dir.join(".config")).unwrap();
        fs::write(dir.join(".config/charmtest.toml"), text).unwrap();
    };
    let run = |line: &str, variables: &[(&str, &str)]| -> Said {
        let args: Vec<&str> = line.split_whitespace().collect();
        let mut command = cargo_command(&bed, &dir, &args);
        let variables = variables.iter().copied();
        command.envs(variables).output().unwrap().into()
    };
    write(
        "[profile.default]\ntags = 'slow'\ndurations = 1\n\n[profile.ci]\ntags = 'abort_on_fail'\n",
    );
    let [slow, deploys] = ["builds::takes_time: test\n", "builds::deploys: test\n"];
    let list = "charmtest list --format terse";
    let plain = "test --quiet --test first-ones -- --list --format terse";
    for (flags, variables, expected) in [
        // From the weakest to the strongest: what is built in is every test.
        ("", &[][..], slow),
        ("--profile ci", &[], deploys),
        ("", &[("CHARMTEST_PROFILE", "ci")], deploys),
        ("--profile ci", &[("CHARMTEST_TAGS", "slow")], slow),
        (
            "--profile ci -m slow",
            &[("CHARMTEST_TAGS", "abort_on_fail")],
            slow,
        ),
    ] {
        for line in [list, plain] {
            let said = run(&format!("{line} {flags}"), variables);
            assert_eq!(said.stdout, expected, "{line} {flags}: {said:?}");
        }
    }
    let said = run("charmtest", &[]);
    assert_eq!(tests(&said, "PASS"), ["builds::takes_time"], "{said:?}");
    for text in ["Profile default of ", "slowest tests:"] {
        assert!(said.stderr.contains(text), "no {text}: {said:?}");
    }

    for line in [list, plain] {
        let said = run(&format!("{line} --profile nightly"), &[]);
        assert_ne!(said.code, Some(0), "{line}: {said:?}");
        assert!(
            said.stderr
                .contains("there is no profile `nightly`; there are: ci, default"),
            "{line}: {said:?}"
        );
    }
    write("[profile.ci]\n\nkeep-model = true\n");
    for line in [list, plain] {
        let said = run(line, &[]);
        assert_ne!(said.code, Some(0), "{line}: {said:?}");
        let fault =
            "charmtest.toml:3: there is no option `keep-model`; did you mean `keep-models`?";
        assert!(said.stderr.contains(fault), "{line}: {said:?}");
    }
    fs::remove_file(dir.join(".config/charmtest.toml")).unwrap();
    for line in [list, plain] {
        let said = run(&format!("{line} --profile ci"), &[]);
        assert!(
            said.stderr.contains("there is no profile `ci`"),
            "{line}: {said:?}"
        );
    }
}

#[test]
fn parts_of_a_run_are_together_every_module_once() {
    let bed = Bed::bare();
    let dir = suite(&bed, "options-parts");
    for how in ["count", "hash"] {
        let mut ran = Vec::new();
        // More parts than modules: some get nothing.
        for number in 1..=4 {
            let line = format!("charmtest --skip waits --partition {how}:{number}/4");
            let said = cargo(&bed, &dir, &line, "");
            assert_eq!(said.code, Some(0), "{line}: {said:?}");
            let part = tests(&said, "PASS");
            let nothing =
                format!("nothing to run: none of the 3 modules is in part {how}:{number}/4");
            assert_eq!(said.stderr.contains(&nothing), part.is_empty(), "{said:?}");
            ran.extend(part.into_iter().map(str::to_owned));
        }
        ran.sort();
        let all = [
            "alone::breaks",
            "builds::deploys",
            "builds::takes_time",
            "builds::works",
            "fine::passes",
        ];
        assert_eq!(ran, all, "{how}");
    }

    let said = cargo(
        &bed,
        &dir,
        "charmtest list --skip waits --partition count:1/3",
        "",
    );
    assert!(said.stdout.contains("builds::works"), "{said:?}");
    assert!(said.stdout.contains("3 charm tests"), "{said:?}");
    let said = cargo(&bed, &dir, "charmtest --partition count:1/3 nosuch", "");
    assert_eq!(said.code, Some(3), "{said:?}");
    let said = cargo(&bed, &dir, "charmtest --partition count:4/3", "");
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains("counted from 1 to 3"), "{said:?}");
}
