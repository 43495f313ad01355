//! `juju download`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::super::command::{Command, Cx, Failure, Scope};
use super::{
    ARCH_FLAG, BASE_FLAG, CHANNEL_FLAG, SERIES_FLAG, URL_FLAG, blocking, check_name,
    check_platform, open, parse_base, parse_channel, request, revision, unless_all, url_of_client,
};
use crate::charm_store::channel::Channel;
use crate::charm_store::transport::{ApiError, Base, RefreshCharm};
use crate::charm_store::{CharmStore, CharmStoreError, Request, WantedBase};
use crate::flags::{Flag, Kind, Parsed};

pub(super) const COMMAND: Command = Command::new(
    "download",
    "Locates and then downloads a Charmhub charm.",
    |cx| Box::pin(download(cx)),
)
.scope(Scope::Client)
.args("<charm>", check)
.flags(&[
    ARCH_FLAG,
    BASE_FLAG,
    CHANNEL_FLAG,
    URL_FLAG,
    Flag::text(
        &["filepath"],
        "Specify the filepath location of the charm to download to",
    ),
    Flag::switch(&["no-progress"], "Disable the progress bar"),
    Flag::switch(
        &["resources"],
        "Download the resources associated with the charm",
    ),
    Flag::of(
        Kind::Int,
        &["revision"],
        "Specify a revision of the charm to download",
    ),
    SERIES_FLAG,
]);

/// The base of downloads that name none: the newest Ubuntu LTS that Juju 3.6 and 4.0 support.
const DEFAULT_BASE: &str = "24.04";

fn check(args: &Parsed) -> Result<(), String> {
    check_platform(args)?;
    let name = match &args.positionals[..] {
        [name] => name,
        [name, dash] if dash == "-" => name,
        [_, _] => {
            return Err(
                "expected a charm or bundle name, followed by hyphen to pipe to stdout".to_owned(),
            );
        }
        _ => return Err("expected a charm or bundle name".to_owned()),
    };
    if args.positionals.len() == 2 && args.switch("resources") {
        return Err(
            "cannot pipe to stdout and download resources: do not pass --resources to download to stdout"
                .to_owned(),
        );
    }
    check_name(name, "Charmhub").map(drop)
}

async fn download(cx: &Cx) -> Result<(), Failure> {
    let args = &cx.args;
    let asked = &cx.positionals()[0];
    let name = check_name(asked, "Charmhub").map_err(Failure::usage)?;
    let to_stdout = cx.positionals().len() == 2;
    let channel = parse_channel(args.text("channel"))?
        .unwrap_or_default()
        .full();
    let base = parse_base(args.text("base"))?.unwrap_or_else(|| WantedBase {
        name: "ubuntu".to_owned(),
        channel: DEFAULT_BASE.to_owned(),
    });
    let mut wanted = Request {
        channel: Some(channel.clone()),
        revision: revision(args),
        base: Some(base),
        ..request(&name)
    };
    if let Some(arch) = unless_all(args, "arch") {
        wanted.arch = arch.to_owned();
    }
    let store = open(cx, &url_of_client(cx)).await?;
    let (charm, wanted) = locate(cx, &store, wanted, &channel).await?;
    let (kind, number) = (charm.kind.clone(), charm.revision);
    let file = match args.text("filepath").filter(|path| !path.is_empty()) {
        Some(path) => path.to_owned(),
        None => format!("{}_r{number}.{kind}", charm.name),
    };
    let from = match (&wanted.revision, &wanted.base) {
        (None, Some(base)) => format!(
            " using {:?} channel and base {:?}",
            channel.to_string(),
            format!("{}/{}/{}", wanted.arch, base.name, base.channel)
        ),
        _ => String::new(),
    };
    cx.info(&format!(
        "Fetching {kind} {:?} revision {number}{from}",
        charm.name
    ))
    .await;
    let fetched = {
        let (store, charm) = (Arc::clone(&store), charm.clone());
        blocking(move || store.fetch(&format!("{:?}", charm.name), &charm.download)).await?
    };
    if to_stdout {
        let bytes = fs::read(&fetched).map_err(Failure::failed)?;
        cx.io.stdout_bytes(&bytes).await;
        cx.info(&format!("Downloading of {kind} complete")).await;
        return Ok(());
    }
    save(cx, &fetched, &file)?;
    let mut arguments = format!(" {}", dotted(&file));
    if args.switch("resources") {
        let dir = Path::new(&file).parent().unwrap_or(Path::new(""));
        for resource in charm.resources.clone() {
            let mut file_name = format!("resource_{}_r{}", resource.name, resource.revision);
            if !resource.filename.is_empty() {
                file_name = format!("{file_name}_{}", resource.filename);
            }
            let file = dir.join(file_name).display().to_string();
            let (store, name, kept) = (Arc::clone(&store), charm.name.clone(), resource.clone());
            let fetched = blocking(move || {
                store.fetch(&format!("{name:?} resource {}", kept.name), &kept.download)
            })
            .await?;
            save(cx, &fetched, &file)?;
            arguments.push_str(&format!(" --resource {}={}", resource.name, dotted(&file)));
        }
    }
    cx.info(&format!(
        "Install the {:?} {kind} with:\n    juju deploy{arguments}",
        charm.name
    ))
    .await;
    Ok(())
}

