//! The registry: what `#[charm_test]` submits, and the traits that its expansion calls.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;

use crate::failure::{Failure, Result};
use crate::fixture::Needs;
use crate::harness::Context;

/// The future of one charm test. It need not be `Send`: each test is polled on a thread of its own.
pub type BoxFuture<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>>;

/// What runs a test: the shim of a function under `#[charm_test]`, or a closure of a suite made at run time.
pub type Run = &'static (dyn for<'a> Fn(&'a Context) -> BoxFuture<'a> + Sync);

/// One charm test, as `#[charm_test]` registers it or as a [`Suite`](crate::harness::Suite) makes it.
pub struct TestEntry {
    /// The value of `module_path!()` at the test: `TARGET::module`.
    pub module_path: &'static str,
    /// The name of the function.
    pub name: &'static str,
    /// The case, for a test with `cases(..)`.
    pub case: Option<Case>,
    /// The source file, relative to the workspace root.
    pub file: &'static str,
    /// The line of the function's name, counted from 1; 0 for a test that has no place in a source file.
    pub line: u32,
    /// The column of the function's name, counted from 1.
    pub column: u32,
    /// The package that the test belongs to.
    pub package: &'static str,
    /// `order = N`.
    pub order: Option<i32>,
    /// What the options say.
    pub marks: Marks,
    /// Names the fixtures that the parameters ask for.
    pub needs: fn(&mut Needs),
    /// Extracts the parameters and runs the function.
    pub run: Run,
}

impl TestEntry {
    /// Returns the place of the test, as reports name it.
    pub(crate) fn place(&self) -> String {
        match self.line {
            0 => self.file.to_owned(),
            line => format!("{}:{line}:{}", self.file, self.column),
        }
    }
}

impl fmt::Debug for TestEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestEntry")
            .field("module_path", &self.module_path)
            .field("name", &self.name)
            .field("case", &self.case)
            .field("marks", &self.marks)
            .finish_non_exhaustive()
    }
}

inventory::collect!(TestEntry);

/// One case of a test with `cases(..)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its name, which follows that of the function in brackets.
    pub id: &'static str,
    /// Its place in the list, counted from 0.
    pub index: u32,
}

/// The options of a module, as `charmtest::module!` registers them.
#[derive(Debug)]
pub struct ModuleEntry {
    /// The value of `module_path!()` in the module: `TARGET::module`.
    pub module_path: &'static str,
    /// What the options say of every test of the module.
    pub marks: Marks,
}

inventory::collect!(ModuleEntry);

/// The options that say how the harness treats a test, or every test of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// `abort_on_fail`.
    pub abort_on_fail: bool,
    /// `abort_on_xfail`.
    pub abort_on_xfail: bool,
    /// `skip_if_deployed`.
    pub skip_if_deployed: bool,
    /// `#[ignore]`, with its reason or an empty text.
    pub ignore: Option<&'static str>,
    /// `tags("..")`.
    pub tags: &'static [&'static str],
    /// The time limit.
    pub timeout_ms: Option<u64>,
    /// `xfail`.
    pub xfail: Option<Xfail>,
    /// `retries = N`.
    pub retries: Option<u32>,
}

/// Why a test is expected to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Xfail {
    /// The reason, which is never empty.
    pub reason: &'static str,
    /// Whether it is a failure when the test passes.
    pub strict: bool,
}

impl Marks {
    /// No options.
    pub const NONE: Self = Self {
        abort_on_fail: false,
        abort_on_xfail: false,
        skip_if_deployed: false,
        ignore: None,
        tags: &[],
        timeout_ms: None,
        xfail: None,
        retries: None,
    };
}

/// A type that can be a parameter of a charm test.
///
/// `&OpsTest`, `&Model` and `&Juju` are such types, and `&T` for what a function under
/// [`#[charm_fixture]`](crate::charm_fixture) returns. Implement the trait to provide a parameter that is made anew for each
/// function that asks, built from them:
///
/// ```
/// use charmtest::prelude::*;
///
/// struct Charm(std::path::PathBuf);
///
/// impl<'a> FromContext<'a> for Charm {
///     async fn from_context(cx: &'a Context) -> Result<Self> {
///         let _package = cx.package_dir();
///         Ok(Charm("./my_ubuntu-22.04.charm".into()))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of a charm test",
    label = "not a parameter that the harness can provide",
    note = "parameters are taken by reference: `&OpsTest`, `&Model`, `&Juju`",
    note = "a function under `#[charm_fixture]` that returns a `T` provides `&T`",
    note = "implement `charmtest::FromContext` for `{Self}` to provide a fixture of your own"
)]
pub trait FromContext<'a>: Sized {
    /// Makes the value for the test that runs in `cx`.
    ///
    /// An error ends the test before its body runs: it counts as failed, or as skipped when it is a [`crate::skip`].
    fn from_context(cx: &'a Context) -> impl Future<Output = Result<Self, Failure>>;

    /// Names what [`from_context`](Self::from_context) asks for in turn; nothing without it.
    ///
    /// Say it if that may be a fixture of scope "run": `cargo charmtest` runs the modules that ask for one in one process, and
    /// goes by this.
    ///
    /// ```
    /// use charmtest::prelude::*;
    ///
    /// # struct Server;
    /// # #[charm_fixture(scope = "run")]
    /// # fn server() -> Server { Server }
    /// struct Client<'a>(&'a Server);
    ///
    /// impl<'a> FromContext<'a> for Client<'a> {
    ///     async fn from_context(cx: &'a Context) -> Result<Self> {
    ///         Ok(Client(<&Server>::from_context(cx).await?))
    ///     }
    ///
    ///     fn needs(needs: &mut charmtest::Needs) {
    ///         needs.parameter::<&Server>();
    ///     }
    /// }
    /// ```
    fn needs(_needs: &mut Needs) {}
}

/// A type that a charm test can return.
#[diagnostic::on_unimplemented(
    message = "a charm test cannot return `{Self}`",
    label = "a charm test returns nothing or a `Result<(), E>`",
    note = "`E` is `charmtest::Failure` or any error type; `charmtest::Result` is the short form"
)]
pub trait IntoOutcome {
    /// Turns what the test returned into its result.
    ///
    /// # Errors
    ///
    /// The error that the test returned.
    fn into_outcome(self) -> Result<(), Failure>;
}

impl IntoOutcome for () {
    fn into_outcome(self) -> Result<(), Failure> {
        Ok(())
    }
}

impl<E: Into<Failure>> IntoOutcome for Result<(), E> {
    #[track_caller]
    fn into_outcome(self) -> Result<(), Failure> {
        match self {
            Ok(()) => Ok(()),
            // An error of another type became a failure only here, and here is not where it came up.
            Err(error) => Err(error.into().unless_at(Location::caller())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_place_in_the_test_is_reported() {
        fn with_failure() -> crate::Result {
            Ok("eighty".parse::<u16>().map(drop)?)
        }
        fn with_another_error() -> Result<(), std::num::ParseIntError> {
            "eighty".parse::<u16>().map(drop)
        }
        let place = with_failure().into_outcome().unwrap_err().location();
        assert_eq!(place.map(Location::line), Some(line!() - 6));
        let place = with_another_error().into_outcome().unwrap_err().location();
        assert_eq!(place, None);
    }
}
