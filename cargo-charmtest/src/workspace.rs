//! The user's workspace: which test targets hold charm tests, building them, asking them what they hold.

use std::collections::BTreeSet;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use cargo_metadata::{CargoOpt, Message, Metadata, MetadataCommand, Package};
use charmtest::harness::{DESCRIBE_VERSION, Description, RunFlags};

use crate::cli::{CargoArgs, SelectArgs};
use crate::error::{Error, Kind, Result};
use crate::run::process;

/// The library that makes a test target a charm test.
const LIBRARY: &str = "charmtest-core";

/// How long a test binary may take to describe itself.
const DESCRIBE_LIMIT: Duration = Duration::from_secs(60);

/// A test target that may hold charm tests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    package: String,
    target: String,
}

/// A built test binary with the charm tests that were selected in it.
#[derive(Debug, Clone)]
pub(crate) struct TestBinary {
    /// The package.
    pub(crate) package: String,
    /// The test target.
    pub(crate) target: String,
    /// The package's directory, in which its tests run.
    pub(crate) package_dir: PathBuf,
    /// The executable.
    pub(crate) executable: PathBuf,
    /// What it holds.
    pub(crate) description: Description,
}

impl TestBinary {
    /// Returns the name of the binary in reports, `package::target`.
    pub(crate) fn id(&self) -> String {
        format!("{}::{}", self.package, self.target)
    }
}

/// Builds the charm test targets that `cargo` selects and asks each for the tests that `select` and `flags` select.
///
/// # Errors
///
/// Fails when there is no workspace, when it has no charm tests, when the build fails, and when a binary does not answer.
pub(crate) fn test_binaries(
    cargo: &CargoArgs,
    select: &SelectArgs,
    flags: &RunFlags,
) -> Result<Vec<TestBinary>> {
    let metadata = metadata(cargo)?;
    let candidates = candidates(&metadata, cargo)?;
    if candidates.is_empty() {
        let error = Error::new(
            Kind::NothingSelected,
            "no charm tests here: no selected package has a test target that depends on charmtest-core and has `harness = false`",
        );
        return Err(error.hint("add to Cargo.toml:\n    [dev-dependencies]\n    charmtest-core = \"0.1\"\n\n    [[test]]\n    name = \"integration\"\n    harness = false"));
    }
    let built = build(&metadata, cargo, &candidates)?;
    let mut binaries = Vec::new();
    for (candidate, package_dir, executable) in built {
        if let Some(description) = describe(&executable, &package_dir, select, flags)? {
            let Candidate { package, target } = candidate;
            binaries.push(TestBinary {
                package,
                target,
                package_dir,
                executable,
                description,
            });
        }
    }
    Ok(binaries)
}

/// Returns the arguments by which a test binary selects the same tests.
pub(crate) fn selection(select: &SelectArgs) -> Vec<String> {
    let mut args = Vec::new();
    let switches = [
        (select.exact, "--exact"),
        (select.ignored, "--ignored"),
        (select.include_ignored, "--include-ignored"),
    ];
    args.extend(
        switches
            .into_iter()
            .filter(|(on, _)| *on)
            .map(|(_, flag)| flag.to_owned()),
    );
    for skip in &select.skip {
        args.extend(["--skip".to_owned(), skip.clone()]);
    }
    if !select.filters.is_empty() {
        args.push("--".to_owned());
        args.extend(select.filters.iter().cloned());
    }
    args
}

fn metadata(cargo: &CargoArgs) -> Result<Metadata> {
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
    command
        .exec()
        .map_err(|error| Error::infrastructure(format!("cannot read the workspace: {error}")))
}

/// Finds the targets: `cargo metadata` does not tell `harness`, so the manifests are read for it.
fn candidates(metadata: &Metadata, cargo: &CargoArgs) -> Result<BTreeSet<Candidate>> {
    let mut found = BTreeSet::new();
    for package in selected_packages(metadata, cargo)? {
        if !package
            .dependencies
            .iter()
            .any(|dependency| dependency.name == LIBRARY)
        {
            continue;
        }
        let custom = targets_without_harness(package.manifest_path.as_std_path())?;
        let tests = package.targets.iter().filter(|target| target.is_test());
        let wanted = |name: &String| cargo.tests.is_empty() || cargo.tests.contains(name);
        found.extend(
            tests
                .filter(|target| custom.contains(&target.name) && wanted(&target.name))
                .map(|target| Candidate {
                    package: package.name.to_string(),
                    target: target.name.clone(),
                }),
        );
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
            Error::new(
                Kind::Usage,
                format!(
                    "package `{spec}` is not in the workspace {}",
                    metadata.workspace_root
                ),
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

/// Returns the names of the test targets under `harness = false` in a manifest.
fn targets_without_harness(manifest: &Path) -> Result<BTreeSet<String>> {
    let fail =
        |why: String| Error::infrastructure(format!("cannot read {}: {why}", manifest.display()));
    let text = std::fs::read_to_string(manifest).map_err(|error| fail(error.to_string()))?;
    let document: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| fail(error.to_string()))?;
    let tests = document
        .get("test")
        .and_then(toml::Value::as_array)
        .cloned()
        .unwrap_or_default();
    let without =
        |test: &&toml::Value| test.get("harness").and_then(toml::Value::as_bool) == Some(false);
    Ok(tests
        .iter()
        .filter(without)
        .filter_map(|test| Some(test.get("name")?.as_str()?.to_owned()))
        .collect())
}

/// Builds the candidates; cargo's own diagnostics pass through.
fn build(
    metadata: &Metadata,
    cargo: &CargoArgs,
    candidates: &BTreeSet<Candidate>,
) -> Result<Vec<(Candidate, PathBuf, PathBuf)>> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut child = Command::new(&program)
        .args([
            "test",
            "--no-run",
            "--message-format",
            "json-render-diagnostics",
        ])
        .args(build_args(cargo, candidates))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| {
            Error::infrastructure(format!("cannot run {}: {error}", program.to_string_lossy()))
        })?;
    let mut built = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for message in Message::parse_stream(BufReader::new(stdout)) {
            let message = message.map_err(|error| {
                Error::infrastructure(format!("cannot read cargo's messages: {error}"))
            })?;
            let Message::CompilerArtifact(artifact) = message else {
                continue;
            };
            let Some(executable) = artifact
                .executable
                .filter(|_| artifact.profile.test && artifact.target.is_test())
            else {
                continue;
            };
            let Some(package) = metadata
                .packages
                .iter()
                .find(|package| package.id == artifact.package_id)
            else {
                continue;
            };
            let candidate = Candidate {
                package: package.name.to_string(),
                target: artifact.target.name,
            };
            let dir = package
                .manifest_path
                .parent()
                .map(|dir| dir.as_std_path().to_owned())
                .unwrap_or_default();
            if candidates.contains(&candidate) {
                built.push((candidate, dir, executable.into_std_path_buf()));
            }
        }
    }
    let status = child
        .wait()
        .map_err(|error| Error::infrastructure(format!("cannot wait for cargo: {error}")))?;
    if !status.success() {
        return Err(Error::new(
            Kind::Build,
            "the charm tests could not be built",
        ));
    }
    built.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(built)
}

