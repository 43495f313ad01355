//! A test with cases runs once for each of them, with its values.

#![deny(warnings)]

#[path = "../../support/charmtest.rs"]
mod charmtest;

use std::sync::Mutex;

use charmtest::{Model, Result, charm_test};

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn see(what: impl ToString) {
    SEEN.lock().unwrap().push(what.to_string());
}

#[derive(Clone, Copy, Debug)]
enum Size {
    Small,
    Large,
}

const THREE: usize = 3;

#[charm_test(cases(one = 1, three = THREE), crate = "crate::charmtest")]
async fn scale(model: &Model, #[case] units: usize) {
    see(format!("{} {units}", model.name));
}

#[charm_test(cases(tall = ("8G", vec![1], (1, 2)), huge = ("32G", Vec::new(), (3, 4)), "8G-" = ("", vec![], (5, 6))), crate = "crate::charmtest")]
fn grow(#[case] memory: &str, #[case] mut disks: Vec<u8>, _model: &Model, #[case] (low, high): (u8, u8)) -> Result {
    disks.push(9);
    see(format!("{memory} {disks:?} {low} {high}"));
    Ok(())
}

#[charm_test(cases(Size::Small, Size::Large), crate = "crate::charmtest")]
async fn sized(#[case] size: Size) {
    see(format!("{size:?}"));
}

// A case that is a tuple, for one parameter.
#[charm_test(cases(pair = (1, "a")), crate = "crate::charmtest")]
fn paired(#[case] (number, text): (u8, &'static str)) {
    see(format!("{number}{text}"));
}

// It stays an ordinary function.
#[allow(dead_code)]
async fn calls(model: &Model) {
    scale(model, 5).await;
}

macro_rules! written_by_a_macro {
    ($($id:literal = $value:expr),*) => {
        #[charm_test(cases($($id = $value),*), crate = "crate::charmtest")]
        fn written(#[case] value: u8) {
            see(value);
        }
    };
}

written_by_a_macro!("14/edge" = 1 + 1, "two" = 3);

fn main() {
    let mut names = Vec::new();
    let mut entries = charmtest::entries();
    entries.sort_by_key(|entry| (entry.line, entry.column, entry.case.as_ref().map(|case| case.index)));
    for entry in entries {
        names.push(format!("{}[{}]", entry.name, entry.case.as_ref().unwrap().id));
        assert_eq!(charmtest::run_entry(entry), Ok(()));
    }
    assert_eq!(
        names,
        [
            "scale[one]", "scale[three]", "grow[tall]", "grow[huge]", "grow[8G-]", "sized[Small]", "sized[Large]", "paired[pair]",
            "written[14/edge]", "written[two]",
        ]
    );
    assert_eq!(
        *SEEN.lock().unwrap(),
        [
            "lab 1", "lab 3", "8G [1, 9] 1 2", "32G [9] 3 4", " [9] 5 6", "Small", "Large", "1a", "2", "3",
        ]
    );
}
