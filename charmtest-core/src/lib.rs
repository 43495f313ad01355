//! Integration tests for Juju charms, written in Rust.
//!
//! A charm test is a function under [`#[charm_test]`](charm_test) in a test target with `harness = false`:
//!
//! ```
//! use charmtest::prelude::*;
//!
//! #[charm_test(abort_on_fail)]
//! async fn arithmetic_holds() -> charmtest::Result {
//!     assert_eq!(1 + 1, 2);
//!     Ok(())
//! }
//!
//! charmtest::main!();
//! ```
//!
//! The tests of a Rust module share one Juju model, which is made before the first test that needs it and destroyed after
//! the last one. They run one after another; modules run side by side. A test never needs to know whether it runs against a
//! real Juju or against the embedded controller: both are a program called `juju`.
//!
//! Entry points: [`prelude`] for test authors, [`FromContext`] for fixtures, [`harness`] for programs that start test
//! binaries.
//!
//! Invariant: a model's name is printed before the model is made, and a model that the harness made is destroyed, kept on
//! request, or listed as left over.

mod blocking;
mod diagnose;
pub mod exit;
mod failure;
mod fixture;
pub mod generic;
pub mod harness;
pub mod juju;
pub mod ops_test;
pub mod prelude;
mod registry;
pub mod wait;
pub mod workload;

pub use blocking::Blocking;
pub use charmtest_macros::{charm_fixture, charm_test, module};
pub use failure::{Ending, Failure, Result, abort, skip, xfail};
pub use fixture::Needs;
pub use harness::Context;
pub use registry::{FromContext, IntoOutcome};

/// Generates the `main` function of a test target: it runs every charm test of the target.
///
/// ```
/// charmtest::main!();
/// ```
#[macro_export]
macro_rules! main {
    () => {
        fn main() -> ::std::process::ExitCode {
            $crate::harness::main(
                ::core::env!("CARGO_PKG_NAME"),
                ::core::env!("CARGO_CRATE_NAME"),
            )
        }
    };
}

/// What the expansion of `#[charm_test]` uses. Not for direct use; it may change with any release.
#[doc(hidden)]
pub mod __private {
    pub use crate::failure::Failure;
    pub use crate::fixture::{
        Ended, Fixture, FixtureDefinition, MakeFuture, Needs, Scope, WaitFuture, WaitValue,
        fixture, fixture_failure,
    };
    pub use crate::harness::Context;
    pub use crate::ops_test::packed_charm;
    pub use crate::registry::{
        BoxFuture, Case, FromContext, IntoOutcome, Marks, ModuleEntry, Run, TestEntry, Xfail,
    };
    pub use inventory;
}
