//! [`Cases`]: the list of values that a parametrised test runs with, each under a name of its own.

use std::fmt::Display;

use proc_macro2::{Group, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, ExprUnary, Ident, Lit, LitStr, Token, UnOp};

use crate::errors::Errors;

/// How to write it.
pub(crate) const EXAMPLE: &str = "cases(one = 1, three = 3)";

/// What `cases(..)` says.
pub(crate) struct Cases {
    /// The list, for faults that concern all of it.
    pub(crate) list: Group,
    /// The cases in their order, with distinct names.
    pub(crate) cases: Vec<Case>,
}

/// One case.
pub(crate) struct Case {
    /// Its name, which stands between brackets after that of the function.
    pub(crate) id: String,
    /// The value, or a tuple of values.
    pub(crate) value: Expr,
}

impl Cases {
    /// Reads what stands between the parentheses.
    pub(crate) fn parse(list: &Group) -> syn::Result<Self> {
        let parts = Punctuated::<Part, Token![,]>::parse_terminated.parse2(list.stream())?;
        if parts.is_empty() {
            return Err(syn::Error::new_spanned(
                list,
                format_args!("`cases` needs at least one case: `{EXAMPLE}`"),
            ));
        }
        let mut errors = Errors::default();
        let mut cases: Vec<Case> = Vec::new();
        for part in parts {
            let Some(id) = errors.ok(part.id()) else {
                continue;
            };
            if cases.iter().any(|case| case.id == id) {
                errors.at(
                    part.place(),
                    format_args!(
                        "there are two cases `{id}`; give each a name of its own: `name = value`"
                    ),
                );
            } else {
                let value = part.value;
                cases.push(Case { id, value });
            }
        }
        errors.into_result()?;
        let list = list.clone();
        Ok(Self { list, cases })
    }
}

impl Case {
    /// Returns the values for so many parameters.
    pub(crate) fn values(&self, parameters: usize) -> syn::Result<Vec<&Expr>> {
        if parameters == 1 {
            return Ok(vec![&self.value]);
        }
        let Expr::Tuple(tuple) = ungrouped(&self.value) else {
            return Err(syn::Error::new_spanned(
                &self.value,
                format_args!(
                    "the test has {parameters} `#[case]` parameters: a case is a tuple of {parameters} values"
                ),
            ));
        };
        if tuple.elems.len() == parameters {
            return Ok(tuple.elems.iter().collect());
        }
        let plural = if tuple.elems.len() == 1 { "" } else { "s" };
        Err(syn::Error::new_spanned(
            tuple,
            format_args!(
                "this case has {} value{plural}, and the test has {parameters} `#[case]` parameters",
                tuple.elems.len()
            ),
        ))
    }
}

/// One case as it is written: `name = value`, `"name" = value`, or a value that names itself.
struct Part {
    name: Option<Name>,
    value: Expr,
}

enum Name {
    Ident(Ident),
    Text(LitStr),
}

impl Parse for Part {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let ahead = input.fork();
        let name = if let Ok(ident) = ahead.call(Ident::parse_any) {
            Some(Name::Ident(ident))
        } else {
            ahead.parse().ok().map(Name::Text)
        };
        // `a == b` is a value.
        let is_named = name.is_some() && ahead.peek(Token![=]) && !ahead.peek(Token![==]);
        let name = name.filter(|_| is_named);
        match &name {
            Some(Name::Ident(_)) => drop(input.call(Ident::parse_any)?),
            Some(Name::Text(_)) => drop(input.parse::<LitStr>()?),
            None => {}
        }
        if is_named {
            let equals: Token![=] = input.parse()?;
            if input.is_empty() || input.peek(Token![,]) {
                return Err(syn::Error::new_spanned(
                    equals,
                    format_args!("this case has no value: `{EXAMPLE}`"),
                ));
            }
        }
        let value = input.parse()?;
        Ok(Self { name, value })
    }
}

impl Part {
    /// Returns the name of the case.
    fn id(&self) -> syn::Result<String> {
        match &self.name {
            Some(Name::Ident(ident)) => Ok(ident.unraw().to_string()),
            Some(Name::Text(text)) => match id_problem(&text.value()) {
                None => Ok(text.value()),
                Some(problem) => Err(self.fault(problem)),
            },
            None => self.own_name(),
        }
    }

    /// Returns the name that a value gives itself, as in pytest: its text, with `-` between the values of a tuple.
    fn own_name(&self) -> syn::Result<String> {
        let Some(id) = text_of(&self.value) else {
            return Err(self.fault("this case needs a name"));
        };
        match id_problem(&id) {
            None => Ok(id),
            Some(problem) => Err(self.fault(format_args!("this case needs a name: {problem}"))),
        }
    }

    fn fault(&self, problem: impl Display) -> syn::Error {
        syn::Error::new_spanned(
            self.place(),
            format_args!("{problem}; write `name = value`"),
        )
    }

    /// Returns what faults of the name point at.
    fn place(&self) -> TokenStream {
        match &self.name {
            Some(Name::Ident(ident)) => ident.to_token_stream(),
            Some(Name::Text(text)) => text.to_token_stream(),
            None => self.value.to_token_stream(),
        }
    }
}

