//! The one type through which every `juju` command goes.

use super::{BackendKind, Call, JujuError, ModelName, Observer, Transcript, Version};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The commands that take no `--model`: they name the model as an argument, or need none (Juju 3.6 and 4.0).
const WITHOUT_MODEL: [&str; 78] = [
    "add-cloud",
    "add-credential",
    "add-k8s",
    "add-model",
    "add-secret-backend",
    "add-user",
    "autoload-credentials",
    "bootstrap",
    "change-user-password",
    "clouds",
    "controller-config",
    "controllers",
    "credentials",
    "default-credential",
    "default-region",
    "destroy-controller",
    "destroy-model",
    "disable-user",
    "documentation",
    "download",
    "enable-destroy-controller",
    "enable-user",
    "find",
    "find-offers",
    "grant",
    "grant-cloud",
    "help",
    "help-action-commands",
    "help-hook-commands",
    "info",
    "kill-controller",
    "list-clouds",
    "list-controllers",
    "list-credentials",
    "list-models",
    "list-regions",
    "list-secret-backends",
    "list-users",
    "login",
    "logout",
    "migrate",
    "model-default",
    "model-defaults",
    "models",
    "offer",
    "regions",
    "register",
    "remove-cloud",
    "remove-credential",
    "remove-k8s",
    "remove-offer",
    "remove-secret-backend",
    "remove-user",
    "revoke",
    "revoke-cloud",
    "secret-backends",
    "set-default-credentials",
    "set-default-region",
    "show-cloud",
    "show-controller",
    "show-credential",
    "show-credentials",
    "show-model",
    "show-offer",
    "show-secret-backend",
    "show-user",
    "switch",
    "unregister",
    "update-cloud",
    "update-credential",
    "update-credentials",
    "update-k8s",
    "update-public-clouds",
    "update-secret-backend",
    "upgrade-controller",
    "users",
    "version",
    "whoami",
];

/// A `juju` program with the environment it needs; cheap to clone.
///
/// ```no_run
/// # async fn run() -> Result<(), charmtest::juju::JujuError> {
/// use charmtest::juju::Juju;
///
/// let juju = Juju::new("juju");
/// let output = juju.call(["controllers"]).check().await?;
/// println!("{}", output.stdout);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Juju {
    program: Arc<Path>,
    shown: Arc<str>,
    env: Arc<BTreeMap<OsString, Option<OsString>>>,
    kind: BackendKind,
    version: Version,
    transcript: Transcript,
    observer: Observer,
}

impl Juju {
    /// Returns a client of the given program: a real Juju of version 3.6 unless told otherwise.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        let program: Arc<Path> = program.into().into();
        Self {
            shown: program.to_string_lossy().into(),
            program,
            env: Arc::default(),
            kind: BackendKind::Juju,
            version: Version::default(),
            transcript: Transcript::default(),
            observer: Observer::default(),
        }
    }

    /// Sets an environment variable of every command.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        Arc::make_mut(&mut self.env).insert(name.into(), Some(value.into()));
        self
    }

    /// Takes an environment variable away from every command.
    #[must_use]
    pub fn without_env(mut self, name: impl Into<OsString>) -> Self {
        Arc::make_mut(&mut self.env).insert(name.into(), None);
        self
    }

    /// Says which backend the program is; it decides how often a wait asks for the status.
    #[must_use]
    pub fn with_kind(mut self, kind: BackendKind) -> Self {
        self.kind = kind;
        self
    }

    /// Says which version the program has; it decides how commands are spelled.
    #[must_use]
    pub fn with_version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// Enters every command into the given transcript.
    #[must_use]
    pub fn with_transcript(mut self, transcript: Transcript) -> Self {
        self.transcript = transcript;
        self
    }

    /// Reports every command and every wait to the given observer.
    #[must_use]
    pub fn with_observer(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Shows the program by another word than its path in command lines.
    pub(super) fn shown_as(mut self, shown: &str) -> Self {
        self.shown = shown.into();
        self
    }

    /// Returns the program.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Returns the variables that every command gets; `None` stands for a variable that is taken away.
    pub(crate) fn env(&self) -> &BTreeMap<OsString, Option<OsString>> {
        &self.env
    }

    /// Returns all variables that a command gets: those of this process, with those that were set and without those that were
    /// taken away.
    #[must_use]
    pub fn environment(&self) -> BTreeMap<OsString, OsString> {
        let mut all: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        for (name, value) in self.env.iter() {
            match value {
                Some(value) => drop(all.insert(name.clone(), value.clone())),
                None => drop(all.remove(name)),
            }
        }
        all
    }

    /// Returns which backend the program is.
    #[must_use]
    pub fn kind(&self) -> BackendKind {
        self.kind
    }

    /// Returns the version of the program.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns the transcript.
    #[must_use]
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// Returns the observer.
    #[must_use]
    pub fn observer(&self) -> &Observer {
        &self.observer
    }

    /// Returns the `juju` command with the given arguments, unchecked.
    pub fn call<I>(&self, arguments: I) -> Call
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        Call::new(
            &*self.program,
            self.transcript.clone(),
            self.observer.clone(),
        )
        .shown_as(&self.shown)
        .envs(&self.env)
        .args(arguments)
    }

    /// Returns the `juju` command with `--model` after its first argument, unchecked. Commands that have no such option,
    /// as `show-model`, are left as they are.
    pub fn call_in<I>(&self, model: &ModelName, arguments: I) -> Call
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        let mut arguments = arguments.into_iter().map(Into::into);
        let Some(subcommand) = arguments.next() else {
            return self.call::<[OsString; 0]>([]);
        };
        let takes_model = !WITHOUT_MODEL
            .iter()
            .any(|name| subcommand == OsStr::new(name));
        let call = self.call([subcommand]);
        let call = if takes_model {
            call.arg("--model").arg(model.to_string())
        } else {
            call
        };
        call.args(arguments)
    }

    /// Asks the program for its version: `juju version`, which needs no controller.
    ///
    /// # Errors
    ///
    /// Those of [`Call::run`], and [`JujuError::Garbage`] if what it prints is no version.
    pub(super) fn ask_version(&self) -> Result<String, JujuError> {
        let call = self.call(["version"]).check();
        let command = call.command_line();
        let text = call.run_blocking()?.stdout.trim().to_owned();
        match text.parse::<Version>() {
            Ok(_) => Ok(text),
            Err(why) => Err(JujuError::garbage(command, "a version", why, &text)),
        }
    }
}
