//! `cargo charmtest export`: what it writes is run as spread and GitHub would run it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use charmtest_charm::yaml;
use serde_json::Value;

use crate::author::{cargo, cargo_command, write_crate};
use crate::bed::{Bed, Said};
use crate::results::{essence, junit, lines};
use crate::watch::{Room, text};

/// Each test writes its module down; `BREAK` names the module that fails.
const FIRST: &str = r#"
use charmtest::prelude::*;

fn ran(name: &str) {
    use std::io::Write;
    let file = std::env::var_os("RAN").unwrap();
    let mut file = std::fs::File::options().create(true).append(true).open(file).unwrap();
    // At once: other modules write there, too.
    file.write_all(format!("{name}\n").as_bytes()).unwrap();
    assert!(std::env::var("BREAK").is_ok_and(|broken| broken != name), "{name} is broken");
}

// Called as the module below.
#[charm_test]
fn relates() {
    ran("crate");
}

mod relates {
    use super::*;

    #[charm_test]
    fn to_a_database() {
        ran("relates");
    }

    mod late {
        use super::*;

        #[charm_test]
        async fn to_a_database(_model: &Model) {
            ran("relates::late");
        }
    }
}

mod slow {
    use super::*;

    #[charm_test(tags("slow"))]
    fn takes_time() {
        ran("slow");
    }
}

charmtest::main!();
"#;

const SECOND: &str = r#"
use charmtest::prelude::*;

mod relates {
    use super::*;

    #[charm_test]
    fn again() {
        use std::io::Write;
        let file = std::env::var_os("RAN").unwrap();
        let mut file = std::fs::File::options().append(true).create(true).open(file).unwrap();
        file.write_all(b"second relates\n").unwrap();
    }
}

charmtest::main!();
"#;

/// All modules but the slow one, sorted.
const MODULES: [&str; 4] = ["crate", "relates", "relates::late", "second relates"];

/// Writes a project with a crate in `charms/web`; returns its directory and the crate's.
fn project(bed: &Bed, name: &str) -> (PathBuf, PathBuf) {
    let project = bed.path().join(name);
    let dir = project.join("charms/web");
    let tests = [("first-ones.rs", FIRST), ("second.rs", SECOND)];
    write_crate(&dir, name, "", &tests);
    fs::create_dir_all(dir.join(".config")).unwrap();
    fs::write(
        dir.join(".config/charmtest.toml"),
        "[profile.default]\ntags = \"not slow\"\n",
    )
    .unwrap();
    (project, dir)
}

fn read_yaml(path: &Path) -> Value {
    yaml::parse_value("file", &fs::read_to_string(path).unwrap()).unwrap()
}

/// Makes bash with the variables under which the tests of this program run cargo.
fn bash(bed: &Bed, dir: &Path, args: &[&str], broken: &str) -> Command {
    let like = cargo_command(bed, dir, &[]);
    let mut bash = Command::new("bash");
    for (name, value) in like.get_envs() {
        match value {
            Some(value) => bash.env(name, value),
            None => bash.env_remove(name),
        };
    }
    bash.args(args)
        .current_dir(dir)
        .env("RAN", bed.path().join("ran"))
        .env("BREAK", broken)
        .env_remove("CARGO");
    bash
}

/// Runs a script as spread does on a machine of its ad-hoc backend: in the task's directory, given to `bash -eu` on standard input, with
/// the project's environment and without input of its own.
fn as_spread(bed: &Bed, project: &Path, task: &str, script: &Value, broken: &str) -> Said {
    let file = read_yaml(&project.join("spread.yaml"));
    let mut text = String::new();
    for (name, value) in file["environment"].as_object().unwrap() {
        text += &format!("export {name}=\"{}\"\n", value.as_str().unwrap());
    }
    let script = script.as_str().unwrap();
    text += &format!(
        "export SPREAD_PATH=\"{}\"\nexport SPREAD_TASK=\"{task}\"\nset -x\n(\n{script}\n) < /dev/null\n",
        project.display()
    );
    let mut child = bash(bed, &project.join(task), &["-eu", "-"], broken)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap().into()
}

