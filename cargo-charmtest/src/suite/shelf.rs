//! Charms of a watched collection that scripts deploy by name: they are written and packed when one does, since of a large collection a
//! script deploys few.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use charmtest_collection::{Digest, State, Store};
use serde::{Deserialize, Serialize};

use super::packed;

/// Where charms of a record are written to.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    store: Store,
    directory: PathBuf,
}

impl Room {
    /// Opens a room; what is written there comes from `store`.
    pub(crate) fn new(store: Store, directory: PathBuf) -> Self {
        Self { store, directory }
    }

    /// Returns the directory.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes a charm, checked byte by byte, unless it is there already; `kind` and `name` are for people who look there.
    pub(crate) fn charm(
        &self,
        kind: &str,
        name: &str,
        content: &Digest,
    ) -> charmtest_collection::Result<PathBuf> {
        let name = format!("{name}-{}", content.short());
        let path = self.directory.join(kind).join(name);
        if path.is_dir() {
            return Ok(path);
        }
        match self.store.check_out(content, &path) {
            // Another test was faster.
            Err(_) if path.is_dir() => Ok(path),
            written => written.map(|()| path),
        }
    }

    /// Packs a charm as `name`, unless that is done already.
    pub(crate) fn packed(
        &self,
        kind: &str,
        name: &str,
        content: &Digest,
    ) -> Result<PathBuf, String> {
        let own = self.directory.join("packed").join(content.to_string());
        let room = own.join(name);
        let known = || fs::read_dir(&room).into_iter().flatten().flatten().next();
        if let Some(packed) = known() {
            return Ok(packed.path());
        }
        let failed = |why: &dyn std::fmt::Display| {
            format!("cannot pack {name} for scripts that deploy it: {why}")
        };
        let directory = self
            .charm(kind, name, content)
            .map_err(|error| failed(&error))?;
        fs::create_dir_all(&own).map_err(|error| failed(&error))?;
        // Other tests may do the same at this time: who is ready first counts, and half a charm is never seen.
        let new = tempfile::Builder::new()
            .prefix(".new-")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir_in(&own);
        let new = new.map_err(|error| failed(&error))?;
        let path =
            packed(&directory, name, new.path()).map_err(|error| failed(&error.message()))?;
        if !path.starts_with(new.path()) {
            return Ok(path);
        }
        let moved = fs::rename(new.path(), &room);
        match (known(), moved) {
            (Some(packed), _) => Ok(packed.path()),
            (None, Err(error)) => Err(failed(&error)),
            (None, Ok(())) => Err(failed(&"nothing was written")),
        }
    }
}

/// The charms that scripts of one base and branch may deploy by name, as one process tells another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShelfFile {
    /// The directory of the record that has their contents.
    pub(crate) state: PathBuf,
    /// Where they are written and packed.
    pub(crate) room: PathBuf,
    /// What they are, by name.
    pub(crate) charms: BTreeMap<String, Stored>,
}

impl ShelfFile {
    /// Reads the file that a suite names.
    ///
    /// # Errors
    ///
    /// Says why it cannot be read.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let fail = |why: &dyn std::fmt::Display| {
            let path = path.display();
            format!("cannot read the charms of the run, {path}: {why}")
        };
        let text = fs::read(path).map_err(|error| fail(&error))?;
        serde_json::from_slice(&text).map_err(|error| fail(&error))
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// Says why it cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_vec(self).map_err(|error| error.to_string())?;
        fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
    }
}

/// A charm of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stored {
    /// Its content.
    pub(crate) content: Digest,
    /// The content of its last version that passed its tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<Digest>,
    /// Why it must not be deployed, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<String>,
}

impl Stored {
    /// Returns what is said to who asks for a charm that must not be deployed.
    fn refusal(&self, name: &str) -> Option<Result<PathBuf, String>> {
        let why = self.refused.as_ref()?;
        Some(Err(format!("charm {name} is refused: {why}")))
    }
}

/// A shelf from which a script takes charms.
#[derive(Debug)]
pub(super) struct Shelf {
    charms: BTreeMap<String, Stored>,
    room: Room,
    asked: PathBuf,
}

impl Shelf {
    /// Reads the shelf in `file` for a test.
    ///
    /// # Errors
    ///
    /// Says why the file cannot be read.
    pub(super) fn read(file: &Path, test: &str) -> Result<Self, String> {
        let file = ShelfFile::read(file)?;
        let store = State::new(&file.state).store().clone();
        Ok(Self {
            charms: file.charms,
            asked: asked_directory(&file.room, test),
            room: Room::new(store, file.room),
        })
    }
}

