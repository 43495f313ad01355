//! Metadata, configuration, actions and manifest.

use charmtest_charm::{
    Actions, Assumes, Base, Charm, Comparison, ConfigOptions, Metadata, OptionType, Requirement,
    ResourceKind, Role, Scope, StorageCount,
};
use serde_json::json;

use crate::support::{METADATA, tree};

#[test]
fn a_whole_metadata_file_is_read() {
    let text = r#"
name: big-charm
display-name: Big
summary: One line.
description: |
  More.
subordinate: yes
provides:
  web: http
  db:
    interface: mysql
    limit: 1
    optional: true
requires:
  juju-host: {interface: juju-info, scope: container}
peers:
  ring: gossip
extra-bindings: {public: null}
storage:
  data: {type: filesystem, location: /srv, minimum-size: 1G}
  logs: {type: filesystem, multiple: {range: 0-2}}
  spare: {type: block, multiple: {range: 1+}}
resources:
  bin: {filename: bin.tgz, description: A file.}
  image: {type: oci-image, upstream-source: x}
terms: [be-nice]
tags: [web]
unknown-key: {is: ignored}
"#;
    let metadata = Metadata::parse("metadata.yaml", text).unwrap();
    assert_eq!(metadata.name.as_str(), "big-charm");
    assert!(metadata.subordinate);
    let endpoints: Vec<_> = metadata
        .endpoints
        .iter()
        .map(|e| {
            (
                e.name.as_str(),
                e.role,
                e.interface.as_str(),
                e.limit,
                e.scope,
            )
        })
        .collect();
    assert_eq!(
        endpoints,
        [
            ("web", Role::Provider, "http", None, Scope::Global),
            ("db", Role::Provider, "mysql", Some(1), Scope::Global),
            (
                "juju-host",
                Role::Requirer,
                "juju-info",
                None,
                Scope::Container
            ),
            ("ring", Role::Peer, "gossip", None, Scope::Global),
        ]
    );
    assert!(metadata.endpoint("db").unwrap().optional);
    assert_eq!(metadata.storage["data"].minimum_size, 1024);
    assert!(metadata.storage["data"].count.is_singleton());
    assert_eq!(
        metadata.storage["logs"].count,
        StorageCount {
            min: 0,
            max: Some(2)
        }
    );
    assert_eq!(
        metadata.storage["spare"].count,
        StorageCount { min: 1, max: None }
    );
    assert_eq!(metadata.resources["image"].kind, ResourceKind::OciImage);
    assert_eq!(metadata.extra_bindings, ["public"]);

    let stored = serde_json::to_string(&metadata).unwrap();
    assert_eq!(serde_json::from_str::<Metadata>(&stored).unwrap(), metadata);
}

#[test]
fn conditions_are_read_at_any_depth() {
    let text = format!(
        "{METADATA}assumes:\n  - k8s-api\n  - any-of:\n      - all-of:\n          - juju >= 3.4.3\n          - juju < 3.5\n      - juju>=4\n"
    );
    let metadata = Metadata::parse("metadata.yaml", &text).unwrap();
    let feature = |feature: &str, version: Option<(Comparison, &str)>| {
        Assumes::Feature(Requirement {
            feature: feature.to_owned(),
            version: version.map(|(comparison, version)| (comparison, version.to_owned())),
        })
    };
    assert_eq!(
        metadata.assumes,
        [
            feature("k8s-api", None),
            Assumes::AnyOf(vec![
                Assumes::AllOf(vec![
                    feature("juju", Some((Comparison::AtLeast, "3.4.3"))),
                    feature("juju", Some((Comparison::Below, "3.5"))),
                ]),
                feature("juju", Some((Comparison::AtLeast, "4"))),
            ]),
        ]
    );
    let stored = serde_json::to_string(&metadata).unwrap();
    assert_eq!(serde_json::from_str::<Metadata>(&stored).unwrap(), metadata);
}

