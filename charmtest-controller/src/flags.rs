//! Options in the manner of Juju's Go programs, for `juju` commands and hook tools.
//!
//! Long options are `--name value` or `--name=value`, short ones `-n 3`, `-n=3` or `-n3`; `--` ends the options. The error texts are
//! Juju's, because people and scripts match them.

use std::fmt;
use std::time::Duration;

use crate::JujuVersion;
use crate::version::Versions;

/// An option that a command knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flag {
    /// Its names without dashes, the one by which [`Parsed`] is asked last: `["m", "model"]`.
    pub(crate) names: &'static [&'static str],
    /// What may stand after it.
    pub(crate) kind: Kind,
    /// What it does, for the help.
    pub(crate) help: &'static str,
    /// Whether Juju has the option and we do not: using it is an error that says so.
    pub(crate) unsupported: bool,
    /// The versions of Juju that have it.
    pub(crate) versions: Versions,
}

/// What may stand after an option.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Nothing, or `=true`, `=false`.
    Switch,
    /// Any text; the last one counts, or all of them.
    Text,
    /// A whole number.
    Int,
    /// A whole number that is not negative.
    Uint,
    /// A Go duration, `1m30s`.
    Duration,
    /// One of these formats.
    Format(&'static [&'static str]),
}

/// Where options may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Before, between and after positional arguments.
    Anywhere,
    /// Before the first positional argument only: `juju ssh`.
    First,
}

/// A command line that does not fit the options; Juju exits 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FlagError(String);

impl fmt::Display for FlagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Flag {
    /// Describes an option without a value.
    pub(crate) const fn switch(names: &'static [&'static str], help: &'static str) -> Self {
        Self {
            names,
            kind: Kind::Switch,
            help,
            unsupported: false,
            versions: Versions::All,
        }
    }

    /// Describes an option with any text as its value.
    pub(crate) const fn text(names: &'static [&'static str], help: &'static str) -> Self {
        Self {
            names,
            kind: Kind::Text,
            help,
            unsupported: false,
            versions: Versions::All,
        }
    }

    /// Describes an option with a value of `kind`.
    pub(crate) const fn of(kind: Kind, names: &'static [&'static str], help: &'static str) -> Self {
        Self {
            names,
            kind,
            help,
            unsupported: false,
            versions: Versions::All,
        }
    }

    /// Describes the option as one that Juju has and we refuse by name.
    pub(crate) const fn unsupported(self) -> Self {
        Self {
            unsupported: true,
            ..self
        }
    }

    /// Says that only one version of Juju has the option.
    pub(crate) const fn only(self, version: JujuVersion) -> Self {
        Self {
            versions: Versions::Only(version),
            ..self
        }
    }

    /// Returns the name by which [`Parsed`] knows the option.
    pub(crate) fn name(&self) -> &'static str {
        self.names.last().copied().unwrap_or_default()
    }
}

/// A command line, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parsed {
    /// What is no option.
    pub(crate) positionals: Vec<String>,
    values: Vec<Given>,
}

/// An option that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Given {
    name: &'static str,
    spelled: String,
    value: String,
}

impl Parsed {
    /// Says whether the option was given at all.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.values.iter().any(|given| given.name == name)
    }

    /// Says whether a switch is on.
    pub(crate) fn switch(&self, name: &str) -> bool {
        self.text(name)
            .is_some_and(|value| parse_bool(value) == Some(true))
    }

    /// Returns the last value of an option.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values
            .iter()
            .rev()
            .find(|given| given.name == name)
            .map(|given| given.value.as_str())
    }

    /// Returns how the option was written the last time: `-r` or `--relation`.
    pub(crate) fn spelled(&self, name: &str) -> Option<&str> {
        let given = self.values.iter().rev().find(|given| given.name == name)?;
        Some(&given.spelled)
    }

    /// Iterates over all values of an option in the order given.
    pub(crate) fn all<'a>(
        &'a self,
        name: &'a str,
    ) -> impl DoubleEndedIterator<Item = &'a str> + Clone {
        self.values
            .iter()
            .filter(move |given| given.name == name)
            .map(|given| given.value.as_str())
    }

    /// Iterates over the comma-separated parts of all values of an option.
    pub(crate) fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + Clone {
        self.all(name)
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|part| !part.is_empty())
    }

    /// Returns the number given with an option.
    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        parse_int(self.text(name)?)
    }

    /// Returns the duration given with an option; a negative one counts as zero.
    pub(crate) fn duration(&self, name: &str) -> Option<Duration> {
        let nanos = parse_go_duration(self.text(name)?).ok()?;
        Some(Duration::from_nanos(
            u64::try_from(nanos).unwrap_or_default(),
        ))
    }

    /// Takes over the options of `other`, given earlier on the line.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.values.splice(0..0, other.values.iter().cloned());
    }
}

