//! Which test targets may hold charm tests.

use std::collections::BTreeSet;
use std::path::Path;

use cargo_metadata::{CargoOpt, Metadata, MetadataCommand, Package, Target};

use charmtest_controller::JujuVersion;

use crate::cli::CargoArgs;
use crate::error::{Error, Kind, Result};

/// The library that makes a test target a charm test.
const LIBRARY: &str = "charmtest-core";

/// What to write into a manifest to have charm tests.
const MANIFEST: &str = "add to Cargo.toml:
    [dev-dependencies]
    charmtest-core = \"0.1\"

    [[test]]
    name = \"integration\"
    harness = false";

/// A test target that may hold charm tests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// The package.
    pub(super) package: String,
    /// The test target.
    pub(super) target: String,
}

/// Returns the `juju-version` of `[package.metadata.charmtest]`, else of `[workspace.metadata.charmtest]`: the Juju that the embedded
/// controller is to speak as for the package's tests.
///
/// # Errors
///
/// Fails when it is no version that the embedded controller speaks as.
pub(super) fn juju_version(metadata: &Metadata, package: &Package) -> Result<Option<JujuVersion>> {
    let tables = [
        (&package.metadata, package.manifest_path.as_str(), "package"),
        (
            &metadata.workspace_metadata,
            metadata.workspace_root.as_str(),
            "workspace",
        ),
    ];
    for (table, place, owner) in tables {
        let Some(value) = table.pointer("/charmtest/juju-version") else {
            continue;
        };
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        return JujuVersion::parse(&text).map(Some).map_err(|error| {
            Error::new(
                Kind::Usage,
                format!("{place}: juju-version in [{owner}.metadata.charmtest]: {error}"),
            )
        });
    }
    Ok(None)
}

/// Returns the variables that say which charm stores the embedded controller asks for the package's tests: `charm-store`, a list of
/// directories and `.charm` files below the manifest's own directory, and `charmhub`, in `[package.metadata.charmtest]`, each else in
/// `[workspace.metadata.charmtest]`.
///
/// # Errors
///
/// Fails when one of them is of another kind.
pub(super) fn charm_stores(
    metadata: &Metadata,
    package: &Package,
) -> Result<Vec<(&'static str, String)>> {
    let dir = package.manifest_path.parent().unwrap_or("".into());
    let tables = [
        (&package.metadata, dir, "package"),
        (
            &metadata.workspace_metadata,
            metadata.workspace_root.as_path(),
            "workspace",
        ),
    ];
    let value = |key: &str| {
        tables.into_iter().find_map(|(table, dir, owner)| {
            let value = table.get("charmtest")?.get(key)?;
            Some((value, dir, owner))
        })
    };
    let wrong = |key: &str, owner: &str, dir: &dyn std::fmt::Display, what: &str| {
        Error::new(
            Kind::Usage,
            format!("{dir}: {key} in [{owner}.metadata.charmtest] is not {what}"),
        )
    };
    let mut variables = Vec::new();
    if let Some((value, dir, owner)) = value("charm-store") {
        let paths: Option<Vec<String>> = value.as_array().and_then(|paths| {
            let path = |path: &serde_json::Value| Some(dir.join(path.as_str()?).to_string());
            paths.iter().map(path).collect()
        });
        let paths = paths.ok_or_else(|| wrong("charm-store", owner, &dir, "a list of paths"))?;
        variables.push(("CHARMTEST_CHARM_STORE", paths.join(":")));
    }
    if let Some((value, dir, owner)) = value("charmhub") {
        let asked = value
            .as_bool()
            .ok_or_else(|| wrong("charmhub", owner, &dir, "true or false"))?;
        variables.push(("CHARMTEST_CHARMHUB", asked.to_string()));
    }
    Ok(variables)
}

/// Asks cargo for the workspace.
///
/// # Errors
///
/// Fails when there is none, or when cargo cannot read it.
pub(super) fn metadata(cargo: &CargoArgs) -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    if let Some(path) = &cargo.manifest_path {
        command.manifest_path(path);
    }
    if cargo.all_features {
        command.features(CargoOpt::AllFeatures);
    }
    let mut options = vec!["--no-deps".to_owned()];
    for (on, flag) in [
        (cargo.locked, "--locked"),
        (cargo.offline, "--offline"),
        (cargo.frozen, "--frozen"),
    ] {
        options.extend(on.then(|| flag.to_owned()));
    }
    command.other_options(options);
    command.exec().map_err(|error| {
        let why = match error {
            cargo_metadata::Error::CargoMetadata { stderr } => {
                stderr.trim().trim_start_matches("error: ").to_owned()
            }
            error => error.to_string(),
        };
        Error::infrastructure(format!("cannot read the workspace: {why}"))
    })
}