#[test]
fn a_container_charm_in_the_usual_form_is_read() {
    let text = format!(
        "{METADATA}containers:\n  web:\n    resource: web-image\n    mounts:\n      - storage: data\n        location: /srv/\n\
         resources:\n  web-image:\n    type: oci-image\n    upstream-source: docker.io/web:2\n\
         storage:\n  # why\n  data:\n    type: filesystem\n\
         requires:\n  logging:\n    description: |\n      Sends logs.\n    interface: loki_push_api\n    limit: 1\n"
    );
    let manifest = "bases: [{name: ubuntu, channel: 22.04/stable, architectures: [amd64]}]\ncharmcraft-version: 3.4\n";
    let dir = tree(&[("metadata.yaml", &text), ("manifest.yaml", manifest)]);
    let charm = Charm::read(dir.path()).unwrap();
    let web = &charm.metadata.containers["web"];
    assert_eq!(web.resource.as_deref(), Some("web-image"));
    assert_eq!(web.mounts[0].storage, "data");
    assert_eq!(charm.manifest.bases[0].to_string(), "ubuntu@22.04");
    assert_eq!(charm.metadata.endpoint("logging").unwrap().limit, Some(1));
    let hooks = charmtest_charm::known_hooks(&charm.metadata);
    for hook in [
        "install",
        "logging-relation-departed",
        "data-storage-detaching",
        "web-pebble-ready",
    ] {
        assert!(hooks.contains(hook), "{hook}");
    }
}

#[test]
fn broken_metadata_is_refused_with_its_place() {
    let table = [
        ("name: x\nsummary: a: b\n", "metadata.yaml:2:"),
        ("a: 1\na: 2\n", "metadata.yaml:2:1: "),
        ("", "metadata.yaml: is empty; at least `name` is needed"),
        ("summary: s\n", "metadata.yaml: `name` is missing"),
        (
            "name: x\ndescription: d\n",
            "metadata.yaml: `summary` is missing",
        ),
        ("name: 1\n", "metadata.yaml:1:7: "),
        (
            "name: Bad_Name\nsummary: s\ndescription: d\n",
            "metadata.yaml:1:7: invalid charm name `Bad_Name`",
        ),
        (
            "name: app-1\nsummary: s\ndescription: d\n",
            "metadata.yaml:1:7: invalid charm name `app-1`",
        ),
    ];
    for (text, expected) in table {
        let error = Metadata::parse("metadata.yaml", text)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }

    let rules = [
        (
            "provides:\n  db: sql\nrequires:\n  db: sql\n",
            "7:3: endpoint `db` is declared twice",
        ),
        (
            "provides:\n  juju-x: http\n",
            "5:3: endpoint name `juju-x` is reserved",
        ),
        (
            "provides:\n  x: juju-info\n",
            "5:3: endpoint `x` uses the reserved interface",
        ),
        (
            "requires:\n  juju-x: {interface: http, scope: container}\n",
            "5:3: endpoint name `juju-x` is reserved",
        ),
        ("provides:\n  ../x: http\n", "5:3: invalid endpoint name"),
        (
            "provides:\n  x: {limit: 1}\n",
            "5:3: endpoint `x` has no interface",
        ),
        ("provides:\n  x: [y]\n", "5:3: "),
        ("provides:\n  x: {interface: http, scope: local}\n", "5:"),
        (
            "subordinate: true\nrequires:\n  x: http\n",
            "4:14: a subordinate charm needs",
        ),
        (
            "extra-bindings:\n  a:\nprovides:\n  a: http\n",
            "5:3: extra binding `a`",
        ),
        ("extra-bindings: {}\n", " `extra-bindings` is empty"),
        ("storage:\n  a: {location: /x}\n", "5:"),
        ("storage:\n  a: {type: tape}\n", "5:"),
        (
            "storage:\n  a: {type: block, location: /x}\n",
            "5:30: `location` is only",
        ),
        (
            "storage:\n  a: {type: block, minimum-size: 5}\n",
            "5:34: `minimum-size`",
        ),
        (
            "storage:\n  a: {type: block, multiple: {range: x}}\n",
            "5:38: `range`",
        ),
        (
            "resources:\n  a: {type: file}\n",
            "5:3: resource `a` of type file needs `filename`",
        ),
        (
            "resources:\n  a: {filename: ../a}\n",
            "5:17: `filename` must be a plain file name",
        ),
        (
            "containers:\n  c: {resource: nope}\n",
            "5:17: `nope` is not a resource",
        ),
        ("containers:\n  c: {uid: 1000}\n", "5:12: `uid` and `gid`"),
        (
            "containers:\n  c:\nseries: [jammy]\n",
            "6:9: ambiguous metadata: key `containers` cannot be used with `series`",
        ),
        ("assumes: [juju ! 3]\n", "4:10: `juju ! 3` under `assumes`"),
        ("assumes: [{one-of: []}]\n", "4:10: a map under `assumes`"),
    ];
    for (text, expected) in rules {
        let text = format!("{METADATA}{text}");
        let error = Metadata::parse("metadata.yaml", &text)
            .unwrap_err()
            .to_string();
        let expected = match expected.strip_prefix(' ') {
            Some(message) => format!("metadata.yaml: {message}"),
            None => format!("metadata.yaml:{expected}"),
        };
        assert!(error.starts_with(&expected), "{text}\n{error}\n{expected}");
    }
}

