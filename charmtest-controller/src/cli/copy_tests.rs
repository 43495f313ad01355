use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

struct Hosts {
    dir: tempfile::TempDir,
}

impl Hosts {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["here", "home", "home/sub", "here/tree", "here/tree/deep"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        for (name, text) in [
            ("here/a", "A"),
            ("here/b", "B"),
            ("here/tree/deep/f", "F"),
            ("home/x1.log", "1"),
            ("home/x2.log", "2"),
        ] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        Self { dir }
    }

    fn end(&self, text: &str) -> End {
        match text.strip_prefix(':') {
            Some(shown) => End::Remote {
                home: self.dir.path().join("home"),
                shown: shown.to_owned(),
            },
            None => End::Local {
                path: self.dir.path().join("here").join(text),
                shown: text.to_owned(),
            },
        }
    }

    fn copy(&self, words: &str) -> Result<(), CopyError> {
        let mut ends: Vec<End> = words
            .split_whitespace()
            .filter(|word| !word.starts_with('-'))
            .map(|word| self.end(word))
            .collect();
        let destination = ends.pop().unwrap();
        let has = |option: &str| words.split_whitespace().any(|word| word == option);
        Copying {
            sources: ends,
            destination,
            recursive: has("-r"),
            preserve: has("-p"),
        }
        .run()
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.dir.path().join(path)).ok()
    }
}

#[test]
fn files_go_where_scp_puts_them() {
    for (words, path, content) in [
        ("a :", "home/a", "A"),
        ("a :new", "home/new", "A"),
        ("a :~/new", "home/new", "A"),
        ("a :sub", "home/sub/a", "A"),
        ("a b :sub", "home/sub/b", "B"),
        (":x1.log .", "here/x1.log", "1"),
        (":*.log .", "here/x2.log", "2"),
        (":x1.log :sub/", "home/sub/x1.log", "1"),
        ("-r tree :", "home/tree/deep/f", "F"),
        ("-r tree :new", "home/new/deep/f", "F"),
        ("-r tree/. :sub", "home/sub/deep/f", "F"),
    ] {
        let hosts = Hosts::new();
        assert_eq!(hosts.copy(words), Ok(()), "{words}");
        assert_eq!(hosts.read(path).as_deref(), Some(content), "{words}");
    }
}

#[test]
fn modes_are_kept() {
    let hosts = Hosts::new();
    let from = hosts.dir.path().join("here/a");
    fs::set_permissions(&from, fs::Permissions::from_mode(0o700)).unwrap();
    hosts.copy("-p a :").unwrap();
    let meta = fs::metadata(hosts.dir.path().join("home/a")).unwrap();
    assert_eq!(meta.permissions().mode() & 0o777, 0o700);
    assert_eq!(
        meta.modified().unwrap(),
        fs::metadata(from).unwrap().modified().unwrap()
    );
}

#[test]
fn failures_are_those_of_the_scp_program() {
    let hosts = Hosts::new();
    for (words, code, lines) in [
        (
            ":nosuch x",
            1,
            vec!["scp: nosuch: No such file or directory"],
        ),
        (
            ":no*such x",
            1,
            vec!["scp: no*such: No such file or directory"],
        ),
        (
            "nosuch.txt :",
            255,
            vec!["scp: stat local \"nosuch.txt\": No such file or directory"],
        ),
        (
            "a :nodir/a",
            1,
            vec![
                "scp: dest open \"nodir/a\": No such file or directory",
                "scp: failed to upload file a to nodir/a",
            ],
        ),
        (
            "tree :",
            1,
            vec![
                "scp: local \"tree\" is not a regular file",
                "scp: failed to upload file tree to tree",
            ],
        ),
        (":sub x", 1, vec!["scp: download sub: not a regular file"]),
        ("a b :new", 1, vec!["scp: new: Not a directory"]),
    ] {
        let error = hosts.copy(words).unwrap_err();
        assert_eq!(
            (error.code, error.lines),
            (code, lines.into_iter().map(str::to_owned).collect()),
            "{words}"
        );
    }
}

#[test]
fn a_file_that_fails_does_not_stop_the_others() {
    let hosts = Hosts::new();
    assert!(hosts.copy("tree a :sub").is_err());
    assert_eq!(hosts.read("home/sub/a").as_deref(), Some("A"));
}

#[test]
fn a_file_copied_onto_itself_stays() {
    let hosts = Hosts::new();
    hosts.copy(":x1.log :").unwrap();
    assert_eq!(hosts.read("home/x1.log").as_deref(), Some("1"));
}