/// Finds the targets that `cargo` selects; never none.
///
/// As with `cargo test`, a target whose `required-features` are off is left out unless it is named.
///
/// # Errors
///
/// Fails when a named package or target is not there, when a manifest cannot be read, and when nothing is found.
pub(super) fn candidates(metadata: &Metadata, cargo: &CargoArgs) -> Result<BTreeSet<Candidate>> {
    let mut targets = Vec::new();
    for package in selected_packages(metadata, cargo)? {
        targets.extend(charm_test_targets(package)?);
    }
    if targets.is_empty() {
        let what = "no charm tests here: no selected package has a test target that depends on charmtest-core and has `harness = false`";
        return Err(Error::new(Kind::NothingSelected, what).hint(MANIFEST));
    }
    let known = |name: &String| targets.iter().any(|(_, target)| target.name == *name);
    if let Some(unknown) = cargo.tests.iter().find(|name| !known(name)) {
        let names: BTreeSet<&str> = targets
            .iter()
            .map(|(_, target)| target.name.as_str())
            .collect();
        let names: Vec<&str> = names.into_iter().collect();
        return Err(Error::new(
            Kind::Usage,
            format!(
                "no charm test target is called `{unknown}`; there are: {}",
                names.join(", ")
            ),
        ));
    }
    let wanted = |(package, target): &(&Package, &Target)| {
        if cargo.tests.is_empty() {
            let enabled = enabled_features(package, cargo);
            let required = &target.required_features;
            return required.iter().all(|feature| enabled.contains(feature));
        }
        cargo.tests.contains(&target.name)
    };
    let found: BTreeSet<Candidate> = targets
        .iter()
        .copied()
        .filter(wanted)
        .map(|(package, target)| Candidate {
            package: package.name.to_string(),
            target: target.name.clone(),
        })
        .collect();
    if found.is_empty() {
        let needed: BTreeSet<&str> = targets
            .iter()
            .flat_map(|(_, target)| &target.required_features)
            .map(String::as_str)
            .collect();
        let needed: Vec<&str> = needed.into_iter().collect();
        let what = "all charm tests here need features that are not activated";
        return Err(Error::new(Kind::NothingSelected, what)
            .hint(format!("add --features {}", needed.join(","))));
    }
    Ok(found)
}

fn selected_packages<'a>(metadata: &'a Metadata, cargo: &CargoArgs) -> Result<Vec<&'a Package>> {
    let members = metadata.workspace_packages();
    let named = |spec: &String| {
        let found = members
            .iter()
            .copied()
            .find(|package| *package.name == *spec);
        found.ok_or_else(|| {
            let root = &metadata.workspace_root;
            Error::new(
                Kind::Usage,
                format!("package `{spec}` is not in the workspace {root}"),
            )
        })
    };
    for spec in &cargo.exclude {
        named(spec)?;
    }
    if !cargo.packages.is_empty() {
        return cargo.packages.iter().map(named).collect();
    }
    let mut packages = if cargo.workspace {
        members.clone()
    } else {
        metadata.workspace_default_packages()
    };
    packages.retain(|package| {
        !cargo
            .exclude
            .iter()
            .any(|excluded| *package.name == *excluded)
    });
    Ok(packages)
}

fn charm_test_targets(package: &Package) -> Result<Vec<(&Package, &Target)>> {
    let library = |dependency: &cargo_metadata::Dependency| dependency.name == LIBRARY;
    if !package.dependencies.iter().any(library) {
        return Ok(Vec::new());
    }
    let custom = targets_without_harness(package.manifest_path.as_std_path())?;
    let tests = package.targets.iter().filter(|target| target.is_test());
    Ok(tests
        .filter(|target| custom.contains(&target.name))
        .map(|target| (package, target))
        .collect())
}

/// Returns the names of the test targets under `harness = false`: `cargo metadata` does not tell, so the manifest is read for it.
fn targets_without_harness(manifest: &Path) -> Result<BTreeSet<String>> {
    let fail =
        |why: String| Error::infrastructure(format!("cannot read {}: {why}", manifest.display()));
    let text = std::fs::read_to_string(manifest).map_err(|error| fail(error.to_string()))?;
    let document: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| fail(error.to_string()))?;
    let tests = document.get("test").and_then(toml::Value::as_array);
    let without =
        |test: &&toml::Value| test.get("harness").and_then(toml::Value::as_bool) == Some(false);
    Ok(tests
        .into_iter()
        .flatten()
        .filter(without)
        .filter_map(|test| Some(test.get("name")?.as_str()?.to_owned()))
        .collect())
}

