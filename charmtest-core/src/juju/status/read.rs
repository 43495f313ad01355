//! Reading a status from JSON.

use super::{
    Application, Base, Machine, ModelInfo, Offer, Relation, RemoteApplication, Status, StatusInfo,
    Unit,
};
use crate::juju::read::{Misshapen, Object, Read};
use serde_json::Value;

impl Read for Status {
    fn read(value: &Value) -> Result<Self, Misshapen> {
        let object = Object::of(value)?;
        Ok(Self {
            model: object.get("model")?,
            machines: object.get("machines")?,
            applications: object.get("applications")?,
            application_endpoints: object.get("application-endpoints")?,
            offers: object.get("offers")?,
            storage: object.get("storage")?,
        })
    }
}

impl Read for ModelInfo {
    fn read(value: &Value) -> Result<Self, Misshapen> {
        let object = Object::of(value)?;
        Ok(Self {
            name: object.get("name")?,
            kind: object.get("type")?,
            controller: object.get("controller")?,
            cloud: object.get("cloud")?,
            region: object.get("region")?,
            version: object.get("version")?,
            status: object.get("model-status")?,
        })
    }
}

impl Read for StatusInfo {
    fn read(value: &Value) -> Result<Self, Misshapen> {
        let object = Object::of(value)?;
        if let Some(failed) = status_error(&object)? {
            return Ok(failed);
        }
        Ok(Self {
            current: object.get("current")?,
            message: object.get("message")?,
            reason: object.get("reason")?,
            since: object.get("since")?,
            version: object.get("version")?,
            life: object.get("life")?,
            status_error: String::new(),
        })
    }
}

impl Read for Base {
    fn read(value: &Value) -> Result<Self, Misshapen> {
        let object = Object::of(value)?;
        Ok(Self {
            name: object.get("name")?,
            channel: object.get("channel")?,
        })
    }
}

impl Read for Application {
    fn read(value: &Value) -> Result<Self, Misshapen> {
        let object = Object::of(value)?;
        let application = Self {
            charm: object.get("charm")?,
            charm_origin: object.get("charm-origin")?,
            charm_name: object.get("charm-name")?,
            charm_rev: object.get("charm-rev")?,
            charm_channel: object.get("charm-channel")?,
            charm_version: object.get("charm-version")?,
            can_upgrade_to: object.get("can-upgrade-to")?,
            base: object.get("base")?,
            series: object.get("series")?,
            scale: object.get("scale")?,
            provider_id: object.get("provider-id")?,
            address: object.get("address")?,
            exposed: object.get("exposed")?,
            life: object.get("life")?,
            status: object.get("application-status")?,
            relations: object.get("relations")?,
            subordinate_to: object.get("subordinate-to")?,
            units: object.get("units")?,
            version: object.get("version")?,
            endpoint_bindings: object.get("endpoint-bindings")?,
        };
        Ok(match status_error(&object)? {
            Some(status) => Self {
                status,
                charm_rev: -1,
                ..application
            },
            None => application,
        })
    }
}

impl Read for Relation {
    /// Juju 2.9 prints only the name of the related application.
    fn read(value: &Value) -> Result<Self, Misshapen> {
        if let Value::String(related_application) = value {
            return Ok(Self {
                related_application: related_application.clone(),
                ..Self::default()
            });
        }
        let object = Object::of(value)?;
        Ok(Self {
            related_application: object.get("related-application")?,
            interface: object.get("interface")?,
            scope: object.get("scope")?,
        })
    }
}

impl Read for Unit {
    fn read(value: &Value) -> Result<Self, Misshapen> {
        let object = Object::of(value)?;
        let unit = Self {
            workload: object.get("workload-status")?,
            agent: object.get("juju-status")?,
            leader: object.get("leader")?,
            upgrading_from: object.get("upgrading-from")?,
            machine: object.get("machine")?,
            open_ports: object.get("open-ports")?,
            public_address: object.get("public-address")?,
            address: object.get("address")?,
            provider_id: object.get("provider-id")?,
            subordinates: object.get("subordinates")?,
        };
        Ok(match status_error(&object)? {
            Some(failed) => Self {
                workload: failed.clone(),
                agent: failed,
                ..unit
            },
            None => unit,
        })
    }
}

impl Read for Machine {
    fn read(value: &Value) -> Result<Self, Misshapen> {
        let object = Object::of(value)?;
        let machine = Self {
            agent: object.get("juju-status")?,
            instance: object.get("machine-status")?,
            hostname: object.get("hostname")?,
            dns_name: object.get("dns-name")?,
            ip_addresses: object.get("ip-addresses")?,
            instance_id: object.get("instance-id")?,
            base: object.get("base")?,
            hardware: object.get("hardware")?,
            containers: object.get("containers")?,
        };
        Ok(match status_error(&object)? {
            Some(failed) => Self {
                agent: failed.clone(),
                instance: failed,
                ..machine
            },
            None => machine,
        })
    }
}

impl Read for RemoteApplication {
    fn read(value: &Value) -> Result<Self, Misshapen> {
        let object = Object::of(value)?;
        Ok(Self {
            url: object.get("url")?,
            life: object.get("life")?,
            status: object.get("application-status")?,
            relations: object.get("relations")?,
        })
    }
}

impl Read for Offer {
    fn read(value: &Value) -> Result<Self, Misshapen> {
        let object = Object::of(value)?;
        Ok(Self {
            application: object.get("application")?,
            total_connected_count: object.get("total-connected-count")?,
            active_connected_count: object.get("active-connected-count")?,
        })
    }
}

/// Returns the status `failed` if the controller could not tell about this object.
fn status_error(object: &Object<'_>) -> Result<Option<StatusInfo>, Misshapen> {
    let message: String = object.get("status-error")?;
    Ok((!message.is_empty()).then(|| StatusInfo {
        current: "failed".to_owned(),
        message: message.clone(),
        status_error: message,
        ..StatusInfo::default()
    }))
}
