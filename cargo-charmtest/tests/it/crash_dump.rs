//! Crash dumps of embedded models.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::bed::{Bed, PROGRAM, Said};

fn crash_dump(bed: &Bed, args: &[&str]) -> Said {
    let output = Command::new(PROGRAM)
        .args(["charmtest", "crash-dump", "--backend", "embedded"])
        .args(args)
        .env("CHARMTEST_DATA", bed.data())
        .env_remove("JUJU_MODEL")
        .current_dir(bed.path())
        .output();
    output.unwrap().into()
}

/// Unpacks an archive; returns the one directory in it. Python reads `.tar.xz` without other programs.
pub(crate) fn unpack(archive: &Path, into: &Path) -> PathBuf {
    let script = "import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])";
    let unpacked = Command::new("python3")
        .args(["-W", "ignore", "-c", script])
        .args([archive, into])
        .output()
        .unwrap();
    assert!(unpacked.status.success(), "{unpacked:?}");
    let name = archive.file_name().unwrap().to_str().unwrap();
    let unique = name.strip_prefix("juju-crashdump-").unwrap();
    into.join(unique.strip_suffix(".tar.xz").unwrap())
}

#[test]
fn a_dump_has_the_files_of_juju_crashdump_and_no_secrets() {
    let bed = Bed::new();
    let script =
        "[ $JUJU_HOOK_NAME = start ] && juju-log 'it is hunter2' && status-set active\nexit 0";
    let charm = bed.charm("web", "", script);
    fs::write(
        bed.path().join("web/config.yaml"),
        "options: {admin-password: {type: string}}\n",
    )
    .unwrap();
    bed.juju(&["deploy", &charm, "--config", "admin-password=hunter2"]);
    bed.settle(&["web"], "active");

    let said = crash_dump(&bed, &["-m", "m", "-o", "new/out", "--format", "json"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let answer: Value = serde_json::from_str(&said.stdout).unwrap();
    let path = Path::new(answer["path"].as_str().unwrap());
    assert_eq!(path.parent().unwrap(), bed.path().join("new/out"));
    let root = unpack(path, bed.path());
    let read = |name: &str| {
        fs::read_to_string(root.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    for (file, text) in [
        ("juju_status.yaml", "web/0:"),
        ("juju_status.txt", "web/0*"),
        ("debug_log.txt", "it is <hidden>"),
        ("model_config.yaml", "logging-config:"),
        ("storage.yaml", ""),
        ("storage_pools.yaml", "rootfs"),
        ("export_bundle.yaml", "applications:"),
        (
            "0/baremetal/var/log/juju/unit-web-0.log",
            "ran \"start\" hook",
        ),
        ("web_0/var/log/juju/unit-web-0.log", "it is <hidden>"),
        ("charmtest/units/web_0/show-unit.yaml", "leader: true"),
        ("charmtest/units/web_0/status-log.txt", "running start hook"),
        ("charmtest/units/web_0/config.yaml", "admin-password"),
        ("charmtest/manifest.json", "\"backend\": \"embedded\""),
    ] {
        let content = read(file);
        assert!(content.contains(text), "no {text:?} in {file}:\n{content}");
        assert!(!content.contains("hunter2"), "{file}:\n{content}");
    }
    assert_eq!(
        fs::read_link(root.join("web_0")).unwrap(),
        Path::new("0/baremetal")
    );
}

#[test]
fn what_cannot_be_dumped_is_an_error_without_an_archive() {
    let bed = Bed::new();
    let said = crash_dump(&bed, &["--model", "nosuch"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.stderr.contains("no crash dump of model nosuch:") && said.stderr.contains("not found"),
        "{said:?}"
    );
    fs::write(bed.path().join("file"), "").unwrap();
    let said = crash_dump(&bed, &["--model", "m", "--output", "file/out"]);
    assert_ne!(said.code, Some(0), "{said:?}");
    assert!(
        said.stderr
            .contains("cannot write a crash dump to file/out"),
        "{said:?}"
    );
}
