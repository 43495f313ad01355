//! Actions, and commands on units.

use super::config::go_duration;
use super::{Model, awaitable};
use crate::juju::{
    ApplicationName, Call, JujuError, NameError, Output, Task, UnitName, parse_all_tasks,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long an action or a command may take if it is not told.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// How much longer the `juju` program may take than what it waits for.
const MARGIN: Duration = Duration::from_secs(30);

/// Names of units, or why they are none.
type Units = Result<Vec<UnitName>, NameError>;

impl Model {
    /// Runs an action on a unit, or on the leader (`app/leader`), and waits for it: `juju run` (Juju 2: `juju run-action`).
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model) -> charmtest::Result {
    /// let task = model.run_action("db/leader", "create-backup").param("keep", 3).await?;
    /// assert_eq!(task.result("status"), Some("finished"));
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Backup { id: String, size: u64 }
    /// let backup: Backup = task.parse()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it fails with [`JujuError::Task`], which holds message and results, if the action does not complete (not if
    /// it is [unchecked](RunAction::unchecked)); with [`JujuError::TimedOut`] if it takes longer than 10 minutes or the limit
    /// given; with [`JujuError::NotScheduled`] if Juju knows no such unit or action.
    pub fn run_action<U>(&self, unit: U, action: impl Into<String>) -> RunAction
    where
        U: TryInto<UnitName>,
        NameError: From<U::Error>,
    {
        RunAction(self.run_action_on_units([unit], action))
    }

    /// Runs an action on several units of one application and waits for all of them, as [`Model::run_action`] for one.
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model) -> charmtest::Result {
    /// for task in model.run_action_on_units(["db/0", "db/1"], "flush").await? {
    ///     assert_eq!(task.result("flushed"), Some("yes"), "on {}", task.unit);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it fails as [`Model::run_action`] does, with the first task that did not complete.
    pub fn run_action_on_units<I>(&self, units: I, action: impl Into<String>) -> RunActionOnUnits
    where
        I: IntoIterator,
        I::Item: TryInto<UnitName>,
        NameError: From<<I::Item as TryInto<UnitName>>::Error>,
    {
        RunActionOnUnits {
            model: self.clone(),
            units: unit_names(units),
            action: action.into(),
            params: Map::new(),
            limit: LIMIT,
            checked: true,
        }
    }

    /// Returns the actions of an application with their descriptions: `juju actions`.
    ///
    /// # Errors
    ///
    /// If there is no such application.
    pub async fn actions(&self, application: &str) -> Result<BTreeMap<String, String>, JujuError> {
        ApplicationName::parse(application)?;
        let call = self.call(["actions", application, "--format", "json"]);
        call.read("a list of actions").await
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
    /// Awaiting it fails with [`JujuError::Task`] if the command's exit code is not 0 (not if it is
    /// [unchecked](Exec::unchecked)), and otherwise as [`Model::run_action`] does.
    pub fn exec<U>(&self, unit: U, command: impl Into<String>) -> Exec
    where
        U: TryInto<UnitName>,
        NameError: From<U::Error>,
    {
        Exec(self.exec_on_units([unit], command))
    }

    /// Runs a shell command on several units, as [`Model::exec`] on one.
    ///
    /// # Errors
    ///
    /// Awaiting it fails as [`Model::exec`] does, with the first task that did not succeed.
    pub fn exec_on_units<I>(&self, units: I, command: impl Into<String>) -> ExecOnUnits
    where
        I: IntoIterator,
        I::Item: TryInto<UnitName>,
        NameError: From<<I::Item as TryInto<UnitName>>::Error>,
    {
        let names = unit_names(units).map(|units| {
            let units: Vec<&str> = units.iter().map(UnitName::as_str).collect();
            units.join(",")
        });
        self.exec_on("--unit", names, command)
    }

    /// Runs a shell command on all units of an application, as [`Model::exec`] on one.
    ///
    /// # Errors
    ///
    /// Awaiting it fails as [`Model::exec`] does, with the first task that did not succeed.
    pub fn exec_on_application(
        &self,
        application: &str,
        command: impl Into<String>,
    ) -> ExecOnUnits {
        let name = ApplicationName::parse(application).map(|name| name.to_string());
        self.exec_on("--application", name, command)
    }

    /// Runs a shell command on a machine, outside of any hook: `juju exec --machine`.
    ///
    /// # Errors
    ///
    /// Awaiting it fails as [`Model::exec`] does, and always in Kubernetes.
    pub fn exec_on_machine(&self, machine: &str, command: impl Into<String>) -> Exec {
        Exec(self.exec_on("--machine", Ok(machine.to_owned()), command))
    }

    fn exec_on(
        &self,
        option: &'static str,
        target: Result<String, NameError>,
        command: impl Into<String>,
    ) -> ExecOnUnits {
        ExecOnUnits {
            model: self.clone(),
            option,
            target,
            command: command.into(),
            limit: LIMIT,
            checked: true,
        }
    }
}

fn unit_names<I>(units: I) -> Units
where
    I: IntoIterator,
    I::Item: TryInto<UnitName>,
    NameError: From<<I::Item as TryInto<UnitName>>::Error>,
{
    let name = |unit: I::Item| unit.try_into().map_err(NameError::from);
    units.into_iter().map(name).collect()
}

/// What a builder for one unit shares with that for several.
macro_rules! one_of_several {
    ($one:ident, $several:ident) => {
        impl $one {
            /// Sets how long it may take; 10 minutes without it.
            pub fn timeout(mut self, limit: Duration) -> Self {
                self.0.limit = limit;
                self
            }

            /// Makes a failure part of the [`Task`] instead of an error.
            pub fn unchecked(mut self) -> Self {
                self.0.checked = false;
                self
            }

            async fn run(self) -> Result<Task, JujuError> {
                let (tasks, command, stderr) = self.0.run_all().await?;
                let first = tasks.into_iter().next();
                first.ok_or(JujuError::NotScheduled { command, stderr })
            }
        }

        awaitable!($one => Result<Task, JujuError>);

        impl $several {
            /// Sets how long it may take; 10 minutes without it.
            pub fn timeout(mut self, limit: Duration) -> Self {
                self.limit = limit;
                self
            }

            /// Makes failures part of the [`Task`]s instead of an error.
            pub fn unchecked(mut self) -> Self {
                self.checked = false;
                self
            }

            async fn run(self) -> Result<Vec<Task>, JujuError> {
                Ok(self.run_all().await?.0)
            }
        }

        awaitable!($several => Result<Vec<Task>, JujuError>);
    };
}

/// An action about to run: see [`Model::run_action`].
#[must_use = "nothing runs until this is awaited"]
#[derive(Clone, Debug)]
pub struct RunAction(RunActionOnUnits);

impl RunAction {
    /// Sets a parameter: text, a number, a boolean, or any nested value.
    pub fn param(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0 = self.0.param(name, value);
        self
    }

    /// Sets parameters.
    pub fn params(mut self, params: impl IntoIterator<Item = (String, Value)>) -> Self {
        self.0 = self.0.params(params);
        self
    }

    /// Starts the action without waiting for it: `juju run --background` (Juju 2: `juju run-action` without `--wait`).
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model) -> charmtest::Result {
    /// let backup = model.run_action("db/0", "create-backup").start().await?;
    /// model.remove_unit("db/1").await?;
    /// assert_eq!(backup.wait().await?.result("status"), Some("finished"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If Juju knows no such unit or action.
    pub async fn start(self) -> Result<super::PendingTask, JujuError> {
        let run = self.0;
        let call = run.model.call([run.command()]);
        let call = if run.model.juju().version().is_2() {
            call.args(["--format", "json"])
        } else {
            call.arg("--background")
        };
        let what = format!("action {}", run.action);
        let (model, limit) = (run.model.clone(), run.limit);
        super::PendingTask::started(model, run.complete(call)?, what, limit).await
    }
}

/// An action about to run on several units: see [`Model::run_action_on_units`].
#[must_use = "nothing runs until this is awaited"]
#[derive(Clone, Debug)]
pub struct RunActionOnUnits {
    model: Model,
    units: Units,
    action: String,
    params: Map<String, Value>,
    limit: Duration,
    checked: bool,
}

impl RunActionOnUnits {
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

    fn command(&self) -> &'static str {
        self.model.spelled("run-action", "run")
    }

    /// Appends units, action and parameters.
    fn complete(self, call: Call) -> Result<Call, JujuError> {
        let units = self.units?;
        let call = call.args(units.iter().map(UnitName::as_str));
        Ok(call.arg(self.action).args(param_arguments(&self.params)?))
    }

    async fn run_all(self) -> Result<(Vec<Task>, String, String), JujuError> {
        let wait = format!("--wait={}", go_duration(self.limit));
        let call = self.model.call([self.command(), "--format", "json", &wait]);
        let what = format!("action {}", self.action);
        let (limit, checked) = (self.limit, self.checked);
        run_tasks(self.complete(call)?, limit, checked, &what).await
    }
}

one_of_several!(RunAction, RunActionOnUnits);

/// A command about to run on a unit or a machine: see [`Model::exec`].
#[must_use = "nothing runs until this is awaited"]
#[derive(Clone, Debug)]
pub struct Exec(ExecOnUnits);

/// A command about to run on several units: see [`Model::exec_on_units`].
#[must_use = "nothing runs until this is awaited"]
#[derive(Clone, Debug)]
pub struct ExecOnUnits {
    model: Model,
    option: &'static str,
    target: Result<String, NameError>,
    command: String,
    limit: Duration,
    checked: bool,
}

impl ExecOnUnits {
    async fn run_all(self) -> Result<(Vec<Task>, String, String), JujuError> {
        let target = self.target?;
        let wait = self.model.spelled("--timeout", "--wait");
        let call = self
            .model
            .call(["exec", "--format", "json", self.option, &target, wait]);
        // One word: Juju hands it to the shell as it is.
        let call = call.args([&go_duration(self.limit), "--", &self.command]);
        let what = format!("command `{}`", self.command);
        let (mut tasks, command, stderr) = run_tasks(call, self.limit, false, &what).await?;
        for task in &mut tasks {
            if task.unit.is_empty() {
                task.unit.clone_from(&target);
            }
        }
        if self.checked {
            tasks = check_all(tasks, &what)?;
        }
        Ok((tasks, command, stderr))
    }
}

one_of_several!(Exec, ExecOnUnits);

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

/// Runs a command that waits for tasks, and returns them, with the command line and what it said. Its exit code says
/// nothing alone: 0 also stands for an action that failed or was given to no unit, 1 also for one that ran.
async fn run_tasks(
    call: Call,
    limit: Duration,
    checked: bool,
    what: &str,
) -> Result<(Vec<Task>, String, String), JujuError> {
    let call = call.timeout(limit.saturating_add(MARGIN));
    let command = call.command_line();
    let output = call.await?;
    let mut tasks = read_tasks(&output, &command, limit)?;
    if checked {
        tasks = check_all(tasks, what)?;
    }
    Ok((tasks, command, output.stderr))
}

fn check_all(tasks: Vec<Task>, what: &str) -> Result<Vec<Task>, JujuError> {
    let check = |task: Task| task.checked(|| what.to_owned());
    tasks.into_iter().map(check).collect()
}

/// Reads what a command that waits for tasks left behind: at least one task.
pub(super) fn read_tasks(
    output: &Output,
    command: &str,
    limit: Duration,
) -> Result<Vec<Task>, JujuError> {
    let stderr = output.stderr.clone();
    let command = command.to_owned();
    // Juju 3 and 4: `timed out waiting for results from: unit a/0`; Juju 2: `timeout reached`
    if !output.success() && (stderr.contains("timed out") || stderr.contains("timeout reached")) {
        return Err(JujuError::TimedOut {
            command,
            limit,
            stderr,
        });
    }
    // Juju 3 and 4, for units some of which are not there: exit code 0, and the tasks of the others
    if stderr.contains("could not be scheduled") {
        return Err(JujuError::NotScheduled { command, stderr });
    }
    match parse_all_tasks(&output.stdout) {
        Ok(tasks) if !tasks.is_empty() => Ok(tasks),
        // Juju 3: exit code 0 and no output; Juju 4 also, for a unit that is not there
        Ok(_) if output.success() => Err(JujuError::NotScheduled { command, stderr }),
        // Juju 4, for an action that is not there: `action "x" not defined for unit "a/0". (not found)`
        Ok(_) if stderr.contains("not defined for unit") => {
            Err(JujuError::NotScheduled { command, stderr })
        }
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
        let tasks = read_tasks(&output, "juju run", Duration::from_secs(60))?;
        Ok(check_all(tasks, "action say")?.remove(0))
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
            matches!(unknown, JujuError::NotScheduled { .. }),
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
