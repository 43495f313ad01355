//! Secrets as charms see them, and a replay of what a real Juju 4.0.15 answered.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;

use super::testing::{World, unit};
use crate::JujuVersion;
use crate::agent::RelationEvent;
use crate::model::SecretId;

const RECORDED: &str = include_str!("../../tests/fixtures/secret-tools-juju-4.0.15.jsonl");

const UUID: &str = "f9b1fe93-c6b4-4956-8442-f3344fac642a";

/// One line of the recording: a call, or the error of the flush that ended a group of calls.
#[derive(Debug, Deserialize)]
struct Record {
    group: String,
    unit: String,
    #[serde(default)]
    argv: Vec<String>,
    #[serde(default)]
    exit: u8,
    #[serde(default)]
    stdout: String,
    #[serde(default)]
    stderr: String,
    flush_error: Option<String>,
}

/// Runs `secret-add` and returns the bare id.
#[track_caller]
fn add(world: &World, arguments: &str) -> String {
    let (code, stdout, stderr) = world.run(&format!("secret-add {arguments}"));
    assert_eq!((code, stderr.as_str()), (0, ""), "{arguments}");
    let id = stdout
        .trim_end()
        .strip_prefix(&format!("secret://{UUID}/"))
        .unwrap();
    assert!(SecretId::parse(id).is_some(), "{id}");
    id.to_owned()
}

/// Makes a secret of `two` in a hook of its own.
fn committed(world: &mut World, arguments: &str) -> String {
    world.enter("two/0", None, None);
    let id = add(world, arguments);
    world.flush().unwrap();
    world.enter("two/0", None, None);
    id
}

fn granted_to_oth(world: &mut World, arguments: &str) -> String {
    let id = committed(world, arguments);
    world.check(&[(&format!("secret-grant {id} -r 12"), 0, "", "")]);
    world.flush().unwrap();
    world.enter("oth/0", None, None);
    id
}

#[test]
fn recorded_calls_of_a_real_juju_are_answered_alike() {
    let records: Vec<Record> = RECORDED
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut world = World::of(JujuVersion::V4_0);
    // Ids are random: those of the recording and ours, in the order in which they were made.
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    let ours = |text: &str, ids: &BTreeMap<String, String>| {
        let mut text = text.to_owned();
        for (theirs, ours) in ids {
            text = text.replace(theirs, ours);
        }
        text
    };
    // What Go's maps give in random order.
    let normal = |text: &str| match text.starts_with('[') {
        true => {
            let mut list: Vec<String> = serde_json::from_str(text).unwrap();
            list.sort();
            list.join("\n")
        }
        false => {
            let mut lines: Vec<&str> = text.lines().collect();
            if lines.iter().all(|line| SecretId::parse(line).is_some()) {
                lines.sort_unstable();
            }
            lines.join("\n")
        }
    };
    let mut calls = 0;
    for group in records.chunk_by(|a, b| a.group == b.group) {
        world.enter(&group[0].unit, None, None);
        for record in group.iter().filter(|record| !record.argv.is_empty()) {
            let argv: Vec<String> = record.argv.iter().map(|word| ours(word, &ids)).collect();
            let (code, stdout, stderr) = world.call(&argv, None);
            if argv[0] == "secret-add" && code == 0 {
                let last = |text: &str| text.trim_end().rsplit('/').next().unwrap().to_owned();
                ids.insert(last(&record.stdout), last(&stdout));
            }
            calls += 1;
            assert_eq!(
                (code, normal(&stdout), stderr),
                (
                    record.exit,
                    normal(&ours(&record.stdout, &ids)),
                    ours(&record.stderr, &ids)
                ),
                "{}: {argv:?}",
                record.group
            );
        }
        let expected = group.iter().find_map(|record| record.flush_error.clone());
        assert_eq!(
            world.flush().err(),
            expected.map(|error| ours(&error, &ids)),
            "the flush of {}",
            group[0].group
        );
    }
    assert_eq!(calls, 33);
}

