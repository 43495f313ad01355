//! What a command is, and what it is given to do its work.

use std::fmt::Display;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use charmtest_charm::yaml_writer;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::io::Io;
use super::target::Target;
use super::times::Times;
use super::upload::go_words;
use super::values;
use crate::JujuVersion;
use crate::flags::{Flag, Parsed, Placement};
use crate::model::{Hub, Model, ModelUuid, Rejected, State, StoreError, Transact};
use crate::protocol::Request;
use crate::version::Versions;

/// A `juju` command.
pub(super) struct Command {
    /// Its name.
    pub(super) name: &'static str,
    /// Other names.
    pub(super) aliases: &'static [&'static str],
    /// What stands after `juju NAME [options]` in the help.
    pub(super) usage: &'static str,
    /// What it does, one line.
    pub(super) summary: &'static str,
    /// Its own options; those for the model, the format and the log are added.
    pub(super) flags: &'static [Flag],
    /// The values of `--format`, the default first; none when the command has no such option.
    pub(super) formats: &'static [&'static str],
    /// What it works on.
    pub(super) scope: Scope,
    /// Where its options may stand.
    pub(super) placement: Placement,
    /// Checks the arguments before anything else happens; a refusal exits 2.
    pub(super) check: fn(&Parsed) -> Result<(), String>,
    /// The versions of Juju that have it.
    pub(super) versions: Versions,
    /// Does the work.
    pub(super) run: fn(&Cx) -> Running<'_>,
}

impl Command {
    /// Describes a command of a model without options of its own; it takes no arguments until [`Command::check`] says otherwise.
    pub(super) const fn new(
        name: &'static str,
        summary: &'static str,
        run: fn(&Cx) -> Running<'_>,
    ) -> Self {
        Self {
            name,
            aliases: &[],
            usage: "",
            summary,
            flags: &[],
            formats: &[],
            scope: Scope::Model,
            placement: Placement::Anywhere,
            check: no_args,
            versions: Versions::All,
            run,
        }
    }

    /// Adds other names.
    pub(super) const fn aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// Says what arguments it takes: `usage` for the help, `check` for real.
    pub(super) const fn args(
        self,
        usage: &'static str,
        check: fn(&Parsed) -> Result<(), String>,
    ) -> Self {
        Self {
            usage,
            check,
            ..self
        }
    }

    /// Adds options.
    pub(super) const fn flags(self, flags: &'static [Flag]) -> Self {
        Self { flags, ..self }
    }

    /// Adds `--format` with these values, the default first, and `--output`.
    pub(super) const fn formats(self, formats: &'static [&'static str]) -> Self {
        Self { formats, ..self }
    }

    /// Says that only one version of Juju has the command.
    pub(super) const fn only(self, version: JujuVersion) -> Self {
        Self {
            versions: Versions::Only(version),
            ..self
        }
    }

    /// Says what it works on.
    pub(super) const fn scope(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    /// Says that its options end at the first positional argument: what follows belongs to another program.
    pub(super) const fn options_first(self) -> Self {
        Self {
            placement: Placement::First,
            ..self
        }
    }
}

/// What a command works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// A model: takes `-m`.
    Model,
    /// The controller: takes `-c`.
    Controller,
    /// Neither.
    Client,
}

/// A command at work.
pub(super) type Running<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// How a command can fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The command line makes no sense: `ERROR`, exit 2.
    Usage(String),
    /// The work could not be done: `ERROR`, exit 1, and `{}` on standard output in JSON and YAML.
    Failed(String),
    /// The command has said everything itself; exits with this code.
    Silent(u8),
}

impl Failure {
    /// Makes the failure that `why` prevented the work.
    pub(super) fn failed(why: impl Display) -> Self {
        Self::Failed(why.to_string())
    }

