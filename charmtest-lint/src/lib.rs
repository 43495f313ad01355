//! Static checks of charms, bundles and their tests.
//!
//! [`lint`] looks at a directory, a `.charm` file or a bundle and returns all that its rules ([`RULES`]) find; [`output`] prints it.
//!
//! Invariant: whatever is read, nothing panics and nothing is run. Invariant: a finding about one file keeps no other file from
//! being looked at.

mod bundle;
mod charm;
pub mod charmcraft;
mod document;
mod files;
mod finding;
pub mod output;
mod policy;
mod rules;
mod scripts;
mod shell;

use std::path::Path;

pub use finding::{Finding, Report};
pub use policy::{Policy, SETTINGS, UnknownRule};
pub use rules::{GROUPS, Level, RULES, Rule, rule};

use files::{Files, Kind};
use finding::Findings;
use rules::{CT001, CT002};

/// The stack of the thread that reads files; memory is used only as far as it is needed.
const STACK: usize = 64 << 20;

/// Nothing is at a path that was to be looked at.
#[derive(Debug, thiserror::Error)]
#[error("cannot look at `{path}`: {source}")]
pub struct NotThere {
    path: String,
    source: std::io::Error,
}

/// Looks at charms, bundles and tests, each a directory or a file.
///
/// # Errors
///
/// Fails when there is nothing at one of the paths; everything else that is wrong is a finding.
pub fn lint(paths: &[impl AsRef<Path>], policy: &Policy) -> Result<Report, NotThere> {
    let paths: Vec<&Path> = paths.iter().map(AsRef::as_ref).collect();
    let all = || {
        let mut report = Report::default();
        for path in &paths {
            let one = lint_one(path, policy)?;
            report.findings.extend(one.findings);
            report.allowed += one.allowed;
        }
        Ok(report)
    };
    // YAML may nest 64 levels deep, which is too much for the 2 MiB that threads usually have.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        match thread.spawn_scoped(scope, all) {
            Ok(thread) => thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            // No thread is to be had; the stack at hand does for all but hostile files.
            Err(_) => all(),
        }
    })
}

fn lint_one(path: &Path, policy: &Policy) -> Result<Report, NotThere> {
    let found = std::fs::metadata(path).map_err(|source| NotThere {
        path: path.display().to_string(),
        source,
    })?;
    let mut findings = Findings::default();
    if found.is_dir() {
        let files = Files::directory(path);
        directory(&files, path, &mut findings);
        return Ok(finish(path, &files, findings, policy));
    }
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let beside = || Files::directory(parent);
    match name.as_str() {
        "metadata.yaml" | "charmcraft.yaml" | "config.yaml" | "actions.yaml" => {
            let files = beside();
            directory(&files, parent, &mut findings);
            Ok(finish(parent, &files, findings, policy))
        }
        _ if name.ends_with(".yaml") || name.ends_with(".yml") => {
            let files = beside();
            bundle::check(&files, &name, &mut findings);
            Ok(finish(parent, &files, findings, policy))
        }
        _ if name.ends_with(".test") => {
            let files = beside();
            if let Some(entry) = files.find(&name) {
                scripts::test(&files, &name, &entry, &mut findings);
            }
            Ok(finish(parent, &files, findings, policy))
        }
        _ if !found.is_file() => {
            findings.add(&CT001, "", None, "is not a regular file");
            Ok(finish(path, &beside(), findings, policy))
        }
        _ => match Files::archive(path) {
            Ok(files) => {
                archive(&files, &mut findings);
                Ok(finish(path, &files, findings, policy))
            }
            Err(error) => {
                let rule = if name.ends_with(".charm") {
                    &CT002
                } else {
                    &CT001
                };
                findings.add(rule, "", None, error.to_string());
                // There is nothing to take settings from.
                let (findings, allowed) = policy.apply(&Files::directory(path), findings);
                Ok(labelled(path, findings, allowed))
            }
        },
    }
}

fn directory(files: &Files, path: &Path, findings: &mut Findings) {
    let is_there = |name: &str| files.find(name).is_some();
    let is_charm = ["metadata.yaml", "charmcraft.yaml"]
        .iter()
        .any(|name| is_there(name));
    if is_there("bundle.yaml") && !is_there("metadata.yaml") {
        bundle::check(files, "bundle.yaml", findings);
    } else if is_charm {
        let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let name = absolute
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        charm::check(files, name.as_deref(), findings);
    } else {
        let message = "has neither `metadata.yaml` nor `charmcraft.yaml` nor `bundle.yaml`";
        findings.add(&CT001, "", None, message);
    }
}

fn archive(files: &Files, findings: &mut Findings) {
    let is_there = |name: &str| {
        files
            .find(name)
            .is_some_and(|entry| entry.kind != Kind::Directory)
    };
    if is_there("metadata.yaml") {
        charm::check(files, None, findings);
    } else if is_there("bundle.yaml") {
        bundle::check(files, "bundle.yaml", findings);
    } else {
        findings.add(
            &CT001,
            "",
            None,
            "has neither `metadata.yaml` nor `bundle.yaml`",
        );
    }
}

fn finish(path: &Path, files: &Files, findings: Findings, policy: &Policy) -> Report {
    let (findings, allowed) = policy.apply(files, findings);
    labelled(path, findings, allowed)
}

/// Names files below the path that the user gave.
fn labelled(path: &Path, mut findings: Vec<Finding>, allowed: usize) -> Report {
    for finding in &mut findings {
        let whole = match finding.file.as_str() {
            "" => path.to_owned(),
            file => path.join(file),
        };
        let whole = whole.strip_prefix(".").unwrap_or(&whole);
        finding.file = match whole.to_string_lossy() {
            empty if empty.is_empty() => ".".to_owned(),
            whole => whole.into_owned(),
        };
    }
    Report { findings, allowed }
}
