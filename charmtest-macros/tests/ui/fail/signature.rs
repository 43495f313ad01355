//! The harness must be able to call the function.

#[path = "../../support/charmtest.rs"]
mod charmtest;

use charmtest::{Model, charm_test};

#[charm_test(crate = "crate::charmtest")]
const fn constant() {}

#[charm_test(crate = "crate::charmtest")]
async unsafe fn dangerous() {}

#[charm_test(crate = "crate::charmtest")]
extern "C" fn foreign() {}

#[charm_test(crate = "crate::charmtest")]
async fn generic<T: Default>(_: &Model, _: T) {}

#[charm_test(crate = "crate::charmtest")]
async fn lifetime<'a>(_: &'a Model) {}

#[charm_test(crate = "crate::charmtest")]
fn bounded()
where
    String: Clone,
{
}

#[charm_test(crate = "crate::charmtest")]
fn unnamed(_: &Model, _: &impl Clone) {}

#[charm_test(crate = "crate::charmtest")]
fn conditional(#[cfg(unix)] _: &Model) {}

struct Suite;

impl Suite {
    #[charm_test(crate = "crate::charmtest")]
    async fn method(&self) {}
}

// One fault in the attribute and two in the signature.
#[charm_test(oder = 1, crate = "crate::charmtest")]
const unsafe fn everything() {}

fn main() {}
