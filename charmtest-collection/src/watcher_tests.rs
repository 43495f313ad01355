use std::cell::Cell;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use std::fs;

use super::*;
use crate::bisect::{Blame, Finding};
use crate::disk::Disk;
use crate::job::Job;
use crate::job::Variant;
use crate::replay::Replay;
use crate::results::Verdict;
use crate::reviews::{Reached, Review};
use crate::snapshot::Facts;
use crate::world::{Files, Work};

/// A world in which the text of a test is its verdict: `pass`, `fail`, `infra`, `infra-once`, `fail-once`, `needs NAME`, which passes
/// with or without a charm of that name, or `with NAME`, which fails if a charm of that name has a file `bad`.
#[derive(Default)]
struct Toy {
    level: u8,
    said: Vec<String>,
    ran: Vec<String>,
    works: Vec<Seen>,
    backed_off: u32,
    interrupt_after: Option<usize>,
    /// Everything is `infra`.
    broken: bool,
    moment: Cell<u32>,
}

/// What some work was.
#[derive(Debug, PartialEq)]
struct Seen {
    contained: bool,
    jobs: Vec<String>,
    allowed: Vec<String>,
    trusted: Vec<String>,
    previous: Vec<String>,
}

impl World for Toy {
    fn facts(&self, files: &dyn Files) -> Result<Option<Facts>, String> {
        let Some(metadata) = files
            .read("metadata.yaml")
            .map_err(|error| error.to_string())?
        else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&metadata).into_owned();
        let name = text.lines().find_map(|line| line.strip_prefix("name: "));
        let scripts = files.paths().into_iter().filter(|path| {
            path.starts_with("tests/") && path.ends_with(".test") && files.is_executable(path)
        });
        Ok(Some(Facts {
            name: name.ok_or("no name")?.to_owned(),
            scripts: scripts.map(str::to_owned).collect(),
            ..Facts::default()
        }))
    }

    fn facts_version(&self) -> String {
        "1".to_owned()
    }

    fn now(&self) -> String {
        self.moment.set(self.moment.get() + 1);
        format!("moment {}", self.moment.get())
    }

    fn sandbox_level(&self, _: &Variant) -> Reached {
        Reached {
            level: self.level,
            missing: None,
        }
    }

    fn run(
        &mut self,
        work: Work<'_>,
        report: &mut dyn FnMut(Outcome) -> Result<()>,
    ) -> Result<Ended> {
        let names = |entries: &[&Entry]| -> Vec<String> {
            let keys = entries.iter().map(|entry| &entry.key);
            keys.map(|key| format!("{} {}", key.charm, key.branch))
                .collect()
        };
        self.works.push(Seen {
            contained: work.contained,
            jobs: work.jobs.iter().map(Job::id).collect(),
            allowed: names(work.allowed),
            trusted: names(work.trusted),
            previous: work.previous.keys().cloned().collect(),
        });
        for job in work.jobs {
            if self.interrupt_after == Some(self.ran.len()) {
                return Ok(Ended::Interrupted);
            }
            let read = |key: &Key, path: &str| -> Result<Option<String>> {
                let Some(entry) = work.delta.snapshot.get(key) else {
                    return Ok(None);
                };
                let tree = work.store.tree(&entry.content)?;
                let Some(file) = tree.entry(path) else {
                    return Ok(None);
                };
                let bytes = work.store.get(&file.sha256)?;
                Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned()))
            };
            let text = match job.test.as_str() {
                "deploy" => Some("pass".to_owned()),
                test => read(&job.key, &format!("tests/{test}"))?,
            };
            let text = text.unwrap_or_default();
            let mut deployed = BTreeSet::from([job.key.charm.clone()]);
            let verdict = match text.as_str() {
                _ if self.broken => Verdict::Infra,
                "pass" => Verdict::Pass,
                "fail-once" if work.trigger == Trigger::Poll => Verdict::Fail,
                "fail-once" => Verdict::Pass,
                "fail" => Verdict::Fail,
                "skip" => Verdict::Skip,
                "infra" => Verdict::Infra,
                "infra-once" if work.attempt == 0 => Verdict::Infra,
                "infra-once" => Verdict::Pass,
                text if text.starts_with("needs ") => {
                    deployed.insert(text["needs ".len()..].to_owned());
                    Verdict::Pass
                }
                text => {
                    let name = text.strip_prefix("with ").unwrap_or_default();
                    deployed.insert(name.to_owned());
                    let key = Key::new(&job.key.base, name, &job.key.branch);
                    if read(&key, "bad")?.is_some() {
                        Verdict::Fail
                    } else {
                        Verdict::Pass
                    }
                }
            };
            self.ran.push(job.id());
            let mut outcome = Outcome::new(job, verdict, None);
            outcome.deployed = deployed;
            report(outcome)?;
        }
        Ok(Ended::Completed)
    }

    fn back_off(&mut self, _: u32) -> bool {
        self.backed_off += 1;
        true
    }

    fn say(&mut self, line: &str) {
        self.said.push(line.to_owned());
    }
}

/// A directory with sources and a state.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;

        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn charm(&self, directory: &str, tests: &[(&str, &str)]) {
        let name = directory.rsplit('/').next().unwrap();
        self.write(
            &format!("{directory}/metadata.yaml"),
            &format!("name: {name}\n"),
        );
        for (test, text) in tests {
            self.write(&format!("{directory}/tests/{test}.test"), text);
        }
    }

    fn git(&self, directory: &str, args: &str) {
        let mut command = Command::new("git");
        command.current_dir(self.path(directory)).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command.args([
            "-c",
            "user.name=Author",
            "-c",
            "user.email=a@example.com",
            "-c",
            "init.defaultBranch=main",
        ]);
        let output = command.args(args.split_whitespace()).output().unwrap();
        assert!(
            output.status.success(),
            "{args}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn commit(&self, directory: &str) {
        self.git(directory, "add -A");
        self.git(directory, "commit -q -m Message");
    }

    fn collection(&self, text: &str) -> Collection {
        let defaults = if text.contains("[defaults]") {
            String::new()
        } else {
            "[defaults]\ntrust = 'official'\nsettle-ms = 1\n".to_owned()
        };
        Collection::parse(&self.path("charms.toml"), &format!("{defaults}{text}")).unwrap()
    }

    fn state(&self) -> State {
        State::new(&self.path("state"))
    }

    fn pass_on(&self, state: &State, collection: &Collection, toy: &mut Toy) -> Result<Pass> {
        let mut watcher = Watcher {
            state,
            git: Git::default(),
            world: toy,
            generic: vec!["deploy".to_owned()],
            more: BTreeMap::new(),
            tools: BTreeMap::new(),
        };
        watcher.pass(collection)
    }

    fn pass(&self, collection: &Collection) -> Pass {
        self.pass_on(&self.state(), collection, &mut Toy::default())
            .unwrap()
    }

    fn last(&self) -> (DeltaRecord, Delta) {
        let record = self.state().find("last").unwrap();
        let delta = self.state().delta(&record).unwrap();
        (record, delta)
    }
}

