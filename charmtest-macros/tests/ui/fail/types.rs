//! Types that the harness cannot provide or take underline the type that the author wrote.

#[path = "../../support/charmtest.rs"]
mod charmtest;

use charmtest::{Model, charm_test};

#[charm_test(crate = "crate::charmtest")]
async fn parameter(_: &Model, replicas: u32) {
    drop(replicas);
}

#[charm_test(crate = "crate::charmtest")]
fn by_value(model: Model) {
    drop(model);
}

#[charm_test(crate = "crate::charmtest")]
async fn returned() -> Vec<u32> {
    Vec::new()
}

struct NoError;

#[charm_test(crate = "crate::charmtest")]
async fn returned_error() -> Result<(), NoError> {
    Err(NoError)
}

#[charm_test(crate = "crate::charmtest")]
fn unnamed() -> impl Copy {
    1
}

macro_rules! written_by_a_macro {
    ($ty:ty) => {
        #[charm_test(crate = "crate::charmtest")]
        fn in_a_macro(_: $ty) {}
    };
}

written_by_a_macro!(Option<&str>);

// One error for each parameter, also where a type is many tokens.
#[charm_test(crate = "crate::charmtest")]
async fn two(_: (u8, u8), _: &std::collections::HashMap<String, u8>) {}

fn main() {}
