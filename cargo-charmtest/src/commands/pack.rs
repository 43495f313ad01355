//! `cargo charmtest pack`: a charm directory becomes a `.charm` file.

use crate::cli::PackArgs;
use crate::error::Result;

/// Packs a charm and prints the file's name.
///
/// # Errors
///
/// Fails when the charm cannot be packed here; the error says why and what would help.
pub(crate) fn main(_args: &PackArgs) -> Result<u8> {
    Err(crate::error::Error::infrastructure("not yet"))
}
