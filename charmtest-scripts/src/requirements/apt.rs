//! Running apt in a private configuration; the only part that acts.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::archive::{Archive, Surroundings, configuration};
use super::decide::Versions;
use crate::hex::hex;
use crate::process::wait_group;
use crate::verdict::End;

/// How long the archive's lists are good for.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// How long apt may take to fetch the archive's lists, or packages.
const FETCH: Duration = Duration::from_secs(600);

/// How long apt may take to look something up.
const LOOK_UP: Duration = Duration::from_secs(120);

/// How long apt may take to install packages.
const INSTALL: Duration = Duration::from_secs(1800);

/// The directories where apt and dpkg are on every system that has them, sbin for the tools of dpkg.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// What a program printed.
#[derive(Debug, Clone)]
pub(super) struct Output {
    /// Both outputs, in the order in which they were written.
    pub(super) text: String,
    /// Whether it ended with 0.
    pub(super) succeeded: bool,
}

/// apt with a private configuration: one directory for an archive, in which lists and packages are kept.
#[derive(Debug)]
pub(super) struct Apt {
    room: PathBuf,
    /// Held as long as we are here: others wait, since apt's files are for one at a time.
    _lock: File,
}

impl Apt {
    /// Makes the room of an archive below `cache`, or takes the one that is there.
    pub(super) fn open(cache: &Path, archive: &Archive) -> Result<Self, String> {
        if !has_apt() {
            return Err(
                "this machine has no apt-get, and requirements are packages of Debian or Ubuntu"
                    .to_owned(),
            );
        }
        if !archive.keyring.is_file() {
            return Err(format!(
                "the keys of the archive, `{}`, are not on this machine, so that nothing can prove what is from it",
                archive.keyring.display()
            ));
        }
        let sources = archive.sources_list();
        let id = hex(&Sha256::digest(sources.as_bytes())[..8]);
        let room = cache.join(format!("apt-{id}"));
        Self::furnish(&room, &sources).map_err(|error| {
            format!(
                "the room for apt, `{}`, cannot be made: {error}",
                room.display()
            )
        })
    }

    fn furnish(room: &Path, sources: &str) -> io::Result<Self> {
        for name in [
            "empty",
            "lists/partial",
            "cache/archives/partial",
            "home",
            "overlays",
        ] {
            fs::create_dir_all(room.join(name))?;
        }
        let lock = File::create(room.join("lock"))?;
        lock.lock()?;
        fs::write(room.join("none"), "")?;
        fs::write(room.join("sources.list"), sources)?;
        let surroundings = Surroundings {
            proxies: proxies(room),
            root: rustix::process::geteuid().is_root(),
        };
        let text = configuration(room, &surroundings).map_err(io::Error::other)?;
        fs::write(room.join("apt.conf"), text)?;
        Ok(Self {
            room: room.to_owned(),
            _lock: lock,
        })
    }

    /// Fetches the archive's lists, unless those that are there are of today.
    pub(super) fn update(&self) -> Result<(), String> {
        let stamp = self.room.join("fetched");
        if is_fresh(&stamp) {
            return Ok(());
        }
        // Lists that were not proven now must not be looked at later.
        let _ = fs::remove_file(&stamp);
        let output = self.run("apt-get", &["update"], FETCH)?;
        if !output.succeeded {
            return Err(errors(&output.text));
        }
        fs::write(&stamp, "").map_err(|error| format!("`{}`: {error}", stamp.display()))
    }

    /// Returns what `apt-cache policy` prints.
    pub(super) fn policy(&self, names: &[String]) -> Result<String, String> {
        let mut arguments = vec!["policy", "--"];
        arguments.extend(names.iter().map(String::as_str));
        let output = self.run("apt-cache", &arguments, LOOK_UP)?;
        if output.succeeded {
            Ok(output.text)
        } else {
            Err(errors(&output.text))
        }
    }

