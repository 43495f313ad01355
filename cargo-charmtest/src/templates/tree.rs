//! Rendering a whole directory: a charm whose files are templates.

use std::fs;
use std::path::Path;

use glob::{MatchOptions, Pattern};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{TemplateError, render};

/// What is not part of a charm: histories, environments and leavings of tools.
const LEFT_OUT: [&str; 11] = [
    ".git",
    ".hg",
    ".svn",
    ".bzr",
    ".tox",
    ".venv",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    "__pycache__",
    ".idea",
];

/// How patterns match: `*` stays within a directory, `**` does not.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Which files are templates.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Selection {
    /// Patterns of those that are; all without any.
    include: Vec<String>,
    /// Patterns of those that are not.
    exclude: Vec<String>,
}

/// Copies the directory `from` to `to`, which must be there and empty, rendering the files that are selected and hold text. Returns
/// their paths.
///
/// A pattern without `/` is about names at any depth, one with `/` about paths from the directory on; one that matches a
/// directory is about all that is in it.
///
/// # Errors
///
/// Fails when a template or a pattern is wrong, `include` selects nothing, or a file cannot be copied.
pub(crate) fn render_tree(
    from: &Path,
    to: &Path,
    selection: &Selection,
    context: &Map<String, Value>,
) -> Result<Vec<String>, TemplateError> {
    let include = Patterns::new(&selection.include)?;
    let exclude = Patterns::new(&selection.exclude)?;
    let mut copy = TreeCopy {
        to,
        include,
        exclude,
        context,
        selected: 0,
        rendered: Vec::new(),
    };
    copy.directory(from, "")?;
    if copy.selected == 0 && !selection.include.is_empty() {
        return Err(TemplateError::Pattern(format!(
            "no file of `{}` is selected by include {:?} and exclude {:?}",
            from.display(),
            selection.include,
            selection.exclude
        )));
    }
    Ok(copy.rendered)
}

/// A copy under way.
struct TreeCopy<'a> {
    to: &'a Path,
    include: Patterns,
    exclude: Patterns,
    context: &'a Map<String, Value>,
    /// How many files the patterns select, text or not.
    selected: usize,
    rendered: Vec<String>,
}

impl TreeCopy<'_> {
    /// Copies what is in `dir`; `prefix` is its path in the tree, empty or with `/` at the end.
    fn directory(&mut self, dir: &Path, prefix: &str) -> Result<(), TemplateError> {
        let unreadable = |error| TemplateError::io("read", dir, error);
        let mut entries = Vec::new();
        for entry in fs::read_dir(dir).map_err(unreadable)? {
            entries.push(entry.map_err(unreadable)?);
        }
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            let inner = format!("{prefix}{name}");
            let kind = entry.file_type().map_err(unreadable)?;
            if is_left_out(&path, &name, prefix) {
                continue;
            }
            let target = self.to.join(&inner);
            if kind.is_symlink() {
                let link = fs::read_link(&path).map_err(unreadable)?;
                std::os::unix::fs::symlink(link, &target)
                    .map_err(|error| TemplateError::io("create", &target, error))?;
            } else if kind.is_dir() {
                fs::create_dir(&target)
                    .map_err(|error| TemplateError::io("create", &target, error))?;
                self.directory(&path, &format!("{inner}/"))?;
            } else if kind.is_file() {
                self.file(&path, &inner, &target)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, inner: &str, target: &Path) -> Result<(), TemplateError> {
        // The copy has the mode of the original.
        fs::copy(path, target).map_err(|error| TemplateError::io("copy", path, error))?;
        let is_selected = self.include.match_or_empty(inner) && !self.exclude.matches(inner);
        if !is_selected {
            return Ok(());
        }
        self.selected += 1;
        let bytes = fs::read(path).map_err(|error| TemplateError::io("read", path, error))?;
        let Some(text) = text_of(bytes) else {
            return Ok(());
        };
        let rendered = render(&path.display().to_string(), &text, self.context)?;
        fs::write(target, rendered).map_err(|error| TemplateError::io("write", target, error))?;
        self.rendered.push(inner.to_owned());
        Ok(())
    }
}

/// Says whether an entry stays out of the copy.
fn is_left_out(path: &Path, name: &str, prefix: &str) -> bool {
    let at_root = prefix.is_empty();
    LEFT_OUT.contains(&name)
        || name.ends_with(".pyc")
        || at_root && (name == "venv" || name.ends_with(".charm"))
        // cargo's target directory, for one: the copy itself may be in there.
        || path.join("CACHEDIR.TAG").is_file()
}

/// Returns the text that a file holds; `None` for a binary file.
fn text_of(bytes: Vec<u8>) -> Option<String> {
    match bytes.contains(&0) {
        true => None,
        false => String::from_utf8(bytes).ok(),
    }
}

/// Patterns of files.
struct Patterns(Vec<Pattern>);

