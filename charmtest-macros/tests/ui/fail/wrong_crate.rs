//! A path that does not lead to the library is named.

#[path = "../../support/charmtest.rs"]
mod charmtest;

use charmtest::charm_test;

#[charm_test(crate = "crate::harness")]
fn nowhere() {}

fn main() {}
