//! Credentials: the one of the controller, and those in the client store's `credentials.yaml`.

use charmtest_charm::{yaml, yaml_writer};
use serde_json::{Map, Value, json};

use super::client_files::{self, CREDENTIALS};
use super::clouds::{self, CLIENT_FLAG, CONTROLLER_FLAG, FILE_FLAG, Sides};
use super::command::{Command, Cx, Failure, Scope, at_most, first_of};
use super::models::CREDENTIAL;
use super::table::TextTable;
use super::target::{CLOUD, USER};
use crate::flags::Flag;

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("credentials", "Lists Juju credentials for a cloud.", |cx| {
        Box::pin(credentials(cx))
    })
    .aliases(&["list-credentials"])
    .args("[<cloud name>]", |args| at_most(args, 1))
    .scope(Scope::Client)
    .formats(&["tabular", "json", "yaml"])
    .flags(&[CONTROLLER_FLAG, CLIENT_FLAG, SHOW_SECRETS]),
    Command::new(
        "show-credential",
        "Shows credential information stored either on this client or on a controller.",
        |cx| Box::pin(show_credential(cx)),
    )
    .aliases(&["show-credentials"])
    .args("[<cloud name> <credential name>]", |args| {
        match args.positionals.len() {
            0 | 2 => Ok(()),
            1 => Err("both cloud and credential name are needed".to_owned()),
            _ => at_most(args, 2),
        }
    })
    .scope(Scope::Client)
    .formats(&["yaml"])
    .flags(&[CONTROLLER_FLAG, CLIENT_FLAG, SHOW_SECRETS]),
    Command::new("add-credential", "Adds a credential for a cloud.", |cx| {
        Box::pin(add(cx))
    })
    .args("<cloud name>", |args| {
        first_of(
            args,
            1,
            "Usage: juju add-credential <cloud-name> [-f <credentials.yaml>]",
        )
    })
    .scope(Scope::Client)
    .flags(&[CONTROLLER_FLAG, CLIENT_FLAG, FILE_FLAG, REGION]),
    Command::new(
        "update-credential",
        "Updates a controller credential for a cloud.",
        |cx| Box::pin(update(cx)),
    )
    .aliases(&["update-credentials"])
    .args("[<cloud-name> [<credential-name>]]", |args| {
        at_most(args, 2)
    })
    .scope(Scope::Client)
    .flags(&[
        CONTROLLER_FLAG,
        CLIENT_FLAG,
        FILE_FLAG,
        REGION,
        Flag::switch(
            &["force"],
            "Force update controller side credential, ignore validation errors",
        ),
    ]),
    Command::new(
        "remove-credential",
        "Removes Juju credentials for a cloud.",
        |cx| Box::pin(remove(cx)),
    )
    .args("<cloud name> <credential name>", |args| {
        match args.positionals.len() {
            2 => Ok(()),
            _ => Err("Usage: juju remove-credential <cloud-name> <credential-name>".to_owned()),
        }
    })
    .scope(Scope::Client)
    .flags(&[
        CONTROLLER_FLAG,
        CLIENT_FLAG,
        Flag::switch(
            &["force"],
            "Force remove controller side credential, ignore validation errors",
        ),
    ]),
    Command::new(
        "default-credential",
        "Get, set, or unset the default credential for a cloud on this client.",
        |cx| Box::pin(default(cx, &DEFAULT_CREDENTIAL)),
    )
    .aliases(&["set-default-credentials"])
    .args("<cloud name> [<credential name>]", |args| {
        first_of(
            args,
            2,
            "Usage: juju default-credential <cloud-name> [<credential-name>]",
        )
    })
    .scope(Scope::Client)
    .flags(&[RESET]),
    Command::new(
        "default-region",
        "Sets the default region for a cloud.",
        |cx| Box::pin(default(cx, &DEFAULT_REGION)),
    )
    .aliases(&["set-default-region"])
    .args("<cloud name> [<region>]", |args| {
        first_of(
            args,
            2,
            "Usage: juju default-region <cloud-name> [<region>]",
        )
    })
    .scope(Scope::Client)
    .flags(&[RESET]),
];

const SHOW_SECRETS: Flag = Flag::switch(&["show-secrets"], "Show secrets");
const REGION: Flag = Flag::text(&["region"], "Cloud region that credential is valid for");
const RESET: Flag = Flag::switch(&["reset"], "Reset the default for the cloud");

