//! Crash dumps: all that can be known about a model, in one archive, made before the model ends.
//!
//! `juju-crashdump` makes them where it is installed; it reaches the machines by SSH. Otherwise `cargo charmtest crash-dump`
//! makes one in the same form of what Juju tells. The embedded controller has no machines to reach, so there it is always
//! that one.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::harness::{CrashDumpMode, CrashDumpSettings, format_duration};
use crate::juju::{
    BackendKind, Call, JujuError, Output, find_cargo_charmtest, find_on_path, parse_json,
};
use crate::ops_test::Model;

/// The program that Juju's users know for it.
const JUJU_CRASHDUMP: &str = "juju-crashdump";

/// How much longer than its limit `cargo charmtest crash-dump` may take, which knows the limit.
const GRACE: Duration = Duration::from_secs(10);

/// How crash dumps are made.
#[derive(Clone, Debug)]
pub(crate) struct CrashDumps {
    /// When, and what the user asked for.
    pub(crate) settings: CrashDumpSettings,
    /// `cargo-charmtest`, if it was named.
    pub(crate) program: Option<PathBuf>,
    /// The record of the run: our own dumps go there unless a directory was named.
    pub(crate) record_dir: PathBuf,
    /// How long one dump may take.
    pub(crate) limit: Duration,
}

/// What came of a crash dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CrashDump {
    /// The archive, if there is one and it is known where.
    pub(crate) path: Option<PathBuf>,
    /// What went wrong.
    pub(crate) problems: Vec<String>,
}

/// Whether something went wrong in the module of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcomes {
    Good,
    Bad,
}

/// What becomes of a model after its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Afterwards {
    Kept,
    Gone,
}

/// Decides whether a crash dump of a model is made, as pytest-operator does, but by the failures of the model's own module: those
/// of other modules say nothing about it.
pub(crate) fn is_wanted(mode: CrashDumpMode, outcomes: Outcomes, afterwards: Afterwards) -> bool {
    match mode {
        CrashDumpMode::Always => true,
        CrashDumpMode::OnFailure => outcomes == Outcomes::Bad,
        CrashDumpMode::Legacy => outcomes == Outcomes::Bad && afterwards == Afterwards::Gone,
        CrashDumpMode::Never => false,
    }
}

impl CrashDumps {
    /// Makes a crash dump of a model; never fails, and takes little longer than its limit.
    pub(crate) async fn make(&self, model: &Model) -> CrashDump {
        let mut problems = Vec::new();
        let real = model.backend_kind() == BackendKind::Juju;
        if let Some(tool) = find_on_path(JUJU_CRASHDUMP).filter(|_| real) {
            match self.with_juju_crashdump(&tool, model).await {
                Ok(made) => return made,
                Err(problem) => problems.push(problem),
            }
        } else if !self.settings.args.is_empty() {
            let why = match real {
                true => "it is not installed",
                false => "it reaches no machines of the embedded controller",
            };
            problems.push(format!(
                "--crash-dump-args has no effect: the arguments are for `{JUJU_CRASHDUMP}`, and {why}"
            ));
        }
        let path = match find_cargo_charmtest(self.program.as_deref()) {
            Some(program) => self.with_charmtest(&program, model).await,
            None => Err(format!(
                "neither `{JUJU_CRASHDUMP}` nor `cargo-charmtest` is installed"
            )),
        };
        CrashDump {
            path: path.map_err(|problem| problems.push(problem)).ok(),
            problems,
        }
    }

    /// Runs `juju-crashdump`. It does not say which file it made, and ends well without one: the file that is new is it.
    async fn with_juju_crashdump(&self, tool: &Path, model: &Model) -> Result<CrashDump, String> {
        let directory = match &self.settings.output {
            // Where there is no such directory, the tool makes a file of that name.
            Some(output) => {
                fs::create_dir_all(output)
                    .map_err(|error| format!("cannot make {}: {error}", output.display()))?;
                output.clone()
            }
            None => PathBuf::from("."),
        };
        let before = archives(&directory);
        let arguments = arguments(
            model.full_name(),
            self.settings.output.as_deref(),
            &self.settings.args,
        );
        let call = self.call(tool, model).args(arguments).timeout(self.limit);
        let output = call.await.map_err(|error| text(&error))?;
        let new = archives(&directory)
            .into_iter()
            .find(|path| !before.contains(path));
        match new {
            Some(path) => Ok(CrashDump {
                path: Some(std::path::absolute(&path).unwrap_or(path)),
                problems: trouble(&output).into_iter().collect(),
            }),
            None => Err(trouble(&output).unwrap_or_else(|| {
                let directory = std::path::absolute(&directory).unwrap_or(directory);
                format!(
                    "`{JUJU_CRASHDUMP}` left no new archive in {}",
                    directory.display()
                )
            })),
        }
    }

