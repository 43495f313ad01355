//! The attributes `#[charm_test]`, which makes a function a charm test, and `#[charm_fixture]`, which makes one a fixture.
//!
//! Test authors use it through the library `charmtest`. It has three layers, all on `proc_macro2` so that they can be tested:
//! `attr` parses the options, `check` validates the function, `expand` writes the code.
//!
//! Invariant: whatever is wrong with the attribute, the function itself is emitted, so that an editor goes on understanding
//! it; and everything that is wrong is reported at once.

mod attr;
mod cases;
mod check;
mod duration;
mod errors;
mod expand;
mod fixture;
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
/// | `cases(one = 1, three = 3)` | The test runs once for each case, as `scale[one]` and `scale[three]`: see below. |
/// | `crate = "path"` | Where the library is, when it is not `::charmtest`: renamed, or exported by another crate. A macro may write `crate = $crate::path`. |
///
/// # Cases
///
/// A test with `cases` is one test for each of them, in the order in which they are listed. The value of the case is the
/// parameter with `#[case]`, of any type; with several such parameters a case is a tuple of as many values:
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doctest.rs"));
/// use charmtest::prelude::*;
///
/// #[charm_test(cases(one = 1, three = 3))]
/// async fn scale(model: &Model, #[case] units: usize) {}
///
/// #[charm_test(cases(small = (1, "8G"), large = (3, "32G")))]
/// async fn grow(model: &Model, #[case] units: usize, #[case] memory: &str) {}
///
/// #[charm_test(cases("14/stable", "16/edge"))]
/// async fn upgrade(model: &Model, #[case] channel: &str) {}
/// # fn main() {}
/// ```
///
/// Their names are `scale[one]`, `grow[small]`, `upgrade[14/stable]`: literals and paths name themselves, any other value needs
/// a name, and the names of one test differ. A name is one word, without parentheses, brackets and `::`. All options hold for
/// each case: `abort_on_fail` aborts what comes after the case that failed, the other cases included. `--exact scale` selects
/// all cases, `--exact 'scale[one]'` and `-k 'scale[one]'` select one.
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

/// Sets options for every charm test of the module that it stands in: what `pytestmark` is to pytest.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doctest.rs"));
/// # fn main() {}
/// mod relations {
///     use charmtest::prelude::*;
///
///     charmtest::module!(retries = 1, timeout = "20m", tags("slow"));
///
///     #[charm_test]
///     async fn relate(model: &Model) {} // is tried again once, has 20 minutes, and the tag `slow`
///
///     #[charm_test(retries = 0, tags("net"))]
///     async fn scale(model: &Model) {} // is not tried again, and has both tags
/// }
/// ```
///
/// It is a macro in the module and not an attribute on it, since Rust knows no attribute of ours on a module that is a file of
/// its own. It stands once in a module, among its items.
///
/// Its options are those of [`macro@charm_test`] but `order` and `cases`. Flags and tags add up with those of a test; of two
/// values (`timeout`, `retries`, `xfail`, `ignore`) the test's own counts. A module below it is one of its own, with a model
/// of its own, and has options of its own.
///
/// # Errors
///
/// The compiler reports every faulty option, and a second `module!` in a module.
#[proc_macro]
pub fn module(options: TokenStream) -> TokenStream {
    expand::module(options.into()).into()
}

/// Makes a function a fixture: tests and other fixtures ask for what it returns by its type, as a parameter `&T`.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doctest.rs"));
/// use charmtest::prelude::*;
///
/// struct Certificate(String);
///
/// #[charm_fixture(scope = "run")]
/// fn certificate() -> Certificate {
///     Certificate("made once".to_owned())
/// }
///
/// struct Server {
///     address: String,
/// }
///
/// #[charm_fixture(scope = "module", teardown = stop)]
/// async fn server(model: &Model, certificate: &Certificate) -> Result<Server> {
///     # let _ = (model, &certificate.0);
///     Ok(Server { address: "10.0.0.1:80".to_owned() })
/// }
///
/// async fn stop(server: &Server) -> Result {
///     # let _ = &server.address;
///     Ok(())
/// }
///
/// #[charm_test]
/// async fn answers(server: &Server) -> Result {
///     assert!(!server.address.is_empty());
///     Ok(())
/// }
/// # fn main() {}
/// ```
///
/// # The function
///
/// It may be `async` or not. It returns a `T` or a `Result<T, E>`, where `E` is `charmtest::Failure` or any error. `T` is a type of
/// the crate, `Send`, `Sync` and without references, and no two fixtures return the same one: put what is not your own, such as a
/// `PathBuf` or a `Model`, into a struct (`struct Config(PathBuf);`). Its parameters are those that a charm test may have, other
/// fixtures included.
///
/// A fixture is made when something first asks for it in its scope, and is not tried again there: when it fails, every test
/// that asks for it is an error with the same cause. A fixture can skip its tests with `charmtest::skip`. Its time counts
/// against the limit of the test that asks first.
///
/// # Options
///
/// | option | meaning |
/// | --- | --- |
/// | `scope = "test"` | The value is for one test, for one attempt if the test is tried again. This is so without the option. |
/// | `scope = "module"` | The value is for all tests of a module; it ends before the module's model does. |
/// | `scope = "run"` | The value is for all modules of the test target. It cannot use a model. |
/// | `teardown = function` | What ends the value: a function, `async` or not, that takes a `&T` and returns nothing or a `Result<(), E>`. It is called when the scope is over, however the tests ended, the newest value first, with `--teardown-timeout` as its time limit. When it fails, the run fails. |
/// | `crate = "path"` | Where the library is, as for `#[charm_test]`. |
///
/// A fixture uses fixtures of its own scope and of longer ones. One that needs itself, or one that ends earlier, is an error.
///
/// A fixture of the scope "run" is made once in a run of a test target. `cargo charmtest`, which gives each module a process of its
/// own, gives one to all modules that ask for such a fixture, directly or through other fixtures; a parameter that asks by itself
/// says so in `charmtest::FromContext::needs`. Under nextest each module makes its own: a warning says so.
#[proc_macro_attribute]
pub fn charm_fixture(options: TokenStream, item: TokenStream) -> TokenStream {
    fixture::charm_fixture(options.into(), item.into()).into()
}
