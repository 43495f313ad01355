//! [`OpsTest`]: commands and files.

use crate::fake::{FakeJuju, run};
use charmtest::harness::PackOptions;
use charmtest::juju::{Backend, BackendKind, Observer};
use charmtest::ops_test::{OpsTest, OpsTestParts};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

/// Returns the object that a test is given, in a package with a charm.
pub(crate) async fn ops_test(fake: &FakeJuju) -> OpsTest {
    ops_test_with(fake, PackOptions::default()).await
}

/// Returns the object that a test is given in a run with options for packing.
pub(crate) async fn ops_test_with(fake: &FakeJuju, pack: PackOptions) -> OpsTest {
    let model = fake.model().await;
    let package_dir = fake.path("package");
    fs::create_dir_all(package_dir.join("hello")).unwrap();
    OpsTest::new(OpsTestParts {
        backend: Arc::new(Backend {
            kind: BackendKind::Embedded,
            juju: model.juju().clone(),
            version: "3.6.28".to_owned(),
            why: String::new(),
            path_dir: fake.program().parent().map(PathBuf::from),
            juju_data: None,
        }),
        model,
        package_dir,
        tmp_path: fake.path("tmp"),
        pack,
        program: Some(fake.path("cargo-charmtest")),
        observer: Observer::default(),
    })
}

#[test]
fn commands_are_about_the_model_of_the_test() {
    let fake = FakeJuju::with_model(r#"echo "$JUJU_MODEL $*""#);
    run(async {
        let ops_test = ops_test(&fake).await;
        assert_eq!(
            ops_test.juju(["ssh", "web/0"]).await.unwrap().stdout,
            "c:m ssh web/0\n"
        );
        let output = ops_test
            .run(["sh", "-c", "juju status; pwd; cat"])
            .stdin("in")
            .await
            .unwrap();
        let expected = format!("c:m status\n{}\nin", ops_test.package_dir().display());
        assert_eq!(output.stdout, expected);
        let error = ops_test
            .run(["sh", "-c", "exit 4"])
            .check()
            .await
            .unwrap_err();
        assert_eq!(error.code(), Some(4));
        let error = ops_test.run(["nosuchprogram"]).await.unwrap_err();
        assert_eq!(error.to_string(), "there is no program `nosuchprogram`");
    });
}

#[test]
fn a_future_can_be_waited_for_without_async() {
    let fake = FakeJuju::with_model("echo hi");
    let output = run(async {
        let ops_test = ops_test(&fake).await;
        tokio::spawn(async move { ops_test.block_on(ops_test.juju(["x"]).run()) })
            .await
            .unwrap()
    });
    assert_eq!(output.unwrap().stdout, "hi\n");
}

#[test]
fn what_is_run_is_checked_if_that_is_asked_for() {
    let fake = FakeJuju::with_model("echo out; echo 'ERROR no' >&2; exit 3");
    run(async {
        let ops_test = ops_test(&fake).await;
        let calls = || {
            [
                ops_test.juju(["x"]),
                ops_test.run(["juju", "x"]),
                ops_test.model().call(["x"]),
            ]
        };
        for call in calls() {
            let output = call.await.unwrap();
            let streams = (output.stdout.as_str(), output.stderr.as_str());
            assert_eq!((output.code, streams), (3, ("out\n", "ERROR no\n")));
        }
        for call in calls() {
            let error = call.check().await.unwrap_err();
            assert_eq!(error.code(), Some(3), "{error}");
        }
        ops_test.model().expose("web").await.unwrap_err();
    });
}
