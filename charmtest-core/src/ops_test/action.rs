//! Actions, and commands on units.

use super::config::go_duration;
use super::{Model, awaitable};
use crate::juju::{Call, JujuError, NameError, Output, Task, UnitName, parse_tasks};
use serde_json::{Map, Value};
use std::time::Duration;

/// How long an action or a command may take if it is not told.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// How much longer the `juju` program may take than what it waits for.
const MARGIN: Duration = Duration::from_secs(30);

impl Model {
    /// Runs an action on a unit, or on the leader (`app/leader`), and waits for it: `juju run` (Juju 2: `juju run-action`).
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model) -> Result<(), charmtest::juju::JujuError> {
    /// let task = model.run_action("db/leader", "create-backup").param("keep", 3).await?;
    /// assert_eq!(task.result("status"), Some("finished"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it fails with [`JujuError::Task`], which holds message and results, if the action does not complete;
    /// with [`JujuError::TimedOut`] if it takes longer than 10 minutes or the limit given; and if Juju knows neither such a
    /// unit nor such an action.
    pub fn run_action<U>(&self, unit: U, action: impl Into<String>) -> RunAction
    where
        U: TryInto<UnitName>,
        NameError: From<U::Error>,
    {
        RunAction {
            model: self.clone(),
            unit: unit.try_into().map_err(NameError::from),
            action: action.into(),
            params: Map::new(),
            limit: LIMIT,
        }
    }

    /// Runs a shell command on a unit, or on the leader (`app/leader`), in a hook's context: `juju exec`.
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model) -> Result<(), charmtest::juju::JujuError> {
    /// let hosts = model.exec("web/0", "cat /etc/hosts").await?.stdout;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it fails with [`JujuError::Task`] if the command's exit code is not 0, and otherwise as
    /// [`Model::run_action`] does.
    pub fn exec<U>(&self, unit: U, command: impl Into<String>) -> Exec
    where
        U: TryInto<UnitName>,
        NameError: From<U::Error>,
    {
        Exec {
            model: self.clone(),
            unit: unit.try_into().map_err(NameError::from),
            command: command.into(),
            limit: LIMIT,
        }
    }
}

/// An action about to run: see [`Model::run_action`].
#[must_use = "nothing runs until this is awaited"]
#[derive(Clone, Debug)]
pub struct RunAction {
    model: Model,
    unit: Result<UnitName, NameError>,
    action: String,
    params: Map<String, Value>,
    limit: Duration,
}

impl RunAction {
    /// Sets a parameter: text, a number, a boolean, or any nested value.
    pub fn param(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.params.insert(name.into(), value.into());
        self
    }

    /// Sets parameters.
    pub fn params(mut self, params: impl IntoIterator<Item = (String, Value)>) -> Self {
        self.params.extend(params);
        self
    }

    /// Sets how long the action may take; 10 minutes without it.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    async fn run(self) -> Result<Task, JujuError> {
        let unit = self.unit?;
        let command = if self.model.juju().version().is_2() {
            "run-action"
        } else {
            "run"
        };
        let wait = format!("--wait={}", go_duration(self.limit));
        let call = self.model.call([
            command,
            "--format",
            "json",
            &wait,
            unit.as_str(),
            &self.action,
        ]);
        let call = call.args(param_arguments(&self.params)?);
        let task = run_task(call, self.limit).await?;
        task.checked(|| format!("action {}", self.action))
    }
}

awaitable!(RunAction => Result<Task, JujuError>);

/// A command about to run on a unit: see [`Model::exec`].
#[must_use = "nothing runs until this is awaited"]
#[derive(Clone, Debug)]
pub struct Exec {
    model: Model,
    unit: Result<UnitName, NameError>,
    command: String,
    limit: Duration,
}

impl Exec {
    /// Sets how long the command may take; 10 minutes without it.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    async fn run(self) -> Result<Task, JujuError> {
        let unit = self.unit?;
        let wait = if self.model.juju().version().is_2() {
            "--timeout"
        } else {
            "--wait"
        };
        let call = self
            .model
            .call(["exec", "--format", "json", "--unit", unit.as_str(), wait]);
        // One word: Juju hands it to the shell as it is.
        let call = call.args([&go_duration(self.limit), "--", &self.command]);
        let mut task = run_task(call, self.limit).await?;
        if task.unit.is_empty() {
            task.unit = unit.to_string();
        }
        task.checked(|| format!("command `{}`", self.command))
    }
}

awaitable!(Exec => Result<Task, JujuError>);

/// Returns parameters as `juju run` takes them: it reads each value as YAML, and JSON is YAML. So text stays text (`"5"`) and
/// nested values need no file, which a confined `juju` could not read from everywhere.
fn param_arguments(params: &Map<String, Value>) -> Result<Vec<String>, JujuError> {
    let argument = |(name, value): (&String, &Value)| {
        if name.is_empty() || name.contains(['.', '=']) {
            return Err(JujuError::Unsupported(format!(
                "an action parameter cannot be called `{name}`: `juju run` takes `.` for nesting and `=` for the end of the name"
            )));
        }
        Ok(format!("{name}={value}"))
    };
    params.iter().map(argument).collect()
}

/// Runs a command that waits for a task. Its exit code says nothing alone: 0 also stands for an action that failed or was
/// given to no unit, 1 also for one that ran.
async fn run_task(call: Call, limit: Duration) -> Result<Task, JujuError> {
    let call = call.timeout(limit.saturating_add(MARGIN));
    let command = call.command_line();
    let output = call.await?;
    read_task(&output, command, limit)
}

