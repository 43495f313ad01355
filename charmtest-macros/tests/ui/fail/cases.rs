//! What is wrong with cases is said where it stands.

#[path = "../../support/charmtest.rs"]
mod charmtest;

use charmtest::{Model, charm_test};

#[charm_test(cases(one = 1, one = 2, 3, 3), crate = "crate::charmtest")]
fn names_twice(#[case] _units: usize) {}

#[charm_test(cases(vec![1], "a b", "" = 1, big =), crate = "crate::charmtest")]
fn needs_names(#[case] _units: usize) {}

#[charm_test(cases(vec![1], "a b", "" = 1), crate = "crate::charmtest")]
fn needs_other_names(#[case] _units: usize) {}

#[charm_test(cases = 3, crate = "crate::charmtest")]
fn no_list(#[case] _units: usize) {}

#[charm_test(cases(), crate = "crate::charmtest")]
fn no_case(#[case] _units: usize) {}

#[charm_test(crate = "crate::charmtest")]
fn no_cases(#[case] _units: usize) {}

#[charm_test(cases(one = 1), crate = "crate::charmtest")]
fn no_parameter(_: &Model) {}

#[charm_test(cases(one = 1, two = (2, "2G"), three = (3, "3G", 3)), crate = "crate::charmtest")]
fn other_numbers(#[case] _units: usize, #[case] _memory: &str) {}

#[charm_test(cases(one = "1", two = 2, three = units()), crate = "crate::charmtest")]
async fn other_types(#[case] _units: usize, _: &Model) {}

#[charm_test(cases(one = (1, 1)), crate = "crate::charmtest")]
async fn other_type_in_a_tuple(#[case] _units: usize, #[case] _memory: &str) {}

fn main() {}