impl charmtest_scripts::broker::Shelf for Shelf {
    fn asked(&self, name: &str) {
        // What cannot be noted is missed by `scope = "affected"` alone; the test itself goes on.
        let _ = fs::create_dir_all(&self.asked).and_then(|()| fs::write(self.asked.join(name), ""));
    }

    fn charm(&self, name: &str) -> Option<Result<PathBuf, String>> {
        let stored = self.charms.get(name)?;
        let refused = stored.refusal(name);
        refused.or_else(|| Some(self.room.packed("charms", name, &stored.content)))
    }

    fn previous(&self, name: &str) -> Option<Result<PathBuf, String>> {
        let stored = self.charms.get(name)?;
        let refused = stored.refusal(name);
        refused.or_else(|| {
            let previous = stored.previous.as_ref()?;
            Some(self.room.packed("previous", name, previous))
        })
    }

    fn names(&self) -> Vec<String> {
        self.charms.keys().cloned().collect()
    }
}

/// Returns the charm names that a test has asked for so far, in the order of their letters.
pub(crate) fn asked(room: &Path, test: &str) -> Vec<String> {
    let names = fs::read_dir(asked_directory(room, test));
    let names = names.into_iter().flatten().flatten();
    let mut names: Vec<String> = names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// Where a test notes the names: one empty file each, which survives whatever ends the test.
fn asked_directory(room: &Path, test: &str) -> PathBuf {
    room.join("asked").join(test.replace('/', "%2F"))
}

#[cfg(test)]
mod tests {
    use charmtest_collection::Tree;
    use charmtest_scripts::broker::Shelf as _;

    use super::*;

    fn charm(directory: &Path, state: &State, text: &str) -> Digest {
        let from = directory.join(text);
        fs::create_dir_all(from.join("hooks")).unwrap();
        let metadata = format!("name: a\nsummary: {text}\ndescription: d\n");
        fs::write(from.join("metadata.yaml"), metadata).unwrap();
        fs::write(from.join("hooks/install"), "#!/bin/sh\n").unwrap();
        let store = state.store();
        let mut keep = |_: &Digest, bytes: &[u8]| match store.put(bytes) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        let tree = Tree::read(&from, &mut keep).unwrap();
        store.put_tree(&tree).unwrap()
    }

    #[test]
    fn charms_are_packed_when_they_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let state = State::new(&directory.path().join("state"));
        let room = directory.path().join("room");
        let [content, previous] = ["new", "old"].map(|text| charm(directory.path(), &state, text));
        let stored = |previous: Option<&Digest>| Stored {
            content: content.clone(),
            previous: previous.cloned(),
            refused: None,
        };
        let file = ShelfFile {
            state: state.root().to_owned(),
            room: room.clone(),
            charms: [
                ("a".to_owned(), stored(Some(&previous))),
                ("b".to_owned(), stored(None)),
                (
                    "lost".to_owned(),
                    Stored {
                        content: Digest::of(b"lost"),
                        previous: None,
                        refused: None,
                    },
                ),
                (
                    "refused".to_owned(),
                    Stored {
                        refused: Some("untrusted".to_owned()),
                        ..stored(Some(&previous))
                    },
                ),
            ]
            .into(),
        };
        let path = directory.path().join("shelf.json");
        fs::write(&path, serde_json::to_vec(&file).unwrap()).unwrap();
        let shelf = Shelf::read(&path, "a::1.test").unwrap();
        assert!(!room.exists());

        let packed = shelf.charm("a").unwrap().unwrap();
        let bytes = fs::read(&packed).unwrap();
        assert!(bytes.starts_with(b"PK"), "{}", packed.display());
        assert_eq!(shelf.charm("a").unwrap().unwrap(), packed);
        let old = shelf.previous("a").unwrap().unwrap();
        assert_ne!(fs::read(&old).unwrap(), bytes);
        assert!(shelf.previous("b").is_none() && shelf.charm("c").is_none());
        let why = shelf.charm("lost").unwrap().unwrap_err();
        assert!(why.starts_with("cannot pack lost"), "{why}");
        for refused in [shelf.charm("refused"), shelf.previous("refused")] {
            let why = refused.unwrap().unwrap_err();
            assert_eq!(why, "charm refused is refused: untrusted");
        }
        assert_eq!(shelf.names(), ["a", "b", "lost", "refused"]);

        // Two at the same time.
        fs::remove_dir_all(&room).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(shelf.charm("a").unwrap().unwrap(), packed));
            }
        });
        assert_eq!(fs::read(&packed).unwrap(), bytes);

        assert!(asked(&room, "a::1.test").is_empty());
        for name in ["b", "a", "b"] {
            shelf.asked(name);
        }
        assert_eq!(asked(&room, "a::1.test"), ["a", "b"]);
        assert!(asked(&room, "a::2.test").is_empty());
    }
}