fn read_task(output: &Output, command: String, limit: Duration) -> Result<Task, JujuError> {
    let stderr = output.stderr.clone();
    // Juju 3 and 4: `timed out waiting for results from: unit a/0`; Juju 2: `timeout reached`
    if !output.success() && (stderr.contains("timed out") || stderr.contains("timeout reached")) {
        return Err(JujuError::TimedOut {
            command,
            limit,
            stderr,
        });
    }
    match parse_tasks(&output.stdout) {
        Ok(Some(task)) => Ok(task),
        Ok(None) if output.success() => Err(JujuError::NotScheduled { command, stderr }),
        Err(error) if output.success() => Err(JujuError::garbage(
            command,
            "the result of a task",
            error,
            &output.stdout,
        )),
        _ => Err(JujuError::Failed {
            command,
            code: output.code,
            stdout: output.stdout.clone(),
            stderr,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn outcome(code: i32, stdout: &str, stderr: &str) -> Result<Task, JujuError> {
        let output = Output {
            code,
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
        };
        read_task(&output, "juju run".to_owned(), Duration::from_secs(60))?
            .checked(|| "action say".to_owned())
    }

    #[test]
    fn success_is_a_status_and_a_return_code_not_an_exit_code() {
        let completed = r#"{"a/0":{"id":"2","results":{"nested":{"a":"1"},"return-code":0,"said":"hi","stdout":"out\n"},
            "status":"completed","unit":"a/0"}}"#;
        let task = outcome(0, completed, "Running operation 1\n").unwrap();
        assert_eq!(
            (task.result("said"), task.result("nested.a")),
            (Some("hi"), Some("1"))
        );
        assert_eq!((task.unit.as_str(), task.stdout.as_str()), ("a/0", "out\n"));

        let failed_with_exit_0 = r#"{"a/0":{"id":"2","message":"boom","results":{"return-code":0,"k":"v"},"status":"failed","unit":"a/0"}}"#;
        let error = outcome(0, failed_with_exit_0, "").unwrap_err();
        assert_eq!(
            error.to_string(),
            "action say on a/0 ended as failed: boom\nresults: {\"k\":\"v\"}"
        );

        let refused = r#"{"a/0":{"id":"9","message":"cannot run \"say\" action: validation failed","status":"error","unit":"a/0"}}"#;
        let error = outcome(0, refused, "").unwrap_err();
        assert_eq!(
            error.to_string(),
            "action say on a/0 ended as error: cannot run \"say\" action: validation failed"
        );

        let exited = r#"{"a/0":{"id":"2","results":{"return-code":3,"stderr":"bad\n"},"status":"completed","unit":"a/0"}}"#;
        let error = outcome(1, exited, "ERROR the following task failed:\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "action say on a/0 ended as completed with code 3\nstderr: bad"
        );
    }

    #[test]
    fn a_task_that_never_ran_is_told_apart_from_one_that_failed() {
        let nowhere = outcome(
            0,
            "",
            "\nOperation 32 failed to schedule any tasks:\nunit \"a/9\" not found\n",
        )
        .unwrap_err();
        assert!(
            matches!(nowhere, JujuError::NotScheduled { .. }),
            "{nowhere:?}"
        );
        assert!(
            nowhere.to_string().contains("unit \"a/9\" not found"),
            "{nowhere}"
        );

        let unknown = outcome(
            1,
            "{}\n",
            "ERROR action \"x\" not defined for unit \"a/0\". (not found)\n",
        )
        .unwrap_err();
        assert!(
            matches!(unknown, JujuError::Failed { code: 1, .. }),
            "{unknown:?}"
        );

        for stderr in [
            "ERROR timed out waiting for results from: unit a/0\n",
            "ERROR timeout reached\n",
        ] {
            let late = outcome(1, "{}\n", stderr).unwrap_err();
            assert!(matches!(late, JujuError::TimedOut { .. }), "{late:?}");
        }

        let garbage = outcome(0, "oops", "").unwrap_err();
        assert!(matches!(garbage, JujuError::Garbage { .. }), "{garbage:?}");
    }

    #[test]
    fn juju_2_is_understood() {
        let action = r#"{"unit-a-0":{"UnitId":"a/0","id":"4","results":{"Stdout":"x\n","ReturnCode":2,"k":"v"},"status":"failed","message":"no"}}"#;
        let error = outcome(0, action, "").unwrap_err();
        let task = error.task().unwrap();
        assert_eq!(
            (task.unit.as_str(), task.return_code, task.stdout.as_str()),
            ("a/0", 2, "x\n")
        );

        let command = r#"[{"UnitId":"a/0","Stdout":"hi\n"}]"#;
        assert_eq!(outcome(0, command, "").unwrap().stdout, "hi\n");
    }

    #[test]
    fn parameters_keep_their_types() {
        let params = json!({"text": "5", "number": 5, "nested": {"list": ["a b", true]}});
        let mut arguments = param_arguments(params.as_object().unwrap()).unwrap();
        // The order depends on a feature of serde_json that another crate of the build may turn on; Juju does not mind.
        arguments.sort();
        assert_eq!(
            arguments,
            [r#"nested={"list":["a b",true]}"#, "number=5", r#"text="5""#]
        );

        let dotted = json!({"a.b": 1});
        assert!(param_arguments(dotted.as_object().unwrap()).is_err());
    }
}
