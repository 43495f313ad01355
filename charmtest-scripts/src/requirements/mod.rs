//! What a charm's tests need on the machine: `tests/requirements.yaml`, and packages of the distribution, from its own archive and no other.
//!
//! [`Requirements::parse`] reads the file strictly. [`Archive::of`] says which archive belongs to a base. What is installed and what installing
//! would do is asked of apt, in a private configuration for which nothing but that archive and its keys exist, and read by [`simulate`];
//! [`decide()`] says what is done. [`meet`] puts it together.
//!
//! Invariant: a package counts as the distribution's only if the distribution's key signed it. Labels (`Origin: Debian`) can be written by
//! anybody and are never looked at. What cannot be proven, because there is no network or no key, is [`Unmet`].

mod apt;
pub mod archive;
pub mod decide;
pub mod parse;
pub mod simulate;
pub mod version;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

pub use apt::has_apt;
pub use archive::{Archive, Base};
pub use decide::{Decision, Machine, Unmet, Versions, Wishes, decide, moved_on};
pub use parse::Requirements;

use crate::environment::Packages;
use crate::os_release;
use apt::Apt;
use simulate::{Plan, read_policy};

/// Where the requirements of a charm stand, below its directory.
pub const FILE: &str = "tests/requirements.yaml";

/// What is asked for, and where.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The packages.
    pub requirements: &'a Requirements,
    /// The base whose archive they must be from.
    pub base: &'a Base,
    /// Another archive than [`Archive::of`] the base, such as a mirror of it.
    pub archive: Option<&'a Archive>,
    /// A directory of ours for the archive's lists and for packages; it is made.
    pub cache: &'a Path,
    /// What the user allows.
    pub wishes: Wishes,
}

/// Requirements that are met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Met {
    /// The packages, at the versions that the test runs with.
    pub versions: Versions,
    /// The directory into which packages were unpacked beside the system; see [`Met::environment`].
    pub overlay: Option<PathBuf>,
    /// What the user should know.
    pub notes: Vec<String>,
}

impl Met {
    /// Returns what of it the test must find.
    pub fn environment(&self) -> Packages {
        let Some(root) = &self.overlay else {
            return Packages::default();
        };
        let existing = |names: &[&str]| {
            let directories = names.iter().map(|name| root.join(name));
            directories.filter(|path| path.is_dir()).collect::<Vec<_>>()
        };
        let programs = existing(&[
            "usr/local/bin",
            "usr/bin",
            "bin",
            "usr/games",
            "usr/sbin",
            "sbin",
        ]);
        let mut libraries = Vec::new();
        for library in existing(&["usr/lib", "lib"]) {
            // `x86_64-linux-gnu`: where Debian has the libraries of an architecture.
            let entries = fs::read_dir(&library).into_iter().flatten().flatten();
            let mut below: Vec<_> = entries
                .filter(|entry| entry.file_name().to_string_lossy().contains("-linux-gnu"))
                .map(|entry| entry.path())
                .collect();
            below.sort();
            libraries.extend(below);
            libraries.push(library);
        }
        Packages {
            programs,
            libraries,
        }
    }
}

impl Machine {
    /// Looks at this machine.
    pub fn here() -> Self {
        let ci = std::env::var("CI").unwrap_or_default();
        Self {
            base: Base::of_os_release(&os_release::read()),
            root: rustix::process::geteuid().is_root(),
            ci: !ci.is_empty() && ci != "false" && ci != "0",
        }
    }
}

/// Sees to it that requirements are met on `machine`, which is this one, as far as that is allowed; see [`decide()`].
///
/// No requirements are met without a look at the machine.
///
/// # Errors
///
/// Says why they are not met, and what command would help; also when the archive cannot be reached or cannot be proven, for then nothing is
/// known.
pub fn meet(request: &Request<'_>, machine: &Machine) -> Result<Met, Unmet> {
    let packages = request.requirements.packages();
    if packages.is_empty() {
        return Ok(Met::default());
    }
    let apt = match open(request) {
        Ok(apt) => apt,
        Err(why) => return without_archive(request, &why),
    };
    let (apt, archive) = apt;
    let look = |machine: &Machine| -> Result<Decision, Unmet> {
        let known = read_policy(&apt.policy(packages).map_err(Unmet::because)?);
        let (_, wanted, _) = decide::missing(packages, &known, request.base, request.wishes)?;
        let mut plan = Plan::default();
        if !wanted.is_empty() {
            let output = apt.simulate(&wanted).map_err(Unmet::because)?;
            plan = Plan::of_simulation(&output.text, output.succeeded);
            if plan.refusals.is_empty() {
                let uris = apt.uris(&wanted).map_err(Unmet::because)?;
                plan.check_uris(&uris, &archive);
            }
        }
        Ok(decide(
            packages,
            request.base,
            machine,
            request.wishes,
            &known,
            &plan,
        ))
    };
    match look(machine)? {
        Decision::GoOn { versions, notes } => Ok(Met {
            versions,
            overlay: None,
            notes,
        }),
        Decision::Unmet(unmet) => Err(unmet),
        Decision::Overlay(versions) => {
            let overlay = apt.unpack(&versions).map_err(Unmet::because)?;
            let list = exact_list(&versions);
            Ok(Met {
                notes: vec![format!(
                    "unpacked beside the system, without maintainer scripts: {list}"
                )],
                versions,
                overlay: Some(overlay),
            })
        }
        Decision::Install(wanted) => {
            apt.install(&wanted).map_err(|why| {
                Unmet::because(format!("installing {} failed: {why}", exact_list(&wanted)))
            })?;
            match look(machine)? {
                Decision::GoOn {
                    versions,
                    mut notes,
                } => {
                    notes.push(format!("installed {}", exact_list(&wanted)));
                    Ok(Met {
                        versions,
                        overlay: None,
                        notes,
                    })
                }
                _ => Err(Unmet::because(format!(
                    "{} is not there after installing it",
                    exact_list(&wanted)
                ))),
            }
        }
    }
}

fn open(request: &Request<'_>) -> Result<(Apt, Archive), String> {
    let archive = match request.archive {
        Some(archive) => archive.clone(),
        None if !has_apt() => {
            return Err(
                "this machine has no apt-get, and requirements are packages of Debian or Ubuntu"
                    .to_owned(),
            );
        }
        None => Archive::of(request.base, &apt::architecture(request.cache)?)?,
    };
    let apt = Apt::open(request.cache, &archive)?;
    apt.update()
        .map_err(|why| format!("the archive of {} cannot be asked: {why}", request.base))?;
    Ok((apt, archive))
}

/// Nothing can be proven: what is installed counts only if the user said so.
fn without_archive(request: &Request<'_>, why: &str) -> Result<Met, Unmet> {
    let packages = request.requirements.packages();
    if request.wishes.allow_installed {
        let versions = apt::installed(request.cache, packages);
        if packages.iter().all(|name| versions.contains_key(name)) {
            let note = format!(
                "{} taken as installed, and not proven to be from the official archive: {why}",
                exact_list(&versions)
            );
            return Ok(Met {
                versions,
                overlay: None,
                notes: vec![note],
            });
        }
    }
    Err(Unmet {
        why: why.to_owned(),
        command: None,
    })
}

fn exact_list(versions: &BTreeMap<String, String>) -> String {
    let words: Vec<_> = versions
        .iter()
        .map(|(name, version)| format!("{name}={version}"))
        .collect();
    words.join(" ")
}