#[test]
fn a_secret_is_there_in_its_own_hook_and_stored_with_it() {
    let mut world = World::new();
    let id = add(&world, "user=bob pass=x1 --label lab --description d");
    world.check(&[
        (
            &format!("secret-info-get {id}"),
            0,
            &format!(
                "{id}:\n  revision: 1\n  label: lab\n  owner: application\n  description: d\n"
            ),
            "",
        ),
        (
            &format!("secret-get {id} --format=json"),
            0,
            "{\"pass\":\"x1\",\"user\":\"bob\"}\n",
            "",
        ),
        ("secret-get --label lab", 0, "pass: x1\nuser: bob\n", ""),
        (&format!("secret-get secret:{id} user"), 0, "bob\n", ""),
        (&format!("secret-get {id} user#base64"), 0, "Ym9i\n", ""),
        ("secret-ids", 0, &format!("{id}\n"), ""),
        (
            &format!("secret-get {id} nokey"),
            1,
            "",
            "ERROR secret key value \"nokey\" not found\n",
        ),
    ]);
    assert!(world.model().secrets.is_empty(), "nothing is stored yet");
    world.check(&[(&format!("secret-grant {id} -r server:12"), 0, "", "")]);
    world.flush().unwrap();
    world.enter("two/0", None, None);
    let access = "  access:\n  - target: application-oth\n    scope: relation-oth.client#two.server\n    role: view\n";
    world.check(&[(
        &format!("secret-info-get {id}"),
        0,
        &format!(
            "{id}:\n  revision: 1\n  label: lab\n  owner: application\n  description: d\n  rotation: never\n{access}"
        ),
        "",
    )]);
}

#[test]
fn new_content_is_read_with_refresh_or_peek_only() {
    let mut world = World::new();
    let id = committed(&mut world, "key=one");
    let get = |options: &str| world.run(&format!("secret-get {id} key {options}")).1;
    assert_eq!(get(""), "one\n", "tracks revision 1");
    world.check(&[(&format!("secret-set {id} key=two"), 0, "", "")]);
    assert_eq!((get(""), get("--peek")), ("one\n".into(), "two\n".into()));
    world.check(&[(
        &format!("secret-info-get {id} --format=json"),
        0,
        &format!("{{\"{id}\":{{\"revision\":1,\"label\":\"\",\"owner\":\"application\",\"rotation\":\"never\"}}}}\n"),
        "",
    )]);
    world.flush().unwrap();
    world.enter("two/0", None, None);
    let get = |options: &str| world.run(&format!("secret-get {id} key {options}")).1;
    assert_eq!(get(""), "one\n", "owners track as consumers do");
    assert_eq!(get("--peek"), "two\n");
    assert_eq!(get(""), "one\n");
    assert_eq!(get("--refresh"), "two\n");
    assert_eq!(get(""), "two\n");
    let refreshed = &world.model();
    let secret = refreshed
        .secrets
        .get(&SecretId::parse(&id).unwrap())
        .unwrap();
    assert_eq!(secret.consumers[&unit("two/0")].revision, 2);
    assert!(secret.revisions[&1].obsolete);
    world.check(&[
        (&format!("secret-set {id} key=three"), 0, "", ""),
        (&format!("secret-get {id} key --refresh"), 0, "three\n", ""),
    ]);
    world.flush().unwrap();
    world.enter("two/0", None, None);
    world.check(&[(&format!("secret-get {id} key"), 0, "three\n", "")]);
}

#[test]
fn tracking_is_immediate_and_the_rest_waits() {
    let mut world = World::new();
    let id = granted_to_oth(&mut world, "key=one");
    world.check(&[
        (&format!("secret-get {id} key --label mine"), 0, "one\n", ""),
        ("secret-get --label mine", 0, "key: one\n", ""),
        (
            &format!("secret-get {id} --label other"),
            0,
            "key: one\n",
            "",
        ),
        (
            "secret-get --label mine",
            1,
            "",
            "ERROR consumer label \"mine\" not found\n",
        ),
        (
            &format!("secret-info-get {id}"),
            1,
            "",
            &format!("ERROR secret \"{id}\" not found\n"),
        ),
        ("secret-ids", 0, "", ""),
    ]);
    // The hook fails: its labels and what it read stay.
    world.enter("oth/0", None, None);
    world.check(&[("secret-get --label other", 0, "key: one\n", "")]);
}

#[test]
fn who_may_not_is_refused_in_the_words_of_each_juju() {
    let rows = [
        (
            JujuVersion::V3_6,
            "permission denied",
            "secret \"secret:d00000000000000000g0\" not found",
            "consumer label \"x\" not found",
            "updating secrets: permission denied",
        ),
        (
            JujuVersion::V4_0,
            "\"oth/0\" is not allowed to read this secret",
            "getting latest secret revision: secret not found",
            "secret URI for consumer label \"x\" not found",
            "executing leadership func: update secrets: updating secret \"ID\": \"oth/0\" is not allowed to manage this secret",
        ),
    ];
    for (juju, denied, unknown, label, flush) in rows {
        let mut world = World::of(juju);
        let id = committed(&mut world, "key=one");
        world.enter("oth/0", None, None);
        let error = |text: &str| format!("ERROR {text}\n");
        world.check(&[
            (&format!("secret-get {id}"), 1, "", &error(denied)),
            ("secret-get d00000000000000000g0", 1, "", &error(unknown)),
            ("secret-get --label x", 1, "", &error(label)),
            (&format!("secret-set {id} key=two"), 0, "", ""),
        ]);
        let expected = flush.replace("ID", &id);
        assert_eq!(world.flush(), Err(expected));
        assert_eq!(
            world.model().secrets.values().next().unwrap().latest,
            1,
            "nothing was changed"
        );
    }
}

