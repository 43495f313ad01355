//! Charms as archives: the ones of the recordings, and the ones that scenarios describe.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;

/// A charm's files by name; a name that ends with `/` is a directory's own entry in the archive.
pub(crate) type Files = BTreeMap<String, String>;

/// Reads the files of a charm's directory, without directories below it.
pub(crate) fn read(dir: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            files.insert(name, fs::read_to_string(entry.path())?);
        }
    }
    Ok(files)
}

/// Writes a `.charm` archive; scripts in it can be executed.
pub(crate) fn pack(files: &Files, archive: &Path) -> io::Result<()> {
    let mut zip = zip::ZipWriter::new(fs::File::create(archive)?);
    for (name, text) in files {
        if name.ends_with('/') {
            zip.add_directory(name, SimpleFileOptions::default().unix_permissions(0o755))
                .map_err(io::Error::other)?;
            continue;
        }
        let mode = if is_script(name, text) { 0o755 } else { 0o644 };
        zip.start_file(name, SimpleFileOptions::default().unix_permissions(mode))
            .map_err(io::Error::other)?;
        zip.write_all(text.as_bytes())?;
    }
    zip.finish().map_err(io::Error::other)?;
    Ok(())
}

/// Writes a charm as a directory.
pub(crate) fn unpack(files: &Files, dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    for (name, text) in files {
        let path = dir.join(name);
        if name.ends_with('/') {
            fs::create_dir_all(&path)?;
            continue;
        }
        fs::create_dir_all(path.parent().unwrap_or(dir))?;
        fs::write(&path, text)?;
        if is_script(name, text) {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

fn is_script(name: &str, text: &str) -> bool {
    name == "dispatch" || text.starts_with("#!")
}
