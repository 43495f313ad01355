//! The scripts of a charm as tests of a suite.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use charmtest::generic::Generic;
use charmtest::harness::{Context, RunFlags, SuiteTest};
use charmtest::juju::BackendKind;
use charmtest::{Failure, skip};
use charmtest_sandbox::{Policy, Request, Sandbox};
use charmtest_scripts::broker::transcript::{self, Record};
use charmtest_scripts::broker::{Charms, Models, Program};
use charmtest_scripts::environment::Facts;
use charmtest_scripts::run::Shell;
use charmtest_scripts::{ScriptResult, ScriptRun, Settings, Verdict};

use super::file::{SuiteCharm, SuiteScripts, SuiteShell};
use super::shelf::Shelf;
use crate::sandbox;

/// How much longer the harness waits than the script may take: for its end, and for what is kept of it.
const ROOM: Duration = Duration::from_secs(120);

/// The longest that a script may take when there is no limit.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 86400);

/// How long a script that is not wanted any more has to end.
const ENDING: Duration = Duration::from_secs(10);

/// Returns how long one script may take by `--test-timeout`, in whole seconds; 0 for no limit.
pub(crate) fn script_limit(flags: &RunFlags) -> u64 {
    let limit = flags.test_timeout.duration();
    limit.map_or(0, |limit| limit.as_secs().max(1))
}

/// Returns the name of a script's test: that of its file, with its directory if a generic test has that name (`tests: "*"` may find a
/// script called `deploy`).
pub(crate) fn script_name(file: &str) -> String {
    match Generic::ALL.iter().any(|generic| generic.id() == file) {
        true => format!("tests/{file}"),
        false => file.to_owned(),
    }
}

/// Returns the tests that are a charm's scripts, in their order.
pub(super) fn script_tests(charm: &SuiteCharm) -> Vec<SuiteTest> {
    let Some(scripts) = &charm.scripts else {
        return Vec::new();
    };
    let shared = Arc::new(scripts.clone());
    let test = |name: &String| {
        let (shared, name) = (Arc::clone(&shared), name.clone());
        let place = charm.place(Some(&name));
        let test = SuiteTest::new(&charm.module, script_name(&name), place, move |cx| {
            let (scripts, name) = (Arc::clone(&shared), name.clone());
            Box::pin(async move { run(scripts, name, cx).await })
        })
        .tag("script");
        match (scripts.limit_s, scripts.shell) {
            // Who looks around in a shell is not hurried.
            (0, _) | (_, SuiteShell::AfterFailure | SuiteShell::Instead) => test.timeout(FOREVER),
            (limit, SuiteShell::Never) => test.timeout(Duration::from_secs(limit) + ROOM),
        }
    };
    scripts.names.iter().map(test).collect()
}