#[test]
fn units_of_an_application_share_its_secrets_and_keep_their_own() {
    let mut world = World::new();
    let shared = committed(&mut world, "key=app --label shared");
    let own = committed(&mut world, "key=own --label own --owner unit");
    world.enter("two/1", None, None);
    let refused = "ERROR this unit is not the leader\n";
    world.check(&[
        ("secret-get --label shared", 0, "key: app\n", ""),
        (
            &format!("secret-get {shared} --label ignored"),
            0,
            "key: app\n",
            "",
        ),
        (
            &format!("secret-get {own}"),
            1,
            "",
            "ERROR permission denied\n",
        ),
        ("secret-ids --format=json", 0, "null\n", ""),
        ("secret-add key=val", 1, "", refused),
    ]);
    add(&world, "key=val --owner unit");
    world.flush().unwrap();
    let model = world.model();
    let secret = model
        .secrets
        .get(&SecretId::parse(&shared).unwrap())
        .unwrap();
    assert_eq!(
        (
            secret.label.as_str(),
            secret.consumers[&unit("two/1")].label.as_str()
        ),
        ("shared", "")
    );
    // The owner's label for its own secret is the secret's.
    world.enter("two/0", None, None);
    world.check(&[(
        &format!("secret-get {own} --label renamed"),
        0,
        "key: own\n",
        "",
    )]);
    let model = world.model();
    let secret = model.secrets.get(&SecretId::parse(&own).unwrap()).unwrap();
    assert_eq!(secret.label, "renamed");
}

#[test]
fn labels_clash_at_once_in_a_hook_and_at_the_flush_with_stored_ones() {
    for (juju, expected) in [
        (
            JujuVersion::V3_6,
            "creating secrets: secret with label \"l1\" already exists",
        ),
        (
            JujuVersion::V4_0,
            "executing leadership func: create secrets: creating secret \"ID\": secret with label \"l1\" already exists",
        ),
    ] {
        let mut world = World::of(juju);
        add(&world, "key=one --label l1");
        world.check(&[(
            "secret-add key=two --label l1",
            1,
            "",
            "ERROR secret with label \"l1\" already exists\n",
        )]);
        world.flush().unwrap();
        world.enter("two/0", None, None);
        let id = add(&world, "key=three --label l1");
        assert_eq!(world.flush(), Err(expected.replace("ID", &id)));
    }
}

#[test]
fn grants_and_revocations() {
    let mut world = World::new();
    let id = committed(&mut world, "key=one");
    world.check(&[
        (&format!("secret-grant {id}"), 2, "", "ERROR no relation id specified\n"),
        (
            &format!("secret-grant {id} -r 99"),
            2,
            "",
            "ERROR invalid value \"99\" for option -r: relation not found\n",
        ),
        (
            &format!("secret-grant {id} -r 12 --unit two/1"),
            2,
            "",
            "ERROR cannot specify unit \"two/1\" in relation to application \"oth\"\n",
        ),
        (
            "secret-grant d00000000000000000g0 -r 12",
            1,
            "",
            "ERROR secret \"d00000000000000000g0\" not found\n",
        ),
        (&format!("secret-grant {id} -r 12 --unit oth/0"), 0, "", ""),
        (
            &format!("secret-grant {id} -r 12"),
            1,
            "",
            "ERROR any unit level grants need to be revoked before granting access to the corresponding application\n",
        ),
        (
            &format!("secret-revoke {id}"),
            2,
            "",
            "ERROR missing relation or application or unit\n",
        ),
        (
            &format!("secret-revoke {id} --app oth --unit oth/0"),
            2,
            "",
            "ERROR specify only one of application or unit\n",
        ),
    ]);
    world.flush().unwrap();
    world.enter("oth/0", None, None);
    world.check(&[(&format!("secret-get {id}"), 0, "key: one\n", "")]);
    world.enter_relation(RelationEvent::Changed, Some("oth/0"));
    world.check(&[(&format!("secret-revoke {id} --unit oth/0"), 0, "", "")]);
    world.flush().unwrap();
    world.enter("oth/0", None, None);
    world.check(&[(
        &format!("secret-get {id}"),
        1,
        "",
        "ERROR permission denied\n",
    )]);
    // In a relation hook the other side is meant by itself.
    world.enter_relation(RelationEvent::Changed, Some("oth/0"));
    world.check(&[(&format!("secret-grant {id}"), 0, "", "")]);
    world.flush().unwrap();
    assert_eq!(
        world.model().secrets.values().next().unwrap().grants.len(),
        1
    );
    world.enter_relation(RelationEvent::Changed, Some("oth/0"));
    world.check(&[(&format!("secret-revoke {id}"), 0, "", "")]);
    world.flush().unwrap();
    assert!(
        world
            .model()
            .secrets
            .values()
            .next()
            .unwrap()
            .grants
            .is_empty()
    );
}

