//! `generic_tests!`: the generic tests in a Rust suite.

/// Makes the generic tests of a charm part of this target: the module `generic`, in which each test is a module with a model of its
/// own, so their names are `generic::deploy::passes` and so on.
///
/// ```
/// charmtest::generic_tests!(charm = ".");
/// ```
///
/// `charm` is the charm's directory or a `.charm` file, relative to the package. These may follow, in this order:
/// `previous = "old.charm"`, an earlier artefact for the `upgrade` test; `partners("../db", ..)`, charms that it is related with
/// instead of with stand-ins; `require = active`, so that `blocked` does not pass; `only(deploy, upgrade)`, which of the tests:
/// `deploy`, `config_defaults`, `reconfigure`, `scale`, `relate`, `upgrade`, `remove`, `redeploy`.
///
/// ```
/// mod web {
///     charmtest::generic_tests!(charm = "charms/web", partners("charms/db"), require = active, only(deploy, relate));
/// }
/// ```
///
/// What the tests do: [`Generic`](crate::generic::Generic). They are skipped under `--no-deploy`, and in a model of `--model` that holds
/// their application already; the tag `generic` selects them (`-m generic`).
#[macro_export]
macro_rules! generic_tests {
    (charm = $charm:literal
     $(, previous = $previous:literal)?
     $(, partners($($partner:literal),+ $(,)?))?
     $(, require = $require:ident)?
     , only($($id:ident),+ $(,)?) $(,)?) => {
        mod generic {
            fn subject() -> $crate::generic::Subject {
                let subject = $crate::generic::Subject::new($charm);
                $(let subject = subject.previous($previous);)?
                $($(let subject = subject.partner($partner);)+)?
                $(let subject = subject.require($crate::__generic_requirement!($require));)?
                subject
            }
            $($crate::__generic_test!($id);)+
        }
    };
    (charm = $charm:literal
     $(, previous = $previous:literal)?
     $(, partners($($partner:literal),+ $(,)?))?
     $(, require = $require:ident)?
     $(,)?) => {
        $crate::generic_tests!(
            charm = $charm
            $(, previous = $previous)?
            $(, partners($($partner),+))?
            $(, require = $require)?
            , only(deploy, config_defaults, reconfigure, scale, relate, upgrade, remove, redeploy)
        );
    };
}

/// One module of `generic_tests!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __generic_test {
    (deploy) => { $crate::__generic_test!(deploy Deploy); };
    (config_defaults) => { $crate::__generic_test!(config_defaults ConfigDefaults); };
    (reconfigure) => { $crate::__generic_test!(reconfigure Reconfigure); };
    (scale) => { $crate::__generic_test!(scale Scale); };
    (relate) => { $crate::__generic_test!(relate Relate); };
    (upgrade) => { $crate::__generic_test!(upgrade Upgrade); };
    (remove) => { $crate::__generic_test!(remove Remove); };
    (redeploy) => { $crate::__generic_test!(redeploy Redeploy); };
    ($id:ident) => {
        ::core::compile_error!(::core::concat!(
            "there is no generic test `", ::core::stringify!($id), "`; there are deploy, config_defaults, reconfigure, scale, \
             relate, upgrade, remove, redeploy"
        ));
    };
    ($id:ident $variant:ident) => {
        mod $id {
            fn passes(cx: &$crate::Context) -> $crate::__private::BoxFuture<'_> {
                ::std::boxed::Box::pin(async move {
                    $crate::generic::Generic::$variant.run(&super::subject(), cx).await
                })
            }

            $crate::__private::inventory::submit! {
                $crate::__private::TestEntry {
                    module_path: ::core::module_path!(),
                    name: "passes",
                    case: ::core::option::Option::None,
                    file: ::core::file!(),
                    line: ::core::line!(),
                    column: ::core::column!(),
                    package: ::core::env!("CARGO_PKG_NAME"),
                    order: ::core::option::Option::None,
                    marks: $crate::__private::Marks {
                        tags: &["generic"],
                        skip_if_deployed: true,
                        ..$crate::__private::Marks::NONE
                    },
                    needs: |_| {},
                    run: &passes,
                }
            }
        }
    };
}

/// The value of `require` in `generic_tests!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __generic_requirement {
    (settled) => {
        $crate::generic::Require::Settled
    };
    (active) => {
        $crate::generic::Require::Active
    };
    ($other:ident) => {
        ::core::compile_error!("`require` is `settled` or `active`")
    };
}
