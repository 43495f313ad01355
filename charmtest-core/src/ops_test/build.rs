//! Packing charms, once in a run.
//!
//! Tests of one run can be in several processes, so what is packed already is known by a file beside the charm, and a file
//! lock keeps two from packing the same charm at a time.

use super::OpsTestParts;
use crate::juju::{Call, JujuError, find_cargo_charmtest, find_on_path, parse_json};
use serde::{Deserialize, Serialize};
use std::collections::hash_map::DefaultHasher;
use std::error::Error;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long packing may take: it may compile the charm from nothing.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// How often to see whether someone else has finished packing.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// What stands beside a packed charm.
#[derive(Serialize, Deserialize)]
struct Built {
    run: String,
    charm: PathBuf,
}

pub(super) async fn build_charm(
    parts: &OpsTestParts,
    directory: &Path,
) -> Result<PathBuf, BuildError> {
    let directory = parts.package_dir.join(directory);
    let Ok(directory) = directory.canonicalize() else {
        return Err(BuildError::NoDirectory { directory });
    };
    let place = charms_dir(parts).join(place_name(&directory));
    let at_place = |source| BuildError::Io {
        path: place.clone(),
        source,
    };
    fs::create_dir_all(&place).map_err(at_place)?;
    let _lock = lock(&place.join("lock"), &directory).await?;

    let record = place.join("built.json");
    let known = fs::read(&record)
        .ok()
        .and_then(|text| serde_json::from_slice::<Built>(&text).ok());
    if let Some(built) = known
        && built.run == run_id()
        && built.charm.is_file()
    {
        return Ok(built.charm);
    }
    let charm = pack(parts, &directory, &place).await?;
    let built = Built {
        run: run_id().to_owned(),
        charm,
    };
    let text = serde_json::to_vec(&built).map_err(|error| at_place(error.into()))?;
    fs::write(&record, text).map_err(at_place)?;
    Ok(built.charm)
}

/// Waits until nobody else packs this charm; the lock lasts as long as the file is open.
async fn lock(path: &Path, directory: &Path) -> Result<File, BuildError> {
    let failed = |source| BuildError::Io {
        path: path.to_owned(),
        source,
    };
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(failed)?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if began.elapsed() < LIMIT => {
                tokio::time::sleep(LOCK_PAUSE).await
            }
            Err(TryLockError::WouldBlock) => {
                return Err(BuildError::Busy {
                    directory: directory.to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
}

async fn pack(parts: &OpsTestParts, directory: &Path, place: &Path) -> Result<PathBuf, BuildError> {
    if let Some(program) = find_cargo_charmtest(parts.program.as_deref()) {
        return pack_with_charmtest(&program, parts, directory, place).await;
    }
    match find_on_path("charmcraft") {
        Some(program) => pack_with_charmcraft(&program, parts, directory, place).await,
        None => Err(BuildError::NoPacker),
    }
}

async fn pack_with_charmtest(
    program: &Path,
    parts: &OpsTestParts,
    directory: &Path,
    place: &Path,
) -> Result<PathBuf, BuildError> {
    #[derive(Deserialize)]
    struct Packed {
        path: PathBuf,
    }
    let call = packer(program, parts)
        .args(["charmtest", "pack"])
        .arg(directory)
        .arg("--output-dir")
        .arg(place)
        .args(["--format", "json"]);
    let command = call.command_line();
    let failed = |error| BuildError::Failed {
        directory: directory.to_owned(),
        error: Box::new(error),
    };
    let output = call.await.map_err(failed)?;
    let packed: Packed =
        parse_json(&output.stdout, &command, "the path of the packed charm").map_err(failed)?;
    Ok(place.join(packed.path))
}

async fn pack_with_charmcraft(
    program: &Path,
    parts: &OpsTestParts,
    directory: &Path,
    place: &Path,
) -> Result<PathBuf, BuildError> {
    let output = place.join("charmcraft");
    let io_error = |source| BuildError::Io {
        path: output.clone(),
        source,
    };
    match fs::remove_dir_all(&output) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error(error)),
        _ => fs::create_dir_all(&output).map_err(io_error)?,
    }
    let call = packer(program, parts)
        .arg("pack")
        .arg("--output")
        .arg(&output)
        .cwd(directory);
    call.await.map_err(|error| BuildError::Failed {
        directory: directory.to_owned(),
        error: Box::new(error),
    })?;
    let mut charms = Vec::new();
    for entry in fs::read_dir(&output).map_err(io_error)? {
        let path = entry.map_err(io_error)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "charm")
        {
            charms.push(path);
        }
    }
    charms.sort();
    match charms.len() {
        1 => Ok(charms.remove(0)),
        _ => Err(BuildError::NotOne {
            directory: directory.to_owned(),
            charms,
        }),
    }
}

