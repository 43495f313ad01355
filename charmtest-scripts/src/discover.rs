//! Which scripts a charm has.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

/// The pattern of scripts when `tests.yaml` names none.
pub const DEFAULT_PATTERN: &str = "*.test";

/// Files that say something about a suite, and are never scripts.
pub(crate) const NOT_SCRIPTS: [&str; 2] = ["tests.yaml", "requirements.yaml"];

/// The scripts of a charm, and what looks like one and is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Names of files in `tests/`, in the order of their bytes.
    pub scripts: Vec<String>,
    /// What a reader of the result should know, one sentence each.
    pub warnings: Vec<String>,
}

/// Finds the executable files directly in `tests/` of a charm's directory whose name matches `pattern`, in the order of their bytes.
///
/// Hidden files are none, and neither is what lies in directories below. A symlink counts as what it leads to, if that is in the charm: a
/// script runs in a copy of it. A file that matches [`DEFAULT_PATTERN`] and cannot be run is
/// a warning. With another pattern, which may match helpers too, only executables count and what is not executable is left out silently:
/// that is how suites for the later systems tell helpers from tests. `tests.yaml` and `requirements.yaml` are never scripts.
///
/// # Errors
///
/// Fails when `tests/` is there and cannot be read. Without `tests/` there are no scripts.
pub fn discover(charm: &Path, pattern: &Pattern) -> io::Result<Discovery> {
    let directory = charm.join("tests");
    if directory.is_symlink() {
        let warning = "tests/ is a symlink: no script in it is run".to_owned();
        return Ok(Discovery {
            warnings: vec![warning],
            ..Discovery::default()
        });
    }
    let entries = match fs::read_dir(&directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Discovery::default()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name());
    }
    names.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));

    let mut found = Discovery::default();
    let strict = pattern.as_str() == DEFAULT_PATTERN;
    for name in names {
        let shown = name.to_string_lossy().into_owned();
        if !is_script_name(&shown, pattern) {
            continue;
        }
        let Some(name) = name.to_str() else {
            let why = "is not run: its name is not UTF-8";
            found.warnings.push(format!("tests/{shown} {why}"));
            continue;
        };
        if name.contains(char::is_control) {
            let (shown, why) = (
                name.escape_debug(),
                "is not run: its name has a control character",
            );
            found.warnings.push(format!("tests/{shown} {why}"));
            continue;
        }
        let why = match fs::metadata(directory.join(name)) {
            Ok(_) if leads_out(charm, &format!("tests/{name}")) => {
                (true, "is not run: it is a symlink out of the charm")
            }
            Ok(file) if file.is_dir() => (strict, "is not run: it is a directory"),
            Ok(file) if !file.is_file() => (true, "is not run: it is no regular file"),
            Ok(file) if file.permissions().mode() & 0o111 == 0 => {
                (strict, "is not run: it is not executable (chmod +x)")
            }
            Ok(_) => {
                found.scripts.push(name.to_owned());
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                (true, "is not run: it is a symlink to nothing")
            }
            Err(_) => (true, "is not run: it cannot be looked at"),
        };
        if let (true, why) = why {
            found.warnings.push(format!("tests/{name} {why}"));
        }
    }
    if !strict && found.scripts.is_empty() {
        found.warnings.push(format!(
            "tests/tests.yaml: `tests: {pattern}` matches no executable file in tests/"
        ));
    }
    Ok(found)
}

/// Says whether a file of this name in `tests/` is a script if it can be run: it matches the pattern, is not hidden, and is not a file that
/// says something about the suite.
#[must_use]
pub fn is_script_name(name: &str, pattern: &Pattern) -> bool {
    // A dot that the pattern has too, as in `*.test` and `.test`, is matched by it.
    !name.starts_with('.') && pattern.matches_with(name, MATCHING) && !NOT_SCRIPTS.contains(&name)
}

/// Says whether a path leaves the charm's directory when its symlinks are followed one by one: an absolute one does, wherever it leads.
fn leads_out(charm: &Path, path: &str) -> bool {
    let parts = |path: &Path| -> Vec<OsString> {
        let parts = path.components().rev();
        parts.map(|part| part.as_os_str().to_owned()).collect()
    };
    let (mut waiting, mut done) = (parts(Path::new(path)), PathBuf::new());
    while let Some(part) = waiting.pop() {
        if part == ".." {
            if !done.pop() {
                return true;
            }
            continue;
        }
        done.push(part);
        // One that leads in circles leads nowhere, which is found out before.
        let Ok(target) = fs::read_link(charm.join(&done)) else {
            continue;
        };
        if target.is_absolute() {
            return true;
        }
        done.pop();
        waiting.extend(parts(&target));
    }
    false
}

