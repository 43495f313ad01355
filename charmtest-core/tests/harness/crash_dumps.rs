//! Crash dumps, with a `juju-crashdump` and a `cargo-charmtest` that are shell scripts.

use std::path::Path;

use crate::binary::Run;
use crate::evidence::World;

/// Notes its arguments, one a line, and which model is there; makes an archive as the tool names them.
const JUJU_CRASHDUMP: &str = r#"#!/bin/sh
here=$(dirname "$0")
if [ -e "$here/hangs" ]; then exec sleep 600; fi
if [ -e "$here/fails" ]; then echo "cannot reach machines" >&2; exit 1; fi
printf '%s\n' "$@" > "$here/dumped"
cat "$here/model" > "$here/model-at-dump"
out=.
for word in "$@"; do case $word in -o=*) out=${word#-o=} ;; esac; done
touch "$out/juju-crashdump-1234.tar.xz"
"#;

/// Notes its arguments and its input, and says that it made an archive.
const CARGO_CHARMTEST: &str = r#"#!/bin/sh
here=$(dirname "$0")
if [ -e "$here/fails" ]; then echo "error: the disk is full" >&2; exit 3; fi
printf '%s\n' "$@" > "$here/collected"
cat > "$here/secrets"
echo '{"path":"/dumps/juju-crashdump-5678.tar.xz"}'
"#;

/// Runs the failing module with both programs, or without `juju-crashdump`.
fn run(world: &World, tool: bool, arguments: &[&str]) -> Run {
    world.write("cargo-charmtest", CARGO_CHARMTEST);
    if tool {
        world.write("juju-crashdump", JUJU_CRASHDUMP);
    }
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", world.path().display());
    let program = world.path().join("cargo-charmtest");
    let variables = [
        ("PATH", path.as_str()),
        ("CHARMTEST_PROGRAM", program.to_str().unwrap()),
        ("CHARMTEST_CRASH_DUMP", ""),
    ];
    let run = world.run(arguments, &variables);
    assert_eq!(run.code, Some(101), "{}", run.stderr);
    run
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn juju_crashdump_is_run_before_the_model_ends() {
    let world = World::new();
    let out = world.path().join("new/out");
    let out = out.to_str().unwrap();
    let run = run(
        &world,
        true,
        &["--crash-dump-output", out, "--crash-dump-args", "-x 'a b'"],
    );
    let model = world.read("model-at-dump");
    let dumped = world.read("dumped");
    let expected = [
        "-s",
        &format!("-m=c:{}", model.trim()),
        "-a=debug-layer",
        "-a=config",
        &format!("-o={out}"),
        "-x",
        "a b",
    ];
    assert_eq!(lines(&dumped), expected);
    let told = format!(
        "charmtest: crash dump of model c:{}: {out}/juju-crashdump-1234.tar.xz",
        model.trim()
    );
    assert!(run.stderr.contains(&told), "{}", run.stderr);
    assert!(Path::new(out).join("juju-crashdump-1234.tar.xz").is_file());
    assert_eq!(world.read("model"), "", "the model is destroyed");
    assert_eq!(world.read("collected"), "");
}

#[test]
fn without_juju_crashdump_our_own_collector_is_run_and_knows_what_to_hide() {
    let world = World::new();
    let run = run(&world, false, &["--crash-dump-args=-x"]);
    let collected = world.read("collected");
    let collected = lines(&collected);
    let [command @ .., last] = collected.as_slice() else {
        panic!("it was not run: {}", run.stderr);
    };
    assert_eq!(command[..2], ["charmtest", "crash-dump"]);
    assert_eq!(*last, "--secrets-from-stdin");
    let value_of = |option: &str| {
        let at = command.iter().position(|word| *word == option).unwrap();
        command[at + 1]
    };
    assert!(value_of("--model").starts_with("c:evidence-"));
    let records = world.path().join("records");
    assert_eq!(Path::new(value_of("--output")), records.join("crash-dumps"));
    assert_eq!(value_of("--backend"), "juju");
    assert_eq!(world.read("secrets"), r#"["open sesame"]"#);
    for text in [
        ": /dumps/juju-crashdump-5678.tar.xz",
        "--crash-dump-args has no effect: the arguments are for `juju-crashdump`, and it is not installed",
    ] {
        assert!(run.stderr.contains(text), "{text}: {}", run.stderr);
    }
}

#[test]
fn the_mode_decides() {
    let cases: [(&[&str], bool); 6] = [
        (&[], true),
        (&["--keep-models"], false),
        (&["--keep-models", "--crash-dump", "on-failure"], true),
        (&["--crash-dump", "never"], false),
        (&["--no-crash-dump"], false),
        (&["--crash-dump", "legacy"], true),
    ];
    for (arguments, made) in cases {
        let world = World::new();
        let run = run(&world, false, arguments);
        assert_eq!(!world.read("collected").is_empty(), made, "{arguments:?}");
        assert_eq!(run.stderr.contains("crash dump of"), made, "{arguments:?}");
    }
}

#[test]
fn a_dump_that_cannot_be_made_is_named_and_costs_nothing_else() {
    let world = World::new();
    world.write("fails", "");
    let run = run(&world, true, &[]);
    for text in [
        "`juju-crashdump` ended with code 1: cannot reach machines",
        "the disk is full",
    ] {
        assert!(run.stderr.contains(text), "{text}: {}", run.stderr);
    }
    assert!(run.stdout.contains("not ready"), "{}", run.stdout);
    assert_eq!(world.read("model"), "", "the model is destroyed");
}

#[test]
fn a_dump_that_hangs_is_given_up() {
    let world = World::new();
    world.write("hangs", "");
    let run = run(&world, true, &["--teardown-timeout", "3s"]);
    assert!(run.stderr.contains("3s"), "{}", run.stderr);
    assert!(
        run.stderr.contains("warning: crash dump of model c:"),
        "{}",
        run.stderr
    );
    assert_ne!(world.read("collected"), "", "our own is made instead");
}
