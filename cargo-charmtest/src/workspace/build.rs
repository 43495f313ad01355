//! Building test targets with cargo.

use std::collections::BTreeSet;
use std::io::{BufReader, IsTerminal};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use cargo_metadata::{Message, Metadata, Package};

use super::targets::Candidate;
use crate::cli::{CargoArgs, OutputArgs};
use crate::error::{Error, Kind, Result};

/// A test binary that cargo built.
#[derive(Debug)]
pub(super) struct Built<'a> {
    /// Its package.
    pub(super) package: &'a Package,
    /// Its test target.
    pub(super) target: String,
    /// The executable.
    pub(super) executable: PathBuf,
}

/// Builds the candidates and returns them in their order; cargo's own diagnostics pass through.
///
/// # Errors
///
/// Fails when cargo cannot be run, and when it cannot build them; then it has said why.
pub(super) fn build<'a>(
    metadata: &'a Metadata,
    cargo: &CargoArgs,
    output: &OutputArgs,
    candidates: &BTreeSet<Candidate>,
) -> Result<Vec<Built<'a>>> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut child = Command::new(&program)
        .args([
            "test",
            "--no-run",
            "--message-format",
            "json-render-diagnostics",
        ])
        .args(cargo.options("--profile"))
        .args(voice(output))
        .args(selection(candidates))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| {
            Error::infrastructure(format!("cannot run {}: {error}", program.display()))
        })?;
    let mut built = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for message in Message::parse_stream(BufReader::new(stdout)) {
            let message = message.map_err(|error| {
                Error::infrastructure(format!("cannot read cargo's messages: {error}"))
            })?;
            built.extend(test_binary(metadata, message));
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
    // Of two packages with a target of one name, cargo builds both even if only one is a candidate.
    built.retain(|built| candidates.contains(&built.candidate()));
    built.sort_by_key(Built::candidate);
    Ok(built)
}

impl Built<'_> {
    fn candidate(&self) -> Candidate {
        Candidate {
            package: self.package.name.to_string(),
            target: self.target.clone(),
        }
    }
}

fn test_binary(metadata: &Metadata, message: Message) -> Option<Built<'_>> {
    let Message::CompilerArtifact(artifact) = message else {
        return None;
    };
    if !artifact.profile.test || !artifact.target.is_test() {
        return None;
    }
    let package = metadata
        .packages
        .iter()
        .find(|package| package.id == artifact.package_id)?;
    Some(Built {
        package,
        target: artifact.target.name,
        executable: artifact.executable?.into_std_path_buf(),
    })
}

fn selection(candidates: &BTreeSet<Candidate>) -> Vec<String> {
    let packages: BTreeSet<&str> = candidates
        .iter()
        .map(|candidate| candidate.package.as_str())
        .collect();
    let targets: BTreeSet<&str> = candidates
        .iter()
        .map(|candidate| candidate.target.as_str())
        .collect();
    let packages = packages.iter().flat_map(|name| ["--package", name]);
    let targets = targets.iter().flat_map(|name| ["--test", name]);
    packages.chain(targets).map(str::to_owned).collect()
}

/// Returns how much cargo is to say beside its diagnostics: on a terminal what it compiles, which may take a while; in a log nothing.
fn voice(output: &OutputArgs) -> Vec<&'static str> {
    let mut args = vec!["--color", output.color.as_str()];
    let watched = std::io::stderr().is_terminal();
    match output.verbose {
        0 if output.quiet || !watched => args.push("--quiet"),
        0 | 1 => {}
        _ => args.push("--verbose"),
    }
    args
}