/// Returns the modules that ran since the last call, sorted.
fn ran(bed: &Bed) -> Vec<String> {
    let file = bed.path().join("ran");
    let text = fs::read_to_string(&file).unwrap_or_default();
    let _ = fs::remove_file(file);
    let mut ran: Vec<String> = text.lines().map(str::to_owned).collect();
    ran.sort();
    ran
}

/// Returns the tasks of a suite, `SUITE/NAME`.
fn tasks(project: &Path, suite: &str) -> Vec<String> {
    let entries = fs::read_dir(project.join(suite)).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| project.join(suite).join(name).is_dir())
        .map(|name| format!("{suite}/{name}"))
        .collect();
    names.sort();
    names
}

/// Runs a task as spread does, without its restore script; keeps its artefacts where `spread -artifacts=DIR` does.
fn run_task(bed: &Bed, project: &Path, name: &str, broken: &str, artifacts: &Path) -> Said {
    let dir = project.join(name);
    let task = read_yaml(&dir.join("task.yaml"));
    let said = as_spread(bed, project, name, &task["execute"], broken);
    let [artifact] = &task["artifacts"].as_array().unwrap()[..] else {
        panic!("{task}");
    };
    let artifact = artifact.as_str().unwrap();
    let to = artifacts.join(format!("adhoc:ubuntu-24.04:{name}"));
    let _ = fs::remove_dir_all(&to);
    fs::create_dir_all(&to).unwrap();
    let moved = fs::rename(dir.join(artifact), to.join(artifact));
    moved.unwrap_or_else(|error| panic!("{error}: {said:?}"));
    said
}

/// Merges the results below a directory into `merged.jsonl` and `merged.xml` beside it.
fn report(bed: &Bed, dir: &Path, artifacts: &Path) -> Said {
    let beside = |name: &str| artifacts.with_file_name(name).display().to_string();
    let (results, xml) = (beside("merged.jsonl"), beside("merged.xml"));
    let from = artifacts.display().to_string();
    let args = [
        "charmtest",
        "report",
        &from,
        "--results",
        &results,
        "--junit",
        &xml,
    ];
    cargo(bed, dir, &args)
}

