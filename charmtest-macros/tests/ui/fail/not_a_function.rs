//! The attribute belongs on a function.

#[path = "../../support/charmtest.rs"]
mod charmtest;

use charmtest::charm_test;

#[charm_test(crate = "crate::charmtest")]
struct Suite;

#[charm_test(crate = "crate::charmtest")]
mod relations {}

#[charm_test(order)]
const LIMIT: Suite = Suite;

fn main() {}
