//! `cargo charmtest clean`: models of runs that were killed go, and no others.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use charmtest::harness::{OWNERSHIP_VERSION, OwnedCloud, OwnedModel, Owner, Title, read_ownership};
use serde_json::Value;

use crate::author::{assert_no_models, author, cargo_command};
use crate::bed::{Bed, PATIENCE, PROGRAM, Said};

fn record_dir(bed: &Bed) -> PathBuf {
    bed.path().join("state/charmtest/models")
}

fn clean(bed: &Bed, args: &[&str]) -> Said {
    Command::new(PROGRAM)
        .args(["charmtest", "clean"])
        .args(args)
        .env("XDG_STATE_HOME", bed.path().join("state"))
        .env("CHARMTEST_DATA", "/nowhere")
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
        .into()
}

/// Returns what `clean` told, a word and a model a line.
fn told(said: &Said) -> Vec<String> {
    let lines = said.stderr.lines().filter(|line| line.contains(" (run "));
    let short = lines.map(|line| line.split(" (run ").next().unwrap().trim().to_owned());
    short.collect()
}

/// Returns the models in the controller by name, with their UUIDs.
fn models(bed: &Bed) -> Vec<(String, String)> {
    let listed: Value = serde_json::from_str(&bed.juju(&["models", "--format", "json"])).unwrap();
    let listed = listed["models"].as_array().unwrap();
    let text = |model: &Value, key: &str| model[key].as_str().unwrap().to_owned();
    let mut models: Vec<_> = listed
        .iter()
        .map(|model| (text(model, "short-name"), text(model, "model-uuid")))
        .collect();
    models.sort();
    models
}

fn names(bed: &Bed) -> Vec<String> {
    models(bed).into_iter().map(|(name, _)| name).collect()
}

/// A process that has ended, by all that a record says.
fn ended() -> Owner {
    Owner {
        started: "long ago".to_owned(),
        ..Owner::current()
    }
}

/// Writes an entry as a run `7-1` would have done that is over.
fn enter(bed: &Bed, name: &str, change: impl FnOnce(&mut OwnedModel)) {
    let models = models(bed);
    let uuid = models.iter().find(|(model, _)| model == name);
    let controller: Value =
        serde_json::from_str(&bed.juju(&["controllers", "--format", "json"])).unwrap();
    let controller = controller["current-controller"].as_str().unwrap();
    let mut entry = OwnedModel {
        charmtest: OWNERSHIP_VERSION,
        run: "7-1".to_owned(),
        module: "m".to_owned(),
        owner: ended(),
        backend: "embedded".to_owned(),
        juju: bed.data().join("bin/juju"),
        juju_data: Some(bed.data()),
        model: format!("{controller}:{name}"),
        uuid: uuid.map(|(_, uuid)| uuid.clone()),
        title: Title::Generated,
        destroy_storage: true,
        kept: None,
        since: 7,
    };
    change(&mut entry);
    fs::create_dir_all(record_dir(bed)).unwrap();
    let text = serde_json::to_string(&entry).unwrap();
    fs::write(record_dir(bed).join(format!("{name}.json")), text).unwrap();
}

fn on_record(bed: &Bed) -> Vec<String> {
    let read = read_ownership(&record_dir(bed)).unwrap();
    let names = read
        .into_iter()
        .map(|(path, _)| path.file_stem().unwrap().to_owned());
    names.map(|name| name.into_string().unwrap()).collect()
}

