//! What options do in a whole run with models, against a `juju` that is a shell script.

use std::fs;
use std::path::Path;

use crate::evidence::World;

/// Returns the directories of models below a directory for files.
fn models_in(directory: &Path) -> usize {
    fs::read_dir(directory).map_or(0, |entries| {
        let entries = entries.map(|entry| entry.unwrap().file_name());
        entries
            .filter(|name| name.to_string_lossy().starts_with("evidence-"))
            .count()
    })
}

#[test]
fn files_of_tests_are_where_the_user_wants_them() {
    let world = World::new();
    let [flag, tox] = ["flag", "tox"].map(|name| world.path().join(name));
    fs::create_dir(&flag).unwrap();
    fs::write(flag.join("foreign"), "").unwrap();
    let variables = [("TOX_ENV_DIR", tox.to_str().unwrap())];

    world.run(&["--basetemp", flag.to_str().unwrap()], &variables);
    // A test failed, so its files stay; the flag wins, and what others have there stays too.
    assert_eq!(models_in(&flag), 1);
    assert!(flag.join("foreign").exists());
    assert!(!tox.exists());

    world.run(&[], &variables);
    assert_eq!(models_in(&tox.join("tmp/charmtest")), 1);
}

#[test]
fn a_new_model_gets_its_configuration_from_the_file() {
    let world = World::new();
    let file = world.path().join("model.yaml");
    fs::write(&file, "test-mode: true\n").unwrap();
    let file = file.to_str().unwrap();
    world.run(&["--model-config", file], &[]);
    let calls = world.read("calls");
    let added = calls.lines().find(|call| call.starts_with("add-model"));
    assert!(
        added.is_some_and(|call| call.ends_with(&format!("--config {file}"))),
        "{calls}"
    );
}

#[test]
fn options_for_a_new_model_are_named_when_it_was_there() {
    let world = World::new();
    fs::write(world.path().join("model"), "web").unwrap();
    let run = world.run(&["--model", "web", "--cloud", "aws"], &[]);
    let warning = "warning: --cloud not used for model web: it was there before and is kept";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
    assert!(!world.read("calls").contains("add-model"));
}

#[test]
fn storage_is_released_when_it_is_not_to_be_destroyed() {
    for (option, flag) in [
        ("false", "--release-storage"),
        ("true", "--destroy-storage"),
    ] {
        let world = World::new();
        world.run(&[&format!("--destroy-storage={option}")], &[]);
        let calls = world.read("calls");
        let destroyed = calls.lines().find(|call| call.starts_with("destroy-model"));
        assert!(destroyed.is_some_and(|call| call.contains(flag)), "{calls}");
    }
}

#[test]
fn a_weaker_option_gives_way_and_is_named() {
    let world = World::new();
    let run = world.run(&["--keep-models"], &[("CHARMTEST_DESTROY_STORAGE", "1")]);
    let warning = "warning: CHARMTEST_DESTROY_STORAGE has no effect beside --keep-models";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
    assert_eq!(run.code, Some(101), "the tests ran: {}", run.stderr);
}

#[test]
fn a_new_model_is_made_where_the_user_wants_it() {
    let added = |options: &[&str]| {
        let world = World::new();
        world.run(options, &[]);
        let calls = world.read("calls");
        let added = calls.lines().find(|call| call.starts_with("add-model"));
        let words: Vec<&str> = added.unwrap().split(' ').collect();
        assert!(words[2].starts_with("evidence-"), "{words:?}");
        words[3..].join(" ")
    };
    assert_eq!(added(&[]), "");
    assert_eq!(added(&["--cloud", "aws/eu"]), "aws/eu");
    assert_eq!(
        added(&["--controller", "prod", "--cloud", "aws"]),
        "aws --controller prod"
    );
    assert_eq!(added(&["--controller", "prod"]), "--controller prod");
}

#[test]
fn a_model_that_is_kept_is_named_with_the_command_that_shows_it() {
    let world = World::new();
    let run = world.run(&["--keep-models"], &[]);
    let model = world.read("model");
    assert!(!model.is_empty(), "it is still there");
    let shown = format!(
        "model {0} was kept; `juju status -m {0}` shows it",
        model.trim()
    );
    assert!(run.stderr.contains(&shown), "{}", run.stderr);
    assert!(!world.read("calls").contains("destroy-model"));
}
