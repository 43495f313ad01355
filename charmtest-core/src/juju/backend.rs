//! Which program answers as `juju`.

use super::call::parse_json;
use super::program::{embedded_behind, find_cargo_charmtest, find_on_path};
use super::{Call, Juju, JujuError, Observer, Output, Transcript, Version};
use serde::Deserialize;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the user asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BackendChoice {
    /// A real controller if one is named or there is a current one, else the embedded controller.
    #[default]
    Auto,
    /// The embedded controller.
    Embedded,
    /// A real Juju client.
    Juju,
}

/// What a backend is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BackendKind {
    /// The embedded controller.
    Embedded,
    /// A real Juju client with a real controller.
    Juju,
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Embedded => "embedded",
            Self::Juju => "juju",
        })
    }
}

/// What [`Backend::select`] chooses by.
#[derive(Clone, Debug, Default)]
pub struct BackendOptions {
    /// What the user asked for.
    pub kind: BackendChoice,
    /// The `juju` program to use instead of the one on `PATH`.
    pub juju: Option<PathBuf>,
    /// The controller that the user named.
    pub controller: Option<String>,
    /// The cloud that the user named.
    pub cloud: Option<String>,
    /// The `cargo-charmtest` program to use instead of the one that is found.
    pub program: Option<PathBuf>,
    /// The Juju that the embedded controller is to speak as, `3.6` or `4.0`; its own choice without.
    pub juju_version: Option<String>,
}

/// The program that answers as `juju`, and what it needs.
#[derive(Clone, Debug)]
pub struct Backend {
    /// What it is.
    pub kind: BackendKind,
    /// The client to run commands with.
    pub juju: Juju,
    /// The version that the program reports, as `3.6.28-ubuntu-amd64`.
    pub version: String,
    /// Which backend, which version and why, in one line.
    pub why: String,
    /// The directory to put first on `PATH`, so that `juju` is this backend's.
    pub path_dir: Option<PathBuf>,
    /// The data directory of the embedded controller.
    pub juju_data: Option<PathBuf>,
}

impl Backend {
    /// Selects the backend. Blocks while `juju` and `cargo-charmtest` are asked about themselves, each for 2 minutes at
    /// most.
    ///
    /// # Errors
    ///
    /// If what was asked for is not there, if nothing at all is there, or if a program is there and does not answer.
    pub fn select(options: &BackendOptions) -> Result<Self, BackendError> {
        let juju = options.juju.clone().or_else(|| find_on_path("juju"));
        let ours = juju.as_deref().and_then(embedded_behind);
        let real = juju.filter(|_| ours.is_none());

        if options.kind == BackendChoice::Embedded {
            return Self::embedded(options, ours, "it was asked for");
        }
        let asked = if options.kind == BackendChoice::Juju {
            Some("it was asked for".to_owned())
        } else if let Some(controller) = &options.controller {
            Some(format!("the controller `{controller}` was named"))
        } else {
            options
                .cloud
                .as_ref()
                .map(|cloud| format!("the cloud `{cloud}` was named"))
        };
        let Some(real) = real else {
            return match asked {
                Some(why) => Err(BackendError::NoJuju { why }),
                None => Self::embedded(options, ours, "there is no real `juju` on PATH"),
            };
        };
        let juju = Juju::new(&real);
        let juju = if options.juju.is_none() {
            juju.shown_as("juju")
        } else {
            juju
        };
        if let Some(why) = asked {
            return Self::real(juju, &why);
        }
        match ask_current_controller(&juju)? {
            Some(controller) => {
                Self::real(juju, &format!("its current controller is `{controller}`"))
            }
            None => Self::embedded(options, ours, "`juju` has no current controller"),
        }
    }

    fn real(juju: Juju, why: &str) -> Result<Self, BackendError> {
        let version = juju.ask_version()?;
        Ok(Self {
            kind: BackendKind::Juju,
            why: format!("Juju {version} at {}: {why}", juju.program().display()),
            juju: juju.with_version(version.parse().unwrap_or_default()),
            version,
            path_dir: None,
            juju_data: None,
        })
    }

    fn embedded(
        options: &BackendOptions,
        ours: Option<PathBuf>,
        why: &str,
    ) -> Result<Self, BackendError> {
        let named = options.program.clone().or(ours);
        let Some(program) = find_cargo_charmtest(named.as_deref()) else {
            return Err(match options.kind {
                BackendChoice::Embedded => BackendError::NoProgram,
                _ => BackendError::Nothing {
                    why: why.to_owned(),
                },
            });
        };
        let env = embedded_env(&program, options.juju_version.as_deref())?;
        let mut juju = Juju::new(&env.juju)
            .with_kind(BackendKind::Embedded)
            .with_version(env.version.parse().unwrap_or_default())
            .with_env("JUJU_DATA", &env.juju_data)
            .with_env("CHARMTEST_DATA", &env.juju_data);
        // They name what the user's real Juju should talk to.
        for name in ["JUJU_MODEL", "JUJU_CONTROLLER"] {
            juju = juju.without_env(name);
        }
        Ok(Self {
            kind: BackendKind::Embedded,
            juju,
            why: format!("embedded controller, Juju {}: {why}", env.version),
            version: env.version,
            path_dir: Some(env.path),
            juju_data: Some(env.juju_data),
        })
    }
}

