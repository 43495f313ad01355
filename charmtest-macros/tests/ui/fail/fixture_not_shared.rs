//! The value of a fixture can be used by the threads of several tests.

#[path = "../../support/charmtest.rs"]
mod charmtest;

use charmtest::charm_fixture;

struct NotShared(std::rc::Rc<u8>);

#[charm_fixture(crate = "crate::charmtest")]
fn not_shared() -> NotShared {
    NotShared(std::rc::Rc::new(1))
}

fn main() {}