#[test]
fn settings_are_parsed_with_the_words_of_juju() {
    let text = "options:\n  level: {type: int, default: 3}\n  mode: {default: calm}\n  ratio: {type: float, default: 1}\n  \
                loud: {type: boolean, default: 'true'}\n  key: {type: secret}\n";
    let options = ConfigOptions::parse("config.yaml", text).unwrap();
    assert_eq!(options.0["mode"].kind, OptionType::String);
    assert_eq!(options.0["loud"].default, Some(json!(true)));
    assert_eq!(options.0["ratio"].default, Some(json!(1.0)));
    assert_eq!(options.0["key"].default, None);

    let table = [
        ("level", "7", Ok(json!(7))),
        (
            "level",
            "abc",
            Err("option \"level\" expected int, got \"abc\""),
        ),
        (
            "level",
            "1.5",
            Err("option \"level\" expected int, got \"1.5\""),
        ),
        ("level", "", Err("option \"level\" expected int, got \"\"")),
        ("mode", "", Ok(json!(""))),
        ("ratio", "1e3", Ok(json!(1000.0))),
        ("loud", "T", Ok(json!(true))),
        (
            "loud",
            "yes",
            Err("option \"loud\" expected boolean, got \"yes\""),
        ),
        (
            "key",
            "secret:9m4e2mr0ui3e8a215n4g",
            Ok(json!("secret:9m4e2mr0ui3e8a215n4g")),
        ),
        (
            "key",
            "hush",
            Err("option \"key\" expected secret, got \"hush\""),
        ),
        ("nope", "1", Err("unknown option \"nope\"")),
    ];
    for (name, given, expected) in table {
        let outcome = options
            .parse_value(name, given)
            .map_err(|error| error.to_string());
        assert_eq!(outcome, expected.map_err(str::to_owned), "{name}={given}");
    }
    let wrong = options.check_value("level", &json!(true)).unwrap_err();
    assert_eq!(wrong.to_string(), "option \"level\" expected int, got true");
    assert_eq!(options.check_value("ratio", &json!(2)), Ok(json!(2.0)));
}

#[test]
fn options_may_be_called_like_other_values() {
    let text =
        "options:\n  y: {default: no-op}\n  n: {type: int, default: 1}\n  1: {description: 2}\n";
    let options = ConfigOptions::parse("config.yaml", text).unwrap();
    assert_eq!(options.0.keys().collect::<Vec<_>>(), ["1", "n", "y"]);
    assert_eq!(options.0["n"].default, Some(json!(1)));
    assert_eq!(options.0["1"].description, "2");
}

