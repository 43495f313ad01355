//! `users` and `show-user`: there is one user, `admin`.

use serde_json::{Value, json};

use super::command::{Command, Cx, Failure, Scope, at_most};
use super::table::TextTable;
use super::target::{CONTROLLER, USER};
use crate::flags::Flag;

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

fn admin() -> Value {
    json!({
        "user-name": USER,
        "display-name": USER,
        "access": "superuser",
        "date-created": "just now",
        "last-connection": "just now",
    })
}

async fn users(cx: &Cx) -> Result<(), Failure> {
    if let Some(name) = cx.positionals().first() {
        let state = cx.hub.snapshot();
        let model = super::target::lookup(&state, name)?
            .ok_or_else(|| Failure::failed(format!("model {CONTROLLER}:{name} not found")))?;
        let value = json!({ USER: {
            "display-name": USER, "access": "admin", "last-connection": "just now",
        } });
        let title = model.info.name.clone();
        return cx
            .print_value(&value, |_| {
                let mut table =
                    TextTable::new(["Name", "Display name", "Access", "Last connection"]);
                table.row(["admin*", USER, "admin", "just now"]);
                format!("Model: {title}\n\n{}", table.render())
            })
            .await;
    }
    cx.print_value(&json!([admin()]), |_| {
        let mut table = TextTable::new([
            "Name",
            "Display name",
            "Access",
            "Date created",
            "Last connection",
        ]);
        table.row(["admin*", USER, "superuser", "just now", "just now"]);
        format!("Controller: {CONTROLLER}\n\n{}", table.render())
    })
    .await
}

async fn show_user(cx: &Cx) -> Result<(), Failure> {
    match cx.positionals().first() {
        Some(name) if name != USER => {
            Err(Failure::failed(format!("{name}: user {name:?} not found")))
        }
        _ => cx.print_value(&admin(), |_| String::new()).await,
    }
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
