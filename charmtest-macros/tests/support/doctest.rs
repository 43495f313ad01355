// Makes the program that includes this the library `charmtest`, by the stand-in beside this file.

extern crate self as charmtest;

#[path = "charmtest.rs"]
mod library;

pub use library::{__private, module};

pub mod prelude {
    pub use crate::library::{Model, Result, charm_fixture, charm_test};
}