/// Returns the features of `package` that are on, with those that they turn on.
fn enabled_features(package: &Package, cargo: &CargoArgs) -> BTreeSet<String> {
    if cargo.all_features {
        return package.features.keys().cloned().collect();
    }
    let own = format!("{}/", package.name);
    let asked = cargo
        .features
        .iter()
        .flat_map(|list| list.split([',', ' ']))
        .map(|feature| feature.strip_prefix(&own).unwrap_or(feature));
    let default = (!cargo.no_default_features).then_some("default");
    let mut open: Vec<&str> = asked.chain(default).collect();
    let mut enabled = BTreeSet::new();
    while let Some(feature) = open.pop() {
        if enabled.insert(feature.to_owned()) {
            let implied = package.features.get(feature).into_iter().flatten();
            open.extend(implied.map(String::as_str));
        }
    }
    enabled
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two packages as `cargo metadata` describes them: `charm` with a free target and one behind a feature, and `other`.
    fn workspace(dir: &Path) -> Metadata {
        for (name, manifest) in [
            (
                "charm",
                "[features]\ndefault = [\"a\"]\na = []\nlong = [\"longer\"]\nlonger = []\n\
                 [dev-dependencies]\ncharmtest = { package = \"charmtest-core\", path = \"../core\" }\n\
                 [[test]]\nname = \"with-dash\"\nharness = false\n[[test]]\nname = \"unit\"\n\
                 [[test]]\nname = \"slow\"\nharness = false\nrequired-features = [\"a\", \"longer\"]\n",
            ),
            ("other", "[[test]]\nname = \"foreign\"\nharness = false\n"),
            ("core", ""),
        ] {
            let package = dir.join(name);
            std::fs::create_dir_all(package.join("tests")).unwrap();
            for file in [
                "lib",
                "tests/with-dash",
                "tests/slow",
                "tests/unit",
                "tests/foreign",
            ] {
                std::fs::write(package.join(file).with_extension("rs"), "").unwrap();
            }
            let crate_name = if name == "core" { LIBRARY } else { name };
            let head = format!(
                "[package]\nname = \"{crate_name}\"\nedition = \"2024\"\nautotests = false\n[lib]\npath = \"lib.rs\"\n"
            );
            std::fs::write(package.join("Cargo.toml"), head + manifest).unwrap();
        }
        std::fs::write(
            dir.join("Cargo.toml"),
            "[workspace]\nresolver = \"3\"\nmembers = [\"charm\", \"core\", \"other\"]\n",
        )
        .unwrap();
        let cargo = CargoArgs {
            manifest_path: Some(dir.join("Cargo.toml")),
            offline: true,
            ..CargoArgs::default()
        };
        metadata(&cargo).unwrap()
    }

    #[test]
    fn charm_stores_are_those_of_the_manifests() {
        let dir = tempfile::tempdir().unwrap();
        let mut metadata = workspace(dir.path());
        let mut charm = metadata
            .packages
            .iter()
            .find(|package| package.name.as_str() == "charm")
            .unwrap()
            .clone();
        assert_eq!(charm_stores(&metadata, &charm).unwrap(), []);
        let root = metadata.workspace_root.clone();
        let asked = ("CHARMTEST_CHARMHUB", "true".to_owned());
        metadata.workspace_metadata =
            serde_json::json!({"charmtest": {"charm-store": ["shared"], "charmhub": true}});
        assert_eq!(
            charm_stores(&metadata, &charm).unwrap(),
            [
                ("CHARMTEST_CHARM_STORE", format!("{root}/shared")),
                asked.clone()
            ]
        );
        charm.metadata = serde_json::json!({"charmtest": {"charm-store": ["a", "/b.charm"]}});
        assert_eq!(
            charm_stores(&metadata, &charm).unwrap(),
            [
                ("CHARMTEST_CHARM_STORE", format!("{root}/charm/a:/b.charm")),
                asked
            ]
        );
        for (table, expected) in [
            (
                serde_json::json!({"charm-store": "a"}),
                "charm-store in [package.metadata.charmtest] is not a list of paths",
            ),
            (
                serde_json::json!({"charmhub": "yes"}),
                "charmhub in [package.metadata.charmtest] is not true or false",
            ),
        ] {
            charm.metadata = serde_json::json!({ "charmtest": table });
            let error = charm_stores(&metadata, &charm).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn targets_are_found_by_library_harness_name_and_features() {
        let dir = tempfile::tempdir().unwrap();
        let metadata = workspace(dir.path());
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        for (packages, tests, features, expected) in [
            ("", "", "", Ok("with-dash")),
            ("charm", "", "", Ok("with-dash")),
            ("", "", "longer", Ok("slow with-dash")),
            ("", "", "x,charm/long", Ok("slow with-dash")),
            ("", "slow", "", Ok("slow")),
            ("", "unit", "", Err("`unit`; there are: slow, with-dash")),
            ("other", "", "", Err("add to Cargo.toml")),
            ("nosuch", "", "", Err("package `nosuch` is not in")),
            (LIBRARY, "", "", Err("no charm tests here")),
        ] {
            let cargo = CargoArgs {
                packages: words(packages),
                tests: words(tests),
                features: words(features),
                ..CargoArgs::default()
            };
            let found = candidates(&metadata, &cargo);
            match (found, expected) {
                (Ok(found), Ok(expected)) => {
                    let names: Vec<&str> =
                        found.iter().map(|found| found.target.as_str()).collect();
                    assert_eq!(names.join(" "), expected);
                }
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().contains(expected), "{error}");
                }
                (found, expected) => panic!("{cargo:?}: {found:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn a_broken_manifest_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = dir.path().join("Cargo.toml");
        std::fs::write(&manifest, "[package\n").unwrap();
        let error = targets_without_harness(&manifest).unwrap_err().to_string();
        assert!(error.contains("Cargo.toml"), "{error}");
    }
}
