//! Opening and unpacking archives, good and hostile.

use std::fs;
use std::os::unix::fs::symlink;

use charmtest_charm::{Archive, Charm};
use proptest::prelude::*;

use crate::support::Make::{File, Link};
use crate::support::{METADATA, archive, chain, mode, tree};

#[test]
fn modes_and_symlinks_survive_and_known_hooks_become_executable() {
    let dir = tempfile::tempdir().unwrap();
    let path = archive(
        dir.path(),
        &[
            File("metadata.yaml", 0o644, METADATA.as_bytes()),
            File("dispatch", 0o644, b"#!/bin/sh\n"),
            File("hooks/install", 0o644, b"x"),
            File("hooks/helper", 0o644, b"x"),
            File("bin/tool", 0o755, b"x"),
            Link("bin/alias", "../bin/tool"),
        ],
    );
    let archive = Archive::open(&path).unwrap();
    assert_eq!(archive.sha256().len(), 64);
    archive.check_runnable("hello").unwrap();
    let to = dir.path().join("unit");
    let written = archive.extract_to(&to).unwrap();

    assert_eq!(mode(&to.join("dispatch")), 0o644);
    assert_eq!(mode(&to.join("hooks/install")), 0o744);
    assert_eq!(mode(&to.join("hooks/helper")), 0o644);
    assert_eq!(mode(&to.join("bin/tool")), 0o755);
    assert_eq!(
        fs::read_link(to.join("bin/alias")).unwrap().to_str(),
        Some("../bin/tool")
    );
    assert_eq!(fs::read_to_string(to.join("revision")).unwrap(), "0");
    let written: Vec<&str> = written.iter().map(String::as_str).collect();
    let expected = [
        "bin",
        "bin/alias",
        "bin/tool",
        "dispatch",
        "hooks",
        "hooks/helper",
        "hooks/install",
        "metadata.yaml",
        "revision",
    ];
    assert_eq!(written, expected);
}

#[test]
fn unpacking_over_an_older_charm_never_writes_through_its_links() {
    let dir = tempfile::tempdir().unwrap();
    let outside = dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let unit = dir.path().join("unit");
    fs::create_dir(&unit).unwrap();
    symlink(&outside, unit.join("src")).unwrap();
    symlink(outside.join("stolen"), unit.join("dispatch")).unwrap();
    fs::create_dir_all(unit.join("metadata.yaml/was/a/directory")).unwrap();
    let path = archive(
        dir.path(),
        &[
            File("metadata.yaml", 0o644, METADATA.as_bytes()),
            File("dispatch", 0o755, b"new"),
            File("src/charm.py", 0o755, b"new"),
        ],
    );
    Archive::open(&path).unwrap().extract_to(&unit).unwrap();
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert_eq!(
        fs::read_to_string(unit.join("src/charm.py")).unwrap(),
        "new"
    );
    assert_eq!(
        fs::read_to_string(unit.join("metadata.yaml")).unwrap(),
        METADATA
    );
}

#[test]
fn a_file_where_a_directory_has_to_be_is_in_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let unit = dir.path().join("unit");
    fs::create_dir(&unit).unwrap();
    fs::write(unit.join("data"), "made by the charm").unwrap();
    let path = archive(dir.path(), &[File("data/x.txt", 0o644, b"new")]);
    let error = Archive::open(&path).unwrap().extract_to(&unit).unwrap_err();
    assert!(
        chain(&error).contains("not a directory"),
        "{}",
        chain(&error)
    );
    assert!(unit.join("data").is_file(), "and is left alone");
    fs::remove_file(unit.join("data")).unwrap();
    Archive::open(&path).unwrap().extract_to(&unit).unwrap();
    assert_eq!(fs::read_to_string(unit.join("data/x.txt")).unwrap(), "new");
}

