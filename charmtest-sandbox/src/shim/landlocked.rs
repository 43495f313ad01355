//! Files by allow-list: Landlock.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};

use super::{During, Failure, Job};
use crate::Level;
use crate::policy::Access;

/// The newest rules that this program knows; of an older kernel it takes what there is.
const NEWEST: ABI = ABI::V9;
/// The oldest rules that are worth the name: before, every file of the user could be emptied.
const OLDEST: ABI = ABI::V3;

/// Devices that every program may use, in every sandbox.
pub(super) const DEVICES: &[&str] = &[
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
];

/// Directories that are the command's own in a root directory of its own.
pub(super) const OWN_DIRECTORIES: &[&str] = &["/tmp", "/var/tmp", "/dev/shm", "/dev/pts"];

/// Restricts this process to the paths of its policy, and signals and abstract sockets to its own kind.
pub(super) fn restrict(job: &Job) -> Result<(), Failure> {
    let what = "restrict files with Landlock";
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(OLDEST))
        .map_err(|error| Failure::Step {
            what: what.to_owned(),
            why: format!(
                "{error} (Linux 6.2 and `landlock` among its security modules are needed)"
            ),
        })?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))
        .during(what)?
        .scope(Scope::from_all(NEWEST))
        .during(what)?
        .create()
        .during(what)?;
    for (path, access) in paths(job) {
        let fd = match PathFd::new(&path) {
            Ok(fd) => fd,
            Err(error) => return Err(error).during(format!("open {}", path.display())),
        };
        let access = if path.is_dir() {
            access
        } else {
            access & AccessFs::from_file(NEWEST)
        };
        rules = rules
            .add_rule(PathBeneath::new(fd, access))
            .during(format!("allow {}", path.display()))?;
    }
    let status = rules.restrict_self().during(what)?;
    if status.ruleset == RulesetStatus::NotEnforced {
        return Err("this kernel does not enforce it").during(what);
    }
    Ok(())
}

/// Lists what is allowed, the devices and own directories included.
fn paths(job: &Job) -> Vec<(PathBuf, BitFlags<AccessFs>)> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut paths: Vec<_> = job
        .policy
        .paths
        .iter()
        .map(|(path, access)| {
            let rights = match access {
                Access::Connect => AccessFs::ResolveUnix.into(),
                Access::Read => read,
                Access::Execute => read | AccessFs::Execute,
                Access::Write => AccessFs::from_all(NEWEST),
            };
            (path.clone(), rights)
        })
        .collect();
    let device = read | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev;
    let there = |path: &&&str| Path::new(**path).exists();
    paths.extend(
        DEVICES
            .iter()
            .filter(there)
            .map(|path| (PathBuf::from(path), device)),
    );
    if job.level >= Level::Namespaces {
        // These are ours alone: other processes and other users' files are not in them.
        paths.push((PathBuf::from("/proc"), read));
        paths.extend(
            OWN_DIRECTORIES
                .iter()
                .filter(there)
                .map(|path| (PathBuf::from(path), AccessFs::from_all(NEWEST))),
        );
    } else {
        // /proc as a whole would show the command lines of others. What a program reads of itself is there for the first process.
        let own = PathBuf::from(format!("/proc/{}", std::process::id()));
        paths.push((own, read));
    }
    paths
}