/// `*` matches no dot at the beginning: hidden files are none.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn charm(files: &[(&str, u32)]) -> tempfile::TempDir {
        let charm = tempfile::tempdir().unwrap();
        for (name, mode) in files {
            let path = charm.path().join("tests").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "#!/bin/sh\n").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
        }
        charm
    }

    fn found(charm: &Path, pattern: &str) -> Discovery {
        discover(charm, &Pattern::new(pattern).unwrap()).unwrap()
    }

    #[test]
    fn a_symlink_counts_as_what_it_leads_to_in_the_charm() {
        let charm = charm(&[("helper", 0o755), ("plain", 0o644), ("sub/run", 0o755)]);
        let tests = charm.path().join("tests");
        for (name, target) in [
            ("a.test", "helper"),
            ("b.test", "../tests/./sub/run"),
            ("c.test", "../link/run"),
            ("d.test", "a.test"),
            ("e.test", "plain"),
            ("f.test", "/bin/sh"),
            ("g.test", "../../../../../../../../../../bin/sh"),
            ("i.test", "nothing"),
            ("j.test", "j.test"),
        ] {
            symlink(target, tests.join(name)).unwrap();
        }
        symlink(tests.join("helper"), tests.join("h.test")).unwrap();
        symlink("tests/sub", charm.path().join("link")).unwrap();
        let all = found(charm.path(), DEFAULT_PATTERN);
        assert_eq!(all.scripts, ["a.test", "b.test", "c.test", "d.test"]);
        let why: Vec<&str> = all
            .warnings
            .iter()
            .map(|warning| warning.split_once(": ").unwrap().1)
            .collect();
        assert_eq!(
            why,
            [
                "it is not executable (chmod +x)",
                "it is a symlink out of the charm",
                "it is a symlink out of the charm",
                "it is a symlink out of the charm",
                "it is a symlink to nothing",
                "it cannot be looked at",
            ]
        );
        fs::rename(&tests, charm.path().join("elsewhere")).unwrap();
        symlink("elsewhere", &tests).unwrap();
        let all = found(charm.path(), DEFAULT_PATTERN);
        assert_eq!((all.scripts.len(), all.warnings.len()), (0, 1));
    }

    #[test]
    fn scripts_are_executables_of_the_top_level_in_the_order_of_bytes() {
        let charm = charm(&[
            ("a.test", 0o755),
            ("10.test", 0o755),
            ("9.test", 0o700),
            ("A.test", 0o755),
            ("x.test", 0o644),
            ("sub/y.test", 0o755),
            (".hidden.test", 0o755),
            (".test", 0o755),
            ("two\nlines.test", 0o755),
            ("helper", 0o755),
            ("tests.yaml", 0o755),
            ("dir.test/file", 0o644),
        ]);
        let tests = charm.path().join("tests");
        symlink("nothing", tests.join("b.test")).unwrap();
        symlink("helper", tests.join("c.test")).unwrap();
        let all = found(charm.path(), DEFAULT_PATTERN);
        assert_eq!(
            all.scripts,
            ["10.test", "9.test", "A.test", "a.test", "c.test"]
        );
        assert_eq!(
            all.warnings,
            [
                "tests/b.test is not run: it is a symlink to nothing",
                "tests/dir.test is not run: it is a directory",
                "tests/two\\nlines.test is not run: its name has a control character",
                "tests/x.test is not run: it is not executable (chmod +x)",
            ]
        );
    }

    #[test]
    fn a_pattern_of_ones_own_takes_executables_only() {
        let charm = charm(&[
            ("10-deploy", 0o755),
            ("lib.py", 0o644),
            ("tests.yaml", 0o755),
        ]);
        let all = found(charm.path(), "*");
        assert_eq!(all.scripts, ["10-deploy"]);
        assert!(all.warnings.is_empty());
        let none = found(charm.path(), "*.py");
        assert!(none.warnings[0].contains("`tests: *.py` matches no executable file"));
    }

    #[test]
    fn a_charm_without_tests_has_no_scripts() {
        let charm = tempfile::tempdir().unwrap();
        assert_eq!(found(charm.path(), DEFAULT_PATTERN), Discovery::default());
    }
}
