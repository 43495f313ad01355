//! The commands about secrets, compared with every record of a real Juju 4.0.15.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;
use serde_json::{Value, json};

use super::testing::{Controller, Outcome};
use crate::JujuVersion;
use crate::model::changes::{SecretUpdate, create_secret};
use crate::model::{Content, SecretId, SecretOwner};

const RECORDED: &str = include_str!("../../tests/fixtures/secrets-juju-4.0.15.jsonl");

#[derive(Debug, Deserialize)]
struct Record {
    id: String,
    argv: Vec<String>,
    exit: u8,
    stdout: String,
    stderr: String,
}

/// Records that differ, and why.
const DEVIATIONS: &[(&str, &str)] = &[
    (
        "secrets-073",
        "revision 1 was pruned by itself after --auto-prune, as 3.6 does; 4.0.15 removes nothing within the recording",
    ),
    ("secrets-074", "as secrets-073"),
    (
        "secrets-076",
        "4.0.15 goes on listing secrets that were removed; here they are gone",
    ),
    ("secrets-080", "as secrets-076"),
    (
        "secrets-083",
        "counts secrets of other models of the recording",
    ),
    ("secrets-084", "as secrets-083"),
];

fn controller(juju: JujuVersion) -> Controller {
    let c = Controller::with_model_of(juju);
    let charm = [
        ("metadata.yaml", "name: app\nsummary: s\ndescription: d\n"),
        (
            "manifest.yaml",
            "bases: [{name: ubuntu, channel: '24.04', architectures: [amd64]}]\n",
        ),
        ("dispatch", "#!/bin/sh\n"),
    ];
    let dir = c.dir.path().join("app");
    fs::create_dir(&dir).unwrap();
    for (name, text) in charm {
        fs::write(dir.join(name), text).unwrap();
    }
    c.pack_charm("app");
    c.juju("deploy ./app.charm server").ok();
    c.juju("deploy ./app.charm client").ok();
    c
}

/// What `juju exec -u client/0 -- secret-add a-key=charm --label lab --description made by a charm` does.
fn charm_secret(c: &Controller) -> SecretId {
    let id = SecretId::random();
    let uuid = c.hub.snapshot().model_named("m").unwrap().info.uuid.clone();
    let values = BTreeMap::from([("a-key".to_owned(), "Y2hhcm0=".to_owned())]);
    let new = SecretUpdate {
        content: Some(Content::new(values)),
        label: Some("lab".to_owned()),
        description: Some("made by a charm".to_owned()),
        ..SecretUpdate::default()
    };
    let owner = SecretOwner::Application("client".to_owned());
    let now = c.hub.now();
    c.hub
        .transact_model(&uuid, |model| create_secret(model, &id, owner, new, now))
        .unwrap();
    id
}

