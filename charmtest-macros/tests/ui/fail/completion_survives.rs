//! A faulty attribute does not take the function away: its users are not told that it does not exist.

#[path = "../../support/charmtest.rs"]
mod charmtest;

use charmtest::charm_test;

#[charm_test(oder = 1, crate = "crate::charmtest")]
fn deploy() -> u8 {
    1
}

fn main() {
    // The only other error is the type of this.
    let _: bool = deploy();
}
