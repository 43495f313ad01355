//! What the daemon puts into its data directory before it serves.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::model::State;
use crate::paths::DataDir;
use crate::tools;

/// Makes `bin/juju` and the hook tools, all of them symlinks to this program.
pub(super) fn prepare(data: &DataDir) -> io::Result<()> {
    let program = std::env::current_exe()?;
    for dir in [
        data.bin(),
        data.tools(),
        data.root().join("charms"),
        data.root().join("resources"),
        data.root().join("models"),
    ] {
        fs::create_dir_all(dir)?;
    }
    point(&data.bin().join("juju"), &program)?;
    for name in tools::names(data.juju()) {
        point(&data.tools().join(name), &program)?;
    }
    Ok(())
}

/// Removes uploaded charms and resources that no model in `state` names: their models are gone, or an upload was interrupted.
///
/// Call it before clients are served: an upload in progress is named by no model either.
pub(super) fn sweep(data: &DataDir, state: &State) {
    let named: BTreeSet<PathBuf> = state
        .models
        .values()
        .flat_map(|model| {
            let charms = model.charms.values().map(|row| data.charm(&row.sha256));
            let resources = model
                .applications
                .values()
                .flat_map(|app| app.resources.values())
                .map(|row| data.root().join(&row.path));
            charms.chain(resources)
        })
        .collect();
    for dir in [data.root().join("charms"), data.root().join("resources")] {
        // What cannot be listed or removed only takes space.
        let Ok(entries) = fs::read_dir(dir) else {
            continue;
        };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if !named.contains(&path) {
                let _ = fs::remove_file(path);
            }
        }
    }
}

fn point(link: &Path, program: &Path) -> io::Result<()> {
    if fs::read_link(link).is_ok_and(|target| target == program) {
        return Ok(());
    }
    // Replaced by a rename, because a hook may be calling the tool right now.
    let fresh = link.with_extension("new");
    let _ = fs::remove_file(&fresh);
    symlink(program, &fresh)?;
    fs::rename(&fresh, link)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::ResourceRow;
    use crate::model::changes::fixture;

    #[test]
    fn uploads_that_no_model_names_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path()).unwrap();
        let mut model = fixture::model();
        fixture::deployed(&mut model, "db", fixture::charm("db", ""), 1);
        let kept = model.charms.values().next().unwrap().sha256.clone();
        let fingerprint = "ab";
        let resource = ResourceRow {
            path: format!("resources/{fingerprint}"),
            fingerprint: fingerprint.to_owned(),
            size: 0,
            uploaded: jiff::Timestamp::UNIX_EPOCH,
            store_revision: None,
        };
        let app = model.applications.get_mut("db").unwrap();
        app.resources.insert("data".to_owned(), resource);
        let files = [
            (data.charm(&kept), true),
            (data.charm("stale"), false),
            (data.charm(".half"), false),
            (data.resource(fingerprint), true),
            (data.resource("stale"), false),
        ];
        for (path, _) in &files {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let mut state = fixture::state();
        state
            .models
            .insert(model.info.uuid.clone(), Arc::new(model));
        sweep(&data, &state);
        for (path, expected) in &files {
            assert_eq!(path.exists(), *expected, "{}", path.display());
        }
    }
}
