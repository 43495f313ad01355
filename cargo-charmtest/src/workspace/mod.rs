//! The user's workspace: which test targets hold charm tests, building them, asking them what they hold.

mod build;
mod targets;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use charmtest::harness::{DESCRIBE_VERSION, Description, Known, RunFlags, UnknownWords};
use charmtest_controller::JujuVersion;

use crate::cli::{CargoArgs, SelectArgs, TestsArgs};
use crate::error::{Error, Kind, Result};
use crate::run::process;
use crate::suite::SUITE_COMMAND;

/// How long a test binary may take to describe itself.
const DESCRIBE_LIMIT: Duration = Duration::from_secs(60);

/// A test binary as cargo would run it.
#[derive(Debug, Clone)]
pub(crate) struct Executable {
    /// The package.
    pub(crate) package: String,
    /// The test target.
    pub(crate) target: String,
    /// The Juju that the embedded controller is to speak as for its tests, as the manifest says.
    pub(crate) juju_version: Option<JujuVersion>,
    /// What it is made of.
    pub(crate) origin: Origin,
    path: PathBuf,
    /// The arguments before those that say what to run.
    args: Vec<&'static str>,
    dir: PathBuf,
    env: Vec<(&'static str, OsString)>,
}

/// What a test binary is made of.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// A test target of a package.
    Target,
    /// A suite that was made at run time.
    Suite {
        /// The command that runs again what failed.
        again: String,
    },
}

#[cfg(test)]
impl Executable {
    /// Returns a binary that is not there.
    pub(crate) fn stand_in(target: &str) -> Self {
        Self {
            package: "p".to_owned(),
            target: target.to_owned(),
            juju_version: None,
            origin: Origin::Target,
            path: PathBuf::new(),
            args: Vec::new(),
            dir: PathBuf::new(),
            env: Vec::new(),
        }
    }
}

/// A test binary with the charm tests that were selected in it.
#[derive(Debug, Clone)]
pub(crate) struct TestBinary {
    /// The binary.
    pub(crate) executable: Executable,
    /// What it holds.
    pub(crate) description: Description,
}

/// The test binaries of a run.
#[derive(Debug, Clone)]
pub(crate) struct TestBinaries {
    /// Each with its tests.
    pub(crate) binaries: Vec<TestBinary>,
    /// Whether they are all of the workspace.
    pub(crate) known: Known,
}

