//! `run`: actions on units.

use std::time::Duration;

use charmtest_charm::yaml;
use serde_json::{Map, Value};

use super::command::{Command, Cx, Failure};
use super::task_view;
use super::task_wait::{Patience, Plan, Progress, check_wait, finish, queue, tell_background};
use crate::flags::{Flag, Kind};
use crate::model::changes::{Receiver, plan_action, refused_action};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] =
    &[
        Command::new("run", "Run an action on a specified unit.", |cx| {
            Box::pin(run(cx))
        })
        .args(
            "<unit> [<unit> ...] <action-name> [<key>=<value> [<key>[.<key> ...]=<value>]]",
            |args| {
                check_wait(args)?;
                Request::parse(&args.positionals).map(drop)
            },
        )
        .formats(&["plain", "json", "yaml"])
        .flags(&[
            Flag::switch(&["background"], "Run the task in the background"),
            Flag::switch(&["color"], "Use ANSI color codes in output"),
            Flag::switch(&["no-color"], "Disable ANSI color codes in output"),
            Flag::text(&["params"], "Path to yaml-formatted params file"),
            Flag::switch(&["string-args"], "Use raw string values of CLI args"),
            Flag::switch(&["utc"], "Show times in UTC"),
            Flag::of(
                Kind::Duration,
                &["wait"],
                "Maximum wait time for a task to complete",
            ),
        ]),
    ];

/// How long `run` waits unless told otherwise.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Request {
    receivers: Vec<Receiver>,
    action: String,
    /// Path of keys and text of the value.
    params: Vec<(Vec<String>, String)>,
}

impl Request {
    /// Takes the arguments apart: units, then the action, then parameters.
    fn parse(args: &[String]) -> Result<Self, String> {
        let receivers: Vec<Receiver> = args
            .iter()
            .map_while(|arg| Receiver::parse(arg).ok())
            .collect();
        let mut rest = args[receivers.len()..].iter();
        let action = match rest.next() {
            Some(action) if !is_key(action) => {
                return Err(format!("invalid unit or action name {action:?}"));
            }
            _ if receivers.is_empty() => return Err("no unit specified".to_owned()),
            Some(action) => action.clone(),
            None => return Err("no action specified".to_owned()),
        };
        if receivers
            .iter()
            .any(|receiver| receiver.application() != receivers[0].application())
        {
            return Err("all units must be of the same application".to_owned());
        }
        let params = rest.map(|arg| parse_param(arg)).collect::<Result<_, _>>()?;
        Ok(Self {
            receivers,
            action,
            params,
        })
    }
}

/// Takes `key.key=value` apart.
fn parse_param(text: &str) -> Result<(Vec<String>, String), String> {
    let shape = || format!("argument {text:?} must be of the form key.key.key...=value");
    let (path, value) = text.split_once('=').ok_or_else(shape)?;
    let keys: Vec<String> = path.split('.').map(str::to_owned).collect();
    if let Some(key) = keys.iter().find(|key| !is_key(key)) {
        return Err(format!(
            "key {key:?} must start and end with lowercase alphanumeric, and contain only lowercase alphanumeric and hyphens"
        ));
    }
    Ok((keys, value.to_owned()))
}

