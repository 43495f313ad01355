//! `cargo charmtest watch` and `replay`: collections of small shell charms, recorded before they are tested (R22 to R27).

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bed::{Bed, PATIENCE, PROGRAM, Said, executable};

/// A collection with a record of its own, tested on the embedded controller of a bed.
pub(crate) struct Room {
    bed: Bed,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self { bed: Bed::bare() }
    }

    pub(crate) fn bed(&self) -> &Bed {
        &self.bed
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.bed.path().join("room").join(name)
    }

    /// Writes a charm whose hooks run `hook`.
    pub(crate) fn charm(&self, directory: &str, hook: &str) {
        let path = self.path(directory);
        fs::create_dir_all(&path).unwrap();
        let name = directory.rsplit('/').next().unwrap();
        let metadata = format!("name: {name}\nsummary: s\ndescription: d\n");
        fs::write(path.join("metadata.yaml"), metadata).unwrap();
        let manifest = "bases:\n- {name: ubuntu, channel: '24.04', architectures: [amd64]}\n";
        fs::write(path.join("manifest.yaml"), manifest).unwrap();
        executable(&path.join("dispatch"), &format!("#!/bin/sh\n{hook}\n"));
    }

    /// Writes a script of a charm.
    fn script(&self, directory: &str, name: &str, body: &str) {
        let path = self.path(directory).join("tests");
        fs::create_dir_all(&path).unwrap();
        executable(
            &path.join(name),
            &format!("#!/bin/sh\nset -e\n{SAYS}\n{body}\n"),
        );
    }

    fn git(&self, directory: &str, args: &[&str]) {
        let output = Command::new("git")
            .current_dir(self.path(directory))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .args([
                "-c",
                "user.name=Author",
                "-c",
                "user.email=author@example.com",
            ])
            .args(args)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "git {args:?}: {said}");
    }

    pub(crate) fn repository(&self, directory: &str, hook: &str) {
        self.charm(directory, hook);
        self.git(directory, &["init", "-q", "-b", "main"]);
        self.commit(directory);
    }

    pub(crate) fn commit(&self, directory: &str) {
        self.git(directory, &["add", "-A"]);
        self.git(directory, &["commit", "-q", "-m", "a change"]);
    }

    pub(crate) fn collection(&self, text: &str) {
        fs::create_dir_all(self.path("")).unwrap();
        fs::write(self.path("charms.toml"), text).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .arg("charmtest")
            .args(args)
            .current_dir(self.path(""))
            // Each version of the controller has a directory of its own there.
            .env_remove("CHARMTEST_DATA")
            .env_remove("JUJU_DATA")
            .env("CHARMTEST_BACKEND", "embedded")
            .env("XDG_STATE_HOME", self.bed.path().join("xdg"))
            .env("NO_COLOR", "1")
            .env_remove("CHARMTEST_JUJU_VERSION");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        self.command(args).output().unwrap().into()
    }

    /// Looks once, with the record in `state`; only the charms' deployment is tested.
    pub(crate) fn watch(&self, state: &str) -> Said {
        self.run(&["watch", "--once", "--generic", "deploy", "--state", state])
    }

    /// Asks for something of the record in `state`.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str], state: &str) -> Value {
        let args = [args, &["--format", "json", "--state", state]].concat();
        let said = self.run(&args);
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        serde_json::from_str(&said.stdout).unwrap()
    }

    pub(crate) fn deltas(&self, state: &str) -> Vec<Value> {
        let log = self.json(&["watch", "log"], state);
        log.as_array().unwrap().clone()
    }

    /// Returns the last verdict of each job of a delta.
    fn verdicts(&self, state: &str, delta: &str) -> BTreeMap<String, String> {
        let shown = self.json(&["watch", "show", delta], state);
        verdicts(shown["results"].as_array().unwrap())
    }

    fn start(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn verdicts(results: &[Value]) -> BTreeMap<String, String> {
    let pairs = results
        .iter()
        .map(|result| (text(&result["job"]), text(&result["verdict"])));
    pairs.collect()
}

/// Waits in a script until a unit says so.
const SAYS: &str = "says() { until juju status --format json | grep -q \"\\\"message\\\":\\\"$1\\\"\"; do sleep 0.2; done; }";

pub(crate) const OFFICIAL: &str = "[defaults]\ntrust = \"official\"\n";

#[test]
fn r22_changes_since_the_last_run_are_found_and_nothing_else_is_tested() {
    let room = Room::new();
    room.repository("repos/a", "status-set active");
    room.collection(&format!("{OFFICIAL}[[charm]]\ngit = 'repos/a'\n"));
    let first = room.watch("state");
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert!(first.stderr.contains("1 pass"), "{}", first.stderr);
    let second = room.watch("state");
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    assert!(
        second.stderr.contains("nothing changed"),
        "{}",
        second.stderr
    );
    assert_eq!(room.deltas("state").len(), 1);

    let mut watcher = room.start(&[
        "watch",
        "--interval",
        "200ms",
        "--generic",
        "deploy",
        "--state",
        "state",
    ]);
    room.charm("repos/a", "status-set active again");
    room.commit("repos/a");
    let since = Instant::now();
    loop {
        let deltas = room.deltas("state");
        if deltas.len() == 2 && deltas[0]["done"] == true {
            break;
        }
        assert!(
            since.elapsed() < PATIENCE,
            "the commit is not found: {deltas:?}"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    // One who watches is enough.
    let other = room.watch("state");
    assert_eq!(other.code, Some(4), "{}", other.stderr);
    assert!(
        other.stderr.contains(&format!("process {}", watcher.id())),
        "{}",
        other.stderr
    );
    let term = Command::new("kill")
        .arg(watcher.id().to_string())
        .status()
        .unwrap();
    assert!(term.success());
    assert_eq!(watcher.wait().unwrap().code(), Some(143));
    assert_eq!(
        room.verdicts("state", "last"),
        [("ubuntu@24.04:a:main/deploy".to_owned(), "pass".to_owned())].into()
    );
}

#[test]
fn r14_scripts_upgrade_from_the_version_that_was_good_last() {
    let room = Room::new();
    let script = |name: &str, body: &str| room.script("repos/a", name, body);
    room.charm("repos/a", "status-set active one");
    script("10-deploy.test", "juju deploy a\nsays \"$(cat version)\"");
    script(
        "20-upgrade.test",
        "juju deploy-previous a\nsays one\njuju refresh a\nsays \"$(cat version)\"",
    );
    fs::write(room.path("repos/a/version"), "one").unwrap();
    room.git("repos/a", &["init", "-q", "-b", "main"]);
    room.commit("repos/a");
    room.collection(&format!("{OFFICIAL}[[charm]]\ngit = 'repos/a'\n"));
    let told =
        |job: &str, verdict: &str| (format!("ubuntu@24.04:a:main/{job}"), verdict.to_owned());

    let first = room.watch("state");
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert_eq!(
        room.verdicts("state", "last"),
        [
            told("deploy", "pass"),
            told("10-deploy.test", "pass"),
            told("20-upgrade.test", "skip")
        ]
        .into(),
        "there is no earlier version yet"
    );

    room.charm("repos/a", "status-set active two");
    fs::write(room.path("repos/a/version"), "two").unwrap();
    room.commit("repos/a");
    let second = room.watch("state");
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    assert_eq!(
        room.verdicts("state", "last"),
        [
            told("deploy", "pass"),
            told("10-deploy.test", "pass"),
            told("20-upgrade.test", "pass")
        ]
        .into()
    );
}

#[test]
fn affected_is_whoever_deployed_what_changed() {
    let room = Room::new();
    for name in ["a", "b", "c", "d"] {
        room.charm(&format!("charms/{name}"), "status-set active");
    }
    let script = |charm: &str, body: &str| {
        let path = room.path(&format!("charms/{charm}/tests"));
        fs::create_dir_all(&path).unwrap();
        executable(&path.join("1.test"), &format!("#!/bin/sh\n{body}\n"));
    };
    script("a", "juju deploy b");
    script("b", "juju deploy b");
    script("c", "juju deploy c");
    // Named in a bundle, and after what fails here.
    let bundle = "cat >bundle.yaml <<.\napplications:\n  x: {charm: b, num_units: 1}\n.\njuju deploy ./bundle.yaml";
    script("d", &format!("juju deploy later\n{bundle}"));
    let collection = "[defaults]\ntrust = 'official'\nscope = 'affected'\n";
    room.collection(&format!("{collection}[[charm]]\npath = 'charms/*'\n"));
    let look = || room.run(&["watch", "--once", "--no-generic", "--state", "state"]);
    let tested = || -> Vec<String> {
        let verdicts = room.verdicts("state", "last").into_keys();
        verdicts
            .map(|job| job.split(':').nth(1).unwrap().to_owned())
            .collect()
    };
    let deployed = || -> BTreeMap<String, String> {
        let shown = room.json(&["watch", "show", "last"], "state");
        let results = shown["results"].as_array().unwrap().iter();
        let names = |result: &Value| {
            let names = result["deployed"].as_array().unwrap().iter().map(text);
            names.collect::<Vec<_>>().join(" ")
        };
        results
            .map(|result| (text(&result["charm"]), names(result)))
            .collect()
    };

    let first = look();
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert_eq!(tested(), ["a", "b", "c", "d"]);
    let names = [("a", "a b"), ("b", "b"), ("c", "c"), ("d", "b d later")];
    let names = names.map(|(charm, names)| (charm.to_owned(), names.to_owned()));
    assert_eq!(deployed(), names.into());

    room.charm("charms/b", "status-set active again");
    let second = look();
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    assert_eq!(tested(), ["a", "b", "d"], "c does not deploy b");

    room.charm("charms/c", "status-set active again");
    let third = look();
    assert_eq!(third.code, Some(0), "{}", third.stderr);
    assert_eq!(
        tested(),
        ["c"],
        "what nobody else deploys affects nobody else"
    );

    // What a script asked for in vain is there now.
    room.charm("charms/later", "status-set active");
    let fourth = look();
    assert_eq!(fourth.code, Some(0), "{}", fourth.stderr);
    assert_eq!(tested(), ["d"]);
}

#[test]
fn scripts_may_be_symlinks_in_the_charm_and_be_called_as_generic_tests_are() {
    let room = Room::new();
    room.charm("charms/a", "status-set active");
    fs::create_dir_all(room.path("charms/a/lib")).unwrap();
    executable(
        &room.path("charms/a/lib/run"),
        "#!/bin/sh\necho ran as $0\n",
    );
    room.script("charms/a", "deploy", "true");
    fs::write(room.path("charms/a/tests/tests.yaml"), "tests: '*'\n").unwrap();
    for (name, target) in [("linked", "../lib/run"), ("nothing", "no")] {
        let link = room.path("charms/a/tests").join(name);
        std::os::unix::fs::symlink(target, link).unwrap();
    }
    room.collection(&format!("{OFFICIAL}[[charm]]\npath = 'charms/a'\n"));
    let watched = room.watch("state");
    assert_eq!(watched.code, Some(0), "{}", watched.stderr);
    let told = |job: &str| (format!("ubuntu@24.04:a:-/{job}"), "pass".to_owned());
    assert_eq!(
        room.verdicts("state", "last"),
        [told("deploy"), told("linked"), told("tests/deploy")].into()
    );
    let told = "a:-: tests/nothing is not run: it is a symlink to nothing";
    assert!(watched.stderr.contains(told), "{}", watched.stderr);
    // `scripts` runs the same ones.
    let listed = room.run(&["scripts", "charms/a", "--generic", "deploy", "--list"]);
    assert_eq!(
        listed.stdout, "a::deploy\na::tests/deploy\na::linked\n",
        "{}",
        listed.stderr
    );
    let both = room.run(&["scripts", "charms/a", "--generic", "deploy"]);
    assert_eq!(both.code, Some(0), "{}", both.stderr);
    assert!(both.stderr.contains("3 passed"), "{}", both.stderr);
}

#[test]
fn a_script_whose_own_settings_are_wrong_fails_alone() {
    let room = Room::new();
    for name in ["a", "b"] {
        room.charm(&format!("charms/{name}"), "status-set active");
        room.script(&format!("charms/{name}"), "1.test", "true");
        room.script(&format!("charms/{name}"), "2.test", "exit 3");
        let own = "exit-codes: {3: pass}\n";
        fs::write(room.path(&format!("charms/{name}/tests/2.yaml")), own).unwrap();
    }
    fs::write(room.path("charms/a/tests/1.yaml"), "\nnosuch: 1\n").unwrap();
    room.collection(&format!("{OFFICIAL}[[charm]]\npath = 'charms/*'\n"));
    let watched = room.run(&["watch", "--once", "--no-generic", "--state", "state"]);
    let told = |job: &str, verdict: &str| (format!("ubuntu@24.04:{job}"), verdict.to_owned());
    assert_eq!(
        room.verdicts("state", "last"),
        [
            told("a:-/1.test", "fail"),
            told("a:-/2.test", "pass"),
            told("b:-/1.test", "pass"),
            told("b:-/2.test", "pass"),
        ]
        .into(),
        "{}",
        watched.stderr
    );
    assert_eq!(watched.code, Some(1), "{}", watched.stderr);
    let warning = "warning: charm ubuntu@24.04:a:-: tests/1.yaml:2";
    assert!(watched.stderr.contains(warning), "{}", watched.stderr);
}

#[test]
fn bisect_finds_the_guilty_one_of_three_changes() {
    let room = Room::new();
    for name in ["a", "b", "c"] {
        room.charm(&format!("charms/{name}"), "status-set active good");
    }
    // The test of one charm fails because of another one.
    room.script("charms/a", "1.test", "juju deploy b\nuntil juju status b --format json | grep -q '\"message\":'; do sleep 0.1; done\njuju status b --format json | grep good");
    room.collection(&format!("{OFFICIAL}[[charm]]\npath = 'charms/*'\n"));
    let watch = || room.run(&["watch", "--once", "--no-generic", "--state", "state"]);
    let first = watch();
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let none = room.run(&["watch", "bisect", "--state", "state"]);
    assert_ne!(none.code, Some(0), "nothing is red: {}", none.stdout);
    room.charm("charms/a", "status-set active good; true");
    room.charm("charms/b", "status-set active bad");
    room.charm("charms/c", "status-set active good; true");
    let second = watch();
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    let recorded = room.verdicts("state", "last");
    let found = room.run(&["watch", "bisect", "--state", "state"]);
    assert_eq!(found.code, Some(0), "{}", found.stderr);
    assert_eq!(
        found.stdout, "guilty: changed ubuntu@24.04:b:-\n",
        "{}",
        found.stderr
    );
    assert_eq!(
        room.verdicts("state", "last"),
        recorded,
        "nothing else changes"
    );
    assert_eq!(watch().code, Some(0), "and nothing is new");
}

#[test]
fn gc_drops_old_deltas_and_nothing_that_is_needed() {
    let room = Room::new();
    let version = |name: &str, version: &str, bad: &str| {
        room.charm(
            &format!("charms/{name}"),
            &format!("status-set active {version}"),
        );
        room.script(
            &format!("charms/{name}"),
            "1.test",
            &format!("juju deploy-previous {name} || exit 0\nsays one\njuju refresh {name}\nsays {version}\n{bad}"),
        );
    };
    version("a", "one", "");
    version("b", "one", "");
    room.collection(&format!("{OFFICIAL}[[charm]]\npath = 'charms/*'\n"));
    let watch = || room.run(&["watch", "--once", "--no-generic", "--state", "state"]);
    assert_eq!(watch().code, Some(0));
    // `a` is red from now on, so that its first version stays the good one; `b` is gone.
    for red in ["two", "half"] {
        version("a", red, "exit 1");
        assert_eq!(watch().code, Some(1));
    }
    fs::rename(room.path("charms/b"), room.path("b")).unwrap();
    version("a", "three", "exit 1");
    assert_eq!(watch().code, Some(1));
    assert_eq!(room.deltas("state").len(), 4);

    let gc = |keep: &str| room.run(&["watch", "gc", "--keep", keep, "--state", "state"]);
    assert_eq!(gc("4").stdout, "dropped 0 deltas and 0 objects\n");
    let dropped = gc("1");
    assert_eq!(dropped.code, Some(0), "{}", dropped.stderr);
    assert!(
        dropped.stdout.starts_with("dropped 3 deltas and "),
        "{}",
        dropped.stdout
    );
    assert!(
        !dropped.stdout.contains("and 0 objects"),
        "{}",
        dropped.stdout
    );
    let left = room.deltas("state");
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["seq"], 4);
    // What is kept is tested again as it was, from the good version of a delta that is gone.
    let replayed = room.run(&["replay", "4", "--state", "state"]);
    assert_eq!(replayed.code, Some(1), "{}", replayed.stderr);
    assert!(replayed.stderr.contains("1 fail"), "{}", replayed.stderr);
    let gone = room.run(&["replay", "2", "--state", "state"]);
    assert_eq!(gone.code, Some(2), "{}", gone.stderr);
    assert!(
        gone.stderr.contains("no delta `2` is recorded"),
        "{}",
        gone.stderr
    );
    // And the next delta begins with the same good versions, also of the charm that comes back.
    fs::rename(room.path("b"), room.path("charms/b")).unwrap();
    version("a", "four", "");
    version("b", "four", "");
    let next = watch();
    assert_eq!(next.code, Some(0), "{}", next.stderr);
    assert!(next.stderr.contains("2 pass"), "{}", next.stderr);
    let previous = room.json(&["watch", "show", "last"], "state")["delta"]["previous"].clone();
    assert_eq!(previous.as_object().unwrap().len(), 2, "{previous}");
}

#[test]
fn r23_everything_that_changed_is_one_delta() {
    let room = Room::new();
    for name in ["a", "b", "c"] {
        room.repository(&format!("repos/{name}"), "true");
    }
    let collection = |names: &[&str]| {
        let sources = names.iter().map(|name| {
            format!("[[charm]]\ngit = 'repos/{name}'\nbranches = ['main', 'release/*']\n")
        });
        room.collection(&format!("{OFFICIAL}{}", sources.collect::<String>()));
    };
    let watch = || room.run(&["watch", "--once", "--no-generic", "--state", "state"]);
    collection(&["a", "b", "c"]);
    assert_eq!(watch().code, Some(0));
    room.charm("repos/a", "false");
    room.commit("repos/a");
    room.git("repos/b", &["branch", "release/1"]);
    collection(&["a", "b"]);
    assert_eq!(watch().code, Some(0));
    assert_eq!(room.deltas("state").len(), 2);
    let shown = room.json(&["watch", "show"], "state");
    let changes = shown["delta"]["changes"].as_array().unwrap().clone();
    let changes: Vec<String> = changes
        .iter()
        .map(|change| {
            format!(
                "{} {} {}",
                text(&change["kind"]),
                text(&change["charm"]),
                text(&change["branch"])
            )
        })
        .collect();
    assert_eq!(
        changes,
        ["changed a main", "added b release/1", "removed c main"]
    );
    let human = room.run(&["watch", "show", "--state", "state"]).stdout;
    assert!(
        human.contains("Author <author@example.com> | a change"),
        "{human}"
    );
}

#[test]
fn r24_a_recorded_delta_is_tested_again_though_its_source_was_forced_and_deleted() {
    let room = Room::new();
    room.repository("repos/good", "status-set active");
    room.repository("repos/bad", "exit 3");
    // It cannot be packed, which is no matter for the others.
    room.repository("repos/odd", "true");
    room.script("repos/odd", "a.test", "true");
    std::os::unix::fs::symlink("/etc/passwd", room.path("repos/odd/abs")).unwrap();
    room.commit("repos/odd");
    let sources = ["good", "bad", "odd"].map(|name| format!("[[charm]]\ngit = 'repos/{name}'\n"));
    room.collection(&format!("{OFFICIAL}{}", sources.concat()));
    let watched = room.watch("state");
    assert_eq!(watched.code, Some(1), "{}", watched.stderr);
    let id = text(&room.deltas("state")[0]["id"]);
    let again = format!("cargo charmtest replay {id} --state state\n");
    assert!(watched.stderr.contains(&again), "{}", watched.stderr);
    let recorded = room.verdicts("state", "last");
    assert_eq!(recorded["ubuntu@24.04:good:main/deploy"], "pass");
    for job in ["bad:main/deploy", "odd:main/deploy", "odd:main/a.test"] {
        assert_eq!(recorded[&format!("ubuntu@24.04:{job}")], "fail", "{job}");
    }
    let why = "cannot pack odd for scripts that deploy it";
    assert!(watched.stderr.contains(why), "{}", watched.stderr);
    let left = fs::read_dir(room.path("state/deltas")).unwrap().next();
    let left = left.unwrap().unwrap().path().join("work");
    assert!(!left.exists(), "{}", left.display());

    room.charm("repos/bad", "true");
    room.git(
        "repos/bad",
        &["commit", "-q", "-a", "--amend", "-m", "forced"],
    );
    fs::remove_dir_all(room.path("repos")).unwrap();
    fs::remove_dir_all(room.path("state/git")).unwrap();
    let exported = room.run(&["watch", "export", "-o", "delta.tar", "--state", "state"]);
    assert_eq!(exported.code, Some(0), "{}", exported.stderr);
    fs::create_dir(room.path("tmp")).unwrap();
    let replay = |args: &[&str]| -> Said {
        let mut command = room.command(&[&["replay"], args].concat());
        command.env("TMPDIR", room.path("tmp"));
        command.output().unwrap().into()
    };
    let unpacked = || -> Vec<PathBuf> {
        let entries = fs::read_dir(room.path("tmp")).unwrap().flatten();
        let paths = entries.map(|entry| entry.path());
        let is_room = |path: &PathBuf| path.to_string_lossy().contains("/charmtest-replay-");
        paths.filter(is_room).collect()
    };
    let replayed = |args: &[&str]| {
        let said = replay(args);
        let line = said
            .stderr
            .lines()
            .find_map(|line| line.split_once("results in "));
        let directory = line
            .unwrap_or_else(|| panic!("{}", said.stderr))
            .1
            .to_owned();
        let lines = fs::read_to_string(PathBuf::from(directory).join("results.jsonl")).unwrap();
        let results: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(results.iter().all(|result| result["trigger"] == "replay"));
        (said, verdicts(&results))
    };
    let (said, verdicts) = replayed(&["last", "--state", "state"]);
    assert_eq!(
        (said.code, verdicts),
        (Some(1), recorded.clone()),
        "{}",
        said.stderr
    );
    let (said, verdicts) = replayed(&["delta.tar", "good/deploy"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert_eq!(
        verdicts.keys().collect::<Vec<_>>(),
        ["ubuntu@24.04:good:main/deploy"]
    );
    assert_eq!(room.verdicts("state", "last"), recorded);
    // Of the file that was unpacked the results are left, and nothing of one that is refused.
    let left = unpacked();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(!left[0].join("cas").exists(), "{left:?}");
    let mut archive = fs::read(room.path("delta.tar")).unwrap();
    let kernel = archive.windows(8).position(|part| part == b"\"kernel\"");
    archive[kernel.unwrap() + 12] ^= 1;
    fs::write(room.path("other.tar"), archive).unwrap();
    let refused = replay(&["other.tar"]);
    assert_eq!(refused.code, Some(4), "{}", refused.stderr);
    assert_eq!(unpacked(), left);

    // One byte of one object.
    let group = fs::read_dir(room.path("state/cas/sha256"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let object = fs::read_dir(group).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&object).unwrap();
    bytes[0] ^= 1;
    fs::write(&object, bytes).unwrap();
    let refused = room.run(&["replay", "last", "--state", "state"]);
    assert_eq!(refused.code, Some(4), "{}", refused.stderr);
    assert!(
        refused.stderr.contains(&*object.to_string_lossy()),
        "{}",
        refused.stderr
    );
}

#[test]
fn r25_charms_are_tested_in_the_order_of_the_bytes_of_base_name_and_branch() {
    let room = Room::new();
    for name in ["a-b", "ab", "a"] {
        room.charm(&format!("charms/{name}"), "true");
    }
    room.repository("repos/a-b", "true");
    room.git("repos/a-b", &["branch", "release/1"]);
    room.git("repos/a-b", &["branch", "release/10"]);
    room.collection(&format!(
        "{OFFICIAL}bases = ['ubuntu@24.04', 'ubuntu@22.04']\n[[charm]]\npath = 'charms/*'\n[[charm]]\ngit = 'repos/a-b'\nbranches = ['*']\n"
    ));
    let watched = room.run(&["watch", "--once", "--no-generic", "--state", "state"]);
    assert_eq!(watched.code, Some(0), "{}", watched.stderr);
    let shown = room.json(&["watch", "show"], "state");
    let plan = shown["delta"]["plan"].as_array().unwrap().clone();
    let keys: Vec<String> = plan
        .iter()
        .map(|planned| {
            format!(
                "{} {} {}",
                text(&planned["base"]),
                text(&planned["charm"]),
                text(&planned["branch"])
            )
        })
        .collect();
    let mut expected = Vec::new();
    for base in ["ubuntu@22.04", "ubuntu@24.04"] {
        let charms = [
            "a -",
            "a-b -",
            "a-b main",
            "a-b release/1",
            "a-b release/10",
            "ab -",
        ];
        expected.extend(charms.map(|charm| format!("{base} {charm}")));
    }
    assert_eq!(keys, expected);
}

#[test]
fn r26_an_untrusted_charm_runs_only_at_the_tree_that_was_approved() {
    let room = Room::new();
    let canary = room.path("canary");
    room.repository("repos/a", &format!("touch {}", canary.display()));
    // The script of an official charm deploys it.
    room.charm("charms/u", "true");
    room.script("charms/u", "1.test", "juju deploy a");
    let official = "[[charm]]\npath = 'charms/u'\ntrust = 'official'\n";
    room.collection(&format!("[[charm]]\ngit = 'repos/a'\n{official}"));
    let refused = room.watch("state");
    assert_eq!(refused.code, Some(5), "{}", refused.stderr);
    let told = "refused ubuntu@24.04:u:-/1.test: it deploys a, which is refused";
    assert!(refused.stderr.contains(told), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("watch approve"),
        "{}",
        refused.stderr
    );
    assert!(!canary.exists());
    assert_eq!(
        room.watch("state").code,
        Some(0),
        "what was refused stays so"
    );

    let approved = room.run(&["watch", "approve", "a", "--who", "me", "--state", "state"]);
    assert_eq!(approved.code, Some(0), "{}", approved.stderr);
    let ran = room.watch("state");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("3 pass") && canary.exists(),
        "{}",
        ran.stderr
    );
    assert_eq!(room.deltas("state").len(), 1);

    fs::remove_file(&canary).unwrap();
    room.charm("repos/a", &format!("touch {}; true", canary.display()));
    room.commit("repos/a");
    let refused = room.watch("state");
    assert_eq!(refused.code, Some(5), "{}", refused.stderr);
    assert!(!canary.exists());
}

#[test]
fn r27_each_result_says_what_it_was_had_with_and_a_matrix_gives_a_result_set_each() {
    let room = Room::new();
    room.charm("charms/a", "status-set active");
    room.collection(&format!(
        "{OFFICIAL}bases = ['ubuntu@22.04', 'ubuntu@24.04']\n[[charm]]\npath = 'charms/a'\n[matrix]\njuju = ['3.6', '4.0']\n"
    ));
    let watched = room.watch("state");
    assert_eq!(watched.code, Some(0), "{}", watched.stderr);
    let shown = room.json(&["watch", "show"], "state");
    let results = shown["results"].as_array().unwrap();
    let mut sets: Vec<String> = results
        .iter()
        .map(|result| {
            for key in [
                "charmtest",
                "host",
                "container",
                "kernel",
                "backend",
                "juju",
            ] {
                assert_ne!(text(&result["tools"][key]), "", "{key} in {result}");
            }
            assert_eq!(result["backend"], "embedded");
            assert_ne!(text(&result["sandbox"]), "", "{result}");
            let juju = text(&result["tools"]["juju"]);
            format!(
                "{} {} {}",
                text(&result["base"]),
                text(&result["variant"]["juju"]),
                &juju[..3]
            )
        })
        .collect();
    sets.sort();
    assert_eq!(
        sets,
        [
            "ubuntu@22.04 3.6 3.6",
            "ubuntu@22.04 4.0 4.0",
            "ubuntu@24.04 3.6 3.6",
            "ubuntu@24.04 4.0 4.0"
        ]
    );
}

#[test]
fn a_watcher_that_is_killed_at_any_moment_leaves_a_record_from_which_the_next_goes_on() {
    let room = Room::new();
    room.charm("charms/a", "status-set active");
    room.charm("charms/b", "exit 3");
    room.charm("charms/c", "status-set blocked");
    room.collection(&format!("{OFFICIAL}[[charm]]\npath = 'charms/*'\n"));
    let since = Instant::now();
    let undisturbed = room.watch("undisturbed");
    assert_eq!(undisturbed.code, Some(1), "{}", undisturbed.stderr);
    // On a busy machine a run may take long; what is done stays done, so short ones come to the end too.
    let whole = since.elapsed().min(Duration::from_secs(4));
    let expected = room.verdicts("undisturbed", "last");
    // Moments from the first to the last of a run; each next run has less left to do.
    let mut moment = 0x2545_f491_u64;
    let mut finished = 0;
    for round in 0..20 {
        let mut watcher = room.start(&[
            "watch",
            "--once",
            "--generic",
            "deploy",
            "--state",
            "killed",
        ]);
        moment = moment
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(whole.mul_f64((moment >> 40) as f64 / f64::from(1 << 24)));
        watcher.kill().unwrap();
        if watcher.wait().unwrap().code().is_some() {
            finished += 1;
        }
        // A new change, so that there is something to do to the end.
        if round % 5 == 4 {
            room.charm("charms/c", &format!("status-set blocked {round}"));
        }
    }
    let last = room.watch("killed");
    assert!(matches!(last.code, Some(0 | 1)), "{}", last.stderr);
    let undisturbed = room.watch("undisturbed");
    assert!(
        matches!(undisturbed.code, Some(1)),
        "{}",
        undisturbed.stderr
    );
    let status = |state: &str| {
        let status = room.json(&["watch", "status"], state);
        let charms = status["charms"].as_array().unwrap().clone();
        let trees: Vec<String> = charms
            .iter()
            .map(|charm| format!("{} {}", text(&charm["charm"]), text(&charm["tree"])))
            .collect();
        let standing = status["standing"].as_object().unwrap().clone();
        let tallies: Vec<(String, String)> = standing
            .into_iter()
            .map(|(key, standing)| (key, standing["tally"].to_string()))
            .collect();
        (trees, tallies)
    };
    assert_eq!(
        status("killed"),
        status("undisturbed"),
        "{finished} of 20 came to their end"
    );
    for delta in room.deltas("killed") {
        assert_eq!(delta["done"], true);
        assert_eq!(room.verdicts("killed", &text(&delta["id"])), expected);
    }
}
