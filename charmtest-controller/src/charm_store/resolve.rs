//! What Juju makes of a store's answer: which revision it takes, and in which words it says that there is none.

use super::channel::{Channel, RISKS};
use super::transport::{ApiError, Base, Download, RefreshResult, Release, StoreResource};
use super::{CharmStore, CharmStoreError, Request, WantedBase};

/// A revision that was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resolved {
    /// The charm's name in the store.
    pub(crate) name: String,
    /// `charm` or `bundle`.
    pub(crate) kind: String,
    /// The revision.
    pub(crate) revision: u32,
    /// The channel that it is from, and that refreshes follow: with a track and a risk.
    pub(crate) channel: Channel,
    /// The bases that it is for.
    pub(crate) bases: Vec<Base>,
    /// Where its archive is.
    pub(crate) download: Download,
    /// The revisions of resources that go with it.
    pub(crate) resources: Vec<StoreResource>,
}

/// Finds the revision that `request` gets, as Juju 3.6 does for `juju deploy` and `juju refresh`.
///
/// # Errors
///
/// Fails in Juju's words when there is no such charm or nothing is released as asked, and when a store cannot be asked.
pub(crate) fn resolve(store: &CharmStore, request: &Request) -> Result<Resolved, CharmStoreError> {
    let ask = |request: &Request, doing: &str| {
        store
            .refresh(request)
            .map_err(|error| CharmStoreError::failed(format!("{doing}: {error}")))
    };
    let answer = ask(request, "resolving with preferred channel")?;
    let Some(error) = answer.error.clone() else {
        return Ok(resolved(request, answer));
    };
    let base = next_base(request, &error).map_err(CharmStoreError::Failed)?;
    let again = Request {
        base: Some(base),
        ..request.clone()
    };
    let answer = ask(&again, "retrying")?;
    match answer.error {
        None => Ok(resolved(request, answer)),
        Some(error) => Err(CharmStoreError::failed(format!(
            "resolving retry error: {}",
            error.message
        ))),
    }
}

fn resolved(request: &Request, answer: RefreshResult) -> Resolved {
    let effective = Channel::parse(&answer.effective_channel).ok();
    // A revision is in no channel by itself: the one asked for is followed from here on.
    let channel = match request.revision {
        Some(_) => request.channel.clone(),
        None => effective.or_else(|| request.channel.clone()),
    };
    let charm = answer.charm;
    Resolved {
        name: if charm.name.is_empty() {
            request.name.clone()
        } else {
            charm.name
        },
        kind: charm.kind,
        revision: charm.revision,
        channel: channel.unwrap_or_default().full(),
        bases: charm.bases,
        download: charm.download,
        resources: charm.resources,
    }
}

/// Returns the base to ask again for, where the store wanted one; else says why there is nothing, in Juju's words.
fn next_base(request: &Request, error: &ApiError) -> Result<WantedBase, String> {
    match error.code.as_str() {
        "invalid-charm-base" | "invalid-charm-platform" => {
            let bases = &error.extra.default_bases;
            if bases.is_empty() {
                return Err("selecting next bases: no bases available".to_owned());
            }
            let fitting = bases.iter().find(|base| base.architecture == request.arch);
            let base = fitting.ok_or_else(|| {
                format!(
                    "selecting next bases: bases matching architecture {:?} not found",
                    request.arch
                )
            })?;
            Ok(WantedBase {
                name: base.name.clone(),
                channel: base.channel.clone(),
            })
        }
        "revision-not-found" => Err(format!(
            "selecting releases: {}",
            no_release(request, &error.extra.releases)
        )),
        _ => Err(format!("resolving error: {}", error.message)),
    }
}

fn no_release(request: &Request, releases: &[Release]) -> String {
    if releases.is_empty() {
        return "no releases available".to_owned();
    }
    let place = match &request.channel {
        Some(channel) => format!("for channel {:?}", channel.normalized().to_string()),
        None => "in the charm's default channel".to_owned(),
    };
    let platform = match &request.base {
        Some(base) => format!("{}/{}/{}/stable", request.arch, base.name, base.channel),
        None => request.arch.clone(),
    };
    let mut text = format!("charm or bundle not found {place}, base {platform:?}");
    let suggestions = suggestions(&request.arch, releases);
    if !suggestions.is_empty() {
        text.push_str("\navailable releases are:\n  ");
        text.push_str(&suggestions.join("\n  "));
    }
    text
}

