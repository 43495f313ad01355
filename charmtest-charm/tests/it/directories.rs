//! Packing a directory as it stands.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use charmtest_charm::{Charm, pack_directory};

use crate::support::{METADATA, chain, tree};

#[test]
fn ignored_files_stay_out_and_modes_are_normalised() {
    let dir = tree(&[
        ("metadata.yaml", METADATA),
        ("dispatch*", "#!/bin/sh\n"),
        ("hooks/install", ""),
        ("src/charm.py", ""),
        (".git/config", ""),
        (".tox/x", ""),
        ("build/x", ""),
        ("revision", "7"),
        ("version", "v"),
        ("src/__pycache__/charm.pyc", ""),
        ("tests/target/CACHEDIR.TAG", ""),
        ("tests/target/big", ""),
        ("notes.md", ""),
        (".jujuignore", "*.md\n"),
    ]);
    fs::set_permissions(
        dir.path().join("src/charm.py"),
        fs::Permissions::from_mode(0o600),
    )
    .unwrap();
    symlink("charm.py", dir.path().join("src/alias.py")).unwrap();
    let out = tempfile::tempdir().unwrap();
    let archive = pack_directory(dir.path(), &out.path().join("hello.charm")).unwrap();
    let members: Vec<(&str, u32)> = archive
        .members()
        .iter()
        .map(|(name, m)| (name.as_str(), m.mode))
        .collect();
    assert_eq!(
        members,
        [
            ("dispatch", 0o755),
            ("hooks", 0o755),
            ("hooks/install", 0o755),
            ("metadata.yaml", 0o644),
            ("src", 0o755),
            ("src/alias.py", 0o777),
            ("src/charm.py", 0o644),
            ("tests", 0o755),
        ]
    );
    assert_eq!(
        Charm::read(archive.path()).unwrap(),
        Charm::read(dir.path())
            .map(|charm| Charm {
                version: None,
                ..charm
            })
            .unwrap()
    );
}

#[test]
fn what_cannot_be_a_member_is_named() {
    let out = tempfile::tempdir().unwrap();
    let pack = |dir: &std::path::Path| {
        chain(&pack_directory(dir, &out.path().join("x.charm")).unwrap_err())
    };

    let dir = tree(&[("metadata.yaml", METADATA)]);
    symlink("/etc/passwd", dir.path().join("secrets")).unwrap();
    assert!(pack(dir.path()).contains("member `secrets` symlink is absolute"));

    let dir = tree(&[("metadata.yaml", METADATA)]);
    let _socket = UnixListener::bind(dir.path().join("sock")).unwrap();
    assert!(
        pack(dir.path()).contains("member `sock` is neither a file, a directory nor a symlink")
    );

    assert!(pack(&out.path().join("nope")).contains("cannot read"));
    assert_eq!(
        fs::read_dir(out.path()).unwrap().count(),
        0,
        "nothing is left behind"
    );
}
