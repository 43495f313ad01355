//! `secret-backends` and `model-secret-backend`: there is one place for secrets, the controller.

use serde_json::json;

use super::command::{Command, Cx, Failure, Scope, at_most};
use super::table::TextTable;
use crate::JujuVersion;
use crate::flags::Flag;
use crate::model::{Rejected, State};

/// The model configuration that names the backend.
const KEY: &str = "secret-backend";

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        "model-secret-backend",
        "Displays or sets the secret backend for a model.",
        |cx| Box::pin(model_backend(cx)),
    )
    .args("[<secret-backend-name>]", |args| at_most(args, 1))
    .only(JujuVersion::V4_0),
    Command::new(
        "secret-backends",
        "Lists secret backends available in the controller.",
        |cx| Box::pin(list(cx)),
    )
    .aliases(&["list-secret-backends"])
    .scope(Scope::Controller)
    .formats(&["tabular", "json", "yaml"])
    .flags(&[Flag::switch(
        &["reveal"],
        "Include sensitive backend config content",
    )]),
];

async fn list(cx: &Cx) -> Result<(), Failure> {
    let secrets = count(&cx.hub.snapshot());
    let value =
        json!({"internal": {"backend": "controller", "secrets": secrets, "status": "active"}});
    cx.print_value(&value, |_| {
        let mut table = TextTable::new(["Name", "Type", "Secrets", "Message"]);
        // The empty last cell: Juju pads the messages, but not their header.
        table.row(["internal", "controller", &secrets.to_string(), "", ""]);
        table.render()
    })
    .await
}

/// Returns how many secrets there are in all models.
fn count(state: &State) -> usize {
    state.models.values().map(|model| model.secrets.len()).sum()
}

async fn model_backend(cx: &Cx) -> Result<(), Failure> {
    let Some(name) = cx.positionals().first() else {
        let model = cx.model()?;
        let backend = model.config(KEY).unwrap_or("auto");
        return cx.print(&format!("{backend}\n")).await;
    };
    if !matches!(name.as_str(), "auto" | "internal") {
        return Err(Failure::failed(format!(
            "setting model secret backend for \"{}\": cannot get secret backend {name:?}: secret backend not found: please use \"add-secret-backend\" to add {name:?} to the controller first",
            cx.model_uuid()
        )));
    }
    cx.change(|model| {
        let config = &mut model.info_mut().config;
        config.insert(KEY.to_owned(), name.clone());
        Ok::<_, Rejected>(())
    })
}
