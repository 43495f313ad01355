//! Git repositories elsewhere: their branches, and copies of what moved.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::git::Git;
use super::objects::Objects;
use super::refs;
use crate::digest::Digest;
use crate::error::{Context, Error, Result};

/// How many repositories are asked at the same time.
const SIDE_BY_SIDE: usize = 8;

/// Returns the branches of each repository with their commits.
pub(super) fn branches(git: &Git, urls: &[&str]) -> Vec<Result<BTreeMap<String, String>>> {
    let part = urls.len().div_ceil(SIDE_BY_SIDE).max(1);
    std::thread::scope(|scope| {
        let parts = urls.chunks(part);
        let running: Vec<_> = parts
            .map(|part| {
                let one = |url: &&str| refs::local(url).map_or_else(|| ls_remote(git, url), Ok);
                scope.spawn(move || part.iter().map(one).collect::<Vec<_>>())
            })
            .collect();
        let joined = running.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined
            .flat_map(|results| results.unwrap_or_default())
            .collect()
    })
}

fn ls_remote(git: &Git, url: &str) -> Result<BTreeMap<String, String>> {
    let mut command = git.command(Path::new("/"));
    command.args(["ls-remote", "--heads", "--", url]);
    let answer = git.run(command, None)?;
    let text = String::from_utf8_lossy(&answer);
    let branches = text.lines().filter_map(|line| {
        let (commit, name) = line.split_once('\t')?;
        let branch = name.strip_prefix("refs/heads/")?;
        Some((branch.to_owned(), refs::commit(commit)?))
    });
    let branches = branches.filter(|(branch, _)| refs::is_branch(branch));
    Ok(branches.collect())
}

/// Our copy of the newest commits of a repository.
pub(super) struct Mirror {
    path: PathBuf,
}

impl Mirror {
    /// Returns the mirror of `url` below `directory`, which need not be there yet.
    pub(super) fn new(directory: &Path, url: &str) -> Self {
        let name = Digest::of(url.as_bytes());
        Self {
            path: directory.join(name.short()),
        }
    }

    /// Fetches branches; a mirror that a killed process left broken is made anew.
    pub(super) fn fetch(&self, git: &Git, url: &str, branches: &[&str]) -> Result<()> {
        match self.try_fetch(git, url, branches) {
            Err(_) if self.path.exists() => {
                fs::remove_dir_all(&self.path).context("remove", &self.path)?;
                self.try_fetch(git, url, branches)
            }
            result => result,
        }
    }

    fn try_fetch(&self, git: &Git, url: &str, branches: &[&str]) -> Result<()> {
        if !self.path.join("HEAD").exists() {
            fs::create_dir_all(&self.path).context("make directory", &self.path)?;
            let mut init = git.command(&self.path);
            init.args(["init", "--quiet", "--bare", "--template=", "."]);
            git.run(init, None)?;
        }
        let mut fetch = git.command(&self.path);
        fetch.env("GIT_DIR", &self.path);
        fetch.args([
            "fetch",
            "--quiet",
            "--depth=1",
            "--no-tags",
            "--no-write-fetch-head",
        ]);
        fetch.args([
            "--no-recurse-submodules",
            "--update-head-ok",
            "--stdin",
            "--",
            url,
        ]);
        let refs: String = branches
            .iter()
            .map(|branch| format!("+refs/heads/{branch}:refs/heads/{branch}\n"))
            .collect();
        git.run(fetch, Some(refs.into_bytes())).map(drop)
    }

    /// Opens the objects.
    pub(super) fn objects(&self, git: &Git) -> Result<Objects> {
        if !self.path.join("HEAD").exists() {
            return Err(Error::Git(format!("{} is not there", self.path.display())));
        }
        let mut command = git.command(&self.path);
        command.env("GIT_DIR", &self.path);
        Objects::open(git, command)
    }
}
