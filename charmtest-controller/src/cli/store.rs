//! The client store: the files in which other tools read which controllers and models there are.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use charmtest_charm::yaml_writer;
use serde_json::{Map, Value, json};

use super::target::{self, CLOUD, CONTROLLER, USER};
use crate::JujuVersion;
use crate::model::{Hub, State};

/// Two commands that end at the same moment must not write an older state over a newer one.
static WRITING: Mutex<()> = Mutex::new(());

/// Keeps others from writing the files of the client store as long as the guard lives.
pub(super) fn writing() -> MutexGuard<'static, ()> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Brings `controllers.yaml`, `models.yaml` and `accounts.yaml` in line with the state; what is right already is not touched.
///
/// # Errors
///
/// Fails when a file cannot be written; the old one is then still whole.
pub(super) fn refresh(hub: &Hub) -> io::Result<()> {
    let _writing = writing();
    let state = hub.snapshot();
    for (name, content) in [
        ("controllers.yaml", controllers(&state)),
        ("models.yaml", models(&state)),
        ("accounts.yaml", accounts()),
    ] {
        replace(&hub.data.root().join(name), &yaml_writer::to_yaml(&content))?;
    }
    Ok(())
}

fn controllers(state: &State) -> Value {
    let mut file = json!({
        "controllers": {
            CONTROLLER: {
                "uuid": state.controller,
                "api-endpoints": [],
                "ca-cert": "",
                "cloud": CLOUD,
                "region": CLOUD,
                "agent-version": state.juju.number(),
                "controller-machine-count": 0,
                "active-controller-machine-count": 0,
            },
        },
        "current-controller": CONTROLLER,
    });
    if state.juju == JujuVersion::V4_0 {
        file["has-controller-changed-on-previous-switch"] = false.into();
    }
    file
}

fn models(state: &State) -> Value {
    let entry = |model: &crate::model::Model| json!({ "uuid": model.info.uuid, "type": "iaas", "branch": "" });
    let models: Map<String, Value> = state
        .models
        .values()
        .map(|model| (target::full_name(model), entry(model)))
        .collect();
    let mut about = json!({ "models": crate::encode::sorted(&models.into()) });
    if let Some(current) = state.current_name() {
        about["current-model"] = current.into();
    }
    if let (JujuVersion::V4_0, Some(previous)) = (state.juju, &state.remembered.previous) {
        about["previous-model"] = previous.clone().into();
    }
    json!({ "controllers": { CONTROLLER: about } })
}

fn accounts() -> Value {
    json!({ "controllers": { CONTROLLER: { "user": USER, "last-known-access": "superuser" } } })
}

/// Replaces a file by one with `content`, readable by its owner alone, unless it says that already.
pub(super) fn replace(path: &Path, content: &str) -> io::Result<()> {
    if fs::read(path).is_ok_and(|present| present == content.as_bytes()) {
        return Ok(());
    }
    let fresh = path.with_extension("yaml.new");
    let mut file = fs::File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(content.as_bytes())?;
    fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::testing::Controller;

    #[test]
    fn the_files_follow_the_commands() {
        let c = Controller::new();
        c.juju("add-model b").ok();
        c.juju("add-model a").ok();
        c.juju("switch b").ok();
        let path = c.hub.data.root().join("models.yaml");
        let read = || {
            charmtest_charm::yaml::parse_value(
                "models.yaml",
                &std::fs::read_to_string(&path).unwrap(),
            )
            .unwrap()
        };
        let about = read()["controllers"]["embedded"].clone();
        assert_eq!(about["current-model"], "admin/b");
        assert_eq!(
            about["models"]
                .as_object()
                .unwrap()
                .keys()
                .collect::<Vec<_>>(),
            ["admin/a", "admin/b"]
        );
        assert_eq!(about["models"]["admin/b"]["type"], "iaas");
        c.juju("destroy-model --no-prompt b").ok();
        let about = read()["controllers"]["embedded"].clone();
        assert!(
            about.get("current-model").is_none() && about["models"].get("admin/b").is_none(),
            "{about}"
        );
        for name in ["controllers.yaml", "models.yaml", "accounts.yaml"] {
            let meta = std::fs::metadata(c.hub.data.root().join(name)).unwrap();
            assert_eq!(meta.permissions().mode() & 0o777, 0o600, "{name}");
        }
    }
}
