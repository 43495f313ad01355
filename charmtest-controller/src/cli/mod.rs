//! The `juju` command line.

mod io;

use crate::agent::Agents;
use crate::model::Hub;
use crate::protocol::Request;

pub(crate) use io::Io;

/// Runs one `juju` command and returns its exit code.
pub(crate) async fn run(_hub: &Hub, _agents: &Agents, request: Request, io: Io) -> u8 {
    let command = request.argv.first().map(String::as_str).unwrap_or_default();
    io.stderr(&format!(
        "ERROR {command} is not supported by the embedded controller\n"
    ))
    .await;
    1
}
