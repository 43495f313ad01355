//! Checks the function under `#[charm_test]`: what the harness can call, and which attributes fit.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Attribute, Expr, ExprLit, FnArg, GenericParam, Generics, Lit, Meta, PatType, Signature, Type,
};

use crate::attr::Options;
use crate::cases::EXAMPLE;
use crate::errors::Errors;
use crate::item::Function;

/// A function that the harness can call, and how to run it.
pub(crate) struct Test {
    /// The function, without the attributes that are for `#[charm_test]` or that do not fit beside it.
    pub(crate) function: Function,
    /// The options, with `#[ignore]` in its place.
    pub(crate) options: Options,
    /// The parameters.
    pub(crate) parameters: Vec<Parameter>,
}

/// A parameter of a test.
pub(crate) struct Parameter {
    /// Its type.
    pub(crate) ty: Type,
    /// Where its value comes from.
    pub(crate) source: Source,
}

/// Where a parameter comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The harness makes it by its type.
    Harness,
    /// `#[case]`: it is the value of the case with this index.
    Case(usize),
}

impl Test {
    /// Checks the function; what is wrong goes to `errors`, and the result can then only be used to emit the function.
    pub(crate) fn check(mut function: Function, mut options: Options, errors: &mut Errors) -> Self {
        let attrs = std::mem::take(&mut function.attrs);
        function.attrs = attrs
            .into_iter()
            .filter(|attr| match role(attr) {
                Role::Kept => true,
                Role::Ignore => {
                    errors.ok(ignore(attr, &mut options));
                    false
                }
                Role::Refused(message) => {
                    errors.at(attr, message);
                    false
                }
            })
            .collect();
        function.check_callable(
            "a charm test",
            "it talks to Juju when it runs",
            wrong_generics(&function.signature.generics),
            errors,
        );
        let parameters = parameters(&mut function.signature, &options, errors);
        Self {
            function,
            options,
            parameters,
        }
    }
}

/// Returns the first `impl Trait` in the type.
pub(crate) fn find_impl(ty: impl ToTokens) -> Option<Span> {
    fn find(tokens: TokenStream) -> Option<Span> {
        tokens.into_iter().find_map(|token| match token {
            TokenTree::Ident(ident) if ident == "impl" => Some(ident.span()),
            TokenTree::Group(group) => find(group.stream()),
            _ => None,
        })
    }
    find(ty.into_token_stream())
}

/// What an attribute on the function means to `#[charm_test]`.
enum Role {
    Kept,
    Ignore,
    Refused(&'static str),
}

fn role(attr: &Attribute) -> Role {
    let path = attr.path();
    if path.is_ident("ignore") {
        return Role::Ignore;
    }
    if path.is_ident("should_panic") {
        return Role::Refused(
            "a charm test cannot use `#[should_panic]`; check the error in the test instead",
        );
    }
    let Some(last) = path.segments.last() else {
        return Role::Kept;
    };
    if last.ident == "charm_test" {
        return Role::Refused(
            "this function has two `#[charm_test]` attributes; put all the options into one",
        );
    }
    // `#[test]`, `#[tokio::test]` and their like.
    if last.ident == "test" {
        return Role::Refused(
            "`#[charm_test]` already makes this function a test; remove the other test attribute",
        );
    }
    Role::Kept
}

/// Takes the place of `#[ignore]` and `#[ignore = "why"]`.
fn ignore(attr: &Attribute, options: &mut Options) -> syn::Result<()> {
    let reason = match &attr.meta {
        Meta::Path(_) => String::new(),
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(reason),
                ..
            }) => reason.value(),
            other => {
                return Err(syn::Error::new_spanned(
                    other,
                    "the reason to ignore a test is a string literal",
                ));
            }
        },
        Meta::List(_) => {
            return Err(syn::Error::new_spanned(
                attr,
                r#"write `#[ignore]` or `#[ignore = "why"]`"#,
            ));
        }
    };
    if options.marks.ignore.is_some() {
        return Err(syn::Error::new_spanned(
            attr,
            "this test is already ignored; keep one of the two",
        ));
    }
    options.marks.ignore = Some(reason);
    Ok(())
}

/// Returns what is wrong with the generic parameters of a test.
fn wrong_generics(generics: &Generics) -> Option<&'static str> {
    let is_lifetime = |param: &GenericParam| matches!(param, GenericParam::Lifetime(_));
    if !generics.params.iter().all(is_lifetime) {
        return Some(
            "a charm test cannot be generic: the harness could not know which type is meant; name the type",
        );
    }
    (!generics.params.is_empty()).then_some(
        "a charm test cannot have lifetime parameters; write references without: `&Model`",
    )
}

