//! A sandbox of a known level, and commands in it.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

use crate::network::is_isolated;
use crate::{Finding, Level, Network, Policy, Request};

/// Why there is no sandbox, or no command in it. Each is a matter of the machine or of the caller, never of the command.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A level was asked for that this machine does not have.
    #[error(
        "sandbox level {level} was asked for, and this machine does not have it: {reason}; `cargo charmtest doctor --sandbox` says what to do"
    )]
    NotReached {
        /// The level.
        level: Level,
        /// What stands against it.
        reason: String,
    },
    /// A network was asked for that there is not.
    #[error("network `{network}` was asked for, and there is none: {reason}")]
    NoNetwork {
        /// The network.
        network: Network,
        /// What stands against it.
        reason: String,
    },
    /// A path of the policy is not there.
    #[error("the sandbox's path {path} cannot be found: {reason}")]
    NoPath {
        /// The path.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// A path of the policy is the root directory.
    #[error("the sandbox's path {} is everything; name what is needed below it", .0.display())]
    Everything(PathBuf),
    /// What must be hidden lies below what is allowed.
    #[error("{} must be out of reach, but {} above it is allowed", hidden.display(), allowed.display())]
    Exposed {
        /// What must be hidden.
        hidden: PathBuf,
        /// The allowed path above it.
        allowed: PathBuf,
    },
    /// A variable of the environment is not UTF-8.
    #[error("the environment of a sandboxed command must be UTF-8, and `{0}` is not")]
    NotText(String),
    /// The policy is too large to be handed over.
    #[error(
        "the policy and environment of a sandboxed command take {0} bytes; 120000 can be handed over"
    )]
    TooLarge(usize),
    /// This program cannot find itself.
    #[error("cannot find the program that is the shim: {0}")]
    NoShim(std::io::Error),
}

/// What was got of what was asked for. Its text is the line that a run prints; serialised it is the record of a result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Achieved {
    /// The level.
    pub level: Level,
    /// The network.
    pub network: Network,
    /// What the level does not stop on this machine, and why no higher one was reached, each with its reason.
    pub missing: Vec<String>,
}

impl Achieved {
    /// Says whether a command may make Unix sockets, and so connect to one of its policy.
    ///
    /// Only where it has a root directory of its own can it be kept from the sockets of others; at the levels between it has none.
    pub fn unix_sockets(&self) -> bool {
        matches!(self.level, Level::Plain | Level::Namespaces)
    }
}

impl fmt::Display for Achieved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sandbox level {}, network {}", self.level, self.network)?;
        if self.network == Network::Host && self.level > Level::Plain {
            f.write_str(" (not restricted)")?;
        }
        for missing in &self.missing {
            write!(f, "; {missing}")?;
        }
        Ok(())
    }
}

/// A sandbox whose level was proven on this machine.
#[derive(Clone, Debug)]
pub struct Sandbox {
    shim: PathBuf,
    achieved: Achieved,
}

impl Sandbox {
    /// Finds the sandbox that was asked for, with this very program as the shim.
    ///
    /// # Errors
    ///
    /// When the machine does not have the level or the network, with the reason.
    pub fn enter(request: Request, network: Network) -> Result<Self, SandboxError> {
        let shim = std::env::current_exe().map_err(SandboxError::NoShim)?;
        Self::with_shim(&shim, request, network)
    }