/// Replaces what differs from run to run: times, and every value of a key `updated` or `created`.
fn normal(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest
        .find("2026-")
        .into_iter()
        .chain(rest.find("2025-"))
        .min()
    {
        out.push_str(&rest[..at]);
        let time = &rest[at..];
        match time.find('Z') {
            Some(end) if end < 36 => {
                out.push_str("TIME");
                rest = &time[end + 1..];
            }
            _ => {
                out.push_str(&time[..5]);
                rest = &time[5..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Returns lines in order of their text, words single-spaced, ages left out: the order of a table is random where Juju does not sort.
fn table(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().take(5).collect();
            words.join(" ")
        })
        .collect();
    lines.sort();
    lines
}

fn same(record: &Record, got: &Outcome, expected_out: &str, expected_err: &str) -> bool {
    let json = |text: &str| serde_json::from_str::<Value>(&normal(text)).ok();
    let stdout = match (json(&got.stdout), json(expected_out)) {
        // Compared as text as well: the order of keys counts, except of the outermost.
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let text = |map: &serde_json::Map<String, Value>| {
                let mut entries: Vec<String> = map
                    .iter()
                    .map(|(key, value)| format!("{key} {value}"))
                    .collect();
                entries.sort();
                entries
            };
            text(&a) == text(&b)
        }
        _ if expected_out.starts_with("ID ") => table(&got.stdout) == table(expected_out),
        _ => {
            let blocks = |text: &str| {
                let mut blocks: Vec<String> = Vec::new();
                for line in normal(text).lines() {
                    match line.starts_with(' ') {
                        true => blocks.last_mut().unwrap().push_str(&format!("\n{line}")),
                        false => blocks.push(line.to_owned()),
                    }
                }
                blocks.sort();
                blocks
            };
            blocks(&got.stdout) == blocks(expected_out)
        }
    };
    got.code == record.exit && stdout && got.stderr == expected_err
}

#[test]
fn every_recorded_command_is_answered_alike() {
    let c = controller(JujuVersion::V4_0);
    fs::write(c.dir.path().join("s.yaml"), "user: alice\npassword: pw\n").unwrap();
    fs::write(c.dir.path().join("tok.txt"), "tok\n").unwrap();
    let uuid = c
        .hub
        .snapshot()
        .model_named("m")
        .unwrap()
        .info
        .uuid
        .0
        .clone();
    let mut ours = BTreeMap::from([("704951cf-3415-48fa-8a43-2131c9bf3ae3".to_owned(), uuid)]);
    let translate = |text: &str, ours: &BTreeMap<String, String>| {
        let mut text = text.to_owned();
        for (theirs, our) in ours {
            text = text.replace(theirs, our);
        }
        text
    };
    let mut differences = Vec::new();
    let records: Vec<Record> = RECORDED
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for record in &records {
        c.advance(1);
        if record.argv[1] == "exec" {
            let theirs = record.stdout.trim_end().rsplit('/').next().unwrap();
            ours.insert(theirs.to_owned(), charm_secret(&c).to_string());
            continue;
        }
        let argv: Vec<String> = record.argv[1..]
            .iter()
            .map(|word| translate(word, &ours))
            .collect();
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        let got = c.run(&words, "");
        if words[0] == "add-secret" && got.code == 0 {
            let id = |text: &str| text.trim_end().trim_start_matches("secret:").to_owned();
            ours.insert(id(&record.stdout), id(&got.stdout));
        }
        let (stdout, stderr) = (
            translate(&record.stdout, &ours),
            translate(&record.stderr, &ours),
        );
        let deviates = DEVIATIONS.iter().any(|(id, _)| *id == record.id);
        if same(record, &got, &stdout, &stderr) == deviates {
            differences.push(format!(
                "{} {words:?}\n  got  {got:?}\n  want {} {stdout:?} {stderr:?}",
                record.id, record.exit
            ));
        }
    }
    assert_eq!(records.len(), 84);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn tables_are_laid_out_as_recorded() {
    let c = controller(JujuVersion::V4_0);
    assert_eq!(
        c.juju("secrets").ok().stdout,
        "ID  Name  Owner  Rotation  Revision  Last updated\n"
    );
    let id = c.juju("add-secret mysec user=bob").ok().stdout;
    let id = id.trim_end().trim_start_matches("secret:");
    let lab = charm_secret(&c);
    c.advance(3);
    c.juju("update-secret mysec user=carol").ok();
    assert_eq!(
        c.juju("secrets").ok().stdout,
        format!(
            "ID                    Name   Owner    Rotation  Revision  Last updated\n\
             {id}  mysec  <model>  never            2  just now       \n\
             {lab}  -      client   never            1  3 seconds ago  \n"
        )
    );
    assert_eq!(
        c.juju("secret-backends").ok().stdout,
        "Name      Type        Secrets  Message\ninternal  controller  2          \n"
    );
}

#[test]
fn owners_select() {
    for (juju, of_model) in [(JujuVersion::V3_6, true), (JujuVersion::V4_0, false)] {
        let c = controller(juju);
        c.juju("add-secret mysec user=bob").ok();
        let lab = charm_secret(&c);
        let listed = c
            .juju("secrets --owner application-client --format json")
            .ok()
            .json();
        assert_eq!(
            listed.as_object().unwrap().keys().collect::<Vec<_>>(),
            [lab.as_str()]
        );
        let none = c.juju("secrets --owner unit-client-0 --format json").ok();
        assert_eq!(none.stdout, "{}\n");
        let uuid = c
            .hub
            .snapshot()
            .model_named("m")
            .unwrap()
            .info
            .uuid
            .0
            .clone();
        let users = c.juju(&format!("secrets --owner model-{uuid} --format json"));
        assert_eq!(users.code == 0, of_model, "{users:?}");
    }
}

#[test]
fn juju_3_6_speaks_of_seconds_and_has_words_of_its_own() {
    let c = controller(JujuVersion::V3_6);
    let id = c.juju("add-secret mysec user=bob").ok().stdout;
    let id = id.trim_end().trim_start_matches("secret:");
    let shown = c
        .juju("show-secret mysec --reveal --format json")
        .ok()
        .json();
    assert_eq!(
        shown,
        json!({id: {
            "revision": 1,
            "checksum": shown[id]["checksum"],
            "rotation": "never",
            "owner": "<model>",
            "name": "mysec",
            "created": "2025-11-21T22:58:04Z",
            "updated": "2025-11-21T22:58:04Z",
            "content": {"Data": {"user": "bob"}},
        }})
    );
    let lab = charm_secret(&c);
    let unknown = "9m4e2mr0ui3e8a215n4g";
    for (line, code, error) in [
        (
            "show-secret mysec --revision 9".to_owned(),
            1,
            format!("revison 9 for secret \"secret:{id}\" not found"),
        ),
        (
            format!("show-secret {unknown}"),
            1,
            format!("secret \"{unknown}\" not found"),
        ),
        (
            format!("update-secret {lab} user=x"),
            1,
            "permission denied".to_owned(),
        ),
        (
            "add-secret mysec user=x".to_owned(),
            1,
            "secret with name \"mysec\" already exists".to_owned(),
        ),
        (
            "secrets --revisions".to_owned(),
            2,
            "option provided but not defined: --revisions".to_owned(),
        ),
    ] {
        let outcome = c.juju(&line);
        assert_eq!(
            (outcome.code, outcome.stderr),
            (code, format!("ERROR {error}\n")),
            "{line}"
        );
    }
    assert_eq!(c.juju("model-secret-backend").code, 1, "4.0 has that");
}

#[test]
fn the_backend_of_a_model_is_auto_or_internal() {
    let c = controller(JujuVersion::V4_0);
    c.juju("model-secret-backend internal").ok();
    assert_eq!(c.juju("model-secret-backend").ok().stdout, "internal\n");
}
