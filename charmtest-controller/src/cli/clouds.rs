//! Clouds: the one of the controller, the built-in one, and those that the client store's `clouds.yaml` describes.

use std::collections::BTreeMap;

use charmtest_charm::{yaml, yaml_writer};
use serde_json::{Map, Value, json};

use super::access;
use super::client_files::{self, CLOUDS};
use super::command::{Command, Cx, Failure, Scope, at_most, first_of};
use super::table::TextTable;
use super::target::{CLOUD, CONTROLLER};
use crate::flags::{Flag, Parsed};
use crate::model::{AccessKind, State};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("clouds", "Lists all clouds available to Juju.", |cx| {
        Box::pin(clouds(cx))
    })
    .aliases(&["list-clouds"])
    .scope(Scope::Client)
    .formats(&["tabular", "json", "yaml"])
    .flags(&[
        CONTROLLER_FLAG,
        CLIENT_FLAG,
        Flag::switch(&["all"], "Show all available clouds"),
    ]),
    Command::new(
        "show-cloud",
        "Shows detailed information for a cloud.",
        |cx| Box::pin(show_cloud(cx)),
    )
    .args("<cloud name>", |args| {
        first_of(args, 1, "no cloud specified")
    })
    .scope(Scope::Client)
    .formats(&["display", "json", "yaml"])
    .flags(&[
        CONTROLLER_FLAG,
        CLIENT_FLAG,
        Flag::switch(
            &["include-config"],
            "Print available config option details specific to the specified cloud",
        )
        .unsupported(),
    ]),
    Command::new("add-cloud", "Add a cloud definition to Juju.", |cx| {
        Box::pin(add_cloud(cx))
    })
    .args("<cloud name> [<cloud definition file>]", |args| {
        at_most(args, 2)
    })
    .scope(Scope::Client)
    .flags(&[
        CONTROLLER_FLAG,
        CLIENT_FLAG,
        FILE_FLAG,
        Flag::text(&["credential"], "Credential to use for new cloud").unsupported(),
        Flag::switch(&["force"], "Force add cloud to the controller"),
        Flag::text(
            &["target-controller"],
            "The name of a JAAS managed controller",
        )
        .unsupported(),
    ]),
    Command::new(
        "update-cloud",
        "Updates cloud information available to Juju.",
        |cx| Box::pin(update_cloud(cx)),
    )
    .args("<cloud name>", |args| {
        first_of(args, 1, "cloud name required")
    })
    .scope(Scope::Client)
    .flags(&[CONTROLLER_FLAG, CLIENT_FLAG, FILE_FLAG]),
    Command::new("remove-cloud", "Removes a cloud from Juju.", |cx| {
        Box::pin(remove_cloud(cx))
    })
    .args("<cloud name>", |args| {
        first_of(args, 1, "Usage: juju remove-cloud <cloud name>")
    })
    .scope(Scope::Client)
    .flags(&[
        CONTROLLER_FLAG,
        CLIENT_FLAG,
        Flag::text(
            &["target-controller"],
            "The name of a JAAS managed controller",
        )
        .unsupported(),
    ]),
    Command::new("regions", "Lists regions for a given cloud.", |cx| {
        Box::pin(regions(cx))
    })
    .aliases(&["list-regions"])
    .args("<cloud>", |args| first_of(args, 1, "no cloud specified"))
    .scope(Scope::Client)
    .formats(&["tabular", "json", "yaml"])
    .flags(&[CONTROLLER_FLAG, CLIENT_FLAG]),
];

/// `-c` of commands that work on the client, a controller, or both.
pub(super) const CONTROLLER_FLAG: Flag =
    Flag::text(&["c", "controller"], "Controller to operate in");
/// `--client`.
pub(super) const CLIENT_FLAG: Flag = Flag::switch(&["client"], "Client operation");
/// `--file`.
pub(super) const FILE_FLAG: Flag = Flag::text(&["f", "file"], "The YAML file to read");

/// What a command works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sides {
    /// The client store.
    pub(super) client: bool,
    /// The controller.
    pub(super) controller: bool,
}

impl Sides {
    /// Reads `--client` and `-c`; without either both are meant.
    ///
    /// # Errors
    ///
    /// Fails when the controller is not ours.
    pub(super) fn of(args: &Parsed) -> Result<Self, Failure> {
        let controller = args.text("controller").filter(|name| !name.is_empty());
        if let Some(other) = controller.filter(|name| *name != CONTROLLER) {
            return Err(Failure::failed(format!("controller {other} not found")));
        }
        let (client, controller) = (args.switch("client"), controller.is_some());
        Ok(if client || controller {
            Self { client, controller }
        } else {
            Self {
                client: true,
                controller: true,
            }
        })
    }