/// Says whether `text` can name an action or a parameter.
fn is_key(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// Puts `value` under a path of keys, making maps on the way.
fn insert(map: &mut Map<String, Value>, keys: &[String], value: Value) {
    let Some((first, rest)) = keys.split_first() else {
        return;
    };
    if rest.is_empty() {
        map.insert(first.clone(), value);
        return;
    }
    let nested = map
        .entry(first.clone())
        .or_insert_with(|| Value::Object(Map::new()));
    if !nested.is_object() {
        *nested = Value::Object(Map::new());
    }
    if let Some(nested) = nested.as_object_mut() {
        insert(nested, rest, value);
    }
}

async fn run(cx: &Cx) -> Result<(), Failure> {
    let request = Request::parse(cx.positionals()).map_err(Failure::Usage)?;
    let params = params(cx, &request).await?;
    let (queued, reasons) = queue(cx, |model| {
        if let Some(why) = refused_action(model, &request.receivers, &request.action) {
            return Err(Failure::Failed(why));
        }
        let (tasks, reasons) = plan_action(model, &request.receivers, &request.action, &params);
        Ok(Plan {
            what: request.action.clone(),
            action: request.action.clone(),
            tasks,
            reasons,
        })
    })?;
    if queued.tasks.is_empty() {
        cx.info(&format!(
            "\nOperation {} failed to schedule any tasks:\n{}",
            queued.operation,
            reasons.join("\n")
        ))
        .await;
        return Ok(());
    }
    let in_background = cx.args.switch("background");
    if !in_background {
        let count = queued.tasks.len();
        let noun = if count == 1 { "task" } else { "tasks" };
        cx.info(&format!(
            "Running operation {} with {count} {noun}",
            queued.operation
        ))
        .await;
        for (id, unit) in &queued.tasks {
            cx.info(&format!("  - task {id} on {}", unit.tag())).await;
        }
        cx.info("").await;
    }
    if !reasons.is_empty() {
        cx.info(&format!(
            "Some actions could not be scheduled:\n{}\n",
            reasons.join("\n")
        ))
        .await;
    }
    if in_background {
        return tell_background(cx, &queued).await;
    }
    finish(
        cx,
        &queued,
        Patience::of(&cx.args, DEFAULT_WAIT),
        Progress::Told,
        task_view::plain,
    )
    .await
}

/// Puts the parameters together: those of the file, and over them those of the command line.
async fn params(cx: &Cx, request: &Request) -> Result<Map<String, Value>, Failure> {
    let mut params = match cx.args.text("params") {
        None => Map::new(),
        Some(file) => {
            match yaml::parse_value(file, &cx.read_file(file).await?).map_err(Failure::failed)? {
                Value::Object(map) => map,
                Value::Null => Map::new(),
                _ => {
                    return Err(Failure::failed(format!(
                        "{file}: expected a map of parameters"
                    )));
                }
            }
        }
    };
    for (keys, text) in &request.params {
        let value = if cx.args.switch("string-args") {
            Value::from(text.as_str())
        } else {
            yaml::parse_value(&keys.join("."), text).map_err(Failure::failed)?
        };
        insert(&mut params, keys, value);
    }
    Ok(params)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(line: &str) -> Result<Request, String> {
        Request::parse(
            &line
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn units_then_action_then_parameters() {
        let request = parse("a/0 a/leader say word=x opts.deep=1=2 empty=").unwrap();
        assert_eq!(
            request.receivers,
            [
                Receiver::parse("a/0").unwrap(),
                Receiver::parse("a/leader").unwrap()
            ]
        );
        assert_eq!(request.action, "say");
        let param = |keys: &[&str], value: &str| {
            (
                keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>(),
                value.to_owned(),
            )
        };
        assert_eq!(
            request.params,
            [
                param(&["word"], "x"),
                param(&["opts", "deep"], "1=2"),
                param(&["empty"], "")
            ]
        );
    }

    #[test]
    fn lines_that_make_no_sense() {
        for (line, expected) in [
            ("", "no unit specified"),
            ("say", "no unit specified"),
            ("a/0", "no action specified"),
            ("a/0 Say", "invalid unit or action name \"Say\""),
            ("a/0 b/0 say", "all units must be of the same application"),
            (
                "a/0 say word",
                "argument \"word\" must be of the form key.key.key...=value",
            ),
            (
                "a/0 say Word=1",
                "key \"Word\" must start and end with lowercase alphanumeric, and contain only lowercase alphanumeric and hyphens",
            ),
        ] {
            assert_eq!(parse(line).unwrap_err(), expected, "{line}");
        }
    }

    #[test]
    fn nested_parameters() {
        let mut map = json!({"a": 1, "b": {"c": 2}}).as_object().unwrap().clone();
        for (path, value) in [("b.d", 3), ("a.x.y", 4), ("e", 5)] {
            insert(
                &mut map,
                &path.split('.').map(str::to_owned).collect::<Vec<_>>(),
                json!(value),
            );
        }
        assert_eq!(
            Value::Object(map),
            json!({"a": {"x": {"y": 4}}, "b": {"c": 2, "d": 3}, "e": 5})
        );
    }
}
