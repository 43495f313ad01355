//! A time limit is checked when the test is compiled.

#[path = "../../support/charmtest.rs"]
mod charmtest;

use charmtest::charm_test;

#[charm_test(timeout = "90", crate = "crate::charmtest")]
fn no_unit() {}

#[charm_test(timeout = "5 m", crate = "crate::charmtest")]
fn space() {}

#[charm_test(timeout = "30m1h", crate = "crate::charmtest")]
fn order() {}

#[charm_test(timeout = "", crate = "crate::charmtest")]
fn empty() {}

#[charm_test(timeout = "soon", crate = "crate::charmtest")]
fn word() {}

#[charm_test(timeout = "0s", crate = "crate::charmtest")]
fn zero() {}

#[charm_test(timeout = "99999999999999999999h", crate = "crate::charmtest")]
fn too_long() {}

fn main() {}
