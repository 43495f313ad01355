//! Shells on units and machines, and files to and from them.

use super::{Model, awaitable};
use crate::juju::{JujuError, Output};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

/// How long a command over ssh, or a copy, may take if it is not told.
const LIMIT: Duration = Duration::from_secs(10 * 60);

impl Model {
    /// Runs a shell command on a unit (also `app/leader`) or a machine: `juju ssh`. Unlike [`Model::exec`] it runs as a login
    /// of the user `ubuntu` and outside of any hook; in Kubernetes in the charm's container unless [told](Ssh::container).
    ///
    /// A real Juju 4 needs [`Model::add_ssh_key`] before that, for models of machines.
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model) -> charmtest::Result {
    /// let output = model.ssh("web/0", "uptime && df -h").await?;
    /// assert!(output.stdout.contains("load average"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it fails if there is no such unit or machine (which Juju 4 says after 18 seconds), it cannot be reached, or
    /// the exit code of the command is not 0: in models of machines that is the command's own, in Kubernetes always 1.
    pub fn ssh(&self, target: impl Into<String>, command: impl Into<String>) -> Ssh {
        Ssh {
            model: self.clone(),
            target: target.into(),
            command: command.into(),
            options: Vec::new(),
            stdin: None,
            limit: LIMIT,
            checked: true,
        }
    }

    /// Copies a file to a unit or a machine: `juju scp`.
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model) -> charmtest::Result {
    /// model.scp_to("web/0", "./site", "/srv").recursive().await?;
    /// model.scp_from("web/0", "/var/log/web.log", "./web.log").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it fails if a file or the target is not there.
    pub fn scp_to(&self, target: &str, local: impl AsRef<Path>, remote: &str) -> Scp {
        self.scp(
            local_file(local.as_ref()),
            format!("{target}:{remote}").into(),
        )
    }

    /// Copies a file from a unit or a machine: `juju scp`.
    ///
    /// # Errors
    ///
    /// Awaiting it fails if a file or the target is not there.
    pub fn scp_from(&self, target: &str, remote: &str, local: impl AsRef<Path>) -> Scp {
        self.scp(
            format!("{target}:{remote}").into(),
            local_file(local.as_ref()),
        )
    }

    fn scp(&self, from: OsString, to: OsString) -> Scp {
        Scp {
            model: self.clone(),
            from,
            to,
            options: Vec::new(),
            recursive: false,
            limit: LIMIT,
        }
    }

    /// Lets the owner of a public key (the text in a `.pub` file) into the machines of the model: `juju add-ssh-key`. Juju 2
    /// and 3 do so for the user's own keys when the model is made; Juju 4 does not. A key that is there already is fine.
    ///
    /// # Errors
    ///
    /// If Juju does not take the text for a key. It takes some time until the machines know of it.
    pub async fn add_ssh_key(&self, key: &str) -> Result<(), JujuError> {
        let call = self.call(["add-ssh-key", key.trim()]).check();
        let command = call.command_line();
        let output = call.await?;
        // Juju says so and ends with 0.
        if output.stderr.contains("cannot add key") && !output.stderr.contains("already exist") {
            return Err(JujuError::Failed {
                command,
                code: 0,
                stdout: output.stdout,
                stderr: output.stderr,
            });
        }
        Ok(())
    }
}

/// Marks a local path as one: scp takes what stands before a colon for a host.
fn local_file(path: &Path) -> OsString {
    let plain = path.is_absolute() || path.starts_with(".") || path.starts_with("..");
    if plain {
        return path.into();
    }
    Path::new(".").join(path).into()
}

/// A command about to run over ssh: see [`Model::ssh`].
#[must_use = "nothing runs until this is awaited"]
#[derive(Clone, Debug)]
pub struct Ssh {
    model: Model,
    target: String,
    command: String,
    options: Vec<OsString>,
    stdin: Option<Vec<u8>>,
    limit: Duration,
    checked: bool,
}

impl Ssh {
    /// Runs it in this container of the pod (Kubernetes).
    pub fn container(mut self, name: &str) -> Self {
        self.options.extend(["--container".into(), name.into()]);
        self
    }

    /// Does not compare the machine's key with the one known (models of machines).
    pub fn no_host_key_checks(mut self) -> Self {
        self.options.push("--no-host-key-checks".into());
        self
    }

    /// Gives the text to read on standard input.
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    /// Sets the time limit; 10 minutes without it.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Makes an exit code other than 0 part of the [`Output`].
    pub fn unchecked(mut self) -> Self {
        self.checked = false;
        self
    }

    async fn run(self) -> Result<Output, JujuError> {
        // Options end at the target: what follows is the command's.
        let call = self.model.call(["ssh"]).args(self.options);
        let mut call = call.arg(self.target).arg(self.command).timeout(self.limit);
        if let Some(text) = self.stdin {
            call = call.stdin(text);
        }
        if self.checked {
            call = call.check();
        }
        call.await
    }
}

awaitable!(Ssh => Result<Output, JujuError>);

/// A copy about to be made: see [`Model::scp_to`] and [`Model::scp_from`].
#[must_use = "nothing is copied until this is awaited"]
#[derive(Clone, Debug)]
pub struct Scp {
    model: Model,
    from: OsString,
    to: OsString,
    options: Vec<OsString>,
    recursive: bool,
    limit: Duration,
}

impl Scp {
    /// Copies directories with all that is in them.
    pub fn recursive(mut self) -> Self {
        self.recursive = true;
        self
    }

    /// Copies to or from this container of the pod (Kubernetes).
    pub fn container(mut self, name: &str) -> Self {
        self.options.extend(["--container".into(), name.into()]);
        self
    }

    /// Does not compare the machine's key with the one known (models of machines).
    pub fn no_host_key_checks(mut self) -> Self {
        self.options.push("--no-host-key-checks".into());
        self
    }

    /// Sets the time limit; 10 minutes without it.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    async fn run(self) -> Result<(), JujuError> {
        let mut call = self.model.call(["scp"]).args(self.options);
        // In Kubernetes Juju copies by itself, directories included, and takes two paths and nothing else.
        if self.recursive && !self.model.is_kubernetes() {
            call = call.args([OsStr::new("--"), OsStr::new("-r")]);
        }
        call.arg(self.from)
            .arg(self.to)
            .timeout(self.limit)
            .check()
            .await?;
        Ok(())
    }
}

awaitable!(Scp => Result<(), JujuError>);
