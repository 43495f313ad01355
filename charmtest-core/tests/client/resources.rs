//! Building resources with a script.

use crate::fake::{FakeJuju, run, write_script};
use crate::ops_test::ops_test;
use insta::assert_snapshot;
use std::fs;
use std::time::Duration;

#[test]
fn a_script_runs_as_it_was_asked_to() {
    let fake = FakeJuju::with_model("");
    // It stands beside `juju`, which comes first on the PATH.
    write_script(
        &fake.path("sudo"),
        "#!/bin/sh\necho root > user\nexec \"$@\"\n",
    );
    run(async {
        let ops_test = ops_test(&fake).await;
        let script = ops_test.package_dir().join("build it.sh");
        write_script(
            &script,
            "#!/bin/sh\n[ -f user ] || echo me > user\necho \"$*\" > out.txt\n",
        );
        let built = ops_test
            .build_resources("build it.sh")
            .arg("a b")
            .await
            .unwrap();
        let resources = ops_test.tmp_path().join("resources");
        assert_eq!(built, [resources.join("out.txt"), resources.join("user")]);
        assert_eq!(fs::read_to_string(&built[0]).unwrap(), "a b\n");
        assert_eq!(
            fs::read_to_string(&built[1]).unwrap(),
            "me\n",
            "no sudo unless it is wanted"
        );

        fs::remove_file(resources.join("user")).unwrap();
        ops_test
            .build_resources("build it.sh")
            .with_sudo()
            .await
            .unwrap();
        assert_eq!(
            fs::read_to_string(resources.join("user")).unwrap(),
            "root\n"
        );
    });
}

#[test]
fn a_script_that_builds_nothing_is_named_with_the_reason() {
    let fake = FakeJuju::with_model("");
    run(async {
        let ops_test = ops_test(&fake).await;
        let path = |name: &str| ops_test.package_dir().join(name);
        let error = ops_test.build_resources("nosuch.sh").await.unwrap_err();
        assert_snapshot!(fake.tidy(error), @"there is no script `package/nosuch.sh`");
        fs::write(path("plain.sh"), "#!/bin/sh\n").unwrap();
        let error = ops_test.build_resources("plain.sh").await.unwrap_err();
        assert_snapshot!(fake.tidy(error), @"`package/plain.sh` cannot be executed; `chmod +x` it, and begin it with `#!`");
        write_script(&path("hangs.sh"), "#!/bin/sh\nsleep 600\n");
        let hangs = ops_test
            .build_resources("hangs.sh")
            .timeout(Duration::from_millis(200));
        let error = hangs.await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("did not end within 200ms"), "{source}");
    });
}
