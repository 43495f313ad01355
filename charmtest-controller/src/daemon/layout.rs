//! What the daemon puts into its data directory before it serves.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::paths::DataDir;
use crate::tools;

/// Makes `bin/juju` and the hook tools, all of them symlinks to this program.
pub(super) fn prepare(data: &DataDir) -> io::Result<()> {
    let program = std::env::current_exe()?;
    for dir in [
        data.bin(),
        data.tools(),
        data.root().join("charms"),
        data.root().join("resources"),
        data.root().join("models"),
    ] {
        fs::create_dir_all(dir)?;
    }
    point(&data.bin().join("juju"), &program)?;
    for name in tools::NAMES {
        point(&data.tools().join(name), &program)?;
    }
    Ok(())
}

fn point(link: &Path, program: &Path) -> io::Result<()> {
    if fs::read_link(link).is_ok_and(|target| target == program) {
        return Ok(());
    }
    // Replaced by a rename, because a hook may be calling the tool right now.
    let fresh = link.with_extension("new");
    let _ = fs::remove_file(&fresh);
    symlink(program, &fresh)?;
    fs::rename(&fresh, link)
}
