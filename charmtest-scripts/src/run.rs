//! Runs one script: everything put together.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::artifacts;
use crate::broker::{Broker, BrokerOptions, Charms, Models, Program};
use crate::client::CLIENT_ARGUMENT;
use crate::copy::copy_charm;
use crate::environment::{Facts, Packages, Places, link_tools, testbed, variables};
use crate::interpreter;
use crate::os_release;
use crate::output::Output;
use crate::process::{sweep, wait_group};
use crate::remove::remove_tree;
use crate::settings::{Cwd, Settings};
use crate::terminal::{FOREGROUND_ARGUMENT, Terminal};
use crate::verdict::{End, Verdict, how, reason, verdict};

/// How many lines of a script's output are shown before a shell.
const SHOWN: usize = 20;

/// Prepares a process and becomes the script: umask, soft limits and niceness are the same on each machine, as far as the machine's hard
/// limits and the rights of the user go. `-t` to `-v` are seconds, blocks, KiB, KiB, blocks, files and KiB (ulimit of POSIX and of every `sh`).
const PREPARED: &str = r#"umask 022
limit() { ulimit -S "$1" "$2" || ulimit -S "$1" "$(ulimit -H "$1")"; } 2>/dev/null
limit -t unlimited
limit -f unlimited
limit -d unlimited
limit -v unlimited
limit -s 8192
limit -c 0
limit -n 1024
[ "$(nice)" = 0 ] || renice -n 0 -p $$ >/dev/null 2>&1
exec "$@""#;

/// Turns a command into one in a sandbox: gets the program with its arguments, the variables, and the script's own directory, which holds
/// all of [`Places`].
pub type Enter<'a> =
    &'a (dyn Fn(&[OsString], &BTreeMap<OsString, OsString>, &Path) -> io::Result<Command> + Sync);

/// One script and what it runs with.
pub struct ScriptRun<'a> {
    /// The charm's directory, which is copied.
    pub charm: &'a Path,
    /// The script's name in `tests/`.
    pub script: &'a str,
    /// What `tests/tests.yaml` says.
    pub settings: &'a Settings,
    /// What the script is told; its `script`, `testbed` and `timeout_seconds` are filled in here.
    pub facts: Facts,
    /// The time limit of the script; that of the settings is the shorter one, or does not count.
    pub limit: Duration,
    /// The real or the embedded `juju`.
    pub program: Program,
    /// The test's models.
    pub models: Models,
    /// What charm names stand for.
    pub charms: Charms,
    /// The program that answers as the thin client ([`crate::client::client_main`]) when its first argument is [`CLIENT_ARGUMENT`], and
    /// for a shell calls [`crate::terminal::foreground_main`] when that is [`FOREGROUND_ARGUMENT`].
    pub client: &'a Path,
    /// Whether compilers and their like are hidden.
    pub hide_build_tools: bool,
    /// What was unpacked for the script because it needs it.
    pub packages: &'a Packages,
    /// Where the transcript, the output and the artifacts of a script that failed are kept; made if it is not there.
    pub record: &'a Path,
    /// How the script is put in a sandbox; `None` runs it plainly.
    pub enter: Option<Enter<'a>>,
    /// When a shell is opened on the terminal, in the script's very environment.
    pub shell: Shell,
    /// Says that the script is not wanted any more: it is killed, and so is all that it started.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
    /// Gets each piece of the script's output as it comes.
    pub output: &'a (dyn Fn(&[u8]) + Sync),
}

/// When a shell is opened on the terminal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shell {
    /// Never.
    #[default]
    Never,
    /// After a script that did not pass and was not skipped, before anything is cleaned up.
    AfterFailure,
    /// Instead of the script.
    Instead,
}

/// What became of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptResult {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, if it is no pass.
    pub reason: Option<String>,
    /// How the script ended.
    pub end: End,
    /// How long it took.
    pub took: Duration,
    /// All that it printed.
    pub output: PathBuf,
    /// Every `juju` command that it ran.
    pub transcript: PathBuf,
    /// What it left in `$CHARMTEST_ARTIFACTS`, if it did not pass and left something.
    pub artifacts: Option<PathBuf>,
    /// Models that it made and left.
    pub models: Vec<String>,
    /// What a reader of the result should know.
    pub warnings: Vec<String>,
}

