//! `cargo charmtest export`: what it writes is run as spread and GitHub would run it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use charmtest_charm::yaml;
use serde_json::Value;

use crate::author::{cargo, cargo_command};
use crate::bed::{Bed, Said};

/// Each test writes its module down; `BREAK` names the module that fails.
const FIRST: &str = r#"
use charmtest::prelude::*;

fn ran(name: &str) {
    use std::io::Write;
    let file = std::env::var_os("RAN").unwrap();
    let mut file = std::fs::File::options().create(true).append(true).open(file).unwrap();
    writeln!(file, "{name}").unwrap();
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
        writeln!(file, "second relates").unwrap();
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::create_dir_all(dir.join("tests")).unwrap();
    fs::create_dir_all(dir.join(".config")).unwrap();
    let target = |name: &str| format!("[[test]]\nname = \"{name}\"\nharness = false\n");
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [dev-dependencies]\ncharmtest-core = {{ path = {:?} }}\n{}{}[workspace]\n",
        root.join("charmtest-core"),
        target("first-ones"),
        target("second"),
    );
    fs::write(dir.join("Cargo.toml"), manifest).unwrap();
    fs::copy(root.join("Cargo.lock"), dir.join("Cargo.lock")).unwrap();
    fs::write(dir.join("tests/first-ones.rs"), FIRST).unwrap();
    fs::write(dir.join("tests/second.rs"), SECOND).unwrap();
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
    let task = format!("spread/{task}");
    let script = script.as_str().unwrap();
    text += &format!(
        "export SPREAD_PATH=\"{}\"\nexport SPREAD_TASK=\"{task}\"\nset -x\n(\n{script}\n) < /dev/null\n",
        project.display()
    );
    let mut child = bash(bed, &project.join(&task), &["-eu", "-"], broken)
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

fn tasks(project: &Path) -> Vec<String> {
    let entries = fs::read_dir(project.join("spread")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
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
        "export-spread.first-ones.crate",
        "export-spread.first-ones.relates",
        "export-spread.first-ones.relates-late",
        "export-spread.second.relates",
    ];
    assert_eq!(tasks(&project), expected, "{said:?}");

    let file = read_yaml(&project.join("spread.yaml"));
    let prepare = &file["suites"]["spread/"]["prepare"];
    let said = as_spread(&bed, &project, expected[0], prepare, "");
    assert_eq!(said.code, Some(0), "{said:?}");
    for name in expected {
        let dir = project.join("spread").join(name);
        let task = read_yaml(&dir.join("task.yaml"));
        let said = as_spread(&bed, &project, name, &task["execute"], "");
        assert_eq!(said.code, Some(0), "{said:?}");
        let [artifact] = &task["artifacts"].as_array().unwrap()[..] else {
            panic!("{task}");
        };
        let report = dir.join(artifact.as_str().unwrap()).join("report.txt");
        let report = fs::read_to_string(report).unwrap();
        assert!(report.contains("1 charm test: 1 passed"), "{report}");
        let said = as_spread(&bed, &project, name, &task["restore"], "");
        assert_eq!(said.code, Some(0), "{said:?}");
    }
    assert_eq!(ran(&bed), MODULES);

    // A failure is the task's, and its evidence comes back.
    let task = read_yaml(&project.join("spread").join(expected[2]).join("task.yaml"));
    let said = as_spread(
        &bed,
        &project,
        expected[2],
        &task["execute"],
        "relates::late",
    );
    assert_eq!(said.code, Some(1), "{said:?}");
    assert_eq!(ran(&bed), ["relates::late"]);
    let results = project.join("spread").join(expected[2]).join("results");
    let runs = fs::read_dir(results.join("state/charmtest/runs")).unwrap();
    let found: Vec<PathBuf> = runs.map(|run| run.unwrap().path()).collect();
    assert!(!found.is_empty(), "{said:?}");
    let report = fs::read_to_string(results.join("report.txt")).unwrap();
    assert!(
        found
            .iter()
            .any(|run| report.contains(&run.display().to_string())),
        "{found:?} {report}"
    );
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
    let mut all = Vec::new();
    for part in job["strategy"]["matrix"]["part"].as_array().unwrap() {
        let script = job["steps"][2]["run"].as_str().unwrap();
        let script = script.replace("${{ matrix.part }}", &part.to_string());
        let file = bed.path().join("step.sh");
        fs::write(&file, script).unwrap();
        // What `shell: bash` means there.
        let file = file.display().to_string();
        let args = ["--noprofile", "--norc", "-eo", "pipefail", &file];
        let temp = bed.path().join(format!("temp {part}"));
        let mut bash = bash(&bed, &dir, &args, "");
        let said: Said = bash.env("RUNNER_TEMP", &temp).output().unwrap().into();
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(temp.join("charm-tests/report.txt").is_file(), "{said:?}");
        let part = ran(&bed);
        assert_eq!(part.len(), 2, "{said:?}");
        all.extend(part);
    }
    all.sort();
    assert_eq!(all, MODULES);

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
