//! Runs with several models, against a `juju` that is a shell script: the order of the tear-down, what is on record, signals,
//! and controllers that misbehave.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use charmtest::harness::{
    Event, OwnedCloud, OwnedModel, OwnerState, Title, read_owned_clouds, read_ownership,
};
use tempfile::TempDir;

use crate::binary::{Run, command_of, finish};
use crate::signals::{interrupt_until_it_ends, send};

/// Knows models by files below `models`. What it does out of the ordinary is said by files beside it:
/// `hang-COMMAND` (the command never ends), `undying-MODEL` (it cannot be destroyed), `slow-destroy` (until it goes).
const JUJU: &str = r#"#!/bin/sh
here=$(dirname "$0")
mkdir -p "$here/models"
echo "$*" >> "$here/calls"
last() { for word; do :; done; echo "$word"; }
short() { echo "$1" | sed 's/.*://; s/.*\///'; }
hangs() { if [ -e "$here/hang-$1" ]; then touch "$here/hangs"; exec sleep 600; fi; }
case "$1" in
version) echo 3.6.28-ubuntu-amd64 ;;
controllers) echo '{"controllers":{"c":{}},"current-controller":"c"}' ;;
add-model)
    [ -e "$here/taken" ] && { touch "$here/models/$3"; echo "ERROR model admin/$3 already exists" >&2; exit 1; }
    cat "$XDG_STATE_HOME"/charmtest/models/*.json > "$here/record-of-$3"
    touch "$here/models/$3"
    hangs add-model ;;
show-model)
    hangs show-model
    full=$(last "$@"); name=$(short "$full"); controller=${full%%:*}
    [ "$controller" = "$full" ] && controller=c
    [ -e "$here/models/$name" ] || { echo "ERROR model $full not found" >&2; exit 1; }
    cloud=lxd; [ "$name" = on ] && cloud=k8s
    echo "{\"$name\":{\"name\":\"admin/$name\",\"short-name\":\"$name\",\"model-uuid\":\"uuid-$name\",\"model-type\":\"iaas\",\"controller-name\":\"$controller\",\"cloud\":\"$cloud\"}}" ;;
destroy-model)
    hangs destroy-model
    name=$(short "$2")
    if [ -e "$here/slow-destroy" ]; then touch "$here/destroying"; while [ -e "$here/slow-destroy" ]; do sleep 0.05; done; fi
    for undying in "$here"/undying-*; do
        [ -e "$undying" ] || continue
        case "$name" in ${undying##*/undying-}*) echo "ERROR cannot destroy" >&2; exit 1 ;; esac
    done
    rm "$here/models/$name" 2>/dev/null || { echo "ERROR model $2 not found" >&2; exit 1; } ;;
status)
    name=$(short "$3")
    [ -e "$here/models/$name" ] || { echo "ERROR model $3 not found" >&2; exit 1; }
    echo '{"applications":{}}' ;;