    /// Finds the sandbox that was asked for, with a program that calls [`shim_main`](crate::shim_main).
    ///
    /// # Errors
    ///
    /// When the machine does not have the level or the network, with the reason.
    pub fn with_shim(
        shim: &Path,
        request: Request,
        network: Network,
    ) -> Result<Self, SandboxError> {
        if network == Network::Nodes && !is_isolated().unwrap_or(false) {
            return Err(SandboxError::NoNetwork {
                network,
                reason: "this run is not in a network of its own".to_owned(),
            });
        }
        let own_needs_namespaces = |level| {
            if network == Network::None && level < Level::Namespaces {
                Err(SandboxError::NoNetwork {
                    network,
                    reason: format!(
                        "it needs sandbox level {}, and the level is {level}",
                        Level::Namespaces
                    ),
                })
            } else {
                Ok(())
            }
        };
        let (level, missing) = match request {
            Request::Off => (Level::Plain, Vec::new()),
            Request::Level(level) => {
                own_needs_namespaces(level)?;
                let finding = Finding::of(shim, level, network);
                match finding.reached {
                    Ok(()) => (level, finding.missing),
                    Err(reason) => return Err(SandboxError::NotReached { level, reason }),
                }
            }
            Request::Auto => best(shim, network),
        };
        own_needs_namespaces(level)?;
        Ok(Self {
            shim: shim.to_owned(),
            achieved: Achieved {
                level,
                network,
                missing,
            },
        })
    }

    /// Returns what was got.
    pub fn achieved(&self) -> &Achieved {
        &self.achieved
    }

    /// Returns a command that runs a program under a policy.
    ///
    /// The caller sets its working directory and its three standard files as with any command. Its environment is the policy's
    /// ([`Policy::environment`]); variables that are set here reach the shim alone. A program without a slash is looked for in the
    /// `PATH` of the policy's environment.
    ///
    /// Exit codes are the program's. 125 with `charmtest-sandbox: ...` on standard error means that the sandbox could not be entered,
    /// 126 and 127 that the program could not be started.
    ///
    /// # Errors
    ///
    /// When the policy names what is not there, allows what it hides, or is too large.
    pub fn command(
        &self,
        policy: &Policy,
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<Command, SandboxError> {
        job_command(
            &self.shim,
            self.achieved.level,
            self.achieved.network == Network::None,
            !self.achieved.unix_sockets(),
            policy,
            program.as_ref(),
            args,
        )
    }
}

/// Tries the levels from the strongest on; what failed on the way is what is missing.
fn best(shim: &Path, network: Network) -> (Level, Vec<String>) {
    let mut missing = Vec::new();
    for level in Level::ALL.into_iter().rev() {
        let finding = Finding::of(shim, level, network);
        match finding.reached {
            Ok(()) => {
                missing.extend(finding.missing);
                return (level, missing);
            }
            Err(reason) => missing.push(format!("not {level}: {reason}")),
        }
    }
    (Level::Plain, missing)
}

/// The longest text that Linux takes as one variable, with some room.
#[cfg(target_os = "linux")]
const LARGEST: usize = 120_000;

/// Returns the command that starts the shim with a job.
#[cfg(target_os = "linux")]
pub(crate) fn job_command(
    shim: &Path,
    level: Level,
    own_network: bool,
    shares_namespaces: bool,
    policy: &Policy,
    program: &OsStr,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Result<Command, SandboxError> {
    use crate::shim::{JOB, Job};
    let job = Job {
        level,
        own_network,
        shares_namespaces,
        own_session: policy.has_own_session(),
        policy: policy.resolve()?,
    };
    // Its paths and texts are text; only a path that is not UTF-8 cannot be written.
    let job =
        serde_json::to_string(&job).map_err(|error| SandboxError::NotText(error.to_string()))?;
    if job.len() > LARGEST {
        return Err(SandboxError::TooLarge(job.len()));
    }
    let stage = if level >= Level::Namespaces {
        "enter"
    } else {
        "apply"
    };
    let mut command = Command::new(shim);
    command
        .args([crate::SHIM_ARGUMENT, stage])
        .arg(program)
        .args(args)
        .env_clear()
        .env(JOB, job);
    Ok(command)
}

/// Returns the command as it is: other systems have no sandbox.
#[cfg(not(target_os = "linux"))]
pub(crate) fn job_command(
    _shim: &Path,
    _level: Level,
    _own_network: bool,
    _shares_namespaces: bool,
    policy: &Policy,
    program: &OsStr,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Result<Command, SandboxError> {
    let mut command = Command::new(program);
    command
        .args(args)
        .env_clear()
        .envs(policy.resolve()?.environment);
    Ok(command)
}