/// Why a script was not run: nothing is said about the charm.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}: {error}")]
pub struct RunError {
    what: String,
    #[source]
    error: io::Error,
}

fn cannot(what: impl Into<String>) -> impl FnOnce(io::Error) -> RunError {
    let what = what.into();
    move |error| RunError { what, error }
}

/// Runs a script to its end, and everything that it started too. Blocks.
///
/// # Errors
///
/// Fails when the script cannot be started; what it does itself is in the result.
pub fn run(script: &ScriptRun<'_>) -> Result<ScriptResult, RunError> {
    let host = testbed(&os_release::read());
    if let Some(wanted) = &script.settings.testbed
        && *wanted != host
    {
        return skipped(script, format!("it wants {wanted}, and this is {host}"));
    }
    let room = Room::make("charmtest-").map_err(cannot("make a directory for the script"))?;
    let base = fs::canonicalize(&room.0).map_err(cannot("find the script's directory"))?;
    let places = places(&base, script)?;
    fs::create_dir_all(script.record)
        .map_err(cannot(format!("make {}", script.record.display())))?;
    let limit = script
        .settings
        .timeout
        .map_or(script.limit, |own| own.min(script.limit));
    let facts = Facts {
        script: format!("tests/{}", script.script),
        testbed: host,
        timeout_seconds: limit.as_secs(),
        ..script.facts.clone()
    };
    let door = base.join("door");
    let transcript = script.record.join("transcript.jsonl");
    let work =
        Room::make("charmtest-broker-").map_err(cannot("make a directory for the broker"))?;
    let broker = Broker::start(BrokerOptions {
        program: script.program.clone(),
        models: script.models.clone(),
        charms: script.charms.clone(),
        compat: script.settings.compat,
        door: door.clone(),
        work: work.0.clone(),
        transcript: transcript.clone(),
    })
    .map_err(cannot("start the broker"))?;
    write_juju(&places.bin, script.client, &door).map_err(cannot("make the script's juju"))?;

    let output = script.record.join("output.log");
    let output = Output::open(output.clone(), script.output)
        .map_err(cannot(format!("write {}", output.display())))?;
    let stage = Stage {
        script,
        variables: variables(&facts, &places),
        cwd: match script.settings.cwd {
            Cwd::Charm => places.charm.clone(),
            Cwd::Tests => places.charm.join("tests"),
        },
        base: &base,
        places: &places,
        output: &output,
    };
    let began = Instant::now();
    let over = AtomicBool::new(false);
    let judged = std::thread::scope(|scope| {
        // What a script leaves running may print for as long as it is there.
        scope.spawn(|| output.follow(&over));
        let judged = stage.judge(limit);
        sweep(&base);
        over.store(true, Ordering::SeqCst);
        judged
    });
    let (result, why, end) = judged?;
    output
        .flush()
        .map_err(cannot(format!("write {}", output.path().display())))?;
    let (models, mut warnings) = broker.stop();
    let kept = artifacts::keep(&places.artifacts, result, &script.record.join("artifacts"));
    warnings.extend(kept.left_out);
    for room in [room, work] {
        warnings.extend(room.end());
    }
    Ok(ScriptResult {
        verdict: result,
        reason: why,
        end,
        took: began.elapsed(),
        output: output.path().to_owned(),
        transcript,
        artifacts: kept.at,
        models,
        warnings,
    })
}

/// A directory that goes with the script, whatever is in it then.
struct Room(PathBuf);

impl Room {
    fn make(prefix: &str) -> io::Result<Self> {
        let room = tempfile::Builder::new().prefix(prefix).tempdir()?;
        Ok(Self(room.keep()))
    }

    /// Removes it; says what is left.
    fn end(self) -> Option<String> {
        let error = remove_tree(&self.0).err()?;
        Some(format!(
            "{}, which was for the script, is left over: {error}",
            self.0.display()
        ))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // Where it can be told, it is gone already.
        let _ = remove_tree(&self.0);
    }
}

