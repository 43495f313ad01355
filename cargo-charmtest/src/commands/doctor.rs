//! `cargo charmtest doctor`: says what the embedded controller cannot do.

use charmtest_controller::{JujuVersion, unsupported};

use crate::error::Result;
use crate::report::print;

/// Lists, per version, every command and option of Juju that the embedded controller does not support, one a line.
///
/// # Errors
///
/// Does not fail.
pub(crate) fn main(juju: Option<JujuVersion>) -> Result<u8> {
    for version in JujuVersion::ALL {
        if juju.is_some_and(|juju| juju != version) {
            continue;
        }
        let lines = unsupported(version);
        let (options, commands): (Vec<&String>, Vec<&String>) =
            lines.iter().partition(|line| line.contains(' '));
        let mut text = format!(
            "Juju {version}: {} commands and {} options are not supported by the embedded controller.\n",
            commands.len(),
            options.len()
        );
        for line in commands.into_iter().chain(options) {
            text += &format!("  juju {line}\n");
        }
        print(&text);
    }
    Ok(charmtest::exit::SUCCESS)
}
