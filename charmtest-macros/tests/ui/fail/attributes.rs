//! Attributes that do not fit beside `#[charm_test]`.

#[path = "../../support/charmtest.rs"]
mod charmtest;

use charmtest::charm_test;

#[charm_test(crate = "crate::charmtest")]
#[test]
fn ordinary_test() {}

#[charm_test(crate = "crate::charmtest")]
#[tokio::test(flavor = "multi_thread")]
async fn tokio_test() {}

#[charm_test(crate = "crate::charmtest")]
#[charm_test(order = 1)]
fn registered_twice() {}

#[charm_test(crate = "crate::charmtest")]
#[should_panic]
fn panics() {}

#[charm_test(ignore, crate = "crate::charmtest")]
#[ignore = "needs a cloud"]
fn ignored_twice() {}

#[charm_test(crate = "crate::charmtest")]
#[ignore("needs a cloud")]
fn ignored_wrongly() {}

fn main() {}
