//! `juju info`.

use super::super::command::{Command, Cx, Failure, Scope};
use super::view::{Filter, InfoView};
use super::{
    ARCH_FLAG, BASE_FLAG, CHANNEL_FLAG, SERIES_FLAG, URL_FLAG, blocking, check_name,
    check_platform, open, parse_base, parse_channel, revision, unless_all, url_of_client,
};
use crate::charm_store::CharmStoreError;
use crate::flags::{Flag, Kind, Parsed};

pub(super) const COMMAND: Command = Command::new(
    "info",
    "Displays detailed information about Charmhub charms.",
    |cx| Box::pin(info(cx)),
)
.scope(Scope::Client)
.args("<charm>", check)
.formats(&["tabular", "json", "yaml"])
.flags(&[
    ARCH_FLAG,
    BASE_FLAG,
    CHANNEL_FLAG,
    URL_FLAG,
    Flag::switch(&["config"], "Display config for this charm"),
    Flag::of(Kind::Int, &["revision"], "Specify a revision number"),
    SERIES_FLAG,
    Flag::text(
        &["track"],
        "Specify a track to use instead of the default track",
    ),
    Flag::text(
        &["unicode"],
        "Display output using unicode <auto|never|always>",
    ),
]);

fn check(args: &Parsed) -> Result<(), String> {
    check_platform(args)?;
    let platform = ["arch", "base", "channel", "series"]
        .into_iter()
        .any(|name| unless_all(args, name).is_some());
    if args.text("track").is_some_and(|track| !track.is_empty()) && platform {
        return Err(
            "--track cannot be specified together with --arch, --base, --channel or --series"
                .to_owned(),
        );
    }
    let [name] = &args.positionals[..] else {
        return Err("expected a charm or bundle name".to_owned());
    };
    check_name(name, "Charm Hub")?;
    match args.text("unicode") {
        None | Some("" | "auto" | "never" | "always") => Ok(()),
        Some(other) => Err(format!(
            "unexpected unicode flag value {other:?}, expected <auto|never|always>"
        )),
    }
}

async fn info(cx: &Cx) -> Result<(), Failure> {
    let args = &cx.args;
    let asked = cx.positionals()[0].clone();
    let name = check_name(&asked, "Charm Hub").map_err(Failure::usage)?;
    let channel = parse_channel(args.text("channel"))?.map(|channel| channel.full());
    let track = args.text("track").filter(|track| !track.is_empty());
    let filter = Filter {
        arch: unless_all(args, "arch").map(str::to_owned),
        base: parse_base(args.text("base"))?,
        risk: channel.as_ref().and_then(|channel| channel.risk),
        track: channel
            .and_then(|channel| channel.track)
            .or_else(|| track.map(str::to_owned)),
        revision: revision(args),
    };
    let store = open(cx, &url_of_client(cx)).await?;
    let info = blocking(move || {
        store.info(&name).map_err(|error| match error {
            CharmStoreError::NotFound(_) => CharmStoreError::Failed(format!(
                "No information found for charm or bundle with the name {asked:?}"
            )),
            other => other,
        })
    })
    .await?;
    let view = InfoView::new(info, &filter);
    let value = view.to_value(cx.format == "yaml");
    cx.print_value(&value, |_| {
        let unicode = args.text("unicode") == Some("always");
        view.tabular(&filter, args.switch("config"), unicode)
    })
    .await
}