fn parameters(signature: &mut Signature, options: &Options, errors: &mut Errors) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    let mut cases = 0;
    for input in &mut signature.inputs {
        match input {
            FnArg::Receiver(receiver) => errors.at(
                receiver,
                "a charm test cannot take `self`: the harness calls it without a value; move it out of the `impl` block",
            ),
            FnArg::Typed(parameter) => {
                check_parameter(parameter, errors);
                let mut source = Source::Harness;
                if let Some(case) = take_case(parameter, errors) {
                    source = Source::Case(cases);
                    cases += 1;
                    if !options.has_cases {
                        errors.at(
                            case,
                            format_args!("this test has no cases; list them: `#[charm_test({EXAMPLE})]`"),
                        );
                    }
                }
                parameters.push(Parameter {
                    ty: Type::clone(&parameter.ty),
                    source,
                });
            }
        }
    }
    if let Some(listed) = &options.cases {
        if cases == 0 {
            errors.at(
                &listed.list,
                "no parameter of the test takes the case; mark one: `#[case] name: Type`",
            );
        } else {
            for case in &listed.cases {
                errors.ok(case.values(cases));
            }
        }
    }
    parameters
}

/// Takes `#[case]` off a parameter.
fn take_case(parameter: &mut PatType, errors: &mut Errors) -> Option<Attribute> {
    let attrs = std::mem::take(&mut parameter.attrs);
    let (mut marks, others): (Vec<_>, Vec<_>) = attrs
        .into_iter()
        .partition(|attr| attr.path().is_ident("case"));
    parameter.attrs = others;
    for mark in marks.iter().skip(1) {
        errors.at(
            mark,
            "this parameter takes the case already; remove one `#[case]`",
        );
    }
    for mark in &marks {
        if !matches!(mark.meta, Meta::Path(_)) {
            errors.at(
                mark,
                format_args!("write `#[case]`; the values stand in `#[charm_test({EXAMPLE})]`"),
            );
        }
    }
    (!marks.is_empty()).then(|| marks.swap_remove(0))
}

