//! What a bare charm name stands for.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Charms of the run that are made when a script names them: of a large collection a script deploys few.
pub trait Shelf: fmt::Debug + Send + Sync {
    /// Is told every bare name that a script asks for, whatever that stands for.
    fn asked(&self, name: &str);

    /// Returns the artefact of a charm of the run, if there is one of that name; the text says why it cannot be made.
    fn charm(&self, name: &str) -> Option<Result<PathBuf, String>>;

    /// Returns the artefact of a charm's last version that passed its tests, if there is one; the text says why it cannot be made.
    fn previous(&self, name: &str) -> Option<Result<PathBuf, String>>;

    /// Returns the names of all charms of the run.
    fn names(&self) -> Vec<String>;
}

/// The charms that a script can name.
#[derive(Debug, Clone, Default)]
pub struct Charms {
    /// The name and the artefact of the charm under test.
    pub under_test: Option<(String, PathBuf)>,
    /// Artefacts of the other charms of the run by name.
    pub collection: BTreeMap<String, PathBuf>,
    /// Other charms that a name stands for and that could not be packed, by name, and why.
    pub unpackable: BTreeMap<String, String>,
    /// What the user says that names stand for: an absolute path, or `ch:NAME`.
    pub chosen: BTreeMap<String, String>,
    /// Whether the embedded controller has charm stores of its own, which it asks for a name.
    pub has_stores: bool,
    /// Whether a name may come from Charmhub; the revision that was deployed is in the transcript.
    pub allow_store: bool,
    /// The last versions that passed their tests, by name.
    pub previous: BTreeMap<String, PathBuf>,
    /// More charms of the run, and last versions.
    pub shelf: Option<Arc<dyn Shelf>>,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// A charm of this machine.
    Artefact(PathBuf),
    /// Another reference, such as `ch:mysql`.
    Reference(String),
    /// The name as it is: a charm store knows it.
    Store,
    /// Nothing; the text says what was tried.
    Unknown(String),
}

