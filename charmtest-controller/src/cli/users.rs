//! `users` and `show-user`.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::access;
use super::command::{Command, Cx, Failure, Scope, at_most};
use super::table::TextTable;
use super::target::{CONTROLLER, USER};
use super::times::friendly;
use crate::flags::Flag;
use crate::model::{AccessKind, Model, State};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        "users",
        "Lists Juju users allowed to connect to a controller or model.",
        |cx| Box::pin(users(cx)),
    )
    .aliases(&["list-users"])
    .args("[model-name]", |args| at_most(args, 1))
    .scope(Scope::Controller)
    .formats(&["tabular", "json", "yaml"])
    .flags(&[
        Flag::switch(&["all"], "Include disabled users"),
        Flag::switch(&["exact-time"], "Use full timestamp for connection times"),
    ]),
    Command::new("show-user", "Show information about a user.", |cx| {
        Box::pin(show_user(cx))
    })
    .args("[<user name>]", |args| at_most(args, 1))
    .scope(Scope::Controller)
    .formats(&["yaml", "json"])
    .flags(&[Flag::switch(
        &["exact-time"],
        "Use full timestamp for connection times",
    )]),
];

/// Returns what `users` and `show-user` tell of the users of the controller, `admin` first.
fn all(cx: &Cx) -> Vec<Value> {
    let state = cx.hub.snapshot();
    let now = cx.hub.now();
    let mut all = vec![json!({
        "user-name": USER,
        "display-name": USER,
        "access": AccessKind::Controller.most(),
        "date-created": friendly(now, now),
        "last-connection": friendly(now, now),
    })];
    for (name, user) in &state.info.users {
        let mut about = Map::new();
        let mut put = |key: &str, value: Value| about.insert(key.to_owned(), value);
        put("user-name", name.clone().into());
        if !user.display_name.is_empty() {
            put("display-name", user.display_name.clone().into());
        }
        let access = state.info.access.get(name).cloned().unwrap_or_default();
        put("access", access.into());
        let created = if cx.args.switch("exact-time") {
            cx.times().go(user.created)
        } else {
            friendly(user.created, now)
        };
        put("date-created", created.into());
        put("last-connection", NEVER.into());
        if user.disabled {
            put("disabled", true.into());
        }
        all.push(about.into());
    }
    all
}

/// When somebody was there who cannot be: the client is always `admin`.
pub(super) const NEVER: &str = "never connected";

/// Describes who has access to a model, each with the last time there.
pub(super) fn of_model(state: &State, model: &Model, now: Timestamp) -> Value {
    let mut users = access::describe(state, AccessKind::Model, &model.info.users);
    for (name, about) in &mut users {
        let last = if name == USER {
            friendly(now, now)
        } else {
            NEVER.to_owned()
        };
        about["last-connection"] = last.into();
    }
    users.into()
}

/// Returns the cells of a user's row: these keys, empty where there is nothing.
fn cells(about: &Value, keys: &[&str]) -> Vec<String> {
    let cell = |key: &&str| about[*key].as_str().unwrap_or_default().to_owned();
    keys.iter().map(cell).collect()
}

async fn users(cx: &Cx) -> Result<(), Failure> {
    if let Some(name) = cx.positionals().first() {
        let state = cx.hub.snapshot();
        let model = super::target::lookup(&state, name)?
            .ok_or_else(|| Failure::failed(format!("model {CONTROLLER}:{name} not found")))?;
        let value = of_model(&state, model, cx.hub.now());
        return cx
            .print_value(&value, |value| {
                let mut table =
                    TextTable::new(["Name", "Display name", "Access", "Last connection"]);
                for (name, about) in value.as_object().into_iter().flatten() {
                    let mark = if name == USER { "*" } else { "" };
                    let rest = cells(about, &["display-name", "access", "last-connection"]);
                    table.row([format!("{name}{mark}")].into_iter().chain(rest));
                }
                format!("Model: {}\n\n{}", model.info.name, table.render())
            })
            .await;
    }
    let mut shown = all(cx);
    if !cx.args.switch("all") {
        shown.retain(|about| about["disabled"] != true);
    }
    cx.print_value(&json!(shown), |_| {
        let mut table = TextTable::new([
            "Name",
            "Display name",
            "Access",
            "Date created",
            "Last connection",
        ]);
        let keys = [
            "user-name",
            "display-name",
            "access",
            "date-created",
            "last-connection",
        ];
        for about in &shown {
            let mut row = cells(about, &keys);
            if row[0] == USER {
                row[0].push('*');
            }
            if about["disabled"] == true {
                row[0].push_str(" (disabled)");
            }
            table.row(row);
        }
        format!("Controller: {CONTROLLER}\n\n{}", table.render())
    })
    .await
}

async fn show_user(cx: &Cx) -> Result<(), Failure> {
    let name = cx.positionals().first().map_or(USER, String::as_str);
    let found = all(cx).into_iter().find(|about| about["user-name"] == name);
    let about = found.ok_or_else(|| Failure::failed(format!("{name}: user {name:?} not found")))?;
    cx.print_value(&about, |_| String::new()).await
}

#[cfg(test)]
mod tests {
    use super::super::testing::Controller;

    #[test]
    fn there_is_one_user() {
        let c = Controller::with_model();
        let listed = c.juju("users --format json").ok().json();
        assert_eq!(
            (
                listed[0]["user-name"].as_str(),
                listed.as_array().unwrap().len()
            ),
            (Some("admin"), 1)
        );
        assert_eq!(
            c.juju("users").ok().stdout,
            "Controller: embedded\n\nName    Display name  Access     Date created  Last connection\nadmin*  admin         superuser  just now      just now\n"
        );
        assert_eq!(
            c.juju("show-user --format json").ok().json()["access"],
            "superuser"
        );
        let outcome = c.juju("show-user nosuch");
        assert_eq!(
            (
                outcome.code,
                outcome.stdout.as_str(),
                outcome.stderr.as_str()
            ),
            (1, "{}\n", "ERROR nosuch: user \"nosuch\" not found\n")
        );
    }
}
