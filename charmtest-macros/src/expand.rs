//! Turns a checked test into code: the function as it is, and its entry in the registry.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Ident, ReturnType, Type};

use crate::attr::{Marks, Options, Place, Xfail};
use crate::cases::Case;
use crate::check::{Source, Test, find_impl};
use crate::errors::Errors;
use crate::item::Function;

/// Expands `#[charm_test(options)] item`.
///
/// Whatever is wrong, the item itself is emitted, so that an editor goes on completing and hovering in it.
pub(crate) fn charm_test(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = Options::parse(Place::Test, options, &mut errors);
    let function = match Function::under("charm_test", item, &mut errors) {
        Ok(function) => function,
        Err(faulty) => return faulty,
    };
    let test = Test::check(function, options, &mut errors);
    let function = &test.function;
    let beside = errors
        .into_compile_errors()
        .unwrap_or_else(|| registration(&test));
    quote!(#function #beside)
}

/// Expands `charmtest::module!(options)`.
pub(crate) fn module(options: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = Options::parse(Place::Module, options, &mut errors);
    if let Some(errors) = errors.into_compile_errors() {
        return errors;
    }
    let krate = options.krate();
    let marks = marks(&options.marks);
    quote! {
        // Its name keeps a module from having options twice.
        const __OPTIONS_OF_THE_MODULE: () = {
            use #krate::__private;
            __private::inventory::submit! {
                __private::ModuleEntry { module_path: ::core::module_path!(), marks: #marks }
            }
        };
    }
}

/// Returns the item that registers the test, or each of its cases, when the test binary starts.
fn registration(test: &Test) -> TokenStream {
    let krate = test.options.krate();
    let registered: TokenStream = match &test.options.cases {
        None => registered(test, None),
        Some(cases) => (0..)
            .zip(&cases.cases)
            .map(|case| registered(test, Some(case)))
            .collect(),
    };
    let by_harness = test.parameters.iter();
    let by_harness = by_harness.filter(|parameter| parameter.source == Source::Harness);
    let needs = needs_definition(&needs_name(test), by_harness.map(|parameter| &parameter.ty));
    quote! {
        const _: () = {
            use #krate::__private;
            #needs
            #registered
        };
    }
}

/// Registers the test with one of its cases, or without.
fn registered(test: &Test, case: Option<(u32, &Case)>) -> TokenStream {
    // Items have no hygiene: this name can never be the one of the function that the shim calls.
    let name = &test.function.signature.ident;
    let shim = match case {
        None => format_ident!("__run_{}", name, span = Span::mixed_site()),
        Some((index, _)) => format_ident!("__run_{}_{}", name, index, span = Span::mixed_site()),
    };
    let definition = shim_definition(test, &shim, case.map(|(_, case)| case));
    let entry = entry(test, &shim, case);
    quote! {
        #definition
        __private::inventory::submit! { #entry }
    }
}

/// Returns the function that makes the arguments, calls the test and turns what it returns into its outcome.
///
/// Its variables take part in the macro's hygiene, so that they cannot clash with names of a `macro_rules!` that writes the
/// test.
fn shim_definition(test: &Test, shim: &Ident, case: Option<&Case>) -> TokenStream {
    let signature = &test.function.signature;
    let name = &signature.ident;
    let context = Ident::new("cx", Span::mixed_site());
    let result = Ident::new("result", Span::mixed_site());
    let arguments: Vec<Ident> = (0..test.parameters.len())
        .map(|n| format_ident!("arg{n}", span = Span::mixed_site()))
        .collect();
    let count = test
        .parameters
        .iter()
        .filter(|parameter| parameter.source != Source::Harness)
        .count();
    // `check` has seen that each case has as many values as there are parameters for them.
    let values = case
        .and_then(|case| case.values(count).ok())
        .unwrap_or_default();
    let bindings = test
        .parameters
        .iter()
        .zip(&arguments)
        .map(|(parameter, argument)| {
            let ty = &parameter.ty;
            match parameter.source {
                Source::Harness => {
                    let value = made_by_harness(ty, &context);
                    quote!(let #argument = #value;)
                }
                Source::Case(index) => {
                    let value = values.get(index);
                    quote!(let #argument: #ty = #value;)
                }
            }
        });
    let dot_await = signature.asyncness.is_some().then(|| quote!(.await));
    let returned = returned_type(&signature.output);
    quote! {
        fn #shim<'a>(#context: &'a __private::Context) -> __private::BoxFuture<'a> {
            ::std::boxed::Box::pin(async move {
                #(#bindings)*
                let #result = #name(#(#arguments),*) #dot_await;
                <#returned as __private::IntoOutcome>::into_outcome(#result)
            })
        }
    }
}

/// Returns the expression that makes an argument of this type.
///
/// When the type does not fit, rustc complains twice: about the type, and about the call that stands on it. The call begins
/// where the type begins and ends where it ends, so that both complaints are the same one and rustc shows it once.
pub(crate) fn made_by_harness(ty: &Type, context: &Ident) -> TokenStream {
    let made = call_of(ty, "from_context", context);
    let (first, _) = ends(ty.to_token_stream());
    quote_spanned! {Span::mixed_site().located_at(first)=> #made.await? }
}

/// Returns the call of a function of `FromContext` for this type.
fn call_of(ty: &Type, method: &str, input: &Ident) -> TokenStream {
    let (first, last) = ends(ty.to_token_stream());
    let open = quote_spanned!(first=> <);
    let method = Ident::new(method, last);
    let mut inputs = Group::new(Delimiter::Parenthesis, input.to_token_stream());
    inputs.set_span(last);
    quote_spanned! {Span::mixed_site().located_at(first)=>
        #open #ty as __private::FromContext<'_>>::#method #inputs
    }
}

/// Returns the function that names the fixtures which parameters of these types ask for.
pub(crate) fn needs_definition<'a>(
    name: &Ident,
    types: impl Iterator<Item = &'a Type>,
) -> TokenStream {
    let needs = Ident::new("needs", Span::mixed_site());
    let calls: Vec<TokenStream> = types.map(|ty| call_of(ty, "needs", &needs)).collect();
    // Without a parameter there is nothing to name, and nothing that would use the argument.
    let argument = match calls.is_empty() {
        true => quote!(_),
        false => needs.to_token_stream(),
    };
    quote! {
        fn #name(#argument: &mut __private::Needs) {
            #(#calls;)*
        }
    }
}

/// Returns the name of the function that names the fixtures of a test.
fn needs_name(test: &Test) -> Ident {
    let name = &test.function.signature.ident;
    format_ident!("__needs_of_{}", name, span = Span::mixed_site())
}

/// Returns the spans of the first and the last token, which may be inside the invisible group around a macro's `$ty`.
fn ends(tokens: TokenStream) -> (Span, Span) {
    let mut ends = tokens.into_iter().map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => ends(group.stream()),
        token => (token.span(), token.span()),
    });
    let (first, end_of_first) = ends
        .next()
        .unwrap_or((Span::call_site(), Span::call_site()));
    let last = ends.last().map_or(end_of_first, |(_, last)| last);
    (first, last)
}

/// Returns the type that the function returns, in a form that can be named outside its signature.
fn returned_type(output: &ReturnType) -> TokenStream {
    match output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, ty) if find_impl(ty).is_some() => quote_spanned!(ty.span()=> _),
        ReturnType::Type(_, ty) => Type::to_token_stream(ty),
    }
}