/// Takes a command line apart.
///
/// # Errors
///
/// Fails with Juju's words when an option is unknown, lacks its value, or its value is of another kind.
pub(crate) fn parse<'a>(
    flags: impl IntoIterator<Item = &'a Flag> + Clone,
    placement: Placement,
    args: &[String],
) -> Result<Parsed, FlagError> {
    let mut parsed = Parsed::default();
    let mut rest = args.iter();
    while let Some(argument) = rest.next() {
        if argument == "--" {
            parsed.positionals.extend(rest.cloned());
            break;
        }
        if let Some(long) = argument.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            };
            let flag = find(flags.clone(), name)?;
            take(&mut parsed, flag, name, value, &mut rest)?;
        } else if argument.len() > 1 && argument.starts_with('-') {
            short(&mut parsed, flags.clone(), &argument[1..], &mut rest)?;
        } else {
            parsed.positionals.push(argument.clone());
            if placement == Placement::First {
                parsed.positionals.extend(rest.cloned());
                break;
            }
        }
    }
    Ok(parsed)
}

/// Takes `-abc`: switches one after the other, or an option with the rest as its value.
fn short<'a, 'b>(
    parsed: &mut Parsed,
    flags: impl IntoIterator<Item = &'a Flag> + Clone,
    mut letters: &str,
    rest: &mut impl Iterator<Item = &'b String>,
) -> Result<(), FlagError> {
    while let Some(letter) = letters.chars().next() {
        let (name, after) = letters.split_at(letter.len_utf8());
        let flag = find(flags.clone(), name)?;
        let attached = after.strip_prefix('=').or(match flag.kind {
            Kind::Switch => None,
            _ => Some(after).filter(|text| !text.is_empty()),
        });
        take(parsed, flag, name, attached, rest)?;
        if attached.is_some() {
            return Ok(());
        }
        letters = after;
    }
    Ok(())
}

fn find<'a>(flags: impl IntoIterator<Item = &'a Flag>, name: &str) -> Result<&'a Flag, FlagError> {
    flags
        .into_iter()
        .find(|flag| flag.names.contains(&name))
        .ok_or_else(|| FlagError(format!("option provided but not defined: {}", dashed(name))))
}

fn take<'b>(
    parsed: &mut Parsed,
    flag: &Flag,
    name: &str,
    attached: Option<&str>,
    rest: &mut impl Iterator<Item = &'b String>,
) -> Result<(), FlagError> {
    let value = match (flag.kind, attached) {
        (Kind::Switch, None) => "true",
        (_, Some(value)) => value,
        (_, None) => match rest.next() {
            Some(value) => value,
            None => {
                return Err(FlagError(format!(
                    "option needs an argument: {}",
                    dashed(name)
                )));
            }
        },
    };
    check(flag.kind, value).map_err(|why| {
        let boolean = if matches!(flag.kind, Kind::Switch) {
            "boolean "
        } else {
            ""
        };
        FlagError(format!(
            "invalid {boolean}value {value:?} for option {}: {why}",
            dashed(name)
        ))
    })?;
    parsed.values.push(Given {
        name: flag.name(),
        spelled: dashed(name),
        value: value.to_owned(),
    });
    Ok(())
}

/// Says why `value` is not of `kind`, in Go's words.
fn check(kind: Kind, value: &str) -> Result<(), String> {
    let syntax = |function: &str| format!("strconv.{function}: parsing {value:?}: invalid syntax");
    match kind {
        Kind::Text => Ok(()),
        Kind::Switch => parse_bool(value)
            .map(drop)
            .ok_or_else(|| syntax("ParseBool")),
        Kind::Int => parse_int(value).map(drop).ok_or_else(|| syntax("ParseInt")),
        Kind::Uint => value
            .parse::<u64>()
            .map(drop)
            .map_err(|_| syntax("ParseUint")),
        Kind::Duration => parse_go_duration(value).map(drop),
        Kind::Format(formats) if formats.contains(&value) => Ok(()),
        Kind::Format(_) => Err(format!("unknown format {value:?}")),
    }
}

fn dashed(name: &str) -> String {
    let dashes = if name.chars().count() > 1 { "--" } else { "-" };
    format!("{dashes}{name}")
}

fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn parse_int(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// Parses a Go duration (`-1.5h`, `300ms`, `1m30s`, `0`) into nanoseconds.
///
/// # Errors
///
/// Fails with the words of Go's `time.ParseDuration`.
pub(crate) fn parse_go_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {text:?}");
    let (sign, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (-1.0, &text[1..]),
        Some(b'+') => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let end = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let scale = match &rest[..end] {
            "" => return Err(format!("time: missing unit in duration {text:?}")),
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            unit => return Err(format!("time: unknown unit {unit:?} in duration {text:?}")),
        };
        total += number * scale;
        rest = &rest[end..];
    }
    let nanos = sign * total;
    // 2^63 nanoseconds, the longest Go duration.
    if nanos.abs() >= 9_223_372_036_854_775_808.0 {
        return Err(invalid());
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range was checked just above"
    )]
    let nanos = nanos as i64;
    Ok(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAGS: &[Flag] = &[
        Flag::switch(&["utc"], ""),
        Flag::switch(&["q", "quiet"], ""),
        Flag::text(&["m", "model"], ""),
        Flag::text(&["config"], ""),
        Flag::of(Kind::Int, &["n", "num-units"], ""),
        Flag::of(Kind::Duration, &["wait"], ""),
        Flag::of(Kind::Format(&["json", "yaml"]), &["format"], ""),
    ];

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn options_are_found_in_every_spelling() {
        for line in [
            "a -m x b",
            "-mx a b",
            "-m=x a b",
            "a --model x b",
            "a b --model=x",
            "a b -qm x",
        ] {
            let parsed = parse(FLAGS, Placement::Anywhere, &words(line)).unwrap();
            assert_eq!(
                (parsed.text("model"), parsed.positionals.join(" ").as_str()),
                (Some("x"), "a b"),
                "{line}"
            );
        }
        let parsed = parse(
            FLAGS,
            Placement::Anywhere,
            &words("--config a=1 --utc=false --config=b=2,c -n3 --wait 1m30s -- --utc -"),
        )
        .unwrap();
        assert_eq!(parsed.all("config").collect::<Vec<_>>(), ["a=1", "b=2,c"]);
        assert_eq!(
            parsed.list("config").collect::<Vec<_>>(),
            ["a=1", "b=2", "c"]
        );
        assert!(parsed.is_set("utc") && !parsed.switch("utc"));
        assert_eq!(
            (parsed.int("num-units"), parsed.duration("wait")),
            (Some(3), Some(Duration::from_secs(90)))
        );
        assert_eq!(parsed.positionals, ["--utc", "-"]);
    }

    #[test]
    fn after_the_first_positional_everything_is_positional_when_options_stand_first() {
        let parsed = parse(FLAGS, Placement::First, &words("-m x unit/0 --utc -m y")).unwrap();
        assert_eq!(
            (parsed.text("model"), parsed.positionals.clone()),
            (Some("x"), words("unit/0 --utc -m y"))
        );
    }

    #[test]
    fn errors_are_in_jujus_words() {
        for (line, expected) in [
            ("--nosuch", "option provided but not defined: --nosuch"),
            ("-x", "option provided but not defined: -x"),
            ("-qx", "option provided but not defined: -x"),
            ("-m", "option needs an argument: -m"),
            ("--format", "option needs an argument: --format"),
            (
                "--format xml",
                "invalid value \"xml\" for option --format: unknown format \"xml\"",
            ),
            (
                "-n abc",
                "invalid value \"abc\" for option -n: strconv.ParseInt: parsing \"abc\": invalid syntax",
            ),
            (
                "--wait 5",
                "invalid value \"5\" for option --wait: time: missing unit in duration \"5\"",
            ),
            (
                "--wait x",
                "invalid value \"x\" for option --wait: time: invalid duration \"x\"",
            ),
            (
                "--wait 5y",
                "invalid value \"5y\" for option --wait: time: unknown unit \"y\" in duration \"5y\"",
            ),
        ] {
            assert_eq!(
                parse(FLAGS, Placement::Anywhere, &words(line))
                    .unwrap_err()
                    .to_string(),
                expected
            );
        }
        assert!(parse(FLAGS, Placement::Anywhere, &words("--utc=maybe")).is_err());
    }

    #[test]
    fn durations_are_gos() {
        for (text, nanos) in [
            ("0", 0),
            ("300ms", 300_000_000),
            ("-1s", -1_000_000_000),
            ("1.5h", 5_400_000_000_000),
            ("1m30s", 90_000_000_000),
        ] {
            assert_eq!(parse_go_duration(text), Ok(nanos), "{text}");
        }
        for bad in ["", "-", "1", "s", "1..5s", "9999999999h"] {
            assert!(parse_go_duration(bad).is_err(), "{bad}");
        }
    }
}
