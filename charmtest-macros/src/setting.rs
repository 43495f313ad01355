//! [`Setting`]: one option as it is written, and its value read as what the option takes.

use std::fmt::Display;

use proc_macro2::{Group, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Ident, Lit, LitStr, Path, Token, token};

use crate::duration;
use crate::errors::Errors;

/// One option as it is written: a key and what follows it.
pub(crate) struct Setting {
    /// What stands before the value.
    pub(crate) key: Ident,
    value: Value,
}

enum Value {
    /// Nothing.
    Absent,
    /// `= value`, of which the value may be forgotten.
    Assigned(TokenStream),
    /// `(list)`.
    List(Group),
}

impl Setting {
    /// Parses one option; all of `input` belongs to it.
    pub(crate) fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key = input.call(Ident::parse_any).map_err(|error| {
            syn::Error::new(
                error.span(),
                "expected an option such as `order = 1` or `abort_on_fail`",
            )
        })?;
        let value = if input.is_empty() {
            Value::Absent
        } else if input.parse::<Option<Token![=]>>()?.is_some() {
            Value::Assigned(input.parse()?)
        } else if input.peek(token::Paren) {
            let list = input.parse()?;
            if !input.is_empty() {
                return Err(input.error(format_args!("expected `,` after `{key}(..)`")));
            }
            Value::List(list)
        } else {
            return Err(input.error(format_args!("expected `=` or `,` after `{key}`")));
        };
        Ok(Self { key, value })
    }

    /// Returns `true` for an option that is only a key.
    pub(crate) fn flag(&self) -> syn::Result<bool> {
        let key = &self.key;
        match self.value {
            Value::Absent => Ok(true),
            Value::Assigned(_) | Value::List(_) => Err(self.fault(format_args!(
                "`{key}` takes no value: write `{key}`, or leave it out"
            ))),
        }
    }

    /// Returns the value as a 32-bit integer; `example` shows how to write it.
    pub(crate) fn integer(&self, example: &str) -> syn::Result<i32> {
        let Some(Lit::Int(literal)) = self.literal(example)? else {
            return Err(self.unsuitable("an integer", example));
        };
        if !matches!(literal.suffix(), "" | "i32") {
            return Err(self.unsuitable("an `i32`", example));
        }
        literal.base10_parse().map_err(|_| {
            self.fault(format_args!(
                "`{}` must fit in an `i32`: {} to {}",
                self.key,
                i32::MIN,
                i32::MAX
            ))
        })
    }

    /// Returns the value as a number of 0 and more; `example` shows how to write it.
    pub(crate) fn count(&self, example: &str) -> syn::Result<u32> {
        match self.literal(example)? {
            Some(Lit::Int(literal)) if matches!(literal.suffix(), "" | "u32") => {
                literal.base10_parse().map_err(|_| ())
            }
            _ => Err(()),
        }
        .map_err(|()| self.unsuitable("a number of 0 and more", example))
    }

    /// Returns the value as a duration, in milliseconds; `example` shows how to write it.
    pub(crate) fn duration(&self, example: &str) -> syn::Result<u64> {
        let text = self.string(example)?.value();
        duration::parse_millis(&text).map_err(|why| {
            self.fault(format_args!(
                "`{text}` is not a duration: {why}; write it like `90s`, `10m` or `1h30m`"
            ))
        })
    }

    /// Returns the value as a text, which is empty when only the key is given; `example` shows how to write it.
    pub(crate) fn reason(&self, example: &str) -> syn::Result<String> {
        match self.value {
            Value::Absent => Ok(String::new()),
            Value::Assigned(_) | Value::List(_) => Ok(self.string(example)?.value()),
        }
    }

    /// Returns the value as a text that says something; `example` shows how to write it.
    pub(crate) fn reason_given(&self, example: &str) -> syn::Result<String> {
        let reason = self.string(example)?.value();
        if reason.trim().is_empty() {
            return Err(self.fault(format_args!("`{}` needs a reason: `{example}`", self.key)));
        }
        Ok(reason)
    }

    /// Returns what stands in parentheses after the key.
    pub(crate) fn list(&self) -> Option<&Group> {
        match &self.value {
            Value::List(list) => Some(list),
            Value::Absent | Value::Assigned(_) => None,
        }
    }

    /// Returns the parentheses that the option takes; `example` shows how to write it.
    pub(crate) fn list_given(&self, example: &str) -> syn::Result<&Group> {
        match &self.value {
            Value::List(list) => Ok(list),
            Value::Absent => Err(self.missing(example)),
            Value::Assigned(_) => {
                Err(self.fault(format_args!("`{}` takes a list: `{example}`", self.key)))
            }
        }
    }

    /// Returns the value as a list of tags; `example` shows how to write it.
    pub(crate) fn tags(&self, example: &str) -> syn::Result<Vec<String>> {
        let list = self.list_given(example)?;
        if list.stream().is_empty() {
            return Err(syn::Error::new_spanned(
                list,
                format_args!("`{}` needs at least one tag: `{example}`", self.key),
            ));
        }
        let literals = Punctuated::<LitStr, Token![,]>::parse_terminated
            .parse2(list.stream())
            .map_err(|error| {
                syn::Error::new(
                    error.span(),
                    format_args!("expected string literals: `{example}`"),
                )
            })?;
        distinct_tags(&literals)
    }

    /// Returns the value as a path, which stands in a string or bare: only so can a macro pass `$crate::path`.
    pub(crate) fn path(&self, example: &str) -> syn::Result<Path> {
        let expected = "the path of the charmtest library";
        if let Some(Lit::Str(literal)) = self.literal(example)? {
            return literal
                .parse_with(Path::parse_mod_style)
                .map_err(|_| self.unsuitable(expected, example));
        }
        Path::parse_mod_style
            .parse2(self.assigned(example)?.clone())
            .map_err(|_| self.unsuitable(expected, example))
    }

    /// Returns the value as the path of a function; `example` shows how to write it.
    pub(crate) fn function(&self, example: &str) -> syn::Result<Path> {
        Path::parse_mod_style
            .parse2(self.assigned(example)?.clone())
            .map_err(|_| self.unsuitable("the name of a function", example))
    }

    /// Returns the value as one of `words`, by its place among them; `example` shows how to write it.
    pub(crate) fn word(&self, words: &[&str], example: &str) -> syn::Result<usize> {
        let value = self.string(example)?.value();
        words.iter().position(|word| *word == value).ok_or_else(|| {
            let words = words.join("\", \"");
            self.fault(format_args!(
                "`{}` is one of \"{words}\": `{example}`",
                self.key
            ))
        })
    }

    fn string(&self, example: &str) -> syn::Result<LitStr> {
        match self.literal(example)? {
            Some(Lit::Str(literal)) => Ok(literal),
            _ => Err(self.unsuitable("a string literal", example)),
        }
    }

    /// Returns the assigned value if it is one literal, which may be a negative number.
    fn literal(&self, example: &str) -> syn::Result<Option<Lit>> {
        Ok(syn::parse2(self.assigned(example)?.clone()).ok())
    }

    fn assigned(&self, example: &str) -> syn::Result<&TokenStream> {
        match &self.value {
            Value::Assigned(value) if !value.is_empty() => Ok(value),
            Value::Assigned(_) | Value::Absent => Err(self.missing(example)),
            Value::List(_) => Err(self.fault(format_args!(
                "`{}` takes a value after `=`: `{example}`",
                self.key
            ))),
        }
    }

    fn missing(&self, example: &str) -> syn::Error {
        syn::Error::new_spanned(
            &self.key,
            format_args!("`{}` needs a value: `{example}`", self.key),
        )
    }

    fn unsuitable(&self, expected: &str, example: &str) -> syn::Error {
        self.fault(format_args!("expected {expected}: `{example}`"))
    }

    /// Makes a fault that points at the value, or at the key when there is no value.
    fn fault(&self, message: impl Display) -> syn::Error {
        match &self.value {
            Value::Absent => syn::Error::new_spanned(&self.key, message),
            Value::Assigned(value) if value.is_empty() => {
                syn::Error::new_spanned(&self.key, message)
            }
            Value::Assigned(value) => syn::Error::new_spanned(value, message),
            Value::List(list) => syn::Error::new_spanned(list, message),
        }
    }
}

fn distinct_tags<'a>(literals: impl IntoIterator<Item = &'a LitStr>) -> syn::Result<Vec<String>> {
    let mut errors = Errors::default();
    let mut tags = Vec::new();
    for literal in literals {
        let tag = literal.value();
        if let Some(problem) = tag_problem(&tag) {
            errors.at(literal, problem);
        } else if tags.contains(&tag) {
            errors.at(literal, format_args!("the tag `{tag}` is given twice"));
        } else {
            tags.push(tag);
        }
    }
    errors.into_result().map(|()| tags)
}

/// Returns what keeps an expression for `-k` from naming the tag.
fn tag_problem(tag: &str) -> Option<String> {
    if tag.is_empty() {
        return Some("a tag cannot be empty".to_owned());
    }
    if tag.contains(|c: char| c.is_whitespace() || matches!(c, '(' | ')')) {
        return Some(format!(
            "the tag `{tag}` is not one word; spaces and parentheses have a meaning in `-k`"
        ));
    }
    matches!(tag, "and" | "or" | "not")
        .then(|| format!("`{tag}` cannot be a tag: it is an operator in `-k`"))
}
