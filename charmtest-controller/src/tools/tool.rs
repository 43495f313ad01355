//! What a hook tool is: a row in a table, and a function without side effects outside the context.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::format::Shown;
use crate::agent::HookContext;
use crate::flags::{Flag, FlagError, Kind, Parsed};
use crate::model::{LogLevel, Model, Rejected, RelationId, SecretId, Workload};
use crate::secret_content::ReadFile;

/// A hook tool.
#[derive(Debug)]
pub(super) struct Tool {
    /// Its name.
    pub(super) name: &'static str,
    /// What stands after the options, for the help: `[<key>]`.
    pub(super) arguments: &'static str,
    /// What it does, for the help.
    pub(super) summary: &'static str,
    /// Its options, without those of [`Tool::output`].
    pub(super) flags: &'static [Flag],
    /// What comes out of it.
    pub(super) output: OutputKind,
    /// Runs it.
    pub(super) run: fn(&mut Scene<'_>, &Parsed) -> Result<Answered, ToolError>,
}

/// What comes out of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutputKind {
    /// Nothing, or text as it is: there are no options for the output.
    Plain,
    /// A value in `smart` (the default), `yaml` or `json`.
    Smart,
    /// A value in `yaml` (the default) or `json`.
    Yaml,
    /// Nothing; `--format` is accepted and warned about.
    Deprecated,
}

/// What a tool sees.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    /// The context of the hook.
    pub(super) context: &'a mut HookContext,
    /// The model as it is now; [`HookContext::base`] is the model as it was when the hook began.
    pub(super) model: &'a Model,
    /// The text that `--file` names, if it was given.
    pub(super) file: Option<String>,
    /// The time.
    pub(super) now: Timestamp,
    /// Reads a file that the agent opens, not the caller.
    pub(super) read_file: ReadFile,
}

/// What a tool answers, and what has to be done at once for it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Answered {
    /// What it prints.
    pub(super) shown: Option<Shown>,
    /// What must happen before the tool has succeeded.
    pub(super) effect: Option<Effect>,
}

/// What a tool does at once, whatever becomes of the hook.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Effect {
    /// Set the unit's workload status.
    UnitStatus(Workload, String),
    /// Set the application's status, as its leader.
    ApplicationStatus(Workload, String),
    /// Set the workload version.
    WorkloadVersion(String),
    /// Change the leader settings, as the leader.
    LeaderSettings(BTreeMap<String, String>),
    /// Add to the running task's log.
    ActionLog(String),
    /// Write to the model's log.
    Log(Vec<(LogLevel, String)>),
    /// Note which revision of a secret the unit reads from now on, and its label for it.
    TrackSecret {
        /// The secret.
        id: SecretId,
        /// The revision, if it changes.
        revision: Option<u32>,
        /// The label, if one was given.
        label: Option<String>,
    },
    /// Bring a resource to the unit and print its path.
    FetchResource(String),
    /// Kill the hook, reboot the machine, run the hook again.
    KillHook,
}

/// Why a tool fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToolError {
    /// The exit code: 2 for a command line that cannot be right, else 1.
    pub(super) code: u8,
    /// What is printed after `ERROR`.
    pub(super) message: String,
}

impl ToolError {
    /// Makes the error of a command line that cannot be right.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self {
            code: 2,
            message: message.into(),
        }
    }

    /// Makes the error of a tool that was called properly.
    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self {
            code: 1,
            message: message.into(),
        }
    }
}

impl From<FlagError> for ToolError {
    fn from(error: FlagError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<Rejected> for ToolError {
    fn from(error: Rejected) -> Self {
        Self::failed(error.to_string())
    }
}

impl Answered {
    /// Answers with a value whose keys are sorted.
    pub(super) fn value(value: impl Into<Value>) -> Self {
        Self {
            shown: Some(Shown::Map(value.into())),
            effect: None,
        }
    }

    /// Answers with nothing.
    pub(super) fn nothing() -> Self {
        Self::default()
    }

    /// Answers with nothing once `effect` has happened.
    pub(super) fn after(effect: Effect) -> Self {
        Self {
            shown: None,
            effect: Some(effect),
        }
    }
}

/// `-r` and `--relation`, of the tools that take a relation id.
pub(super) const RELATION: Flag = Flag::text(&["r", "relation"], "The relation, by its id");

/// `--file`, of the tools that read keys and values.
pub(super) const FILE: Flag = Flag::text(
    &["file"],
    "A YAML file with keys and values; - is standard input",
);

/// `--help`, of all tools.
pub(super) const HELP: Flag = Flag::switch(&["h", "help"], "Show this help");

const SMART: &[Flag] = &[
    Flag::of(
        Kind::Format(&["json", "smart", "yaml"]),
        &["format"],
        "The output format (json|smart|yaml)",
    ),
    Flag::text(&["o", "output"], "Write to this file"),
];

const YAML: &[Flag] = &[
    Flag::of(
        Kind::Format(&["json", "yaml"]),
        &["format"],
        "The output format (json|yaml)",
    ),
    Flag::text(&["o", "output"], "Write to this file"),
];

const DEPRECATED: &[Flag] = &[Flag::text(&["format"], "Deprecated, without effect")];

impl OutputKind {
    /// Returns the options that go with this kind of output.
    pub(super) fn flags(self) -> &'static [Flag] {
        match self {
            Self::Plain => &[],
            Self::Smart => SMART,
            Self::Yaml => YAML,
            Self::Deprecated => DEPRECATED,
        }
    }

    /// Returns the name of the default format.
    pub(super) fn default_format(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            _ => "smart",
        }
    }
}

