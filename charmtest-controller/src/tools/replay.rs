//! Replays calls of hook tools that were recorded on a real Juju 4.0.15, and compares exit code and output of each.
//!
//! Each Juju that the controller can speak as is asked. A unit's network is the loopback interface: [`translate`] and [`DEVIATIONS`]
//! list all differences.

use serde::Deserialize;
use serde_json::{Value, json};

use super::testing::World;
use super::{refresh_network, resources};
use crate::JujuVersion::{self, V3_6, V4_0};
use crate::agent::ActionContext;
use crate::model::{Model, Task};

const RECORDED: &str = include_str!("../../tests/fixtures/tools-juju-4.0.15.jsonl");

/// One line of the recording: a call, or the error of the flush that ended a group of calls.
#[derive(Debug, Deserialize)]
struct Record {
    /// The calls of one context have one group.
    group: String,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    argv: Vec<String>,
    stdin: Option<String>,
    #[serde(default)]
    exit: u8,
    #[serde(default)]
    stdout: String,
    #[serde(default)]
    stderr: String,
    flush_error: Option<String>,
}

/// A call that is answered differently: where that is so, the group, the command, and then exit code, output and error.
type Deviation = (
    &'static [JujuVersion],
    &'static str,
    &'static str,
    u8,
    &'static str,
    &'static str,
);

const DEVIATIONS: &[Deviation] = &[
    // 3.6 still has these tools.
    (&[V3_6], "leader", "leader-get", 0, "{}\n", ""),
    (&[V3_6], "leader", "leader-set a=b", 0, "", ""),
    // The recording's shell found no such program.
    (
        &[V4_0],
        "leader",
        "leader-get",
        1,
        "",
        "ERROR bad request: unknown command: leader-get\n",
    ),
    (
        &[V4_0],
        "leader",
        "leader-set a=b",
        1,
        "",
        "ERROR bad request: unknown command: leader-set\n",
    ),
    // 3.6 lets only the leader read what its application tells the other side.
    (
        &[V3_6],
        "minion",
        "relation-get -r server:12 --app - two",
        1,
        "",
        "ERROR permission denied\n",
    ),
    // The recording's text is an HTTP request to the real controller.
    (
        &[V3_6, V4_0],
        "misc",
        "resource-get nope",
        1,
        "",
        "ERROR could not download resource: resource \"nope\" not found\n",
    ),
    // 3.6 says less.
    (
        &[V3_6],
        "misc",
        "storage-get -s data/0",
        2,
        "",
        "ERROR invalid value \"data/0\" for option -s: storage not found\n",
    ),
];

/// What ends a group although 4.0 says it in other words.
const FLUSH_ERRORS: &[(&str, &str)] = &[
    (
        "ports-errors-inside",
        "open port range: endpoint \"nope\" for unit \"two/0\" not found",
    ),
    (
        "misc",
        "preparing storage additions: preparing storage add \"nope\" for unit \"two/0\": storage name \"nope\" not supported by charm",
    ),
];

/// Texts of the recording's network, with ours ...
const TRANSLATIONS: &[(&str, &str)] = &[
    // This address looks like a number in base 60, so YAML quotes it.
    (
        "address: 2e:8b:35:a9:fc:17",
        "address: \"00:00:00:00:00:00\"",
    ),
    ("2e:8b:35:a9:fc:17", "00:00:00:00:00:00"),
    ("host0", "lo"),
    ("10.200.0.0/24", "127.0.0.0/8"),
];

/// ... and of Juju 4.0, with those of 3.6, which leaves the host name empty.
const ONLY_4_0: &[(&str, &str)] = &[
    ("\"hostname\":\"10.200.0.5\"", "\"hostname\":\"\""),
    ("- hostname: 10.200.0.5", "- hostname: \"\""),
];

fn translate(world: &World, juju: JujuVersion, record: &Record) -> (u8, String, String) {
    let command = record.argv.join(" ");
    if let Some((.., code, stdout, stderr)) = DEVIATIONS.iter().find(|(jujus, group, line, ..)| {
        jujus.contains(&juju) && *group == record.group && *line == command
    }) {
        return (*code, (*stdout).to_owned(), (*stderr).to_owned());
    }
    let only_4_0 = if juju == V3_6 { ONLY_4_0 } else { &[] };
    let mut texts = [record.stdout.clone(), record.stderr.clone()];
    for text in &mut texts {
        for (theirs, ours) in TRANSLATIONS.iter().chain(only_4_0) {
            *text = text.replace(theirs, ours);
        }
        if juju == V3_6 && record.group == "relations-next-context" {
            // A refresh of the network writes this key as well in 3.6.
            *text = text.replace("5.6.7.8", "10.200.0.5");
        }
        *text = paths(world, text);
    }
    let [stdout, stderr] = texts;
    (record.exit, stdout, stderr)
}

