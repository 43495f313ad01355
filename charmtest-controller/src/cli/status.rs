//! `juju status` and `juju machines`.

use serde_json::{Value, json};

use super::charmhub;
use super::command::{Command, Cx, Failure, Running, any_args};
use crate::JujuVersion;
use crate::flags::{Flag, Kind};
use crate::model::Model;
use crate::status::{Host, Report, Sections, Selection, machines_table};

pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        "status",
        "Report the status of the model, its machines, applications and units.",
        status,
    )
    .args("[<selector> [...]]", any_args)
    .formats(&[
        "tabular", "json", "yaml", "short", "oneline", "line", "summary",
    ])
    .flags(&[
        Flag::switch(&["relations"], "Show relations section in tabular output"),
        Flag::switch(&["integrations"], "Same as `--relations`"),
        Flag::switch(&["storage"], "Show storage section in tabular output"),
        Flag::switch(&["utc"], "Display timestamps in the UTC timezone"),
        Flag::switch(&["color"], "Use ANSI color codes in tabular output").unsupported(),
        Flag::switch(&["no-color"], "Disable ANSI color codes in tabular output"),
        Flag::of(
            Kind::Int,
            &["retry-count"],
            "Number of times to retry API failures",
        ),
        Flag::of(
            Kind::Duration,
            &["retry-delay"],
            "Time to wait between retry attempts",
        ),
        Flag::of(
            Kind::Duration,
            &["watch"],
            "Watch the status every period of time",
        )
        .only(JujuVersion::V3_6)
        .unsupported(),
    ]),
    Command::new("machines", "Lists machines in a model.", machines)
        .aliases(&["list-machines"])
        .formats(&["tabular", "json", "yaml"])
        .flags(MACHINE_FLAGS),
    Command::new("show-machine", "Show a machine's status.", show_machine)
        .args("<machineID> ...", any_args)
        .formats(&["yaml", "json", "tabular"])
        .flags(MACHINE_FLAGS),
];

const MACHINE_FLAGS: &[Flag] = &[
    Flag::switch(&["utc"], "Display timestamps in the UTC timezone"),
    Flag::switch(&["color"], "Use ANSI color codes in output").unsupported(),
];

fn status(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let model = cx.model()?;
        let selectors = cx.positionals();
        let selection = Selection::new(&model, selectors);
        let mut report = report(cx, &model, &selection);
        let mut upgrades = charmhub::upgrades(cx, &model).await;
        for app in &mut report.applications {
            app.can_upgrade_to = upgrades.remove(&app.name);
        }
        let relations = cx.args.switch("relations") || cx.args.switch("integrations");
        let sections = Sections {
            relations,
            storage: cx.args.switch("storage"),
        };
        let times = cx.times();
        let text = match cx.format.as_str() {
            "tabular" => Some(report.tabular(&times, sections)),
            "summary" => Some(report.summary()),
            "short" | "oneline" | "line" => Some(report.oneline()),
            _ => None,
        };
        if cx.format != "tabular" {
            note_needless_sections(cx).await;
        }
        match text {
            Some(text) => cx.print(&text).await?,
            None => {
                let value = match cx.format.as_str() {
                    "yaml" => report.to_yaml_value(&times),
                    _ => report.to_value(&times),
                };
                cx.print_value(&value, |_| String::new()).await?
            }
        }
        if selection.is_nothing() {
            let plural = if selectors.len() > 1 { "s" } else { "" };
            cx.info(&format!("Nothing matched specified filter{plural}."))
                .await;
        } else if model.machines.is_empty()
            && model.applications.is_empty()
            && model.remote_applications.is_empty()
        {
            let label = cx
                .target
                .as_ref()
                .map(|target| target.label.as_str())
                .unwrap_or_default();
            cx.info(&format!("\nModel {label:?} is empty.")).await;
        }
        Ok(())
    })
}

/// Says that options for sections of the tables do nothing in other formats.
async fn note_needless_sections(cx: &Cx) {
    let given: Vec<&str> = ["integrations", "relations", "storage"]
        .into_iter()
        .filter(|name| cx.args.switch(name))
        .collect();
    let are = match given.len() {
        0 => return,
        1 => "option is",
        _ => "options are",
    };
    cx.info(&format!(
        "provided {} {are} always enabled in non tabular formats",
        given.join(", ")
    ))
    .await;
}

fn machines(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let model = cx.model()?;
        print_machines(cx, &report(cx, &model, &Selection::default())).await
    })
}

fn show_machine(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let model = cx.model()?;
        let mut report = report(cx, &model, &Selection::default());
        let wanted = cx.positionals();
        report
            .machines
            .retain(|machine| wanted.is_empty() || wanted.contains(&machine.id));
        print_machines(cx, &report).await
    })
}

async fn print_machines(cx: &Cx, report: &Report) -> Result<(), Failure> {
    let machines = match cx.format.as_str() {
        "yaml" => report.machines_yaml_value(&cx.times()),
        _ => report.machines_value(&cx.times()),
    };
    let value: Value = json!({ "model": report.model, "machines": machines });
    cx.print_value(&value, |_| machines_table(report)).await
}

fn report(cx: &Cx, model: &Model, selection: &Selection) -> Report {
    Report::of(model, selection, &Host::detect(), cx.hub.now())
        .with_consumed(&cx.hub.snapshot(), model)
}