const ALL: &str = "[[charm]]\npath = 'charms/*'\n";

#[test]
fn r22_nothing_changed_is_no_delta() {
    let place = Place::new();
    place.charm("charms/a", &[("1", "pass")]);
    let collection = place.collection(ALL);
    assert_eq!(place.pass(&collection).tested.len(), 1);
    let second = place.pass(&collection);
    assert!(second.tested.is_empty() && second.problems.is_empty());
    assert_eq!(place.state().deltas().unwrap().len(), 1);
    place.charm("charms/a", &[("1", "fail")]);
    let third = place.pass(&collection);
    assert_eq!(third.tally.to_string(), "1 pass, 1 fail");
    assert!(
        place.pass(&collection).tested.is_empty(),
        "what is red is not tested again"
    );
}

#[test]
fn r23_a_commit_a_branch_and_a_removal_are_one_delta() {
    let place = Place::new();
    for name in ["a", "b", "c"] {
        let directory = format!("repos/{name}");
        place.charm(&directory, &[("1", "pass")]);
        place.git(&directory, "init -q");
        place.commit(&directory);
    }
    place.charm("charms/plain", &[]);
    let sources = |names: &[&str]| {
        let sources = names.iter().map(|name| {
            format!("[[charm]]\ngit = 'repos/{name}'\nbranches = ['main', 'release/*']\n")
        });
        place.collection(&(sources.collect::<String>() + ALL))
    };
    place.pass(&sources(&["a", "b", "c"]));
    assert!(place.pass(&sources(&["a", "b", "c"])).tested.is_empty());
    place.charm("repos/a", &[("1", "skip")]);
    place.commit("repos/a");
    place.git("repos/b", "branch release/1");
    let pass = place.pass(&sources(&["a", "b"]));
    assert_eq!(pass.tested.len(), 1);
    let (_, delta) = place.last();
    let changes: Vec<String> = delta
        .changes
        .iter()
        .map(|change| format!("{} {}", change.kind, change.key))
        .collect();
    assert_eq!(
        changes,
        [
            "changed ubuntu@24.04:a:main",
            "added ubuntu@24.04:b:release/1",
            "removed ubuntu@24.04:c:main"
        ]
    );
    let to = delta.changes[0].to.as_ref().unwrap();
    assert_eq!(to.origin.author.as_deref(), Some("Author <a@example.com>"));
    assert_eq!(to.origin.subject.as_deref(), Some("Message"));
    assert_ne!(
        delta.changes[0].from.as_ref().unwrap().origin.commit,
        to.origin.commit
    );

    // Another commit with the same content is no change, and is not looked at for ever.
    place.git("repos/a", "commit -q --amend --allow-empty -m Other");
    assert!(place.pass(&sources(&["a", "b"])).tested.is_empty());
    // A branch that is gone, and a repository that does not answer.
    place.git("repos/b", "branch -D release/1");
    fs::rename(place.path("repos/a"), place.path("repos/away")).unwrap();
    let pass = place.pass(&sources(&["a", "b"]));
    assert_eq!(pass.problems.len(), 1, "{:?}", pass.problems);
    let (_, delta) = place.last();
    let changes: Vec<String> = delta
        .changes
        .iter()
        .map(|change| format!("{} {}", change.kind, change.key))
        .collect();
    assert_eq!(changes, ["removed ubuntu@24.04:b:release/1"]);
    assert!(
        delta
            .snapshot
            .get(&Key::new("ubuntu@24.04", "a", "main"))
            .is_some()
    );
}

#[test]
fn a_directory_that_two_sources_name_for_one_base_is_an_error() {
    let place = Place::new();
    place.charm("charms/a", &[]);
    let sources = |second: &str| {
        place.collection(&format!(
            "{ALL}trust = 'official'\n[[charm]]\npath = 'charms/a'\n{second}\n"
        ))
    };
    let twice = sources("trust = 'untrusted'");
    let error = place.pass_on(&place.state(), &twice, &mut Toy::default());
    let error = error.unwrap_err();
    assert!(matches!(error, Error::Usage(_)), "{error:?}");
    let text = error.to_string();
    for part in ["ubuntu@24.04:a:-", "charms/a", "line 4", "line 7"] {
        assert!(text.contains(part), "{text}");
    }
    // For another base it is another charm.
    let other = place.pass(&sources("bases = ['ubuntu@22.04']"));
    assert_eq!(other.tally.to_string(), "2 pass");
}

#[test]
fn a_pattern_by_which_no_charm_is_found_is_told() {
    let place = Place::new();
    place.charm("charms/a", &[]);
    place.write("others/b/file", "");
    let told = |path: &str| -> Vec<String> {
        let text = format!("{ALL}[[charm]]\npath = '{path}'\n");
        let problems = place.pass(&place.collection(&text)).problems;
        problems
            .iter()
            .map(|problem| format!("{}: {}", problem.place, problem.message))
            .collect()
    };
    for path in ["nope/*", "others/*"] {
        let told = told(path);
        assert_eq!(told.len(), 1, "{told:?}");
        let pattern = place.path(path).display().to_string();
        assert!(told[0].starts_with(&pattern), "{told:?}");
        assert!(told[0].contains("no charm is there; line 6"), "{told:?}");
    }
    place.charm("nope/c", &[]);
    assert!(told("nope/*").is_empty());
}

