//! `cargo charmtest juju`: the embedded command line by hand.

use crate::embedded;
use crate::error::Result;

/// Runs one command of the embedded `juju` on the data directory of charm test runs.
///
/// # Errors
///
/// Fails when there is no data directory; what the command itself says is its own exit code.
pub(crate) fn main(args: Vec<String>) -> Result<u8> {
    let data = embedded::data_dir()?;
    Ok(charmtest_controller::juju_in(&data, args))
}
