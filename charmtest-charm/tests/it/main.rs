//! Tests of what a user of the crate sees.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

mod archives;
mod charmcraft;
mod directories;
mod packing;
mod reading;
mod support;
