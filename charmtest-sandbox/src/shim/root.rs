//! A root directory in which nothing is but what the policy allows.

use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::StatVfsMountFlags;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change,
    mount_remount, unmount,
};

use super::landlocked::{DEVICES, OWN_DIRECTORIES};
use super::{During, Failure, Job};
use crate::policy::Access;

/// Where the machine's root directory is while ours is made.
const OLD: &str = "/.old";

/// Makes the root directory and goes into it. The mounts end with the namespace.
pub(super) fn make(job: &Job) -> Result<(), Failure> {
    mount_change(
        "/",
        MountPropagationFlags::REC | MountPropagationFlags::PRIVATE,
    )
    .during("keep mounts to ourselves")?;
    let base = ["/tmp", "/run", "/mnt"]
        .into_iter()
        .find(|path| Path::new(path).is_dir())
        .ok_or("there is neither /tmp nor /run nor /mnt")
        .during("find a place for the root directory")?;
    let plain = MountFlags::NOSUID | MountFlags::NODEV;
    mount("charmtest", base, "tmpfs", plain, c"mode=0755").during("mount a root directory")?;
    let old = Path::new(base).join(".old");
    directory(&old)?;
    rustix::process::pivot_root(base, &old).during("change the root directory")?;
    std::env::set_current_dir("/").during("go to the new root directory")?;

    devices()?;
    directory(Path::new("/proc"))?;
    mount("proc", "/proc", "proc", plain | MountFlags::NOEXEC, None)
        .during("mount /proc (a container that hides parts of its own does not allow it)")?;
    for path in OWN_DIRECTORIES.iter().chain(&["/run"]) {
        if *path != "/dev/pts" {
            directory(Path::new(path))?;
            let mode = if *path == "/run" {
                c"mode=0755"
            } else {
                c"mode=1777"
            };
            mount("charmtest", *path, "tmpfs", plain, mode).during(format!("mount {path}"))?;
        }
    }
    for (path, access) in &job.policy.paths {
        if !path.starts_with("/proc") {
            bind(path, *access == Access::Write)?;
        }
    }
    for (link, target) in &job.policy.links {
        if fs::symlink_metadata(link).is_err() {
            parents(link)?;
            symlink(target, link).during(format!("link {}", link.display()))?;
        }
    }
    unmount(OLD, UnmountFlags::DETACH).during("let go of the machine's root directory")?;
    fs::remove_dir(OLD).during("let go of the machine's root directory")?;
    mount_remount("/", plain | MountFlags::RDONLY | MountFlags::BIND, c"")
        .during("make the root directory read-only")
}

/// Makes `/dev`: the devices that everybody may use, and terminals of our own.
fn devices() -> Result<(), Failure> {
    directory(Path::new("/dev"))?;
    for device in DEVICES {
        if inside(Path::new(device)).exists() {
            // Written to it is all the same; what cannot be changed is who may.
            bind(Path::new(device), false)?;
        }
    }
    for (link, target) in [
        ("/dev/fd", "/proc/self/fd"),
        ("/dev/stdin", "/proc/self/fd/0"),
        ("/dev/stdout", "/proc/self/fd/1"),
        ("/dev/stderr", "/proc/self/fd/2"),
        ("/dev/ptmx", "pts/ptmx"),
    ] {
        symlink(target, link).during(format!("link {link}"))?;
    }
    directory(Path::new("/dev/pts"))?;
    mount(
        "devpts",
        "/dev/pts",
        "devpts",
        MountFlags::NOSUID | MountFlags::NOEXEC,
        c"newinstance,ptmxmode=0666,mode=620",
    )
    .during("mount /dev/pts")
}

/// Returns where a path of the machine is for now.
fn inside(path: &Path) -> PathBuf {
    Path::new(OLD).join(path.strip_prefix("/").unwrap_or(path))
}

/// Shows a path of the machine at the same place.
fn bind(path: &Path, writable: bool) -> Result<(), Failure> {
    let from = inside(path);
    let what = || format!("show {}", path.display());
    let is_directory = fs::metadata(&from).during(what())?.is_dir();
    if is_directory {
        directory(path)?;
    } else {
        parents(path)?;
        if fs::symlink_metadata(path).is_err() {
            File::create(path).during(what())?;
        }
    }
    mount_bind_recursive(&from, path).during(what())?;
    if !writable {
        // Landlock says that nothing is written here. This says it once more, where the kernel lets us.
        if let Ok(stat) = rustix::fs::statvfs(path) {
            let _ = mount_remount(
                path,
                kept(stat.f_flag) | MountFlags::BIND | MountFlags::RDONLY,
                c"",
            );
        }
    }
    Ok(())
}

/// Returns the flags that a mount has and must keep: in a user namespace none of them can be taken away.
fn kept(flags: StatVfsMountFlags) -> MountFlags {
    [
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ]
    .into_iter()
    .filter(|(has, _)| flags.contains(*has))
    .fold(MountFlags::empty(), |all, (_, flag)| all | flag)
}

fn parents(path: &Path) -> Result<(), Failure> {
    path.parent().map_or(Ok(()), directory)
}

/// Makes a directory and those above it.
fn directory(path: &Path) -> Result<(), Failure> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
        .during(format!("make {}", path.display()))
}
