//! Contents by their digests.

use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::digest::Digest;
use crate::disk::{Disk, Durability};
use crate::error::{Context, Error, Result};
use crate::tree::{FileKind, Tree, TreeEntry};

/// A content-addressed store, `cas/sha256/ab/...`: what is written under a digest is what is read under it, or an error.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    disk: Arc<Disk>,
}

impl Store {
    /// Opens the store in `state`'s directory; it is made when something is put there.
    pub(crate) fn new(state: &Path, disk: Arc<Disk>) -> Self {
        Self {
            root: state.join("cas/sha256"),
            disk,
        }
    }

    /// Returns the state directory that it is in.
    #[must_use]
    pub fn state(&self) -> &Path {
        self.root.ancestors().nth(2).unwrap_or(&self.root)
    }

    /// Returns where the content of `digest` is, or would be.
    #[must_use]
    pub fn path(&self, digest: &Digest) -> PathBuf {
        let text = digest.as_str();
        self.root.join(&text[..2]).join(&text[2..])
    }

    /// Keeps some content and returns its digest.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be written. A damaged object of that digest is written again.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(bytes);
        self.put_as(&digest, bytes)?;
        Ok(digest)
    }

    /// Keeps content whose digest is known.
    pub(crate) fn put_as(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        let path = self.path(digest);
        if fs::read(&path).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        self.disk.write(&path, bytes, Durability::Cache)
    }

    /// Returns the content of a digest.
    ///
    /// # Errors
    ///
    /// Fails when it is not there, and names the file when one byte of it is not what was put there.
    pub fn get(&self, digest: &Digest) -> Result<Vec<u8>> {
        let path = self.path(digest);
        let bytes = fs::read(&path).context("read stored content", &path)?;
        let found = Digest::of(&bytes);
        if found != *digest {
            return Err(Error::Corrupt {
                path,
                message: format!(
                    "its content has the sha256 {}; remove it, and the next look reads it again if its source still has it",
                    found.as_str()
                ),
            });
        }
        Ok(bytes)
    }

    /// Says whether a tree is here with all its files, which are not read.
    pub(crate) fn has(&self, content: &Digest) -> bool {
        let Ok(tree) = self.tree(content) else {
            return false;
        };
        let mut entries = tree.entries().iter();
        entries.all(|entry| self.path(&entry.sha256).is_file())
    }

    /// Keeps the manifest of a tree, whose files are kept already.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be written.
    pub fn put_tree(&self, tree: &Tree) -> Result<Digest> {
        self.put(&tree.manifest())
    }

    /// Returns a tree that was kept.
    ///
    /// # Errors
    ///
    /// Fails when its manifest is missing or damaged.
    pub fn tree(&self, content: &Digest) -> Result<Tree> {
        let bytes = self.get(content)?;
        Tree::parse(&bytes).map_err(|message| Error::Corrupt {
            path: self.path(content),
            message,
        })
    }

    /// Returns the file of a kept tree that a path means, links followed; see [`Tree::resolve`].
    pub(crate) fn resolve<'t>(&self, tree: &'t Tree, path: &str) -> Option<&'t TreeEntry> {
        let target = |link: &TreeEntry| String::from_utf8(self.get(&link.sha256).ok()?).ok();
        tree.resolve(path, &target)
    }

    /// Checks every byte of a tree.
    ///
    /// # Errors
    ///
    /// Names the first object that is missing or damaged.
    pub fn verify(&self, content: &Digest) -> Result<()> {
        for entry in self.tree(content)?.entries() {
            self.get(&entry.sha256)?;
        }
        Ok(())
    }

    /// Writes a tree to `directory`, which must not be there; all of it is checked, and nothing is left when something is wrong.
    ///
    /// # Errors
    ///
    /// Fails when an object is missing or damaged, or the directory cannot be written.
    pub fn check_out(&self, content: &Digest, directory: &Path) -> Result<()> {
        let tree = self.tree(content)?;
        let parent = directory.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(parent).context("make directory", parent)?;
        let temporary = tempfile::Builder::new()
            .prefix(".new-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in(parent)
            .context("make a directory in", parent)?;
        for entry in tree.entries() {
            let path = temporary.path().join(&entry.path);
            let bytes = self.get(&entry.sha256)?;
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).context("make directory", parent)?;
            }
            match entry.kind {
                FileKind::Link => {
                    let target = std::ffi::OsStr::from_bytes(&bytes);
                    std::os::unix::fs::symlink(target, &path).context("write", &path)?;
                }
                FileKind::File | FileKind::Executable => {
                    fs::write(&path, bytes).context("write", &path)?;
                    let executable = entry.kind == FileKind::Executable;
                    let mode = if executable { 0o755 } else { 0o644 };
                    let permissions = Permissions::from_mode(mode);
                    fs::set_permissions(&path, permissions).context("change mode of", &path)?;
                }
            }
        }
        let temporary = temporary.keep();
        fs::rename(&temporary, directory).context("write", directory)
    }

    /// Returns the digests of all objects.
    pub(crate) fn objects(&self) -> Result<Vec<Digest>> {
        let mut digests = Vec::new();
        let Ok(groups) = fs::read_dir(&self.root) else {
            return Ok(digests);
        };
        for group in groups {
            let group = group.context("list", &self.root)?;
            let prefix = group.file_name();
            let path = group.path();
            for object in fs::read_dir(&path).context("list", &path)? {
                let rest = object.context("list", &path)?.file_name();
                let name = format!("{}{}", prefix.to_string_lossy(), rest.to_string_lossy());
                digests.extend(Digest::parse(&name));
            }
        }
        Ok(digests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path(), Arc::default());
        (directory, store)
    }

    #[test]
    fn a_tree_comes_back_as_it_was() {
        let (directory, store) = store();
        assert_eq!(store.state(), directory.path());
        let from = directory.path().join("from");
        fs::create_dir_all(from.join("hooks")).unwrap();
        fs::write(from.join("hooks/install"), b"\xff#!").unwrap();
        fs::set_permissions(from.join("hooks/install"), Permissions::from_mode(0o755)).unwrap();
        fs::write(from.join("metadata.yaml"), "name: a").unwrap();
        std::os::unix::fs::symlink("hooks/install", from.join("link")).unwrap();
        let mut keep =
            |digest: &Digest, bytes: &[u8]| store.put_as(digest, bytes).map_err(|e| e.to_string());
        let tree = Tree::read(&from, &mut keep).unwrap();
        let content = store.put_tree(&tree).unwrap();
        let to = directory.path().join("to");
        store.check_out(&content, &to).unwrap();
        assert_eq!(
            Tree::read(&to, &mut |_, _| Ok(())).unwrap().digest(),
            content
        );
    }

    #[test]
    fn one_flipped_byte_is_refused_by_name_and_put_again_repairs_it() {
        let (directory, store) = store();
        let from = directory.path().join("from");
        fs::create_dir_all(&from).unwrap();
        fs::write(from.join("metadata.yaml"), "name: a").unwrap();
        let mut keep =
            |digest: &Digest, bytes: &[u8]| store.put_as(digest, bytes).map_err(|e| e.to_string());
        let content = store
            .put_tree(&Tree::read(&from, &mut keep).unwrap())
            .unwrap();
        for object in store.objects().unwrap() {
            let path = store.path(&object);
            let whole = fs::read(&path).unwrap();
            let mut bytes = whole.clone();
            bytes[3] ^= 1;
            fs::write(&path, &bytes).unwrap();
            let error = store.verify(&content).unwrap_err();
            assert!(
                matches!(&error, Error::Corrupt { path: named, .. } if *named == path),
                "{error}"
            );
            let to = directory.path().join("to");
            store.check_out(&content, &to).unwrap_err();
            assert!(!to.exists());
            store.put(&whole).unwrap();
            store.verify(&content).unwrap();
            fs::remove_file(&path).unwrap();
            store.verify(&content).unwrap_err();
            store.put(&whole).unwrap();
        }
    }
}
