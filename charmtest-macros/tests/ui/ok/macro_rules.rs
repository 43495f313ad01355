//! Tests that a `macro_rules!` writes work, and each has the place of its own name.

#![deny(warnings)]

#[path = "../../support/charmtest.rs"]
mod charmtest;

use charmtest::{Model, charm_test};

macro_rules! deploys {
    ($($name:ident: $order:literal, $limit:literal, $model:ty;)*) => {$(
        #[charm_test(order = $order, timeout = $limit, crate = $crate::charmtest)]
        async fn $name(cx: $model) -> charmtest::Result {
            let result = cx;
            assert_eq!(result.name, "lab");
            Ok(())
        }
    )*};
}

deploys! {
    focal: 1, "5m", &Model;
    jammy: -1, "10m", &Model;
}

macro_rules! with {
    ($($options:meta),*) => {
        #[charm_test($($options),*)]
        fn optioned() {}
        #[charm_test($($options,)*)]
        fn optioned_again() {}
    };
}

with!(crate = "crate::charmtest", tags("slow", "net"), abort_on_fail);

charmtest::shared_test!();

fn main() {
    let focal = charmtest::entry("focal");
    assert_eq!((focal.order, focal.marks.timeout_ms), (Some(1), Some(300_000)));
    assert_eq!((focal.line, focal.column), (22, 5));
    let jammy = charmtest::entry("jammy");
    assert_eq!((jammy.order, jammy.marks.timeout_ms), (Some(-1), Some(600_000)));
    assert_eq!((jammy.line, jammy.column), (23, 5));
    for name in ["focal", "jammy"] {
        assert_eq!(charmtest::run(name), Ok(()), "{name}");
    }

    for (name, line) in [("optioned", 29), ("optioned_again", 31)] {
        let test = charmtest::entry(name);
        assert_eq!((test.marks.tags, test.marks.abort_on_fail), (&["slow", "net"][..], true), "{name}");
        assert_eq!((test.file, test.line), (file!(), line), "{name}");
    }

    let shared = charmtest::entry("shared");
    assert!(shared.file.ends_with("charmtest.rs"), "{}", shared.file);
    assert_eq!(shared.module_path, module_path!());
}
