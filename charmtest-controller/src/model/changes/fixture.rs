//! Charms and models for tests.

use std::sync::Arc;

use charmtest_charm::{Actions, Charm, ConfigOptions, Manifest, Metadata};
use jiff::Timestamp;

use super::{Addresses, NewApplication, add_charm, deploy};
use crate::JujuVersion;
use crate::model::{Model, ModelInfo, ModelUuid, State};

/// Makes a charm out of more lines of `metadata.yaml`.
pub(crate) fn charm(name: &str, metadata: &str) -> Charm {
    let text = format!("name: {name}\nsummary: s\ndescription: d\n{metadata}\n");
    Charm {
        metadata: Metadata::parse("metadata.yaml", &text).unwrap(),
        config: ConfigOptions::default(),
        actions: Actions::default(),
        manifest: Manifest::parse(
            "manifest.yaml",
            "bases: [{name: ubuntu, channel: '22.04'}, {name: ubuntu, channel: '24.04'}]",
        )
        .unwrap(),
        lxd_profile: None,
        version: None,
    }
}

/// Makes a charm with options and actions.
pub(crate) fn full_charm(name: &str, metadata: &str, config: &str, actions: &str) -> Charm {
    Charm {
        config: ConfigOptions::parse("config.yaml", config).unwrap(),
        actions: Actions::parse("actions.yaml", actions).unwrap(),
        ..charm(name, metadata)
    }
}

/// Makes an empty model of a controller that speaks as Juju 3.6.
pub(crate) fn model() -> Model {
    model_of(JujuVersion::V3_6)
}

/// Makes an empty model of a controller that speaks as `juju`.
pub(crate) fn model_of(juju: JujuVersion) -> Model {
    let uuid = ModelUuid("11111111-2222".to_owned());
    Model::new(ModelInfo::new(
        juju,
        uuid,
        "m".to_owned(),
        Timestamp::UNIX_EPOCH,
    ))
}

/// Returns the addresses of a controller without models.
pub(crate) fn addresses() -> Addresses {
    Addresses::of(&state())
}

/// Returns the state of a controller without models.
pub(crate) fn state() -> State {
    State::new("c".to_owned(), Default::default())
}

/// Describes an application of a charm that is in the model.
pub(crate) fn new_application(name: &str, url: &str, units: u32) -> NewApplication {
    NewApplication {
        name: name.to_owned(),
        charm: url.to_owned(),
        units,
        settings: Vec::new(),
        trust: false,
        base: "ubuntu@22.04".to_owned(),
        channel: None,
        constraints: Default::default(),
        resources: Default::default(),
        placement: Vec::new(),
        storage: Default::default(),
        attach_storage: Vec::new(),
    }
}

/// Adds a charm and deploys it.
pub(crate) fn deployed(model: &mut Model, name: &str, charm: Charm, units: u32) {
    let url = add_charm(model, "sha", Arc::new(charm)).url;
    // Every application of a test has a model-wide unique machine number, so fresh addresses do not clash.
    deploy(
        model,
        &mut addresses(),
        new_application(name, &url, units),
        Timestamp::UNIX_EPOCH,
    )
    .unwrap();
}
