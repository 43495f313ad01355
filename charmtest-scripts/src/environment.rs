//! The environment of a script: the same on every host.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::os_release::value;

/// Where programs are looked for, after the directory of `juju`. It is not the host's `PATH`: that differs from host to host.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Programs that a minimal installation does not have, by name; a name with `-` at its end counts for what follows too (`gcc-12`).
const BUILD_TOOLS: [&str; 27] = [
    "as", "ar", "autoconf", "automake", "bazel", "c++", "c89", "c99", "cargo", "cc", "clang",
    "clang++", "cmake", "cpp", "g++", "gcc", "gmake", "go", "gold", "javac", "ld", "make", "meson",
    "ninja", "rustc", "rustup", "tcc",
];

/// What a script is told of its run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The charm's name.
    pub charm: String,
    /// The script, as `tests/10-basic.test`.
    pub script: String,
    /// The model, `controller:model`.
    pub model: String,
    /// The controller's name.
    pub controller: String,
    /// `embedded` or `juju`.
    pub backend: String,
    /// The version of Juju, if it is known.
    pub juju_version: String,
    /// What the script runs on, as `debian@12`; see [`testbed`].
    pub testbed: String,
    /// The sandbox level, as `plain`.
    pub sandbox: String,
    /// The time limit in whole seconds.
    pub timeout_seconds: u64,
}

/// Packages that were unpacked beside the system for a script: where their programs and libraries are, the first looked at first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packages {
    /// Directories of programs.
    pub programs: Vec<PathBuf>,
    /// Directories of shared libraries.
    pub libraries: Vec<PathBuf>,
}

/// The directories of one script, all below one that belongs to it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Holds the script's `juju`, first in `PATH`.
    pub bin: PathBuf,
    /// `HOME`, empty.
    pub home: PathBuf,
    /// `TMPDIR`, empty.
    pub tmp: PathBuf,
    /// `CHARMTEST_ARTIFACTS`, empty.
    pub artifacts: PathBuf,
    /// The pristine copy of the charm.
    pub charm: PathBuf,
    /// What stands for the directories of [`PATH`] when build tools are hidden.
    pub tools: Option<PathBuf>,
    /// What was unpacked for the script; it is not below that directory.
    pub packages: Packages,
}

/// Returns all variables of a script: nothing of the runner's own environment is among them.
#[must_use]
pub fn variables(facts: &Facts, places: &Places) -> BTreeMap<OsString, OsString> {
    let mut path = OsString::from(&places.bin);
    for directory in &places.packages.programs {
        path.push(":");
        path.push(directory);
    }
    path.push(":");
    match &places.tools {
        Some(tools) => path.push(tools),
        None => path.push(PATH),
    }
    let timeout = facts.timeout_seconds.to_string();
    let paths = [
        ("CHARMTEST_ARTIFACTS", &places.artifacts),
        ("CHARMTEST_CHARM_DIR", &places.charm),
        ("HOME", &places.home),
        ("TMPDIR", &places.tmp),
    ];
    let texts = [
        ("CHARMTEST_BACKEND", facts.backend.as_str()),
        ("CHARMTEST_CHARM", &facts.charm),
        ("CHARMTEST_CONTROLLER", &facts.controller),
        ("CHARMTEST_JUJU_VERSION", &facts.juju_version),
        ("CHARMTEST_MODEL", &facts.model),
        ("CHARMTEST_SANDBOX", &facts.sandbox),
        ("CHARMTEST_SCRIPT", &facts.script),
        ("CHARMTEST_TESTBED", &facts.testbed),
        ("CHARMTEST_TIMEOUT", &timeout),
        ("LC_ALL", "C.UTF-8"),
        ("SHELL", "/bin/sh"),
        ("TERM", "dumb"),
        ("TZ", "UTC"),
    ];
    let mut variables = BTreeMap::from([(OsString::from("PATH"), path)]);
    let libraries: Vec<&OsStr> = places
        .packages
        .libraries
        .iter()
        .map(|path| path.as_os_str())
        .collect();
    if !libraries.is_empty() {
        variables.insert("LD_LIBRARY_PATH".into(), libraries.join(OsStr::new(":")));
    }
    variables.extend(paths.map(|(name, path)| (name.into(), path.into())));
    variables.extend(texts.map(|(name, text)| (name.into(), text.into())));
    variables
}