/// Returns the entry of the test, or of one of its cases, in the registry.
fn entry(test: &Test, shim: &Ident, case: Option<(u32, &Case)>) -> TokenStream {
    let ident = &test.function.signature.ident;
    let name = ident.unraw().to_string();
    // Not `file!()` and `line!()`: those say where the outermost macro is called, which is one place for all the tests that
    // a `macro_rules!` makes.
    let span = ident.span();
    let file = span.file();
    let start = span.start();
    let (line, column) = (literal_u32(start.line), literal_u32(start.column + 1));
    let order = option(test.options.order);
    let case = option(
        case.map(|(index, Case { id, .. })| quote!(__private::Case { id: #id, index: #index })),
    );
    let marks = marks(&test.options.marks);
    let needs = needs_name(test);
    quote! {
        __private::TestEntry {
            module_path: ::core::module_path!(),
            name: #name,
            case: #case,
            file: #file,
            line: #line,
            column: #column,
            package: ::core::env!("CARGO_PKG_NAME"),
            order: #order,
            marks: #marks,
            needs: #needs,
            run: &#shim,
        }
    }
}

/// Returns the marks as the registry holds them.
fn marks(marks: &Marks) -> TokenStream {
    let Marks {
        abort_on_fail,
        abort_on_xfail,
        skip_if_deployed,
        timeout_ms,
        ignore,
        xfail,
        retries,
        tags,
    } = marks;
    let ignore = option(ignore.as_deref());
    let timeout_ms = option(*timeout_ms);
    let xfail = option(xfail.as_ref().map(
        |Xfail { reason, strict }| quote!(__private::Xfail { reason: #reason, strict: #strict }),
    ));
    let retries = option(*retries);
    quote! {
        __private::Marks {
            abort_on_fail: #abort_on_fail,
            abort_on_xfail: #abort_on_xfail,
            skip_if_deployed: #skip_if_deployed,
            ignore: #ignore,
            tags: &[#(#tags),*],
            timeout_ms: #timeout_ms,
            xfail: #xfail,
            retries: #retries,
        }
    }
}

fn option(value: Option<impl ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

/// Returns a line or a column, which rustc itself counts in 32 bits.
fn literal_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expands and formats; the name that `proc_macro2` makes up for tokens without a file becomes `[FILE]`.
    fn expand(options: &str, item: &str) -> String {
        let item: TokenStream = item.parse().unwrap();
        let made_up = item.span().file();
        let expanded = charm_test(options.parse().unwrap(), item);
        let file = syn::parse2(expanded).unwrap();
        prettyplease::unparse(&file).replace(&made_up, "[FILE]")
    }

    #[test]
    fn async_function() {
        insta::assert_snapshot!(expand(
            r#"order = -2, abort_on_fail, skip_if_deployed, timeout = "1h30m", tags("slow", "net"), crate = "crate::lab""#,
            "/// Scales out.\n#[ignore = \"needs a cloud\"]\n#[allow(unused)]\npub async fn scale(model: &Model, (a, b): (A, B)) -> Result { deploy(model).await }",
        ));
    }

    #[test]
    fn function_with_cases() {
        insta::assert_snapshot!(expand(
            "cases(small = (1, \"8G\"), large = (3, \"32G\"))",
            "async fn scale(#[case] units: usize, model: &Model, #[case] memory: &str) {}",
        ));
    }

    #[test]
    fn sync_function_without_anything() {
        insta::assert_snapshot!(expand("", "fn plain() {}"));
    }

    #[test]
    fn raw_name_and_unnamed_return_type() {
        insta::assert_snapshot!(expand("", "fn r#match() -> Result<(), impl Error> {}"));
    }

    #[test]
    fn faulty_attribute_keeps_the_function() {
        insta::assert_snapshot!(expand(
            "oder = 1, timeout = 5",
            "#[ignore]\n#[test]\n#[inline]\nconst fn constant(model: &Model) -> u8 { 1 }",
        ));
    }

    #[test]
    fn other_items_stay_as_they_are() {
        insta::assert_snapshot!(expand("", "#[derive(Debug)] struct Suite { name: String }"));
    }

    #[test]
    fn half_written_bodies_pass() {
        let expanded = charm_test(TokenStream::new(), "fn t() { model. }".parse().unwrap());
        assert!(
            expanded
                .to_string()
                .starts_with("fn t () { model . } const _"),
            "{expanded}"
        );
    }

    #[test]
    fn the_place_of_a_test_is_that_of_its_name() {
        let expanded = charm_test(
            TokenStream::new(),
            "#[inline]\n  async fn\n    scale() {}".parse().unwrap(),
        );
        let text = expanded.to_string();
        assert!(text.contains("line : 3u32 , column : 5u32"), "{text}");
    }
}