    /// Makes the failure that the command line is wrong.
    pub(super) fn usage(why: impl Display) -> Self {
        Self::Usage(why.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::failed(error)
    }
}

impl From<Rejected> for Failure {
    fn from(error: Rejected) -> Self {
        Self::failed(error)
    }
}

impl From<Transact<Failure>> for Failure {
    fn from(error: Transact<Failure>) -> Self {
        match error {
            Transact::Rejected(failure) => failure,
            Transact::Store(error) => error.into(),
        }
    }
}

/// What a command is given: the state, the arguments, the client's streams.
#[derive(Debug)]
pub(super) struct Cx {
    /// The state.
    pub(super) hub: Arc<Hub>,
    /// The client's working directory and variables.
    pub(super) request: Request,
    /// The client's streams.
    pub(super) io: Io,
    /// The arguments.
    pub(super) args: Parsed,
    /// The model that the command is about; only for commands of [`Scope::Model`].
    pub(super) target: Option<Target>,
    /// The effective `--format`; empty when the command has none.
    pub(super) format: String,
    /// Whether something was written as the result.
    pub(super) wrote: AtomicBool,
}

/// Why a wait for a change of the state ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waited {
    Changed,
    TimeIsUp,
}

impl Cx {
    /// Returns the positional arguments.
    pub(super) fn positionals(&self) -> &[String] {
        &self.args.positionals
    }

    /// Returns the value of a variable of the client, if it is set and not empty.
    pub(super) fn env(&self, name: &str) -> Option<&str> {
        self.request
            .env
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Returns the Juju that the controller speaks as.
    pub(super) fn juju(&self) -> JujuVersion {
        self.hub.data.juju()
    }

    /// Returns the UUID of the command's model.
    pub(super) fn model_uuid(&self) -> ModelUuid {
        let target = self
            .target
            .as_ref()
            .expect("the framework finds the model before it runs a command of scope Model");
        target.uuid.clone()
    }

    /// Returns the command's model as it is now.
    ///
    /// # Errors
    ///
    /// Fails when the model went away since the command began.
    pub(super) fn model(&self) -> Result<Arc<Model>, Failure> {
        let uuid = self.model_uuid();
        self.hub.model(&uuid).ok_or_else(|| Rejected(uuid).into())
    }

    /// Changes the command's model in a transaction.
    ///
    /// # Errors
    ///
    /// Fails with the text of what `change` refused, or when the database could not write.
    pub(super) fn change<R, E: Display + From<Rejected>>(
        &self,
        change: impl FnOnce(&mut Model) -> Result<R, E>,
    ) -> Result<R, Failure> {
        self.hub
            .transact_model(&self.model_uuid(), change)
            .map_err(Failure::failed)
    }

    /// Changes the command's model in a transaction; `refused` words what `change` refuses.
    ///
    /// # Errors
    ///
    /// Fails with what `refused` made of the refusal, or when the database could not write.
    pub(super) fn change_or<R, E: From<Rejected>>(
        &self,
        refused: impl FnOnce(E) -> Failure,
        change: impl FnOnce(&mut Model) -> Result<R, E>,
    ) -> Result<R, Failure> {
        let outcome = self.hub.transact_model(&self.model_uuid(), change);
        outcome.map_err(|error| match error {
            Transact::Rejected(error) => refused(error),
            Transact::Store(error) => error.into(),
        })
    }

    /// Waits until the state changes, the time is up (never without a deadline), or nobody is there to be told.
    ///
    /// # Errors
    ///
    /// Fails when the client is gone or the controller ends.
    pub(super) async fn wait_for_change(
        &self,
        states: &mut watch::Receiver<Arc<State>>,
        deadline: Option<Instant>,
    ) -> Result<Waited, Failure> {
        let time_is_up = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = states.changed() => changed
                .map(|()| Waited::Changed)
                .map_err(|_| Failure::failed("the embedded controller is shutting down")),
            () = self.io.gone() => Err(Failure::Silent(1)),
            () = time_is_up => Ok(Waited::TimeIsUp),
        }
    }

    /// Returns how the client wants times, by its variables and its option `--utc`.
    pub(super) fn times(&self) -> Times {
        Times::new(
            self.env("TZ"),
            self.env("JUJU_STATUS_ISO_TIME"),
            self.args.switch("utc"),
        )
    }

