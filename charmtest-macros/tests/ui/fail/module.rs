//! A module has options once, and only those that can hold for all its tests.

#[path = "../../support/charmtest.rs"]
mod charmtest;

mod faulty {
    super::charmtest::module!(order = 1, cases(1, 2), retires = 2, crate = super::charmtest);
}

mod twice {
    super::charmtest::module!(retries = 1, crate = super::charmtest);
    super::charmtest::module!(retries = 2, crate = super::charmtest);
}

fn main() {}