fn packer(program: &Path, parts: &OpsTestParts) -> Call {
    let juju = parts.model.juju();
    Call::new(program, juju.transcript().clone(), juju.observer().clone())
        .timeout(LIMIT)
        .check()
}

/// Returns where packed charms go: the record of the run if there is one, else cargo's target directory.
fn charms_dir(parts: &OpsTestParts) -> PathBuf {
    if let Some(record) = record_dir() {
        return record.join("charms");
    }
    let exe = std::env::current_exe().unwrap_or_default();
    // `target/<profile>/deps/<test>`
    match exe.ancestors().nth(3) {
        Some(target) if exe.parent().is_some_and(|deps| deps.ends_with("deps")) => {
            target.join("charmtest").join("charms")
        }
        _ => parts.tmp_path.join("charms"),
    }
}

fn record_dir() -> Option<PathBuf> {
    std::env::var_os("CHARMTEST_RECORD_DIR")
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from)
}

/// Returns what tells this run from others. The processes of a run share its record and who started them, as later runs with
/// the same record do not; without a record a process is a run.
fn run_id() -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| match record_dir() {
        Some(record) => format!("{} of {}", record.display(), parent_id()),
        None => {
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            format!("{}-{}", std::process::id(), now.as_nanos())
        }
    })
}

#[cfg(unix)]
fn parent_id() -> u32 {
    std::os::unix::process::parent_id()
}

#[cfg(not(unix))]
fn parent_id() -> u32 {
    0
}

/// Returns a directory name for a charm: readable, and different for charms in directories of the same name.
fn place_name(directory: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    directory.hash(&mut hasher);
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    format!("{name}-{:016x}", hasher.finish())
}

/// Why a charm could not be packed.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// There is no such directory.
    NoDirectory {
        /// The directory.
        directory: PathBuf,
    },
    /// There is no program that packs charms.
    NoPacker,
    /// The program that packs failed.
    Failed {
        /// The charm's directory.
        directory: PathBuf,
        /// What the program said.
        error: Box<JujuError>,
    },
    /// `charmcraft` made no charm, or several for different bases.
    NotOne {
        /// The charm's directory.
        directory: PathBuf,
        /// What it made.
        charms: Vec<PathBuf>,
    },
    /// Another process has been packing the same charm for half an hour.
    Busy {
        /// The charm's directory.
        directory: PathBuf,
    },
    /// A file could not be read or written.
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDirectory { directory } => write!(f, "there is no charm directory `{}`", directory.display()),
            Self::NoPacker => f.write_str(
                "there is neither `cargo-charmtest` nor `charmcraft` to pack the charm; install one with `cargo install \
                 cargo-charmtest`",
            ),
            Self::Failed { directory, .. } => write!(f, "cannot pack the charm in `{}`", directory.display()),
            Self::NotOne { directory, charms } if charms.is_empty() => {
                write!(f, "`charmcraft pack` in `{}` made no charm", directory.display())
            }
            Self::NotOne { directory, charms } => {
                write!(f, "`charmcraft pack` in `{}` made {} charms", directory.display(), charms.len())?;
                f.write_str(", so it is open which is meant; pack with a single platform:")?;
                charms.iter().try_for_each(|charm| write!(f, "\n  {}", charm.display()))
            }
            Self::Busy { directory } => {
                write!(f, "another process has been packing `{}` for half an hour", directory.display())
            }
            Self::Io { path, .. } => write!(f, "cannot use `{}` for packed charms", path.display()),
        }
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed { error, .. } => Some(&**error),
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
