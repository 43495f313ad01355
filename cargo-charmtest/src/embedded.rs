//! The embedded controller as this program uses it.

use charmtest_controller::DataDir;

use crate::error::{Error, Result};

/// Returns the data directory of charm test runs: `CHARMTEST_DATA`, else the user's default one.
///
/// `JUJU_DATA` is not asked: in a shell it names a real Juju client's files.
pub(crate) fn data_dir() -> Result<DataDir> {
    let var = |name: &str| {
        if name == "JUJU_DATA" {
            None
        } else {
            std::env::var(name).ok()
        }
    };
    DataDir::from_env(var).map_err(Error::infrastructure)
}