    /// Returns what `apt-get -s install` prints.
    pub(super) fn simulate(&self, versions: &Versions) -> Result<Output, String> {
        let words = exact(versions);
        let mut arguments = vec![
            "-s",
            "-o",
            "Debug::NoLocking=true",
            "--no-remove",
            "install",
            "--",
        ];
        arguments.extend(words.iter().map(String::as_str));
        self.run("apt-get", &arguments, LOOK_UP)
    }

    /// Returns what `apt-get --print-uris install` prints.
    pub(super) fn uris(&self, versions: &Versions) -> Result<String, String> {
        let words = exact(versions);
        let mut arguments = vec![
            "-qq",
            "-y",
            "-o",
            "Debug::NoLocking=true",
            "--no-remove",
            "--print-uris",
            "install",
            "--",
        ];
        arguments.extend(words.iter().map(String::as_str));
        let output = self.run("apt-get", &arguments, LOOK_UP)?;
        if output.succeeded {
            Ok(output.text)
        } else {
            Err(errors(&output.text))
        }
    }

    /// Installs packages on this machine.
    pub(super) fn install(&self, versions: &Versions) -> Result<(), String> {
        let words = exact(versions);
        let mut arguments = vec!["-y", "--no-remove", "install", "--"];
        arguments.extend(words.iter().map(String::as_str));
        let output = self.run("apt-get", &arguments, INSTALL)?;
        if output.succeeded {
            Ok(())
        } else {
            Err(errors(&output.text))
        }
    }

    /// Unpacks packages into a directory of the room, and returns it; what was unpacked before is taken.
    pub(super) fn unpack(&self, versions: &Versions) -> Result<PathBuf, String> {
        let words = exact(versions);
        let id = hex(&Sha256::digest(words.join(" ").as_bytes())[..8]);
        let place = self.room.join("overlays").join(id);
        if place.is_dir() {
            return Ok(place);
        }
        let describe = |error: io::Error| format!("`{}`: {error}", place.display());
        let half = tempfile::tempdir_in(self.room.join("overlays")).map_err(describe)?;
        let (debs, tree) = (half.path().join("debs"), half.path().join("tree"));
        fs::create_dir(&debs).map_err(describe)?;
        fs::create_dir(&tree).map_err(describe)?;
        let mut arguments = vec!["-o", "Debug::NoLocking=true", "download", "--"];
        arguments.extend(words.iter().map(String::as_str));
        let output = self.run_in(&debs, "apt-get", &arguments, FETCH)?;
        if !output.succeeded {
            return Err(errors(&output.text));
        }
        for entry in fs::read_dir(&debs).map_err(describe)? {
            let deb = entry.map_err(describe)?.path();
            let words = [
                deb.to_str().unwrap_or_default(),
                tree.to_str().unwrap_or_default(),
            ];
            let output = self.run("dpkg-deb", &["-x", words[0], words[1]], LOOK_UP)?;
            if !output.succeeded {
                return Err(format!(
                    "`{}` cannot be unpacked: {}",
                    deb.display(),
                    errors(&output.text)
                ));
            }
        }
        fs::rename(&tree, &place).map_err(describe)?;
        Ok(place)
    }

    fn run(&self, program: &str, arguments: &[&str], limit: Duration) -> Result<Output, String> {
        self.run_in(&self.room, program, arguments, limit)
    }

    fn run_in(
        &self,
        directory: &Path,
        program: &str,
        arguments: &[&str],
        limit: Duration,
    ) -> Result<Output, String> {
        run(
            &self.room,
            Some("apt.conf"),
            directory,
            program,
            arguments,
            limit,
        )
    }
}

/// Says whether this machine has apt.
pub fn has_apt() -> bool {
    Path::new("/usr/bin/apt-get").is_file()
}

/// Returns which of the packages dpkg has installed, and their versions, whoever made them.
pub(super) fn installed(cache: &Path, names: &[String]) -> Versions {
    let mut arguments = vec![
        "-W",
        "-f",
        "${Package} ${Version} ${db:Status-Status}\n",
        "--",
    ];
    arguments.extend(names.iter().map(String::as_str));
    let _ = fs::create_dir_all(cache.join("home"));
    let Ok(output) = run(cache, None, cache, "dpkg-query", &arguments, LOOK_UP) else {
        return Versions::new();
    };
    let rows = output.text.lines().filter_map(|line| {
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            [name, version, "installed"] if names.iter().any(|known| known == name) => {
                Some(((*name).to_owned(), (*version).to_owned()))
            }
            _ => None,
        }
    });
    rows.collect()
}

