//! The harness from outside: what a test binary prints and how it exits.
//!
//! The binary is the example `harness-fixture`, whose charm tests need no Juju.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod binary;
mod crash_dumps;
mod evidence;
mod exit_codes;
mod fixtures;
mod full_disk;
mod lists;
mod models;
mod options;
mod reports;
mod signals;