/// Runs a script in the model of the running test.
async fn run(scripts: Arc<SuiteScripts>, name: String, cx: &Context) -> charmtest::Result {
    if let Some(why) = &scripts.unpacked {
        return Err(Failure::failed(why.clone()));
    }
    if let Some(why) = &scripts.requirements.unmet {
        return Err(Failure::unmet(why.clone()));
    }
    let requirements = &scripts.requirements;
    for note in requirements
        .notes
        .iter()
        .cloned()
        .chain(requirements.told())
    {
        cx.note(note);
    }
    let ops = cx.ops_test().await?;
    let model = ops.model();
    let settings = Settings::read(&scripts.directory)?.of_script(&scripts.directory, &name)?;
    let embedded = model.backend_kind() == BackendKind::Embedded;
    let short = charmtest::juju::ModelName::parse(model.full_name())?;
    let mut models = Models::new(
        model.controller(),
        short.short(),
        short.owner().unwrap_or_default(),
    );
    models.uuid = Some(model.uuid().to_owned());
    let juju = model.juju();
    let environment = juju.environment();
    let has_stores = embedded
        && ["CHARMTEST_CHARM_STORE", "CHARMTEST_CHARMHUB"]
            .iter()
            .any(|name| environment.contains_key(&OsString::from(name)));
    let shelf = scripts.shelf.as_deref().map(|file| {
        let shelf = Shelf::read(file, cx.test_name())?;
        Ok::<_, String>(Arc::new(shelf) as Arc<dyn charmtest_scripts::broker::Shelf>)
    });
    let job = Job {
        facts: Facts {
            charm: scripts.charm.clone(),
            model: model.full_name().to_owned(),
            controller: model.controller().to_owned(),
            backend: if embedded { "embedded" } else { "juju" }.to_owned(),
            juju_version: juju.version().to_string(),
            ..Facts::default()
        },
        program: Program {
            path: juju.program().to_owned(),
            env: environment.into_iter().collect(),
        },
        models,
        charms: Charms {
            shelf: shelf.transpose().map_err(Failure::infrastructure)?,
            ..charms(&scripts, &settings, embedded, has_stores)
        },
        record: cx.record_dir(),
        settings,
        name,
        scripts,
    };
    let record = job.record.clone();
    let (send, receive) = mpsc::channel::<()>();
    let cancelled = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&cancelled);
    let running = tokio::task::spawn_blocking(move || {
        let _send = send;
        job.run(&|| flag.load(Ordering::SeqCst))
    });
    let wait = EndsWithTest {
        cancelled,
        ended: receive,
    };
    let result = running.await;
    drop(wait);
    let (result, sandbox) = result
        .map_err(|error| {
            Failure::infrastructure(format!("running the script broke down: {error}"))
        })?
        .map_err(Failure::infrastructure)?;
    cx.note(sandbox);
    if matches!(result.verdict, Verdict::Pass | Verdict::Skip) {
        for warning in &result.warnings {
            cx.note(warning.clone());
        }
    }
    if !ops.keep_model() && has_disabled(&result) {
        // Nothing could destroy the models otherwise, this test's own among them.
        let left = result.models.iter();
        let left = left.map(|left| format!("{}:{left}", model.controller()));
        for name in left.chain([model.full_name().to_owned()]) {
            for set in ["all", "remove-object", "destroy-model"] {
                // What is not disabled cannot be enabled.
                let enable = ["enable-command", set, "-m", name.as_str()];
                let _ = model.juju().call(enable).check().await;
            }
        }
    }
    for left in result.models.iter().filter(|_| !ops.keep_model()) {
        // A model that a script made and left is the run's to take away, as its own model is.
        let name = format!("{}:{left}", model.controller());
        let words = [
            "destroy-model",
            "--no-prompt",
            "--destroy-storage",
            name.as_str(),
        ];
        if let Err(error) = model.juju().call(words).check().await {
            cx.note(format!(
                "model {left}, which the script made, was not destroyed: {error}"
            ));
        }
    }
    outcome(&result, &record)
}

/// Says whether a script may have disabled commands of its models.
fn has_disabled(result: &ScriptResult) -> bool {
    let disables = |record: &Record| record.argv.iter().any(|word| word == "disable-command");
    // Of a script whose commands are not known, it may.
    transcript::read(&result.transcript).map_or(true, |records| records.iter().any(disables))
}

fn charms(scripts: &SuiteScripts, settings: &Settings, embedded: bool, has_stores: bool) -> Charms {
    let from_directory = |(name, to): (&String, &String)| {
        let to = match to.starts_with(['.', '/']) {
            true => scripts.directory.join(to).display().to_string(),
            false => to.clone(),
        };
        (name.clone(), to)
    };
    let mut chosen: BTreeMap<String, String> =
        settings.resolve.iter().map(from_directory).collect();
    chosen.extend(scripts.chosen.clone());
    Charms {
        under_test: Some((scripts.charm.clone(), scripts.artifact.clone())),
        collection: scripts.collection.clone(),
        unpackable: scripts.unpackable.clone(),
        chosen,
        has_stores,
        allow_store: settings.allow_store && !embedded,
        previous: scripts.previous.clone(),
        shelf: None,
    }
}

/// Turns what became of a script into the end of the test.
fn outcome(result: &ScriptResult, record: &Path) -> charmtest::Result {
    let reason = result.reason.as_deref().unwrap_or_default();
    let reason = reason.replace(|c: char| c.is_control() && c != '\n', " ");
    let mut text = reason.clone();
    if let Some(artifacts) = &result.artifacts {
        text.push_str(&format!("\n  artifacts: {}", artifacts.display()));
    }
    for warning in &result.warnings {
        text.push_str(&format!("\n  {warning}"));
    }
    text.push_str(&format!(
        "\n  output and juju commands: {}",
        record.display()
    ));
    match result.verdict {
        Verdict::Pass => Ok(()),
        Verdict::Skip => Err(skip(reason))?,
        Verdict::Fail => Err(Failure::failed(text)),
        Verdict::Timeout => Err(Failure::timed_out(text)),
        Verdict::Infra => Err(Failure::infrastructure(text)),
    }
}

