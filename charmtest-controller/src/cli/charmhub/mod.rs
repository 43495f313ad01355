//! Commands that ask charm stores: `info`, `find`, `download` and `charm-resources`, and `deploy` and `refresh` by name.

mod deploy;
mod download;
mod find;
mod in_bundle;
mod info;
mod refresh;
mod resources;
mod upgrades;
mod view;

#[cfg(test)]
mod bundle_tests;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod local_tests;
#[cfg(test)]
mod remote_tests;
#[cfg(test)]
mod update_tests;

use std::path::Path;
use std::sync::Arc;

use charmtest_charm::{Base, CharmName};

use super::command::{Command, Cx, Failure};
use crate::JujuVersion;
use crate::charm_store::channel::Channel;
use crate::charm_store::{
    CHARMHUB_URL, CharmStore, CharmStoreError, Request, Settings, WantedBase, host_arch,
};
use crate::flags::{Flag, Parsed};

pub(super) use deploy::deploy;
pub(super) use in_bundle::{BundleStore, bare_name};
pub(super) use refresh::refresh;
pub(super) use upgrades::{resource_updates, upgrades};
pub(super) use view::resource_value;

/// The commands of this directory that are not also something else.
pub(super) const COMMANDS: &[Command] = &[
    info::COMMAND,
    find::COMMAND,
    download::COMMAND,
    resources::COMMAND,
];

/// The options that say which revision of a charm is meant.
const ARCH_FLAG: Flag = Flag::text(
    &["arch"],
    "Specify an arch <all|amd64|arm64|ppc64el|riscv64|s390x>",
);
const BASE_FLAG: Flag = Flag::text(&["base"], "Specify a base");
const CHANNEL_FLAG: Flag = Flag::text(
    &["channel"],
    "Specify a channel to use instead of the default release",
);
const SERIES_FLAG: Flag = Flag::text(&["series"], "Specify a series. DEPRECATED use --base")
    .only(JujuVersion::V3_6)
    .unsupported();
/// The option of commands that work without a controller.
const URL_FLAG: Flag = Flag::text(
    &["charmhub-url"],
    "Specify the Charmhub URL for querying the store",
);

/// The architectures that Juju knows.
const ARCHITECTURES: [&str; 5] = ["amd64", "arm64", "ppc64el", "riscv64", "s390x"];

/// What stands for all architectures and all series.
const ALL: &str = "all";

/// A charm of a store as users write it: `NAME`, `ch:NAME`, `ch:amd64/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct StoreName {
    name: String,
    /// The number at the end of `NAME-3`.
    revision: Option<u32>,
}

/// Parses the name of a charm of a store.
///
/// # Errors
///
/// Fails in Juju's words when the text is no such name.
fn parse_name(text: &str) -> Result<StoreName, String> {
    let path = match text.split_once(':') {
        None => text,
        Some(("ch", path)) => path,
        Some((schema, _)) => {
            return Err(format!(
                "cannot parse URL {text:?}: schema {schema:?} not valid"
            ));
        }
    };
    let last = path.rsplit('/').next().unwrap_or_default();
    let (name, revision) = match last.rsplit_once('-') {
        Some((name, digits))
            if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) =>
        {
            (name, digits.parse().ok())
        }
        _ => (last, None),
    };
    if CharmName::new(name).is_err() {
        let url = if text.contains(['/', ':']) {
            text.to_owned()
        } else {
            format!("ch:{text}")
        };
        return Err(format!(
            "cannot parse name and/or revision in URL {url:?}: name {last:?} not valid"
        ));
    }
    Ok(StoreName {
        name: name.to_owned(),
        revision,
    })
}

/// Parses the name of `info` and `download`.
fn check_name(text: &str, store: &str) -> Result<String, String> {
    if text.starts_with("local:") {
        return Err(format!("{text:?} is not a {store} charm"));
    }
    match parse_name(text) {
        Ok(name) => Ok(name.name),
        Err(_) => Err(format!("charm or bundle name, {text:?}, is not valid")),
    }
}

/// Parses `--base` of the commands that ask a store.
fn parse_base(text: Option<&str>) -> Result<Option<WantedBase>, Failure> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let base: Base = text.parse().map_err(|_| {
        Failure::failed("expected base string to contain os and channel separated by '@'")
    })?;
    Ok(Some(WantedBase {
        name: base.name,
        channel: base.channel,
    }))
}

fn parse_channel(text: Option<&str>) -> Result<Option<Channel>, Failure> {
    text.filter(|text| !text.is_empty())
        .map(Channel::parse)
        .transpose()
        .map_err(Failure::failed)
}

