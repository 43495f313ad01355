//! Without `crate = ".."` the library is `::charmtest`, whatever else has that name here.

#![deny(warnings)]

extern crate self as charmtest;

#[path = "../../support/charmtest.rs"]
mod library;

pub use library::__private;

mod tests {
    mod charmtest {}

    #[expect(dead_code, reason = "it only stands in the way")]
    enum Option {
        Some,
        None,
    }

    #[crate::library::charm_test(timeout = "1s")]
    fn plain() -> Result<(), std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {
    assert!(library::run("plain").is_err());
}
