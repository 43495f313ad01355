//! The test binary under test.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// What the binary left behind.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the binary with a line of arguments.
pub(crate) fn run(line: &str) -> Run {
    run_with(line.split_whitespace(), &[])
}

/// Runs the binary with arguments and variables.
pub(crate) fn run_with<I>(arguments: I, variables: &[(&str, &str)]) -> Run
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    finish(command().args(arguments).envs(variables.iter().copied()))
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Run {
    let output = command.output().unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Returns a command that runs the binary as cargo would, untouched by the variables of this process.
pub(crate) fn command() -> Command {
    command_of("harness-fixture")
}

/// Returns a command that runs another binary under test.
pub(crate) fn command_of(name: &str) -> Command {
    let mut command = Command::new(BINARIES.join(name));
    let ours = |name: &str| {
        ["CHARMTEST_", "NEXTEST", "RUST_", "CLICOLOR", "NO_COLOR"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(ours) {
            command.env_remove(name);
        }
    }
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("CHARMTEST_RECORD_DIR", env!("CARGO_TARGET_TMPDIR"))
        .env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null());
    command
}

/// The directory of the binaries. Cargo builds examples for `cargo test`, but not for `cargo test --test harness`; so it is asked for, once.
static BINARIES: LazyLock<PathBuf> = LazyLock::new(|| {
    let executable = std::env::current_exe().unwrap();
    let profile = executable.parent().and_then(Path::parent).unwrap();
    let mut build = Command::new(env!("CARGO"));
    build.args([
        "build",
        "--quiet",
        "--package",
        "charmtest-core",
        "--example",
        "harness-fixture",
        "--example",
        "harness-models-fixture",
    ]);
    if profile.ends_with("release") {
        build.arg("--release");
    }
    let built = build
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(built.success(), "the fixtures do not build");
    profile.join("examples")
});

/// Shows a run for a snapshot, without what differs from run to run.
pub(crate) fn shown(run: &Run) -> String {
    format!(
        "exit: {}\n--- stdout ---\n{}\n--- stderr ---\n{}",
        run.code.map_or("none".to_owned(), |code| code.to_string()),
        run.stdout,
        run.stderr
    )
}

/// Asserts that a run looks like its snapshot.
macro_rules! assert_run {
    ($run:expr) => {{
        let mut settings = insta::Settings::clone_current();
        settings.add_filter(r"finished in \d+\.\d+s", "finished in [TIME]");
        settings.add_filter(r"\(\d+ ms\)", "([TIME])");
        // Whoever adds a test to the fixture changes no other test's report.
        settings.add_filter(r"\d+ filtered out", "[COUNT] filtered out");
        settings.add_filter(r"fixture/main\.rs:\d+:\d+", "fixture/main.rs:[PLACE]");
        settings.set_prepend_module_to_snapshot(false);
        settings.bind(|| insta::assert_snapshot!(crate::binary::shown(&$run)));
    }};
}
pub(crate) use assert_run;
