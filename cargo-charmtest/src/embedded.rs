//! The embedded controller as this program uses it.

use charmtest_controller::{DataDir, JujuVersion};

use crate::error::{Error, Result};

/// Returns the data directory of charm test runs: `CHARMTEST_DATA`, else the user's default one.
///
/// `JUJU_DATA` is not asked: in a shell it names a real Juju client's files.
pub(crate) fn data_dir() -> Result<DataDir> {
    data_dir_for(None)
}

/// Returns the data directory of charm test runs on the embedded controller that speaks as `juju`; `None` leaves the choice to
/// `CHARMTEST_JUJU_VERSION` and to what the directory was made for.
pub(crate) fn data_dir_for(juju: Option<JujuVersion>) -> Result<DataDir> {
    let var = |name: &str| match (name, juju) {
        ("JUJU_DATA", _) => None,
        ("CHARMTEST_JUJU_VERSION", Some(juju)) => Some(juju.to_string()),
        _ => std::env::var(name).ok(),
    };
    DataDir::from_env(var).map_err(Error::infrastructure)
}