impl Executable {
    /// Makes the binary of a suite: this program, told by `env` which suite. `package` and `target` stand for those of a test
    /// target; the suite runs in the directory `dir`, and the command `again` runs again what failed.
    ///
    /// # Errors
    ///
    /// Fails when it is not known where this program is.
    pub(crate) fn of_suite(
        (package, target): (&str, &str),
        dir: &Path,
        env: Vec<(&'static str, OsString)>,
        again: String,
    ) -> Result<Self> {
        Ok(Self {
            package: package.to_owned(),
            target: target.to_owned(),
            juju_version: None,
            origin: Origin::Suite { again },
            path: std::env::current_exe().map_err(Error::infrastructure)?,
            args: vec!["charmtest", SUITE_COMMAND],
            dir: dir.to_owned(),
            env,
        })
    }

    /// Returns the name of the binary in reports, `package::target`.
    pub(crate) fn id(&self) -> String {
        format!("{}::{}", self.package, self.target)
    }

    /// Returns the directory of its package.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes a command that runs it: in the directory of its package, with the variables that `cargo test` sets.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(&self.args)
            .current_dir(&self.dir)
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Returns the root of the workspace.
///
/// # Errors
///
/// Fails when there is none, or when cargo cannot read it.
pub(crate) fn root(cargo: &CargoArgs) -> Result<PathBuf> {
    Ok(targets::metadata(cargo)?.workspace_root.into_std_path_buf())
}

/// Checks that the packages and targets that are selected are there and may hold charm tests, without building anything.
///
/// # Errors
///
/// Fails when there is no workspace, when a package or target is not in it, and when none may hold charm tests.
pub(crate) fn check_selection(cargo: &CargoArgs) -> Result<()> {
    let metadata = targets::metadata(cargo)?;
    targets::candidates(&metadata, cargo).map(drop)
}

/// Builds the charm test targets that `args` selects and asks each for the tests that are selected in it.
///
/// # Errors
///
/// Fails when there is no workspace, when it has no charm tests, when the build fails, and when a binary does not answer.
pub(crate) fn test_binaries(args: &TestsArgs) -> Result<TestBinaries> {
    let metadata = targets::metadata(&args.cargo)?;
    let candidates = targets::candidates(&metadata, &args.cargo)?;
    let all = targets::candidates(&metadata, &args.cargo.of_all());
    let known = match all.is_ok_and(|all| all == candidates) {
        true => Known::All,
        false => Known::Some,
    };
    let built = build::build(&metadata, &args.cargo, &args.output, &candidates)?;
    let mut binaries = Vec::new();
    for built in built {
        let juju_version = targets::juju_version(&metadata, built.package)?;
        let stores = targets::charm_stores(&metadata, built.package)?;
        let mut executable = Executable {
            juju_version,
            ..Executable::from(built)
        };
        // What the user says at the moment wins over manifests.
        let unset = |name: &str| std::env::var_os(name).is_none_or(|value| value.is_empty());
        executable.env.extend(
            stores
                .into_iter()
                .filter(|(name, _)| unset(name))
                .map(|(name, value)| (name, value.into())),
        );
        binaries.extend(describe(executable, &args.select, &args.flags)?);
    }
    Ok(TestBinaries { binaries, known })
}

/// Returns the warnings about words of `-k` and `-m` that mean no test of any of the binaries.
pub(crate) fn unknown_words(
    flags: &RunFlags,
    TestBinaries { binaries, known }: &TestBinaries,
) -> Vec<String> {
    let unknown = binaries
        .iter()
        .map(|binary| &binary.description.unknown_words);
    let unknown = unknown
        .cloned()
        .reduce(|ours, theirs: UnknownWords| ours.in_both(&theirs));
    flags.warn_of(&unknown.unwrap_or_default(), *known)
}

impl From<build::Built<'_>> for Executable {
    fn from(built: build::Built<'_>) -> Self {
        let package = built.package;
        let dir = package.manifest_path.parent().unwrap_or("".into());
        Self {
            package: package.name.to_string(),
            target: built.target,
            juju_version: None,
            origin: Origin::Target,
            path: built.executable,
            args: Vec::new(),
            dir: dir.into(),
            // Without these a test would see the variables of a cargo further out: `cargo charmtest` may itself be run by `cargo run`.
            env: vec![
                ("CARGO_MANIFEST_DIR", dir.as_str().into()),
                ("CARGO_MANIFEST_PATH", package.manifest_path.as_str().into()),
                ("CARGO_PKG_NAME", package.name.as_str().into()),
                ("CARGO_PKG_VERSION", package.version.to_string().into()),
            ],
        }
    }
}

/// Returns the arguments by which a test binary selects the same tests.
pub(crate) fn selection(select: &SelectArgs) -> Vec<String> {
    let mut args = Vec::new();
    let switches = [
        (select.exact, "--exact"),
        (select.ignored, "--ignored"),
        (select.include_ignored, "--include-ignored"),
    ];
    args.extend(
        switches
            .into_iter()
            .filter(|(on, _)| *on)
            .map(|(_, flag)| flag.to_owned()),
    );
    for skip in &select.skip {
        args.extend(["--skip".to_owned(), skip.clone()]);
    }
    if !select.filters.is_empty() {
        args.push("--".to_owned());
        args.extend(select.filters.iter().cloned());
    }
    args
}

/// Asks a binary which of its tests are selected; `None` when it holds no charm tests.
///
/// # Errors
///
/// Fails when it does not answer, or refuses what is asked.
pub(crate) fn describe(
    executable: Executable,
    select: &SelectArgs,
    flags: &RunFlags,
) -> Result<Option<TestBinary>> {
    let mut command = executable.command();
    command
        .args(["--list", "--format", "terse"])
        .args(selection(select))
        .env("CHARMTEST_DESCRIBE", "json");
    flags.apply_env(&mut command);
    let fail = |why: &dyn std::fmt::Display| {
        Error::infrastructure(format!(
            "cannot list the tests of {}: {why}",
            executable.id()
        ))
    };
    let output = process::output(command, DESCRIBE_LIMIT).map_err(|error| fail(&error))?;
    let complaint = output.stderr.trim().trim_start_matches("error: ");
    if output.status.code() == Some(charmtest::exit::USAGE.into()) {
        return Err(Error::new(Kind::Usage, complaint));
    }
    if !output.status.success() {
        let how = process::describe(output.status);
        return Err(fail(&format!("{how}: {complaint}").trim_end_matches(": ")));
    }
    let description = understand(&output.stdout).map_err(|why| fail(&why))?;
    Ok(description.map(|description| TestBinary {
        executable,
        description,
    }))
}

/// Reads what a binary says of itself.
///
/// # Errors
///
/// Returns why it cannot be run: it was built with a library that this program does not understand.
fn understand(text: &str) -> Result<Option<Description>, String> {
    let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
    // A target with a harness of another kind is not ours to run.
    let Some(version) = json.as_ref().and_then(|json| json.get("charmtest")) else {
        return Ok(None);
    };
    if *version != DESCRIBE_VERSION {
        return Err(format!(
            "its charmtest-core describes tests in form {version}, cargo-charmtest {} understands form {DESCRIBE_VERSION}; install the cargo-charmtest of the same version as charmtest-core",
            env!("CARGO_PKG_VERSION")
        ));
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_describes_itself_is_run() {
        assert_eq!(understand("running 0 tests\n"), Ok(None));
        assert_eq!(understand("{\"tests\": []}"), Ok(None));
        let own = "{\"charmtest\":1,\"package\":\"p\",\"target\":\"t\",\"modules\":[]}";
        assert_eq!(understand(own).unwrap().unwrap().package, "p");
        let later = understand("{\"charmtest\": 99, \"new\": true}").unwrap_err();
        assert!(later.contains("form 99"), "{later}");
        assert!(understand("{\"charmtest\": 1}").is_err());
    }

    #[test]
    fn the_selection_reaches_the_binaries() {
        let select = SelectArgs {
            filters: vec!["a".into(), "-b".into()],
            exact: true,
            skip: vec!["c".into()],
            ..SelectArgs::default()
        };
        assert_eq!(selection(&select).join(" "), "--exact --skip c -- a -b");
        assert!(selection(&SelectArgs::default()).is_empty());
    }
}
