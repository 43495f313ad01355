//! `cargo charmtest profile-env`: tells a test binary the values of a profile.

use crate::cli::ProfileArgs;
use crate::error::{Error, Result};
use crate::profile;
use crate::report::print;

/// Prints the values of a profile of the workspace around the current directory, as JSON.
///
/// # Errors
///
/// Fails when the file of profiles has a fault, and when there is no such profile.
pub(crate) fn main(args: &ProfileArgs) -> Result<u8> {
    let profile = profile::read(args.profile.as_deref(), None)?;
    let json = serde_json::to_string(&profile).map_err(Error::infrastructure)?;
    print(&format!("{json}\n"));
    Ok(charmtest::exit::SUCCESS)
}
