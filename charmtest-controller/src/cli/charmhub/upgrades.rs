//! `can-upgrade-to` in `juju status`.

use std::collections::BTreeMap;

use charmtest_charm::Base;

use super::super::command::Cx;
use super::{blocking, parse_name, request};
use crate::charm_store::channel::Channel;
use crate::charm_store::{CharmStore, Request, Settings, WantedBase};
use crate::model::Model;

/// Returns the URLs of newer revisions, by application, for charms of stores on this machine.
///
/// Juju asks once a day; here the directories are looked at whenever the status is asked for. The network is left alone. A store that
/// cannot be read has nothing newer: a status must not fail because of it.
pub(in crate::cli) async fn upgrades(cx: &Cx, model: &Model) -> BTreeMap<String, String> {
    let mut followed = Vec::new();
    for app in model.applications.values() {
        let Some(row) = model
            .charms
            .get(&app.charm)
            .filter(|row| row.is_from_store())
        else {
            continue;
        };
        let channel = app
            .channel
            .as_deref()
            .and_then(|text| Channel::parse(text).ok());
        let (Ok(name), Some(channel)) = (parse_name(&row.url), channel) else {
            continue;
        };
        let base: Option<Base> = app.base.parse().ok();
        let wanted = Request {
            channel: Some(channel),
            base: base.map(|base| WantedBase {
                name: base.name,
                channel: base.channel,
            }),
            ..request(&name.name)
        };
        followed.push((app.name.clone(), row.url.clone(), row.revision, wanted));
    }
    if followed.is_empty() {
        return BTreeMap::new();
    }
    let data = cx.hub.data.root().to_owned();
    let (cwd, env) = (cx.request.cwd.clone(), cx.request.env.clone());
    let found = blocking(move || {
        let settings = Settings::read(&data, cwd.as_ref(), &env)?;
        let here = Settings {
            charmhub: false,
            ..settings
        };
        let store = CharmStore::open(&here, "", &data, &env)?;
        let mut newer = BTreeMap::new();
        for (application, url, revision, wanted) in followed {
            let newest = store
                .newest_here(&wanted)?
                .filter(|newest| *newest > revision);
            if let (Some(newest), Some((front, _))) = (newest, url.rsplit_once('-')) {
                newer.insert(application, format!("{front}-{newest}"));
            }
        }
        Ok(newer)
    });
    found.await.unwrap_or_default()
}
