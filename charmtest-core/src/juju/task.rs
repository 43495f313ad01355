//! What came of an action, or of a command on a unit.

use super::JujuError;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What came of an action, or of a command on a unit.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Task {
    /// Juju's number for it.
    pub id: String,
    /// The unit (or machine) it ran on; the leader, if that was asked for.
    pub unit: String,
    /// `completed`, `failed`, `cancelled`, `aborted`, `error`, ...
    pub status: String,
    /// What the charm said with `action-fail`, or Juju about a failure.
    pub message: String,
    /// What the charm said with `action-set`. Values are strings, or objects for keys with dots.
    pub results: Map<String, Value>,
    /// The exit code of the script.
    pub return_code: i64,
    /// What the script wrote to standard output.
    pub stdout: String,
    /// What the script wrote to standard error.
    pub stderr: String,
    /// What the charm said with `action-log`.
    pub log: Vec<String>,
}

impl Task {
    /// Tells whether it did what was asked: its status is `completed` and its exit code 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.status == "completed" && self.return_code == 0
    }

    /// Returns one of the results as text; nested keys are separated by dots.
    #[must_use]
    pub fn result(&self, key: &str) -> Option<&str> {
        if let Some(value) = self.results.get(key) {
            return value.as_str();
        }
        let mut parts = key.split('.');
        let first = self.results.get(parts.next()?)?;
        parts
            .try_fold(first, |value, part| value.get(part))?
            .as_str()
    }

    /// Returns the results as a type of the test's own. Juju makes a text of every result: where the type has a number or a
    /// boolean, the text is read as one, and where it has a structure or a list, as JSON.
    ///
    /// ```
    /// # fn read(task: &charmtest::juju::Task) -> charmtest::Result {
    /// #[derive(serde::Deserialize)]
    /// #[serde(rename_all = "kebab-case")]
    /// struct Backup {
    ///     backup_id: String,
    ///     size: u64,
    ///     complete: bool,
    /// }
    ///
    /// let backup: Backup = task.parse()?;
    /// assert!(backup.complete);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`JujuError::Results`] if a result is missing or cannot be read as what the type wants there.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, JujuError> {
        super::results::parse(&self.results).map_err(|why| JujuError::Results {
            why: why.to_string(),
            task: Box::new(self.clone()),
        })
    }

    /// Turns a task that failed into the error [`JujuError::Task`].
    pub(crate) fn checked(self, what: impl FnOnce() -> String) -> Result<Self, JujuError> {
        if self.success() {
            return Ok(self);
        }
        Err(JujuError::Task {
            what: what(),
            task: Box::new(self),
        })
    }
}

/// Reads the output of `run`, `exec` (Juju 3 and 4: an object by unit) or `run-action`, `exec` (Juju 2: an object by
/// tag, or a list). Empty if it holds no task at all.
pub(crate) fn parse_all_tasks(text: &str) -> Result<Vec<Task>, serde_json::Error> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    Ok(match serde_json::from_str(text)? {
        Value::Object(tasks) => tasks
            .into_iter()
            .filter(|(_, task)| task.get("status").is_some() || task.get("results").is_some())
            .map(|(target, task)| parse_task(target, &task))
            .collect(),
        Value::Array(tasks) => tasks
            .iter()
            .map(|task| parse_task(String::new(), task))
            .collect(),
        _ => Vec::new(),
    })
}

/// Reads the output of `show-task` (Juju 2: `show-action-output`): one task by itself.
pub(crate) fn parse_one_task(value: &Value) -> Task {
    parse_task(String::new(), value)
}

fn parse_task(target: String, task: &Value) -> Task {
    let text = |names: &[&str]| {
        let value = names.iter().find_map(|name| task.get(*name));
        value.map(plain).unwrap_or_default()
    };
    let mut results = task
        .get("results")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    // A shell command of Juju 2 has these beside its results, not among them.
    let mut take = |names: &[&str]| {
        let among = names.iter().find_map(|name| results.remove(*name));
        among.or_else(|| names.iter().find_map(|name| task.get(*name)).cloned())
    };
    let return_code = take(&["return-code", "ReturnCode", "Code"]);
    let (stdout, stderr) = (take(&["stdout", "Stdout"]), take(&["stderr", "Stderr"]));
    take(&["stdout-encoding", "StdoutEncoding"]);
    take(&["stderr-encoding", "StderrEncoding"]);
    let unit = text(&["unit", "UnitId", "machine", "MachineId"]);
    let status = text(&["status"]);
    Task {
        id: text(&["id"]),
        unit: if unit.is_empty() { target } else { unit },
        // A shell command of Juju 2 has no status: it ran.
        status: if status.is_empty() {
            "completed".to_owned()
        } else {
            status
        },
        message: text(&["message", "Message", "error"]),
        return_code: return_code.as_ref().map_or(0, number),
        stdout: stdout.as_ref().map(plain).unwrap_or_default(),
        stderr: stderr.as_ref().map(plain).unwrap_or_default(),
        log: task
            .get("log")
            .and_then(Value::as_array)
            .map(|lines| lines.iter().map(plain).collect())
            .unwrap_or_default(),
        results,
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn number(value: &Value) -> i64 {
    value
        .as_i64()
        .or_else(|| value.as_str()?.parse().ok())
        .unwrap_or(0)
}