/// Finds the revision; where there is none for the base, the first base that the store suggests is tried, as Juju does.
async fn locate(
    cx: &Cx,
    store: &Arc<CharmStore>,
    mut wanted: Request,
    channel: &Channel,
) -> Result<(RefreshCharm, Request), Failure> {
    let mut may_retry = true;
    loop {
        let (asked, asking) = (wanted.clone(), Arc::clone(store));
        let answer = blocking(move || asking.refresh(&asked)).await?;
        let Some(error) = answer.error else {
            return Ok((answer.charm, wanted));
        };
        let name = &wanted.name;
        if error.code != "revision-not-found" {
            return Err(Failure::failed(format!(
                "unable to locate {name}: {}",
                error.message
            )));
        }
        if let Some(revision) = wanted.revision {
            // The misspelling is Juju's.
            return Err(Failure::failed(format!(
                "unable to locate {name} revison {revision}: {}",
                error.message
            )));
        }
        let bases = suggested(&error, channel);
        let Some(first) = bases.first() else {
            return Err(Failure::failed(format!(
                "{name:?} has no releases in channel {:?}. Type\n    juju info {name}\nfor a list of supported channels.",
                channel.to_string()
            )));
        };
        let refused = wanted
            .base
            .as_ref()
            .map(|base| format!("{}@{}", base.name, base.channel))
            .unwrap_or_default();
        if !may_retry {
            let supported: Vec<String> = bases.iter().map(Base::display).collect();
            return Err(Failure::failed(format!(
                "{name:?} does not support base {refused:?} in channel {:?}. Supported bases are: {}.",
                channel.to_string(),
                supported.join(", ")
            )));
        }
        cx.info(&format!(
            "Base {refused:?} is not supported for charm {name:?}, trying base {:?}",
            first.display()
        ))
        .await;
        wanted.base = Some(WantedBase {
            name: first.name.clone(),
            channel: first.channel.clone(),
        });
        may_retry = false;
    }
}

/// Returns the bases that something is released for in a channel, in the store's order.
fn suggested(error: &ApiError, channel: &Channel) -> Vec<Base> {
    let mut bases: Vec<Base> = Vec::new();
    for release in &error.extra.releases {
        let here = Channel::parse(&release.channel).is_ok_and(|other| other.full() == *channel);
        let known = bases
            .iter()
            .any(|base| base.display() == release.base.display());
        if here && !known {
            bases.push(release.base.clone());
        }
    }
    bases
}

fn save(cx: &Cx, from: &Path, file: &str) -> Result<(), Failure> {
    let to = cx.path(file);
    // In the directory of a store a release has its name already, and a file copied to itself would be empty.
    let is_there =
        fs::canonicalize(&to).is_ok_and(|to| fs::canonicalize(from).is_ok_and(|from| from == to));
    if is_there {
        return Ok(());
    }
    fs::copy(from, to)
        .map(drop)
        .map_err(|error| Failure::failed(format!("cannot write {file}: {error}")))
}

/// Writes a path so that `juju deploy` takes it for one.
fn dotted(file: &str) -> String {
    if file.starts_with('/') {
        file.to_owned()
    } else {
        format!("./{file}")
    }
}

impl From<CharmStoreError> for Failure {
    fn from(error: CharmStoreError) -> Self {
        Self::failed(error)
    }
}
