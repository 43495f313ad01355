//! The environment of a hook: a pure function of the model.
//!
//! It is made from nothing, as Juju does: no `HOME`, no `USER`, nothing of the daemon's own environment. Charms that need such a
//! variable fail here as they fail on a real machine.

use std::collections::BTreeMap;
use std::path::Path;

use super::context::HookContext;
use super::hook::{Hook, RelationEvent};
use crate::JujuVersion;
use crate::model::{Model, Task, Unit};
use crate::paths::DataDir;

/// The part of `PATH` after the hook tools, as on a machine that Juju made.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where the controller's API is said to be. Nothing listens there: tools and clients talk to the daemon's socket.
const API_ADDRESS: &str = "127.0.0.1:17070";

/// Returns all variables of the hook or action that `context` is for.
pub(crate) fn environment(
    model: &Model,
    unit: &Unit,
    context: &HookContext,
    data: &DataDir,
) -> BTreeMap<String, String> {
    let agent = data.agent(&context.model, &unit.name);
    let mut env = Variables::default();
    env.set("CHARM_DIR", path(&agent.join("charm")));
    env.set("JUJU_CHARM_DIR", path(&agent.join("charm")));
    env.set("JUJU_CONTEXT_ID", &context.id);
    env.set(
        "JUJU_HOOK_NAME",
        context
            .hook
            .as_ref()
            .map(|hook| hook.name())
            .unwrap_or_default(),
    );
    env.set("JUJU_AGENT_SOCKET_ADDRESS", path(&data.socket()));
    env.set("JUJU_AGENT_SOCKET_NETWORK", "unix");
    env.set("JUJU_UNIT_NAME", unit.name.as_str());
    env.set("JUJU_MODEL_UUID", &context.model.0);
    env.set("JUJU_MODEL_NAME", &model.info.name);
    env.set("JUJU_API_ADDRESSES", API_ADDRESS);
    if model.info.juju == JujuVersion::V4_0 {
        // Nothing is traced here; a 4.0 without tracing has them too, empty.
        for name in ["HTTP", "GRPC", "CA_CERT"] {
            env.set(&format!("JUJU_CHARM_TRACE_CONFIG_{name}"), "");
        }
    }
    if model.info.juju == JujuVersion::V3_6 {
        env.set("JUJU_SLA", "unsupported");
    }
    env.set("JUJU_MACHINE_ID", &unit.machine);
    env.set(
        "JUJU_PRINCIPAL_UNIT",
        unit.principal
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    );
    env.set("JUJU_AVAILABILITY_ZONE", "");
    env.set("JUJU_VERSION", model.info.juju.number());
    env.set("CLOUD_API_VERSION", "");
    env.set("LANG", "C.UTF-8");
    env.set("TERM", "tmux-256color");
    env.set("APT_LISTCHANGES_FRONTEND", "none");
    env.set("DEBIAN_FRONTEND", "noninteractive");
    env.set("PATH", format!("{}:{SYSTEM_PATH}", data.tools().display()));
    add_proxies(&mut env, model);
    add_relation(&mut env, context);
    add_secret(&mut env, context);
    add_storage(&mut env, context);
    add_action(&mut env, context);
    if let Some(path) = dispatch_path(context) {
        env.set("JUJU_DISPATCH_PATH", path);
    }
    env.0
}

/// Returns the variables of a command on a machine: none of Juju's own, which belong to the context of a unit (recorded).
pub(crate) fn command_environment(model: &Model, data: &DataDir) -> BTreeMap<String, String> {
    let mut env = Variables::default();
    env.set("LANG", "C.UTF-8");
    env.set("PATH", format!("{}:{SYSTEM_PATH}", data.tools().display()));
    add_proxies(&mut env, model);
    env.0.retain(|name, _| !name.starts_with("JUJU_"));
    env.0
}

/// Returns what is to be run, relative to the charm directory: `hooks/install`, `actions/backup`; nothing for `juju exec`.
pub(crate) fn dispatch_path(context: &HookContext) -> Option<String> {
    if let Some(hook) = &context.hook {
        return Some(format!("hooks/{}", hook.name()));
    }
    let action = context.action.as_ref()?;
    (action.name != Task::EXEC).then(|| format!("actions/{}", action.name))
}

#[derive(Default)]
struct Variables(BTreeMap<String, String>);