#[test]
fn broken_config_is_refused_with_its_place() {
    let table = [
        ("", "config.yaml: is empty"),
        (
            "options:\n  a: {type: int, default: x}\n",
            "config.yaml:2:27: invalid config default: option \"a\" expected int, got \"x\"",
        ),
        (
            "options:\n  a: {default: 0644}\n",
            "config.yaml:2:16: invalid config default: option \"a\" expected string, got 420",
        ),
        (
            "options:\n  a: {type: list}\n",
            "config.yaml:2:13: option \"a\" has unknown type \"list\"",
        ),
        ("options: [a]\n", "config.yaml:1:1: "),
    ];
    for (text, expected) in table {
        let error = ConfigOptions::parse("config.yaml", text)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
    assert_eq!(
        ConfigOptions::parse("config.yaml", "options: {}\n"),
        Ok(ConfigOptions::default())
    );
}

#[test]
fn actions_become_json_schemas() {
    let text = "say:\n  description: Say it.\n  params:\n    word: {type: string, default: hello}\n  required: [word]\n  \
                parallel: true\n  execution-group: g\n  additionalProperties: false\nbare:\n";
    let actions = Actions::parse("actions.yaml", text).unwrap();
    let say = &actions.0["say"];
    assert_eq!(
        say.schema,
        json!({
            "title": "say", "description": "Say it.", "type": "object",
            "properties": {"word": {"type": "string", "default": "hello"}},
            "required": ["word"], "additionalProperties": false,
        })
    );
    assert!(say.parallel);
    assert_eq!((say.execution_group.as_str(), say.title()), ("g", "say"));
    assert_eq!(actions.0["bare"].description, "No description");

    let table = [
        ("Say:\n", "actions.yaml:1:1: bad action name `Say`"),
        ("a-:\n", "actions.yaml:1:1: bad action name `a-`"),
        (
            "juju-x:\n",
            "actions.yaml:1:1: action name `juju-x` is reserved",
        ),
        (
            "a:\n  params: 1\n",
            "actions.yaml:1:1: action `a`: `params` must be a map",
        ),
        (
            "a:\n  description: 1\n",
            "actions.yaml:1:1: action `a`: `description` must be a string",
        ),
        (
            "a:\n  params: {x: {items: {$ref: y}}}\n",
            "actions.yaml:1:1: action `a`: schema key `$ref`",
        ),
        (
            "a:\n  params: {x: {type: strng}}\n",
            "actions.yaml:1:1: action `a`: `type: \"strng\"` is not valid in a JSON schema",
        ),
        (
            "a:\n  params: {x: {type: object, properties: {y: 1}}}\n",
            "actions.yaml:1:1: action `a`: `1` stands where a schema must be a map",
        ),
        (
            "a:\n  required: [n]\n",
            "actions.yaml:1:1: action `a`: `required: [false]` is not valid",
        ),
        (
            "a:\n  params: {x: {minimum: low}}\n",
            "actions.yaml:1:1: action `a`: `minimum: \"low\"` is not valid",
        ),
        ("a: 1\n", "actions.yaml:1:4: "),
    ];
    for (text, expected) in table {
        let error = Actions::parse("actions.yaml", text)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
}

#[test]
fn a_unified_charmcraft_file_is_read_as_charmcraft_would() {
    let charmcraft = r#"
name: hello
title: Hello
summary: s
description: d
base: ubuntu@24.04
platforms: {amd64:, arm64:}
links: {documentation: https://x}
requires: {db: {interface: mysql}}
config: {options: {port: {type: int, default: 80}}}
actions: {ping: {description: Ping.}}
containers: {web: {resource: image}}
resources: {image: {type: oci-image}}
parts: {charm: {plugin: charm}}
"#;
    let dir = tree(&[("charmcraft.yaml", charmcraft)]);
    let charm = Charm::read(dir.path()).unwrap();
    assert_eq!(charm.metadata.display_name.as_deref(), Some("Hello"));
    assert_eq!(charm.config.0["port"].default, Some(json!(80)));
    assert!(charm.actions.0.contains_key("ping"));
    assert_eq!(charm.manifest.bases[0].to_string(), "ubuntu@24.04");

    let dir = tree(&[
        ("charmcraft.yaml", charmcraft),
        ("config.yaml", "options: {other: {}}\n"),
    ]);
    let charm = Charm::read(dir.path()).unwrap();
    assert!(charm.config.0.contains_key("other"), "a separate file wins");

    let dir = tree(&[(
        "charmcraft.yaml",
        "name: hello\nsummary: s\ndescription: d\nprovides:\n  juju-x: http\n",
    )]);
    let error = Charm::read(dir.path()).unwrap_err().to_string();
    assert!(
        error.starts_with("charmcraft.yaml:5:3: endpoint name"),
        "{error}"
    );
}

#[test]
fn what_is_no_charm_is_refused() {
    let dir = tree(&[("README", "")]);
    let read = |path: &std::path::Path| Charm::read(path).unwrap_err().to_string();
    assert_eq!(
        read(dir.path()),
        "metadata.yaml: not found; this is not a charm"
    );
    assert!(read(&dir.path().join("nope")).starts_with("no charm was found at `"));
    assert!(read(&dir.path().join("README")).contains("is not a charm archive"));

    let dir = tree(&[(
        "metadata.yaml",
        &format!("{METADATA}containers: {{c: {{}}}}\n"),
    )]);
    assert!(read(dir.path()).contains("needs a `manifest.yaml` with `bases`"));
    let dir = tree(&[
        ("metadata.yaml", METADATA),
        ("lxd-profile.yaml", "config: {limits.cpu: 1}\n"),
    ]);
    assert!(read(dir.path()).contains("contains config value `limits.cpu`"));
}

#[test]
fn bases_are_parsed() {
    assert_eq!(
        "ubuntu@22.04/stable".parse::<Base>().unwrap().to_string(),
        "ubuntu@22.04"
    );
    assert!(
        "ubuntu"
            .parse::<Base>()
            .unwrap_err()
            .to_string()
            .contains("separated by '@'")
    );
}
