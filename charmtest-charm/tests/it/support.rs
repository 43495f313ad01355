//! Making charms and archives to read.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

pub(crate) const METADATA: &str = "name: hello\nsummary: s\ndescription: d\n";

/// Writes files below a new directory; names that end in `*` are made executable.
pub(crate) fn tree(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = dir.path().join(name.trim_end_matches('*'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let mode = if name.ends_with('*') { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    dir
}

/// A member of a hand-made archive.
pub(crate) enum Make<'a> {
    File(&'a str, u32, &'a [u8]),
    Link(&'a str, &'a str),
}

/// Writes an archive member by member, without any of the checks of the crate.
pub(crate) fn archive(dir: &Path, members: &[Make<'_>]) -> PathBuf {
    let path = dir.join("made.charm");
    let mut zip = ZipWriter::new(fs::File::create(&path).unwrap());
    for member in members {
        match member {
            Make::File(name, mode, content) => {
                let options = SimpleFileOptions::default().unix_permissions(*mode);
                zip.start_file(*name, options).unwrap();
                zip.write_all(content).unwrap();
            }
            Make::Link(name, target) => {
                zip.add_symlink(*name, *target, SimpleFileOptions::default())
                    .unwrap();
            }
        }
    }
    zip.finish().unwrap();
    path
}

/// Returns an error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}