/// Returns the architecture of this machine as dpkg has it.
pub(super) fn architecture(cache: &Path) -> Result<String, String> {
    fs::create_dir_all(cache.join("home"))
        .map_err(|error| format!("`{}`: {error}", cache.display()))?;
    let output = run(
        cache,
        None,
        cache,
        "dpkg",
        &["--print-architecture"],
        LOOK_UP,
    )?;
    let line = output
        .text
        .lines()
        .last()
        .unwrap_or_default()
        .trim()
        .to_owned();
    if output.succeeded && !line.is_empty() {
        Ok(line)
    } else {
        Err(format!(
            "dpkg does not tell the architecture: {}",
            errors(&output.text)
        ))
    }
}

/// Returns the proxies of the machine's own apt: without them the archive may be out of reach.
fn proxies(room: &Path) -> Vec<(String, String)> {
    let keys = ["Acquire::http::Proxy", "Acquire::https::Proxy"];
    let found = keys.into_iter().filter_map(|key| {
        let output = run(
            room,
            None,
            room,
            "apt-config",
            &["shell", "VALUE", key],
            LOOK_UP,
        )
        .ok()?;
        let value = output
            .text
            .trim()
            .strip_prefix("VALUE='")?
            .strip_suffix('\'')?
            .to_owned();
        Some((key.to_owned(), value))
    });
    found.collect()
}

/// Runs a program with a clean environment and a time limit; `room` has its `home`, and the private configuration if it is to see one.
fn run(
    room: &Path,
    configuration: Option<&str>,
    directory: &Path,
    program: &str,
    arguments: &[&str],
    limit: Duration,
) -> Result<Output, String> {
    let describe = |error: io::Error| format!("`{program}` cannot be run: {error}");
    let home = room.join("home");
    let log = tempfile::NamedTempFile::new_in(&home).map_err(describe)?;
    let out = log.reopen().map_err(describe)?;
    let err = out.try_clone().map_err(describe)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", &home)
        .env("TMPDIR", &home)
        .env("LC_ALL", "C.UTF-8")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .process_group(0);
    for key in ["http_proxy", "https_proxy", "no_proxy"] {
        if let Some(value) = std::env::var_os(key) {
            command.env(key, value);
        }
    }
    if let Some(name) = configuration {
        command.env("APT_CONFIG", room.join(name));
    }
    let mut child = command.spawn().map_err(describe)?;
    let end = wait_group(&mut child, limit, &|| false).map_err(describe)?;
    let text = fs::read(log.path()).map_err(describe)?;
    match end {
        End::TimeIsOver => Err(format!(
            "`{program}` did not end within {} s",
            limit.as_secs()
        )),
        End::Code(code) => Ok(Output {
            text: String::from_utf8_lossy(&text).into_owned(),
            succeeded: code == 0,
        }),
        End::Signal(signal) => Err(format!("`{program}` was ended by signal {signal}")),
    }
}

fn exact(versions: &Versions) -> Vec<String> {
    let words = versions
        .iter()
        .map(|(name, version)| format!("{name}={version}"));
    words.collect()
}

/// Returns what apt says is wrong: its lines of errors, or else of warnings.
fn errors(text: &str) -> String {
    for sign in ["E: ", "dpkg-deb: ", "W: "] {
        let mut lines: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix(sign))
            .collect();
        lines.dedup();
        if !lines.is_empty() {
            return lines.join("; ");
        }
    }
    text.lines()
        .last()
        .unwrap_or("it does not say why")
        .to_owned()
}

fn is_fresh(stamp: &Path) -> bool {
    let age = fs::metadata(stamp)
        .and_then(|data| data.modified())
        .ok()
        .and_then(|time| SystemTime::now().duration_since(time).ok());
    age.is_some_and(|age| age < FRESH)
}
