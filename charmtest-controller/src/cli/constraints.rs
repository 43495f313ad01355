//! Constraints: `mem=2G cores=2`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::command::{Command, Cx, Failure, first_of};
use super::refusals;
use crate::JujuVersion;
use crate::model::Model;
use crate::model::changes::{self, ChangeError};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        "constraints",
        "Displays machine constraints for an application.",
        |cx| Box::pin(show(cx)),
    )
    .args("<application>", |args| {
        first_of(args, 1, "no application name specified")
    })
    .formats(&["constraints", "json", "yaml"]),
    Command::new(
        "set-constraints",
        "Sets machine constraints for an application.",
        |cx| Box::pin(set(cx)),
    )
    .args("<application> <constraint>=<value> ...", check_set),
];

/// What a constraint's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Flag,
    /// A size, kept in MiB.
    Size,
    List,
}

const KINDS: &[(&str, Kind)] = &[
    ("allocate-public-ip", Kind::Flag),
    ("arch", Kind::Text),
    ("container", Kind::Text),
    ("cores", Kind::Number),
    ("cpu-power", Kind::Number),
    ("image-id", Kind::Text),
    ("instance-role", Kind::Text),
    ("instance-type", Kind::Text),
    ("mem", Kind::Size),
    ("root-disk", Kind::Size),
    ("root-disk-source", Kind::Text),
    ("spaces", Kind::List),
    ("tags", Kind::List),
    ("virt-type", Kind::Text),
    ("zones", Kind::List),
];

/// Parses constraints as written after `--constraints` or `set-constraints`; an empty value takes a constraint away.
///
/// Sizes are kept in MiB with the suffix `M`, as Juju prints them.
///
/// # Errors
///
/// Fails with Juju's words when a constraint is unknown or its value cannot be one.
pub(super) fn parse<'a>(
    texts: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeMap<String, String>, String> {
    let mut constraints = BTreeMap::new();
    for pair in texts.into_iter().flat_map(str::split_whitespace) {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| format!("malformed constraint {pair:?}"))?;
        let name = if name == "cpu-cores" { "cores" } else { name };
        let (_, kind) = KINDS
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| format!("unknown constraint {name:?}"))?;
        let bad = |what: &str| format!("bad {name:?} constraint: {what}");
        let value = match kind {
            _ if value.is_empty() => continue,
            Kind::Text | Kind::List => value.to_owned(),
            Kind::Number => value
                .parse::<u64>()
                .map_err(|_| bad("must be a non-negative integer"))?
                .to_string(),
            Kind::Flag => value
                .parse::<bool>()
                .map_err(|_| bad("must be 'true' or 'false'"))?
                .to_string(),
            Kind::Size => {
                let size = mebibytes(value).ok_or_else(|| {
                    bad("must be a non-negative float with optional M/G/T/P suffix")
                })?;
                format!("{size}M")
            }
        };
        constraints.insert(name.to_owned(), value);
    }
    Ok(constraints)
}

/// Describes constraints as Juju's JSON does: sizes in MiB, lists as lists.
pub(super) fn describe(constraints: &BTreeMap<String, String>) -> Value {
    let entries = constraints.iter().map(|(name, text)| {
        let kind = KINDS
            .iter()
            .find(|(known, _)| known == name)
            .map_or(Kind::Text, |(_, kind)| *kind);
        let value = match kind {
            Kind::Text => Value::from(text.as_str()),
            Kind::Number => text
                .parse::<u64>()
                .map_or_else(|_| Value::from(text.as_str()), Value::from),
            Kind::Flag => Value::from(text == "true"),
            Kind::Size => Value::from(mebibytes(text).unwrap_or_default()),
            Kind::List => text.split(',').map(Value::from).collect(),
        };
        (name.clone(), value)
    });
    Value::Object(entries.collect::<Map<_, _>>())
}

/// Renders constraints as typed: `cores=2 mem=2048M`.
pub(super) fn render(constraints: &BTreeMap<String, String>) -> String {
    constraints
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join(" ")
}

async fn show(cx: &Cx) -> Result<(), Failure> {
    let name = &cx.positionals()[0];
    let model = cx.model()?;
    let application = model.applications.get(name.as_str()).ok_or_else(|| {
        let name_in_answer = match cx.juju() {
            JujuVersion::V3_6 => format!("{name:?}"),
            JujuVersion::V4_0 => name.clone(),
        };
        Failure::failed(format!(
            "unable to get constraints for {name:?}: application {name_in_answer} not found"
        ))
    })?;
    let constraints = &application.constraints;
    cx.print_value(&describe(constraints), |_| {
        format!("{}\n", render(constraints))
    })
    .await
}

fn check_set(args: &crate::flags::Parsed) -> Result<(), String> {
    let (_, rest) = args
        .positionals
        .split_first()
        .ok_or("no application name specified")?;
    parse(rest.iter().map(String::as_str)).map(drop)
}

async fn set(cx: &Cx) -> Result<(), Failure> {
    let (name, rest) = cx
        .positionals()
        .split_first()
        .ok_or_else(|| Failure::usage("no application name specified"))?;
    let constraints = parse(rest.iter().map(String::as_str)).map_err(Failure::Usage)?;
    let refused = |error| match error {
        ChangeError::ApplicationNotFound(name) => refusals::no_application(cx.juju(), &name),
        error => Failure::failed(error),
    };
    let change = |model: &mut Model| changes::set_constraints(model, name, constraints);
    cx.change_or(refused, change)
}

/// Parses a size; without a suffix it is in MiB.
fn mebibytes(text: &str) -> Option<u64> {
    let (number, scale) = match text.strip_suffix(['M', 'G', 'T', 'P']) {
        Some(number) => (
            number,
            [("M", 0), ("G", 1), ("T", 2), ("P", 3)]
                .into_iter()
                .find(|(s, _)| text.ends_with(s))?
                .1,
        ),
        None => (text, 0),
    };
    let size = number.parse::<f64>().ok()? * 1024_f64.powi(scale);
    // Above this a float does not hold every integer; no machine is that large.
    if !(0.0..9e15).contains(&size) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked just above"
    )]
    let size = size.ceil() as u64;
    Some(size)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn constraints_are_parsed_and_printed() {
        let constraints = parse([
            "mem=2G cores=2",
            "arch=amd64 tags=a,b",
            "zones=",
            "root-disk=1.5G",
        ])
        .unwrap();
        assert_eq!(
            render(&constraints),
            "arch=amd64 cores=2 mem=2048M root-disk=1536M tags=a,b"
        );
        let expected = json!({"arch": "amd64", "cores": 2, "mem": 2048, "root-disk": 1536, "tags": ["a", "b"]});
        assert_eq!(describe(&constraints), expected);
        assert_eq!(describe(&BTreeMap::new()), json!({}));
    }

    #[test]
    fn what_is_no_constraint() {
        for (text, expected) in [
            ("bogus=1", "unknown constraint \"bogus\""),
            (
                "mem=lots",
                "bad \"mem\" constraint: must be a non-negative float with optional M/G/T/P suffix",
            ),
            (
                "mem=-1G",
                "bad \"mem\" constraint: must be a non-negative float with optional M/G/T/P suffix",
            ),
            (
                "cores=x",
                "bad \"cores\" constraint: must be a non-negative integer",
            ),
            ("mem", "malformed constraint \"mem\""),
        ] {
            assert_eq!(parse([text]), Err(expected.to_owned()));
        }
    }
}