    /// Returns the path of a file that the client named.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(&self.request.cwd).join(name)
    }

    /// Reads a text file that the client named; `-` is its standard input.
    ///
    /// # Errors
    ///
    /// Fails, in Juju's words when the file cannot be read, and when it is no text.
    pub(super) async fn read_file(&self, name: &str) -> Result<String, Failure> {
        let bytes = match name {
            "-" => self.io.read_all().await,
            _ => {
                let path = self.path(name);
                std::fs::read(&path).map_err(|error| {
                    let why = go_words(&error);
                    Failure::failed(format!("open {}: {why}", path.display()))
                })?
            }
        };
        String::from_utf8(bytes).map_err(|_| Failure::failed(format!("{name} is not UTF-8 text")))
    }

    /// Tells the user something on standard error, unless `--quiet`.
    pub(super) async fn info(&self, text: &str) {
        if !self.args.switch("quiet") && !self.args.switch("debug") {
            self.io.stderr(&format!("{text}\n")).await;
        }
    }

    /// Warns the user.
    pub(super) async fn warn(&self, text: &str) {
        self.io.stderr(&format!("WARNING {text}\n")).await;
    }

    /// Writes the result, to standard output or into the file of `--output`.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be written.
    pub(super) async fn print(&self, text: &str) -> Result<(), Failure> {
        self.wrote.store(true, Ordering::Relaxed);
        match self.args.text("output").filter(|name| !name.is_empty()) {
            Some(name) => std::fs::write(self.path(name), text)
                .map_err(|error| Failure::failed(format!("open {name}: {error}"))),
            None => {
                self.io.stdout(text).await;
                Ok(())
            }
        }
    }

    /// Writes the result in the effective format: JSON, YAML, `smart`, or else what `text` makes of it.
    ///
    /// # Errors
    ///
    /// Fails when the file of `--output` cannot be written.
    pub(super) async fn print_value(
        &self,
        value: &Value,
        text: impl FnOnce(&Value) -> String + Send,
    ) -> Result<(), Failure> {
        let text = match self.format.as_str() {
            "json" => values::json(value),
            "yaml" => yaml_writer::to_yaml(value),
            "smart" => values::smart(value),
            _ => text(value),
        };
        self.print(&text).await
    }

    /// Asks the user something on standard error and reads one line of standard input; `None` when there is none.
    pub(super) async fn ask(&self, question: &str) -> Option<String> {
        self.io.stderr(question).await;
        self.answer().await
    }

    /// Reads one line of standard input; `None` when there is none.
    pub(super) async fn answer(&self) -> Option<String> {
        let mut input = Vec::new();
        while !input.contains(&b'\n') {
            let Some(piece) = self.io.read().await else {
                break;
            };
            input.extend(piece);
        }
        let text = String::from_utf8_lossy(&input);
        let line = text.lines().next()?.trim();
        Some(line.to_owned())
    }
}

/// Accepts no positional arguments.
pub(super) fn no_args(args: &Parsed) -> Result<(), String> {
    at_most(args, 0)
}

/// Accepts up to `count` positional arguments.
pub(super) fn at_most(args: &Parsed, count: usize) -> Result<(), String> {
    match args.positionals.get(count..) {
        Some(extra) if !extra.is_empty() => Err(format!(
            "unrecognized args: [{}]",
            extra
                .iter()
                .map(|arg| format!("{arg:?}"))
                .collect::<Vec<_>>()
                .join(" ")
        )),
        _ => Ok(()),
    }
}

/// Accepts anything.
pub(super) fn any_args(_: &Parsed) -> Result<(), String> {
    Ok(())
}

/// Accepts up to `count` positional arguments of which the first must be there; `missing` says that it is not.
pub(super) fn first_of(args: &Parsed, count: usize, missing: &str) -> Result<(), String> {
    if args.positionals.is_empty() {
        return Err(missing.to_owned());
    }
    at_most(args, count)
}
