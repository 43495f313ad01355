//! `juju find`.

use super::super::command::{Command, Cx, Failure, Scope};
use super::view::{FIND_COLUMNS, found_table, found_value};
use super::{URL_FLAG, blocking, open, url_of_client};
use crate::charm_store::Query;
use crate::flags::{Flag, Parsed};

/// The columns that are shown unless others are asked for.
const COLUMNS: &str = "nbvps";

pub(super) const COMMAND: Command = Command::new(
    "find",
    "Queries the Charmhub store for available charms or bundles.",
    |cx| Box::pin(find(cx)),
)
.scope(Scope::Client)
.args("<query>", check)
.formats(&["tabular", "json", "yaml"])
.flags(&[
    Flag::text(&["category"], "Filter by a category name"),
    Flag::text(&["channel"], "Filter by channel"),
    URL_FLAG,
    Flag::text(
        &["columns"],
        "Display the columns associated with a find search",
    ),
    Flag::text(&["publisher"], "Search by a given publisher"),
    Flag::text(&["type"], "Search by a given type <charm|bundle>"),
]);

fn check(args: &Parsed) -> Result<(), String> {
    if !matches!(args.text("type"), None | Some("" | "charm" | "bundle")) {
        return Err("expected type to be charm or bundle".to_owned());
    }
    let columns = args.text("columns").unwrap_or(COLUMNS);
    if columns.is_empty() {
        return Err("expected at least one column".to_owned());
    }
    match columns
        .chars()
        .find(|letter| !FIND_COLUMNS.iter().any(|(known, _)| known == letter))
    {
        Some(letter) => Err(format!("unexpected column type {letter:?}")),
        None => Ok(()),
    }
}

async fn find(cx: &Cx) -> Result<(), Failure> {
    let args = &cx.args;
    let given = |name: &str| {
        args.text(name)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    };
    let query = Query {
        text: cx.positionals().first().cloned().unwrap_or_default(),
        category: given("category"),
        channel: given("channel"),
        kind: given("type"),
        publisher: given("publisher"),
    };
    let is_empty_query = query == Query::default();
    let what = match &query.kind {
        Some(kind) => format!("{kind}s"),
        None => "charms or bundles".to_owned(),
    };
    let store = open(cx, &url_of_client(cx)).await?;
    let results = blocking(move || store.find(&query)).await?;
    let is_table = cx.format == "tabular";
    if is_table && results.is_empty() {
        cx.io.stderr(&format!("No matching {what}\n")).await;
        return Ok(());
    }
    cx.print_value(&found_value(&results), |_| {
        let table = found_table(&results, args.text("columns").unwrap_or(COLUMNS));
        if is_empty_query {
            format!(
                "No search term specified. Here are some interesting charms:\n\n{table}\n\
                 Provide a search term for more specific results.\n"
            )
        } else {
            format!("{table}\n")
        }
    })
    .await
}
