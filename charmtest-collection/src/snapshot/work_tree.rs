//! Directories in a git work tree: what git would commit of them now, found without touching the repository.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::git::Git;
use super::objects::{CommitInfo, Objects};
use crate::error::{Context, Error, Result};

/// The state of a work tree, with its uncommitted changes and without ignored files.
pub(super) struct WorkTree {
    /// The branch; `-` when it is on none.
    pub(super) branch: String,
    /// The commit that it is at, if there is one.
    pub(super) commit: Option<CommitInfo>,
    /// The tree of the whole.
    root: String,
    objects: Objects,
    // Removed after `objects` has ended.
    _directory: tempfile::TempDir,
}

impl WorkTree {
    /// Reads the work tree at `root`, of which only `directories` are looked at.
    pub(super) fn read(git: &Git, root: &Path, directories: &[&Path]) -> Result<Self> {
        let mut command = git.command(root);
        command.args(["rev-parse", "--path-format=absolute", "--git-path", "index"]);
        command.args(["--git-path", "objects"]);
        let answer = text(git.run(command, None)?);
        let mut lines = answer.lines().map(PathBuf::from);
        let (Some(index), Some(objects)) = (lines.next(), lines.next()) else {
            return Err(Error::Git(format!(
                "git does not say where the index of {} is",
                root.display()
            )));
        };
        let directory = tempfile::tempdir().context("make a directory for", root)?;
        // The user's repository stays as it is: a copy of its index (which knows the times of its files), and objects of our own.
        let own_index = directory.path().join("index");
        match copy_index(&index, &own_index) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            result => result.context("read", &index)?,
        }
        let own_objects = directory.path().join("objects");
        fs::create_dir(&own_objects).context("make directory", &own_objects)?;
        let command = || -> Command {
            let mut command = git.command(root);
            command
                .env("GIT_INDEX_FILE", &own_index)
                .env("GIT_OBJECT_DIRECTORY", &own_objects)
                .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", quoted(&objects));
            command
        };
        let mut add = command();
        add.args([
            "add",
            "--all",
            "--pathspec-from-file=-",
            "--pathspec-file-nul",
        ]);
        git.run(add, Some(pathspecs(root, directories)))?;
        let mut write = command();
        write.arg("write-tree");
        let tree = text(git.run(write, None)?);
        let mut objects = Objects::open(git, command())?;
        let commit = objects.commit("HEAD")?;
        Ok(Self {
            branch: branch(root).unwrap_or_else(|| "-".to_owned()),
            commit,
            root: tree.trim_end().to_owned(),
            objects,
            _directory: directory,
        })
    }

    /// Returns the tree of a directory below the root; `None` when git ignores it.
    pub(super) fn tree_id(&mut self, below: &str) -> Result<Option<String>> {
        self.objects.tree_id(&self.root, below)
    }

    /// Returns the objects.
    pub(super) fn objects(&mut self) -> &mut Objects {
        &mut self.objects
    }
}

/// Copies an index with its time: what changed in the moment in which an index was written has the times that it knows, and git looks into
/// such files itself.
fn copy_index(from: &Path, to: &Path) -> std::io::Result<()> {
    let written = fs::metadata(from)?.modified()?;
    fs::copy(from, to)?;
    File::options().write(true).open(to)?.set_modified(written)
}

/// Returns the paths to look at. Git compares each with each file, so many become the directories that hold them.
fn pathspecs(root: &Path, directories: &[&Path]) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;

    let below = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_owned();
    let mut paths: Vec<PathBuf> = directories.iter().map(|path| below(path)).collect();
    if paths.len() > 32 {
        for path in &mut paths {
            path.pop();
        }
        paths.sort();
        paths.dedup();
    }
    let mut input = Vec::new();
    for path in paths {
        let bytes = path.as_os_str().as_bytes();
        input.extend_from_slice(if bytes.is_empty() { b"." } else { bytes });
        input.push(0);
    }
    input
}

/// Returns a path as `GIT_ALTERNATE_OBJECT_DIRECTORIES` takes it, in which colons separate.
fn quoted(path: &Path) -> String {
    let text = path
        .to_string_lossy()
        .replace('\\', "\\\\")
        .replace('"', "\\\"");
    format!("\"{text}\"")
}

/// Returns the branch of a work tree, as its `HEAD` says.
fn branch(root: &Path) -> Option<String> {
    let mut git = root.join(".git");
    if git.is_file() {
        let text = fs::read_to_string(&git).ok()?;
        git = root.join(text.trim_end().strip_prefix("gitdir: ")?);
    }
    let head = fs::read_to_string(git.join("HEAD")).ok()?;
    let branch = head.trim_end().strip_prefix("ref: refs/heads/")?;
    Some(branch.to_owned())
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Finds the work trees that directories are in; each directory on the way is looked at once.
#[derive(Default)]
pub(super) struct Roots(BTreeMap<PathBuf, Option<PathBuf>>);

impl Roots {
    /// Returns the root of the work tree that `path` is in, if it is in one.
    pub(super) fn of(&mut self, path: &Path) -> Option<PathBuf> {
        if let Some(known) = self.0.get(path) {
            return known.clone();
        }
        let root = if path.join(".git").exists() {
            Some(path.to_owned())
        } else {
            path.parent().and_then(|parent| self.of(parent))
        };
        self.0.insert(path.to_owned(), root.clone());
        root
    }
}