    /// Reads them for a command that writes, which must say where.
    ///
    /// # Errors
    ///
    /// Fails when neither is given, and when the controller is meant: its cloud and credential are fixed.
    pub(super) fn of_write(args: &Parsed, what: &str) -> Result<(), Failure> {
        let sides = Self::of(args)?;
        if !args.switch("client") && !args.is_set("controller") {
            return Err(Failure::failed(
                "The command is piped and Juju cannot prompt to clarify whether the --client or a --controller is to be used.\nPlease clarify by re-running the command with the desired option(s).",
            ));
        }
        if sides.controller {
            return Err(Failure::failed(format!(
                "option --controller of {what:?} is not supported by the embedded controller: it has one cloud and one credential; use --client"
            )));
        }
        Ok(())
    }
}

/// Returns the clouds of the client: the built-in one and those of `clouds.yaml`.
pub(super) fn of_client(cx: &Cx) -> Result<BTreeMap<String, Value>, Failure> {
    let mut clouds = BTreeMap::from([(
        CLOUD.to_owned(),
        json!({
            "defined": "built-in",
            "type": "lxd",
            "description": "LXD Container Hypervisor",
            "auth-types": ["certificate"],
            "regions": { CLOUD: {} },
        }),
    )]);
    for (name, about) in client_files::read(cx, CLOUDS)? {
        clouds.insert(name, described(&about, "local"));
    }
    Ok(clouds)
}

fn of_controller(state: &State) -> BTreeMap<String, Value> {
    let about = json!({
        "defined": "public",
        "type": "lxd",
        "auth-types": ["certificate"],
        "regions": { CLOUD: {} },
        "users": access::describe(state, AccessKind::Cloud, &state.info.cloud_access),
    });
    BTreeMap::from([(CLOUD.to_owned(), about)])
}

/// Puts what `clouds.yaml` says into the order in which Juju shows it.
fn described(about: &Value, defined: &str) -> Value {
    let mut map = Map::new();
    map.insert("defined".to_owned(), defined.into());
    for key in [
        "type",
        "description",
        "auth-types",
        "endpoint",
        "identity-endpoint",
        "storage-endpoint",
        "regions",
        "config",
        "ca-certificates",
        "skip-tls-verify",
    ] {
        if let Some(value) = about.get(key).filter(|value| !value.is_null()) {
            let shown = if key == "ca-certificates" {
                "ca-credentials"
            } else {
                key
            };
            map.insert(shown.to_owned(), value.clone());
        }
    }
    Value::Object(map)
}