impl Variables {
    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

fn add_proxies(env: &mut Variables, model: &Model) {
    let config = |key: &str| model.config(key).unwrap_or_default().to_owned();
    for kind in ["http", "https", "ftp"] {
        env.set(
            &format!("JUJU_CHARM_{}_PROXY", kind.to_uppercase()),
            config(&format!("juju-{kind}-proxy")),
        );
    }
    env.set("JUJU_CHARM_NO_PROXY", config("juju-no-proxy"));
    // The older settings reach every program of the charm; without a proxy there is nothing to except from it.
    let legacy: Vec<(&str, String)> = ["http", "https", "ftp"]
        .map(|kind| (kind, config(&format!("{kind}-proxy"))))
        .into_iter()
        .filter(|(_, url)| !url.is_empty())
        .collect();
    if legacy.is_empty() {
        return;
    }
    for (kind, value) in legacy.into_iter().chain([("no", config("no-proxy"))]) {
        env.set(&format!("{kind}_proxy"), value.as_str());
        env.set(&format!("{}_PROXY", kind.to_uppercase()), value);
    }
}

fn add_relation(env: &mut Variables, context: &HookContext) {
    let Some(hook) = context.relation() else {
        return;
    };
    let unit_name = |unit: &Option<crate::model::UnitName>| {
        unit.as_ref().map(ToString::to_string).unwrap_or_default()
    };
    env.set("JUJU_RELATION", &hook.endpoint);
    env.set(
        "JUJU_RELATION_ID",
        format!("{}:{}", hook.endpoint, hook.relation),
    );
    env.set("JUJU_REMOTE_APP", &hook.remote_application);
    env.set("JUJU_REMOTE_UNIT", unit_name(&hook.remote_unit));
    if hook.event == RelationEvent::Departed {
        env.set("JUJU_DEPARTING_UNIT", unit_name(&hook.departing_unit));
    }
}

fn add_secret(env: &mut Variables, context: &HookContext) {
    let Some(Hook::Secret(hook)) = &context.hook else {
        return;
    };
    env.set("JUJU_SECRET_ID", &hook.uri);
    env.set("JUJU_SECRET_LABEL", &hook.label);
    if let Some(revision) = hook.numbered() {
        env.set("JUJU_SECRET_REVISION", revision.to_string());
    }
}

/// Names the storage of a storage hook; nothing when it is not there any more.
fn add_storage(env: &mut Variables, context: &HookContext) {
    let instance = context
        .storage()
        .and_then(|hook| context.base.storage.get(&hook.storage));
    let held = instance.and_then(|instance| instance.attachment_of(&context.unit));
    let location = held.and_then(|held| held.location.as_deref());
    if let (Some(instance), Some(location)) = (instance, location) {
        env.set("JUJU_STORAGE_ID", instance.id.to_string());
        env.set("JUJU_STORAGE_LOCATION", location);
        env.set("JUJU_STORAGE_KIND", instance.kind.as_str());
    }
}

fn add_action(env: &mut Variables, context: &HookContext) {
    let Some(action) = &context.action else {
        return;
    };
    env.set("JUJU_ACTION_NAME", &action.name);
    env.set("JUJU_ACTION_UUID", action.task.to_string());
    env.set("JUJU_ACTION_TAG", format!("action-{}", action.task));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::super::context::ActionContext;
    use super::super::hook::{Hook, RelationHook};
    use super::super::simulation::{Simulation, unit};
    use super::*;

    /// The variables of the first hook of a unit, recorded with Juju 4.0.15, less those of 4.0 alone, and `JUJU_SLA` of 3.6.
    const RECORDED: [&str; 26] = [
        "APT_LISTCHANGES_FRONTEND",
        "CHARM_DIR",
        "CLOUD_API_VERSION",
        "DEBIAN_FRONTEND",
        "JUJU_AGENT_SOCKET_ADDRESS",
        "JUJU_AGENT_SOCKET_NETWORK",
        "JUJU_API_ADDRESSES",
        "JUJU_AVAILABILITY_ZONE",
        "JUJU_CHARM_DIR",
        "JUJU_CHARM_FTP_PROXY",
        "JUJU_CHARM_HTTPS_PROXY",
        "JUJU_CHARM_HTTP_PROXY",
        "JUJU_CHARM_NO_PROXY",
        "JUJU_CONTEXT_ID",
        "JUJU_DISPATCH_PATH",
        "JUJU_HOOK_NAME",
        "JUJU_MACHINE_ID",
        "JUJU_MODEL_NAME",
        "JUJU_MODEL_UUID",
        "JUJU_PRINCIPAL_UNIT",
        "JUJU_SLA",
        "JUJU_UNIT_NAME",
        "JUJU_VERSION",
        "LANG",
        "PATH",
        "TERM",
    ];

    fn variables(
        hook: Option<Hook>,
        action: Option<ActionContext>,
        config: &[(&str, &str)],
    ) -> BTreeMap<String, String> {
        variables_in(JujuVersion::V3_6, hook, action, config)
    }

    fn variables_in(
        juju: JujuVersion,
        hook: Option<Hook>,
        action: Option<ActionContext>,
        config: &[(&str, &str)],
    ) -> BTreeMap<String, String> {
        let mut sim = Simulation::of(juju);
        sim.deploy("srv", "peers: {ring: {interface: ring}}", 1);
        for (key, value) in config {
            sim.model
                .info_mut()
                .config
                .insert((*key).to_owned(), (*value).to_owned());
        }
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path()).unwrap();
        let context = HookContext::new(
            "srv/0-x-1".to_owned(),
            unit("srv/0"),
            hook,
            action,
            Arc::new(sim.model.clone()),
        );
        environment(&sim.model, sim.unit("srv/0"), &context, &data)
    }

