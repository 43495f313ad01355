//! A minimal client of the database's protocol, for tests that talk to the workload over the network.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use charmtest::prelude::*;
use serde_json::Value;

/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Sends one request to the server at `address` and returns its answer.
///
/// # Errors
///
/// Fails when the server cannot be reached or says something that is not JSON.
pub(crate) fn ask(address: &str, request: &Value) -> Result<Value> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    writeln!(stream, "{request}")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// Returns the address of a unit's server.
///
/// # Errors
///
/// Fails when there is no such unit or it has no address.
pub(crate) async fn server_of(model: &Model, unit: &str) -> Result<String> {
    let status = model.status().await?;
    match status.unit(unit) {
        Some(unit) if !unit.public_address.is_empty() => {
            Ok(format!("{}:6400", unit.public_address))
        }
        _ => Err(format!("{unit} has no address").into()),
    }
}