#[test]
fn r24_what_was_recorded_is_tested_again_though_its_source_is_gone() {
    let place = Place::new();
    place.charm("repo", &[("1", "pass"), ("2", "fail")]);
    place.git("repo", "init -q");
    place.commit("repo");
    let collection =
        place.collection("[[charm]]\ngit = 'repo'\n[resolve]\nother = 'other.charm'\n");
    place.write("other.charm", "packed");
    place.pass(&collection);
    let (record, delta) = place.last();
    place.charm("repo", &[("1", "fail")]);
    place.git("repo", "add -A");
    place.git("repo", "commit -q --amend -m Forced");
    fs::remove_dir_all(place.path("repo")).unwrap();
    fs::remove_file(place.path("other.charm")).unwrap();
    let state = place.state();
    let verdicts = |outcomes: &[Outcome]| -> Vec<(String, Verdict)> {
        outcomes
            .iter()
            .map(|outcome| (outcome.job.clone(), outcome.verdict))
            .collect()
    };
    let recorded = verdicts(&state.outcomes(&record).unwrap());
    let replay = Replay::open(&state, record.clone()).unwrap();
    let previous = state.previous(&delta.plan[0].key).unwrap();
    let (_, outcomes, _) = replay.run(&mut Toy::default(), &[]).unwrap();
    assert_eq!(verdicts(&outcomes), recorded);
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome.trigger == Trigger::Replay)
    );
    let (_, one, _) = replay
        .run(&mut Toy::default(), &["repo/1.test".to_owned()])
        .unwrap();
    assert_eq!(one.len(), 1);
    replay
        .run(&mut Toy::default(), &["no/such".to_owned()])
        .unwrap_err();
    assert_eq!(
        state.previous(&delta.plan[0].key).unwrap(),
        previous,
        "a replay promotes nothing"
    );
    assert_eq!(state.outcomes(&record).unwrap().len(), recorded.len());
    let now = BTreeMap::from([("juju".to_owned(), "4.0".to_owned())]);
    assert_eq!(replay.differences(&now)[0].now.as_deref(), Some("4.0"));

    // Elsewhere, from one file.
    let archive = place.path("delta.tar");
    crate::export(&state, &record, &archive).unwrap();
    let elsewhere = State::new(&place.path("elsewhere"));
    let imported = crate::import(&elsewhere, &archive).unwrap();
    let replay = Replay::open(&elsewhere, imported).unwrap();
    assert_eq!(
        verdicts(&replay.run(&mut Toy::default(), &[]).unwrap().1),
        recorded
    );
    let mut bytes = fs::read(&archive).unwrap();
    let packed = bytes
        .windows(6)
        .position(|window| window == b"packed")
        .unwrap();
    bytes[packed] ^= 1;
    fs::write(&archive, bytes).unwrap();
    crate::import(&State::new(&place.path("third")), &archive).unwrap_err();

    // One flipped byte in any object, and in the delta.
    let mut files: Vec<PathBuf> = state
        .store()
        .objects()
        .unwrap()
        .iter()
        .map(|object| state.store().path(object))
        .collect();
    files.push(record.file());
    for file in files {
        let whole = fs::read(&file).unwrap();
        let mut bytes = whole.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&file, bytes).unwrap();
        let error = Replay::open(&state, record.clone())
            .unwrap_err()
            .to_string();
        assert!(error.contains(&*file.to_string_lossy()), "{error}");
        fs::write(&file, whole).unwrap();
    }
    Replay::open(&state, record.clone()).unwrap();

    // Each byte of the delta, also of what says only when and where it was recorded; and keys that nobody knows.
    let whole = fs::read(record.file()).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(record.file(), bytes).unwrap();
        let error = state.delta(&record).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "byte {at}: {error}");
    }
    let text = String::from_utf8(whole.clone()).unwrap();
    let more = text.replacen('{', "{\"more\":1,", 1);
    for text in [more.as_str(), &format!("{text}\n"), "{}", ""] {
        fs::write(record.file(), text).unwrap();
        state.delta(&record).unwrap_err();
    }
    fs::write(record.file(), whole).unwrap();
    state.delta(&record).unwrap();
}

#[test]
fn r24_an_exported_delta_of_which_any_byte_differs_is_refused() {
    let place = Place::new();
    place.charm("charms/a", &[("1", "pass")]);
    place.pass(&place.collection(ALL));
    let (record, _) = place.last();
    let archive = place.path("delta.tar");
    crate::export(&place.state(), &record, &archive).unwrap();
    let whole = fs::read(&archive).unwrap();
    let elsewhere = place.path("elsewhere");
    let import = || crate::import(&State::new(&elsewhere), &archive);
    import().unwrap();
    fs::remove_dir_all(&elsewhere).unwrap();
    // Content, results, what fills up blocks, and what comes after the end.
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&archive, bytes).unwrap();
        let error = import().unwrap_err();
        let named = matches!(&error, Error::Corrupt { path, .. } if *path == archive);
        assert!(named, "byte {at}: {error}");
    }
    let longer = [whole.as_slice(), b"x"].concat();
    for bytes in [
        &longer,
        &whole[..whole.len() - 1],
        &whole[..1000],
        &whole[..0],
    ] {
        fs::write(&archive, bytes).unwrap();
        import().unwrap_err();
    }
    assert!(!elsewhere.exists(), "nothing of it is unpacked");
}

#[test]
fn r26_an_approval_is_of_one_version() {
    let place = Place::new();
    place.charm("charms/a", &[("1", "pass")]);
    let collection = place.collection(&format!(
        "[defaults]\nsettle-ms = 1\nrequired-sandbox = 3\n{ALL}"
    ));
    let mut toy = Toy::default();
    let pass = place
        .pass_on(&place.state(), &collection, &mut toy)
        .unwrap();
    assert_eq!(pass.tally.to_string(), "2 refused");
    assert_eq!(toy.ran, <[String; 0]>::default());
    assert!(place.pass(&collection).tested.is_empty());
    approve(&place.state(), "a");
    let pass = place.pass(&collection);
    assert_eq!(pass.tally.to_string(), "2 pass");
    assert!(
        place
            .state()
            .previous(&Key::new("ubuntu@24.04", "a", "-"))
            .unwrap()
            .is_some()
    );
    assert!(place.pass(&collection).tested.is_empty());
    place.charm("charms/a", &[("1", "fail")]);
    assert_eq!(place.pass(&collection).tally.to_string(), "2 refused");
    let mut boxed = Toy {
        level: 3,
        ..Toy::default()
    };
    let pass = place
        .pass_on(&place.state(), &collection, &mut boxed)
        .unwrap();
    assert_eq!(
        pass.tally.to_string(),
        "1 pass, 1 fail",
        "the sandbox has the level that is required"
    );
}

