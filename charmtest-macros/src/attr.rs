//! Parses what stands between the parentheses of `#[charm_test(..)]` and `charmtest::module!(..)` into [`Options`].
//!
//! The options are cut apart at their commas first, so that a fault in one never hides a fault in another.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::{Ident, Path};

use crate::cases::{self, Cases};
use crate::errors::Errors;
use crate::setting::Setting;
use crate::suggest;

/// What the options of one test or module say.
#[derive(Default)]
pub(crate) struct Options {
    /// `order = N`.
    pub(crate) order: Option<i32>,
    /// What a module may say too.
    pub(crate) marks: Marks,
    /// `cases(..)`.
    pub(crate) cases: Option<Cases>,
    /// Whether `cases` is given, be it faulty.
    pub(crate) has_cases: bool,
    /// `crate = ".."`.
    krate: Option<Path>,
}

/// The options that say how the harness treats a test.
#[derive(Default)]
pub(crate) struct Marks {
    /// `abort_on_fail`.
    pub(crate) abort_on_fail: bool,
    /// `abort_on_xfail`.
    pub(crate) abort_on_xfail: bool,
    /// `skip_if_deployed`.
    pub(crate) skip_if_deployed: bool,
    /// `timeout = ".."`, in milliseconds.
    pub(crate) timeout_ms: Option<u64>,
    /// `ignore`, with its reason or an empty text.
    pub(crate) ignore: Option<String>,
    /// `xfail`.
    pub(crate) xfail: Option<Xfail>,
    /// `retries = N`.
    pub(crate) retries: Option<u32>,
    /// `tags("..", "..")`.
    pub(crate) tags: Vec<String>,
}

/// What `xfail` says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Xfail {
    /// Why the test is expected to fail.
    pub(crate) reason: String,
    /// Whether it fails the run when the test passes.
    pub(crate) strict: bool,
}

impl Options {
    /// Parses the options; one that is faulty is reported and counts as not given.
    pub(crate) fn parse(place: Place, tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut options = Self::default();
        let mut seen = Vec::new();
        let mut retries = None;
        for part in split_at_commas(tokens, errors) {
            let Some(setting) = errors.ok(Setting::parse.parse2(part)) else {
                continue;
            };
            let Some(option) = errors.ok(Name::of(&setting.key, place)) else {
                continue;
            };
            if seen.contains(&option) {
                errors.at(
                    &setting.key,
                    format_args!("`{}` is given twice", option.name()),
                );
                continue;
            }
            seen.push(option);
            if let Some(()) = errors.ok(options.apply(option, &setting))
                && option == Name::Retries
                && options.marks.retries > Some(0)
            {
                retries = Some(setting.key);
            }
        }
        if let (Some(key), Some(_)) = (retries, &options.marks.xfail) {
            errors.at(
                key,
                "a test that is expected to fail is not tried again; remove `retries` or `xfail`",
            );
        }
        options
    }

    /// Returns the path of the charmtest library.
    pub(crate) fn krate(&self) -> TokenStream {
        match &self.krate {
            Some(path) => path.to_token_stream(),
            None => quote!(::charmtest),
        }
    }

