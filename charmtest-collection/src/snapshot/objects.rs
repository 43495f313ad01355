//! Reading objects of a git repository: one process for as many as are wanted.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::git::{Git, Watchdog};
use crate::bounds::{Bounds, LARGEST_FILE, check_target, too_large};
use crate::digest::{Digest, hex};
use crate::error::{Error, Result};
use crate::store::Store;
use crate::tree::{FileKind, Tree, TreeEntry};

/// A `git cat-file --batch`.
pub(super) struct Objects {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    watchdog: Option<Watchdog>,
    /// Directories on the way to charms, with the trees in them: a collection looks for many charms in one.
    passed: HashMap<String, HashMap<String, String>>,
}

/// One object.
pub(super) struct Object {
    pub(super) id: String,
    kind: String,
    bytes: Vec<u8>,
    /// Whether it has more bytes than are read; `bytes` has none of them.
    is_too_large: bool,
}

/// Who made a commit, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CommitInfo {
    pub(super) id: String,
    pub(super) author: String,
    pub(super) subject: String,
}

impl Objects {
    /// Starts reading; `command` is a call of git that knows its repository.
    pub(super) fn open(git: &Git, mut command: Command) -> Result<Self> {
        command
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| git.not_started(&error))?;
        let watchdog = Watchdog::of(&child, git.limit);
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::Git("git has no standard streams".to_owned()));
        };
        Ok(Self {
            child,
            stdin: Some(stdin),
            stdout: BufReader::new(stdout),
            watchdog: Some(watchdog),
            passed: HashMap::new(),
        })
    }

    /// Returns an object by its name, if there is one.
    pub(super) fn get(&mut self, name: &str) -> Result<Option<Object>> {
        if name.contains('\n') {
            return Ok(None);
        }
        self.ask(name).map_err(|error| {
            Error::Git(format!("`git cat-file --batch`, asked for {name}: {error}"))
        })
    }

    fn ask(&mut self, name: &str) -> std::io::Result<Option<Object>> {
        if let Some(stdin) = &mut self.stdin {
            stdin.write_all(format!("{name}\n").as_bytes())?;
            stdin.flush()?;
        }
        let mut header = String::new();
        self.stdout.read_line(&mut header)?;
        let words: Vec<&str> = header.trim_end().rsplitn(3, ' ').collect();
        let [size, kind, id] = words.as_slice() else {
            if header.is_empty() {
                return Err(std::io::Error::other("it ended"));
            }
            return Ok(None);
        };
        let Ok(size) = size.parse::<u64>() else {
            return Ok(None);
        };
        let is_too_large = size > LARGEST_FILE;
        let mut bytes = Vec::new();
        // With the new line that follows it. What is too large to be kept must be read all the same, or the next answer is not found.
        let mut content = (&mut self.stdout).take(size.saturating_add(1));
        let read = match is_too_large {
            true => std::io::copy(&mut content, &mut std::io::sink())?,
            false => content.read_to_end(&mut bytes)? as u64,
        };
        if read <= size {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.pop();
        Ok(Some(Object {
            id: (*id).to_owned(),
            kind: (*kind).to_owned(),
            bytes,
            is_too_large,
        }))
    }

    /// Returns the id of the tree of `subdir` in `root`, a commit or a tree, if there is one.
    pub(super) fn tree_id(&mut self, root: &str, subdir: &str) -> Result<Option<String>> {
        let mut tree = format!("{root}^{{tree}}");
        for part in subdir.split('/').filter(|part| !matches!(*part, "" | ".")) {
            match self.trees_in(&tree)?.get(part) {
                Some(below) => tree.clone_from(below),
                None => return Ok(None),
            }
        }
        if tree.ends_with('}') {
            let object = self.get(&tree)?.filter(|object| object.kind == "tree");
            return Ok(object.map(|object| object.id));
        }
        Ok(Some(tree))
    }

    /// Returns the trees in a tree by their names; none when it is not there.
    fn trees_in(&mut self, tree: &str) -> Result<&HashMap<String, String>> {
        if !self.passed.contains_key(tree) {
            let object = self.get(tree)?.filter(|object| object.kind == "tree");
            let lines = object.map(|object| {
                parse_tree(&object.bytes, object.id.len() / 2)
                    .ok_or_else(|| not_understood(&object.id))
            });
            let lines = lines.transpose()?.unwrap_or_default().into_iter();
            let trees = lines.filter(|line| line.mode == TREE);
            // A name that is no text can be asked for by nobody.
            let trees =
                trees.filter_map(|line| Some((String::from_utf8(line.name).ok()?, line.id)));
            let trees = trees.collect();
            self.passed.insert(tree.to_owned(), trees);
        }
        Ok(&self.passed[tree])
    }

    /// Returns what a commit says.
    pub(super) fn commit(&mut self, id: &str) -> Result<Option<CommitInfo>> {
        let object = self.get(id)?.filter(|object| object.kind == "commit");
        Ok(object.map(|object| {
            let text = String::from_utf8_lossy(&object.bytes);
            let (head, message) = text.split_once("\n\n").unwrap_or((&text, ""));
            let author = head.lines().find_map(|line| line.strip_prefix("author "));
            // The name and the address; after them come the time and its zone.
            let author = author.and_then(|author| author.rsplitn(3, ' ').nth(2));
            CommitInfo {
                id: object.id,
                author: plain(author.unwrap_or_default()),
                subject: plain(message.lines().next().unwrap_or_default()),
            }
        }))
    }

    /// Puts a whole tree into the store.
    pub(super) fn import(&mut self, tree: &str, store: &Store) -> Result<Digest> {
        let mut entries = Vec::new();
        let mut bounds = Bounds::default();
        self.import_into(tree, "", store, &mut bounds, &mut entries)?;
        let tree = Tree::new(entries).map_err(Error::Git)?;
        store.put_tree(&tree)
    }

    fn import_into(
        &mut self,
        tree: &str,
        prefix: &str,
        store: &Store,
        bounds: &mut Bounds,
        entries: &mut Vec<TreeEntry>,
    ) -> Result<()> {
        // Trees cost their author nothing: a few of them may name themselves a thousand times.
        bounds.enter().map_err(Error::Git)?;
        let missing = |id: &str| Error::Git(format!("the git object {id} is not there"));
        let object = self.get(tree)?.ok_or_else(|| missing(tree))?;
        let lines =
            parse_tree(&object.bytes, tree.len() / 2).ok_or_else(|| not_understood(tree))?;
        for line in lines {
            bounds.name().map_err(Error::Git)?;
            let name = String::from_utf8(line.name).map_err(|_| not_understood(tree))?;
            let path = format!("{prefix}{name}");
            let id = line.id;
            let kind = match line.mode.as_str() {
                TREE => {
                    self.import_into(&id, &format!("{path}/"), store, bounds, entries)?;
                    continue;
                }
                "100755" => FileKind::Executable,
                "120000" => FileKind::Link,
                "160000" => {
                    return Err(Error::Git(format!(
                        "{path} is a git submodule, which cannot be recorded; put its files into the charm"
                    )));
                }
                _ => FileKind::File,
            };
            let object = self.get(&id)?.ok_or_else(|| missing(&id))?;
            if object.is_too_large {
                return Err(Error::Git(too_large(&path)));
            }
            if kind == FileKind::Link {
                check_target(&path, &object.bytes).map_err(Error::Git)?;
            }
            bounds.bytes(object.bytes.len()).map_err(Error::Git)?;
            let sha256 = store.put(&object.bytes)?;
            entries.push(TreeEntry { path, kind, sha256 });
        }
        bounds.leave();
        Ok(())
    }
}