#[test]
fn r26_untrusted_charms_are_tested_each_alone_and_the_trusted_ones_without_them() {
    let place = Place::new();
    for name in ["a", "b", "c", "d"] {
        place.charm(&format!("charms/{name}"), &[("1", "pass")]);
    }
    let collection = |trusted: &[&str]| {
        let charms = ["a", "b", "c", "d"].map(|name| {
            let trust = match trusted.contains(&name) {
                true => "official",
                false => "untrusted",
            };
            format!("[[charm]]\npath = 'charms/{name}'\ntrust = '{trust}'\n")
        });
        let charms = charms.concat();
        place.collection(&format!(
            "[defaults]\nsettle-ms = 1\nrequired-sandbox = 3\n{charms}"
        ))
    };
    let mut toy = Toy {
        level: 3,
        ..Toy::default()
    };
    let mut pass = |trusted: &[&str]| {
        let passed = place.pass_on(&place.state(), &collection(trusted), &mut toy);
        assert_eq!(passed.unwrap().tally.to_string(), "8 pass");
        std::mem::take(&mut toy.works)
    };
    let seen = |contained: bool, charms: &[&str], allowed: &[&str], trusted: &[&str]| {
        let named = |names: &[&str]| names.iter().map(|name| format!("{name} -")).collect();
        let jobs = charms.iter().flat_map(|name| {
            ["deploy", "1.test"].map(|test| format!("ubuntu@24.04:{name}:-/{test}"))
        });
        Seen {
            contained,
            jobs: jobs.collect(),
            allowed: named(allowed),
            trusted: named(trusted),
            previous: Vec::new(),
        }
    };
    let all = ["a", "b", "c", "d"];
    assert_eq!(
        pass(&["b", "c"]),
        [
            seen(true, &["a"], &all, &["a", "b", "c"]),
            seen(false, &["b", "c"], &["b", "c"], &["b", "c"]),
            seen(true, &["d"], &all, &["b", "c", "d"]),
        ]
    );
    // What passed untrusted is no earlier version for those who run outside, whatever becomes of the charm.
    for name in all {
        place.write(&format!("charms/{name}/changed"), "1");
    }
    let works = pass(&["a", "b", "c"]);
    let keys = |names: &[&str]| -> Vec<String> {
        let key = |name: &&str| Key::new("ubuntu@24.04", name, "-").to_string();
        names.iter().map(key).collect()
    };
    let previous = works.iter().map(|work| (work.contained, &work.previous));
    let previous: Vec<_> = previous.collect();
    assert_eq!(previous, [(false, &keys(&["b", "c"])), (true, &keys(&all))]);
}

#[test]
fn r26_a_test_that_deploys_an_untrusted_charm_is_refused_until_that_is_approved() {
    let place = Place::new();
    place.charm("charms/u", &[("1", "needs v"), ("2", "needs w")]);
    place.charm("charms/w", &[]);
    place.charm("others/v", &[]);
    place.charm("others/x", &[]);
    let collection = place.collection(&format!(
        "{ALL}[[charm]]\npath = 'others/*'\ntrust = 'untrusted'\n"
    ));
    let pass = place.pass(&collection);
    assert_eq!(pass.tally.to_string(), "3 pass, 3 refused");
    let outcomes = &pass.tested[0].outcomes;
    let of_u = |test: &str| {
        let mut own = outcomes.iter().filter(|outcome| outcome.key.charm == "u");
        own.find(|outcome| outcome.test == test).unwrap()
    };
    let refused = of_u("1.test");
    assert_eq!(refused.verdict, Verdict::Refused);
    let why = refused.reason.as_deref().unwrap();
    for part in ["it deploys v", "watch approve ubuntu@24.04:v:-"] {
        assert!(why.contains(part), "{why}");
    }
    assert_eq!(of_u("2.test").verdict, Verdict::Pass);
    let key = Key::new("ubuntu@24.04", "u", "-");
    assert_eq!(place.state().previous(&key).unwrap(), None);
    assert!(place.pass(&collection).tested.is_empty(), "it stays so");
    approve(&place.state(), "x");
    let pass = place.pass(&collection);
    assert_eq!(pass.tally.to_string(), "4 pass, 2 refused");
    approve(&place.state(), "v");
    let mut toy = Toy::default();
    let pass = place.pass_on(&place.state(), &collection, &mut toy);
    assert_eq!(pass.unwrap().tally.to_string(), "6 pass");
    assert_eq!(
        toy.ran,
        ["ubuntu@24.04:u:-/1.test", "ubuntu@24.04:v:-/deploy"]
    );
    assert!(place.state().previous(&key).unwrap().is_some());
    assert!(place.pass(&collection).tested.is_empty());
}

#[test]
fn r26_trust_that_is_taken_away_counts_also_while_a_repository_does_not_answer() {
    let place = Place::new();
    place.charm("repo", &[("1", "pass")]);
    place.git("repo", "init -q");
    place.commit("repo");
    place.git("repo", "branch other");
    place.charm("charms/a", &[("1", "pass")]);
    let collection = |trust: &str, branches: &str| {
        place.collection(&format!(
            "{ALL}[[charm]]\ngit = 'repo'\nbranches = [{branches}]\ntrust = '{trust}'\n"
        ))
    };
    let both = "'main', 'other'";
    let pass = place.pass(&collection("official", both));
    assert_eq!(pass.tally.to_string(), "6 pass");
    fs::rename(place.path("repo"), place.path("away")).unwrap();
    place.charm("charms/a", &[("1", "skip")]);
    let pass = place.pass(&collection("untrusted", both));
    assert_eq!(pass.problems.len(), 1, "{:?}", pass.problems);
    assert_eq!(pass.tally.to_string(), "1 pass, 1 skip, 4 refused");
    // A branch that the collection does not name any more is gone, whoever answers.
    let pass = place.pass(&collection("untrusted", "'main'"));
    let removed: Vec<&str> = pass
        .tested
        .last()
        .unwrap()
        .delta
        .changes
        .iter()
        .map(|change| change.key.branch.as_str())
        .collect();
    assert_eq!(removed, ["other"]);
}