    fn apply(&mut self, option: Name, setting: &Setting) -> syn::Result<()> {
        let marks = &mut self.marks;
        match option {
            Name::Order => self.order = Some(setting.integer("order = 1")?),
            Name::AbortOnFail => marks.abort_on_fail = setting.flag()?,
            Name::AbortOnXfail => marks.abort_on_xfail = setting.flag()?,
            Name::SkipIfDeployed => marks.skip_if_deployed = setting.flag()?,
            Name::Timeout => marks.timeout_ms = Some(setting.duration(r#"timeout = "10m""#)?),
            Name::Ignore => marks.ignore = Some(setting.reason(r#"ignore = "why""#)?),
            Name::Xfail => marks.xfail = Some(xfail(setting)?),
            Name::Retries => marks.retries = Some(setting.count("retries = 2")?),
            Name::Cases => {
                self.has_cases = true;
                self.cases = Some(Cases::parse(setting.list_given(cases::EXAMPLE)?)?);
            }
            Name::Tags => marks.tags = setting.tags(r#"tags("slow", "net")"#)?,
            Name::Crate => self.krate = Some(setting.path(r#"crate = "path""#)?),
        }
        Ok(())
    }
}

/// Where options stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In `#[charm_test(..)]`.
    Test,
    /// In `charmtest::module!(..)`.
    Module,
}

impl Place {
    const fn name(self) -> &'static str {
        match self {
            Self::Test => "charm_test",
            Self::Module => "charmtest::module!",
        }
    }
}

/// An option that `#[charm_test]` knows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    Order,
    AbortOnFail,
    AbortOnXfail,
    SkipIfDeployed,
    Timeout,
    Ignore,
    Xfail,
    Retries,
    Cases,
    Tags,
    Crate,
}

impl Name {
    const ALL: [Self; 11] = [
        Self::Order,
        Self::AbortOnFail,
        Self::AbortOnXfail,
        Self::SkipIfDeployed,
        Self::Timeout,
        Self::Ignore,
        Self::Xfail,
        Self::Retries,
        Self::Cases,
        Self::Tags,
        Self::Crate,
    ];

    /// Returns the option that a key names.
    fn of(key: &Ident, place: Place) -> syn::Result<Self> {
        let found = Self::ALL.into_iter().find(|option| key == option.name());
        let message = match found {
            Some(option) if option.fits(place) => return Ok(option),
            Some(_) => format!("`{key}` is an option of one test: write `#[charm_test({key} ..)]`"),
            None => {
                let options = Self::ALL.into_iter().filter(|option| option.fits(place));
                let names: Vec<&str> = options.map(Self::name).collect();
                let unknown = format!("unknown {} option `{key}`", place.name());
                match suggest::nearest(&key.unraw().to_string(), names.iter().copied()) {
                    Some(near) => format!("{unknown}; did you mean `{near}`?"),
                    None => format!("{unknown}; the options are `{}`", names.join("`, `")),
                }
            }
        };
        Err(syn::Error::new_spanned(key, message))
    }

    fn fits(self, place: Place) -> bool {
        place == Place::Test || !matches!(self, Self::Order | Self::Cases)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::AbortOnFail => "abort_on_fail",
            Self::AbortOnXfail => "abort_on_xfail",
            Self::SkipIfDeployed => "skip_if_deployed",
            Self::Timeout => "timeout",
            Self::Ignore => "ignore",
            Self::Xfail => "xfail",
            Self::Retries => "retries",
            Self::Cases => "cases",
            Self::Tags => "tags",
            Self::Crate => "crate",
        }
    }
}

/// Reads `xfail = "why"` and `xfail(reason = "why", strict)`.
fn xfail(setting: &Setting) -> syn::Result<Xfail> {
    const EXAMPLE: &str = r#"xfail = "why", or xfail(reason = "why", strict)"#;
    let Some(list) = setting.list() else {
        let reason = setting.reason_given(EXAMPLE)?;
        return Ok(Xfail {
            reason,
            strict: false,
        });
    };
    let mut errors = Errors::default();
    let mut reason = None;
    let mut strict = false;
    for part in split_at_commas(list.stream(), &mut errors) {
        let Some(setting) = errors.ok(Setting::parse.parse2(part)) else {
            continue;
        };
        let key = &setting.key;
        if key == "reason" && reason.is_none() {
            reason = errors.ok(setting.reason_given(r#"reason = "why""#));
        } else if key == "strict" && !strict {
            strict = errors.ok(setting.flag()).is_some();
        } else if key == "reason" || key == "strict" {
            errors.at(key, format_args!("`{key}` is given twice"));
        } else {
            errors.at(key, format_args!("`xfail` knows no `{key}`: `{EXAMPLE}`"));
        }
    }
    errors.into_result()?;
    let reason = reason.ok_or_else(|| {
        syn::Error::new_spanned(list, format_args!("`xfail` needs a reason: `{EXAMPLE}`"))
    })?;
    Ok(Xfail { reason, strict })
}

/// Cuts the options apart at their commas; the last comma may be followed by nothing.
pub(crate) fn split_at_commas(tokens: TokenStream, errors: &mut Errors) -> Vec<TokenStream> {
    let mut parts = Vec::new();
    let mut part = TokenStream::new();
    for token in tokens {
        if !matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ',') {
            part.extend([token]);
        } else if part.is_empty() {
            errors.at(token, "expected an option before this comma");
        } else {
            parts.push(std::mem::take(&mut part));
        }
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Options, Vec<(String, String)>) {
        let mut errors = Errors::default();
        let options = Options::parse(Place::Test, text.parse().unwrap(), &mut errors);
        (options, errors.into_pairs())
    }

    #[track_caller]
    fn parse_ok(text: &str) -> Options {
        let (options, faults) = parse(text);
        assert_eq!(faults, [], "{text}");
        options
    }

    #[test]
    fn every_option_is_parsed() {
        let options = parse_ok(
            r#"order = 2, abort_on_fail, abort_on_xfail, skip_if_deployed, timeout = "10m", ignore = "why", retries = 3,
               tags("slow", "net",), crate = "crate::lab","#,
        );
        assert_eq!(options.order, Some(2));
        assert!(options.marks.abort_on_xfail);
        assert_eq!(options.marks.retries, Some(3));
        assert!(options.marks.abort_on_fail);
        assert!(options.marks.skip_if_deployed);
        assert_eq!(options.marks.timeout_ms, Some(600_000));
        assert_eq!(options.marks.ignore.as_deref(), Some("why"));
        assert_eq!(options.marks.tags, ["slow", "net"]);
        assert_eq!(options.krate().to_string(), "crate :: lab");
    }

    #[test]
    fn without_options_nothing_is_set() {
        let options = parse_ok("");
        assert_eq!(options.order, None);
        assert!(!options.marks.abort_on_fail);
        assert!(!options.marks.skip_if_deployed);
        assert_eq!(options.marks.timeout_ms, None);
        assert_eq!(options.marks.ignore, None);
        assert!(options.marks.tags.is_empty());
        assert_eq!(options.krate().to_string(), ":: charmtest");
    }

    #[test]
    fn a_module_has_what_can_hold_for_all_its_tests() {
        let parse = |text: &str| {
            let mut errors = Errors::default();
            let options = Options::parse(Place::Module, text.parse().unwrap(), &mut errors);
            (options, errors.into_pairs())
        };
        let (options, faults) = parse(r#"retries = 2, tags("slow"), crate = lab"#);
        assert_eq!(faults, []);
        assert_eq!(options.marks.retries, Some(2));
        for (text, expected) in [
            ("order = 1", "`order` is an option of one test"),
            ("cases(1)", "`cases` is an option of one test"),
            (
                "retires = 1",
                "unknown charmtest::module! option `retires`; did you mean `retries`?",
            ),
            ("parallel", "the options are `abort_on_fail`"),
        ] {
            let (_, faults) = parse(text);
            assert_eq!(faults.len(), 1, "{text}: {faults:?}");
            assert!(faults[0].1.contains(expected), "{text}: {faults:?}");
        }
    }

    #[test]
    fn orders_are_32_bit_integers() {
        let cases = [
            ("order = 0", 0),
            ("order = -1", -1),
            ("order = 1_000", 1_000),
            ("order = 0x10", 16),
            ("order = 3i32", 3),
            ("order = -2147483648", i32::MIN),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_ok(text).order, Some(expected), "{text}");
        }
        for text in [
            "order = 2147483648",
            "order = -2147483649",
            "order = 1.0",
            "order = 1u32",
            "order = x",
            "order = --1",
        ] {
            assert_eq!(parse(text).1.len(), 1, "{text}");
        }
    }

    #[test]
    fn a_failure_is_expected_for_a_reason() {
        let xfail = |text: &str| {
            let xfail = parse_ok(text).marks.xfail.unwrap();
            (xfail.reason, xfail.strict)
        };
        let why = || "why".to_owned();
        assert_eq!(xfail(r#"xfail = "why""#), (why(), false));
        assert_eq!(xfail(r#"xfail(reason = "why")"#), (why(), false));
        assert_eq!(xfail(r#"xfail(strict, reason = "why",)"#), (why(), true));
        // Retries of the module are taken back.
        assert_eq!(xfail(r#"xfail = "why", retries = 0"#), (why(), false));
    }

    #[test]
    fn ignore_needs_no_reason() {
        assert_eq!(parse_ok("ignore").marks.ignore.as_deref(), Some(""));
    }

    #[test]
    fn the_crate_is_a_path_in_a_string_or_a_bare_one() {
        let cases = [
            (r#"crate = "lab""#, "lab"),
            (r#"crate = "::lab::charmtest""#, ":: lab :: charmtest"),
            ("crate = self::lab", "self :: lab"),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_ok(text).krate().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn each_fault_points_at_its_token() {
        let cases: &[(&str, &[(&str, &str)])] = &[
            (
                r#"abort_on_fial, order = "first", timeout = "10min""#,
                &[
                    ("abort_on_fial", "did you mean `abort_on_fail`?"),
                    ("\"first\"", "expected an integer"),
                    ("\"10min\"", "`10min` is not a duration"),
                ],
            ),
            (
                "parallel = 3",
                &[("parallel", "the options are `order`, `abort_on_fail`")],
            ),
            ("retries = -1", &[("-1", "expected a number")]),
            ("retries = 1i8", &[("1i8", "expected a number")]),
            ("retries", &[("retries", "needs a value")]),
            ("xfail", &[("xfail", "needs a value")]),
            ("xfail = \"\"", &[("\"\"", "needs a reason")]),
            ("xfail(strict)", &[("(strict)", "needs a reason")]),
            ("xfail()", &[("()", "needs a reason")]),
            (
                "xfail(reason = \"a\", reason = \"b\", strict, strict)",
                &[("reason", "given twice"), ("strict", "given twice")],
            ),
            (
                "xfail(because = \"a\", strict = true)",
                &[
                    ("because", "knows no `because`"),
                    ("true", "takes no value"),
                ],
            ),
            (
                "retries = 1, xfail = \"why\"",
                &[("retries", "not tried again")],
            ),
            (
                "order = 1, order = 2",
                &[("order", "`order` is given twice")],
            ),
            (
                "order, timeout =",
                &[("order", "needs a value"), ("timeout", "needs a value")],
            ),
            ("abort_on_fail = true", &[("true", "takes no value")]),
            ("abort_on_fail =", &[("abort_on_fail", "takes no value")]),
            ("ignore =", &[("ignore", "needs a value")]),
            (
                "tags(\"a\", \"\", \"not\")",
                &[("\"\"", "cannot be empty"), ("\"not\"", "an operator")],
            ),
            ("skip_if_deployed(a)", &[("(a)", "takes no value")]),
            ("order = 1 + 1", &[("1 + 1", "expected an integer")]),
            ("order(1)", &[("(1)", "takes a value after `=`")]),
            ("timeout = 600", &[("600", "expected a string literal")]),
            ("tags = \"slow\"", &[("\"slow\"", "takes a list")]),
            ("tags", &[("tags", "needs a value")]),
            ("tags()", &[("()", "at least one tag")]),
            ("tags(\"a\", 1)", &[("1", "expected string literals")]),
            ("tags(\"a\", \"a\")", &[("\"a\"", "given twice")]),
            ("tags(\"a b\")", &[("\"a b\"", "not one word")]),
            ("tags(\"or\")", &[("\"or\"", "an operator")]),
            ("crate = \"a b\"", &[("\"a b\"", "expected the path")]),
            ("crate = 1", &[("1", "expected the path")]),
            (
                "ignore(\"why\")",
                &[("(\"why\")", "takes a value after `=`")],
            ),
            (
                ", order = 1",
                &[(",", "expected an option before this comma")],
            ),
            ("\"slow\"", &[("\"slow\"", "expected an option such as")]),
            ("order 2", &[("2", "expected `=` or `,` after `order`")]),
            (
                "charmtest::order",
                &[(":", "expected `=` or `,` after `charmtest`")],
            ),
            (
                "tags(\"a\") ignore",
                &[("ignore", "expected `,` after `tags(..)`")],
            ),
        ];
        for (text, expected) in cases {
            let (_, faults) = parse(text);
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
    fn a_fault_leaves_the_other_options() {
        let (options, faults) = parse("order = 7, timeout = 1, abort_on_fail");
        assert_eq!(faults.len(), 1);
        assert_eq!(options.order, Some(7));
        assert!(options.marks.abort_on_fail);
        assert_eq!(options.marks.timeout_ms, None);
    }
}