/// Attributes that are shown only with `--show-secrets`.
const HIDDEN: [&str; 10] = [
    "application-password",
    "client-key",
    "file",
    "password",
    "private-key",
    "secret-key",
    "Token",
    "token",
    "trust-password",
    "trust-token",
];

/// Keys of a cloud's credentials that are no credentials.
const DEFAULTS: [&str; 2] = ["default-credential", "default-region"];

/// Describes the credentials of one cloud; `nested` as JSON has it, flat as YAML does.
fn described(own: &Value, secrets: bool, nested: bool) -> Value {
    let mut map = Map::new();
    for key in DEFAULTS {
        if let Some(text) = own[key].as_str() {
            map.insert(key.to_owned(), text.into());
        }
    }
    let all = own.as_object().into_iter().flatten();
    let mut found: Vec<(String, Value)> = all
        .filter(|(name, value)| !DEFAULTS.contains(&name.as_str()) && value.is_object())
        .map(|(name, value)| (name.clone(), one(value, secrets, nested)))
        .collect();
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    if nested {
        map.insert(
            "cloud-credentials".to_owned(),
            Value::Object(found.into_iter().collect()),
        );
    } else {
        map.extend(found);
    }
    Value::Object(map)
}

fn one(value: &Value, secrets: bool, nested: bool) -> Value {
    let mut map = Map::new();
    map.insert("auth-type".to_owned(), value["auth-type"].clone());
    let attributes = value.as_object().into_iter().flatten();
    let mut details: Vec<(String, Value)> = attributes
        .filter(|(key, _)| *key != "auth-type")
        .filter(|(key, _)| secrets || !HIDDEN.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    details.sort_by(|(a, _), (b, _)| a.cmp(b));
    if !nested {
        map.extend(details);
    } else if !details.is_empty() {
        map.insert(
            "details".to_owned(),
            Value::Object(details.into_iter().collect()),
        );
    }
    Value::Object(map)
}

fn of_controller() -> Map<String, Value> {
    let own = json!({ CREDENTIAL: { "auth-type": "certificate" } });
    Map::from_iter([(CLOUD.to_owned(), own)])
}

async fn credentials(cx: &Cx) -> Result<(), Failure> {
    let sides = Sides::of(&cx.args)?;
    let wanted = cx.positionals().first();
    let pick = |all: Map<String, Value>| -> Map<String, Value> {
        let named = all
            .into_iter()
            .filter(|(cloud, _)| wanted.is_none_or(|wanted| wanted == cloud));
        named.collect()
    };
    let controller = if sides.controller {
        pick(of_controller())
    } else {
        Map::new()
    };
    let client = if sides.client {
        pick(client_files::read(cx, CREDENTIALS)?)
    } else {
        Map::new()
    };
    let groups = [
        (
            "controller-credentials",
            "Controller Credentials",
            &controller,
        ),
        ("client-credentials", "Client Credentials", &client),
    ];
    if cx.format == "tabular" {
        let mut text = String::new();
        for (_, title, all) in groups.iter().filter(|(.., all)| !all.is_empty()) {
            let mut table = TextTable::new(["Cloud", "Credentials"]);
            for (cloud, own) in *all {
                let default = own["default-credential"].as_str();
                let mut names: Vec<String> = own
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter(|(name, value)| !DEFAULTS.contains(&name.as_str()) && value.is_object())
                    .map(|(name, _)| {
                        let mark = if Some(name.as_str()) == default {
                            "*"
                        } else {
                            ""
                        };
                        format!("{name}{mark}")
                    })
                    .collect();
                names.sort();
                table.row([cloud.as_str(), &names.join(", ")]);
            }
            text += &format!("\n{title}:\n{}", table.render());
        }
        if text.is_empty() {
            text = "No credentials from this client to display.\n".to_owned();
        }
        return cx.print(&text).await;
    }
    let nested = cx.format == "json";
    let secrets = cx.args.switch("show-secrets");
    let shown = groups
        .iter()
        .filter(|(.., all)| !all.is_empty())
        .map(|(key, _, all)| {
            let clouds = all
                .iter()
                .map(|(cloud, own)| (cloud.clone(), described(own, secrets, nested)));
            ((*key).to_owned(), Value::Object(clouds.collect()))
        });
    let value = Value::Object(shown.collect());
    cx.print_value(&value, |_| String::new()).await
}

async fn show_credential(cx: &Cx) -> Result<(), Failure> {
    let sides = Sides::of(&cx.args)?;
    let secrets = cx.args.switch("show-secrets");
    let (cloud, name) = match cx.positionals() {
        [cloud, name] => (Some(cloud), Some(name)),
        _ => (None, None),
    };
    let mut all = Map::new();
    for (key, there, source) in [
        ("controller-credentials", sides.controller, of_controller()),
        (
            "client-credentials",
            sides.client,
            client_files::read(cx, CREDENTIALS)?,
        ),
    ] {
        if !there {
            continue;
        }
        let mut clouds = Map::new();
        for (own_cloud, own) in &source {
            if cloud.is_some_and(|cloud| cloud != own_cloud) {
                continue;
            }
            let entries = own.as_object().into_iter().flatten();
            let shown: Map<String, Value> = entries
                .filter(|(own_name, value)| {
                    value.is_object() && name.is_none_or(|name| name == *own_name)
                })
                .map(|(own_name, value)| {
                    let mut content = one(value, secrets, false);
                    let mut about = Map::new();
                    if key == "controller-credentials" {
                        content["validity-check"] = "valid".into();
                    }
                    about.insert("content".to_owned(), content);
                    if key == "controller-credentials" {
                        about.insert("models".to_owned(), models(cx));
                    }
                    (own_name.clone(), Value::Object(about))
                })
                .collect();
            if !shown.is_empty() {
                clouds.insert(own_cloud.clone(), Value::Object(shown));
            }
        }
        if !clouds.is_empty() {
            all.insert(key.to_owned(), Value::Object(clouds));
        } else if let (Some(cloud), Some(name)) = (cloud, name) {
            let known = source.contains_key(cloud);
            cx.info(&missing(key, cloud, name, known)).await;
        }
    }
    if all.is_empty() {
        cx.info("No credentials from this client or from a controller to display.")
            .await;
        return Ok(());
    }
    cx.print(&yaml_writer::to_yaml(&Value::Object(all))).await
}

/// Says that a side does not have the credential that was asked for (recorded).
fn missing(side: &str, cloud: &str, name: &str, cloud_known: bool) -> String {
    let lookup = "ERROR client credential content lookup failed: loading credentials: credential";
    match (side, cloud_known) {
        ("controller-credentials", _) => {
            format!(
                "cloud credential {:?} not found",
                format!("{cloud}/{USER}/{name}")
            )
        }
        (_, true) => format!("{lookup} {name:?} for cloud {cloud} not found"),
        (_, false) => format!("{lookup}s for cloud {cloud} not found"),
    }
}

/// Lists the models that use the controller's credential, with the access that it gives.
fn models(cx: &Cx) -> Value {
    let state = cx.hub.snapshot();
    let names = state
        .models
        .values()
        .map(|model| super::target::full_name(model));
    let mut names: Vec<String> = names.collect();
    names.sort();
    Value::Object(
        names
            .into_iter()
            .map(|name| (name, "admin".into()))
            .collect(),
    )
}

/// Reads the credentials of a cloud from the file that the user named.
async fn from_file(cx: &Cx, cloud: &str) -> Result<Map<String, Value>, Failure> {
    let Some(file) = cx.args.text("file") else {
        return Err(Failure::failed(
            "asking for the details of a credential is not supported by the embedded controller; give --file",
        ));
    };
    let content = yaml::parse_value(file, &cx.read_file(file).await?).map_err(Failure::failed)?;
    match content["credentials"].get(cloud) {
        Some(Value::Object(own)) => Ok(own.clone()),
        _ => Err(Failure::failed(format!(
            "no credentials for cloud {cloud} exist in file {file}"
        ))),
    }
}

async fn add(cx: &Cx) -> Result<(), Failure> {
    Sides::of_write(&cx.args, "add-credential")?;
    let cloud = &cx.positionals()[0];
    if !clouds::of_client(cx)?.contains_key(cloud) {
        return Err(Failure::failed(format!("cloud {cloud} not found")));
    }
    let found = from_file(cx, cloud).await?;
    let (added, refused) = client_files::change(cx, CREDENTIALS, |all| {
        let own = all
            .entry(cloud.clone())
            .or_insert_with(|| Value::Object(Map::new()));
        let (mut added, mut refused) = (Vec::new(), Vec::new());
        for (name, value) in found {
            if DEFAULTS.contains(&name.as_str()) || own.get(&name).is_none() {
                if value.is_object() {
                    added.push(name.clone());
                }
                own[name] = value;
            } else {
                refused.push(name);
            }
        }
        (added, refused)
    })?;
    for name in &added {
        cx.print(&format!(
            "Credential {name:?} added locally for cloud {cloud:?}.\n"
        ))
        .await?;
    }
    for name in &refused {
        cx.io
            .stderr(&format!(
                "ERROR credential {name:?} for cloud {cloud:?} already exists locally, use 'juju update-credential {cloud} {name} -f ...' to update this credential\n"
            ))
            .await;
    }
    if refused.is_empty() {
        return Ok(());
    }
    Err(Failure::Silent(1))
}

async fn update(cx: &Cx) -> Result<(), Failure> {
    Sides::of_write(&cx.args, "update-credential")?;
    let Some(cloud) = cx.positionals().first() else {
        return Err(Failure::failed(
            "\"update-credential\" on the client needs the name of a cloud",
        ));
    };
    let found = from_file(cx, cloud).await?;
    let wanted = cx.positionals().get(1);
    if let Some(name) = wanted.filter(|name| !found.contains_key(*name)) {
        return Err(Failure::failed(format!(
            "credential {name:?} for cloud {cloud:?} not found in the file"
        )));
    }
    client_files::change(cx, CREDENTIALS, |all| {
        let own = all
            .entry(cloud.clone())
            .or_insert_with(|| Value::Object(Map::new()));
        for (name, value) in found {
            if wanted.is_none_or(|wanted| *wanted == name) {
                own[name] = value;
            }
        }
    })?;
    cx.info("Local client was updated successfully with provided credential information.")
        .await;
    Ok(())
}

async fn remove(cx: &Cx) -> Result<(), Failure> {
    Sides::of_write(&cx.args, "remove-credential")?;
    let (cloud, name) = (&cx.positionals()[0], &cx.positionals()[1]);
    let known = client_files::change(cx, CREDENTIALS, |all| {
        let Some(Value::Object(own)) = all.get_mut(cloud) else {
            return false;
        };
        let known = own.remove(name).is_some();
        if own.get("default-credential").and_then(Value::as_str) == Some(name) {
            own.remove("default-credential");
        }
        if own.is_empty() {
            all.remove(cloud);
        }
        known
    })?;
    let text = if known {
        format!("Credential {name:?} for cloud {cloud:?} removed from this client.")
    } else {
        format!("No credential called {name:?} exists for cloud {cloud:?} on this client")
    };
    cx.info(&text).await;
    Ok(())
}

/// A default of a cloud: its key in the file, and what Juju calls it.
struct Default {
    key: &'static str,
    noun: &'static str,
}

const DEFAULT_CREDENTIAL: Default = Default {
    key: "default-credential",
    noun: "credential",
};
const DEFAULT_REGION: Default = Default {
    key: "default-region",
    noun: "region",
};

async fn default(cx: &Cx, what: &Default) -> Result<(), Failure> {
    let cloud = &cx.positionals()[0];
    let value = cx.positionals().get(1);
    let Default { key, noun } = what;
    if cx.args.switch("reset") {
        client_files::change(cx, CREDENTIALS, |all| {
            if let Some(Value::Object(own)) = all.get_mut(cloud) {
                own.remove(*key);
            }
        })?;
        cx.info(&format!(
            "Default {noun} for cloud {cloud:?} is no longer set on this client."
        ))
        .await;
        return Ok(());
    }
    let all = client_files::read(cx, CREDENTIALS)?;
    let own = all.get(cloud);
    let Some(value) = value else {
        let text = match own.and_then(|own| own[*key].as_str()) {
            Some(text) => format!("Default {noun} for cloud {cloud:?} is {text:?} on this client."),
            None => format!("Default {noun} for cloud {cloud:?} is not set on this client."),
        };
        cx.info(&text).await;
        return Ok(());
    };
    let clouds = clouds::of_client(cx)?;
    let about = clouds
        .get(cloud)
        .ok_or_else(|| Failure::failed(format!("cloud {cloud} not found")))?;
    let valid: Vec<&String> = if *noun == "region" {
        about["regions"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
            .collect()
    } else {
        let all = own.and_then(Value::as_object).into_iter().flatten();
        all.filter(|(_, value)| value.is_object())
            .map(|(name, _)| name)
            .collect()
    };
    if !valid.contains(&value) {
        return Err(Failure::failed(if *noun == "region" {
            format!(
                "region {value:?} for cloud {cloud:?} not valid, valid regions are {}",
                valid.into_iter().cloned().collect::<Vec<_>>().join(", ")
            )
        } else {
            format!("credential {value:?} for cloud {cloud} not found")
        }));
    }
    client_files::change(cx, CREDENTIALS, |all| {
        let own = all
            .entry(cloud.clone())
            .or_insert_with(|| Value::Object(Map::new()));
        own[*key] = value.clone().into();
    })?;
    cx.info(&if *noun == "region" {
        format!("Default region in {cloud} set to {value:?}.")
    } else {
        format!("Local credential {value:?} is set to be default for {cloud:?} for this client.")
    })
    .await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::testing::Controller;

    #[test]
    fn credentials_of_the_client_come_and_go() {
        let c = Controller::with_model();
        std::fs::write(
            c.dir.path().join("c.yaml"),
            "credentials:\n  localhost:\n    me: {auth-type: certificate, client-key: SECRET, client-cert: CERT}\n",
        )
        .unwrap();
        assert_eq!(
            c.juju("credentials --client --format json").ok().stdout,
            "{}\n"
        );
        assert_eq!(
            c.juju("credentials --client").ok().stdout,
            "No credentials from this client to display.\n"
        );
        assert_eq!(
            c.juju("add-credential localhost -f c.yaml --client")
                .ok()
                .stdout,
            "Credential \"me\" added locally for cloud \"localhost\".\n"
        );
        let again = c.juju("add-credential localhost -f c.yaml --client");
        assert!(
            again.code == 1
                && again
                    .stderr
                    .starts_with("ERROR credential \"me\" for cloud")
        );
        assert_eq!(
            c.juju("credentials --client --format json").ok().stdout,
            "{\"client-credentials\":{\"localhost\":{\"cloud-credentials\":{\"me\":{\"auth-type\":\"certificate\",\"details\":{\"client-cert\":\"CERT\"}}}}}}\n"
        );
        let yaml = c
            .juju("credentials --client --format yaml --show-secrets")
            .ok()
            .stdout;
        assert!(yaml.contains("      client-key: SECRET\n"), "{yaml}");
        let none = "No credentials from this client or from a controller to display.\n";
        for (side, error) in [
            (
                "-c embedded localhost",
                "cloud credential \"localhost/admin/nosuch\" not found\n",
            ),
            (
                "--client nocloud",
                "ERROR client credential content lookup failed: loading credentials: credentials for cloud nocloud not found\n",
            ),
        ] {
            let outcome = c.juju(&format!("show-credential {side} nosuch")).ok();
            assert_eq!(outcome.stderr, format!("{error}{none}"));
        }
        let shown = c.juju("show-credential").ok().stdout;
        assert!(
            shown.contains("validity-check: valid") && shown.contains("admin/m: admin"),
            "{shown}"
        );
        let file = c.hub.data.root().join("credentials.yaml");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            c.juju("default-credential localhost me").ok().stderr,
            "Local credential \"me\" is set to be default for \"localhost\" for this client.\n"
        );
        assert_eq!(
            c.juju("credentials --client").ok().stdout,
            "\nClient Credentials:\nCloud      Credentials\nlocalhost  me*\n"
        );
        c.juju("default-region localhost localhost").ok();
        assert_eq!(
            c.juju("default-region localhost").ok().stderr,
            "Default region for cloud \"localhost\" is \"localhost\" on this client.\n"
        );
        assert_eq!(
            c.juju("default-region localhost nowhere").stderr,
            "ERROR region \"nowhere\" for cloud \"localhost\" not valid, valid regions are localhost\n"
        );
        c.juju("remove-credential localhost me --client").ok();
        assert_eq!(
            c.juju("default-credential localhost me").stderr,
            "ERROR credential \"me\" for cloud localhost not found\n"
        );
    }
}
