//! Reading and packing the charms of a suite.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use charmtest_scripts::requirements::{Versions, Wishes};
use charmtest_scripts::{Settings, discover};

use super::file::{SuiteCharm, SuiteFile, SuiteScripts};
use super::pack::packed;
use super::requirements::SuiteRequirements;
use super::scripts::script_name;
use super::shelf::ShelfFile;
use crate::error::{Error, Kind, Result};
use crate::report::say;

/// Returns the packages that a script runs with, at their versions.
pub(crate) fn packages(suite: &SuiteFile, test: &str) -> Versions {
    for charm in &suite.charms {
        let name = test.strip_prefix(&*charm.module);
        let (Some(name), Some(scripts)) = (
            name.and_then(|rest| rest.strip_prefix("::")),
            &charm.scripts,
        ) else {
            continue;
        };
        if scripts.names.iter().any(|file| script_name(file) == name) {
            return scripts.requirements.versions.clone();
        }
    }
    Versions::default()
}

/// Tells what a reader of a charm's results should know of its scripts: which look like one and are none, settings without an effect, and
/// settings that are wrong, of which the test that has them fails by itself.
fn tell_of_scripts(charm: &SuiteCharm, name: &str) {
    let all = || -> std::result::Result<Vec<String>, String> {
        let settings = Settings::read(&charm.path).map_err(|error| error.to_string())?;
        let found = discover(&charm.path, &settings.tests).map_err(|error| error.to_string())?;
        let own = settings.of_scripts(&charm.path, &found.scripts);
        let own = own.unwrap_or_else(|error| vec![error.to_string()]);
        Ok([settings.warnings, found.warnings, own].concat())
    };
    for warning in all().unwrap_or_else(|error| vec![error]) {
        say(&format!("warning: charm {name}: {warning}"));
    }
}

/// Makes a suite whose scripts name directories ready to run: they are packed into `room`, and what the scripts need on this machine is
/// seen to.
///
/// `name` says what the user calls the charm of a module.
///
/// Packing may run what a charm brings, so this happens where its tests run.
///
/// # Errors
///
/// Fails when settings cannot be read. A charm that cannot be packed is no matter for the tests of others.
pub(crate) fn prepare(
    suite: &mut SuiteFile,
    room: &Path,
    name: &dyn Fn(&str) -> String,
) -> Result<()> {
    let mut packer = Packer {
        room,
        known: BTreeMap::new(),
    };
    for charm in &mut suite.charms {
        tell_of_scripts(charm, &name(&charm.module));
        let Some(scripts) = &mut charm.scripts else {
            continue;
        };
        let settings = Settings::read(&scripts.directory)
            .map_err(|error| Error::new(Kind::Infrastructure, error.to_string()))?;
        scripts.requirements =
            SuiteRequirements::of(&scripts.directory, &settings, Wishes::default());
        packer.pack(scripts);
    }
    Ok(())
}

/// Lets the scripts of a suite take charms from their shelves by way of `room`, where they can be packed; where they are written is to be
/// read only.
///
/// # Errors
///
/// Fails when `room` cannot be written to.
pub(super) fn move_shelves(suite: &mut SuiteFile, room: &Path) -> Result<()> {
    let mut moved: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    let scripts = suite.charms.iter_mut();
    let shelves = scripts.filter_map(|charm| charm.scripts.as_mut()?.shelf.as_mut());
    for shelf in shelves {
        if let Some(there) = moved.get(shelf) {
            shelf.clone_from(there);
            continue;
        }
        let mut file = ShelfFile::read(shelf).map_err(Error::infrastructure)?;
        for kind in ["charms", "previous"] {
            let (link, written) = (room.join(kind), file.room.join(kind));
            if written.is_dir() && !link.is_symlink() {
                symlink(written, link).map_err(Error::infrastructure)?;
            }
        }
        room.clone_into(&mut file.room);
        let there = room.join(format!("shelf-{}.json", moved.len()));
        file.write(&there).map_err(Error::infrastructure)?;
        moved.insert(std::mem::replace(shelf, there.clone()), there);
    }
    Ok(())
}

/// Packs each charm once.
struct Packer<'a> {
    room: &'a Path,
    known: BTreeMap<(PathBuf, String), PathBuf>,
}

impl Packer<'_> {
    fn pack(&mut self, scripts: &mut SuiteScripts) {
        match self.packed(&scripts.artifact, &scripts.charm) {
            Ok(artifact) => scripts.artifact = artifact,
            Err(why) => scripts.unpacked = Some(why),
        }
        for (name, target) in &mut scripts.chosen {
            let path = Path::new(target.as_str());
            if !path.is_absolute() {
                continue;
            }
            match self.packed(path, name) {
                Ok(artifact) => *target = artifact.display().to_string(),
                Err(why) => drop(scripts.unpackable.insert(name.clone(), why)),
            }
        }
    }

    fn packed(&mut self, path: &Path, name: &str) -> Result<PathBuf, String> {
        let key = (path.to_owned(), name.to_owned());
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let failed =
            |why: &dyn Display| format!("cannot pack {name} for scripts that deploy it: {why}");
        let room = self.room.join(self.known.len().to_string());
        fs::create_dir_all(&room).map_err(|error| failed(&error))?;
        let packed = packed(path, name, &room).map_err(|error| failed(&error.message()))?;
        self.known.insert(key, packed.clone());
        Ok(packed)
    }
}
