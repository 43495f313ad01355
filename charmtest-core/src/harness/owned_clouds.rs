//! The record of the clouds that tests added to controllers, beside the record of models: `cargo charmtest clean` finds those of
//! runs that crashed by it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::owner::Owner;
use super::ownership::{
    Claim, OWNERSHIP_VERSION, Register, Safety, Warn, ownership_dir, read_record, write_record,
};

/// A cloud that a test added to a controller, or is about to add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnedCloud {
    /// [`OWNERSHIP_VERSION`].
    pub charmtest: u32,
    /// The run's id: the name of its record's directory.
    pub run: String,
    /// The module whose test added it.
    pub module: String,
    /// The process that owns the cloud.
    pub owner: Owner,
    /// The `juju` program.
    pub juju: PathBuf,
    /// The data directory of the client, if the run was told of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub juju_data: Option<PathBuf>,
    /// The cloud's name.
    pub cloud: String,
    /// The controller that it was added to.
    pub controller: String,
    /// Whether the run gave it its name, with random letters in it. A cloud has no UUID to know it by.
    pub generated: bool,
    /// Why the cloud stays after the end of its run, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
    /// When the file was first written, in seconds since 1970.
    pub since: u64,
}

/// Returns the directory of the record: `charmtest/clouds` in the user's state directory. `variable` looks up a variable of the
/// environment.
#[must_use]
pub fn owned_clouds_dir(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    Some(beside(&ownership_dir(variable)?))
}

fn beside(models: &Path) -> PathBuf {
    models.with_file_name("clouds")
}

/// Reads the record: each file with what it says, or why it says nothing. A directory that is not there holds nothing.
///
/// # Errors
///
/// If the directory cannot be read.
pub fn read_owned_clouds(
    directory: &Path,
) -> io::Result<Vec<(PathBuf, Result<OwnedCloud, io::Error>)>> {
    read_record(directory, |cloud: &OwnedCloud| cloud.charmtest)
}

/// One cloud in the record; clones are the same one.
#[derive(Clone)]
pub(crate) struct CloudDeed {
    path: PathBuf,
    cloud: Arc<OwnedCloud>,
    warn: Warn,
}

impl std::fmt::Debug for CloudDeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CloudDeed").field(&self.path).finish()
    }
}

impl Register {
    /// Enters a cloud that is about to be added; `claim` says by which client. Where that is not possible, the run goes on and
    /// says so.
    pub(crate) fn enter_cloud(
        &self,
        claim: Claim,
        cloud: &str,
        controller: &str,
        generated: bool,
        warn: &Warn,
    ) -> Option<CloudDeed> {
        let directory = beside(self.directory.as_deref()?);
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}.{}-{number}.json", self.run, self.owner.pid);
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let deed = CloudDeed {
            path: directory.join(name),
            cloud: Arc::new(OwnedCloud {
                charmtest: OWNERSHIP_VERSION,
                run: self.run.clone(),
                module: claim.module,
                owner: self.owner.clone(),
                juju: claim.juju,
                juju_data: claim.juju_data,
                cloud: cloud.to_owned(),
                controller: controller.to_owned(),
                generated,
                kept: None,
                since: since.map_or(0, |since| since.as_secs()),
            }),
            warn: Arc::clone(warn),
        };
        let written = fs::create_dir_all(&directory)
            .and_then(|()| write_record(&deed.path, &*deed.cloud, Safety::Power));
        match written {
            Ok(()) => Some(deed),
            Err(error) => {
                warn(format!(
                    "cloud {cloud} is not on record, so `cargo charmtest clean` will not find it: {error}"
                ));
                None
            }
        }
    }
}

impl CloudDeed {
    /// Says that the cloud stays after the run, and why.
    pub(crate) fn kept(&self, why: &str) {
        let cloud = OwnedCloud {
            kept: Some(why.to_owned()),
            ..OwnedCloud::clone(&self.cloud)
        };
        self.report(write_record(&self.path, &cloud, Safety::Crash));
    }

    /// Strikes out the cloud: it is gone, or was never added.
    pub(crate) fn gone(&self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => self.report(Err(error)),
            _ => {}
        }
    }

    fn report(&self, written: io::Result<()>) {
        if let Err(error) = written {
            let path = self.path.display();
            (self.warn)(format!("the record {path} is out of date: {error}"));
        }
    }
}