fn build_args(cargo: &CargoArgs, candidates: &BTreeSet<Candidate>) -> Vec<String> {
    let mut args = Vec::new();
    let packages: BTreeSet<&str> = candidates
        .iter()
        .map(|candidate| candidate.package.as_str())
        .collect();
    let targets: BTreeSet<&str> = candidates
        .iter()
        .map(|candidate| candidate.target.as_str())
        .collect();
    let mut pair = |flag: &str, value: &str| args.extend([flag.to_owned(), value.to_owned()]);
    packages
        .iter()
        .for_each(|package| pair("--package", package));
    targets.iter().for_each(|target| pair("--test", target));
    cargo
        .features
        .iter()
        .for_each(|features| pair("--features", features));
    if let Some(profile) = &cargo.cargo_profile {
        pair("--profile", profile);
    }
    if let Some(triple) = &cargo.target {
        pair("--target", triple);
    }
    for (flag, path) in [
        ("--target-dir", &cargo.target_dir),
        ("--manifest-path", &cargo.manifest_path),
    ] {
        if let Some(path) = path {
            pair(flag, &path.to_string_lossy());
        }
    }
    for (on, flag) in [
        (cargo.all_features, "--all-features"),
        (cargo.no_default_features, "--no-default-features"),
        (cargo.release, "--release"),
        (cargo.locked, "--locked"),
        (cargo.offline, "--offline"),
        (cargo.frozen, "--frozen"),
        (cargo.verbose == 0, "--quiet"),
        (cargo.verbose > 1, "--verbose"),
    ] {
        args.extend(on.then(|| flag.to_owned()));
    }
    args
}

/// Asks a binary which of its tests are selected; `None` when it holds no charm tests.
fn describe(
    executable: &Path,
    package_dir: &Path,
    select: &SelectArgs,
    flags: &RunFlags,
) -> Result<Option<Description>> {
    let mut command = Command::new(executable);
    command
        .args(["--list", "--format", "terse"])
        .args(selection(select))
        .env("CHARMTEST_DESCRIBE", "json")
        .current_dir(package_dir);
    flags.apply_env(&mut command);
    let output = process::output(command, DESCRIBE_LIMIT).map_err(|error| {
        Error::infrastructure(format!(
            "cannot list the tests of {}: {error}",
            executable.display()
        ))
    })?;
    if output.code == Some(charmtest::exit::USAGE.into()) {
        return Err(Error::new(
            Kind::Usage,
            output.stderr.trim().trim_start_matches("error: "),
        ));
    }
    let description: Option<Description> = serde_json::from_str(&output.stdout).ok();
    // A target with a harness of its own kind is not ours to run.
    Ok(description.filter(|description| description.charmtest == DESCRIBE_VERSION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_harness_is_read_from_the_manifest() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = dir.path().join("Cargo.toml");
        std::fs::write(
            &manifest,
            "[package]\nname = \"x\"\n[[test]]\nname = \"integration\"\nharness = false\n[[test]]\nname = \"unit\"\n[[test]]\nname = \"more\"\nharness = true\n",
        )
        .unwrap();
        assert_eq!(
            targets_without_harness(&manifest).unwrap(),
            BTreeSet::from(["integration".to_owned()])
        );
        std::fs::write(&manifest, "[package\n").unwrap();
        let error = targets_without_harness(&manifest).unwrap_err().to_string();
        assert!(error.contains("Cargo.toml"), "{error}");
    }

    #[test]
    fn the_selection_reaches_the_binaries() {
        let select = SelectArgs {
            filters: vec!["a".into(), "-b".into()],
            exact: true,
            skip: vec!["c".into()],
            ..SelectArgs::default()
        };
        assert_eq!(selection(&select).join(" "), "--exact --skip c -- a -b");
        assert!(selection(&SelectArgs::default()).is_empty());
    }
}