/// Returns the number given with `--revision`; -1 stands for none.
fn revision(args: &Parsed) -> Option<u32> {
    u32::try_from(args.int("revision")?).ok()
}

/// Returns the value of an option unless it is empty or `all`.
fn unless_all<'a>(args: &'a Parsed, name: &str) -> Option<&'a str> {
    args.text(name)
        .filter(|value| !value.is_empty() && *value != ALL)
}

/// Checks `--arch`, and that `--revision` stands without what it contradicts.
fn check_platform(args: &Parsed) -> Result<(), String> {
    if let Some(arch) = unless_all(args, "arch")
        && !ARCHITECTURES.contains(&arch)
    {
        return Err(format!(
            "unexpected architecture flag value {arch:?}, expected <all|{}>",
            ARCHITECTURES.join("|")
        ));
    }
    let platform = ["arch", "base", "channel", "series"]
        .into_iter()
        .any(|name| unless_all(args, name).is_some());
    if revision(args).is_some() && platform {
        return Err(
            "--revision cannot be specified together with --arch, --base, --channel or --series"
                .to_owned(),
        );
    }
    Ok(())
}

/// Opens the stores that the client may ask; `url` is where Charmhub is for the command.
///
/// # Errors
///
/// Fails when there is none, or one cannot be read.
async fn open(cx: &Cx, url: &str) -> Result<Arc<CharmStore>, Failure> {
    let data = cx.hub.data.root().to_owned();
    let (cwd, env, url) = (
        cx.request.cwd.clone(),
        cx.request.env.clone(),
        url.to_owned(),
    );
    blocking(move || {
        let settings = Settings::read(&data, Path::new(&cwd), &env)?;
        if settings.is_empty() {
            return Err(CharmStoreError::Failed(NO_STORE.to_owned()));
        }
        CharmStore::open(&settings, &url, &data, &env).map(Arc::new)
    })
    .await
}

/// Said by everything that needs a charm store when none is set up.
const NO_STORE: &str = "the embedded controller has no charm store: list directories with .charm files in CHARMTEST_CHARM_STORE or in \
                        charm-store.yaml of its data directory, or set CHARMTEST_CHARMHUB=true to ask Charmhub";

/// Returns where Charmhub is for commands that need no model: `CHARMHUB_URL`, else `--charmhub-url`.
fn url_of_client(cx: &Cx) -> String {
    let flag = cx.args.text("charmhub-url").filter(|url| !url.is_empty());
    cx.env("CHARMHUB_URL")
        .or(flag)
        .unwrap_or(CHARMHUB_URL)
        .to_owned()
}

/// Returns where Charmhub is for the command's model.
fn url_of_model(cx: &Cx) -> Result<String, Failure> {
    let model = cx.model()?;
    let url = model.config("charmhub-url").filter(|url| !url.is_empty());
    Ok(url.unwrap_or(CHARMHUB_URL).to_owned())
}

/// Runs work with a store away from the threads that serve clients.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CharmStoreError> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(Failure::failed)?.map_err(Failure::failed)
}

/// Makes the request for a charm on this machine.
fn request(name: &str) -> Request {
    Request {
        name: name.to_owned(),
        channel: None,
        revision: None,
        base: None,
        arch: host_arch().to_owned(),
    }
}

/// Refuses bundles, which only Juju deploys from a store.
fn refuse_bundle(name: &str, kind: &str) -> Result<(), Failure> {
    if kind != "bundle" {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "{name:?} is a bundle, and the embedded controller takes no bundles from a charm store; \
         `juju download {name}` fetches it, deploy the bundle.yaml in it"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_charms() {
        for (text, name, revision) in [
            ("db", "db", None),
            ("ch:my-db", "my-db", None),
            ("ch:amd64/jammy/db-5", "db", Some(5)),
            ("db-k8s", "db-k8s", None),
            ("db-2", "db", Some(2)),
        ] {
            let parsed = parse_name(text).unwrap();
            assert_eq!(
                (parsed.name.as_str(), parsed.revision),
                (name, revision),
                "{text}"
            );
        }
        for (text, expected) in [
            (
                "tracer.charm",
                "cannot parse name and/or revision in URL \"ch:tracer.charm\": name \"tracer.charm\" not valid",
            ),
            (
                "./tracer.charm",
                "cannot parse name and/or revision in URL \"./tracer.charm\": name \"tracer.charm\" not valid",
            ),
            (
                "cs:db",
                "cannot parse URL \"cs:db\": schema \"cs\" not valid",
            ),
        ] {
            assert_eq!(parse_name(text), Err(expected.to_owned()));
        }
    }
}