/// How much is kept of what a commit says.
const LONGEST_TEXT: usize = 500;

/// Returns a text without what a terminal obeys, and not too much of it: whoever made the commit wrote it.
fn plain(text: &str) -> String {
    let kept = text.chars().filter(|letter| !letter.is_control());
    kept.take(LONGEST_TEXT).collect()
}

/// The mode of a directory.
const TREE: &str = "40000";

fn not_understood(tree: &str) -> Error {
    Error::Git(format!("the git tree {tree} is not understood"))
}

/// One line of a tree object.
struct TreeLine {
    mode: String,
    name: Vec<u8>,
    id: String,
}

/// Takes the content of a tree object apart.
fn parse_tree(mut bytes: &[u8], id_length: usize) -> Option<Vec<TreeLine>> {
    let mut lines = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ')?;
        let end = bytes.iter().position(|byte| *byte == 0)?;
        lines.push(TreeLine {
            mode: std::str::from_utf8(bytes.get(..space)?).ok()?.to_owned(),
            name: bytes.get(space + 1..end)?.to_owned(),
            id: hex(bytes.get(end + 1..end + 1 + id_length)?),
        });
        bytes = &bytes[end + 1 + id_length..];
    }
    Some(lines)
}

impl Drop for Objects {
    fn drop(&mut self) {
        drop(self.stdin.take());
        if let Some(watchdog) = self.watchdog.take() {
            let _ = self.child.kill();
            watchdog.end();
        }
        let _ = self.child.wait();
    }
}
