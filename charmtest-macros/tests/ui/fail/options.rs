//! Several faults in one attribute are all reported, each where it is.

#[path = "../../support/charmtest.rs"]
mod charmtest;

use charmtest::charm_test;

#[charm_test(abort_on_fial, order = "first", timeout = "10min", crate = "crate::charmtest")]
fn three_faults() {}

#[charm_test(parallel = 3, ordre, "slow", crate = "crate::charmtest")]
fn unknown() {}

#[charm_test(order = 1, order = 2, abort_on_fail, abort_on_fail, crate = "crate::charmtest")]
fn twice() {}

#[charm_test(order, timeout =, tags, crate)]
fn without_value() {}

#[charm_test(abort_on_fail = true, skip_if_deployed("yes"), crate = "crate::charmtest")]
fn flags_with_value() {}

#[charm_test(order = 1.5, timeout = 600, ignore = 3, tags = "slow", crate = 7)]
fn wrong_types() {}

#[charm_test(order = 3_000_000_000, tags(slow), ignore("why"), crate = "not a path")]
fn out_of_range() {}

#[charm_test(order = 1u8, tags(), order(1))]
fn suffixes() {}

#[charm_test(abort_on_fail skip_if_deployed, order 2, , tags("a") "b")]
fn punctuation() {}

#[charm_test(tags("slow", "slow", "very slow", "not", ""), crate = "crate::charmtest")]
fn tags() {}

#[charm_test(xfail, retries = -1, crate = "crate::charmtest")]
fn no_reason() {}

#[charm_test(xfail(strict = true, why = "it is broken"), crate = "crate::charmtest")]
fn expected() {}

#[charm_test(xfail = "it is broken", retries = 2, crate = "crate::charmtest")]
fn tried_again() {}

fn main() {}