add-k8s) cat > /dev/null; cat "$XDG_STATE_HOME"/charmtest/clouds/*.json > "$here/record-of-cloud" ;;
remove-cloud) [ ! -e "$here/undying-cloud" ] || { echo "ERROR cloud in use" >&2; exit 1; } ;;
x-vanish) rm "$here"/models/* ;;
x-hang) touch "$here/hang-config" "$here/hang-destroy-model" ;;
config) hangs config ;;
x-signal) touch "$here/signal" ;;
esac
"#;

struct World {
    dir: TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let mut writer = Command::new("/bin/sh")
            .args(["-c", r#"cat > "$1" && chmod +x "$1""#, "sh"])
            .arg(world.path().join("juju"))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = writer.stdin.take().unwrap();
        std::io::Write::write_all(&mut pipe, JUJU.as_bytes()).unwrap();
        drop(pipe);
        assert!(writer.wait().unwrap().success());
        world
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn touch(&self, name: &str) {
        fs::write(self.path().join(name), "").unwrap();
    }

    fn has(&self, name: &str) -> bool {
        self.path().join(name).exists()
    }

    fn wait_for(&self, name: &str) {
        while !self.has(name) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Makes a model that nobody of the run made.
    fn with_model(self, name: &str) -> Self {
        fs::create_dir_all(self.path().join("models")).unwrap();
        self.touch(&format!("models/{name}"));
        self
    }

    fn command(&self, module: &str, arguments: &[&str]) -> Command {
        let mut command = command_of("harness-models-fixture");
        command
            .args(["--backend", "juju", "--juju"])
            .arg(self.path().join("juju"))
            .args(["--module", module, "--include-ignored"])
            .args(arguments)
            .env("CHARMTEST_RECORD_DIR", self.path().join("runs/7-1"))
            .env("XDG_STATE_HOME", self.path().join("state"))
            .env("CHARMTEST_CRASH_DUMP", "never");
        command
    }

    fn run(&self, module: &str, arguments: &[&str]) -> Run {
        finish(&mut self.command(module, arguments))
    }

    /// Runs the tests of a module and returns what happened to models, with the random ends of names left out.
    fn story(&self, module: &str, arguments: &[&str]) -> (Option<i32>, Vec<String>) {
        let mut command = self.command(module, arguments);
        let run = finish(command.env("CHARMTEST_EVENTS", "stdout"));
        let events = run
            .stdout
            .lines()
            .filter_map(|line| Event::split_line(line).1);
        (run.code, events.filter_map(told).collect())
    }

    /// Starts the tests of a module; what they say is read by nobody.
    fn start(&self, module: &str, arguments: &[&str]) -> Child {
        self.command(module, arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn models(&self) -> Vec<String> {
        let Ok(listed) = fs::read_dir(self.path().join("models")) else {
            return Vec::new();
        };
        let mut names: Vec<String> = listed
            .map(|entry| mask(entry.unwrap().file_name().to_str().unwrap()))
            .collect();
        names.sort();
        names
    }

    fn calls(&self, command: &str) -> Vec<String> {
        let calls = fs::read_to_string(self.path().join("calls")).unwrap_or_default();
        let wanted = calls.lines().filter(|call| call.starts_with(command));
        wanted.map(mask).collect()
    }

    fn record_dir(&self) -> PathBuf {
        self.path().join("state/charmtest/models")
    }

    fn record(&self) -> Vec<OwnedModel> {
        let read = read_ownership(&self.record_dir()).unwrap();
        read.into_iter().map(|(_, model)| model.unwrap()).collect()
    }

    fn clouds_on_record(&self) -> Vec<OwnedCloud> {
        let read = read_owned_clouds(&self.path().join("state/charmtest/clouds")).unwrap();
        read.into_iter().map(|(_, cloud)| cloud.unwrap()).collect()
    }

    /// Returns the models on record, with the random ends of names left out.
    fn on_record(&self) -> Vec<String> {
        self.record()
            .iter()
            .map(|model| mask(&model.model))
            .collect()
    }
}

/// Replaces the four random characters that end a generated name.
fn mask(text: &str) -> String {
    let modules = [
        "several",
        "taken",
        "clouds",
        "vanishing",
        "stuck",
        "interrupted",
    ];
    let words = text.split(' ').map(|word| match word.rsplit_once('-') {
        Some((stem, end)) if end.len() == 4 && modules.iter().any(|name| stem.contains(name)) => {
            format!("{stem}-XXXX")
        }
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn told(event: Event) -> Option<String> {
    let text = match event {
        Event::ModelNamed { model, .. } => format!("named {model}"),
        Event::ModelKept { model, why, .. } => format!("kept {} : {why}", mask(&model)),
        Event::ModelDestroyed { model, .. } => format!("destroyed {model}"),
        Event::ModelLeft { model, why, .. } => format!("left {} : {why}", mask(&model)),
        Event::CloudLeft { cloud, .. } => format!("cloud left {cloud}"),
        Event::Warning { message } => format!("warning {message}"),
        Event::TestFinished { test, outcome, .. } => format!("{test} {outcome:?}"),
        _ => return None,
    };
    Some(mask(&text))
}

#[test]
fn tracked_models_end_before_the_own_one_the_newest_first() {
    let world = World::new();
    let (code, story) = world.story("several", &[]);
    insta::assert_snapshot!(story.join("\n"), @r"
    named several-XXXX
    named c:cos
    named c:several-loki-XXXX
    several::are_tracked Passed
    several::are_found_again Passed
    destroyed c:several-loki-XXXX
    destroyed c:cos
    destroyed several-XXXX
    ");
    assert_eq!(code, Some(0));
    assert_eq!(world.models(), [""; 0]);
    assert_eq!(world.on_record(), [""; 0]);
}

#[test]
fn a_model_of_somebody_else_with_the_name_is_not_touched() {
    let world = World::new();
    world.touch("taken");
    let run = world.run("interrupted", &["never_reached"]);
    assert_eq!(run.code, Some(101));
    assert!(run.stdout.contains("already exists"), "{}", run.stdout);
    assert_eq!(world.calls("destroy-model"), [""; 0]);
    assert_eq!(world.models(), ["interrupted-XXXX"]);
    assert_eq!(world.on_record(), [""; 0]);
}

#[test]
fn a_model_is_on_record_before_it_is_made() {
    let world = World::new();
    world.touch("undying-cos");
    let run = world.run("several", &["--destroy-storage=false"]);
    assert_eq!(run.code, Some(101));
    let record = fs::read_to_string(world.path().join("record-of-cos")).unwrap();
    let before: Vec<OwnedModel> = serde_json::Deserializer::from_str(&record)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let [own, cos] = before.as_slice() else {
        panic!("{before:?}")
    };
    assert_eq!(own.title, Title::Generated);
    assert!(
        own.uuid
            .as_ref()
            .is_some_and(|uuid| uuid.starts_with("uuid-several-"))
    );
    assert_eq!(
        (cos.model.as_str(), cos.uuid.as_deref(), cos.title),
        ("c:cos", None, Title::Named)
    );
    assert_eq!(own.run, "7-1");
    // What is left stays on record, with the identity by which it is known again.
    let [left] = &world.record()[..] else {
        panic!("{:?}", world.record())
    };
    assert_eq!(
        (left.model.as_str(), left.uuid.as_deref()),
        ("c:cos", Some("uuid-cos"))
    );
    assert!(!left.destroy_storage);
    assert_eq!(left.juju, world.path().join("juju"));
    assert_eq!(left.module, "several");
    assert_eq!(world.calls("destroy-model").len(), 3);
    assert!(
        world
            .calls("destroy-model")
            .iter()
            .all(|call| call.contains("--release-storage"))
    );
}

#[test]
fn one_that_cannot_be_destroyed_keeps_no_other_from_its_end() {
    let world = World::new();
    world.touch("undying-several-loki");
    let run = world.run("several", &[]);
    assert_eq!(run.code, Some(101));
    assert_eq!(world.models(), ["several-loki-XXXX"]);
    assert_eq!(world.on_record(), ["c:several-loki-XXXX"]);
    let end: Vec<String> = run
        .stderr
        .lines()
        .skip_while(|line| !line.contains("could not be destroyed"))
        .map(|line| mask(&line.replace(&format!("{}/", world.path().display()), "")))
        .collect();
    insta::assert_snapshot!(end.join("\n"), @r"
    charmtest: error: model c:several-loki-XXXX could not be destroyed: `juju destroy-model c:several-loki-XXXX --no-prompt --destroy-storage --force` failed with exit code 1: cannot destroy
    charmtest: to remove what was left: `cargo charmtest clean`, or
    charmtest:   juju destroy-model --no-prompt --force --destroy-storage c:several-loki-XXXX
    ");
}

#[test]
fn a_tear_down_that_hangs_is_bounded_step_by_step() {
    let world = World::new();
    world.touch("hang-destroy-model");
    let (code, story) = world.story("several", &["--teardown-timeout", "300ms"]);
    assert_eq!(code, Some(101));
    let left: Vec<&String> = story
        .iter()
        .filter(|line| line.starts_with("left"))
        .collect();
    assert_eq!(left.len(), 3, "{story:?}");
    assert!(
        left.iter().all(|line| line.contains("did not end within")),
        "{left:?}"
    );
    assert_eq!(world.on_record().len(), 3);
}

#[test]
fn models_that_were_there_and_models_to_keep_stay() {
    let world = World::new().with_model("there");
    let (code, story) = world.story("taken", &[]);
    insta::assert_snapshot!(story.join("\n"), @r#"
    named taken-XXXX
    warning model c:there was there before: cloud in track_model("there") has no effect
    named c:mine
    taken::twice Passed
    kept c:mine : its test keeps it
    kept c:there : it was there before
    destroyed taken-XXXX
    "#);
    assert_eq!(code, Some(0));
    assert_eq!(world.models(), ["mine", "there"]);
    let [mine] = &world.record()[..] else {
        panic!("{:?}", world.record())
    };
    assert_eq!(mine.model, "c:mine");
    assert_eq!(mine.kept.as_deref(), Some("its test keeps it"));
}

#[test]
fn a_cloud_goes_after_its_models_and_is_named_if_it_does_not() {
    let world = World::new();
    let (code, _) = world.story("clouds", &[]);
    assert_eq!(code, Some(0));
    // It is on record before it is added, and no longer than it is there.
    let record = fs::read_to_string(world.path().join("record-of-cloud")).unwrap();
    assert!(record.contains(r#""cloud": "k8s""#), "{record}");
    assert_eq!(world.clouds_on_record(), []);
    let ends = || {
        let calls = world.calls("");
        let ends = calls
            .into_iter()
            .filter(|call| call.starts_with("destroy") || call.starts_with("remove"));
        ends.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(ends(), @r"
    destroy-model c:beside --no-prompt --destroy-storage --force
    destroy-model c:on --no-prompt --destroy-storage --force
    remove-cloud k8s --controller c
    destroy-model c:clouds-XXXX --no-prompt --destroy-storage --force
    ");
    world.touch("undying-cloud");
    let run = world.run("clouds", &[]);
    assert_eq!(run.code, Some(101));
    assert!(
        run.stderr
            .contains("error: cloud k8s could not be removed: "),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .contains("  juju remove-cloud k8s --controller c\n"),
        "{}",
        run.stderr
    );
    // It stays on record.
    let [left] = &world.clouds_on_record()[..] else {
        panic!("{:?}", world.clouds_on_record());
    };
    assert_eq!(
        (&*left.cloud, &*left.controller, left.generated),
        ("k8s", "c", false)
    );
    assert_eq!(
        (left.kept.as_deref(), left.owner.state()),
        (None, OwnerState::Gone)
    );

    // A cloud cannot go while a model on it stays.
    let world = World::new();
    let run = world.run("clouds", &["--keep-models"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stderr
            .contains("cloud k8s stays on controller c: model c:on on it was kept"),
        "{}",
        run.stderr
    );
    let kept: Vec<_> = world
        .clouds_on_record()
        .into_iter()
        .map(|cloud| cloud.kept)
        .collect();
    assert_eq!(kept, [Some("model c:on on it was kept".to_owned())]);
}

#[test]
fn a_model_of_an_owner_or_a_controller_is_made_once_and_then_taken() {
    for (model, made) in [
        ("bob/mine", "add-model --no-switch mine --owner bob"),
        ("c2:mine", "add-model --no-switch mine --controller c2"),
        (
            "c2:bob/mine",
            "add-model --no-switch mine --controller c2 --owner bob",
        ),
    ] {
        let world = World::new();
        for _ in 0..2 {
            let run = world.run("interrupted", &["never_reached", "--model", model]);
            assert_eq!(run.code, Some(0), "{}", run.stderr);
            let kept = format!("model {model} was kept");
            assert!(run.stderr.contains(&kept), "{}", run.stderr);
        }
        assert_eq!(world.calls("add-model"), [made]);
        assert!(world.calls("destroy-model").is_empty());
        // The run that took it leaves no trace; the one that made it says that it stays.
        let [record] = &world.record()[..] else {
            panic!("{:?}", world.record())
        };
        assert_eq!(record.kept.as_deref(), Some("--model names it"));
        assert_eq!(record.uuid.as_deref(), Some("uuid-mine"));
    }
}

#[test]
fn the_own_model_has_the_alias_that_the_user_gave_it() {
    let world = World::new();
    let run = world.run("several", &["--model-alias", "cos"]);
    assert_eq!(run.code, Some(101));
    assert!(
        run.stdout
            .contains("the alias `cos` stands for model c:several-"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_model_that_vanishes_fails_its_tests_and_is_torn_down_without_a_complaint() {
    let world = World::new();
    let (code, story) = world.story("vanishing", &[]);
    insta::assert_snapshot!(story.join("\n"), @r"
    named vanishing-XXXX
    named c:cos
    vanishing::goes Failed
    vanishing::is_still_gone Failed
    destroyed c:cos
    destroyed vanishing-XXXX
    ");
    assert_eq!(code, Some(101));
    assert_eq!(world.on_record(), [""; 0]);
}

#[test]
fn a_controller_that_stops_answering_holds_nobody_up() {
    let world = World::new();
    let (code, story) = world.story("stuck", &["--teardown-timeout", "300ms"]);
    assert_eq!(code, Some(101));
    assert!(
        story
            .iter()
            .any(|line| line == "stuck::waits_for_an_answer TimedOut"),
        "{story:?}"
    );
    assert!(
        story
            .iter()
            .any(|line| line.starts_with("left stuck-XXXX : destroying it failed")),
        "{story:?}"
    );
    assert_eq!(world.on_record(), ["c:stuck-XXXX"]);
}

#[test]
fn a_signal_while_the_model_is_made_removes_it_all_the_same() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let world = World::new();
        world.touch("hang-add-model");
        let mut child = world.start("interrupted", &[]);
        world.wait_for("hangs");
        assert_eq!(world.models().len(), 1);
        send(signal, &child);
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert_eq!(world.models(), [""; 0]);
        assert_eq!(world.on_record(), [""; 0]);
    }
}

#[test]
fn a_signal_in_a_test_ends_all_its_models() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let world = World::new();
        let mut child = world.start("interrupted", &[]);
        world.wait_for("signal");
        assert_eq!(world.models().len(), 2);
        send(signal, &child);
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert_eq!(world.models(), [""; 0]);
        assert_eq!(world.on_record(), [""; 0]);
    }
}

#[test]
fn a_signal_in_the_tear_down_lets_it_go_on() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let world = World::new();
        world.touch("slow-destroy");
        let mut child = world.start("several", &[]);
        world.wait_for("destroying");
        send(signal, &child);
        // What comes next in the tear-down tells that it went on.
        fs::remove_file(world.path().join("slow-destroy")).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert_eq!(world.models(), [""; 0]);
        assert_eq!(world.on_record(), [""; 0]);
    }
}

#[test]
fn a_second_signal_in_the_tear_down_names_what_is_left_and_leaves_it_on_record() {
    let world = World::new();
    world.touch("slow-destroy");
    let mut child = world
        .command("several", &[])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    world.wait_for("destroying");
    assert_eq!(interrupt_until_it_ends(&mut child).code(), Some(130));
    let said = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    let named: Vec<String> = said
        .lines()
        .filter(|line| line.contains("was left behind"))
        .map(mask)
        .collect();
    assert_eq!(named.len(), 3, "{said}");
    assert!(said.contains("cargo charmtest clean"), "{said}");
    assert_eq!(world.on_record().len(), 3);
    assert!(world.record().iter().all(|model| model.uuid.is_some()));
}

#[test]
fn a_killed_run_leaves_its_models_on_record() {
    let world = World::new();
    let mut child = world.start("interrupted", &[]);
    world.wait_for("signal");
    send("KILL", &child);
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    assert_eq!(world.models(), ["cos", "interrupted-XXXX"]);
    assert_eq!(world.on_record(), ["c:interrupted-XXXX", "c:cos"]);
    let mut owners = world.record().into_iter().map(|model| model.owner);
    assert!(owners.all(|owner| owner.state() == OwnerState::Gone));
}