/// Refuses positional arguments past the first `count`.
pub(super) fn at_most(parsed: &Parsed, count: usize) -> Result<(), ToolError> {
    match parsed.positionals.get(count..) {
        None | Some([]) => Ok(()),
        Some(extra) => Err(ToolError::usage(format!(
            "unrecognized args: {}",
            quoted_list(extra)
        ))),
    }
}

/// Takes `key=value` arguments apart; white space around keys and values does not count (Juju 3.6).
///
/// # Errors
///
/// Fails when an argument has no key or no `=`, and when a key comes twice.
pub(super) fn key_values(arguments: &[String]) -> Result<BTreeMap<String, String>, ToolError> {
    let mut pairs = BTreeMap::new();
    for argument in arguments {
        let pair = argument
            .split_once('=')
            .map(|(key, value)| (key.trim(), value.trim()));
        let Some((key, value)) = pair.filter(|(key, _)| !key.is_empty()) else {
            return Err(ToolError::usage(format!(
                "expected \"key=value\", got {argument:?}"
            )));
        };
        if pairs.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(ToolError::usage(format!(
                "key {key:?} specified more than once"
            )));
        }
    }
    Ok(pairs)
}

/// Returns the argument that is a key; none, and `-`, stand for all keys.
pub(super) fn optional_key(argument: Option<&String>) -> Option<&str> {
    argument
        .map(String::as_str)
        .filter(|key| !key.is_empty() && *key != "-")
}

impl Scene<'_> {
    /// Returns the relation that `-r` names, or that of the relation hook, if there is one.
    ///
    /// # Errors
    ///
    /// Fails in Juju's words when `-r` names none that the unit is in.
    pub(super) fn relation_id(&self, parsed: &Parsed) -> Result<Option<RelationId>, ToolError> {
        let Some(text) = parsed.text("relation") else {
            return Ok(self.context.relation().map(|hook| hook.relation));
        };
        let spelled = parsed.spelled("relation").unwrap_or("-r");
        let wrong = |why: &str| {
            ToolError::usage(format!(
                "invalid value {text:?} for option {spelled}: {why}"
            ))
        };
        // What stands before the colon is for people: Juju does not look at it.
        let number = text.rsplit(':').next().unwrap_or_default();
        let id: RelationId = number.parse().map_err(|_| wrong("invalid relation id"))?;
        if knows_relation(self.context, id) {
            return Ok(Some(id));
        }
        Err(wrong("relation not found"))
    }

    /// Returns the relation as [`Scene::relation_id`] does, for tools that cannot do without.
    pub(super) fn require_relation(&self, parsed: &Parsed) -> Result<RelationId, ToolError> {
        self.relation_id(parsed)?
            .ok_or_else(|| ToolError::usage("no relation id specified"))
    }

    /// Says whether the unit leads its application now.
    pub(super) fn is_leader(&self) -> bool {
        self.model.is_leader(&self.context.unit)
    }
}

/// Says whether the unit is in the relation: it entered it and has not left yet. A relation hook is about such a relation anyway.
pub(super) fn knows_relation(context: &HookContext, id: RelationId) -> bool {
    let Some(relation) = context.base.relations.get(&id) else {
        return false;
    };
    let current = context.relation().is_some_and(|hook| hook.relation == id);
    current
        || relation
            .members
            .get(&context.unit)
            .is_some_and(|member| member.in_scope)
}

fn quoted_list(items: &[String]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| format!("{item:?}")).collect();
    format!("[{}]", quoted.join(", "))
}
