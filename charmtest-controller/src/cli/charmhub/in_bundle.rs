//! Charms of a store in bundles.

use std::collections::BTreeMap;
use std::sync::Arc;

use charmtest_charm::Charm;
use charmtest_charm::bundle::Application;
use serde_json::Value;

use super::super::command::{Cx, Failure};
use super::deploy::{Given, fetch, of_store, upload_given};
use super::{
    blocking, open, parse_base, parse_channel, parse_name, refuse_bundle, request, url_of_model,
};
use crate::charm_store::{CharmStore, Resolved, resolve};
use crate::model::ResourceRow;
use crate::model::changes::{self, ChangeError};

/// The charm stores of a deployment, opened when the first charm of one is needed.
#[derive(Debug, Default)]
pub(in crate::cli) struct BundleStore(Option<Arc<CharmStore>>);

/// Returns the name by which a charm of a store is known: `ch:amd64/jammy/db-5` is `db`.
pub(in crate::cli) fn bare_name(charm: &str) -> String {
    parse_name(charm).map_or_else(|_| charm.to_owned(), |named| named.name)
}

impl BundleStore {
    async fn open(&mut self, cx: &Cx) -> Result<Arc<CharmStore>, Failure> {
        if let Some(store) = &self.0 {
            return Ok(Arc::clone(store));
        }
        let store = open(cx, &url_of_model(cx)?).await?;
        Ok(Arc::clone(self.0.insert(store)))
    }

    /// Finds the revision of a charm that an application of a bundle gets; `base` is empty when nothing says it.
    ///
    /// # Errors
    ///
    /// Fails in Juju's words when the store has no such charm, or there is no store.
    pub(in crate::cli) async fn resolve(
        &mut self,
        cx: &Cx,
        app: &Application,
        base: &str,
        arch: &str,
    ) -> Result<Resolved, Failure> {
        let store = self.open(cx).await?;
        let named = parse_name(&app.charm).map_err(Failure::Failed)?;
        let base = base.split('/').next().unwrap_or_default();
        let wanted = crate::charm_store::Request {
            channel: parse_channel(Some(&app.channel))?,
            revision: app.revision.and_then(|revision| revision.try_into().ok()),
            base: parse_base(Some(base))?,
            arch: arch.to_owned(),
            ..request(&named.name)
        };
        let found = blocking(move || resolve(&store, &wanted)).await?;
        refuse_bundle(&found.name, &found.kind)?;
        Ok(found)
    }

    /// Brings a charm into the command's model and returns its URL there.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be downloaded or is no charm.
    pub(in crate::cli) async fn add(
        &mut self,
        cx: &Cx,
        found: &Resolved,
    ) -> Result<String, Failure> {
        let store = self.open(cx).await?;
        let package = fetch(cx, &store, found).await?;
        let row = cx.change(|model| {
            Ok::<_, ChangeError>(changes::add_store_charm(
                model,
                &found.name,
                found.revision,
                &package.sha256,
                Arc::clone(&package.charm),
            ))
        })?;
        Ok(row.url)
    }

    /// Copies the resources of an application into the controller: those that the bundle gives as files, images or revisions, and those
    /// that go with the charm.
    ///
    /// # Errors
    ///
    /// Fails when one cannot be read or downloaded.
    pub(in crate::cli) async fn resources(
        &mut self,
        cx: &Cx,
        found: &Resolved,
        charm: &Charm,
        given: &BTreeMap<String, Value>,
    ) -> Result<BTreeMap<String, ResourceRow>, Failure> {
        let store = self.open(cx).await?;
        let mut named = Given::default();
        for (name, value) in given {
            match value {
                Value::Number(revision) => {
                    let number = revision.as_u64().and_then(|number| number.try_into().ok());
                    named
                        .revisions
                        .extend(number.map(|number| (name.clone(), number)));
                }
                Value::String(path) => drop(named.uploads.insert(name.clone(), path.clone())),
                _ => {}
            }
        }
        let mut rows = of_store(cx, &store, found, charm, &named, |_| true).await?;
        let (uploaded, failed) = upload_given(cx, charm, &named).await;
        if let Some(why) = failed {
            return Err(Failure::Failed(why));
        }
        rows.extend(uploaded);
        Ok(rows)
    }
}
