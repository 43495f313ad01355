//! Machines of the model.

use super::{Model, awaitable};
use crate::juju::status::Machine;
use crate::juju::{Call, JujuError};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long Juju may take to reach a machine that is added by ssh and install its agent there.
const LIMIT: Duration = Duration::from_secs(10 * 60);

impl Model {
    /// Returns the machines of the model by number, containers within theirs: `juju status`.
    ///
    /// # Errors
    ///
    /// If the command fails.
    pub async fn machines(&self) -> Result<BTreeMap<String, Machine>, JujuError> {
        Ok(self.status().await?.machines)
    }

    /// Adds a machine and returns its number: `juju add-machine`. It returns when Juju has taken the order; the machine
    /// starts later.
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model) -> charmtest::Result {
    /// let machine = model.add_machine().constraint("mem", "2G").await?;
    /// model.deploy("./db.charm").to(&machine).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it fails if Juju refuses, as in Kubernetes.
    pub fn add_machine(&self) -> AddMachine {
        AddMachine {
            model: self.clone(),
            call: self.call(["add-machine"]),
            place: None,
            based: false,
            serial: false,
        }
    }

    /// Removes a machine: `juju remove-machine`. One with units on it has to be [forced](RemoveMachine::force).
    ///
    /// # Errors
    ///
    /// Awaiting it fails if there is no such machine, or there are units on it.
    pub fn remove_machine(&self, machine: &str) -> RemoveMachine {
        RemoveMachine {
            call: self.call(["remove-machine", "--no-prompt", machine]),
        }
    }
}

/// A machine about to be added: see [`Model::add_machine`].
#[must_use = "nothing is added until this is awaited"]
#[derive(Clone, Debug)]
pub struct AddMachine {
    model: Model,
    call: Call,
    place: Option<String>,
    based: bool,
    serial: bool,
}

impl AddMachine {
    /// Says where: `lxd` for a container on a new machine, `lxd:0` on that one, `zone=a`, `ssh:ubuntu@10.1.2.3`.
    pub fn to(mut self, place: &str) -> Self {
        self.place = Some(place.to_owned());
        self
    }

    /// Sets the base, as `ubuntu@24.04` (Juju 3 and later).
    pub fn base(mut self, base: &str) -> Self {
        self.based = true;
        self.call = self.call.arg("--base").arg(base);
        self
    }

    /// Sets the series, as `jammy` (Juju 2 and 3).
    pub fn series(mut self, series: &str) -> Self {
        self.serial = true;
        self.call = self.call.arg("--series").arg(series);
        self
    }

    /// Sets a constraint, as `("mem", "2G")`.
    pub fn constraint(mut self, key: &str, value: &str) -> Self {
        self.call = self.call.arg("--constraints").arg(format!("{key}={value}"));
        self
    }

    async fn run(self) -> Result<String, JujuError> {
        if self.based {
            self.model.needs_bases("add-machine")?;
        }
        if self.serial {
            self.model.needs_series("add-machine")?;
        }
        let call = match self.place {
            Some(place) => self.call.arg(place),
            None => self.call,
        };
        let call = call.check().timeout(LIMIT);
        let command = call.command_line();
        let output = call.await?;
        // `created machine 0`, or `created container 0/lxd/0`
        let number = output.stderr.lines().find_map(|line| {
            let (_, number) = line.strip_prefix("created ")?.split_once(' ')?;
            Some(number.trim().to_owned())
        });
        number.ok_or_else(|| {
            JujuError::garbage(
                command,
                "the number of a machine",
                "there is no `created machine`",
                &output.stderr,
            )
        })
    }
}

awaitable!(AddMachine => Result<String, JujuError>);

/// A machine about to be removed: see [`Model::remove_machine`].
#[must_use = "nothing is removed until this is awaited"]
#[derive(Clone, Debug)]
pub struct RemoveMachine {
    call: Call,
}

impl RemoveMachine {
    /// Removes it with the units on it.
    pub fn force(mut self) -> Self {
        self.call = self.call.arg("--force");
        self
    }

    /// Only forgets it: the cloud keeps the instance.
    pub fn keep_instance(mut self) -> Self {
        self.call = self.call.arg("--keep-instance");
        self
    }

    async fn run(self) -> Result<(), JujuError> {
        self.call.check().await?;
        Ok(())
    }
}

awaitable!(RemoveMachine => Result<(), JujuError>);
