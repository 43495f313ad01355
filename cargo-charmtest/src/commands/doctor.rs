//! `cargo charmtest doctor`: says what the embedded controller cannot do, and what this machine cannot keep from scripts and hooks.

use charmtest_controller::{JujuVersion, unsupported};
use charmtest_sandbox::Probe;

use crate::cli::DoctorArgs;
use crate::error::{Error, Result};
use crate::report::print;

/// Does what is asked for, in the order of the options.
///
/// # Errors
///
/// Fails when this program cannot find itself.
pub(crate) fn main(args: DoctorArgs) -> Result<u8> {
    if args.embedded {
        list_unsupported(args.juju_version);
    }
    if args.sandbox {
        let shim = std::env::current_exe().map_err(|error| {
            Error::infrastructure(format!("cannot find the program itself: {error}"))
        })?;
        let probe = Probe::run(&shim);
        print(&format!(
            "Sandbox levels of this machine, each found by a program in it that tries to get out:\n{}--sandbox auto takes {}.\n",
            probe.table(),
            probe.best()
        ));
    }
    Ok(charmtest::exit::SUCCESS)
}

/// Lists, per version, every command and option of Juju that the embedded controller does not support, one a line.
fn list_unsupported(juju: Option<JujuVersion>) {
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
}
