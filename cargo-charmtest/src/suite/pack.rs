//! Packed charms for scripts.

use std::path::{Path, PathBuf};

use charmtest_charm::pack::{PackOptions, pack};
use charmtest_charm::pack_directory;

use crate::commands::pack::cache_dir;
use crate::error::{Error, Kind, Result};

/// Returns a packed charm: a `.charm` file as it is, a directory that is a charm as it stands packed as it stands into `room`, another one
/// as `charmtest pack` does.
///
/// # Errors
///
/// Fails when it cannot be packed.
pub(crate) fn packed(path: &Path, name: &str, room: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let stands = path.join("metadata.yaml").is_file()
        && ["hooks", "dispatch"]
            .iter()
            .any(|part| path.join(part).exists());
    if stands {
        let out = room.join(format!("{name}.charm"));
        pack_directory(path, &out).map_err(|error| Error::caused(Kind::Failed, &error))?;
        return Ok(out);
    }
    let options = PackOptions::new(room, cache_dir()?);
    let packed = pack(path, &options).map_err(|error| Error::caused(Kind::Failed, &error))?;
    Ok(packed.path)
}
