//! Directories in a git work tree: what git would commit of them now, found without touching the repository.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::OFlags;

use super::git::Git;
use super::objects::{CommitInfo, Objects};
use super::refs::is_branch;
use crate::bounds::LARGEST_FILE;
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
    ///
    /// Whoever wrote the charm may have written the repository, too, and its settings can name programs and other directories. So it is
    /// asked where its files are, and they are read by a repository of our own, which has none of its settings but harmless ones.
    pub(super) fn read(git: &Git, root: &Path, directories: &[&Path]) -> Result<Self> {
        let mut command = git.command(root);
        command.args(["rev-parse", "--path-format=absolute", "--git-path", "index"]);
        command.args(["--git-path", "objects", "--git-path", "info/exclude"]);
        command.args(["--show-object-format", "--revs-only", "HEAD"]);
        let answer = text(git.run(command, None)?);
        let mut lines = answer.lines();
        let (Some(index), Some(objects), Some(exclude), Some(format)) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(Error::Git(format!(
                "git does not say where the index of {} is",
                root.display()
            )));
        };
        let head = lines.next().map(str::to_owned);
        let settings = settings(git, root);
        let directory = tempfile::tempdir().context("make a directory for", root)?;
        let own = directory.path();
        write_own(own, format).context("make a repository in", own)?;
        // The user's repository stays as it is: a copy of its index (which knows the times of its files), and objects of our own.
        let (index, exclude) = (Path::new(index), Path::new(exclude));
        copy_index(index, own).context("read", index)?;
        copy(exclude, &own.join("info/exclude")).context("read", exclude)?;
        let command = || -> Command {
            let mut command = git.command(root);
            command
                .env("GIT_DIR", own)
                .env("GIT_WORK_TREE", root)
                .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", quoted(objects))
                .envs(variables(&settings));
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
        let commit = head.map_or(Ok(None), |head| objects.commit(&head))?;
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

/// Settings of a repository that say how its files are to be understood. No other one counts.
const SETTINGS: &str = "^core\\.(filemode|symlinks|ignorecase|precomposeunicode|autocrlf|eol|trustctime|checkstat|excludesfile)$";

/// Returns the harmless settings of a repository, with their values.
fn settings(git: &Git, root: &Path) -> Vec<(String, String)> {
    let mut command = git.command(root);
    command.args(["config", "--local", "--null", "--get-regexp", SETTINGS]);
    // It fails when there are none.
    let answer = git.run(command, None).map(text).unwrap_or_default();
    let settings = answer.split_terminator('\0').filter_map(|setting| {
        let (name, value) = setting.split_once('\n')?;
        Some((name.to_owned(), value.to_owned()))
    });
    settings.collect()
}

/// Returns the variables by which git gets settings.
fn variables(settings: &[(String, String)]) -> Vec<(String, String)> {
    let mut variables = vec![("GIT_CONFIG_COUNT".to_owned(), settings.len().to_string())];
    for (number, (name, value)) in settings.iter().enumerate() {
        variables.push((format!("GIT_CONFIG_KEY_{number}"), name.clone()));
        variables.push((format!("GIT_CONFIG_VALUE_{number}"), value.clone()));
    }
    variables
}

/// Makes a repository without a commit, in which no filter of a file runs, whoever set it up: a file counts as it is.
fn write_own(own: &Path, format: &str) -> io::Result<()> {
    for name in ["objects", "refs", "info"] {
        fs::create_dir(own.join(name))?;
    }
    let mut config = "[core]\n\trepositoryformatversion = 1\n\tbare = false\n".to_owned();
    if format == "sha256" {
        config.push_str("[extensions]\n\tobjectformat = sha256\n");
    }
    fs::write(own.join("config"), config)?;
    fs::write(own.join("HEAD"), "ref: refs/heads/none\n")?;
    fs::write(own.join("info/attributes"), "* -filter\n")
}

/// Copies an index, with what it shares with others. It keeps its time: what changed in the moment in which an index was written has the
/// times that it knows, and git looks into such files itself.
fn copy_index(from: &Path, own: &Path) -> io::Result<()> {
    let to = own.join("index");
    copy(from, &to)?;
    let Ok(written) = fs::metadata(from).and_then(|about| about.modified()) else {
        return Ok(());
    };
    File::options()
        .write(true)
        .open(&to)?
        .set_modified(written)?;
    for item in from
        .parent()
        .map(fs::read_dir)
        .into_iter()
        .flatten()
        .flatten()
    {
        let item = item?;
        if item
            .file_name()
            .as_encoded_bytes()
            .starts_with(b"sharedindex.")
        {
            copy(&item.path(), &own.join(item.file_name()))?;
        }
    }
    Ok(())
}

/// Copies a file, if there is one. What is no file is not waited for.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let opened = File::options()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(from);
    match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(opened) if !opened.metadata()?.is_file() => Err(io::Error::other("it is no file")),
        Ok(opened) => io::copy(&mut opened.take(LARGEST_FILE), &mut File::create(to)?).map(drop),
    }
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
fn quoted(path: &str) -> String {
    let text = path.replace('\\', "\\\\").replace('"', "\\\"");
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
    is_branch(branch).then(|| branch.to_owned())
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
