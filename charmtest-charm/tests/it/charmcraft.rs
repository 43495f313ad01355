//! What charmcraft is asked for, and what of that holds without it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use charmtest_charm::{Charm, PackOptions, Verbosity, pack};
use tempfile::TempDir;

use crate::support::{METADATA, tree};

/// Options for a charmcraft that writes its arguments to `work/log` and does what `script` says.
fn options(work: &TempDir, script: &str) -> PackOptions {
    let charm = tree(&[("metadata.yaml", METADATA), ("dispatch*", "")]);
    let ready = work.path().join("ready");
    charmtest_charm::pack_directory(charm.path(), &ready).unwrap();
    let program = work.path().join("charmcraft");
    let text = format!(
        "#!/bin/sh\nREADY='{}'\n[ \"$1\" = version ] && echo 'charmcraft 3.4' && exit\necho \"$*\" >> '{}'\n{script}\n",
        ready.display(),
        work.path().join("log").display()
    );
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    PackOptions {
        charmcraft: Some(program),
        ..PackOptions::new(work.path().join("out"), work.path().join("cache"))
    }
}

#[test]
fn charmcraft_is_asked_for_exactly_what_was_wanted() {
    let base = |work: &TempDir| PackOptions {
        destructive_mode: true,
        ..options(work, "cp \"$READY\" hello_amd64.charm")
    };
    type Change = fn(&mut PackOptions);
    let table: [(Change, &str); 4] = [
        (|_| {}, "pack --destructive-mode"),
        (
            |options| {
                options.bases_index = Some(0);
                options.verbosity = Some(Verbosity::Trace);
            },
            "pack --bases-index=0 --verbosity=trace --destructive-mode",
        ),
        (
            |options| options.charmcraft_args = vec!["--platform".into(), "a b".into()],
            "pack --platform a b --destructive-mode",
        ),
        (
            |options| {
                options.destructive_mode = false;
                options.charmcraft_args = vec!["--destructive-mode".into()];
            },
            "pack --destructive-mode",
        ),
    ];
    for (change, expected) in table {
        let work = tempfile::tempdir().unwrap();
        let mut options = base(&work);
        change(&mut options);
        let dir = tree(&[("charmcraft.yaml", METADATA)]);
        pack(dir.path(), &options).unwrap();
        let log = fs::read_to_string(work.path().join("log")).unwrap();
        assert_eq!(log.trim_end(), expected);
    }
}

#[test]
fn what_charmcraft_leaves_beside_the_charm_and_what_was_there_stays() {
    let work = tempfile::tempdir().unwrap();
    let options = PackOptions {
        destructive_mode: true,
        ..options(
            &work,
            "mkdir -p build; touch build/new; cp \"$READY\" hello_amd64.charm",
        )
    };
    let dir = tree(&[
        ("charmcraft.yaml", METADATA),
        ("build/mine", "my own"),
        ("hello_stale.charm", "from last year"),
        ("hello-k8s_amd64.charm", "of another charm"),
    ]);
    let packed = pack(dir.path(), &options).unwrap();
    assert_eq!(packed.path.file_name().unwrap(), "hello_amd64.charm");
    assert_eq!(packed.others, [], "only what this pack made");
    for kept in [
        "build/mine",
        "build/new",
        "hello_stale.charm",
        "hello-k8s_amd64.charm",
    ] {
        assert!(dir.path().join(kept).exists(), "{kept}");
    }
}

#[test]
fn an_error_shows_the_command_the_directory_and_the_output() {
    let work = tempfile::tempdir().unwrap();
    for (script, expected) in [
        (
            "echo 'no such base' >&2; exit 3",
            "exit status: 3):\nno such base",
        ),
        ("echo 'nothing to do'", "*.charm`):\nnothing to do"),
    ] {
        let options = PackOptions {
            destructive_mode: true,
            ..options(&work, script)
        };
        let dir = tree(&[("charmcraft.yaml", METADATA)]);
        let error = pack(dir.path(), &options).unwrap_err().to_string();
        let dir = dir.path().canonicalize().unwrap();
        let command = "charmcraft pack --destructive-mode`";
        assert!(
            error.contains(command)
                && error.contains(&*dir.to_string_lossy())
                && error.ends_with(expected),
            "{error}"
        );
    }
}

#[test]
fn a_charm_is_packed_for_the_base_with_the_index() {
    let project = format!(
        "{METADATA}bases: [{{name: ubuntu, channel: '20.04'}}, {{name: ubuntu, channel: '22.04'}}]\n"
    );
    let dir = tree(&[("charmcraft.yaml", &project), ("dispatch*", "")]);
    let work = tempfile::tempdir().unwrap();
    let with = |bases_index| PackOptions {
        charmcraft: None,
        bases_index,
        ..PackOptions::new(work.path().join("out"), work.path().join("cache"))
    };
    for (index, base) in [
        (None, "ubuntu@20.04"),
        (Some(0), "ubuntu@20.04"),
        (Some(1), "ubuntu@22.04"),
    ] {
        let packed = pack(dir.path(), &with(index)).unwrap();
        assert_eq!(packed.base.unwrap().to_string(), base);
        let manifest = Charm::read(&packed.path).unwrap().manifest;
        assert_eq!(manifest.bases, packed.bases, "{index:?}");
    }
    let error = pack(dir.path(), &with(Some(2))).unwrap_err().to_string();
    assert!(
        error.contains("no base with the index 2: `charmcraft.yaml` has 2, counted from 0"),
        "{error}"
    );

    let plain = tree(&[("metadata.yaml", METADATA), ("dispatch*", "")]);
    let error = pack(plain.path(), &with(Some(0))).unwrap_err().to_string();
    assert!(
        error.contains("--bases-index needs a `charmcraft.yaml`"),
        "{error}"
    );
}

#[test]
fn what_only_others_can_do_is_refused_by_name() {
    let work = tempfile::tempdir().unwrap();
    let without = PackOptions {
        charmcraft: None,
        ..PackOptions::new(work.path().join("out"), work.path().join("cache"))
    };
    let dir = tree(&[("metadata.yaml", METADATA), ("dispatch*", "")]);
    let with_args = PackOptions {
        charmcraft_args: vec!["--platform=x".to_owned()],
        ..without.clone()
    };
    let error = pack(dir.path(), &with_args).unwrap_err().to_string();
    assert!(
        error.starts_with("--charmcraft-args is for charmcraft"),
        "{error}"
    );

    let reactive = tree(&[
        ("metadata.yaml", METADATA),
        ("layer.yaml", "includes: []\n"),
    ]);
    let error = pack(reactive.path(), &without).unwrap_err().to_string();
    assert!(
        error.contains("it is a reactive charm; make it with `charm build`"),
        "{error}"
    );
}
