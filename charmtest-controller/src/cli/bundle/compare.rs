//! `export-bundle` and `diff-bundle`.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use charmtest_charm::yaml_writer::to_yaml;

use super::super::command::{Command, Cx, Failure, Running, first_of};
use super::super::constraints;
use super::source::{self, Source};
use super::{machine_map, text_of};
use crate::JujuVersion;
use crate::bundle::{Existing, diff, export};
use crate::flags::Flag;

pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        "export-bundle",
        "Exports the current model configuration as a reusable bundle.",
        export_bundle,
    )
    .flags(&[
        Flag::text(&["filename"], "Bundle file"),
        Flag::switch(
            &["include-charm-defaults"],
            "Whether to include charm config default values in the exported bundle",
        ),
        Flag::switch(
            &["include-series"],
            "Compatibility option. Set to include series in the bundle alongside bases",
        )
        .unsupported()
        .only(JujuVersion::V3_6),
    ]),
    Command::new(
        "diff-bundle",
        "Compare a bundle with a model and report any differences.",
        diff_bundle,
    )
    .args("<bundle file or name>", |args| {
        first_of(args, 1, "no bundle specified")?;
        machine_map(args).map(drop)
    })
    .flags(&[
        Flag::switch(&["annotations"], "Include differences in annotations"),
        Flag::text(&["arch"], "Specify an arch <all|amd64|arm64|ppc64el|s390x>").unsupported(),
        Flag::text(&["base"], "Specify a base").unsupported(),
        Flag::text(
            &["channel"],
            "Channel to use when getting the bundle from Charm Hub",
        )
        .unsupported(),
        Flag::text(
            &["map-machines"],
            "Indicates how existing machines correspond to bundle machines",
        ),
        Flag::text(
            &["overlay"],
            "Bundles to overlay on the primary bundle, applied in order",
        ),
        Flag::text(&["series"], "Specify a series")
            .unsupported()
            .only(JujuVersion::V3_6),
    ]),
];

fn export_bundle(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let model = cx.model()?;
        let text =
            export(&model, cx.args.switch("include-charm-defaults")).map_err(Failure::Failed)?;
        let Some(name) = cx.args.text("filename").filter(|name| !name.is_empty()) else {
            return cx.print(&text).await;
        };
        // For the user alone, as Juju writes it.
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(cx.path(name))
            .and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| {
            let why = super::super::upload::go_words(&error);
            Failure::failed(format!("while creating local file: open {name}: {why}"))
        })?;
        cx.print(&format!("Bundle successfully exported to {name}\n"))
            .await
    })
}

fn diff_bundle(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let name = &cx.positionals()[0];
        let source = Source::find(cx, name)
            .map_err(|failure| {
                let text = text_of(failure);
                Failure::failed(text.strip_prefix("cannot deploy bundle: ").unwrap_or(&text))
            })?
            .ok_or_else(|| {
                Failure::failed(format!(
                    "{name:?} is no bundle file: bundles of a charm store are not supported by the \
                 embedded controller; give a path"
                ))
            })?;
        let overlays: Vec<String> = cx.args.all("overlay").map(str::to_owned).collect();
        let composed = source::compose(cx, source, &overlays).map_err(Failure::Failed)?;
        let machines = machine_map(&cx.args).map_err(Failure::usage)?;
        let mut existing = Existing::of(&*cx.model()?, &machines);
        existing.infer(&composed.bundle);
        let annotations = cx.args.switch("annotations");
        let found = diff(
            &composed.bundle,
            &existing,
            annotations,
            &constraints::render,
        );
        cx.print(&to_yaml(&found)).await
    })
}