#[test]
fn a_branch_whose_name_is_no_text_keeps_nobody_from_the_others() {
    use std::os::unix::ffi::OsStrExt as _;

    let place = Place::new();
    place.charm("repo", &[("1", "pass")]);
    place.git("repo", "init -q");
    place.commit("repo");
    let heads = place.path("repo/.git/refs/heads");
    let other = heads.join(std::ffi::OsStr::from_bytes(b"v\xff"));
    fs::copy(heads.join("main"), other).unwrap();
    let collection = place.collection("[[charm]]\ngit = 'repo'\nbranches = ['*']\n");
    let pass = place.pass(&collection);
    assert_eq!(pass.tally.to_string(), "2 pass");
    let [problem] = pass.problems.as_slice() else {
        panic!("one: {:?}", pass.problems);
    };
    assert!(problem.message.contains("UTF-8"), "{problem:?}");
}

#[test]
fn what_a_pattern_finds_beside_charms_is_not_read() {
    let place = Place::new();
    place.charm("a", &[("1", "pass")]);
    place.write("other/file", "x");
    let fifo = place.path("other/fifo");
    assert!(Command::new("mkfifo").arg(fifo).status().unwrap().success());
    // The record is there as well.
    let collection = place.collection("[[charm]]\npath = '*'\n");
    let pass = place.pass(&collection);
    assert_eq!(pass.problems, []);
    assert_eq!(pass.tally.to_string(), "2 pass");
    fs::remove_file(place.path("a/metadata.yaml")).unwrap();
    let pass = place.pass(&collection);
    assert_eq!(
        pass.tested[0].delta.changes.len(),
        1,
        "it is no charm any more"
    );
}

/// Approves the version of a charm that the collection holds now.
fn approve(state: &State, charm: &str) {
    let head = state.head().unwrap();
    let mut entries = head.snapshot.entries().iter();
    let entry = entries.find(|entry| entry.key.charm == charm).unwrap();
    let review = Review {
        charm: charm.to_owned(),
        tree: entry.tree.clone(),
        content: entry.content.clone(),
        who: "me".to_owned(),
        date: "today".to_owned(),
        note: None,
    };
    state.approve(review).unwrap();
}

/// An untrusted charm is refused in the first delta; in the second one another one is, and a good charm becomes bad.
fn refused_in_two_deltas(place: &Place, state: &State) -> Collection {
    let _ = fs::remove_dir_all(place.path("charms"));
    place.charm("charms/a", &[]);
    place.charm("good/g", &[("1", "pass")]);
    let collection = place.collection(&format!(
        "[defaults]\nsettle-ms = 1\nscope = 'changed'\n{ALL}[[charm]]\npath = 'good/g'\ntrust = 'official'\n"
    ));
    let pass = || {
        let pass = place.pass_on(state, &collection, &mut Toy::default());
        pass.unwrap().tally.to_string()
    };
    assert_eq!(pass(), "2 pass, 1 refused");
    place.charm("charms/b", &[]);
    place.charm("good/g", &[("1", "fail")]);
    assert_eq!(pass(), "1 pass, 1 fail, 1 refused");
    collection
}

#[test]
fn r26_what_was_refused_and_runs_after_later_deltas_changes_nothing_of_them() {
    let place = Place::new();
    let state = place.state();
    let collection = refused_in_two_deltas(&place, &state);
    approve(&state, "a");
    let pass = place.pass(&collection);
    assert_eq!(pass.tested[0].record.seq, 1);
    assert_eq!(pass.tally.to_string(), "3 pass");
    let standing = |charm: &str| {
        let mut index = state.index().unwrap();
        let standing = index.charms.remove(&format!("ubuntu@24.04:{charm}:-"));
        let standing = standing.unwrap_or_else(|| panic!("{charm} was tested"));
        (standing.tally.to_string(), standing.green)
    };
    let first = Some(state.deltas().unwrap()[0].id.clone());
    assert_eq!(standing("a"), ("1 pass".to_owned(), first.clone()));
    assert_eq!(standing("b"), ("1 refused".to_owned(), None));
    assert_eq!(standing("g"), ("1 pass, 1 fail".to_owned(), first));
    approve(&state, "b");
    let pass = place.pass(&collection);
    assert_eq!(pass.tested[0].record.seq, 2);
    assert_eq!(pass.tally.to_string(), "2 pass, 1 fail");
    assert!(place.pass(&collection).tested.is_empty());
}

#[test]
fn r26_a_watcher_that_dies_while_it_tests_what_was_refused_loses_nothing() {
    let place = Place::new();
    let run = |name: &str, dies_after: Option<i64>| {
        let root = place.path(name);
        let state = State::new(&root);
        let collection = refused_in_two_deltas(&place, &state);
        approve(&state, "a");
        let mut survived = true;
        if let Some(steps) = dies_after {
            let dying = State::on(&root, Disk::failing_after(steps));
            let pass = place.pass_on(&dying, &collection, &mut Toy::default());
            survived = pass.is_ok();
        }
        place
            .pass_on(&state, &collection, &mut Toy::default())
            .unwrap();
        (results(&state), survived)
    };
    let (expected, _) = run("undisturbed", None);
    for steps in 0.. {
        let (found, survived) = run(&format!("killed-{steps}"), Some(steps));
        assert_eq!(found, expected, "after {steps} steps");
        if survived {
            assert!(steps > 5, "{steps} moments");
            break;
        }
    }
}

