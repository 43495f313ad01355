//! The directory for files that tests make.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Decides below which directory the tests' files are: `--basetemp`, else in tox's own directory, as in pytest-operator;
/// `None` for a directory beside the test binary.
pub(super) fn base(
    flag: Option<&Path>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Option<PathBuf> {
    let tox = || {
        let directory = variable("TOX_ENV_DIR").filter(|value| !value.is_empty())?;
        Some(Path::new(&directory).join("tmp/charmtest"))
    };
    flag.map(Path::to_owned).or_else(tox)
}

/// Whose a directory for files is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// It was made here, and may be removed.
    Us,
    /// It was there before: what is in it may be anybody's.
    Others,
}

/// Makes the directory `name` below `base`, unless it is there.
pub(super) fn make(base: &Path, name: &str) -> Result<(PathBuf, Holder), Failure> {
    let path = base.join(name);
    let made = fs::create_dir_all(base).and_then(|()| fs::create_dir(&path));
    match made {
        Ok(()) => Ok((path, Holder::Us)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {
            Ok((path, Holder::Others))
        }
        Err(error) => Err(Failure::setup(format!(
            "cannot make the directory {} for the tests' files: {error}; name another place with --basetemp",
            path.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_wins_over_tox() {
        let tox = |name: &str| (name == "TOX_ENV_DIR").then(|| OsString::from("/ws/.tox/it"));
        let path = |text| Some(PathBuf::from(text));
        assert_eq!(base(None, tox), path("/ws/.tox/it/tmp/charmtest"));
        assert_eq!(base(Some(Path::new("/t")), tox), path("/t"));
        assert_eq!(base(None, |_| Some(OsString::new())), None);
        assert_eq!(base(None, |_| None), None);
    }

    #[test]
    fn a_directory_that_was_there_stays_its_owners() {
        let temp = tempfile::tempdir().unwrap();
        let base = temp.path().join("a/b");
        assert_eq!(make(&base, "m").unwrap(), (base.join("m"), Holder::Us));
        assert_eq!(make(&base, "m").unwrap(), (base.join("m"), Holder::Others));
        fs::write(base.join("file"), "").unwrap();
        let error = make(&base, "file").unwrap_err().full_text();
        assert!(
            error.contains("a/b/file") && error.contains("--basetemp"),
            "{error}"
        );
        let error = make(&base.join("file"), "m").unwrap_err().full_text();
        assert!(error.contains("a/b/file/m"), "{error}");
    }
}
