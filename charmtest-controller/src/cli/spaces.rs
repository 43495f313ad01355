//! `spaces`, `show-space`, `subnets`: all machines are in the space `alpha`, on this host's loopback network.

use serde_json::{Value, json};

use super::command::{Command, Cx, Failure, no_args};
use super::table::TextTable;
use crate::JujuVersion;
use crate::flags::{Flag, Kind};

/// The one space.
pub(super) const SPACE: &str = "alpha";

/// The one subnet.
const SUBNET: &str = "127.0.0.0/8";

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        "spaces",
        "List known spaces, including associated subnets.",
        |cx| Box::pin(spaces(cx)),
    )
    .aliases(&["list-spaces"])
    .args("", no_args)
    .formats(&["tabular", "json", "yaml"])
    .flags(&[Flag::switch(&["short"], "only display spaces.")]),
    Command::new(
        "show-space",
        "Shows information about the network space.",
        |cx| Box::pin(show_space(cx)),
    )
    .args("<name>", |args| match args.positionals.len() {
        1 => Ok(()),
        n => Err(format!("expected exactly 1 space name, got {n} arguments")),
    })
    .formats(&["yaml", "json"]),
    Command::new("subnets", "List subnets known to Juju.", |cx| {
        Box::pin(subnets(cx))
    })
    .aliases(&["list-subnets"])
    .args("", no_args)
    .formats(&["yaml", "json"])
    .flags(&[
        Flag::of(Kind::Text, &["space"], "Filter results by space name"),
        Flag::of(Kind::Text, &["zone"], "Filter results by zone name"),
    ]),
];

/// Returns the space's id: a number in 3.6, a UUID that is the same everywhere in 4.0 (recorded).
fn space_id(juju: JujuVersion) -> &'static str {
    match juju {
        JujuVersion::V3_6 => "0",
        JujuVersion::V4_0 => "656b4a82-e28c-53d6-a014-f0dd53417eb6",
    }
}

async fn spaces(cx: &Cx) -> Result<(), Failure> {
    let id = space_id(cx.juju());
    if cx.args.switch("short") {
        return cx
            .print_value(&json!({ "spaces": [SPACE] }), |_| {
                format!("Space\n{SPACE}\n")
            })
            .await;
    }
    let value = json!({ "spaces": [{
        "id": id,
        "name": SPACE,
        "subnets": { SUBNET: { "type": "ipv4", "zones": [""] } },
    }] });
    cx.print_value(&value, |_| {
        let mut table = TextTable::new(["Name", "Space ID", "Subnets"]).padded_end();
        table.row([SPACE, id, SUBNET]);
        table.row(["", "", ""]);
        table.render()
    })
    .await
}

async fn show_space(cx: &Cx) -> Result<(), Failure> {
    let name = &cx.positionals()[0];
    if name != SPACE {
        return Err(Failure::failed(match cx.juju() {
            JujuVersion::V3_6 => {
                format!("cannot retrieve space {name:?}: space {name:?} not found")
            }
            JujuVersion::V4_0 => format!(
                "cannot retrieve space {name:?}: fetching space {name:?}: space not found with {name}: space not found"
            ),
        }));
    }
    let model = cx.model()?;
    let applications: Vec<&String> = model.applications.keys().collect();
    let value: Value = json!({
        "space": {
            "id": space_id(cx.juju()),
            "name": SPACE,
            "subnets": [{ "cidr": SUBNET, "vlan-tag": 0, "zones": [""] }],
        },
        "applications": applications,
        "machine-count": model.machines.len(),
    });
    cx.print_value(&value, |_| String::new()).await
}

async fn subnets(cx: &Cx) -> Result<(), Failure> {
    let wanted = cx.args.text("space").is_none_or(|name| name == SPACE)
        && cx.args.text("zone").is_none_or(str::is_empty);
    if !wanted {
        cx.info("No subnets found matching requested criteria.")
            .await;
        return Ok(());
    }
    let value = json!({ "subnets": { SUBNET: {
        "type": "ipv4", "space": SPACE, "zones": [""],
    } } });
    cx.print_value(&value, |_| String::new()).await
}

#[cfg(test)]
mod tests {
    use super::super::testing::Controller;
    use super::*;

    #[test]
    fn everything_is_in_alpha() {
        for (juju, id) in [
            (JujuVersion::V3_6, "0"),
            (JujuVersion::V4_0, "656b4a82-e28c-53d6-a014-f0dd53417eb6"),
        ] {
            let c = Controller::of(juju);
            c.juju("add-model m").ok();
            let listed = c.juju("spaces --format json").ok().json();
            assert_eq!(listed["spaces"][0]["id"], id);
            assert_eq!(
                c.juju("subnets --format json").ok().stdout,
                "{\"subnets\":{\"127.0.0.0/8\":{\"type\":\"ipv4\",\"space\":\"alpha\",\"zones\":[\"\"]}}}\n"
            );
            assert_eq!(
                c.juju("show-space alpha --format json").ok().json()["machine-count"],
                0
            );
            let outcome = c.juju("show-space nosuch");
            assert!(
                outcome.code == 1
                    && outcome
                        .stderr
                        .starts_with("ERROR cannot retrieve space \"nosuch\": ")
            );
            assert_eq!(
                c.juju("show-space").stderr,
                "ERROR expected exactly 1 space name, got 0 arguments\n"
            );
        }
    }
}