/// Says whether a program is one that a minimal installation lacks: compilers, linkers, `make`, `cargo` and the like, with versions and
/// targets in their names (`gcc-12`, `x86_64-linux-gnu-gcc`).
#[must_use]
pub fn is_build_tool(name: &str) -> bool {
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || ".-".contains(c));
    let bare = if bare.is_empty() { name } else { bare };
    let last = ["linux-gnu-", "linux-musl-"]
        .iter()
        .find_map(|target| bare.split_once(target))
        .map_or(bare, |(_, last)| last);
    BUILD_TOOLS.contains(&last) || BUILD_TOOLS.contains(&name)
}

/// Fills `directory` with symlinks to all programs of [`PATH`] but build tools: the first of a name, as a shell would take it.
///
/// # Errors
///
/// Fails when the directory cannot be written to. A directory of the path that is not there is left out.
pub fn link_tools(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    for place in PATH.split(':') {
        let Ok(entries) = fs::read_dir(place) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            if is_build_tool(&name.to_string_lossy()) {
                continue;
            }
            match symlink(entry.path(), directory.join(&name)) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Returns what this host is, as `ubuntu@24.04`, of the text of its `/etc/os-release`; `unknown` when that does not say.
#[must_use]
pub fn testbed(text: &str) -> String {
    match (value(text, "ID"), value(text, "VERSION_ID")) {
        (Some(id), Some(version)) => format!("{id}@{version}"),
        (Some(id), None) => id.to_owned(),
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(tools: Option<&str>) -> Places {
        let path = |name: &str| PathBuf::from("/r").join(name);
        Places {
            bin: path("bin"),
            home: path("home"),
            tmp: path("tmp"),
            artifacts: path("artifacts"),
            charm: path("charm"),
            tools: tools.map(PathBuf::from),
            packages: Packages::default(),
        }
    }

    #[test]
    fn the_environment_is_all_ours() {
        let facts = Facts {
            charm: "wiki".into(),
            timeout_seconds: 60,
            ..Facts::default()
        };
        let all = variables(&facts, &places(None));
        let get = |name: &str| all[&OsString::from(name)].to_str().unwrap().to_owned();
        assert_eq!(get("PATH"), format!("/r/bin:{PATH}"));
        assert_eq!(get("LC_ALL"), "C.UTF-8");
        assert_eq!(get("TZ"), "UTC");
        assert_eq!(get("HOME"), "/r/home");
        assert_eq!(get("CHARMTEST_CHARM"), "wiki");
        assert_eq!(get("CHARMTEST_TIMEOUT"), "60");
        assert_eq!(all.len(), 18);
        let hidden = variables(&facts, &places(Some("/r/tools")));
        assert_eq!(hidden[&OsString::from("PATH")], "/r/bin:/r/tools");
        let mut with = places(None);
        with.packages = Packages {
            programs: vec!["/p/bin".into(), "/p/games".into()],
            libraries: vec!["/p/lib/x86_64-linux-gnu".into(), "/p/lib".into()],
        };
        let unpacked = variables(&facts, &with);
        let get = |name: &str| unpacked[&OsString::from(name)].to_str().unwrap().to_owned();
        assert_eq!(get("PATH"), format!("/r/bin:/p/bin:/p/games:{PATH}"));
        assert_eq!(get("LD_LIBRARY_PATH"), "/p/lib/x86_64-linux-gnu:/p/lib");
    }

    #[test]
    fn build_tools_are_told_by_name() {
        for name in [
            "cc",
            "gcc",
            "gcc-12",
            "x86_64-linux-gnu-gcc-12",
            "make",
            "cargo",
            "ld",
            "c++",
            "g++-12",
            "c89",
        ] {
            assert!(is_build_tool(name), "{name}");
        }
        for name in [
            "sh", "python3", "curl", "ldd", "asciidoc", "ls", "7", "success", "argon2",
        ] {
            assert!(!is_build_tool(name), "{name}");
        }
    }

    #[test]
    fn links_leave_build_tools_out() {
        let room = tempfile::tempdir().unwrap();
        link_tools(room.path()).unwrap();
        assert!(room.path().join("sh").exists());
        assert!(!room.path().join("cc").exists());
    }

    #[test]
    fn the_testbed_is_read_from_os_release() {
        for (text, expected) in [
            ("NAME=x\nID=debian\nVERSION_ID=\"12\"\n", "debian@12"),
            ("ID='arch'\n", "arch"),
            ("", "unknown"),
        ] {
            assert_eq!(testbed(text), expected);
        }
    }
}
