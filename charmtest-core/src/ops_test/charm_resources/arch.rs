//! Which architecture a file resource is for, by its name. Pure.

use super::{CharmInfo, ResourceKind};
use std::collections::{BTreeMap, BTreeSet};

/// The architectures that names of resources show.
const ARCHITECTURES: [&str; 3] = ["amd64", "arm64", "s390x"];

/// A resource of type `file`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileResource {
    /// Its name.
    pub name: String,
    /// How units see the file.
    pub filename: String,
    /// The architecture that it is for; `None` if its name shows none.
    pub arch: Option<String>,
}

/// Returns the resources of type `file` by name.
pub(super) fn file_resources(charm: &CharmInfo) -> BTreeMap<String, FileResource> {
    let files: Vec<(&str, &str)> = charm
        .resources
        .iter()
        .filter(|(_, resource)| resource.kind == ResourceKind::File)
        .map(|(name, resource)| {
            let filename = resource.filename.as_deref().unwrap_or_default();
            (name.as_str(), filename)
        })
        .collect();
    // What names would be called that show no architecture.
    let plain: BTreeSet<String> = files
        .iter()
        .filter_map(|(name, _)| shown(name))
        .map(|(plain, _)| plain)
        .collect();
    let arch = |name: &str| match shown(name) {
        Some((_, arch)) => Some(arch),
        None => plain.contains(name).then_some("amd64"),
    };
    files
        .into_iter()
        .map(|(name, filename)| {
            let resource = FileResource {
                name: name.to_owned(),
                filename: filename.to_owned(),
                arch: arch(name).map(ToOwned::to_owned),
            };
            (name.to_owned(), resource)
        })
        .collect()
}

/// Returns the name without the architecture that it shows, and the architecture; the last one counts.
fn shown(name: &str) -> Option<(String, &'static str)> {
    let found = ARCHITECTURES
        .iter()
        .filter_map(|arch| Some((name.rfind(&format!("-{arch}"))?, *arch)));
    let (at, arch) = found.max()?;
    let tail = &name[at + 1 + arch.len()..];
    Some((format!("{}{tail}", &name[..at]), arch))
}

#[cfg(test)]
mod tests {
    use super::super::CharmResource;
    use super::*;

    #[test]
    fn names_show_architectures() {
        let table: [(&[&str], &[Option<&str>]); 7] = [
            (&["resource-file"], &[None]),
            (
                &["resource-file", "resource-file-arm64"],
                &[Some("amd64"), Some("arm64")],
            ),
            (
                &["tool-amd64", "tool-s390x"],
                &[Some("amd64"), Some("s390x")],
            ),
            (
                &["tool-arm64.snap", "tool.snap"],
                &[Some("arm64"), Some("amd64")],
            ),
            (&["tool-arm64", "tool.snap"], &[Some("arm64"), None]),
            (
                &["a-amd64-to-arm64", "a-amd64-to"],
                &[Some("amd64"), Some("arm64")],
            ),
            (&["arm64", "x-riscv64"], &[None, None]),
        ];
        for (names, expected) in table {
            let resource = |name: &&str| {
                let about = CharmResource {
                    kind: ResourceKind::File,
                    filename: Some(format!("{name}.bin")),
                    description: String::new(),
                    upstream_source: None,
                };
                ((*name).to_owned(), about)
            };
            let charm = CharmInfo {
                name: "web".to_owned(),
                summary: String::new(),
                subordinate: false,
                bases: Vec::new(),
                resources: names.iter().map(resource).collect(),
                kubernetes: false,
                endpoints: Vec::new(),
                config: BTreeMap::new(),
            };
            let files = file_resources(&charm);
            let mut names = names.to_vec();
            names.sort_unstable();
            assert_eq!(files.keys().collect::<Vec<_>>(), names);
            let found: Vec<_> = files.values().map(|file| file.arch.as_deref()).collect();
            assert_eq!(found, expected, "{names:?}");
            assert!(
                files
                    .values()
                    .all(|file| file.filename == format!("{}.bin", file.name))
            );
        }
    }
}
