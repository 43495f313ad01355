//! Types that do not fit a fixture are underlined where they stand.

#[path = "../../support/charmtest.rs"]
mod charmtest;

use charmtest::{Result, charm_fixture};

struct Twice;

#[charm_fixture(crate = "crate::charmtest")]
fn once() -> Twice {
    Twice
}

#[charm_fixture(crate = "crate::charmtest")]
fn again() -> Result<Twice> {
    Ok(Twice)
}

struct NoError;

struct Value;

#[charm_fixture(crate = "crate::charmtest")]
fn no_error() -> Result<Value, NoError> {
    Err(NoError)
}

struct Server;

#[charm_fixture(teardown = stop, crate = "crate::charmtest")]
fn server() -> Server {
    Server
}

fn stop(_: &Server) -> u8 {
    0
}

struct Port;

#[charm_fixture(teardown = close, crate = "crate::charmtest")]
fn port() -> Port {
    Port
}

fn close(_: Port) {}

fn main() {}
