//! File descriptors: what the starter left open is not the command's.

use std::fs;
use std::os::fd::RawFd;

use super::{During, Failure};

/// Closes all file descriptors but the first three and those given.
///
/// Called where this program holds none of its own beside `keep`.
pub(super) fn close_others(keep: &[RawFd]) -> Result<(), Failure> {
    let open: Vec<RawFd> = fs::read_dir("/proc/self/fd")
        .during("list open files in /proc/self/fd")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    for fd in open {
        if fd > 2 && !keep.contains(&fd) {
            // One of them was the directory's, which is closed already.
            let _ = nix::unistd::close(fd);
        }
    }
    Ok(())
}
