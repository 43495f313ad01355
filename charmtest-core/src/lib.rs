//! Placeholder.

pub mod harness;
pub mod juju;
pub mod ops_test;
pub mod wait;
