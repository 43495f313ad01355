//! A charm without a single finding, and changes to it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use charmtest_lint::{Policy, Report, lint};

pub(crate) const METADATA: &str = "name: toy\nsummary: A toy.\ndescription: A toy for tests.\nmaintainers: [Ann <ann@example.com>]\n";

/// The charm `toy` of hooks.
const TOY: &[(&str, &str)] = &[
    (
        "metadata.yaml",
        "name: toy\nsummary: A toy.\ndescription: A toy for tests.\nmaintainers: [Ann <ann@example.com>]\nprovides: {web: {interface: http}}\n",
    ),
    (
        "config.yaml",
        "options:\n  port: {type: int, default: 80, description: The port.}\n",
    ),
    (
        "actions.yaml",
        "go: {description: Goes., params: {how-far: {type: integer}}}\n",
    ),
    ("+actions/go", SCRIPT),
    ("+hooks/install", SCRIPT),
    ("+hooks/start", SCRIPT),
    ("+hooks/stop", SCRIPT),
    ("+hooks/config-changed", SCRIPT),
    ("+hooks/web-relation-changed", SCRIPT),
    ("+tests/10-go.test", "#!/bin/sh\njuju deploy toy\n"),
    ("LICENSE", "Yours.\n"),
    ("README.md", "# Toy\n"),
    ("icon.svg", "<svg/>\n"),
];

pub(crate) const SCRIPT: &str = "#!/bin/sh\n";

/// A directory with a charm or a bundle in it.
pub(crate) struct Bed {
    dir: tempfile::TempDir,
}

impl Bed {
    pub(crate) fn empty() -> Self {
        let bed = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(bed.path()).unwrap();
        bed
    }

    /// The charm without findings, changed: see [`Bed::change`].
    pub(crate) fn toy(changes: &[(&str, &str)]) -> Self {
        let bed = Self::empty();
        bed.change(TOY);
        bed.change(changes);
        bed
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("toy")
    }

    /// Writes files: `+a` is executable, `-a` is removed, `@a` is a symlink to the text, `a/` is a directory; a text that
    /// begins with `>>` is added to what is there.
    pub(crate) fn change(&self, changes: &[(&str, &str)]) {
        for (name, text) in changes {
            let kind = name.chars().next().filter(|c| "+-@".contains(*c));
            let path = self.path().join(name.trim_start_matches(['+', '-', '@']));
            if kind == Some('-') {
                let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
                continue;
            }
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if kind == Some('@') {
                let _ = fs::remove_file(&path);
                symlink(text, &path).unwrap();
            } else if name.ends_with('/') {
                fs::create_dir_all(&path).unwrap();
            } else {
                let text = match text.strip_prefix(">>") {
                    Some(more) => fs::read_to_string(&path).unwrap() + more,
                    None => (*text).to_owned(),
                };
                fs::write(&path, text).unwrap();
                let mode = if kind == Some('+') { 0o755 } else { 0o644 };
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            }
        }
    }

    #[track_caller]
    pub(crate) fn lint(&self) -> Report {
        look(&self.path())
    }

    /// Returns the ids of all findings, each once, and what there is to say when they are not as expected.
    pub(crate) fn ids(&self) -> (Vec<&'static str>, String) {
        let report = self.lint();
        let mut ids: Vec<&str> = report
            .findings
            .iter()
            .map(|finding| finding.rule.id)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        (ids, charmtest_lint::output::human(&report))
    }
}

#[track_caller]
pub(crate) fn look(path: &Path) -> Report {
    lint(&[path], &Policy::default()).unwrap()
}
