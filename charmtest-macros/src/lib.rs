//! The attribute `#[charm_test]`, which makes a function a charm test.
//!
//! Test authors use it through the library `charmtest`. It has three layers, all on `proc_macro2` so that they can be tested:
//! `attr` parses the options, `check` validates the function, `expand` writes the code.
//!
//! Invariant: whatever is wrong with the attribute, the function itself is emitted, so that an editor goes on understanding
//! it; and everything that is wrong is reported at once.

mod attr;
mod check;
mod duration;
mod errors;
mod expand;
mod item;
mod setting;
mod suggest;

use proc_macro::TokenStream;

/// Makes a function a charm test: the harness finds it, makes its parameters and runs it in the Juju model of its module.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doctest.rs"));
/// use charmtest::prelude::*;
///
/// #[charm_test(order = 1, abort_on_fail, timeout = "20m")]
/// async fn build_and_deploy(model: &Model) -> Result {
///     // Everything after this needs the deployed charm.
///     # Ok(())
/// }
///
/// #[charm_test(tags("slow"))]
/// async fn survives_a_restart(model: &Model) -> Result {
///     # Ok(())
/// }
///
/// #[charm_test]
/// #[ignore = "needs a cloud with three zones"]
/// fn spreads_over_zones(model: &Model) {}
/// # fn main() {}
/// ```
///
/// # The function
///
/// It may be `async` or not, and it returns nothing or a `Result<(), E>`, where `E` is `charmtest::Failure` or any error. It
/// takes any number of parameters. The harness makes each of them by its type, which implements `charmtest::FromContext`;
/// implement the trait for a fixture of your own. The function cannot be generic, `const`, `unsafe` or `extern`, and it
/// cannot take `self`.
///
/// It stays an ordinary function, which other functions may call. Doc comments, `#[cfg]` and other attributes keep their
/// meaning, but it cannot be a `#[test]` of another kind too, nor use `#[should_panic]`.
///
/// # Options
///
/// | option | meaning |
/// | --- | --- |
/// | `order = 2` | The place of the test in its module: first tests with an order of 0 and more, from the smallest to the largest; then those without, as they stand in the source; then those with a negative order, `-1` as the last. |
/// | `abort_on_fail` | When this test fails, the tests of the module that come after it do not run. |
/// | `abort_on_xfail` | The same, and they do not run either when this test fails as it is expected to. |
/// | `xfail = "why"`, `xfail(reason = "why", strict)` | The test is expected to fail. When it does, it counts as `xfailed`, which fails no run; when it passes, as `xpassed`, or as failed if the expectation is `strict`. What the test asks for must still be there: a model that cannot be made is an error. |
/// | `retries = 2` | When the test fails or runs out of time, it is tried again, so many times at most, in the same model. Every attempt is reported; one that passes after a failure counts as `flaky`, never as passed. |
/// | `skip_if_deployed` | The test is skipped when the run uses a model in which the charms are deployed already (`--no-deploy`). |
/// | `timeout = "10m"` | The time limit of this test instead of that of the run. A sum of numbers with the units `h`, `m`, `s` and `ms`, the largest first: `"1h30m"`, `"90s"`, `"500ms"`. |
/// | `ignore`, `ignore = "why"` | The test runs only when ignored tests are asked for. `#[ignore]` and `#[ignore = "why"]` on the function say the same. |
/// | `tags("slow", "net")` | Words by which `-k` selects the test, beside its name. |
/// | `crate = "path"` | Where the library is, when it is not `::charmtest`: renamed, or exported by another crate. A macro may write `crate = $crate::path`. |
///
/// # Errors
///
/// The compiler reports every faulty option and everything about the function that does not fit, each where it stands. An
/// unknown option is refused, with the one that was probably meant:
///
/// ```compile_fail
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doctest.rs"));
/// # use charmtest::prelude::*;
/// #[charm_test(abort_on_fial)] // unknown charm_test option `abort_on_fial`; did you mean `abort_on_fail`?
/// fn deploys() {}
/// # fn main() {}
/// ```
#[proc_macro_attribute]
pub fn charm_test(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::charm_test(options.into(), item.into()).into()
}
