//! Actions that run in the background.

use super::Model;
use super::action::read_tasks;
use super::config::go_duration;
use crate::juju::{Call, JujuError, Output, Task, parse_one_task};
use serde_json::Value;
use std::time::Duration;

/// How much longer the `juju` program may take than what it waits for.
const MARGIN: Duration = Duration::from_secs(30);

/// An action that was started: see [`RunAction::start`](super::RunAction::start).
#[derive(Clone, Debug)]
pub struct PendingTask {
    model: Model,
    id: String,
    what: String,
    limit: Duration,
}

impl PendingTask {
    /// Runs the command that starts a task.
    pub(super) async fn started(
        model: Model,
        call: Call,
        what: String,
        limit: Duration,
    ) -> Result<Self, JujuError> {
        let command = call.command_line();
        let output = call.await?;
        match task_id(&output) {
            Some(id) => Ok(Self {
                model,
                id,
                what,
                limit,
            }),
            // Nothing was started: this says why.
            None => match read_tasks(&output, &command, limit) {
                Err(error) => Err(error),
                Ok(_) => Err(JujuError::garbage(
                    command,
                    "the number of a task",
                    "there is none",
                    &output.stdout,
                )),
            },
        }
    }

    /// Returns Juju's number for it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the task as it stands: `pending`, `running`, ... (`juju show-task`; Juju 2: `juju show-action-output`).
    ///
    /// # Errors
    ///
    /// If the command fails.
    pub async fn status(&self) -> Result<Task, JujuError> {
        self.show(None).await
    }

    /// Waits until the task has ended, as long as the action was given.
    ///
    /// # Errors
    ///
    /// The same as those of [`Model::run_action`].
    pub async fn wait(&self) -> Result<Task, JujuError> {
        let task = self.show(Some(self.limit)).await?;
        if matches!(task.status.as_str(), "pending" | "running" | "aborting") {
            return Err(JujuError::TimedOut {
                command: format!("{} (task {})", self.what, self.id),
                limit: self.limit,
                stderr: format!("it is {}", task.status),
            });
        }
        task.checked(|| self.what.clone())
    }

    /// Asks Juju not to run it, or to stop it: `juju cancel-task`.
    ///
    /// # Errors
    ///
    /// If Juju does not do so: Juju 4.0 cancels no task at all, and says so on standard error only.
    pub async fn cancel(&self) -> Result<(), JujuError> {
        let call = self.model.call(["cancel-task", &self.id]).check();
        let command = call.command_line();
        let output = call.await?;
        if output.stderr.contains("could not be canceled") {
            return Err(JujuError::Failed {
                command,
                code: 0,
                stdout: output.stdout,
                stderr: output.stderr,
            });
        }
        Ok(())
    }

    async fn show(&self, wait: Option<Duration>) -> Result<Task, JujuError> {
        let command = self.model.spelled("show-action-output", "show-task");
        let mut call = self.model.call([command, "--format", "json"]);
        if let Some(limit) = wait {
            call = call
                .arg("--wait")
                .arg(go_duration(limit))
                .timeout(limit.saturating_add(MARGIN));
        }
        let call = call.arg(&self.id);
        let task: Value = call.json("a task").await?;
        Ok(parse_one_task(&task))
    }
}

/// Returns the number of the task that a command has started. Juju 3 and 4 say it on standard error, as
/// `Scheduled operation 1 with task 2`; Juju 2 as `{"Action queued with id": "2"}`.
fn task_id(output: &Output) -> Option<String> {
    let queued = || {
        let answer: Value = serde_json::from_str(&output.stdout).ok()?;
        answer
            .get("Action queued with id")?
            .as_str()
            .map(str::to_owned)
    };
    let scheduled = |line: &str| {
        let (_, id) = line
            .strip_prefix("Scheduled operation ")?
            .split_once(" with task ")?;
        Some(id.trim().to_owned())
    };
    output.stderr.lines().find_map(scheduled).or_else(queued)
}