#[test]
fn r27_a_matrix_of_two_by_two_gives_four_result_sets() {
    let place = Place::new();
    place.charm("charms/a", &[("1", "pass")]);
    let collection = place.collection(&format!(
        "{ALL}[matrix]\njuju = ['3.6', '4.0']\nsandbox = ['off', '1']\n"
    ));
    let pass = place.pass(&collection);
    assert_eq!(pass.tally.to_string(), "8 pass");
    let outcomes = place.state().outcomes(&pass.tested[0].record).unwrap();
    let sets: BTreeSet<String> = outcomes
        .iter()
        .map(|outcome| format!("{:?}", outcome.variant))
        .collect();
    assert_eq!(sets.len(), 4);
}

#[test]
fn the_last_good_version_is_that_of_the_delta_before_and_red_ones_never_become_it() {
    let place = Place::new();
    let collection = place.collection(ALL);
    let key = Key::new("ubuntu@24.04", "a", "-");
    let mut contents = Vec::new();
    for (text, good_before) in [
        ("pass", None),
        ("fail", Some(0)),
        ("skip", Some(0)),
        ("infra", Some(2)),
        ("pass", Some(2)),
    ] {
        place.charm("charms/a", &[("1", text)]);
        place.pass(&collection);
        let (_, delta) = place.last();
        contents.push(delta.snapshot.entries()[0].content.clone());
        let before = delta
            .previous
            .get(&key.to_string())
            .map(|previous| &previous.content);
        assert_eq!(
            before,
            good_before.map(|index: usize| &contents[index]),
            "{text}"
        );
    }
    assert_eq!(
        place.state().index().unwrap().charms[&key.to_string()].green,
        Some(place.last().1.id)
    );
}

#[test]
fn what_is_around_a_test_is_tried_again_and_not_for_ever() {
    let place = Place::new();
    place.charm("charms/a", &[("1", "infra-once"), ("2", "infra")]);
    let collection = place.collection(ALL);
    let mut toy = Toy::default();
    let pass = place
        .pass_on(&place.state(), &collection, &mut toy)
        .unwrap();
    assert_eq!(pass.tally.to_string(), "2 pass, 1 infra");
    assert_eq!(toy.backed_off, 2);
    let outcomes = place.state().outcomes(&pass.tested[0].record).unwrap();
    let attempts: Vec<(&str, u32)> = outcomes
        .iter()
        .map(|outcome| (outcome.test.as_str(), outcome.attempt))
        .collect();
    assert_eq!(
        attempts,
        [
            ("deploy", 0),
            ("1.test", 0),
            ("2.test", 0),
            ("1.test", 1),
            ("2.test", 1),
            ("2.test", 2)
        ]
    );
    assert!(place.pass(&collection).tested.is_empty());
}

#[test]
fn a_directory_that_is_written_to_does_not_count_yet() {
    let place = Place::new();
    place.charm("charms/a", &[]);
    place.charm("charms/b", &[]);
    let collection = place.collection(ALL);
    let stop = AtomicBool::new(false);
    let path = place.path("charms/a/file");
    std::thread::scope(|scope| {
        fs::write(&path, "0").unwrap();
        scope.spawn(|| {
            let mut number = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                let other = path.with_extension("new");
                fs::write(&other, number.to_string()).unwrap();
                fs::rename(&other, &path).unwrap();
            }
        });
        let pass = place.pass(&collection);
        stop.store(true, Ordering::Relaxed);
        assert_eq!(pass.problems.len(), 1);
        let (_, delta) = place.last();
        assert_eq!(delta.snapshot.entries().len(), 1);
    });
    place.pass(&collection);
    assert_eq!(place.last().1.snapshot.entries().len(), 2);
}

#[test]
fn what_changed_in_the_moment_of_a_commit_is_seen() {
    let place = Place::new();
    place.charm("repo/a", &[("1", "pass")]);
    place.git("repo", "init -q");
    // The time at which an inode changed cannot be chosen.
    place.git("repo", "config core.trustctime false");
    let script = place.path("repo/a/tests/1.test");
    let moment = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    let touch = |path: &std::path::Path| {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(moment).unwrap();
    };
    touch(&script);
    place.commit("repo");
    touch(&place.path("repo/.git/index"));
    let collection = place.collection("[[charm]]\npath = 'repo/a'\n");
    assert_eq!(place.pass(&collection).tally.to_string(), "2 pass");
    fs::write(&script, "fail").unwrap();
    touch(&script);
    assert_eq!(place.pass(&collection).tally.to_string(), "1 pass, 1 fail");
}