fn region_names(about: &Value) -> Vec<&str> {
    let regions = about["regions"].as_object();
    regions
        .map(|regions| regions.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

async fn clouds(cx: &Cx) -> Result<(), Failure> {
    let sides = Sides::of(&cx.args)?;
    let client = if sides.client {
        of_client(cx)?
    } else {
        BTreeMap::new()
    };
    let controller = if sides.controller {
        of_controller(&cx.hub.snapshot())
    } else {
        BTreeMap::new()
    };
    let all: BTreeMap<&String, &Value> = client.iter().chain(&controller).collect();
    let text = match cx.format.as_str() {
        "json" => super::values::json(&json!(all)),
        "yaml" => yaml_writer::to_yaml(&json!(all)),
        _ => {
            let mut text = String::new();
            if sides.controller {
                let mut table = TextTable::new(["Cloud", "Regions", "Default", "Type"]);
                for (name, about) in &controller {
                    let regions = region_names(about);
                    table.row([
                        name.as_str(),
                        &regions.len().to_string(),
                        regions.first().copied().unwrap_or_default(),
                        about["type"].as_str().unwrap_or_default(),
                    ]);
                }
                text += &format!("\nClouds available on the controller:\n{}", table.render());
            }
            if sides.client {
                text += &client_table(cx, &client, sides)?;
            }
            text
        }
    };
    cx.print(&text).await?;
    if sides.client && !cx.args.switch("all") {
        cx.info("Only clouds with registered credentials are shown.\nThere are more clouds, use --all to see them.")
            .await;
    }
    Ok(())
}

fn client_table(
    cx: &Cx,
    clouds: &BTreeMap<String, Value>,
    sides: Sides,
) -> Result<String, Failure> {
    let credentials = client_files::read(cx, client_files::CREDENTIALS)?;
    let mut table = TextTable::new([
        "Cloud",
        "Regions",
        "Default",
        "Type",
        "Credentials",
        "Source",
        "Description",
    ]);
    for (name, about) in clouds {
        let regions = region_names(about);
        let own = credentials.get(name);
        let default = own
            .and_then(|own| own["default-region"].as_str())
            .or(regions.first().copied());
        let count = own
            .and_then(Value::as_object)
            .map_or(0, |own| own.values().filter(|one| one.is_object()).count());
        table.row([
            name.as_str(),
            &regions.len().to_string(),
            default.unwrap_or_default(),
            about["type"].as_str().unwrap_or_default(),
            &count.to_string(),
            about["defined"].as_str().unwrap_or_default(),
            about["description"].as_str().unwrap_or_default(),
        ]);
    }
    let lead = if sides.controller {
        ""
    } else {
        "You can bootstrap a new controller using one of these clouds..."
    };
    Ok(format!(
        "{lead}\nClouds available on the client:\n{}",
        table.render()
    ))
}

async fn show_cloud(cx: &Cx) -> Result<(), Failure> {
    let sides = Sides::of(&cx.args)?;
    let name = &cx.positionals()[0];
    let mut found = Vec::new();
    if sides.controller
        && let Some(about) = of_controller(&cx.hub.snapshot()).remove(name)
    {
        found.push((
            format!("Cloud {name:?} from controller {CONTROLLER:?}"),
            about,
        ));
    }
    let client = of_client(cx)?;
    if sides.client
        && let Some(about) = client.get(name)
    {
        found.push((format!("Client cloud {name:?}"), about.clone()));
    }
    if found.is_empty() {
        let known: String = client.keys().map(|name| format!("  - {name}\n")).collect();
        return Err(Failure::Failed(if sides.client {
            format!(
                "cloud {name} not found, possible alternative clouds:\n\n{}",
                known.trim_end()
            )
        } else {
            format!("cloud {name} not found")
        }));
    }
    let described: Vec<Value> = found
        .iter()
        .map(|(summary, about)| {
            let mut map = Map::new();
            map.insert("name".to_owned(), name.clone().into());
            map.insert("summary".to_owned(), summary.clone().into());
            map.extend(about.as_object().cloned().unwrap_or_default());
            Value::Object(map)
        })
        .collect();
    let text = match cx.format.as_str() {
        "json" => super::values::json(&json!(described)),
        "yaml" => described.iter().map(yaml_writer::to_yaml).collect(),
        _ => {
            let many = found.len() > 1;
            let parts = found.iter().map(|(summary, about)| {
                let end = if many { "\n" } else { "" };
                format!("{summary}:\n\n{}{end}", yaml_writer::to_yaml(about))
            });
            parts.collect()
        }
    };
    cx.print(&text).await
}

/// Reads the definition of a cloud from the file that the user named.
async fn definition(cx: &Cx, name: &str, file: &str) -> Result<Value, Failure> {
    let content = yaml::parse_value(file, &cx.read_file(file).await?).map_err(Failure::failed)?;
    let clouds = content.get("clouds").unwrap_or(&content);
    let about = clouds
        .get(name)
        .filter(|about| about.is_object())
        .ok_or_else(|| Failure::failed(format!("cloud {name:?} not found in file {file:?}")))?;
    if about["type"].as_str().is_none_or(str::is_empty) {
        return Err(Failure::failed(format!(
            "cloud {name:?} in file {file:?} has no type"
        )));
    }
    Ok(about.clone())
}

async fn add_cloud(cx: &Cx) -> Result<(), Failure> {
    Sides::of_write(&cx.args, "add-cloud")?;
    let positional = cx.positionals().get(1).map(String::as_str);
    let file = cx.args.text("file").or(positional);
    let (Some(name), Some(file)) = (cx.positionals().first(), file) else {
        return Err(Failure::failed(
            "asking for the details of a cloud is not supported by the embedded controller; name the cloud and give --file",
        ));
    };
    let about = definition(cx, name, file).await?;
    if of_client(cx)?.contains_key(name) {
        return Err(Failure::failed(format!(
            "use `update-cloud {name} --client` to override known definition: local cloud {name:?} already exists"
        )));
    }
    client_files::change(cx, CLOUDS, |clouds| {
        clouds.insert(name.clone(), about);
    })?;
    cx.info(&format!(
        "Cloud {name:?} successfully added to your local client."
    ))
    .await;
    Ok(())
}

async fn update_cloud(cx: &Cx) -> Result<(), Failure> {
    Sides::of_write(&cx.args, "update-cloud")?;
    let name = &cx.positionals()[0];
    let file = cx
        .args
        .text("file")
        .ok_or_else(|| Failure::failed("\"update-cloud\" on the client needs --file"))?;
    let about = definition(cx, name, file).await?;
    let known = client_files::change(cx, CLOUDS, |clouds| {
        let known = clouds.contains_key(name);
        if known {
            clouds.insert(name.clone(), about);
        }
        known
    })?;
    if !known {
        return Err(Failure::failed(format!("cloud {name} not found")));
    }
    cx.info(&format!(
        "Cloud {name:?} updated on this client using provided file."
    ))
    .await;
    Ok(())
}

async fn remove_cloud(cx: &Cx) -> Result<(), Failure> {
    Sides::of_write(&cx.args, "remove-cloud")?;
    let name = &cx.positionals()[0];
    let known = client_files::change(cx, CLOUDS, |clouds| clouds.remove(name).is_some())?;
    let text = if known {
        format!("Removed details of cloud {name:?} from this client")
    } else {
        format!("No cloud called {name:?} exists on this client")
    };
    cx.info(&text).await;
    Ok(())
}

async fn regions(cx: &Cx) -> Result<(), Failure> {
    let sides = Sides::of(&cx.args)?;
    let name = &cx.positionals()[0];
    let mut value = Map::new();
    let client = of_client(cx)?;
    if sides.client
        && let Some(about) = client.get(name)
    {
        value.insert("client-cloud-regions".to_owned(), about["regions"].clone());
    }
    if sides.controller
        && let Some(about) = of_controller(&cx.hub.snapshot()).get(name)
    {
        value.insert(
            "controller-cloud-regions".to_owned(),
            about["regions"].clone(),
        );
    }
    if value.is_empty() {
        return Err(Failure::failed(format!("cloud {name} not found")));
    }
    cx.print_value(&Value::Object(value), |value| {
        [
            ("controller-cloud-regions", "Controller Cloud Regions"),
            ("client-cloud-regions", "Client Cloud Regions"),
        ]
        .into_iter()
        .filter_map(|(key, title)| {
            let names: Vec<String> = value.get(key)?.as_object()?.keys().cloned().collect();
            Some(format!("\n{title}:\n{}\n", names.join("\n")))
        })
        .collect()
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::super::testing::Controller;

    #[test]
    fn clouds_of_the_client_come_and_go() {
        let c = Controller::new();
        let listed = c.juju("clouds --client --format json").ok().json();
        assert_eq!(listed["localhost"]["defined"], "built-in");
        std::fs::write(
            c.dir.path().join("mine.yaml"),
            "clouds:\n  mine:\n    type: openstack\n    auth-types: [userpass]\n    regions:\n      a: {endpoint: http://a}\n",
        )
        .unwrap();
        assert_eq!(
            c.juju("add-cloud mine mine.yaml --client").ok().stderr,
            "Cloud \"mine\" successfully added to your local client.\n"
        );
        assert_eq!(
            c.juju("show-cloud --client mine --format json").ok().stdout,
            "[{\"name\":\"mine\",\"summary\":\"Client cloud \\\"mine\\\"\",\"defined\":\"local\",\"type\":\"openstack\",\
             \"auth-types\":[\"userpass\"],\"regions\":{\"a\":{\"endpoint\":\"http://a\"}}}]\n"
        );
        assert_eq!(
            c.juju("regions mine --client --format json").ok().json()["client-cloud-regions"]["a"]
                ["endpoint"],
            "http://a"
        );
        let written = std::fs::read_to_string(c.hub.data.root().join("clouds.yaml")).unwrap();
        assert!(written.starts_with("clouds:\n  mine:\n"), "{written}");
        assert_eq!(
            c.juju("remove-cloud mine --client").ok().stderr,
            "Removed details of cloud \"mine\" from this client\n"
        );
        for (line, code, start) in [
            ("show-cloud", 2, "ERROR no cloud specified"),
            (
                "show-cloud --client mine",
                1,
                "ERROR cloud mine not found, possible alternative clouds:\n\n  - localhost\n",
            ),
            (
                "show-cloud -c embedded mine",
                1,
                "ERROR cloud mine not found\n",
            ),
            (
                "remove-cloud mine",
                1,
                "ERROR The command is piped and Juju cannot prompt",
            ),
            (
                "add-cloud mine mine.yaml -c embedded",
                1,
                "ERROR option --controller of \"add-cloud\" is not supported",
            ),
            ("clouds -c other", 1, "ERROR controller other not found\n"),
        ] {
            let outcome = c.juju(line);
            assert!(
                outcome.code == code && outcome.stderr.starts_with(start),
                "{line}: {outcome:?}"
            );
        }
    }
}