/// How long a command may take that only reads the client's own files, on a busy machine.
const LOCAL_LIMIT: Duration = Duration::from_secs(30);

/// What `cargo-charmtest charmtest embedded-env` prints.
#[derive(Deserialize)]
struct EmbeddedEnv {
    juju: PathBuf,
    path: PathBuf,
    juju_data: PathBuf,
    version: String,
}

fn embedded_env(program: &Path, version: Option<&str>) -> Result<EmbeddedEnv, BackendError> {
    let mut call = Call::new(program, Transcript::default(), Observer::default())
        .args(["charmtest", "embedded-env"])
        .check();
    if let Some(version) = version {
        call = call.env("CHARMTEST_JUJU_VERSION", version);
    }
    let command = call.command_line();
    let expected = "the environment of the embedded controller";
    let env: EmbeddedEnv = call
        .run_blocking()
        .and_then(|output| parse_json(&output.stdout, &command, expected))
        .map_err(BackendError::Embedded)?;
    if let Err(why) = env.version.parse::<Version>() {
        let error = JujuError::garbage(command, expected, why, &env.version);
        return Err(BackendError::Embedded(error));
    }
    Ok(env)
}

/// Returns the controller that a client takes where none is named, if it can tell.
pub(crate) async fn current_controller(juju: &Juju) -> Option<String> {
    let call = list_controllers(juju);
    let command = call.command_line();
    read_current(call.run().await, &command).ok().flatten()
}

/// Returns the current controller of the client, blocking the thread.
fn ask_current_controller(juju: &Juju) -> Result<Option<String>, JujuError> {
    let call = list_controllers(juju);
    let command = call.command_line();
    read_current(call.run_blocking(), &command)
}

/// Lists the controllers; the client reads its own files only.
fn list_controllers(juju: &Juju) -> Call {
    juju.call(["controllers", "--format", "json"])
        .timeout(LOCAL_LIMIT)
        .check()
}

fn read_current(
    answer: Result<Output, JujuError>,
    command: &str,
) -> Result<Option<String>, JujuError> {
    #[derive(Deserialize)]
    struct Controllers {
        #[serde(default, rename = "current-controller")]
        current: Option<String>,
    }
    let output = match answer {
        // Some clients fail when there is nothing to list (Juju 4.0.15, recorded).
        Err(error)
            if error
                .stderr()
                .is_some_and(|text| text.contains("No controllers registered")) =>
        {
            return Ok(None);
        }
        answer => answer?,
    };
    let controllers: Controllers = parse_json(&output.stdout, command, "a list of controllers")?;
    Ok(controllers.current.filter(|name| !name.is_empty()))
}

/// Why no backend could be selected.
#[derive(Debug)]
#[non_exhaustive]
pub enum BackendError {
    /// There is neither a `juju` with a controller nor `cargo-charmtest`.
    Nothing {
        /// Why a real Juju is out of the question.
        why: String,
    },
    /// A real Juju is called for, and there is no `juju`.
    NoJuju {
        /// What calls for it.
        why: String,
    },
    /// The embedded controller was asked for, and there is no `cargo-charmtest`.
    NoProgram,
    /// `cargo-charmtest` does not answer.
    Embedded(JujuError),
    /// `juju` does not answer.
    Juju(JujuError),
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing { why } => write!(
                f,
                "nothing to run charms on: {why}, and there is no `cargo-charmtest`; install the embedded controller with \
                 `cargo install cargo-charmtest`, or install `juju` and bootstrap a controller"
            ),
            Self::NoJuju { why } => write!(
                f,
                "a real Juju is needed because {why}, and there is no `juju` on PATH; install it (`snap install juju`) or \
                 name one with --juju or CHARMTEST_JUJU"
            ),
            Self::NoProgram => f.write_str(
                "the embedded controller was asked for, and there is no `cargo-charmtest`; install it with `cargo install \
                 cargo-charmtest`, or name it with CHARMTEST_PROGRAM",
            ),
            Self::Embedded(_) => f.write_str("the embedded controller does not answer"),
            Self::Juju(_) => f.write_str("`juju` does not answer; `--backend embedded` goes without it"),
        }
    }
}

impl Error for BackendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Embedded(error) | Self::Juju(error) => Some(error),
            _ => None,
        }
    }
}

impl From<JujuError> for BackendError {
    fn from(error: JujuError) -> Self {
        Self::Juju(error)
    }
}
