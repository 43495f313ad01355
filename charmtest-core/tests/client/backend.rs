//! Selecting the backend.

use crate::fake::{FakeJuju, write_script};
use charmtest::juju::{Backend, BackendChoice, BackendError, BackendKind, BackendOptions};
use std::fs;
use std::path::PathBuf;

/// A `juju` with the given current controller.
fn juju(controller: &str) -> FakeJuju {
    FakeJuju::new(&format!(
        r#"case "$1" in
        version) echo 3.6.4-ubuntu-amd64;;
        controllers) echo '{{"controllers":null,"current-controller":"{controller}"}}';;
        esac"#
    ))
}

/// Makes a `cargo-charmtest` beside a fake `juju`.
fn cargo_charmtest(fake: &FakeJuju) -> PathBuf {
    let program = fake.path("cargo-charmtest");
    let env = r#"{"juju":"/e/bin/juju","path":"/e/bin","juju_data":"/e","version":"3.6.28"}"#;
    write_script(
        &program,
        &format!(
            "#!/bin/sh\n[ \"$*\" = 'charmtest embedded-env' ] && echo '{env}' | sed \"s/3.6.28/${{CHARMTEST_JUJU_VERSION:-3.6.28}}/\"\n"
        ),
    );
    program
}

fn options(fake: &FakeJuju, kind: BackendChoice) -> BackendOptions {
    BackendOptions {
        kind,
        juju: Some(fake.program()),
        program: Some(cargo_charmtest(fake)),
        ..BackendOptions::default()
    }
}

#[test]
fn the_embedded_controller_speaks_as_the_version_asked_for() {
    let fake = juju("prod");
    let backend = Backend::select(&BackendOptions {
        juju_version: Some("4.0".to_owned()),
        ..options(&fake, BackendChoice::Embedded)
    })
    .unwrap();
    assert_eq!(
        (backend.kind, backend.version.as_str()),
        (BackendKind::Embedded, "4.0")
    );
}

#[test]
fn a_current_controller_is_taken() {
    let fake = juju("prod");
    let backend = Backend::select(&options(&fake, BackendChoice::Auto)).unwrap();
    assert_eq!(
        (backend.kind, backend.version.as_str()),
        (BackendKind::Juju, "3.6.4-ubuntu-amd64")
    );
    assert_eq!(
        fake.tidy(&backend.why),
        "Juju 3.6.4-ubuntu-amd64 at juju: its current controller is `prod`"
    );
    assert_eq!(backend.juju.version().to_string(), "3.6.4");
    assert!(backend.juju_data.is_none() && backend.path_dir.is_none());
}

#[test]
fn a_client_that_refuses_to_list_no_controllers_has_none() {
    for answer in [
        "echo 'ERROR No controllers registered.' >&2; exit 1",
        r#"echo '{"controllers":null,"current-controller":null}'"#,
    ] {
        let fake = FakeJuju::new(&format!(
            "case \"$1\" in version) echo 3.6.4-ubuntu-amd64;; controllers) {answer};; esac"
        ));
        let backend = Backend::select(&options(&fake, BackendChoice::Auto)).unwrap();
        assert_eq!(backend.kind, BackendKind::Embedded, "{answer}");
    }
}

#[test]
fn without_a_controller_the_embedded_one_is_taken() {
    let fake = juju("");
    let backend = Backend::select(&options(&fake, BackendChoice::Auto)).unwrap();
    assert_eq!(
        (backend.kind, backend.version.as_str()),
        (BackendKind::Embedded, "3.6.28")
    );
    assert_eq!(
        backend.why,
        "embedded controller, Juju 3.6.28: `juju` has no current controller"
    );
    assert_eq!(backend.path_dir, Some("/e/bin".into()));
    let line = backend.juju.call(["status"]).command_line();
    assert_eq!(line, "JUJU_DATA=/e /e/bin/juju status");
}

#[test]
fn a_named_controller_or_cloud_calls_for_a_real_juju() {
    let fake = juju("");
    for (controller, cloud) in [
        (Some("prod".to_owned()), None),
        (None, Some("lxd".to_owned())),
    ] {
        let options = BackendOptions {
            controller,
            cloud,
            ..options(&fake, BackendChoice::Auto)
        };
        assert_eq!(Backend::select(&options).unwrap().kind, BackendKind::Juju);
    }
}

#[test]
fn what_is_asked_for_is_taken() {
    let fake = juju("prod");
    let embedded = Backend::select(&options(&fake, BackendChoice::Embedded)).unwrap();
    assert_eq!(embedded.kind, BackendKind::Embedded);
    let fake = juju("");
    let real = Backend::select(&options(&fake, BackendChoice::Juju)).unwrap();
    assert_eq!(real.kind, BackendKind::Juju);
}

#[cfg(unix)]
#[test]
fn our_own_juju_is_not_taken_for_a_real_one() {
    let fake = juju("charmtest");
    let program = cargo_charmtest(&fake);
    fs::remove_file(fake.program()).unwrap();
    std::os::unix::fs::symlink(&program, fake.program()).unwrap();
    let options = BackendOptions {
        juju: Some(fake.program()),
        ..BackendOptions::default()
    };
    assert_eq!(
        Backend::select(&options).unwrap().kind,
        BackendKind::Embedded
    );

    let real = BackendOptions {
        kind: BackendChoice::Juju,
        ..options
    };
    let error = Backend::select(&real).unwrap_err();
    assert!(matches!(error, BackendError::NoJuju { .. }), "{error}");
    assert!(error.to_string().contains("snap install juju"), "{error}");
}

#[test]
fn a_program_that_does_not_answer_is_an_error_not_a_fallback() {
    for script in ["echo nonsense", "echo 'ERROR broken' >&2; exit 1"] {
        let fake = FakeJuju::new(script);
        let error = Backend::select(&options(&fake, BackendChoice::Auto)).unwrap_err();
        assert!(matches!(error, BackendError::Juju(_)), "{error}");
        let error = Backend::select(&options(&fake, BackendChoice::Juju)).unwrap_err();
        assert!(matches!(error, BackendError::Juju(_)), "{error}");
    }

    let fake = juju("");
    let options = options(&fake, BackendChoice::Auto);
    write_script(&fake.path("cargo-charmtest"), "#!/bin/sh\necho '{}'\n");
    let error = Backend::select(&options).unwrap_err();
    assert!(matches!(error, BackendError::Embedded(_)), "{error}");
}