/// Lists what is released for an architecture, bare risks first.
fn suggestions(arch: &str, releases: &[Release]) -> Vec<String> {
    let mut channels: Vec<(&str, Vec<String>)> = Vec::new();
    for release in releases {
        let base = &release.base;
        if base.architecture != arch && base.architecture != "all" {
            continue;
        }
        let display = base.display();
        match channels
            .iter_mut()
            .find(|(channel, _)| *channel == release.channel)
        {
            Some((_, bases)) => bases.push(display),
            None => channels.push((&release.channel, vec![display])),
        }
    }
    channels.sort_by_key(|(channel, _)| {
        RISKS
            .iter()
            .position(|risk| risk == channel)
            .unwrap_or(RISKS.len())
    });
    let line = |(channel, bases): (&str, Vec<String>)| {
        format!(
            "channel {channel:?}: available bases are: {}",
            bases.join(", ")
        )
    };
    channels.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::transport::ApiErrorExtra;
    use super::*;

    fn request(channel: Option<&str>, base: Option<&str>) -> Request {
        Request {
            name: "db".to_owned(),
            channel: channel.map(|text| Channel::parse(text).unwrap()),
            revision: None,
            base: base.map(|channel| WantedBase {
                name: "ubuntu".to_owned(),
                channel: channel.to_owned(),
            }),
            arch: "amd64".to_owned(),
        }
    }

    fn base(architecture: &str, channel: &str) -> Base {
        Base {
            architecture: architecture.to_owned(),
            name: "ubuntu".to_owned(),
            channel: channel.to_owned(),
        }
    }

    fn error(code: &str, releases: &[(&str, Base)], default_bases: Vec<Base>) -> ApiError {
        let releases = releases.iter().map(|(channel, base)| Release {
            base: base.clone(),
            channel: (*channel).to_owned(),
        });
        ApiError {
            code: code.to_owned(),
            message: "M".to_owned(),
            extra: ApiErrorExtra {
                releases: releases.collect(),
                default_bases,
            },
        }
    }

    #[test]
    fn what_is_not_released_is_said_in_jujus_words() {
        let releases = [
            ("latest/stable", base("amd64", "20.04")),
            ("latest/stable", base("all", "22.04")),
            ("latest/stable", base("arm64", "24.04")),
            ("edge", base("amd64", "24.04")),
        ];
        let suggested = "\navailable releases are:\n  channel \"edge\": available bases are: ubuntu@24.04\n  \
                         channel \"latest/stable\": available bases are: ubuntu@20.04, ubuntu@22.04";
        for (channel, wanted_base, releases, expected) in [
            (
                None,
                None,
                &releases[..],
                format!(
                    "selecting releases: charm or bundle not found in the charm's default channel, base \"amd64\"{suggested}"
                ),
            ),
            (
                Some("14"),
                Some("18.04"),
                &releases[..],
                format!(
                    "selecting releases: charm or bundle not found for channel \"14/stable\", base \"amd64/ubuntu/18.04/stable\"{suggested}"
                ),
            ),
            (
                None,
                None,
                &[],
                "selecting releases: no releases available".to_owned(),
            ),
        ] {
            let error = error("revision-not-found", releases, Vec::new());
            assert_eq!(
                next_base(&request(channel, wanted_base), &error),
                Err(expected)
            );
        }
        assert_eq!(
            next_base(
                &request(None, None),
                &error("name-not-found", &[], Vec::new())
            ),
            Err("resolving error: M".to_owned())
        );
    }

    #[test]
    fn a_store_that_wants_a_base_gets_one_of_its_own() {
        let wanted = request(None, None);
        let error = |bases| error("invalid-charm-base", &[], bases);
        let found = next_base(
            &wanted,
            &error(vec![base("arm64", "24.04"), base("amd64", "22.04")]),
        );
        assert_eq!(found.unwrap().channel, "22.04");
        assert_eq!(
            next_base(&wanted, &error(vec![base("arm64", "24.04")])),
            Err("selecting next bases: bases matching architecture \"amd64\" not found".to_owned())
        );
        assert_eq!(
            next_base(&wanted, &error(Vec::new())),
            Err("selecting next bases: no bases available".to_owned())
        );
    }
}