fn check_parameter(parameter: &PatType, errors: &mut Errors) {
    if let Some(span) = find_impl(&parameter.ty) {
        errors.push(syn::Error::new(
            span,
            "a parameter of a charm test cannot be `impl Trait`: the harness provides it by its type; name the type",
        ));
    }
    for attr in &parameter.attrs {
        if attr.path().is_ident("cfg") {
            errors.at(attr, "a parameter of a charm test cannot depend on `#[cfg]`; put it on the whole function");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attr::Place;

    fn check(options: &str, function: &str) -> (Test, Vec<(String, String)>) {
        let mut errors = Errors::default();
        let options = Options::parse(Place::Test, options.parse().unwrap(), &mut errors);
        let function = syn::parse_str(function).unwrap();
        let test = Test::check(function, options, &mut errors);
        (test, errors.into_pairs())
    }

    #[test]
    fn parameters_are_taken_by_type_in_order() {
        let (test, faults) = check(
            "",
            "async fn t((a, b): (A, B), mut c: &Model, _: Box<dyn C>) {}",
        );
        assert_eq!(faults, []);
        let types: Vec<_> = test
            .parameters
            .iter()
            .map(|parameter| parameter.ty.to_token_stream().to_string())
            .collect();
        assert_eq!(types, ["(A , B)", "& Model", "Box < dyn C >"]);
    }

    #[test]
    fn parameters_take_cases_in_order() {
        let (test, faults) = check(
            r#"cases(a = (1, "x"))"#,
            "fn t(#[case] n: u8, model: &Model, #[allow(unused)] #[case] text: &str) {}",
        );
        assert_eq!(faults, []);
        let sources: Vec<_> = test
            .parameters
            .iter()
            .map(|parameter| parameter.source)
            .collect();
        assert_eq!(sources, [Source::Case(0), Source::Harness, Source::Case(1)]);
        assert_eq!(
            test.function.signature.to_token_stream().to_string(),
            "fn t (n : u8 , model : & Model , # [allow (unused)] text : & str)"
        );
    }

    #[test]
    fn cases_and_parameters_belong_together() {
        type Fault = (&'static str, &'static str);
        let rows: &[(&str, &str, &[Fault])] = &[
            ("", "fn t(#[case] n: u8) {}", &[("#[case]", "has no cases")]),
            (
                "cases(1)",
                "fn t(n: u8) {}",
                &[("(1)", "no parameter of the test takes")],
            ),
            (
                "cases(a = 1, b = (1, 2), c = (1, 2, 3))",
                "fn t(#[case] n: u8, #[case] m: u8) {}",
                &[("1", "a tuple of 2 values"), ("(1, 2, 3)", "has 3 values")],
            ),
            (
                "cases(1)",
                "fn t(#[case] #[case] n: u8) {}",
                &[("#[case]", "already")],
            ),
            (
                "cases(1)",
                "fn t(#[case(1)] n: u8) {}",
                &[("#[case(1)]", "write `#[case]`")],
            ),
        ];
        for (options, function, expected) in rows {
            let (_, faults) = check(options, function);
            assert_eq!(faults.len(), expected.len(), "{function}: {faults:?}");
            for ((token, message), (expected_token, expected_message)) in
                faults.iter().zip(*expected)
            {
                assert_eq!(token, expected_token, "{function}: {message}");
                assert!(message.contains(expected_message), "{function}: {message}");
            }
        }
    }

    #[test]
    fn ignore_is_taken_and_every_other_attribute_stays() {
        let cases = [
            ("/// Doc.\n#[cfg(unix)] #[allow(unused)] fn t() {}", None),
            (
                "/// Doc.\n#[cfg(unix)] #[ignore] #[allow(unused)] fn t() {}",
                Some(""),
            ),
            (
                r#"/// Doc.
                #[cfg(unix)] #[allow(unused)] #[ignore = "slow"] fn t() {}"#,
                Some("slow"),
            ),
        ];
        for (function, reason) in cases {
            let (test, faults) = check("", function);
            assert_eq!(faults, [], "{function}");
            assert_eq!(test.options.marks.ignore.as_deref(), reason, "{function}");
            let kept: Vec<_> = test
                .function
                .attrs
                .iter()
                .map(|attr| attr.path().to_token_stream().to_string())
                .collect();
            assert_eq!(kept, ["doc", "cfg", "allow"], "{function}");
        }
    }

    #[test]
    fn what_the_harness_cannot_call_is_refused_where_it_stands() {
        let cases: &[(&str, &[(&str, &str)])] = &[
            ("const fn t() {}", &[("const", "cannot be `const`")]),
            ("unsafe fn t() {}", &[("unsafe", "cannot be `unsafe`")]),
            (
                "extern \"C\" fn t() {}",
                &[("extern \"C\"", "cannot be `extern`")],
            ),
            ("fn t<T>(_: T) {}", &[("<T>", "cannot be generic")]),
            (
                "fn t<const N: usize>() {}",
                &[("<const N: usize>", "cannot be generic")],
            ),
            (
                "fn t<'a>(_: &'a M) {}",
                &[("<'a>", "cannot have lifetime parameters")],
            ),
            (
                "fn t() where A: B {}",
                &[("where A: B", "cannot have a `where` clause")],
            ),
            ("fn t(&mut self) {}", &[("&mut self", "cannot take `self`")]),
            (
                "fn t(self: Box<Self>, _: A) {}",
                &[("self: Box<Self>", "cannot take `self`")],
            ),
            (
                "fn t(_: Vec<(A, &impl B)>) {}",
                &[("impl", "cannot be `impl Trait`")],
            ),
            (
                "fn t(#[cfg(unix)] _: A) {}",
                &[("#[cfg(unix)]", "cannot depend on `#[cfg]`")],
            ),
            (
                "#[test] fn t() {}",
                &[("#[test]", "already makes this function a test")],
            ),
            (
                "#[tokio::test] fn t() {}",
                &[("#[tokio::test]", "already makes this function a test")],
            ),
            (
                "#[charm_test] fn t() {}",
                &[("#[charm_test]", "two `#[charm_test]`")],
            ),
            (
                "#[charmtest::charm_test(ignore)] fn t() {}",
                &[("#[charmtest::charm_test(ignore)]", "two")],
            ),
            (
                "#[should_panic] fn t() {}",
                &[("#[should_panic]", "cannot use `#[should_panic]`")],
            ),
            ("#[ignore = 1] fn t() {}", &[("1", "is a string literal")]),
            (
                "#[ignore(x)] fn t() {}",
                &[("#[ignore(x)]", "write `#[ignore]`")],
            ),
            (
                "#[ignore] #[ignore = \"x\"] fn t() {}",
                &[("#[ignore = \"x\"]", "already ignored")],
            ),
            (
                "const unsafe extern fn t(self) {}",
                &[
                    ("const", "cannot be `const`"),
                    ("unsafe", "cannot be `unsafe`"),
                    ("extern", "cannot be `extern`"),
                    ("self", "cannot take `self`"),
                ],
            ),
        ];
        for (function, expected) in cases {
            let (_, faults) = check("", function);
            assert_eq!(faults.len(), expected.len(), "{function}: {faults:?}");
            for ((token, message), (expected_token, expected_message)) in
                faults.iter().zip(*expected)
            {
                assert_eq!(token, expected_token, "{function}: {message}");
                assert!(message.contains(expected_message), "{function}: {message}");
            }
        }
    }

    #[test]
    fn a_test_is_ignored_once() {
        let (test, faults) = check(r#"ignore = "first""#, r#"#[ignore = "second"] fn t() {}"#);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(test.options.marks.ignore.as_deref(), Some("first"));
    }
}
