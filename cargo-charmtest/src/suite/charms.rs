//! From paths of charms to the charms of a suite: their names, their order, and which of them fit together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use charmtest_charm::{Charm, Endpoint, Metadata, ReadError, Role, Scope};

use super::file::SuiteCharm;
use crate::error::{Error, Kind, Result};

/// Reads charms, directories or `.charm` files, and returns them without any tests, ordered by base and name.
///
/// Those that fit together are one another's partners.
///
/// # Errors
///
/// Fails when one is no charm, or cannot be read.
pub(crate) fn charms(paths: &[PathBuf]) -> Result<Vec<SuiteCharm>> {
    let mut read = Vec::new();
    for path in paths {
        let charm = Charm::read(path).map_err(|error| wrong(path, error))?;
        let path = std::path::absolute(path).map_err(Error::infrastructure)?;
        read.push((path, charm));
    }
    read.sort_by_cached_key(|(path, charm)| {
        let name = charm.metadata.name.as_str().to_owned();
        (base(charm), name, path.clone())
    });
    let partners = partners(&read);
    let mut modules = BTreeSet::new();
    let charms = read
        .iter()
        .zip(partners)
        .map(|((path, charm), partners)| SuiteCharm {
            module: module(charm, &mut modules),
            path: path.clone(),
            place: None,
            previous: None,
            partners,
            generic: Vec::new(),
            require: Default::default(),
            scripts: None,
        });
    Ok(charms.collect())
}

/// Says which charm cannot be read, and why.
fn wrong(path: &Path, error: ReadError) -> Error {
    let is_charm = path.is_file()
        || ["metadata.yaml", "charmcraft.yaml"]
            .iter()
            .any(|name| path.join(name).exists());
    match error {
        ReadError::File(mut wrong) => {
            wrong.file = match path.is_dir() {
                true => path.join(&wrong.file).display().to_string(),
                false => format!("{}: {}", path.display(), wrong.file),
            };
            let error = Error::caused(Kind::Usage, &wrong);
            match is_charm {
                true => error,
                false => error.hint(HINT),
            }
        }
        other => Error::caused(Kind::Usage, &other).hint(HINT),
    }
}

/// What can be tested.
const HINT: &str = "charms are directories or `.charm` files";

/// Returns the first base of a charm; empty if it names none.
fn base(charm: &Charm) -> String {
    let base = charm.manifest.bases.first();
    base.map(ToString::to_string).unwrap_or_default()
}

/// Returns a module for a charm that no other has: its name, with its base or a number where that is not enough.
fn module(charm: &Charm, taken: &mut BTreeSet<String>) -> String {
    let name = charm.metadata.name.as_str();
    let based = format!("{name}@{}", base(charm));
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut names = [name.to_owned(), based].into_iter().chain(numbered);
    let free = names.find(|name| !name.ends_with('@') && taken.insert(name.clone()));
    free.unwrap_or_else(|| name.to_owned())
}

/// Returns for each charm the others that fit its endpoints, one for each endpoint at most.
fn partners(charms: &[(PathBuf, Charm)]) -> Vec<Vec<PathBuf>> {
    let mut by_interface: BTreeMap<(Role, &str), Vec<usize>> = BTreeMap::new();
    for (at, (_, charm)) in charms.iter().enumerate() {
        for endpoint in &charm.metadata.endpoints {
            let with = (endpoint.role, endpoint.interface.as_str());
            by_interface.entry(with).or_default().push(at);
        }
    }
    let partners_of = |(at, (_, charm)): (usize, &(PathBuf, Charm))| {
        let mut partners: Vec<&Path> = Vec::new();
        for endpoint in &charm.metadata.endpoints {
            let role = match endpoint.role {
                Role::Provider => Role::Requirer,
                Role::Requirer => Role::Provider,
                Role::Peer => continue,
            };
            let others = by_interface.get(&(role, endpoint.interface.as_str()));
            let fits = |other: &&usize| {
                let metadata = &charms[**other].1.metadata;
                **other != at && can_meet(&charm.metadata, endpoint, metadata)
            };
            let found = others.into_iter().flatten().find(fits);
            let path = found.map(|&other| charms[other].0.as_path());
            partners.extend(path.filter(|path| !partners.contains(path)));
        }
        partners.into_iter().map(Path::to_owned).collect()
    };
    charms.iter().enumerate().map(partners_of).collect()
}

/// Says whether another charm may be at the other end of a relation of this endpoint; the test itself looks more closely.
fn can_meet(own: &Metadata, endpoint: &Endpoint, other: &Metadata) -> bool {
    let kind = |metadata: &Metadata| metadata.containers.is_empty();
    // Between principals, or between one and its subordinate.
    let close = endpoint.scope == Scope::Container || other.subordinate;
    kind(own) == kind(other) && (!close || own.subordinate != other.subordinate)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_wrong_with_a_charm_is_said_with_its_place() {
        let room = tempfile::tempdir().unwrap();
        for (name, file) in [("bad", Some("name: x\n")), ("none", None)] {
            let path = room.path().join(name);
            fs::create_dir(&path).unwrap();
            if let Some(text) = file {
                fs::write(path.join("metadata.yaml"), text).unwrap();
            }
            let said = charms(std::slice::from_ref(&path)).unwrap_err().to_string();
            let place = path.join("metadata.yaml").display().to_string();
            assert!(said.contains(&place), "{said}");
            assert_eq!(said.contains(HINT), file.is_none(), "{said}");
        }
    }

    #[test]
    fn charms_have_names_an_order_and_partners() {
        let dir = tempfile::tempdir().unwrap();
        let charm = |directory: &str, name: &str, base: &str, more: &str| {
            let path = dir.path().join(directory);
            fs::create_dir(&path).unwrap();
            let metadata = format!("name: {name}\nsummary: s\ndescription: d\n{more}");
            fs::write(path.join("metadata.yaml"), metadata).unwrap();
            let manifest =
                format!("bases: [{{name: ubuntu, channel: '{base}', architectures: [amd64]}}]\n");
            fs::write(path.join("manifest.yaml"), manifest).unwrap();
            path
        };
        let db = "requires:\n  db: {interface: sql}\n";
        let paths = [
            charm("a", "web", "24.04", db),
            charm("b", "web", "22.04", db),
            charm("c", "web", "24.04", db),
            charm("d", "db", "24.04", "provides:\n  db: {interface: sql}\n"),
            charm(
                "e",
                "cache",
                "24.04",
                "provides:\n  db: {interface: memcache}\n",
            ),
        ];
        let charms = charms(&paths).unwrap();
        let modules: Vec<&str> = charms.iter().map(|charm| charm.module.as_str()).collect();
        assert_eq!(modules, ["web", "cache", "db", "web@ubuntu@24.04", "web-2"]);
        assert_eq!(charms[0].partners, [paths[3].clone()]);
        assert_eq!(charms[1].partners, [] as [PathBuf; 0]);
        assert_eq!(charms[2].partners, [paths[1].clone()]);
        let error = super::charms(&[dir.path().to_owned()]).unwrap_err();
        assert_eq!(error.exit_code(), charmtest::exit::USAGE, "{error}");
    }
}