/// Says whether a word is a bare charm name, that is, one to resolve: `ch:x`, `./x`, `/x` and `x.charm` are none.
#[must_use]
pub fn is_bare(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Says whether a word is a path, as Juju takes it: it begins with a dot or a slash, or ends like a file of a charm or bundle.
#[must_use]
pub fn is_path(word: &str) -> bool {
    let word = word.strip_prefix("local:").unwrap_or(word);
    word.starts_with(['.', '/'])
        || (!word.contains(':')
            && [".charm", ".yaml", ".yml", ".zip"]
                .iter()
                .any(|end| word.ends_with(end)))
}

/// Says whether the value of a resource is an image, as Juju tells it from a file: it has a colon. No image leads up.
#[must_use]
pub(super) fn is_image(text: &str) -> bool {
    text.contains(':')
        && !text.starts_with(['.', '/', '~'])
        && !text.split('/').any(|part| part == "..")
}

impl Charms {
    /// Says what a bare name stands for: the charm under test, else another charm of the run, else what the user chose, else a charm of a store.
    #[must_use]
    pub fn resolve(&self, name: &str) -> Resolved {
        if let Some(shelf) = &self.shelf {
            shelf.asked(name);
        }
        match &self.under_test {
            Some((own, path)) if own == name => return Resolved::Artefact(path.clone()),
            _ => {}
        }
        if let Some(path) = self.collection.get(name) {
            return Resolved::Artefact(path.clone());
        }
        match self.shelf.as_ref().and_then(|shelf| shelf.charm(name)) {
            Some(Ok(path)) => return Resolved::Artefact(path),
            Some(Err(why)) => return Resolved::Unknown(why),
            None => {}
        }
        if let Some(why) = self.unpackable.get(name) {
            return Resolved::Unknown(why.clone());
        }
        match self.chosen.get(name) {
            Some(reference) if reference.starts_with('/') => {
                return Resolved::Artefact(PathBuf::from(reference));
            }
            Some(reference) => return Resolved::Reference(reference.clone()),
            None => {}
        }
        if self.has_stores || self.allow_store {
            return Resolved::Store;
        }
        let own = match &self.under_test {
            Some((own, _)) => format!("the charm under test ({own})"),
            None => "the charm under test (none)".to_owned(),
        };
        let mut names: Vec<String> = self.collection.keys().cloned().collect();
        names.extend(self.shelf.iter().flat_map(|shelf| shelf.names()));
        Resolved::Unknown(format!(
            "charm {name:?} not found: tried {own}, {}, {}; charm stores are not asked (no `allow-store: true` in tests/tests.yaml)",
            list("the charms of this run", names.iter()),
            list(
                "`resolve` in tests/tests.yaml and --charm",
                self.chosen.keys()
            ),
        ))
    }

    /// Returns the last version of a charm that passed its tests, if there is one; the text says why it cannot be had.
    #[must_use]
    pub fn previous(&self, name: &str) -> Option<Result<PathBuf, String>> {
        if let Some(shelf) = self.shelf.as_ref().filter(|_| is_bare(name)) {
            shelf.asked(name);
        }
        match (self.previous.get(name), &self.shelf) {
            (Some(path), _) => Some(Ok(path.clone())),
            (None, Some(shelf)) => shelf.previous(name),
            (None, None) => None,
        }
    }
}

fn list<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    match names.as_slice() {
        [] => format!("{what} (none)"),
        names => format!("{what} ({})", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_names_are_told_from_the_rest() {
        for name in ["wiki", "a", "my-charm2"] {
            assert!(is_bare(name), "{name}");
            assert!(!is_path(name), "{name}");
        }
        for word in [
            "ch:wiki",
            "./wiki",
            "/wiki",
            "wiki.charm",
            "Wiki",
            "cs:~me/precise/wiki",
            "",
            "2a",
            "wiki_x",
        ] {
            assert!(!is_bare(word), "{word}");
        }
        for word in [
            "./wiki",
            "/wiki",
            "wiki.charm",
            "..",
            "bundle.yaml",
            "local:./x",
        ] {
            assert!(is_path(word), "{word}");
        }
        assert!(!is_path("ch:amd64/wiki.charm"));
    }

    #[test]
    fn the_nearest_meaning_of_a_name_counts() {
        let path = |name: &str| PathBuf::from("/c").join(name);
        let map = |names: &[&str]| {
            names
                .iter()
                .map(|name| ((*name).to_owned(), path(name)))
                .collect()
        };
        let mut charms = Charms {
            under_test: Some(("wiki".into(), path("own"))),
            collection: map(&["wiki", "mysql"]),
            chosen: BTreeMap::from([
                ("wiki".into(), "/x".into()),
                ("mysql".into(), "/x".into()),
                ("redis".into(), "/x".into()),
                ("memcached".into(), "ch:memcached".into()),
            ]),
            ..Charms::default()
        };
        for (name, expected) in [
            ("wiki", Resolved::Artefact(path("own"))),
            ("mysql", Resolved::Artefact(path("mysql"))),
            ("redis", Resolved::Artefact("/x".into())),
            ("memcached", Resolved::Reference("ch:memcached".into())),
        ] {
            assert_eq!(charms.resolve(name), expected, "{name}");
        }
        let Resolved::Unknown(text) = charms.resolve("nginx") else {
            panic!("resolved");
        };
        for part in [
            "\"nginx\"",
            "(wiki)",
            "(mysql, wiki)",
            "(memcached, mysql, redis, wiki)",
            "allow-store",
        ] {
            assert!(text.contains(part), "{text}");
        }
        charms.allow_store = true;
        assert_eq!(charms.resolve("nginx"), Resolved::Store);
        // A charm of the run that cannot be packed is not looked for elsewhere.
        let why = "redis cannot be packed".to_owned();
        charms.unpackable.insert("redis".into(), why.clone());
        assert_eq!(charms.resolve("redis"), Resolved::Unknown(why));
        assert_eq!(charms.resolve("wiki"), Resolved::Artefact(path("own")));
    }

    /// A shelf with one charm, and one that cannot be made.
    #[derive(Debug, Default)]
    struct Two(std::sync::Mutex<Vec<String>>);

    impl Shelf for Two {
        fn asked(&self, name: &str) {
            self.0.lock().unwrap().push(name.to_owned());
        }

        fn charm(&self, name: &str) -> Option<Result<PathBuf, String>> {
            match name {
                "cache" => Some(Ok("/shelf/cache".into())),
                "broken" => Some(Err("it has no hooks".to_owned())),
                _ => None,
            }
        }

        fn previous(&self, name: &str) -> Option<Result<PathBuf, String>> {
            (name == "cache").then(|| Ok("/shelf/old".into()))
        }

        fn names(&self) -> Vec<String> {
            vec!["broken".to_owned(), "cache".to_owned()]
        }
    }

    #[test]
    fn what_is_on_the_shelf_is_had_by_name_and_each_name_is_told() {
        let shelf = Arc::new(Two::default());
        let charms = Charms {
            under_test: Some(("wiki".into(), "/own".into())),
            previous: BTreeMap::from([("wiki".into(), "/old".into())]),
            shelf: Some(Arc::clone(&shelf) as Arc<dyn Shelf>),
            ..Charms::default()
        };
        assert_eq!(charms.resolve("wiki"), Resolved::Artefact("/own".into()));
        let cache = Resolved::Artefact("/shelf/cache".into());
        assert_eq!(charms.resolve("cache"), cache);
        let broken = Resolved::Unknown("it has no hooks".to_owned());
        assert_eq!(charms.resolve("broken"), broken);
        let Resolved::Unknown(text) = charms.resolve("nginx") else {
            panic!("resolved");
        };
        assert!(text.contains("(broken, cache)"), "{text}");
        for (name, expected) in [
            ("wiki", Some("/old")),
            ("cache", Some("/shelf/old")),
            ("../cache", None),
        ] {
            let previous = charms.previous(name).transpose().unwrap();
            assert_eq!(previous, expected.map(PathBuf::from), "{name}");
        }
        let asked = shelf.0.lock().unwrap().join(" ");
        assert_eq!(asked, "wiki cache broken nginx wiki cache");
    }
}
