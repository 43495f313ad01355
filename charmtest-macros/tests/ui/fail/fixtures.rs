//! What cannot be a fixture, and what a fixture cannot be asked for.

#[path = "../../support/charmtest.rs"]
mod charmtest;

use std::path::PathBuf;

use charmtest::{Model, Result, charm_fixture, charm_test};

struct Mine;

#[charm_fixture(scope = "session", teardwon = stop, colour = "red")]
fn options() -> Mine {
    Mine
}

#[charm_fixture(scope, teardown = "stop", scope = "run")]
fn values() -> Mine {
    Mine
}

#[charm_fixture]
fn nothing() {}

#[charm_fixture]
fn nothing_in_a_result() -> Result {
    Ok(())
}

#[charm_fixture]
fn foreign() -> Result<PathBuf> {
    Ok(PathBuf::new())
}

#[charm_fixture]
fn foreign_by_its_path() -> std::collections::HashMap<String, u8> {
    Default::default()
}

#[charm_fixture]
fn lent(model: &Model) -> &str {
    model.name
}

#[charm_fixture]
fn unnamed() -> impl Copy {
    1
}

#[charm_fixture]
fn generic<T: Default>(_: T, _: impl Clone, #[cfg(unix)] _: &Model) -> Mine {
    Mine
}

#[charm_fixture]
const unsafe extern "C" fn everything() -> Mine {
    Mine
}

struct Suite;

impl Suite {
    #[charm_fixture]
    fn method(&self) -> Mine {
        Mine
    }
}

#[charm_fixture]
#[charm_test(crate = "crate::charmtest")]
#[ignore]
fn both() -> Mine {
    Mine
}

#[charm_fixture]
struct NoFunction;

fn main() {}