#[test]
fn hostile_archives_are_refused() {
    let table: [(&[super::support::Make<'_>], &str); 10] = [
        (&[], "is an empty archive"),
        (&[File("/etc/passwd", 0o644, b"")], "has an absolute name"),
        (&[File("a/../../b", 0o644, b"")], "has `..` in its name"),
        (&[File("a\\b", 0o644, b"")], "has a backslash"),
        (&[Link("a", "/etc")], "symlink is absolute: `/etc`"),
        (
            &[Link("a/b", "../../c")],
            "symlink links out of charm: `../../c`",
        ),
        (&[Link("a", "")], "symlink has no usable target"),
        (
            &[Link("a", "b"), File("a/x", 0o644, b"")],
            "is below `a`, which is not a directory",
        ),
        (
            &[File("a", 0o644, b""), File("a/x", 0o644, b"")],
            "is below `a`, which is not a directory",
        ),
        (
            &[File("a", 0o644, b""), File("./a", 0o644, b"")],
            "is there twice",
        ),
    ];
    for (members, expected) in table {
        let dir = tempfile::tempdir().unwrap();
        let error = Archive::open(&archive(dir.path(), members)).unwrap_err();
        assert!(
            chain(&error).contains(expected),
            "{expected}: {}",
            chain(&error)
        );
    }
}

#[test]
fn two_members_of_one_name_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = archive(
        dir.path(),
        &[File("one", 0o644, b"1"), File("two", 0o644, b"2")],
    );
    let bytes = fs::read(&path).unwrap();
    let renamed: Vec<u8> = String::from_utf8_lossy(&bytes)
        .contains("two")
        .then(|| replace(&bytes, b"two", b"one"))
        .unwrap();
    fs::write(&path, renamed).unwrap();
    let error = Archive::open(&path).unwrap_err();
    assert!(
        error.to_string().contains("two members of one name"),
        "{error}"
    );
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for at in 0..=out.len() - from.len() {
        if &out[at..at + from.len()] == from {
            out[at..at + from.len()].copy_from_slice(to);
        }
    }
    out
}

#[test]
fn a_member_that_is_larger_than_it_says_is_not_unpacked() {
    let dir = tempfile::tempdir().unwrap();
    let content = vec![0_u8; 4_000_000];
    let path = archive(dir.path(), &[File("bomb", 0o644, &content)]);
    let bytes = fs::read(&path).unwrap();
    let lying = replace(&bytes, &4_000_000_u32.to_le_bytes(), &10_u32.to_le_bytes());
    assert_ne!(bytes, lying);
    fs::write(&path, lying).unwrap();
    let to = dir.path().join("unit");
    let outcome = Archive::open(&path).and_then(|archive| archive.extract_to(&to));
    assert!(outcome.is_err());
    let unpacked = fs::metadata(to.join("bomb"))
        .map(|found| found.len())
        .unwrap_or_default();
    assert!(unpacked <= 11, "{unpacked} bytes were written");
}

#[test]
fn a_member_that_declares_too_much_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = archive(dir.path(), &[File("big", 0o644, &[0; 70_000])]);
    let bytes = fs::read(&path).unwrap();
    fs::write(
        &path,
        replace(
            &bytes,
            &70_000_u32.to_le_bytes(),
            &0x7fff_ffff_u32.to_le_bytes(),
        ),
    )
    .unwrap();
    let error = Archive::open(&path).unwrap_err();
    assert!(
        error.to_string().contains("unpacks to more than 1 GiB"),
        "{error}"
    );
}

#[test]
fn what_is_no_zip_file_is_refused() {
    let dir = tree(&[("text.charm", "hello"), ("empty.charm", "")]);
    for name in ["text.charm", "empty.charm"] {
        let error = Archive::open(&dir.path().join(name)).unwrap_err();
        assert!(
            error.to_string().contains("is not a charm archive"),
            "{error}"
        );
    }
    let cut = archive(
        dir.path(),
        &[File("metadata.yaml", 0o644, METADATA.as_bytes())],
    );
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    assert!(Archive::open(&cut).is_err());
    assert!(Archive::open(dir.path()).is_err(), "a directory");
}

#[test]
fn a_charm_without_anything_to_run_is_reported_in_the_words_of_juju() {
    let dir = tempfile::tempdir().unwrap();
    let metadata = || File("metadata.yaml", 0o644, METADATA.as_bytes());
    let path = archive(dir.path(), &[metadata(), File("hooks/deep/x", 0o644, b"")]);
    let error = Archive::open(&path)
        .unwrap()
        .check_runnable("hello")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid charm \"hello\": has no hooks nor dispatch file"
    );
    for name in ["hooks/install", "src/my-dispatcher.py"] {
        let path = archive(dir.path(), &[metadata(), File(name, 0o644, b"")]);
        Archive::open(&path)
            .unwrap()
            .check_runnable("hello")
            .unwrap();
    }
}

#[test]
fn errors_in_an_archive_name_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = archive(
        dir.path(),
        &[File("metadata.yaml", 0o644, b"name: x\nsummary: a: b\n")],
    );
    let error = Charm::read(&path).unwrap_err().to_string();
    assert!(error.starts_with("metadata.yaml:2:"), "{error}");
    let path = archive(dir.path(), &[File("metadata.yaml", 0o644, b"\xff\xfe\x00")]);
    let error = Charm::read(&path).unwrap_err().to_string();
    assert!(
        error.contains("member `metadata.yaml` is not UTF-8 text"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_packed_directory_unpacks_to_the_same_files(
        files in prop::collection::btree_map("[a-d]{1,2}(/[e-h]{1,2}){0,2}", prop::collection::vec(any::<u8>(), 0..200), 1..8)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        let mut made = Vec::new();
        for (name, content) in &files {
            let path = from.join(name);
            // A name below another file cannot be made; those few are left out.
            if fs::create_dir_all(path.parent().unwrap()).is_ok() && fs::write(&path, content).is_ok() {
                made.push((name, content));
            }
        }
        let packed = charmtest_charm::pack_directory(&from, &dir.path().join("x.charm")).unwrap();
        packed.extract_to(&to).unwrap();
        for (name, content) in made {
            prop_assert_eq!(&fs::read(to.join(name)).unwrap(), content);
        }
        let again = charmtest_charm::pack_directory(&from, &dir.path().join("y.charm")).unwrap();
        prop_assert_eq!(packed.sha256(), again.sha256());
    }

    #[test]
    fn damaged_archives_never_panic(position in any::<prop::sample::Index>(), value in any::<u8>()) {
        let dir = tempfile::tempdir().unwrap();
        let path = archive(dir.path(), &[
            File("metadata.yaml", 0o644, METADATA.as_bytes()),
            Link("link", "metadata.yaml"),
        ]);
        let mut bytes = fs::read(&path).unwrap();
        let at = position.index(bytes.len());
        bytes[at] = value;
        fs::write(&path, bytes).unwrap();
        if let Ok(archive) = Archive::open(&path) {
            let _ = archive.extract_to(&dir.path().join("unit"));
        }
    }
}