fn skipped(script: &ScriptRun<'_>, why: String) -> Result<ScriptResult, RunError> {
    Ok(ScriptResult {
        verdict: Verdict::Skip,
        reason: Some(why),
        end: End::Code(0),
        took: Duration::ZERO,
        output: script.record.join("output.log"),
        transcript: script.record.join("transcript.jsonl"),
        artifacts: None,
        models: Vec::new(),
        warnings: Vec::new(),
    })
}

fn places(base: &Path, script: &ScriptRun<'_>) -> Result<Places, RunError> {
    let named = |name: &str| base.join(name);
    let places = Places {
        bin: named("bin"),
        home: named("home"),
        tmp: named("tmp"),
        artifacts: named("artifacts"),
        charm: named("charm"),
        tools: script.hide_build_tools.then(|| named("tools")),
        packages: script.packages.clone(),
    };
    for directory in [&places.bin, &places.home, &places.tmp, &places.artifacts] {
        fs::create_dir(directory).map_err(cannot("make the script's directories"))?;
    }
    copy_charm(script.charm, &places.charm).map_err(cannot("copy the charm"))?;
    if let Some(tools) = &places.tools {
        link_tools(tools).map_err(cannot("link the tools"))?;
    }
    Ok(places)
}

/// Writes the script's `juju`: our own program as the thin client. Which broker it asks is no variable, so that a script cannot choose.
fn write_juju(bin: &Path, client: &Path, door: &Path) -> io::Result<()> {
    let quote = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', "'\\''"));
    let text = format!(
        "#!/bin/sh\nexec {} {CLIENT_ARGUMENT} {} \"$@\"\n",
        quote(client),
        quote(door)
    );
    let path = bin.join("juju");
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
}

/// Everything that the programs of one script share.
struct Stage<'a> {
    script: &'a ScriptRun<'a>,
    variables: BTreeMap<OsString, OsString>,
    cwd: PathBuf,
    base: &'a Path,
    places: &'a Places,
    output: &'a Output<'a>,
}

/// What became of a script, its set-ups and its tear-downs.
struct Ended<'a> {
    end: End,
    verdict: Verdict,
    /// The set-up or tear-down whose end this is, if it is not the script's own.
    by: Option<&'a str>,
}

