//! What a charm's files tell of it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use charmtest_charm::Charm;
use charmtest_collection::{Facts, Files};
use charmtest_scripts::{Settings, discover, settings};

/// Reads a charm's metadata and finds its scripts; `None` when the files are no charm.
pub(super) fn facts(files: &dyn Files) -> Result<Option<Facts>, String> {
    let paths = files.paths();
    let is_charm = |path: &&str| ["charmcraft.yaml", "metadata.yaml"].contains(path);
    if !paths.iter().any(is_charm) {
        return Ok(None);
    }
    // What describes the charm lies at the top, and of its tests the names and modes are enough; the rest may be large.
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    for path in paths {
        let bytes = match path.split_once('/') {
            Some(("tests", name)) if path != settings::FILE && !name.contains('/') => {
                Some(Vec::new())
            }
            Some(_) if path != settings::FILE => None,
            _ => files.read(path).map_err(|error| error.to_string())?,
        };
        let Some(bytes) = bytes else {
            continue;
        };
        let file = directory.path().join(path);
        let mode = if files.is_executable(path) {
            0o755
        } else {
            0o644
        };
        let written = file
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&file, bytes))
            .and_then(|()| fs::set_permissions(&file, fs::Permissions::from_mode(mode)));
        written.map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    }
    let charm = Charm::read(directory.path()).map_err(|error| {
        // The directory is ours alone.
        let place = format!("{}/", directory.path().display());
        super::all_causes(&error).replace(&place, "")
    })?;
    let settings = Settings::read(directory.path()).map_err(|error| error.to_string())?;
    let found = discover(directory.path(), &settings.tests)
        .map_err(|error| format!("cannot look for scripts: {error}"))?;
    let is_wild = |name: &&String| name.contains(char::is_control);
    if let Some(name) = found.scripts.iter().find(is_wild) {
        let name = name.escape_debug();
        return Err(format!(
            "tests/{name}: the name of a script cannot have such letters"
        ));
    }
    let endpoints = charm.metadata.endpoints.iter();
    let interfaces: BTreeSet<String> = endpoints
        .map(|endpoint| endpoint.interface.clone())
        .collect();
    Ok(Some(Facts {
        name: charm.metadata.name.as_str().to_owned(),
        interfaces,
        scripts: found
            .scripts
            .iter()
            .map(|name| format!("tests/{name}"))
            .collect(),
    }))
}
