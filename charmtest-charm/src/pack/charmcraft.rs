//! Running `charmcraft pack`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::{PackError, process};

/// How long `charmcraft version` may take.
const VERSION_LIMIT: Duration = Duration::from_secs(60);

/// Returns what `charmcraft version` prints.
///
/// # Errors
///
/// Fails when charmcraft does.
pub(super) fn version(charmcraft: &Path) -> Result<String, PackError> {
    let answer = process::run(Command::new(charmcraft).arg("version"), VERSION_LIMIT)?;
    Ok(answer.trim().to_owned())
}

/// Runs `charmcraft pack` in `dir` and moves the charms it makes to `out`; a charm that stood in `dir` before is put
/// back as it was.
///
/// It runs in the charm's own directory, since charmcraft knows its build containers by that directory.
///
/// # Errors
///
/// Fails, with charmcraft's output, when it fails, takes longer than `limit`, or makes no charm.
pub(super) fn pack(
    charmcraft: &Path,
    arguments: &[String],
    dir: &Path,
    out: &Path,
    limit: Duration,
) -> Result<Vec<PathBuf>, PackError> {
    let before = charms(dir)?;
    let kept = out.join("before");
    fs::create_dir(&kept).map_err(|error| PackError::io("create", &kept, error))?;
    for name in before.keys() {
        copy(&dir.join(name), &kept.join(name))?;
    }

    let mut command = Command::new(charmcraft);
    command.arg("pack").args(arguments).current_dir(dir);
    let outcome = process::run(&mut command, limit);

    let mut made = Vec::new();
    for (name, modified) in charms(dir)? {
        if before.get(&name) == Some(&modified) {
            continue;
        }
        let (from, to) = (dir.join(&name), out.join(&name));
        copy(&from, &to)?;
        made.push(to);
        if before.contains_key(&name) {
            copy(&kept.join(&name), &from)?;
        } else {
            fs::remove_file(&from).map_err(|error| PackError::io("remove", &from, error))?;
        }
    }
    let output = outcome?;
    if made.is_empty() {
        return Err(PackError::Failed {
            command: "charmcraft pack".to_owned(),
            status: "it made no `.charm` file".to_owned(),
            output,
        });
    }
    Ok(made)
}

/// Lists the `.charm` files directly in `dir` with the times of their last change.
fn charms(dir: &Path) -> Result<BTreeMap<String, SystemTime>, PackError> {
    let failed = |error| PackError::io("read", dir, error);
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let about = entry.metadata().map_err(failed)?;
        if name.ends_with(".charm") && about.is_file() {
            found.insert(name, about.modified().map_err(failed)?);
        }
    }
    Ok(found)
}

fn copy(from: &Path, to: &Path) -> Result<(), PackError> {
    fs::copy(from, to)
        .map(drop)
        .map_err(|error| PackError::io("copy", from, error))
}
