//! `charms.toml`: which charms are watched, and how.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::error::{Context, Error, Result};
use crate::job::Variant;

/// Whether a charm's code may run here without a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// It comes from where we say, and may run.
    Official,
    /// Each version of it needs an approval, or a sandbox of the level that is required.
    Untrusted,
}

/// Whose tests run for a delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Every charm's of the collection.
    All,
    /// Those of the charms that changed, of those whose tests deployed one of them, and of those that share an interface with one.
    Affected,
    /// Those of the charms that changed.
    Changed,
}

/// Where a charm comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Directories: each that the pattern matches is a charm.
    Directories {
        /// An absolute path; its last parts may be patterns of a shell.
        pattern: PathBuf,
    },
    /// A git repository.
    Git {
        /// Its address, as `git` takes it; an absolute path when it was a path.
        url: String,
        /// Names of branches; `*` stands for anything.
        branches: Vec<String>,
    },
}

/// One `[[charm]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The charm's name, when its metadata are not to say it.
    pub name: Option<String>,
    /// Where it comes from.
    pub location: Location,
    /// The charm's directory in there, or nothing.
    pub subdir: String,
    /// Whether it may run without a review.
    pub trust: Trust,
    /// The bases it is tested for.
    pub bases: Vec<String>,
    /// The line of the file, counted from 1.
    pub line: usize,
}

/// A collection of charms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// The file it was read from.
    pub file: PathBuf,
    /// The charms, in the order of the file.
    pub charms: Vec<Source>,
    /// Names that tests deploy, and what they mean: a name in a charm store (`ch:NAME`) or an absolute path.
    pub resolve: BTreeMap<String, String>,
    /// The ways in which everything is tested; one without axes when the file has no matrix.
    pub variants: Vec<Variant>,
    /// Whose tests run for a delta.
    pub scope: Scope,
    /// The sandbox level at which untrusted charms may run; without one they never do.
    pub required_sandbox: Option<u8>,
    /// How long a directory must stay the same before it counts.
    pub settle: Duration,
    /// How often a job is tried again when something around it failed.
    pub infra_retries: u32,
}

/// The axes that a matrix may have, in the order in which they vary.
const AXES: [&str; 3] = ["backend", "juju", "sandbox"];

/// The highest sandbox level that there is anywhere.
const HIGHEST_LEVEL: u8 = 3;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    #[serde(default)]
    defaults: Defaults,
    #[serde(default)]
    charm: Vec<Spanned<Charm>>,
    #[serde(default)]
    resolve: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    matrix: BTreeMap<Spanned<String>, Spanned<Vec<String>>>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Defaults {
    bases: Vec<Spanned<String>>,
    branches: Vec<Spanned<String>>,
    trust: Trust,
    scope: Scope,
    required_sandbox: Option<Spanned<u8>>,
    settle_ms: u32,
    infra_retries: u32,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            bases: vec![Spanned::new(0..0, "ubuntu@24.04".to_owned())],
            branches: vec![Spanned::new(0..0, "main".to_owned())],
            trust: Trust::Untrusted,
            scope: Scope::All,
            required_sandbox: None,
            settle_ms: 200,
            infra_retries: 2,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Charm {
    name: Option<Spanned<String>>,
    path: Option<Spanned<String>>,
    git: Option<Spanned<String>>,
    branches: Option<Vec<Spanned<String>>>,
    subdir: Option<Spanned<String>>,
    trust: Option<Trust>,
    bases: Option<Vec<Spanned<String>>>,
}

impl Collection {
    /// Reads a collection file.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be read, and names the line of what is wrong in it.
    pub fn read(file: &Path) -> Result<Self> {
        let file = std::path::absolute(file).context("find", file)?;
        let text = fs::read_to_string(&file).context("read", &file)?;
        Self::parse(&file, &text)
    }

    /// Understands the text of a collection file; relative paths begin where `file` is.
    ///
    /// # Errors
    ///
    /// Names the line of what is wrong.
    pub fn parse(file: &Path, text: &str) -> Result<Self> {
        let reader = Reader {
            file,
            ends: text.match_indices('\n').map(|(end, _)| end).collect(),
            directory: file.parent().unwrap_or(Path::new("/")),
        };
        let parsed: File = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            reader.wrong(start, error.message())
        })?;
        reader.collection(parsed)
    }
}

struct Reader<'a> {
    file: &'a Path,
    /// Where each line of the text ends.
    ends: Vec<usize>,
    directory: &'a Path,
}