#[test]
fn only_models_of_runs_that_ended_go() {
    let bed = Bed::bare();
    let made = [
        "adopted",
        "alive",
        "half",
        "half-used",
        "kept",
        "named-half",
        "ours",
        "renewed",
        "theirs",
    ];
    for name in made {
        bed.juju(&["add-model", name]);
    }
    let charm = bed.charm("srv", "", "status-set active");
    bed.juju(&["deploy", "-m", "half-used", &charm]);
    enter(&bed, "ours", |_| {});
    enter(&bed, "alive", |entry| entry.owner = Owner::current());
    enter(&bed, "kept", |entry| {
        entry.kept = Some("--keep-models".to_owned())
    });
    enter(&bed, "adopted", |entry| entry.title = Title::Adopted);
    enter(&bed, "renewed", |entry| {
        entry.uuid = Some("another".to_owned())
    });
    enter(&bed, "gone", |_| {});
    enter(&bed, "half", |entry| entry.uuid = None);
    enter(&bed, "half-used", |entry| entry.uuid = None);
    enter(&bed, "named-half", |entry| {
        entry.uuid = None;
        entry.title = Title::Named;
    });

    let said = clean(&bed, &["--dry-run"]);
    let expected = [
        "In use model charmtest:alive",
        "Left over model charmtest:half-used",
        "Would remove model charmtest:half",
        "Kept model charmtest:kept",
        "Left over model charmtest:named-half",
        "Would remove model charmtest:ours",
        "Not touched model charmtest:renewed",
    ];
    let controller = bed.juju(&["whoami", "--format", "json"]);
    let controller: Value = serde_json::from_str(&controller).unwrap();
    let controller = controller["controller"].as_str().unwrap();
    let expected = expected.map(|line| line.replace("charmtest:", &format!("{controller}:")));
    assert_eq!(told(&said), expected, "{said:?}");
    assert_eq!((names(&bed).len(), on_record(&bed).len()), (9, 9));

    let said = clean(&bed, &[]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let left = [
        "adopted",
        "alive",
        "half-used",
        "kept",
        "named-half",
        "renewed",
        "theirs",
    ];
    assert_eq!(names(&bed), left);
    assert_eq!(
        on_record(&bed),
        ["alive", "half-used", "kept", "named-half"]
    );
    assert!(
        said.stderr
            .contains("2 models removed, 2 models left over, 1 model in use, 1 model kept"),
        "{said:?}"
    );

    for name in ["half-used", "named-half"] {
        bed.juju(&["destroy-model", "--no-prompt", "--force", "--no-wait", name]);
    }
    let said = clean(&bed, &["--all"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(names(&bed), ["adopted", "alive", "renewed", "theirs"]);
    assert_eq!(on_record(&bed), ["alive"]);
}

#[test]
fn one_run_can_be_named_if_it_has_ended() {
    let bed = Bed::bare();
    for name in ["one", "two", "far"] {
        bed.juju(&["add-model", name]);
    }
    enter(&bed, "one", |_| {});
    enter(&bed, "two", |entry| entry.run = "8-1".to_owned());
    enter(&bed, "far", |entry| {
        entry.run = "9-1".to_owned();
        entry.owner.place = "another machine".to_owned();
    });
    let said = clean(&bed, &["--run", "6-1"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert_eq!(
        said.stderr,
        "error: no run 6-1 has a model on record\nhint: runs on record: 7-1, 8-1, 9-1\n"
    );
    assert_eq!(clean(&bed, &["--run", "8-1"]).code, Some(0));
    assert_eq!(names(&bed), ["far", "one"]);
    // Nobody here can tell whether a run on another machine has ended.
    let said = clean(&bed, &[]);
    assert!(said.stderr.contains("--run 9-1"), "{said:?}");
    assert_eq!(names(&bed), ["far"]);
    assert_eq!(clean(&bed, &["--run", "9-1"]).code, Some(0));
    assert_eq!(names(&bed), [""; 0]);

    enter(&bed, "one", |entry| entry.owner = Owner::current());
    let said = clean(&bed, &["--run", "7-1"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.stderr
            .starts_with("error: run 7-1 is alive: its process "),
        "{said:?}"
    );
}

#[test]
fn what_cannot_be_cleaned_is_named_and_stays_on_record() {
    let bed = Bed::bare();
    bed.juju(&["add-model", "ours"]);
    enter(&bed, "ours", |entry| {
        entry.backend = "juju".to_owned();
        entry.juju = bed.path().join("no-juju");
    });
    fs::write(record_dir(&bed).join("broken.json"), "{").unwrap();
    let said = clean(&bed, &[]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("there is no program `"), "{said:?}");
    assert!(said.stderr.contains("Unreadable"), "{said:?}");
    assert_eq!(on_record(&bed), ["broken", "ours"]);

    // A controller that was deleted took its models along.
    fs::remove_file(record_dir(&bed).join("broken.json")).unwrap();
    enter(&bed, "ours", |entry| {
        entry.juju_data = Some(bed.path().join("deleted"))
    });
    let said = clean(&bed, &[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(on_record(&bed), [""; 0]);
    assert!(!bed.path().join("deleted").exists());

    for (args, code) in [(["--teardown-timeout", "0"], 2), (["--run", ""], 1)] {
        let said = clean(&bed, &args);
        assert_eq!(said.code, Some(code), "{said:?}");
    }
}

#[test]
fn clouds_that_a_run_added_go_if_their_names_were_its_own() {
    let bed = Bed::bare();
    let script = bed.path().join("script");
    fs::create_dir_all(script.join("clouds")).unwrap();
    crate::bed::executable(
        &script.join("juju"),
        r#"#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/calls"
case "$1" in
clouds)
    names=$(ls "$here/clouds")
    [ "$names" ] || { echo null; exit; }
    printf '{'; sep=
    for name in $names; do printf '%s"%s":{"type":"kubernetes"}' "$sep" "$name"; sep=,; done
    echo '}' ;;
remove-cloud) rm "$here/clouds/$2" ;;
esac
"#,
    );
    let record = bed.path().join("state/charmtest/clouds");
    fs::create_dir_all(&record).unwrap();
    for name in ["m-k8s-cloud-abcd", "mine", "alive", "gone"] {
        if name != "gone" {
            fs::write(script.join("clouds").join(name), "").unwrap();
        }
        let entry = OwnedCloud {
            charmtest: OWNERSHIP_VERSION,
            run: "7-1".to_owned(),
            module: "m".to_owned(),
            owner: if name == "alive" {
                Owner::current()
            } else {
                ended()
            },
            juju: script.join("juju"),
            juju_data: None,
            cloud: name.to_owned(),
            controller: "c".to_owned(),
            generated: name != "mine",
            kept: None,
            since: 7,
        };
        let text = serde_json::to_string(&entry).unwrap();
        fs::write(record.join(format!("{name}.json")), text).unwrap();
    }
    let clouds = |directory: &std::path::Path| {
        let listed = fs::read_dir(directory).unwrap();
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> = listed.map(name).collect();
        names.sort();
        names
    };
    let before = clouds(&record);
    let said = clean(&bed, &["--dry-run"]);
    assert!(
        told(&said).contains(&"Would remove cloud m-k8s-cloud-abcd on controller c".to_owned()),
        "{said:?}"
    );
    assert_eq!(clouds(&record), before);

    let said = clean(&bed, &[]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert_eq!(
        told(&said),
        [
            "In use cloud alive on controller c",
            "Removed cloud m-k8s-cloud-abcd on controller c",
            "Left over cloud mine on controller c",
        ],
        "{said:?}"
    );
    assert!(
        said.stderr
            .contains("if it is not: juju remove-cloud mine --controller c"),
        "{said:?}"
    );
    assert!(
        said.stderr
            .contains("0 models removed, 1 cloud removed, 1 cloud left over"),
        "{said:?}"
    );
    assert_eq!(clouds(&script.join("clouds")), ["alive", "mine"]);
    assert_eq!(clouds(&record), ["alive.json", "mine.json"]);

    // Once somebody has removed it, it is forgotten.
    fs::remove_file(script.join("clouds/mine")).unwrap();
    let said = clean(&bed, &[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(clouds(&record), ["alive.json"]);
}

/// A process that ends with its test, by a signal that lets it tear down.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(Some(_))) {
            return;
        }
        let _ = Command::new("kill")
            .args(["-TERM", &self.0.id().to_string()])
            .status();
        let _ = self.0.wait();
    }
}

#[test]
fn a_test_process_that_is_killed_leaves_a_model_that_is_cleaned_up() {
    let bed = Bed::bare();
    let dir = author(&bed, "author-killed");
    let child = cargo_command(&bed, &dir, &["charmtest", "-F", "hang", "hang"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut run = Killed(child);
    let run = &mut run.0;
    // The build comes first, so nothing bounds this but the test's own patience after it.
    let entry = loop {
        if let Some(status) = run.try_wait().unwrap() {
            panic!(
                "{status}: {}",
                std::io::read_to_string(run.stderr.take().unwrap()).unwrap()
            );
        }
        let read = read_ownership(&record_dir(&bed)).unwrap();
        let made = read.into_iter().filter_map(|(_, entry)| entry.ok());
        if let Some(entry) = made.into_iter().find(|entry| entry.uuid.is_some()) {
            break entry;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    // It is somebody's as long as it runs.
    let said = clean(&bed, &["--all"]);
    assert_eq!(told(&said), [format!("In use model {}", entry.model)]);
    let killed = Command::new("kill")
        .args(["-KILL", &entry.owner.pid.to_string()])
        .status();
    assert!(killed.unwrap().success());
    let began = Instant::now();
    let said = std::io::read_to_string(run.stderr.take().unwrap()).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(4), "{said}");
    assert!(
        said.contains("to remove what was left over: `cargo charmtest clean`"),
        "{said}"
    );
    assert!(began.elapsed() < PATIENCE);
    assert_eq!(names(&bed).len(), 1);

    let said = clean(&bed, &["--run", &entry.run]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(told(&said), [format!("Removed model {}", entry.model)]);
    assert_no_models(&bed);
    let said = clean(&bed, &[]);
    assert!(said.stderr.contains("0 models removed"), "{said:?}");
}