impl Stage<'_> {
    /// Runs everything; returns the verdict, why it is no pass, and how it ended.
    fn judge(&self, limit: Duration) -> Result<(Verdict, Option<String>, End), RunError> {
        let script = self.script;
        let ended = self.run_all(limit)?;
        let mut why = match script.shell {
            Shell::Instead if ended.by.is_none() => {
                Some("a shell was opened in its place".to_owned())
            }
            _ => reason(ended.verdict, ended.end, &self.tail()?),
        };
        // 126 and 127 are what the shell says of a program that it could not run.
        if let (Some(_), End::Code(126 | 127)) = (&why, ended.end)
            && let Some(trouble) =
                interpreter::trouble(&self.program_path(ended.by.unwrap_or(script.script)))
        {
            why = Some(format!("{}: {trouble}", how(ended.end)));
        }
        if let Some(program) = ended.by {
            let text = why.unwrap_or_else(|| "failed".to_owned());
            why = Some(format!("tests/{program}: {text}"));
        }
        if script.shell == Shell::AfterFailure
            && artifacts::are_kept(ended.verdict)
            && !(script.cancelled)()
        {
            let why = why.as_deref().unwrap_or_default();
            self.shell(&format!("tests/{} did not pass: {why}", script.script))?;
        }
        Ok((ended.verdict, why, ended.end))
    }

    /// Runs set-ups, the script, and tear-downs.
    fn run_all(&self, limit: Duration) -> Result<Ended<'_>, RunError> {
        let deadline = Instant::now() + limit;
        let left = || deadline.saturating_duration_since(Instant::now());
        let means = |end| verdict(end, &self.script.settings.exit_codes);
        let mut ended = None;
        for setup in &self.script.settings.setup {
            let end = self.program(setup, left())?;
            if end != End::Code(0) {
                ended = Some(Ended {
                    end,
                    verdict: match means(end) {
                        // Nothing is said about the charm by a setup that fails: bundletester counts it as a failure, and so do we.
                        Verdict::Pass => Verdict::Fail,
                        other => other,
                    },
                    by: Some(setup),
                });
                break;
            }
        }
        let mut ended = match ended {
            Some(ended) => ended,
            None if self.script.shell == Shell::Instead => {
                self.shell(&format!("instead of tests/{}", self.script.script))?;
                Ended {
                    end: End::Code(0),
                    verdict: Verdict::Skip,
                    by: None,
                }
            }
            None => {
                let end = self.program(self.script.script, left())?;
                Ended {
                    end,
                    verdict: means(end),
                    by: None,
                }
            }
        };
        for teardown in self.script.settings.teardown.iter().rev() {
            if (self.script.cancelled)() {
                break;
            }
            // It gets its time even when the script used up its own.
            let end = self.program(teardown, left().max(limit / 4))?;
            if end != End::Code(0) && ended.verdict == Verdict::Pass {
                ended = Ended {
                    end,
                    verdict: match means(end) {
                        // The script has run: nothing can be skipped any more.
                        Verdict::Pass | Verdict::Skip => Verdict::Fail,
                        other => other,
                    },
                    by: Some(teardown),
                };
            }
        }
        Ok(ended)
    }

    /// Returns a command in the script's environment. Its umask and limits come of a shell, since nothing may happen between fork and exec
    /// here.
    fn command(
        &self,
        words: &[OsString],
        variables: &BTreeMap<OsString, OsString>,
    ) -> Result<Command, RunError> {
        let mut all: Vec<OsString> = ["/bin/sh", "-c", PREPARED, "sh"]
            .map(OsString::from)
            .to_vec();
        all.extend_from_slice(words);
        let mut command = match self.script.enter {
            Some(enter) => {
                enter(&all, variables, self.base).map_err(cannot("enter the sandbox"))?
            }
            None => {
                let mut command = Command::new(&all[0]);
                command.args(&all[1..]).env_clear().envs(variables);
                command
            }
        };
        command.current_dir(&self.cwd);
        Ok(command)
    }

    fn program_path(&self, name: &str) -> PathBuf {
        self.places.charm.join("tests").join(name)
    }

    fn program(&self, name: &str, limit: Duration) -> Result<End, RunError> {
        let path = self.program_path(name);
        let stream = || self.output.stream().map_err(cannot("share the output"));
        let mut command = self.command(&[path.into()], &self.variables)?;
        command
            .stdin(Stdio::null())
            .stdout(stream()?)
            .stderr(stream()?)
            .process_group(0);
        let mut child = command
            .spawn()
            .map_err(cannot(format!("run tests/{name}")))?;
        let end = wait_group(&mut child, limit, self.script.cancelled);
        self.output
            .flush()
            .map_err(cannot(format!("write {}", self.output.path().display())))?;
        end.map_err(cannot(format!("wait for tests/{name}")))
    }

    fn tail(&self) -> Result<String, RunError> {
        self.output.tail().map_err(cannot("read the output"))
    }

    /// Opens a shell on the terminal, in the script's environment, and waits for its end.
    fn shell(&self, why: &str) -> Result<(), RunError> {
        let terminal = Terminal::open().map_err(cannot("open a shell"))?;
        terminal.take().map_err(cannot("take the terminal"))?;
        let mut text = String::from("\n");
        let output = self.tail()?;
        let lines: Vec<&str> = output.lines().collect();
        for line in lines.iter().skip(lines.len().saturating_sub(SHOWN)) {
            let _ = writeln!(text, "{line}");
        }
        let _ = writeln!(
            text,
            "charmtest: {why}\ncharmtest: this is a shell in the script's environment; `exit` goes on and cleans up"
        );
        terminal
            .say(&text)
            .map_err(cannot("write to the terminal"))?;
        let mut variables = self.variables.clone();
        let term = std::env::var_os("TERM").unwrap_or_else(|| "dumb".into());
        variables.extend([("TERM".into(), term), ("PS1".into(), "charmtest$ ".into())]);
        let words = [
            self.script.client.into(),
            FOREGROUND_ARGUMENT.into(),
            "/bin/sh".into(),
            "-i".into(),
        ];
        let command = self.command(&words, &variables)?;
        let ended = terminal.lend(command, self.script.cancelled);
        ended.map_err(cannot("open a shell"))
    }
}