fn paths(world: &World, text: &str) -> String {
    let agent = agent_dir(world);
    text.replace(
        "/var/lib/juju/agents/unit-two-0/charm",
        &world.cwd().display().to_string(),
    )
    .replace("/var/lib/juju/agents/unit-two-0", &agent)
}

fn agent_dir(world: &World) -> String {
    let model = world.model();
    world
        .hub
        .data
        .agent(&model.info.uuid, &super::testing::unit("two/0"))
        .display()
        .to_string()
}

/// Brings the world into the state that a group began with.
fn prepare(world: &World, group: &str) {
    let config = match group {
        "config-get-after-config" => {
            json!({"mode": "yes", "level": 1_000_000, "big": 99_999_999, "ratio": 3.0, "loud": true})
        }
        "config-get-multiline" => {
            json!({"mode": "line one\nline: two\n", "level": 1_000_000, "big": 9_007_199_254_740_993_i64, "ratio": 3.0, "loud": true})
        }
        "relations-next-context" => {
            return world
                .edit(|model: &mut Model| refresh_network(model, &super::testing::unit("two/0")));
        }
        "misc" => return resources::testing::upload(world, "blob", b"blob\n"),
        _ => return,
    };
    let Value::Object(config) = config else {
        return;
    };
    world.edit(|model| {
        model.applications.get_mut("two").unwrap().config = config.into_iter().collect();
    });
}

fn exec() -> ActionContext {
    let command = "python3 /var/tmp/tools.py /var/tmp/tools-in.json > /var/tmp/tools-out.jsonl 2>/var/tmp/tools-err";
    let Value::Object(params) = json!({"command": command, "timeout": 300_000_000_000_i64}) else {
        return ActionContext::default();
    };
    ActionContext {
        task: 5,
        name: Task::EXEC.to_owned(),
        params,
        ..ActionContext::default()
    }
}

fn answer(world: &World, record: &Record) -> (u8, String, String) {
    if record.argv[0] == "cat" {
        let path = world.cwd().join(paths(world, &record.argv[1]));
        return (0, std::fs::read_to_string(path).unwrap(), String::new());
    }
    let (code, stdout, stderr) = world.call(&record.argv, record.stdin.as_deref());
    if record
        .argv
        .iter()
        .any(|argument| argument == "--help" || argument == "-h")
    {
        // The recording keeps the first line only, and the help is in our own words.
        let usage = format!("Usage: {}", record.argv[0]);
        assert!(
            stdout.starts_with(&usage) && stdout.contains("Summary:"),
            "{stdout}"
        );
        return (code, record.stdout.clone(), stderr);
    }
    (code, stdout, stderr)
}

#[test]
fn recorded_calls_of_a_real_juju_are_answered_alike() {
    for juju in [V3_6, V4_0] {
        replay(juju);
    }
}

fn replay(juju: JujuVersion) {
    let records: Vec<Record> = RECORDED
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut world = World::of(juju);
    let mut differences = Vec::new();
    for group in records.chunk_by(|a, b| a.group == b.group) {
        let name = group[0].group.as_str();
        prepare(&world, name);
        world.enter(&group[0].unit, None, Some(exec()));
        for record in group.iter().filter(|record| !record.argv.is_empty()) {
            let (got, expected) = (answer(&world, record), translate(&world, juju, record));
            if got != expected {
                differences.push(format!(
                    "{name}: {:?}\n   got {got:?}\n  want {expected:?}",
                    record.argv
                ));
            }
        }
        let expected = group
            .iter()
            .find_map(|record| record.flush_error.as_ref())
            .map(|_| {
                let listed = FLUSH_ERRORS.iter().find(|(group, _)| *group == name);
                listed
                    .expect("each flush error of the recording is listed")
                    .1
                    .to_owned()
            });
        assert_eq!(
            world.flush().err(),
            expected,
            "the flush of {name} as {juju:?}"
        );
    }
    assert!(
        differences.is_empty(),
        "{} differences as {juju:?}\n{}",
        differences.len(),
        differences.join("\n")
    );
}