#[test]
fn a_work_tree_counts_with_its_changes_and_without_what_git_ignores() {
    let place = Place::new();
    place.charm("repo/charms/a", &[("1", "pass")]);
    place.charm("repo/charms/b", &[]);
    place.write("repo/.gitignore", "*.pyc\n");
    place.git("repo", "init -q -b topic");
    place.commit("repo");
    let collection = place.collection("[[charm]]\npath = 'repo/charms/*'\n");
    place.pass(&collection);
    let (_, delta) = place.last();
    let keys: Vec<String> = delta
        .snapshot
        .entries()
        .iter()
        .map(|entry| entry.key.to_string())
        .collect();
    assert_eq!(keys, ["ubuntu@24.04:a:topic", "ubuntu@24.04:b:topic"]);
    let objects = || {
        let output = Command::new("git")
            .args(["count-objects"])
            .current_dir(place.path("repo"))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let before = objects();
    place.write("repo/charms/a/x.pyc", "x");
    assert!(place.pass(&collection).tested.is_empty());
    place.write("repo/charms/a/x.py", "x");
    place.pass(&collection);
    let (_, delta) = place.last();
    assert_eq!(delta.changes.len(), 1);
    let state = place.state();
    let tree = state
        .store()
        .tree(&delta.changes[0].to.as_ref().unwrap().content)
        .unwrap();
    let paths: Vec<&str> = tree
        .entries()
        .iter()
        .map(|entry| entry.path.as_str())
        .collect();
    assert_eq!(paths, ["metadata.yaml", "tests/1.test", "x.py"]);
    assert_eq!(objects(), before, "the repository stays as it is");
    // A commit of what counts already changes nothing.
    place.commit("repo");
    assert!(place.pass(&collection).tested.is_empty());
}

/// Returns `CHARM/TEST: GUILTY CHARMS` of each job.
fn told(delta: &Delta, blames: &[Blame]) -> Vec<String> {
    let charm = |index: &usize| delta.changes[*index].key.charm.clone();
    let mut lines = Vec::new();
    for Blame { jobs, finding } in blames {
        let why = match finding {
            Finding::Guilty(changes) => changes.iter().map(charm).collect::<Vec<_>>().join(" "),
            other => format!("{other:?}"),
        };
        let short = |job: &String| job.replace("ubuntu@24.04:", "").replace(":-", "");
        lines.extend(jobs.iter().map(|job| format!("{}: {why}", short(job))));
    }
    lines
}

#[test]
fn each_failed_test_has_its_own_guilty_change() {
    let place = Place::new();
    for name in ["a", "b", "c", "d"] {
        place.charm(&format!("charms/{name}"), &[("1", "pass")]);
    }
    place.charm("charms/old", &[("1", "fail")]);
    place.charm("charms/z", &[("1", "with c")]);
    let collection = place.collection(ALL);
    place.pass(&collection);
    place.charm("charms/a", &[("1", "fail")]);
    place.charm("charms/b", &[("1", "fail")]);
    place.write("charms/c/bad", "x");
    place.write("charms/d/good", "x");
    place.pass(&collection);
    let (record, delta) = place.last();
    let state = place.state();
    let replay = Replay::open(&state, record).unwrap();
    let blames = replay.bisect(&mut Toy::default()).unwrap();
    assert_eq!(
        told(&delta, &blames),
        [
            "old/1.test: RedBefore",
            "a/1.test: a",
            "b/1.test: b",
            "z/1.test: c"
        ]
    );
}

#[test]
fn nobody_is_guilty_of_what_fails_only_sometimes_and_of_what_cannot_be_run() {
    let place = Place::new();
    for name in ["a", "b"] {
        place.charm(&format!("charms/{name}"), &[("1", "pass")]);
    }
    let collection = place.collection(ALL);
    place.pass(&collection);
    place.charm("charms/a", &[("1", "fail-once")]);
    place.charm("charms/b", &[("1", "fail")]);
    place.pass(&collection);
    let (record, delta) = place.last();
    let state = place.state();
    let replay = Replay::open(&state, record).unwrap();
    let mut broken = Toy {
        broken: true,
        ..Toy::default()
    };
    let error = replay.bisect(&mut broken).unwrap_err().to_string();
    assert!(
        error.starts_with("with none of the changes, ubuntu@24.04:a:-/1.test came to `infra`"),
        "{error}"
    );
    let blames = replay.bisect(&mut Toy::default()).unwrap();
    assert_eq!(
        told(&delta, &blames),
        ["b/1.test: b", "a/1.test: NotAgain"],
        "what could not be run is asked again"
    );
}

#[test]
fn the_guilty_change_is_found() {
    let place = Place::new();
    for name in ["a", "b", "c", "d", "e"] {
        place.charm(&format!("charms/{name}"), &[]);
    }
    place.charm("charms/z", &[("1", "with c")]);
    let collection = place.collection(ALL);
    place.pass(&collection);
    for name in ["a", "b", "c", "d", "e"] {
        place.write(&format!("charms/{name}/bad"), "x");
    }
    place.pass(&collection);
    let (record, delta) = place.last();
    let state = place.state();
    let replay = Replay::open(&state, record).unwrap();
    let mut toy = Toy::default();
    let blames = replay.bisect(&mut toy).unwrap();
    assert_eq!(told(&delta, &blames), ["z/1.test: c"]);
    assert!(toy.ran.iter().all(|job| job == "ubuntu@24.04:z:-/1.test"));
    assert_eq!(state.find("last").unwrap().seq, 2, "it is no delta");
}

#[test]
fn what_is_dropped_is_what_nobody_needs() {
    let place = Place::new();
    let collection = place.collection(ALL);
    for text in ["pass", "fail", "fail\n", "fail\n\n"] {
        place.charm("charms/a", &[("1", text)]);
        place.pass(&collection);
    }
    let state = place.state();
    let before = state.store().objects().unwrap().len();
    let dropped = crate::gc(&state, 1).unwrap();
    assert_eq!(dropped.deltas.len(), 3);
    // Of the second version its test and its list of files: the first is the last good version, the third what the fourth changed.
    assert_eq!(dropped.objects, 2);
    assert_eq!(state.store().objects().unwrap().len(), before - 2);
    Replay::open(&state, state.find("last").unwrap()).unwrap();
    assert!(place.pass(&collection).tested.is_empty());
    place.charm("charms/a", &[("1", "skip")]);
    assert_eq!(place.pass(&collection).tally.to_string(), "1 pass, 1 skip");
}

/// What a run leaves that counts: verdicts of each delta, and what is good.
fn results(state: &State) -> Vec<String> {
    let mut lines = Vec::new();
    for record in state.deltas().unwrap() {
        let outcomes = state.outcomes(&record).unwrap();
        for outcome in crate::results::latest(&outcomes).values() {
            lines.push(format!("{} {} {}", record.id, outcome.job, outcome.verdict));
        }
        assert!(record.is_done());
        lines.push(fs::read_to_string(record.path.join("junit.xml")).unwrap());
    }
    let head = state.head().unwrap();
    for entry in head.snapshot.entries() {
        lines.push(format!("{:?}", state.previous(&entry.key).unwrap()));
    }
    lines.push(format!("{:?}", state.index().unwrap()));
    lines
}

#[test]
fn a_watcher_that_dies_at_any_moment_leaves_a_state_from_which_the_next_goes_on() {
    let place = Place::new();
    let collection = place.collection(ALL);
    let versions = [("pass", "fail"), ("fail", "infra-once")];
    let write = |version: (&str, &str)| {
        place.charm("charms/a", &[("1", version.0), ("2", "skip")]);
        place.charm("charms/b", &[("1", version.1)]);
    };
    let undisturbed = State::new(&place.path("undisturbed"));
    for version in versions {
        write(version);
        place
            .pass_on(&undisturbed, &collection, &mut Toy::default())
            .unwrap();
    }
    let expected = results(&undisturbed);
    let mut deaths = 0;
    for steps in 0.. {
        let root = place.path(&format!("killed-{steps}"));
        let mut survived = true;
        for version in versions {
            write(version);
            let dying = State::on(&root, Disk::failing_after(steps));
            survived &= place
                .pass_on(&dying, &collection, &mut Toy::default())
                .is_ok();
            place
                .pass_on(&State::new(&root), &collection, &mut Toy::default())
                .unwrap();
        }
        assert_eq!(results(&State::new(&root)), expected, "after {steps} steps");
        fs::remove_dir_all(&root).unwrap();
        if survived {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 20, "{deaths} moments");
}

#[test]
fn what_is_damaged_is_seen_and_made_again_where_it_can_be() {
    let place = Place::new();
    let collection = place.collection(ALL);
    place.charm("charms/b", &[("1", "pass")]);
    for text in ["pass", "fail"] {
        place.charm("charms/a", &[("1", text)]);
        place.pass(&collection);
    }
    let state = place.state();
    let expected = results(&state);
    let file = |name: &str| place.path("state").join(name);
    let mut damages: Vec<(&str, Option<Vec<u8>>)> = vec![("head.json", None)];
    for name in ["head.json", "index.json"] {
        let whole = fs::read(file(name)).unwrap();
        damages.push((name, Some(Vec::new())));
        damages.push((name, Some(whole[..whole.len() / 2].to_vec())));
        // A digit of what a charm holds or stands for, which is as good as any other to whoever reads it.
        for at in (0..whole.len() - 80).step_by(101) {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            damages.push((name, Some(flipped)));
        }
    }
    for (name, bytes) in damages {
        match &bytes {
            Some(bytes) => fs::write(file(name), bytes).unwrap(),
            None => fs::remove_file(file(name)).unwrap(),
        }
        let mut toy = Toy::default();
        let pass = place.pass_on(&state, &collection, &mut toy).unwrap();
        assert!(pass.tested.is_empty(), "{name} {bytes:?}");
        let said = toy.said.join(" ");
        assert!(said.contains(name) && said.contains("made again"), "{said}");
        assert_eq!(results(&state), expected, "{name}");
    }
    // Results that are lost are told, though the rest goes on.
    let record = state.find("last").unwrap();
    assert_eq!(state.lost_results(&record).unwrap(), None);
    let lines = fs::read_to_string(record.path.join("results.jsonl")).unwrap();
    let cut = lines.replace("\"verdict\":\"fail\"", "\"verdict\":\"fbil\"");
    fs::write(record.path.join("results.jsonl"), cut).unwrap();
    let lost = state.lost_results(&record).unwrap().unwrap();
    assert_eq!(lost.to_string(), "3 pass, 1 fail");
    fs::write(record.path.join("results.jsonl"), lines).unwrap();
    // What was good last cannot be made again: the delta may be gone.
    let good = file("previous/ubuntu@24.04/b/-.json");
    let whole = fs::read(&good).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 3] ^= 1;
    fs::write(&good, flipped).unwrap();
    place.charm("charms/c", &[]);
    let error = place.pass_on(&state, &collection, &mut Toy::default());
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("b/-.json is damaged") && error.contains("remove it"),
        "{error}"
    );
    assert_eq!(state.deltas().unwrap().len(), 2, "nothing is recorded");
    fs::write(&good, whole).unwrap();
    assert_eq!(place.pass(&collection).tested[0].record.seq, 3);
}

