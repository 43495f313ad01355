//! What a test crate needs: `use charmtest::prelude::*;`.

pub use std::time::Duration;

pub use crate::blocking::Blocking;
pub use crate::failure::{Failure, Result, abort, skip, xfail};
pub use crate::harness::Context;
pub use crate::juju::status::{
    all_active, all_agents_idle, all_blocked, all_error, all_maintenance, all_waiting, any_active,
    any_blocked, any_error, any_maintenance, any_waiting,
};
pub use crate::juju::{Juju, Status};
pub use crate::ops_test::{Keep, Model, OpsTest};
pub use crate::registry::FromContext;
pub use charmtest_macros::{charm_fixture, charm_test};
