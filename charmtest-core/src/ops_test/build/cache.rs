//! What was packed in this run already.
//!
//! Tests of one run can be in several processes, so what is packed is known by a file beside the charms, and a file lock
//! keeps two from packing the same charm at a time.

use super::{BuildError, PackSite, Packed};
use serde::{Deserialize, Serialize};
use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File, TryLockError};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often to see whether someone else has finished packing.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// The place of one charm, packed in one way; nobody else has it while this lives.
#[derive(Debug)]
pub(super) struct Place {
    directory: PathBuf,
    _lock: File,
}

/// What stands beside packed charms.
#[derive(Serialize, Deserialize)]
struct Built {
    run: String,
    packed: Packed,
}

impl Place {
    /// Waits for the place of the charm in `charm`, packed as `options` say, at most for `limit`.
    pub(super) async fn take(
        site: &PackSite,
        name: &str,
        charm: &Path,
        limit: Duration,
    ) -> Result<Self, BuildError> {
        let directory = charms_dir(site).join(name);
        let path = directory.join("lock");
        let failed = |source| BuildError::Io {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(&directory).map_err(failed)?;
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(failed)?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => {
                    return Ok(Self {
                        directory,
                        _lock: file,
                    });
                }
                Err(TryLockError::WouldBlock) if began.elapsed() < limit => {
                    tokio::time::sleep(LOCK_PAUSE).await;
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(BuildError::Busy {
                        directory: charm.to_owned(),
                    });
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }

    /// Returns the directory to pack into.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns what this run packed here.
    pub(super) fn packed(&self) -> Option<Packed> {
        let text = fs::read(self.record()).ok()?;
        let built: Built = serde_json::from_slice(&text).ok()?;
        let is_whole = built.packed.charms.iter().all(|charm| charm.path.is_file());
        (built.run == run_id() && is_whole).then_some(built.packed)
    }

    /// Notes what was packed here.
    pub(super) fn note(&self, packed: &Packed) -> Result<(), BuildError> {
        let built = Built {
            run: run_id().to_owned(),
            packed: packed.clone(),
        };
        let record = self.record();
        serde_json::to_vec(&built)
            .map_err(Into::into)
            .and_then(|text| fs::write(&record, text))
            .map_err(|source| BuildError::Io {
                path: record,
                source,
            })
    }

    fn record(&self) -> PathBuf {
        self.directory.join("built.json")
    }
}

/// Returns a directory name for a charm and the options that decide what is made of it: readable, and different for charms in
/// directories of the same name.
pub(super) fn place_name(directory: &Path, options: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    directory.hash(&mut hasher);
    options.hash(&mut hasher);
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    format!("{name}-{:016x}", hasher.finish())
}

/// Returns where packed charms go: the record of the run if there is one, else cargo's target directory.
fn charms_dir(site: &PackSite) -> PathBuf {
    if let Some(record) = record_dir() {
        return record.join("charms");
    }
    let exe = std::env::current_exe().unwrap_or_default();
    // `target/<profile>/deps/<test>`
    match exe.ancestors().nth(3) {
        Some(target) if exe.parent().is_some_and(|deps| deps.ends_with("deps")) => {
            target.join("charmtest").join("charms")
        }
        _ => site.tmp_path.join("packed"),
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
