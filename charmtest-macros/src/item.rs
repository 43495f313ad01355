//! [`Function`]: the item under `#[charm_test]` or `#[charm_fixture]`.

use proc_macro2::TokenStream;
use quote::{ToTokens, TokenStreamExt, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Safety, Signature, Visibility};

use crate::errors::Errors;

/// A function whose body is left as it came: only the compiler needs to understand it, and it may be half-written.
pub(crate) struct Function {
    /// The attributes and doc comments above it.
    pub(crate) attrs: Vec<Attribute>,
    visibility: Visibility,
    /// The signature.
    pub(crate) signature: Signature,
    body: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Ok(Self {
            attrs: input.call(Attribute::parse_outer)?,
            visibility: input.parse()?,
            signature: input.parse()?,
            body: input.parse()?,
        })
    }
}

impl Function {
    /// Reads the item under the attribute of this name, such as `charm_test`.
    ///
    /// # Errors
    ///
    /// What to emit when it is no function: the item itself, with everything that is wrong.
    pub(crate) fn under(
        attribute: &str,
        item: TokenStream,
        errors: &mut Errors,
    ) -> Result<Self, TokenStream> {
        syn::parse2(item.clone()).map_err(|error| {
            let message = format_args!("`#[{attribute}]` belongs on a function: {error}");
            errors.push(syn::Error::new(error.span(), message));
            let errors = std::mem::take(errors).into_compile_errors();
            quote!(#item #errors)
        })
    }

    /// Reports what no function that the harness calls can be: `what` it is ("a fixture"), why it cannot be `const`, and what is
    /// wrong with its generic parameters.
    pub(crate) fn check_callable(
        &self,
        what: &str,
        why_not_const: &str,
        wrong_generics: Option<&str>,
        errors: &mut Errors,
    ) {
        let Signature {
            constness,
            safety,
            abi,
            generics,
            variadic,
            ..
        } = &self.signature;
        if let Some(constness) = constness {
            errors.at(
                constness,
                format_args!("{what} cannot be `const`: {why_not_const}; remove `const`"),
            );
        }
        if let Safety::Unsafe(keyword) = safety {
            errors.at(
                keyword,
                format_args!("{what} cannot be `unsafe`: the harness calls it from safe code; use an `unsafe` block inside"),
            );
        }
        if let Some(abi) = abi {
            errors.at(
                abi,
                format_args!(
                    "{what} cannot be `extern`: only the harness calls it; remove the ABI"
                ),
            );
        }
        if let Some(message) = wrong_generics {
            errors.at(generics, message);
        }
        if let Some(clause) = &generics.where_clause {
            errors.at(
                clause,
                format_args!(
                    "{what} cannot have a `where` clause: it is not generic; remove the clause"
                ),
            );
        }
        if let Some(variadic) = variadic {
            errors.at(
                variadic,
                format_args!(
                    "{what} cannot take a variable number of arguments; name each parameter"
                ),
            );
        }
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.append_all(&self.attrs);
        self.visibility.to_tokens(tokens);
        self.signature.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}
