//! Other attributes keep their meaning; `#[ignore]` gets the harness's.

#![deny(warnings)]

#[path = "../../support/charmtest.rs"]
mod charmtest;

use charmtest::charm_test;

/// A doc comment.
#[charm_test(crate = "crate::charmtest")]
#[ignore]
#[allow(non_snake_case)]
fn Ignored() {}

#[ignore = "needs a cloud"]
#[charm_test(crate = "crate::charmtest")]
#[expect(unused_variables, reason = "the attribute stays on the function")]
fn above() {
    let nothing = ();
}

#[charm_test(crate = "crate::charmtest", ignore)]
fn by_option() {}

#[charm_test(crate = "crate::charmtest")]
#[cfg(any())]
fn left_out() -> NoSuchType {}

#[cfg(any())]
#[charm_test(crate = "crate::charmtest")]
fn left_out_too() -> NoSuchType {}

#[charm_test(crate = "crate::charmtest")]
#[cfg(all())]
fn left_in() {}

#[charm_test(crate = "crate::charmtest")]
#[cfg_attr(all(), ignore = "by cfg_attr")]
fn conditionally() {}

#[cfg_attr(all(), charm_test(crate = "crate::charmtest", order = 3))]
fn conditional_test() {}

fn main() {
    let found: Vec<_> = charmtest::entries().iter().map(|entry| (entry.name, entry.marks.ignore)).collect();
    assert_eq!(
        found,
        [
            ("Ignored", Some("")),
            ("above", Some("needs a cloud")),
            ("by_option", Some("")),
            ("left_in", None),
            ("conditionally", Some("by cfg_attr")),
            ("conditional_test", None),
        ]
    );
    // The functions are still there to be called.
    Ignored();
    above();
}