impl Reader<'_> {
    fn line(&self, offset: usize) -> usize {
        self.ends.partition_point(|end| *end < offset) + 1
    }

    fn wrong(&self, offset: usize, message: impl Into<String>) -> Error {
        Error::Collection {
            file: self.file.to_owned(),
            line: self.line(offset),
            message: message.into(),
        }
    }

    fn collection(&self, parsed: File) -> Result<Collection> {
        let defaults = parsed.defaults;
        if let Some(level) = &defaults.required_sandbox
            && *level.get_ref() > HIGHEST_LEVEL
        {
            let text = format!("there are sandbox levels up to {HIGHEST_LEVEL}");
            return Err(self.wrong(level.span().start, text));
        }
        let bases = self.bases(&defaults.bases)?;
        let branches = self.branches(&defaults.branches)?;
        let mut charms = Vec::new();
        for charm in &parsed.charm {
            charms.push(self.charm(charm, &defaults, &bases, &branches)?);
        }
        if charms.is_empty() {
            return Err(self.wrong(0, "there is no [[charm]]"));
        }
        let mut resolve = BTreeMap::new();
        for (name, target) in &parsed.resolve {
            let value = target.get_ref();
            let resolved = match value.strip_prefix("ch:") {
                Some(in_store) if is_charm_name(in_store) => value.clone(),
                Some(_) => {
                    return Err(self.wrong(
                        target.span().start,
                        format!("`{value}` names no charm of the store"),
                    ));
                }
                None => self.absolute(value).to_string_lossy().into_owned(),
            };
            if !is_charm_name(name) {
                return Err(self.wrong(
                    target.span().start,
                    format!("`{name}` cannot be the name of a charm"),
                ));
            }
            resolve.insert(name.clone(), resolved);
        }
        Ok(Collection {
            file: self.file.to_owned(),
            charms,
            resolve,
            variants: self.variants(&parsed.matrix)?,
            scope: defaults.scope,
            required_sandbox: defaults.required_sandbox.map(Spanned::into_inner),
            settle: Duration::from_millis(defaults.settle_ms.into()),
            infra_retries: defaults.infra_retries,
        })
    }

    fn charm(
        &self,
        charm: &Spanned<Charm>,
        defaults: &Defaults,
        bases: &[String],
        branches: &[String],
    ) -> Result<Source> {
        let start = charm.span().start;
        let of = charm.get_ref();
        let location = match (&of.path, &of.git) {
            (Some(path), None) => {
                if let Some(branches) = &of.branches {
                    let at = branches.first().map_or(start, |branch| branch.span().start);
                    return Err(
                        self.wrong(at, "`branches` is for `git`; a directory is read as it is")
                    );
                }
                let pattern = self.absolute(path.get_ref());
                let text = pattern.to_string_lossy();
                glob::Pattern::new(&text)
                    .map_err(|error| self.wrong(path.span().start, format!("`{text}`: {error}")))?;
                Location::Directories { pattern }
            }
            (None, Some(git)) => Location::Git {
                url: self.url(git)?,
                branches: match &of.branches {
                    Some(branches) => self.branches(branches)?,
                    None => branches.to_vec(),
                },
            },
            _ => return Err(self.wrong(start, "a [[charm]] needs one of `path` and `git`")),
        };
        if let Some(name) = &of.name {
            if !is_charm_name(name.get_ref()) {
                let text = format!("`{}` cannot be the name of a charm", name.get_ref());
                return Err(self.wrong(name.span().start, text));
            }
            if let Location::Directories { pattern } = &location
                && has_pattern(pattern)
            {
                return Err(self.wrong(
                    name.span().start,
                    "a pattern may match several charms, which cannot all have this `name`",
                ));
            }
        }
        let subdir = match &of.subdir {
            Some(subdir) => {
                let parts = Path::new(subdir.get_ref()).components();
                let mut kept = Vec::new();
                for part in parts {
                    match part {
                        Component::CurDir => {}
                        Component::Normal(name) => kept.push(name.to_string_lossy().into_owned()),
                        _ => {
                            return Err(self.wrong(
                                subdir.span().start,
                                "`subdir` must stay in its repository",
                            ));
                        }
                    }
                }
                kept.join("/")
            }
            None => String::new(),
        };
        Ok(Source {
            name: of.name.as_ref().map(|name| name.get_ref().clone()),
            location,
            subdir,
            trust: of.trust.unwrap_or(defaults.trust),
            bases: match &of.bases {
                Some(bases) => self.bases(bases)?,
                None => bases.to_vec(),
            },
            line: self.line(start),
        })
    }

    /// Checks an address, and makes a path absolute.
    fn url(&self, git: &Spanned<String>) -> Result<String> {
        let url = git.get_ref().as_str();
        // `ext::` and its like run programs that the address names.
        if url.is_empty()
            || url.starts_with('-')
            || url.contains("::")
            || url.contains(['\n', '\0'])
        {
            return Err(self.wrong(
                git.span().start,
                format!("`{url}` is no address of a git repository"),
            ));
        }
        let is_scp = url
            .find(':')
            .is_some_and(|colon| !url[..colon].contains('/'));
        if url.contains("://") || is_scp {
            return Ok(url.to_owned());
        }
        Ok(self.absolute(url).to_string_lossy().into_owned())
    }

    fn bases(&self, bases: &[Spanned<String>]) -> Result<Vec<String>> {
        for base in bases {
            let letter =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'@');
            let text = base.get_ref();
            let (name, channel) = text.split_once('@').unwrap_or((text, ""));
            if name.is_empty() || channel.is_empty() || !text.bytes().all(letter) {
                return Err(self.wrong(
                    base.span().start,
                    format!("`{text}` is no base; one is `ubuntu@24.04`"),
                ));
            }
        }
        self.some(bases, "bases")
    }

    fn branches(&self, branches: &[Spanned<String>]) -> Result<Vec<String>> {
        for branch in branches {
            let text = branch.get_ref();
            let bad = |byte: u8| {
                byte <= b' ' || matches!(byte, b'~' | b'^' | b':' | b'\\' | b'?' | b'[' | 127)
            };
            if text.is_empty()
                || text.starts_with(['-', '/'])
                || text.contains("..")
                || text.bytes().any(bad)
            {
                return Err(self.wrong(
                    branch.span().start,
                    format!("`{text}` is no name of a branch; `*` stands for anything"),
                ));
            }
        }
        self.some(branches, "branches")
    }

    /// Returns the texts of a list without doubles.
    fn some(&self, texts: &[Spanned<String>], key: &str) -> Result<Vec<String>> {
        if texts.is_empty() {
            return Err(self.wrong(0, format!("a list `{key}` is empty")));
        }
        let mut seen = BTreeSet::new();
        for text in texts {
            if !seen.insert(text.get_ref()) {
                return Err(self.wrong(
                    text.span().start,
                    format!("`{}` is there twice", text.get_ref()),
                ));
            }
        }
        Ok(texts.iter().map(|text| text.get_ref().clone()).collect())
    }

    fn variants(
        &self,
        matrix: &BTreeMap<Spanned<String>, Spanned<Vec<String>>>,
    ) -> Result<Vec<Variant>> {
        for (axis, values) in matrix {
            if !AXES.contains(&axis.get_ref().as_str()) {
                let text = format!(
                    "a matrix has no axis `{}`; its axes are {}",
                    axis.get_ref(),
                    AXES.join(", ")
                );
                return Err(self.wrong(axis.span().start, text));
            }
            let distinct: BTreeSet<&String> = values.get_ref().iter().collect();
            if distinct.is_empty() || distinct.len() < values.get_ref().len() {
                let text = format!("`{}` needs values, each once", axis.get_ref());
                return Err(self.wrong(values.span().start, text));
            }
        }
        let axes = AXES.iter().filter_map(|axis| {
            let found = matrix.iter().find(|(key, _)| key.get_ref() == axis)?;
            Some((*axis, found.1.get_ref().as_slice()))
        });
        Ok(Variant::product(axes))
    }

    fn absolute(&self, path: &str) -> PathBuf {
        let mut absolute = self.directory.to_owned();
        for part in Path::new(path).components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => {
                    absolute.pop();
                }
                part => absolute.push(part),
            }
        }
        absolute
    }
}

