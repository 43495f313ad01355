//! `can-upgrade-to` in `juju status`.

use std::collections::BTreeMap;

use charmtest_charm::Base;

use super::super::command::Cx;
use super::{blocking, parse_name, request};
use crate::charm_store::channel::Channel;
use crate::charm_store::transport::StoreResource;
use crate::charm_store::{CharmStore, CharmStoreError, Request, Settings, WantedBase, resolve};
use crate::model::{Application, Model};

/// Makes the request for what an application follows; `None` when its charm is not from a store.
fn followed(model: &Model, app: &Application) -> Option<Request> {
    let row = model.charms.get(&app.charm)?;
    let channel = Channel::parse(app.channel.as_deref()?).ok()?;
    let name = parse_name(&row.url).ok().filter(|_| row.is_from_store())?;
    let base: Option<Base> = app.base.parse().ok();
    Some(Request {
        channel: Some(channel),
        base: base.map(|base| WantedBase {
            name: base.name,
            channel: base.channel,
        }),
        ..request(&name.name)
    })
}

/// Returns the resources that the stores on this machine have in another revision than an application that took them from there.
///
/// The network is left alone, and a store that cannot be read has nothing newer, as with [`upgrades`].
pub(in crate::cli) async fn resource_updates(
    cx: &Cx,
    model: &Model,
    app: &Application,
) -> Vec<StoreResource> {
    let from_store = |name: &str| app.resources.get(name)?.store_revision;
    let Some(wanted) = followed(model, app) else {
        return Vec::new();
    };
    let mut newer = ask_here(cx, move |store| Ok(resolve(store, &wanted)?.resources)).await;
    newer.retain(|resource| {
        from_store(&resource.name).is_some_and(|revision| revision != resource.revision)
    });
    newer.sort_by(|a, b| a.name.cmp(&b.name));
    newer
}

/// Returns the URLs of newer revisions, by application, for charms of stores on this machine.
///
/// Juju asks once a day; here the directories are looked at whenever the status is asked for. The network is left alone. A store that
/// cannot be read has nothing newer: a status must not fail because of it.
pub(in crate::cli) async fn upgrades(cx: &Cx, model: &Model) -> BTreeMap<String, String> {
    let mut all = Vec::new();
    for app in model.applications.values() {
        let (Some(row), Some(wanted)) = (model.charms.get(&app.charm), followed(model, app)) else {
            continue;
        };
        all.push((app.name.clone(), row.url.clone(), row.revision, wanted));
    }
    if all.is_empty() {
        return BTreeMap::new();
    }
    ask_here(cx, move |store| {
        let mut newer = BTreeMap::new();
        for (application, url, revision, wanted) in all {
            let newest = store
                .newest_here(&wanted)?
                .filter(|newest| *newest > revision);
            if let (Some(newest), Some((front, _))) = (newest, url.rsplit_once('-')) {
                newer.insert(application, format!("{front}-{newest}"));
            }
        }
        Ok(newer)
    })
    .await
}

/// Asks the stores on this machine, and never the network; answers nothing when they cannot be read.
async fn ask_here<T: Default + Send + 'static>(
    cx: &Cx,
    ask: impl FnOnce(&CharmStore) -> Result<T, CharmStoreError> + Send + 'static,
) -> T {
    let data = cx.hub.data.root().to_owned();
    let (cwd, env) = (cx.request.cwd.clone(), cx.request.env.clone());
    let answer = blocking(move || {
        let settings = Settings::read(&data, cwd.as_ref(), &env)?;
        let here = Settings {
            charmhub: false,
            ..settings
        };
        ask(&CharmStore::open(&here, "", &data, &env)?)
    });
    answer.await.unwrap_or_default()
}