    async fn with_charmtest(&self, program: &Path, model: &Model) -> Result<PathBuf, String> {
        let juju = model.juju();
        let output = self.settings.output.clone();
        let output = output.unwrap_or_else(|| self.record_dir.join("crash-dumps"));
        // Through the standard input, which nobody else can read.
        let secrets = juju.transcript().masker();
        let secrets = serde_json::to_vec(&secrets.values()).map_err(|error| error.to_string())?;
        let call = self
            .call(program, model)
            .args(["charmtest", "crash-dump", "--format", "json"])
            .args(["--model", model.full_name(), "--output"])
            .arg(output)
            .args(["--timeout", &format_duration(self.limit)])
            .args(["--backend", &juju.kind().to_string(), "--juju"])
            .arg(juju.program())
            .arg("--record")
            .arg(&self.record_dir)
            .arg("--secrets-from-stdin")
            .stdin(secrets)
            .timeout(self.limit + GRACE)
            .check();
        let command = call.command_line();
        let output = call.await.map_err(|error| text(&error))?;
        let made: Value = parse_json(&output.stdout, &command, "the path of the crash dump")
            .map_err(|error| text(&error))?;
        let path = made["path"].as_str();
        path.map(PathBuf::from)
            .ok_or_else(|| format!("{command} did not say where it is"))
    }

    /// Makes a command with the variables by which the model's `juju` is reached.
    fn call(&self, program: &Path, model: &Model) -> Call {
        let juju = model.juju();
        let call = Call::new(program, juju.transcript().clone(), juju.observer().clone());
        let directory = juju.program().parent();
        let beside = directory.filter(|directory| directory.is_absolute());
        let path = std::env::var_os("PATH").unwrap_or_default();
        let call = match beside {
            // `juju-crashdump` calls whatever `juju` comes first.
            Some(directory) => {
                let directories = std::iter::once(directory.to_owned());
                let directories = directories.chain(std::env::split_paths(&path));
                match std::env::join_paths(directories) {
                    Ok(path) => call.env("PATH", path),
                    Err(_) => call,
                }
            }
            None => call,
        };
        call.envs(juju.env())
    }
}

/// Returns the arguments of `juju-crashdump`, as pytest-operator gives them: small, with two addons, then the user's.
fn arguments(model: &str, output: Option<&Path>, more: &[String]) -> Vec<OsString> {
    let fixed = ["-s", &format!("-m={model}"), "-a=debug-layer", "-a=config"].map(OsString::from);
    let output = output.map(|output| {
        let mut argument = OsString::from("-o=");
        argument.push(output);
        argument
    });
    let more = more.iter().map(OsString::from);
    fixed.into_iter().chain(output).chain(more).collect()
}

/// Returns the archives of crash dumps in a directory.
fn archives(directory: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let named = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("juju-crashdump-") && name.contains(".tar")
    });
    named.map(|entry| entry.path()).collect()
}

/// Says how `juju-crashdump` failed.
fn trouble(output: &Output) -> Option<String> {
    let last = output.stderr.lines().rfind(|line| !line.trim().is_empty());
    let last = last.map(|line| format!(": {line}")).unwrap_or_default();
    (!output.success()).then(|| format!("`{JUJU_CRASHDUMP}` ended with code {}{last}", output.code))
}

/// Returns what an error and its causes say.
fn text(error: &JujuError) -> String {
    let error: &dyn std::error::Error = error;
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::CrashDumpFlags;

    /// Every row of pytest-operator's matrix: mode, `--no-crash-dump`, failures, kept, made.
    #[test]
    fn the_mode_the_failures_and_the_keeping_decide() {
        use Afterwards::{Gone, Kept};
        use CrashDumpMode::{Always, Legacy, Never, OnFailure};
        use Outcomes::{Bad, Good};
        let rows = [
            (Some(Always), false, Good, Gone, true),
            (Some(Always), false, Good, Kept, true),
            (Some(Always), false, Bad, Gone, true),
            (Some(Always), false, Bad, Kept, true),
            (Some(OnFailure), false, Good, Gone, false),
            (Some(OnFailure), false, Good, Kept, false),
            (Some(OnFailure), false, Bad, Gone, true),
            (Some(OnFailure), false, Bad, Kept, true),
            (Some(Legacy), false, Good, Gone, false),
            (Some(Legacy), false, Good, Kept, false),
            (Some(Legacy), false, Bad, Gone, true),
            (Some(Legacy), false, Bad, Kept, false),
            (Some(Never), false, Good, Gone, false),
            (Some(Never), false, Good, Kept, false),
            (Some(Never), false, Bad, Gone, false),
            (Some(Never), false, Bad, Kept, false),
            (Some(Always), true, Bad, Gone, false),
            (Some(OnFailure), true, Bad, Gone, false),
            (Some(Legacy), true, Bad, Gone, false),
            (Some(Never), true, Bad, Gone, false),
            // Without an option: legacy.
            (None, false, Good, Gone, false),
            (None, false, Bad, Gone, true),
            (None, false, Bad, Kept, false),
        ];
        for (crash_dump, no_crash_dump, outcomes, afterwards, made) in rows {
            let flags = CrashDumpFlags {
                crash_dump,
                no_crash_dump,
                ..CrashDumpFlags::default()
            };
            assert_eq!(
                is_wanted(flags.mode(), outcomes, afterwards),
                made,
                "{crash_dump:?} {no_crash_dump} {outcomes:?} {afterwards:?}"
            );
        }
    }

    #[test]
    fn juju_crashdump_gets_the_arguments_of_pytest_operator() {
        let line = |output: Option<&str>, more: &[&str]| {
            let more: Vec<String> = more.iter().map(|&word| word.to_owned()).collect();
            arguments("c:m", output.map(Path::new), &more).join(" ".as_ref())
        };
        assert_eq!(line(None, &[]), "-s -m=c:m -a=debug-layer -a=config");
        assert_eq!(
            line(Some("/out"), &["-x", "a b"]),
            "-s -m=c:m -a=debug-layer -a=config -o=/out -x a b"
        );
    }
}