/// Makes text of what a script prints, piece by piece: no event of the run, which begins with a control character, and nothing that a
/// terminal acts on. `before` is the byte before the piece.
fn shown(bytes: &[u8], before: &AtomicU8) -> Vec<u8> {
    let plain = |byte: &u8| {
        let before = before.swap(*byte, Ordering::SeqCst);
        match byte {
            b'\n' | b'\t' => *byte,
            b'\r' => b' ',
            0..0x20 | 0x7f => b'?',
            // The other control characters, in UTF-8: a space that does not break has the same first byte.
            0x80..0xa0 if before == 0xc2 => 0xa0,
            _ => *byte,
        }
    };
    bytes.iter().map(plain).collect()
}

/// Ends the script with the test, whatever ended that.
struct EndsWithTest {
    cancelled: Arc<AtomicBool>,
    ended: mpsc::Receiver<()>,
}

impl Drop for EndsWithTest {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::SeqCst);
        // Nothing is sent: the other end goes when the thread is done.
        let _ = self.ended.recv_timeout(ENDING);
    }
}

/// Everything that one script needs, on its way to its thread.
struct Job {
    scripts: Arc<SuiteScripts>,
    name: String,
    settings: Settings,
    facts: Facts,
    program: Program,
    models: Models,
    charms: Charms,
    record: std::path::PathBuf,
}

impl Job {
    /// Runs the script; returns what became of it, and what sandbox it was in.
    fn run(self, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<(ScriptResult, String), String> {
        let request: Request = self
            .scripts
            .sandbox
            .parse()
            .map_err(|error| format!("{error}"))?;
        let sandbox =
            Sandbox::enter(request, sandbox::network()).map_err(|error| error.to_string())?;
        let client = std::env::current_exe().map_err(|error| error.to_string())?;
        let enter = |words: &[OsString],
                     variables: &BTreeMap<OsString, OsString>,
                     base: &Path|
         -> io::Result<Command> {
            let mut policy = Policy::system()
                .writable(base)
                .executable(&client)
                .environment(variables.clone());
            if let Some(overlay) = &self.scripts.requirements.overlay {
                policy = policy.executable(overlay);
            }
            let (program, args) = words
                .split_first()
                .ok_or_else(|| io::Error::other("no program to run"))?;
            sandbox
                .command(&policy, program, args)
                .map_err(io::Error::other)
        };
        let level = sandbox.achieved().level;
        let before = AtomicU8::new(0);
        let result = charmtest_scripts::run(&ScriptRun {
            charm: &self.scripts.directory,
            script: &self.name,
            settings: &self.settings,
            facts: Facts {
                sandbox: level.name().to_owned(),
                ..self.facts
            },
            limit: match self.scripts.limit_s {
                0 => FOREVER,
                limit => Duration::from_secs(limit),
            },
            program: self.program,
            models: self.models,
            charms: self.charms,
            client: &client,
            hide_build_tools: self.scripts.hide_build_tools,
            packages: &self.scripts.requirements.packages(),
            record: &self.record,
            enter: Some(&enter),
            shell: match self.scripts.shell {
                SuiteShell::Never => Shell::Never,
                SuiteShell::AfterFailure => Shell::AfterFailure,
                SuiteShell::Instead => Shell::Instead,
            },
            cancelled,
            output: &|bytes| {
                let mut stdout = io::stdout().lock();
                let shown = shown(bytes, &before);
                // What cannot be shown is in the record.
                let _ = stdout.write_all(&shown).and_then(|()| stdout.flush());
            },
        });
        let result = result.map_err(|error| error.to_string())?;
        Ok((result, sandbox.achieved().to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_prints_is_shown_as_text() {
        let text = "a\tb\r\n\u{1}charmtest {}\u{1b}[2J\u{9b}2Jé\u{7f}".as_bytes();
        let whole = "a\tb \n?charmtest {}?[2J\u{a0}2Jé?".as_bytes();
        for size in 1..=text.len() {
            let before = AtomicU8::new(0);
            let pieces = text.chunks(size).map(|piece| shown(piece, &before));
            assert_eq!(pieces.collect::<Vec<_>>().concat(), whole, "{size}");
        }
    }
}