#[test]
fn the_tasks_of_spread_run_every_module_once() {
    let bed = Bed::bare();
    let (project, dir) = project(&bed, "export-spread");
    let export = ["charmtest", "export", "spread"];
    let to = ["--output", "../../spread.yaml"];
    let said = cargo(&bed, &dir, &[&export[..], &to].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    let expected = [
        "spread/export-spread.first-ones.crate",
        "spread/export-spread.first-ones.relates",
        "spread/export-spread.first-ones.relates-late",
        "spread/export-spread.second.relates",
    ];
    assert_eq!(tasks(&project, "spread"), expected, "{said:?}");

    let file = read_yaml(&project.join("spread.yaml"));
    let prepare = &file["suites"]["spread/"]["prepare"];
    let said = as_spread(&bed, &project, expected[0], prepare, "");
    assert_eq!(said.code, Some(0), "{said:?}");
    let artifacts = bed.path().join("artifacts");
    for name in expected {
        let said = run_task(&bed, &project, name, "", &artifacts);
        assert_eq!(said.code, Some(0), "{said:?}");
        let results = artifacts.join(format!("adhoc:ubuntu-24.04:{name}/results"));
        let text = fs::read_to_string(results.join("report.txt")).unwrap();
        assert!(text.contains("1 charm test: 1 passed"), "{text}");
        assert!(results.join("junit.xml").is_file());
        let restore = &read_yaml(&project.join(name).join("task.yaml"))["restore"];
        let said = as_spread(&bed, &project, name, restore, "");
        assert_eq!(said.code, Some(0), "{said:?}");
    }
    assert_eq!(ran(&bed), MODULES);

    // What came back is what one run of all tells.
    let once = ["--results", "../one.jsonl", "--junit", "../one.xml"];
    let one = |broken: &str| -> Said {
        let args = [&["charmtest"], &once[..]].concat();
        let mut command = cargo_command(&bed, &dir, &args);
        command
            .env("RAN", bed.path().join("ran"))
            .env("BREAK", broken);
        command.output().unwrap().into()
    };
    let assert_same = |code: i32, broken: &str| {
        let said = report(&bed, &dir, &artifacts);
        assert_eq!(said.code, Some(code), "{said:?}");
        assert_eq!(one(broken).code, Some(code));
        ran(&bed);
        let [ours, theirs] = [bed.path(), &dir.join("..")];
        assert_eq!(
            essence(&ours.join("merged.jsonl")),
            essence(&theirs.join("one.jsonl"))
        );
        assert_eq!(
            junit(&ours.join("merged.xml")),
            junit(&theirs.join("one.xml"))
        );
        said
    };
    assert_same(0, "");

    // A failure is the task's, and its evidence comes back with it.
    let said = run_task(&bed, &project, expected[2], "relates::late", &artifacts);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert_eq!(ran(&bed), ["relates::late"]);
    let said = assert_same(1, "relates::late");
    let results = artifacts.join(format!("adhoc:ubuntu-24.04:{}/results", expected[2]));
    let evidence = said.stderr.split("evidence in ").nth(1).unwrap();
    let evidence = evidence.lines().next().unwrap();
    assert!(evidence.starts_with(results.to_str().unwrap()), "{said:?}");
    assert!(
        Path::new(evidence).join("message.txt").is_file(),
        "{said:?}"
    );

    // A task whose results are lost is no pass, whatever the others say.
    let lost = artifacts.join(format!("adhoc:ubuntu-24.04:{}", expected[2]));
    fs::remove_dir_all(lost).unwrap();
    let said = report(&bed, &dir, &artifacts);
    assert_eq!(said.code, Some(4), "{said:?}");
    let text = "no file has a result of export-spread::first-ones relates::late";
    assert!(said.stderr.contains(text), "{said:?}");

    // Nor is a task whose module is gone.
    let task = project.join(expected[3]).join("task.yaml");
    let text = fs::read_to_string(&task).unwrap();
    fs::write(&task, text.replace("second relates", "second related")).unwrap();
    let said = run_task(&bed, &project, expected[3], "", &artifacts);
    assert_eq!(said.code, Some(3), "{said:?}");
    let said = report(&bed, &dir, &artifacts);
    assert_eq!(said.code, Some(4), "{said:?}");
    assert!(
        said.stderr.contains("results.jsonl: it is empty"),
        "{said:?}"
    );
}

#[test]
fn the_jobs_of_a_delta_are_tasks_whose_results_are_those_of_the_delta() {
    let room = Room::new();
    room.charm("charms/good", "status-set active");
    room.charm("charms/bad", "exit 3");
    room.collection("[defaults]\ntrust = \"official\"\n[[charm]]\npath = 'charms/*'\n");
    let args = [
        "watch",
        "--once",
        "--generic",
        "deploy,remove",
        "--state",
        "state",
    ];
    let watched = room.run(&args);
    assert_eq!(watched.code, Some(1), "{}", watched.stderr);

    let project = room.path("project");
    fs::create_dir(&project).unwrap();
    let export = ["export", "spread", "--delta", "last", "--state", "state"];
    let said = room.run(&[&export[..], &["--output", "project/spread.yaml"]].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    let names = tasks(&project, "delta");
    let expected = ["bad-deploy", "bad-remove", "good-deploy", "good-remove"];
    let expected = expected.map(|job| format!("delta/ubuntu-24-04-{job}"));
    assert_eq!(names, expected, "{said:?}");
    // What a task runs is in the archive alone.
    fs::remove_dir_all(room.path("charms")).unwrap();
    let own: Vec<Value> = lines(&own_results(&room.path("state")));
    fs::rename(room.path("state"), room.path("elsewhere")).unwrap();

    let bed = room.bed();
    let artifacts = bed.path().join("artifacts");
    for name in &names {
        let said = run_task(bed, &project, name, "", &artifacts);
        let code = if name.contains("bad") { 1 } else { 0 };
        assert_eq!(said.code, Some(code), "{name}: {said:?}");
    }
    let said = report(bed, &project, &artifacts);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("cargo charmtest replay "), "{said:?}");
    let told = |lines: &[Value]| -> Vec<Vec<String>> {
        let keys = [
            "job", "base", "charm", "branch", "test", "verdict", "reason", "backend", "sandbox",
        ];
        // Below the first line of a reason are times.
        let first = |value: &Value| text(value).lines().next().map(str::to_owned);
        let line = |line: &Value| {
            keys.map(|key| first(&line[key]).unwrap_or_default())
                .to_vec()
        };
        let jobs = lines.iter().filter(|line| !line["job"].is_null());
        let mut told: Vec<Vec<String>> = jobs.map(line).collect();
        told.sort();
        told
    };
    let merged = lines(&bed.path().join("merged.jsonl"));
    assert_eq!(told(&merged), told(&own));
    let recorded = own_results(&room.path("elsewhere"));
    let directory = recorded.parent().unwrap().display().to_string();
    assert!(
        directory.ends_with(&text(&merged[0]["delta"])),
        "{directory}"
    );

    // One job less is no result of the delta.
    fs::remove_dir_all(artifacts.join(format!("adhoc:ubuntu-24.04:{}", names[2]))).unwrap();
    let said = report(bed, &project, &artifacts);
    assert_eq!(said.code, Some(4), "{said:?}");
    assert!(
        said.stderr
            .contains("no file has a result of deploy of ubuntu@24.04:good:-"),
        "{said:?}"
    );
}

/// Returns the results of the one delta of a record.
fn own_results(state: &Path) -> PathBuf {
    let mut deltas = fs::read_dir(state.join("deltas")).unwrap();
    deltas.next().unwrap().unwrap().path().join("results.jsonl")
}

#[test]
fn an_export_keeps_what_its_user_changed() {
    let bed = Bed::bare();
    let (_, dir) = project(&bed, "export-again");
    let export = |more: &[&str]| -> Said {
        let args = [&["charmtest", "export", "spread"], more].concat();
        let mut command = cargo_command(&bed, &dir, &args);
        // What holds on this machine only does not change what is exported.
        command
            .env("CHARMTEST_TAGS", "nothing")
            .output()
            .unwrap()
            .into()
    };
    let said = export(&[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    let task = "spread/export-again.second.relates/task.yaml";
    let (project, first) = (read("spread.yaml"), read(task));

    // The machines are the user's to say; a task that is changed is not overwritten, and then nothing is.
    fs::write(dir.join("spread.yaml"), project.replace("24.04", "22.04")).unwrap();
    fs::write(dir.join(task), first.replace("results", "other")).unwrap();
    let other = dir.join("spread/export-again.first-ones.crate");
    fs::rename(&other, dir.join("spread/gone")).unwrap();
    let said = export(&[]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains(task), "{said:?}");
    assert!(!said.stderr.contains("/spread.yaml,"), "{said:?}");
    assert!(!other.exists());

    fs::remove_file(dir.join(task)).unwrap();
    let said = export(&[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(other.join("task.yaml").is_file());
    assert_eq!(read(task), first);
    assert!(read("spread.yaml").contains("22.04"), "{said:?}");
    assert!(
        said.stderr
            .contains("warning: spread/gone is of no module that was exported now"),
        "{said:?}"
    );

    fs::write(dir.join(task), "summary: mine\n").unwrap();
    let said = export(&["--force"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!((read("spread.yaml"), read(task)), (project, first));
}

#[test]
fn the_jobs_of_a_workflow_run_every_module_once() {
    let bed = Bed::bare();
    let (_, dir) = project(&bed, "export-github");
    let line = "charmtest export github --parts 2 --setup true";
    let args: Vec<&str> = line.split(' ').collect();
    let said = cargo(&bed, &dir, &args);
    assert_eq!(said.code, Some(0), "{said:?}");
    let printed = said.stdout;
    let workflow = yaml::parse_value("workflow", &printed).unwrap();
    let job = &workflow["jobs"]["charm-tests"];
    // What `shell: bash` means there.
    let step = |script: &str, temp: &Path| -> Said {
        let file = bed.path().join("step.sh");
        fs::write(&file, script).unwrap();
        let file = file.display().to_string();
        let args = ["--noprofile", "--norc", "-eo", "pipefail", &file];
        let mut bash = bash(&bed, &dir, &args, "");
        bash.env("RUNNER_TEMP", temp).output().unwrap().into()
    };
    let last = bed.path().join("last");
    let mut all = Vec::new();
    for part in job["strategy"]["matrix"]["part"].as_array().unwrap() {
        let script = job["steps"][2]["run"].as_str().unwrap();
        let script = script.replace("${{ matrix.part }}", &part.to_string());
        let temp = bed.path().join(format!("temp {part}"));
        let said = step(&script, &temp);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(temp.join("charm-tests/report.txt").is_file(), "{said:?}");
        let part = ran(&bed);
        assert_eq!(part.len(), 2, "{said:?}");
        all.extend(part);
        // As artefacts are fetched: each in a directory of its name.
        let number = &job["strategy"]["matrix"]["part"][all.len() / 2 - 1];
        let fetched = last.join(format!("charm-tests/charm-tests-{number}"));
        fs::create_dir_all(fetched.parent().unwrap()).unwrap();
        fs::rename(temp.join("charm-tests"), fetched).unwrap();
    }
    all.sort();
    assert_eq!(all, MODULES);
    let merge = workflow["jobs"]["report"]["steps"][3]["run"]
        .as_str()
        .unwrap();
    let said = step(merge, &last);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stderr.contains("4 charm tests: 4 passed"), "{said:?}");
    assert_eq!(lines(&last.join("merged/results.jsonl")).len(), 6);
    fs::remove_dir_all(last.join("charm-tests/charm-tests-2")).unwrap();
    let said = step(merge, &last);
    assert_eq!(said.code, Some(4), "{said:?}");
    assert!(
        said.stderr.contains("part count:2/2 is missing"),
        "{said:?}"
    );

    let file = dir.join(".github/workflows/charm-tests.yml");
    let output = ["--output", ".github/workflows/charm-tests.yml"];
    let write = |args: &[&str]| cargo(&bed, &dir, &[args, &output].concat());
    assert_eq!(write(&args).code, Some(0));
    assert_eq!(fs::read_to_string(&file).unwrap(), printed);
    fs::write(&file, "name: mine\n").unwrap();
    let said = write(&args);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "name: mine\n");
    let forced = [&args[..], &["--force"]].concat();
    assert_eq!(write(&forced).code, Some(0));
    assert_eq!(fs::read_to_string(&file).unwrap(), printed);
}

#[test]
fn a_workflow_is_made_for_what_there_is() {
    let bed = Bed::bare();
    let (_, dir) = project(&bed, "export-names");
    for (line, code, what) in [
        ("--package export-names --profile default", 0, ""),
        (
            "--package export-nams",
            2,
            "package `export-nams` is not in the workspace",
        ),
        (
            "--workspace --exclude other",
            2,
            "package `other` is not in the workspace",
        ),
        ("--test frist", 2, "no charm test target is called `frist`"),
        ("--profile ci", 2, "`ci`"),
    ] {
        let args = ["charmtest", "export", "github"].into_iter();
        let args: Vec<&str> = args.chain(line.split(' ')).collect();
        let said = cargo(&bed, &dir, &args);
        assert_eq!(said.code, Some(code), "{line}: {said:?}");
        assert!(said.stderr.contains(what), "{line}: {said:?}");
        assert_eq!(said.stdout.is_empty(), code != 0, "{line}: {said:?}");
    }
}
