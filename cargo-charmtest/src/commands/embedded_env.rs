//! `cargo charmtest embedded-env`: tells a test binary where the embedded `juju` is.

use crate::embedded;
use crate::error::{Error, Result};
use crate::report::print;

/// Starts the embedded controller if need be and prints where it is, as JSON.
///
/// # Errors
///
/// Fails when the controller cannot be started.
pub(crate) fn main() -> Result<u8> {
    let data = embedded::data_dir()?;
    charmtest_controller::start(&data).map_err(Error::infrastructure)?;
    let answer = serde_json::json!({
        "juju": data.bin().join("juju"),
        "path": data.bin(),
        "juju_data": data.root(),
        "version": data.juju().number(),
    });
    print(&format!("{answer}\n"));
    Ok(charmtest::exit::SUCCESS)
}