/// Says whether a path has parts that a shell would replace.
pub(crate) fn has_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

/// Says whether `name` can be the name of a charm, as Juju has it.
pub(crate) fn is_charm_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Says whether `branch` matches `pattern`, in which `*` stands for anything, `/` too.
pub(crate) fn branch_matches(pattern: &str, branch: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = branch.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Collection> {
        Collection::parse(Path::new("/c/charms.toml"), text)
    }

    #[test]
    fn all_that_a_file_can_say() {
        let collection = parse(
            r#"
[defaults]
bases = ["ubuntu@22.04", "ubuntu@24.04"]
trust = "official"
scope = "affected"
required-sandbox = 3
settle-ms = 50
infra-retries = 1

[[charm]]
name = "mysql"
git = "https://example.com/mysql.git"
branches = ["main", "release/*"]
subdir = "./charm"
trust = "untrusted"
bases = ["ubuntu@24.04"]

[[charm]]
path = "../charms/*"

[[charm]]
git = "repos/wiki"

[resolve]
memcached = "ch:memcached"
postgres = "postgres.charm"

[matrix]
sandbox = ["off", "1"]
juju = ["3.6", "4.0"]
"#,
        )
        .unwrap();
        assert_eq!(collection.scope, Scope::Affected);
        assert_eq!(collection.required_sandbox, Some(3));
        assert_eq!(collection.settle, Duration::from_millis(50));
        let [mysql, charms, wiki] = collection.charms.as_slice() else {
            panic!("three sources");
        };
        assert_eq!(
            (mysql.trust, mysql.subdir.as_str(), mysql.line),
            (Trust::Untrusted, "charm", 10)
        );
        assert_eq!(mysql.bases, ["ubuntu@24.04"]);
        let pattern = PathBuf::from("/charms/*");
        assert_eq!(charms.location, Location::Directories { pattern });
        assert_eq!((charms.trust, charms.bases.len()), (Trust::Official, 2));
        let location = Location::Git {
            url: "/c/repos/wiki".to_owned(),
            branches: vec!["main".to_owned()],
        };
        assert_eq!(wiki.location, location);
        assert_eq!(collection.resolve["memcached"], "ch:memcached");
        assert_eq!(collection.resolve["postgres"], "/c/postgres.charm");
        let variants: Vec<String> = collection
            .variants
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(variants, ["3.6,off", "3.6,1", "4.0,off", "4.0,1"]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, line, word) in [
            ("", 1, "no [[charm]]"),
            ("[[charm]]\npath = 'a'\ngit = 'b'", 1, "one of"),
            ("\n[[charm]]\nname = 'a'", 2, "one of"),
            ("[[charm]]\npath = 'a'\nbranch = 'b'", 3, "branch"),
            ("[[charm]]\npath = 'a'\nbranches = ['b']", 3, "`git`"),
            ("[[charm]]\npath = 'a*'\nname = 'b'", 3, "pattern"),
            ("[[charm]]\npath = 'a'\nname = 'B'", 3, "`B`"),
            ("[[charm]]\npath = '[a'", 2, "[a"),
            ("[[charm]]\ngit = 'a'\nsubdir = '../b'", 3, "subdir"),
            ("[[charm]]\ngit = 'ext::sh -c id'", 2, "address"),
            ("[[charm]]\ngit = '--upload-pack=id'", 2, "address"),
            ("[[charm]]\ngit = 'a'\nbranches = ['-x']", 3, "`-x`"),
            ("[[charm]]\ngit = 'a'\nbranches = ['x', 'x']", 3, "twice"),
            ("[[charm]]\ngit = 'a'\nbranches = []", 1, "empty"),
            ("[[charm]]\ngit = 'a'\nbases = ['noble']", 3, "noble"),
            ("[[charm]]\ngit = 'a'\ntrust = 'full'", 3, "full"),
            (
                "[defaults]\nscope = 'some'\n[[charm]]\npath = 'a'",
                2,
                "some",
            ),
            (
                "[defaults]\nrequired-sandbox = 4\n[[charm]]\npath = 'a'",
                2,
                "up to 3",
            ),
            ("[[charm]]\npath = 'a'\n[matrix]\ncloud = ['x']", 4, "cloud"),
            ("[[charm]]\npath = 'a'\n[matrix]\njuju = []", 4, "juju"),
            ("[[charm]]\npath = 'a'\n[resolve]\nB = 'ch:b'", 4, "`B`"),
            ("[[charm]]\npath = 'a'\n[resolve]\nb = 'ch:'", 4, "ch:"),
            ("[[charm]]\npath = 'a'\n[more]\n", 3, "more"),
            ("[[charm]]\npath = ", 2, ""),
        ] {
            match parse(text) {
                Err(Error::Collection {
                    line: at, message, ..
                }) => {
                    assert_eq!(at, line, "{text}: {message}");
                    assert!(message.contains(word), "{text}: {message}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn branches_match_patterns() {
        for (pattern, branch, matches) in [
            ("main", "main", true),
            ("main", "main2", false),
            ("release/*", "release/1", true),
            ("release/*", "release/1/fix", true),
            ("release/*", "release", false),
            ("*", "any/thing", true),
            ("*-x-*", "a-x-b", true),
            ("*-x-*", "a-x", false),
            ("a*a", "a", false),
            ("a*b*c", "a-b-b-c", true),
        ] {
            assert_eq!(
                branch_matches(pattern, branch),
                matches,
                "{pattern} {branch}"
            );
        }
    }
}