impl Patterns {
    fn new(texts: &[String]) -> Result<Self, TemplateError> {
        let pattern = |text: &String| {
            Pattern::new(text.trim_end_matches('/'))
                .map_err(|error| TemplateError::Pattern(format!("the pattern `{text}`: {error}")))
        };
        texts
            .iter()
            .map(pattern)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Says whether a pattern matches the file or a directory that it is in.
    fn matches(&self, file: &str) -> bool {
        let ends = file.match_indices('/').map(|(end, _)| end);
        let mut paths = ends.chain([file.len()]).map(|end| &file[..end]);
        paths.any(|path| {
            let name = path.rsplit('/').next().unwrap_or(path);
            self.0.iter().any(|pattern| {
                let subject = if pattern.as_str().contains('/') {
                    path
                } else {
                    name
                };
                pattern.matches_with(subject, MATCHING)
            })
        })
    }

    fn match_or_empty(&self, file: &str) -> bool {
        self.0.is_empty() || self.matches(file)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use serde_json::json;

    use super::*;

    /// A charm with files of every kind.
    fn charm() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let files: [(&str, &[u8]); 9] = [
            ("charmcraft.yaml", b"name: {{ name }}\n"),
            ("src/charm.py", b"NAME = '{{ name }}'\n"),
            ("src/lib/deep/x.py", b"'{{ name }}'\n"),
            ("templates/site.j2", b"{{ port }}\n"),
            ("icon.png", b"\x89PNG\0{{ name }}"),
            ("latin.txt", b"caf\xe9 {{ name }}"),
            (".git/config", b"{{ nope }}"),
            ("src/__pycache__/x.pyc", b"{{ nope }}"),
            ("target/CACHEDIR.TAG", b"{{ nope }}"),
        ];
        for (name, bytes) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let script = dir.path().join("src/charm.py");
        fs::set_permissions(script, fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("src/charm.py", dir.path().join("dispatch")).unwrap();
        dir
    }

    fn rendered(
        include: &[&str],
        exclude: &[&str],
    ) -> Result<(tempfile::TempDir, Vec<String>), String> {
        let (from, to) = (charm(), tempfile::tempdir().unwrap());
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let selection = Selection {
            include: owned(include),
            exclude: owned(exclude),
        };
        let context = json!({ "name": "web" });
        let files = render_tree(
            from.path(),
            to.path(),
            &selection,
            context.as_object().unwrap(),
        )
        .map_err(|error| {
            error
                .to_string()
                .replace(&from.path().display().to_string(), "charm")
        })?;
        Ok((to, files))
    }

    #[test]
    fn patterns_reach_nested_files() {
        let table: [(&[&str], &[&str], &[&str]); 7] = [
            (
                &[],
                &["templates"],
                &["charmcraft.yaml", "src/charm.py", "src/lib/deep/x.py"],
            ),
            (&["src/*.py"], &[], &["src/charm.py"]),
            (&["*.py"], &[], &["src/charm.py", "src/lib/deep/x.py"]),
            (&["*.py"], &["src/lib"], &["src/charm.py"]),
            (&["**/*.py"], &["deep/"], &["src/charm.py"]),
            (
                &["src/**/x.py", "charmcraft.yaml"],
                &[],
                &["charmcraft.yaml", "src/lib/deep/x.py"],
            ),
            (&["src"], &["charm.py"], &["src/lib/deep/x.py"]),
        ];
        for (include, exclude, expected) in table {
            let (_, files) = rendered(include, exclude).unwrap();
            assert_eq!(files, expected, "{include:?} {exclude:?}");
        }
    }

    #[test]
    fn binary_files_links_and_modes_stay_and_histories_go() {
        let (to, _) = rendered(&[], &["templates/*.j2"]).unwrap();
        let read = |name: &str| fs::read(to.path().join(name)).ok();
        assert_eq!(read("charmcraft.yaml").unwrap(), b"name: web\n");
        assert_eq!(read("icon.png").unwrap(), b"\x89PNG\0{{ name }}");
        assert_eq!(read("latin.txt").unwrap(), b"caf\xe9 {{ name }}");
        assert_eq!(read("templates/site.j2").unwrap(), b"{{ port }}\n");
        assert_eq!(read("dispatch").unwrap(), b"NAME = 'web'\n");
        for gone in [".git", "src/__pycache__", "target"] {
            assert!(!to.path().join(gone).exists(), "{gone}");
        }
        let mode = fs::metadata(to.path().join("src/charm.py"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o755);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let table: [(&[&str], &[&str], &str); 4] = [
            (
                &[],
                &[],
                "charm/templates/site.j2:1: `port` is undefined; given were: name",
            ),
            (
                &["scr/*.py"],
                &[],
                "no file of `charm` is selected by include [\"scr/*.py\"]",
            ),
            (
                &["*.py"],
                &["src"],
                "no file of `charm` is selected by include",
            ),
            (&["***"], &[], "the pattern `***`: "),
        ];
        for (include, exclude, expected) in table {
            let error = rendered(include, exclude)
                .map(|(_, files)| files)
                .unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
