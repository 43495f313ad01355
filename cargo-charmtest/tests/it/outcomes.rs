//! Outcomes in the report of `cargo charmtest`: expected failures, flaky tests, cases, aborts; and tests that are not async.

use std::fs;

use crate::author::{assert_no_models, author, cargo};
use crate::bed::{Bed, Said};

const TESTS: &str = r#"
mod plain {
    use charmtest::prelude::*;

    #[charm_test(order = 0, abort_on_fail)]
    fn deploys(ops: &OpsTest, model: &Model) -> Result {
        let charm = ops.build_charm("charm").block_on()?;
        model.deploy(charm).name("app").block_on()?;
        model.wait_for_idle().apps(["app"]).status("active").block_on()?;
        Ok(())
    }

    #[charm_test(cases("apples", "14/pears" = "pears"))]
    fn says(model: &Model, #[case] word: &str) -> Result {
        model.set_config("app", [("word", word)]).block_on()?;
        model.wait_for_idle().apps(["app"]).status("active").block_on()?;
        let status = model.status().block_on()?;
        assert_eq!(status.unit("app/0").unwrap().workload.message, word);
        Ok(())
    }

    #[charm_test]
    fn is_skipped(ops: &OpsTest) {
        ops.skip("no storage pool");
    }
}

mod odd {
    use std::sync::atomic::{AtomicBool, Ordering};

    use charmtest::prelude::*;

    charmtest::module!(tags("odd"), timeout = "5m");

    #[charm_test(retries = 2)]
    async fn is_flaky() -> Result {
        static TRIED: AtomicBool = AtomicBool::new(false);
        if !TRIED.swap(true, Ordering::Relaxed) {
            println!("the first attempt");
            Err("no leader yet")?;
        }
        Ok(())
    }

    #[charm_test(xfail = "sums are off")]
    async fn fails_as_expected() {
        assert_eq!(1 + 1, 3);
    }

    #[charm_test(xfail = "sums were off")]
    async fn passes_unexpectedly() {}
}

mod aborts {
    use charmtest::prelude::*;

    #[charm_test(xfail = "nothing works here", abort_on_xfail)]
    async fn fails_as_expected() {
        panic!("as expected");
    }

    #[charm_test(cases(1, 2))]
    async fn is_aborted(#[case] _number: u8) {}
}

charmtest::main!();
"#;

#[track_caller]
fn assert_says(said: &Said, code: i32, texts: &[&str]) {
    assert_eq!(said.code, Some(code), "{said:?}");
    for text in texts {
        let all = format!("{}{}", said.stdout, said.stderr);
        assert!(all.contains(text), "no {text:?} in:\n{all}");
    }
}

#[test]
fn every_outcome_is_told_and_nothing_aborted_is_passed_over() {
    let bed = Bed::bare();
    let dir = author(&bed, "author-outcomes");
    fs::write(dir.join("tests/integration/main.rs"), TESTS).unwrap();
    let said = cargo(&bed, &dir, &["charmtest"]);
    assert_says(
        &said,
        1,
        &[
            "plain::says[apples]",
            "plain::says[14/pears]",
            "plain::is_skipped (no storage pool)",
            "RETRY [",
            "odd::is_flaky (FAIL at attempt 1 of 3)",
            "the first attempt",
            "FLAKY [",
            "odd::is_flaky (passed at attempt 2 of 3; the one before failed: no leader yet)",
            "XFAIL [",
            "odd::fails_as_expected (sums are off: ",
            "XPASS [",
            "odd::passes_unexpectedly (sums were off)",
            "aborts::is_aborted[1] (aborted by aborts::fails_as_expected)",
            "10 charm tests: 3 passed, 1 flaky, 2 xfailed, 1 xpassed, 2 aborted, 1 skipped",
            "cargo charmtest -p author-outcomes --test integration aborts",
        ],
    );
    assert_no_models(&bed);

    let said = cargo(&bed, &dir, &["charmtest", "-m", "odd"]);
    assert_says(
        &said,
        0,
        &["3 charm tests: 0 passed, 1 flaky, 1 xfailed, 1 xpassed"],
    );
    let said = cargo(
        &bed,
        &dir,
        &["charmtest", "--exact", "aborts::is_aborted[2]"],
    );
    assert_says(&said, 0, &["1 charm test: 1 passed"]);
    let said = cargo(&bed, &dir, &["charmtest", "list"]);
    assert_says(
        &said,
        0,
        &[
            "odd::is_flaky  retries=2 #odd",
            "odd::fails_as_expected  xfail: sums are off #odd",
            "aborts::fails_as_expected  abort_on_xfail xfail: nothing works here",
            "aborts::is_aborted[2]",
        ],
    );

    // The same under cargo test.
    let said = cargo(&bed, &dir, &["test"]);
    assert_says(
        &said,
        101,
        &[
            "test odd::is_flaky",
            "ignored (xfailed: sums are off: ",
            "warning: odd::is_flaky is flaky",
            "test result: FAILED",
        ],
    );
}
