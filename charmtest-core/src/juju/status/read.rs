//! Reading a status from JSON, field by field.
//!
//! By hand and not derived: every test author compiles this crate, of which the derived code was a large part.

use super::{
    Application, Base, Machine, ModelInfo, Offer, Relation, RemoteApplication, Status, StatusInfo,
    Unit,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// What can be read from JSON. Its default value stands for `null` and for what is missing.
pub(super) trait Read: Default {
    fn read(value: &Value) -> Result<Self, Misshapen>;
}

/// Where JSON has another shape than it should have.
#[derive(Debug)]
pub(super) struct Misshapen {
    /// The keys that lead there, the innermost first.
    path: Vec<String>,
    expected: &'static str,
}

impl Misshapen {
    fn new(expected: &'static str) -> Self {
        Self {
            path: Vec::new(),
            expected,
        }
    }
}

impl fmt::Display for Misshapen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            return write!(f, "it is not {}", self.expected);
        }
        let path: Vec<&str> = self.path.iter().rev().map(String::as_str).collect();
        write!(f, "`{}` is not {}", path.join("."), self.expected)
    }
}

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
        if let Some(failed) = object.status_error()? {
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
        Ok(match object.status_error()? {
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
        Ok(match object.status_error()? {
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
        Ok(match object.status_error()? {
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

/// A JSON object under reading.
struct Object<'a>(&'a Map<String, Value>);

impl<'a> Object<'a> {
    fn of(value: &'a Value) -> Result<Self, Misshapen> {
        value
            .as_object()
            .map(Self)
            .ok_or_else(|| Misshapen::new("an object"))
    }

    fn get<T: Read>(&self, key: &str) -> Result<T, Misshapen> {
        read_at(key, self.0.get(key).unwrap_or(&Value::Null))
    }

    /// Returns the status `failed` if the controller could not tell about this object.
    fn status_error(&self) -> Result<Option<StatusInfo>, Misshapen> {
        let message: String = self.get("status-error")?;
        Ok((!message.is_empty()).then(|| StatusInfo {
            current: "failed".to_owned(),
            message: message.clone(),
            status_error: message,
            ..StatusInfo::default()
        }))
    }
}

fn read_at<T: Read>(key: &str, value: &Value) -> Result<T, Misshapen> {
    if value.is_null() {
        return Ok(T::default());
    }
    T::read(value).map_err(|mut error| {
        error.path.push(key.to_owned());
        error
    })
}

impl<T: Read> Read for BTreeMap<String, T> {
    fn read(value: &Value) -> Result<Self, Misshapen> {
        // A loop: collecting would sort, and be compiled once more for each type.
        let mut map = Self::new();
        for (key, value) in Object::of(value)?.0 {
            map.insert(key.clone(), read_at(key, value)?);
        }
        Ok(map)
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(value: &Value) -> Result<Self, Misshapen> {
        let items = value.as_array().ok_or_else(|| Misshapen::new("a list"))?;
        let item = |(at, item): (usize, &Value)| read_at(&at.to_string(), item);
        items.iter().enumerate().map(item).collect()
    }
}

impl<T: Read> Read for Option<T> {
    fn read(value: &Value) -> Result<Self, Misshapen> {
        T::read(value).map(Some)
    }
}

impl Read for Value {
    fn read(value: &Value) -> Result<Self, Misshapen> {
        Ok(value.clone())
    }
}

/// Says which JSON a plain type is read from.
macro_rules! plain {
    ($($kind:ty: $expected:literal, $read:expr;)*) => {$(
        impl Read for $kind {
            fn read(value: &Value) -> Result<Self, Misshapen> {
                let read: fn(&Value) -> Option<Self> = $read;
                read(value).ok_or_else(|| Misshapen::new($expected))
            }
        }
    )*};
}

plain! {
    String: "a text", |value| value.as_str().map(str::to_owned);
    bool: "a boolean", Value::as_bool;
    i64: "a whole number", Value::as_i64;
    u64: "a whole number of 0 or more", Value::as_u64;
    usize: "a whole number of 0 or more", |value| value.as_u64()?.try_into().ok();
}
