//! `#[charm_fixture(..)]`: parses its options, checks the function and turns it into code.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::spanned::Spanned;
use syn::{FnArg, GenericArgument, Ident, Path, PathArguments, ReturnType, Signature, Type};

use crate::attr::split_at_commas;
use crate::check::find_impl;
use crate::errors::Errors;
use crate::expand::{made_by_harness, needs_definition};
use crate::item::Function;
use crate::setting::Setting;
use crate::suggest;

/// The scopes as they are written, and as the library calls them.
const SCOPES: [(&str, &str); 3] = [("test", "Test"), ("module", "Module"), ("run", "Run")];

/// The options of `#[charm_fixture]`.
const NAMES: [&str; 3] = ["scope", "teardown", "crate"];

/// Types of the standard library that a fixture is likely to return and cannot: the attribute implements a trait for the type.
const FOREIGN: [&str; 27] = [
    "bool", "char", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128",
    "isize", "f32", "f64", "String", "PathBuf", "Vec", "Option", "HashMap", "BTreeMap", "HashSet",
    "BTreeSet", "Arc", "Box", "Rc",
];

/// Expands `#[charm_fixture(options)] item`; whatever is wrong, the item itself is emitted.
pub(crate) fn charm_fixture(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = Options::parse(options, &mut errors);
    let function = match Function::under("charm_fixture", item, &mut errors) {
        Ok(function) => function,
        Err(faulty) => return faulty,
    };
    let fixture = Fixture::check(function, options, &mut errors);
    let function = &fixture.function;
    let beside = errors
        .into_compile_errors()
        .or_else(|| implementation(&fixture));
    quote!(#function #beside)
}

/// What stands between the parentheses.
#[derive(Default)]
struct Options {
    /// The place in [`SCOPES`].
    scope: usize,
    teardown: Option<Path>,
    krate: Option<Path>,
}

impl Options {
    fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut options = Self::default();
        let mut seen: Vec<Ident> = Vec::new();
        for part in split_at_commas(tokens, errors) {
            let Some(setting) = errors.ok(Setting::parse.parse2(part)) else {
                continue;
            };
            if seen.contains(&setting.key) {
                let key = &setting.key;
                errors.at(key, format_args!("`{key}` is given twice"));
                continue;
            }
            errors.ok(options.apply(&setting));
            seen.push(setting.key);
        }
        options
    }

    fn apply(&mut self, setting: &Setting) -> syn::Result<()> {
        let key = &setting.key;
        if key == "scope" {
            let words = SCOPES.map(|(word, _)| word);
            self.scope = setting.word(&words, r#"scope = "module""#)?;
        } else if key == "teardown" {
            self.teardown = Some(setting.function("teardown = stop_server")?);
        } else if key == "crate" {
            self.krate = Some(setting.path(r#"crate = "path""#)?);
        } else {
            let message = match suggest::nearest(&key.unraw().to_string(), NAMES) {
                Some(near) => {
                    format!("unknown charm_fixture option `{key}`; did you mean `{near}`?")
                }
                None => format!(
                    "unknown charm_fixture option `{key}`; the options are `{}`",
                    NAMES.join("`, `")
                ),
            };
            return Err(syn::Error::new_spanned(key, message));
        }
        Ok(())
    }
}

/// A function that makes a fixture.
struct Fixture {
    function: Function,
    options: Options,
    parameters: Vec<Type>,
    /// What it makes; `None` if that is wrong.
    value: Option<Returned>,
}

/// What the function returns.
struct Returned {
    /// The type of the value.
    value: Type,
    /// Whether it comes in a `Result`.
    is_result: bool,
}

impl Fixture {
    fn check(function: Function, options: Options, errors: &mut Errors) -> Self {
        for attr in &function.attrs {
            let named = |name: &str| {
                let last = attr.path().segments.last();
                last.is_some_and(|last| last.ident == name)
            };
            if named("charm_test") || named("test") {
                errors.at(attr, "a fixture is no test: its tests ask for it by its type; remove one of the attributes");
            } else if named("charm_fixture") {
                errors.at(attr, "this function has two `#[charm_fixture]` attributes; put all the options into one");
            } else if named("ignore") || named("should_panic") {
                errors.at(
                    attr,
                    "this attribute is for tests, not for fixtures; remove it",
                );
            }
        }
        let is_generic = !function.signature.generics.params.is_empty();
        function.check_callable(
            "a fixture",
            "it is made while tests run",
            is_generic.then_some(
                "a fixture cannot be generic: tests ask for it by its type; name the types, and write references without lifetimes",
            ),
            errors,
        );
        let parameters = parameters(&function.signature, errors);
        let value = errors.ok(returned(&function.signature));
        Self {
            function,
            options,
            parameters,
            value,
        }
    }
}

fn parameters(signature: &Signature, errors: &mut Errors) -> Vec<Type> {
    let mut types = Vec::new();
    for input in &signature.inputs {
        match input {
            FnArg::Receiver(receiver) => errors.at(
                receiver,
                "a fixture cannot take `self`: the harness calls it without a value; move it out of the `impl` block",
            ),
            FnArg::Typed(parameter) => {
                if let Some(span) = find_impl(&parameter.ty) {
                    errors.push(syn::Error::new(
                        span,
                        "a parameter of a fixture cannot be `impl Trait`: the harness provides it by its type; name the type",
                    ));
                }
                for attr in &parameter.attrs {
                    if attr.path().is_ident("cfg") {
                        errors.at(attr, "a parameter of a fixture cannot depend on `#[cfg]`; put it on the whole function");
                    }
                }
                types.push(Type::clone(&parameter.ty));
            }
        }
    }
    types
}

/// Finds out what the function makes. A type whose last word is `Result` is taken for one.
fn returned(signature: &Signature) -> syn::Result<Returned> {
    const NOTHING: &str =
        "a fixture returns the value that tests ask for: a type of your own, or a `Result` of it";
    let ReturnType::Type(_, ty) = &signature.output else {
        return Err(syn::Error::new_spanned(&signature.ident, NOTHING));
    };
    let result = match &**ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    };
    let result = result.filter(|last| last.ident == "Result");
    let (value, is_result) = match result.map(|last| &last.arguments) {
        None => (Type::clone(ty), false),
        Some(PathArguments::AngleBracketed(arguments)) => match arguments.args.first() {
            Some(GenericArgument::Type(value)) => (value.clone(), true),
            _ => return Err(syn::Error::new_spanned(ty, NOTHING)),
        },
        Some(_) => return Err(syn::Error::new_spanned(ty, NOTHING)),
    };
    if let Some(span) = find_impl(&value) {
        return Err(syn::Error::new(
            span,
            "a fixture cannot return `impl Trait`: tests ask for it by its type; name the type",
        ));
    }
    match &value {
        Type::Tuple(tuple) if tuple.elems.is_empty() => {
            Err(syn::Error::new_spanned(&value, NOTHING))
        }
        Type::Reference(_) => Err(syn::Error::new_spanned(
            &value,
            "a fixture returns a value, which the harness keeps and lends to tests: return it without `&`",
        )),
        _ => match foreign(&value) {
            true => {
                let shown = value.to_token_stream().to_string();
                Err(syn::Error::new_spanned(
                    &value,
                    format_args!(
                        "a fixture returns a type of your own, by which tests ask for it: put it into a struct, such as \
                         `struct Name({shown});`"
                    ),
                ))
            }
            false => Ok(Returned { value, is_result }),
        },
    }
}

/// Returns whether a type is one of the standard library, as far as its name tells.
fn foreign(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => {
            let segments = &path.path.segments;
            let is_std = segments.len() > 1
                && ["std", "core", "alloc"]
                    .iter()
                    .any(|name| segments[0].ident == name);
            is_std || (segments.len() == 1 && FOREIGN.iter().any(|name| segments[0].ident == name))
        }
        Type::Tuple(_) | Type::Array(_) | Type::Slice(_) => true,
        _ => false,
    }
}

/// Returns the items that make the function a fixture, or `None` if it returns nothing fit.
fn implementation(fixture: &Fixture) -> Option<TokenStream> {
    let Returned { value, is_result } = fixture.value.as_ref()?;
    let options = &fixture.options;
    let krate = match &options.krate {
        Some(path) => path.to_token_stream(),
        None => quote!(::charmtest),
    };
    let signature = &fixture.function.signature;
    let function = &signature.ident;
    let name = function.unraw().to_string();
    let scope = Ident::new(SCOPES[options.scope].1, Span::mixed_site());
    let has_teardown = options.teardown.is_some();
    let context = Ident::new("cx", Span::mixed_site());
    let made = Ident::new("made", Span::mixed_site());
    let arguments: Vec<Ident> = (0..fixture.parameters.len())
        .map(|n| format_ident!("arg{n}", span = Span::mixed_site()))
        .collect();
    let values = fixture
        .parameters
        .iter()
        .map(|ty| made_by_harness(ty, &context));
    let dot_await = signature.asyncness.is_some().then(|| quote!(.await));
    let result = if *is_result {
        quote! {
            match #made {
                ::core::result::Result::Ok(value) => ::core::result::Result::Ok(value),
                ::core::result::Result::Err(error) => {
                    ::core::result::Result::Err(__private::fixture_failure(#name, error))
                }
            }
        }
    } else {
        quote!(::core::result::Result::Ok(#made))
    };
    let needs_name = Ident::new("needs", Span::mixed_site());
    let needs = (!fixture.parameters.is_empty())
        .then(|| needs_definition(&needs_name, fixture.parameters.iter()));
    let tear_down = options.teardown.as_ref().map(tear_down);
    // What is wrong with the type as a fixture is wrong where it is written.
    let type_span = value.span();
    let implements = quote_spanned!(type_span=> impl __private::Fixture for #value);
    Some(quote! {
        const _: () = {
            use #krate::__private;
            #implements {
                const DEFINITION: __private::FixtureDefinition = __private::FixtureDefinition {
                    name: #name,
                    scope: __private::Scope::#scope,
                    teardown: #has_teardown,
                };

                fn make(#context: &__private::Context) -> __private::MakeFuture<'_, Self> {
                    ::std::boxed::Box::pin(async move {
                        #(let #arguments = #values;)*
                        let #made = #function(#(#arguments),*) #dot_await;
                        #result
                    })
                }

                #needs

                #tear_down
            }
            impl<'a> __private::FromContext<'a> for &'a #value {
                async fn from_context(
                    #context: &'a __private::Context,
                ) -> ::core::result::Result<Self, __private::Failure> {
                    __private::fixture(#context).await
                }

                fn needs(#context: &mut __private::Needs) {
                    #context.fixture::<#value>();
                }
            }
        };
    })
}

/// Returns the method that tears the value down.
fn tear_down(function: &Path) -> TokenStream {
    let value = Ident::new("value", Span::mixed_site());
    let ended = quote_spanned! {Span::mixed_site().located_at(function.span())=>
        __private::Ended::new(#function(#value)).end().await
    };
    quote! {
        fn tear_down(&self) -> __private::MakeFuture<'_, ()> {
            #[allow(unused_imports, reason = "one is for functions that are async, the other for those that are not")]
            use __private::{WaitFuture as _, WaitValue as _};
            let #value = self;
            ::std::boxed::Box::pin(async move {
                __private::IntoOutcome::into_outcome(#ended)
            })
        }
    }
}