#[test]
fn removing_hides_a_secret_at_once_and_removes_it_with_the_hook() {
    let mut world = World::new();
    let id = committed(&mut world, "key=one");
    world.check(&[
        (&format!("secret-set {id} key=two"), 0, "", ""),
        (&format!("secret-remove {id}"), 0, "", ""),
        ("secret-ids", 0, "", ""),
        ("secret-remove", 2, "", "ERROR missing secret URI\n"),
    ]);
    assert_eq!(world.model().secrets.len(), 1);
    world.flush().unwrap();
    assert!(world.model().secrets.is_empty());
}

#[test]
fn expiry_and_rotation_are_shown_as_each_juju_keeps_them() {
    for (juju, expires) in [
        (JujuVersion::V3_6, "2026-11-22T00:10:16Z"),
        (JujuVersion::V4_0, "2026-11-22T00:10:15.6Z"),
    ] {
        let mut world = World::of(juju);
        let id = committed(&mut world, "key=one --expire 20.6s --rotate hourly");
        world.check(&[(
            &format!("secret-info-get {id}"),
            0,
            &format!(
                "{id}:\n  revision: 1\n  label: \"\"\n  owner: application\n  rotation: hourly\n  expiry: {expires}\n  rotates: 2026-11-22T01:09:55Z\n"
            ),
            "",
        )]);
    }
}

#[test]
fn content_comes_from_files_of_the_agent() {
    let world = World::new();
    let dir = world.dir.path();
    fs::write(dir.join("value"), "from a file\n").unwrap();
    fs::write(dir.join("all.yaml"), "user: alice\npin: 12\n").unwrap();
    let id = add(
        &world,
        &format!("key#file={0}/value --file {0}/all.yaml", dir.display()),
    );
    world.check(&[(
        &format!("secret-get {id} --format=json"),
        0,
        "{\"key\":\"from a file\\n\",\"pin\":\"12\",\"user\":\"alice\"}\n",
        "",
    )]);
    for (line, why) in [
        (
            "secret-add key#file=nosuch",
            "reading content for secret key \"key\": open nosuch: no such file or directory",
        ),
        (
            "secret-add --file nosuch.yaml",
            "open nosuch.yaml: no such file or directory",
        ),
        (
            "secret-add key=v --rotate sometimes",
            "rotate policy \"sometimes\" not valid",
        ),
        (
            "secret-add key=v --expire bad",
            "expire time or duration \"bad\" not valid",
        ),
        (
            "secret-add key=v --owner me",
            "secret owner \"me\" not valid",
        ),
        ("secret-set", "missing secret URI"),
        (
            "secret-get secret:nope",
            "secret URI \"secret:nope\" not valid",
        ),
    ] {
        world.check(&[(line, 2, "", &format!("ERROR {why}\n"))]);
    }
    let foreign = "secret-get secret://11111111-2222-4333-8444-555555555555/9m4e2mr0ui3e8a215n4g";
    let (code, _, stderr) = world.run(foreign);
    assert_eq!(code, 1);
    assert!(stderr.contains("secrets of other models"), "{stderr}");
}

#[test]
fn no_content_is_in_logs_or_debug_output() {
    let mut world = World::new();
    let id = granted_to_oth(&mut world, "key=hunter2");
    world.check(&[(&format!("secret-get {id}"), 0, "key: hunter2\n", "")]);
    world.enter("two/0", None, None);
    world.check(&[(&format!("secret-set {id} key=hunter22"), 0, "", "")]);
    let pending = world.context(|context| format!("{context:?}"));
    let shown = format!("{pending} {:?} {:?}", world.model(), world.log());
    // "hunter" in base64, at the beginning.
    for content in ["hunter", "aHVudGVy"] {
        assert!(!shown.contains(content), "{content}");
    }
}
