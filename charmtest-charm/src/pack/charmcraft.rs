//! Running `charmcraft pack`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::{PackError, PackOptions, lxd, process};

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

/// Returns the arguments of `charmcraft pack`, in pytest-operator's order.
pub(super) fn arguments(options: &PackOptions) -> Vec<String> {
    let mut arguments = Vec::new();
    arguments.extend(
        options
            .bases_index
            .map(|index| format!("--bases-index={index}")),
    );
    arguments.extend(
        options
            .verbosity
            .map(|verbosity| format!("--verbosity={}", verbosity.as_str())),
    );
    arguments.extend(options.charmcraft_args.iter().cloned());
    arguments.extend(
        options
            .destructive_mode
            .then(|| "--destructive-mode".to_owned()),
    );
    arguments
}

/// Runs `charmcraft pack` in `dir` and moves the charms it makes to `out`; a charm that stood in `dir` before is put
/// back as it was, and everything else that charmcraft leaves there stays.
///
/// It runs in the charm's own directory, since charmcraft knows its build containers by that directory.
///
/// # Errors
///
/// Fails when this user cannot build in a container and, with charmcraft's output, when it fails, takes longer than the
/// limit, or makes no charm.
pub(super) fn pack(
    charmcraft: &Path,
    options: &PackOptions,
    dir: &Path,
    out: &Path,
) -> Result<Vec<PathBuf>, PackError> {
    let mut command = lxd::command(charmcraft, options)?;
    command
        .arg("pack")
        .args(arguments(options))
        .current_dir(dir);
    let before = charms(dir)?;
    let kept = out.join("before");
    fs::create_dir(&kept).map_err(|error| PackError::io("create", &kept, error))?;
    for name in before.keys() {
        copy(&dir.join(name), &kept.join(name))?;
    }

    let line = process::describe(&command);
    let outcome = process::run(&mut command, options.time_limit);

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
            command: line,
            status: format!("it made no file `{}`", dir.join("*.charm").display()),
            output: output.trim_end().to_owned(),
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
