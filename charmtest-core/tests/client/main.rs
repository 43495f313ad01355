//! The Juju client against recorded output and against a fake `juju`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod backend;
mod build;
mod conditions;
mod entities;
mod fake;
mod fast_forward;
mod handles;
mod idle;
mod juju;
mod model;
mod names;
mod ops_test;
mod resources;
mod status;
mod tasks;
mod track;
mod versions;
mod wait;
mod workload;