/// Returns the text that a value is known by: that of a literal, or the last name of a path.
fn text_of(value: &Expr) -> Option<String> {
    match ungrouped(value) {
        Expr::Lit(ExprLit { lit, .. }) => match lit {
            Lit::Str(text) => Some(text.value()),
            Lit::Char(c) => Some(c.value().to_string()),
            Lit::Bool(value) => Some(value.value.to_string()),
            Lit::Int(number) => Some(number.base10_digits().to_owned()),
            Lit::Float(number) => Some(number.base10_digits().to_owned()),
            _ => None,
        },
        Expr::Unary(ExprUnary {
            op: UnOp::Neg(_),
            expr,
            ..
        }) => text_of(expr).map(|text| format!("-{text}")),
        Expr::Path(path) => {
            let last = path.path.segments.last()?;
            Some(last.ident.unraw().to_string())
        }
        Expr::Tuple(tuple) if !tuple.elems.is_empty() => {
            let texts: Option<Vec<String>> = tuple.elems.iter().map(text_of).collect();
            Some(texts?.join("-"))
        }
        _ => None,
    }
}

/// Returns the expression that a `macro_rules!` passed as `$value:expr`, without its invisible parentheses.
fn ungrouped(value: &Expr) -> &Expr {
    match value {
        Expr::Group(group) => ungrouped(&group.expr),
        value => value,
    }
}

/// Returns what keeps a text from being the name of a case: it is selected by `-k` and is part of the test's full name.
fn id_problem(id: &str) -> Option<String> {
    if id.is_empty() {
        return Some("a name cannot be empty".to_owned());
    }
    if id.contains(|c: char| c.is_whitespace() || c.is_control() || "()[]".contains(c)) {
        return Some(format!(
            "`{id}` cannot be a name, since spaces, parentheses and brackets have a meaning where tests are selected"
        ));
    }
    id.contains("::")
        .then(|| format!("`{id}` cannot be a name, since `::` separates modules"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Vec<String> {
        let list: Group = syn::parse_str(&format!("({text})")).unwrap();
        let cases = Cases::parse(&list).unwrap();
        cases.cases.into_iter().map(|case| case.id).collect()
    }

    fn faults(text: &str) -> Vec<(String, String)> {
        let list: Group = syn::parse_str(&format!("({text})")).unwrap();
        let mut errors = Errors::default();
        errors.ok(Cases::parse(&list));
        errors.into_pairs()
    }

    #[test]
    fn cases_are_named_or_name_themselves() {
        let rows: &[(&str, &[&str])] = &[
            ("one = 1, three = 3,", &["one", "three"]),
            (
                "r#match = 1, default = 2, self = 3",
                &["match", "default", "self"],
            ),
            ("\"14/edge\" = E", &["14/edge"]),
            ("1, -3, 1_000, 0x10, 2u8", &["1", "-3", "1000", "16", "2"]),
            (
                "\"14/edge\", 'c', true, 1.5",
                &["14/edge", "c", "true", "1.5"],
            ),
            ("Small, Kind::Large", &["Small", "Large"]),
            ("(1, \"8G\"), (3, \"32G\")", &["1-8G", "3-32G"]),
            (
                "same = a == b, vec = Vec::<(u8, u8)>::new()",
                &["same", "vec"],
            ),
        ];
        for (text, expected) in rows {
            assert_eq!(ids(text), *expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_case_is_said_where_it_stands() {
        let rows: &[(&str, &[(&str, &str)])] = &[
            ("", &[("()", "at least one case")]),
            ("one =, 2", &[("=", "has no value")]),
            ("1, 2, 1", &[("1", "two cases `1`")]),
            ("a = 1, \"a\" = 2", &[("\"a\"", "two cases `a`")]),
            (
                "f(1), vec![1]",
                &[("f(1)", "needs a name"), ("vec![1]", "needs a name")],
            ),
            ("\"a b\"", &[("\"a b\"", "needs a name: `a b` cannot be")]),
            ("\"\" = 1", &[("\"\"", "cannot be empty")]),
            ("\"::1\" = 1", &[("\"::1\"", "separates modules")]),
        ];
        for (text, expected) in rows {
            let faults = faults(text);
            assert_eq!(faults.len(), expected.len(), "{text}: {faults:?}");
            for ((token, message), (expected_token, expected_message)) in
                faults.iter().zip(*expected)
            {
                assert_eq!(token, expected_token, "{text}: {message}");
                assert!(message.contains(expected_message), "{text}: {message}");
            }
        }
    }

    #[test]
    fn a_case_has_a_value_for_each_parameter() {
        let case = |text: &str| {
            let list: Group = syn::parse_str(&format!("(name = {text})")).unwrap();
            Cases::parse(&list).unwrap().cases.remove(0)
        };
        assert_eq!(case("(1, 2)").values(1).unwrap().len(), 1);
        assert_eq!(case("(1, 2)").values(2).unwrap().len(), 2);
        for (text, parameters, expected) in [
            ("1", 2, "a case is a tuple of 2 values"),
            ("(1,)", 2, "this case has 1 value, and the test has 2"),
            ("(1, 2)", 3, "this case has 2 values, and the test has 3"),
        ] {
            let error = case(text).values(parameters).map(drop).unwrap_err();
            assert!(error.to_string().contains(expected), "{text}: {error}");
        }
    }
}