#[test]
fn contents_that_are_lost_are_read_again_and_gc_drops_nothing_of_them() {
    let place = Place::new();
    let collection = place.collection("[[charm]]\npath = 'charms/*'\n[[charm]]\ngit = 'repo'\n");
    place.charm("charms/a", &[("1", "pass")]);
    place.charm("repo", &[("1", "pass"), ("2", "skip")]);
    place.git("repo", "init -q");
    place.commit("repo");
    place.pass(&collection);
    let state = place.state();
    let all = state.store().objects().unwrap();
    for (number, object) in all.iter().enumerate() {
        let path = state.store().path(object);
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let objects = || BTreeSet::from_iter(state.store().objects().unwrap());
        let left = objects();
        let _ = crate::gc(&state, 1000);
        assert_eq!(objects(), left);
        // Found by a look at what did not change, or by the next one when a delta was cut off for it.
        assert!(place.pass(&collection).tested.is_empty());
        assert_eq!(fs::read(&path).unwrap(), bytes);
        fs::write(&path, b"damaged").unwrap();
        place.charm("charms/b", &[("1", &format!("with a {number}"))]);
        let _ = place.pass_on(&state, &collection, &mut Toy::default());
        fs::remove_file(&path).unwrap();
        place.pass(&collection);
        assert_eq!(fs::read(&path).unwrap(), bytes);
        assert!(state.find("last").unwrap().is_done());
    }
}

#[test]
fn a_delta_of_a_newer_form_is_told_as_such() {
    let place = Place::new();
    place.charm("charms/a", &[]);
    place.pass(&place.collection(ALL));
    let (record, mut delta) = place.last();
    delta.schema += 1;
    fs::write(record.file(), delta.to_bytes().unwrap()).unwrap();
    let error = place.state().delta(&record).unwrap_err().to_string();
    assert!(error.contains("it has the form 2"), "{error}");
}

#[test]
fn an_interrupted_delta_goes_on_where_it_was() {
    let place = Place::new();
    place.charm("charms/a", &[("1", "pass"), ("2", "pass")]);
    let collection = place.collection(ALL);
    let mut toy = Toy {
        interrupt_after: Some(1),
        ..Toy::default()
    };
    let pass = place
        .pass_on(&place.state(), &collection, &mut toy)
        .unwrap();
    assert!(pass.interrupted);
    // What changes meanwhile waits for the next delta.
    place.charm("charms/b", &[]);
    let mut toy = Toy::default();
    let pass = place
        .pass_on(&place.state(), &collection, &mut toy)
        .unwrap();
    assert_eq!(
        pass.tested
            .iter()
            .map(|tested| tested.record.seq)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(
        toy.ran[..2],
        ["ubuntu@24.04:a:-/1.test", "ubuntu@24.04:a:-/2.test"]
    );
}

#[path = "hostile_tests.rs"]
mod hostile;
