//! `cargo charmtest controller`: start, stop and look at the embedded controller.

use std::io::ErrorKind;

use charmtest_controller::StopOutcome;

use crate::cli::ControllerCommand;
use crate::embedded;
use crate::error::{Error, Kind, Result};
use crate::report::{print, say};

/// Runs one of the controller commands.
///
/// # Errors
///
/// Fails when the controller cannot be started, stopped or asked.
pub(crate) fn main(command: ControllerCommand) -> Result<u8> {
    let data = match command {
        ControllerCommand::Start(version) => embedded::data_dir_for(version.juju_version)?,
        _ => embedded::data_dir()?,
    };
    match command {
        ControllerCommand::Start(_) => {
            charmtest_controller::start(&data).map_err(Error::infrastructure)?;
            say(&format!(
                "the embedded controller runs as Juju {}; its data is in {}",
                data.juju().number(),
                data.root().display()
            ));
        }
        ControllerCommand::Stop => {
            match charmtest_controller::stop(&data).map_err(Error::infrastructure)? {
                StopOutcome::Stopped => say("the embedded controller has stopped"),
                StopOutcome::NotRunning => say("the embedded controller was not running"),
            }
        }
        ControllerCommand::Status => {
            let running = charmtest_controller::ping(&data).map_err(Error::infrastructure)?;
            let state = if running.is_some() {
                "running"
            } else {
                "stopped"
            };
            print(&format!(
                "state:   {state}\nversion: {}\ndata:    {}\n",
                data.juju().number(),
                data.root().display()
            ));
            if let Some(pid) = running {
                print(&format!("process: {pid}\nmodels:\n"));
                return Ok(charmtest_controller::juju_in(
                    &data,
                    vec!["models".to_owned()],
                ));
            }
        }
        ControllerCommand::Logs => {
            let path = data.daemon_log();
            let log = std::fs::read(&path).map_err(|error| {
                let why = match error.kind() {
                    ErrorKind::NotFound => "the controller has not run there".to_owned(),
                    _ => error.to_string(),
                };
                Error::new(
                    Kind::Failed,
                    format!("cannot read {}: {why}", path.display()),
                )
            })?;
            print(&String::from_utf8_lossy(&log));
        }
    }
    Ok(charmtest::exit::SUCCESS)
}
