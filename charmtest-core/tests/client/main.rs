//! The Juju client against recorded output and against a fake `juju`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod backend;
mod fake;
mod idle;
mod juju;
mod model;
mod names;
mod ops_test;
mod status;
mod track;
mod wait;