    #[test]
    fn a_plain_hook_has_the_recorded_variables_and_no_others() {
        let env = variables(Some(Hook::Install), None, &[]);
        assert_eq!(env.keys().map(String::as_str).collect::<Vec<_>>(), RECORDED);
        assert_eq!(env["JUJU_DISPATCH_PATH"], "hooks/install");
        assert_eq!(env["JUJU_CHARM_NO_PROXY"], "127.0.0.1,localhost,::1");
        assert!(env["JUJU_CHARM_DIR"].ends_with("/agents/unit-srv-0/charm"));
        assert!(
            env["PATH"]
                .ends_with("/tools:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        );
    }

    #[test]
    fn what_differs_in_4_0() {
        let env = variables_in(JujuVersion::V4_0, Some(Hook::Install), None, &[]);
        assert_eq!(
            added(&env),
            [
                "JUJU_CHARM_TRACE_CONFIG_CA_CERT=",
                "JUJU_CHARM_TRACE_CONFIG_GRPC=",
                "JUJU_CHARM_TRACE_CONFIG_HTTP="
            ]
        );
        let missing: Vec<&str> = RECORDED
            .into_iter()
            .filter(|name| !env.contains_key(*name))
            .collect();
        assert_eq!(missing, ["JUJU_SLA"]);
        assert_eq!(env["JUJU_VERSION"], "4.0.15");
    }

    fn added(env: &BTreeMap<String, String>) -> Vec<String> {
        let plain: BTreeSet<&str> = RECORDED.into_iter().collect();
        env.iter()
            .filter(|(key, _)| !plain.contains(key.as_str()))
            .map(|(key, value)| format!("{key}={value}"))
            .collect()
    }

    #[test]
    fn relation_hooks_name_the_other_side() {
        let mut hook = RelationHook {
            event: RelationEvent::Changed,
            relation: 7,
            endpoint: "db".to_owned(),
            remote_application: "cli".to_owned(),
            remote_unit: None,
            departing_unit: None,
        };
        let env = variables(Some(Hook::Relation(hook.clone())), None, &[]);
        assert_eq!(
            added(&env),
            [
                "JUJU_RELATION=db",
                "JUJU_RELATION_ID=db:7",
                "JUJU_REMOTE_APP=cli",
                "JUJU_REMOTE_UNIT="
            ]
        );
        assert_eq!(env["JUJU_HOOK_NAME"], "db-relation-changed");
        hook.event = RelationEvent::Departed;
        hook.remote_unit = Some(unit("cli/0"));
        hook.departing_unit = Some(unit("srv/0"));
        let env = variables(Some(Hook::Relation(hook)), None, &[]);
        assert_eq!(
            (
                env["JUJU_REMOTE_UNIT"].as_str(),
                env["JUJU_DEPARTING_UNIT"].as_str()
            ),
            ("cli/0", "srv/0")
        );
    }

    #[test]
    fn actions_and_commands() {
        let action = |name: &str| ActionContext {
            task: 2,
            name: name.to_owned(),
            ..ActionContext::default()
        };
        let env = variables(None, Some(action("backup")), &[]);
        assert_eq!(
            added(&env),
            [
                "JUJU_ACTION_NAME=backup",
                "JUJU_ACTION_TAG=action-2",
                "JUJU_ACTION_UUID=2"
            ]
        );
        assert_eq!(
            (
                env["JUJU_HOOK_NAME"].as_str(),
                env["JUJU_DISPATCH_PATH"].as_str()
            ),
            ("", "actions/backup")
        );
        let env = variables(None, Some(action(Task::EXEC)), &[]);
        assert!(!env.contains_key("JUJU_DISPATCH_PATH"));
    }

    #[test]
    fn proxies_come_from_the_model_configuration() {
        let env = variables(
            Some(Hook::Start),
            None,
            &[("http-proxy", "http://p"), ("juju-https-proxy", "http://q")],
        );
        assert_eq!(
            added(&env),
            [
                "HTTP_PROXY=http://p",
                "NO_PROXY=127.0.0.1,localhost,::1",
                "http_proxy=http://p",
                "no_proxy=127.0.0.1,localhost,::1"
            ]
        );
        assert_eq!(env["JUJU_CHARM_HTTPS_PROXY"], "http://q");
    }
}
