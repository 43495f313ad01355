//! Writing what is exported without losing what is there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Kind, Result};

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    /// Where.
    pub(super) path: PathBuf,
    /// What.
    pub(super) content: Vec<u8>,
}

/// Writes `files` and returns how many were not there with this very content; all or, when one that is there differs, none. With `force`
/// it is overwritten.
///
/// # Errors
///
/// Fails when a file is there that differs, and when one cannot be read or written.
pub(super) fn write(files: &[File], force: bool) -> Result<usize> {
    let mut new = Vec::new();
    let mut differing = Vec::new();
    for file in files {
        match fs::read(&file.path) {
            Ok(there) if there == file.content => {}
            Ok(_) if !force => differing.push(file.path.display().to_string()),
            Ok(_) => new.push(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => new.push(file),
            Err(error) => return Err(failed("read", &file.path, &error)),
        }
    }
    if !differing.is_empty() {
        let message = format!(
            "nothing was written, since these files are there and differ: {}",
            differing.join(", ")
        );
        return Err(Error::new(Kind::Usage, message)
            .hint("`--force` overwrites them; without it, delete those that are to be made anew"));
    }
    for file in &new {
        if let Some(dir) = file.path.parent() {
            fs::create_dir_all(dir).map_err(|error| failed("make", dir, &error))?;
        }
        fs::write(&file.path, &file.content)
            .map_err(|error| failed("write", &file.path, &error))?;
    }
    Ok(new.len())
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Error {
    Error::infrastructure(format!("cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_kept_unless_it_may_go() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| File {
            path: dir.path().join(name),
            content: text.as_bytes().to_owned(),
        };
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).ok();
        let first = [file("a", "1"), file("sub/dir/b", "2")];
        assert_eq!(write(&first, false).unwrap(), 2);
        assert_eq!(write(&first, false).unwrap(), 0);

        let second = [file("a", "1"), file("sub/dir/b", "3"), file("c", "4")];
        let error = write(&second, false).unwrap_err();
        assert_eq!(error.exit_code(), charmtest::exit::USAGE);
        let error = error.to_string();
        assert!(
            error.contains("sub/dir/b") && !error.contains("/a,"),
            "{error}"
        );
        assert_eq!((read("sub/dir/b").as_deref(), read("c")), (Some("2"), None));

        assert_eq!(write(&second, true).unwrap(), 2);
        assert_eq!(read("sub/dir/b").as_deref(), Some("3"));
        let error = write(&[file("sub", "5")], true).unwrap_err().to_string();
        assert!(error.contains("cannot read"), "{error}");
    }
}
