//! A charm as a fixture: [`charm!`](crate::charm).

use super::BuildCharm;
use crate::failure::{Failure, Result};
use crate::fixture::fixture_failure;
use crate::harness::Context;
use crate::ops_test::Charm;
use std::path::{Path, PathBuf};

/// A charm that was packed for all tests of a run; types that [`charm!`](crate::charm) defines hold one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedCharm {
    path: PathBuf,
}

impl PackedCharm {
    /// Returns the `.charm` file, a copy that is there until the tests of the process have run.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl AsRef<Path> for PackedCharm {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl From<&PackedCharm> for Charm {
    fn from(charm: &PackedCharm) -> Self {
        Self::Path(charm.path.clone())
    }
}

/// Packs the charm in a directory, as `with` says, for the fixture of this name.
pub async fn packed_charm(
    cx: &Context,
    name: &str,
    directory: impl AsRef<Path>,
    with: impl FnOnce(BuildCharm) -> BuildCharm,
) -> Result<PackedCharm, Failure> {
    let (site, emit) = (cx.pack_site().await?, cx.emitter());
    let build = with(BuildCharm::at(site, emit, directory.as_ref()));
    match build.await {
        Ok(path) => Ok(PackedCharm { path }),
        Err(error) => Err(fixture_failure(name, error)),
    }
}

/// Defines a type for a charm that is packed once in a run, however many tests and modules ask for it: a fixture that tests take
/// as `&Type`.
///
/// ```
/// use charmtest::prelude::*;
///
/// charmtest::charm!(Web, "charms/web");
///
/// #[charm_test]
/// async fn deploys(web: &Web, model: &Model) -> Result {
///     model.deploy(web).name("web").await?;
///     println!("deployed {}", web.path().display());
///     Ok(())
/// }
/// # fn main() {}
/// ```
///
/// After the type, which may have attributes and a visibility, comes the charm's directory, relative to the package's. Methods of
/// [`BuildCharm`](crate::ops_test::BuildCharm) follow as options:
///
/// ```
/// charmtest::charm!(
///     /// The charm under test, for the older base.
///     pub Jammy, ".", base = "ubuntu@22.04", bases_index = 0, destructive_mode
/// );
/// ```
///
/// It derefs to [`PackedCharm`](crate::ops_test::PackedCharm). It is packed as [`OpsTest::build_charm`](crate::ops_test::OpsTest::build_charm)
/// does it: a charm that `--charm-path`, `CHARM_PATH` or `CRAFT_ARTIFACT` gives is taken instead, and modules in other processes, and
/// calls of `build_charm`, take what is packed already. It needs no model. Packing does not count against a test's time limit, and
/// has one of its own, 40 minutes. When it fails, each test that asks is an error; each process tries it once.
///
/// # Errors
///
/// An option that there is not is refused by the compiler, as is one whose value does not fit:
///
/// ```compile_fail
/// charmtest::charm!(Web, "charms/web", bases_indx = 0);
/// ```
///
/// ```compile_fail
/// charmtest::charm!(Web, "charms/web", bases_index = "0");
/// ```
///
/// What gives more than one file is no option:
///
/// ```compile_fail
/// charmtest::charm!(Web, "charms/web", all);
/// ```
///
/// A directory that is not there is an error of the tests that ask.
#[macro_export]
macro_rules! charm {
    (
        $(#[$meta:meta])*
        $visibility:vis $name:ident,
        $directory:expr
        $(, $option:ident $(= $value:expr)?)*
        $(,)?
    ) => {
        $(#[$meta])*
        #[derive(Debug)]
        $visibility struct $name($crate::ops_test::PackedCharm);

        const _: () = {
            impl $crate::__private::Fixture for $name {
                const DEFINITION: $crate::__private::FixtureDefinition =
                    $crate::__private::FixtureDefinition {
                        name: ::core::stringify!($name),
                        scope: $crate::__private::Scope::Process,
                        teardown: false,
                    };

                fn make(
                    cx: &$crate::Context,
                ) -> $crate::__private::MakeFuture<'_, Self> {
                    ::std::boxed::Box::pin(async move {
                        let with = |build: $crate::ops_test::BuildCharm| {
                            build $(.$option($($value)?))*
                        };
                        let name = ::core::stringify!($name);
                        let packed = $crate::__private::packed_charm(cx, name, $directory, with);
                        ::core::result::Result::map(packed.await, $name)
                    })
                }
            }

            impl<'a> $crate::FromContext<'a> for &'a $name {
                async fn from_context(
                    cx: &'a $crate::Context,
                ) -> ::core::result::Result<Self, $crate::Failure> {
                    $crate::__private::fixture(cx).await
                }

                fn needs(needs: &mut $crate::Needs) {
                    needs.fixture::<$name>();
                }
            }

            impl ::core::ops::Deref for $name {
                type Target = $crate::ops_test::PackedCharm;

                fn deref(&self) -> &Self::Target {
                    &self.0
                }
            }

            impl ::core::convert::AsRef<::std::path::Path> for $name {
                fn as_ref(&self) -> &::std::path::Path {
                    self.0.path()
                }
            }

            impl ::core::convert::From<&$name> for $crate::ops_test::Charm {
                fn from(charm: &$name) -> Self {
                    ::core::convert::From::from(&charm.0)
                }
            }
        };
    };
}
