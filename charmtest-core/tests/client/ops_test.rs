//! [`OpsTest`]: commands, files, packing.

use crate::fake::{FakeJuju, run, write_script};
use charmtest::juju::{Backend, BackendKind, Observer};
use charmtest::ops_test::{OpsTest, OpsTestParts};
use insta::assert_snapshot;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

/// A program that packs: it notes what it packs, takes its time, and says where the charm is.
const PACKER: &str = r#"#!/bin/sh
echo "$*" >> "$(dirname "$0")/packed"
sleep 0.2
touch "$5/hello.charm"
echo '{"path":"hello.charm"}'
"#;

/// Returns the object that a test is given, in a package with a charm.
async fn ops_test(fake: &FakeJuju) -> OpsTest {
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
        pack: charmtest::harness::PackOptions::default(),
        program: Some(fake.path("cargo-charmtest")),
        observer: Observer::default(),
    })
}

fn packed(fake: &FakeJuju) -> Vec<String> {
    let text = fs::read_to_string(fake.path("packed")).unwrap_or_default();
    text.lines().map(ToOwned::to_owned).collect()
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
fn a_charm_is_packed_once_however_many_ask() {
    let fake = FakeJuju::with_model("");
    write_script(&fake.path("cargo-charmtest"), PACKER);
    let charms = run(async {
        let ops_test = ops_test(&fake).await;
        let builds: Vec<_> = ["hello", "./hello", "hello/."]
            .map(|path| {
                let ops_test = ops_test.clone();
                tokio::spawn(async move { ops_test.build_charm(path).await.unwrap() })
            })
            .into();
        let mut charms = Vec::new();
        for build in builds {
            charms.push(build.await.unwrap());
        }
        charms
    });
    assert!(charms[0].is_file());
    assert!(charms.iter().all(|charm| *charm == charms[0]), "{charms:?}");
    let packed = packed(&fake);
    assert_eq!(packed.len(), 1, "{packed:?}");
    assert!(packed[0].starts_with("charmtest pack "), "{packed:?}");
    fs::remove_dir_all(charms[0].parent().unwrap()).unwrap();
}

#[test]
fn a_charm_that_cannot_be_packed_is_named_with_what_the_packer_said() {
    let fake = FakeJuju::with_model("");
    write_script(
        &fake.path("cargo-charmtest"),
        "#!/bin/sh\necho 'error: no metadata' >&2; exit 1\n",
    );
    run(async {
        let ops_test = ops_test(&fake).await;
        let error = ops_test.build_charm("nosuch").await.unwrap_err();
        assert_snapshot!(fake.tidy(error), @"there is no charm directory `package/nosuch`");

        let error = ops_test.build_charm("hello").await.unwrap_err();
        assert_snapshot!(fake.tidy(&error), @"cannot pack the charm in `package/hello`");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(
            source.ends_with("failed with exit code 1: error: no metadata"),
            "{source}"
        );
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
