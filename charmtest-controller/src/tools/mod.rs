//! Hook tools: what a charm calls while its hook runs.
//!
//! A tool is a row of a table (`tool::Tool`) and a function that reads the hook's context and the model and changes nothing but
//! the context. What has to happen at once (a status, a log line) the function only asks for (`tool::Effect`); everything else
//! waits in the context until the hook has succeeded and [`flush`] writes it. [`run`] is the edge around that: it reads `--file`,
//! takes the context's lock, formats, and writes `--output`.

mod actions;
mod config;
mod effect;
mod flush;
mod format;
mod goal_state;
mod help;
mod log;
mod network;
mod ports;
mod relation_read;
mod relation_write;
mod resources;
mod secret_flush;
mod secret_read;
#[cfg(test)]
mod secret_tests;
mod secret_write;
mod state;
mod status;
mod storage;
mod tool;

#[cfg(test)]
mod replay;
#[cfg(test)]
mod testing;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use crate::JujuVersion;
use crate::agent::SharedContext;
use crate::flags::{self, Flag, Parsed, Placement};
use crate::model::Hub;
use crate::protocol::LIMIT;

pub(crate) use secret_read::time as secret_time;

pub use flush::{flush, network_settings, refresh_network};
use format::{Format, Shown};
use tool::{HELP, OutputKind, Scene, Tool, ToolError};

/// The names of all hook tools of all versions of Juju that we speak as.
pub const NAMES: &[&str] = &[
    "action-fail",
    "action-get",
    "action-log",
    "action-set",
    "application-version-set",
    "close-port",
    "config-get",
    "credential-get",
    "goal-state",
    "is-leader",
    "juju-log",
    "juju-reboot",
    "k8s-raw-get",
    "k8s-raw-set",
    "k8s-spec-get",
    "k8s-spec-set",
    "leader-get",
    "leader-set",
    "network-get",
    "open-port",
    "opened-ports",
    "payload-register",
    "payload-status-set",
    "payload-unregister",
    "pod-spec-get",
    "pod-spec-set",
    "relation-get",
    "relation-ids",
    "relation-list",
    "relation-model-get",
    "relation-set",
    "resource-get",
    "secret-add",
    "secret-get",
    "secret-grant",
    "secret-ids",
    "secret-info-get",
    "secret-remove",
    "secret-revoke",
    "secret-set",
    "state-delete",
    "state-get",
    "state-set",
    "status-get",
    "status-set",
    "storage-add",
    "storage-get",
    "storage-list",
    "unit-get",
];

/// Hook tools that Juju 4.0 dropped.
const ONLY_3_6: &[&str] = &[
    "k8s-raw-get",
    "k8s-raw-set",
    "k8s-spec-get",
    "k8s-spec-set",
    "leader-get",
    "leader-set",
    "payload-register",
    "payload-status-set",
    "payload-unregister",
    "pod-spec-get",
    "pod-spec-set",
];

/// Returns the names of the hook tools of `juju`.
pub fn names(juju: JujuVersion) -> impl Iterator<Item = &'static str> {
    let all = NAMES.iter().copied();
    all.filter(move |name| juju == JujuVersion::V3_6 || !ONLY_3_6.contains(name))
}

/// One call of a hook tool.
#[derive(Debug, Clone)]
pub struct Call {
    /// The tool.
    pub name: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// The caller's working directory: relative file names start there.
    pub cwd: PathBuf,
    /// Standard input, once it was asked for.
    pub stdin: Option<Vec<u8>>,
}

/// What comes of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The tool reads standard input: call again with it. Nothing was changed yet.
    NeedsStdin,
    /// The tool is done.
    Done {
        /// The exit code.
        code: u8,
        /// For standard output.
        stdout: Vec<u8>,
        /// For standard error.
        stderr: Vec<u8>,
    },
}

/// The tools by family.
const FAMILIES: &[&[Tool]] = &[
    actions::TOOLS,
    config::TOOLS,
    goal_state::TOOLS,
    log::TOOLS,
    network::TOOLS,
    ports::TOOLS,
    relation_read::TOOLS,
    relation_write::TOOLS,
    resources::TOOLS,
    secret_read::TOOLS,
    secret_write::TOOLS,
    state::TOOLS,
    status::TOOLS,
    storage::TOOLS,
];

/// Runs one hook tool in the context of the hook that called it.
///
/// Tools of one context run one at a time. A tool whose `--file` is standard input answers [`Answer::NeedsStdin`] first.
pub fn run(hub: &Hub, context: &SharedContext, call: &Call) -> Answer {
    let juju = hub.data.juju();
    let Some(tool) = find(&call.name).filter(|tool| names(juju).any(|name| name == tool.name))
    else {
        return unknown(&call.name, juju);
    };
    let parsed = match parse(tool, &call.args) {
        Ok(parsed) if parsed.switch("help") => return done(help::help(tool)),
        Ok(parsed) => parsed,
        Err(error) => return failed(&error),
    };
    if parsed.text("file") == Some("-") && call.stdin.is_none() && !reads_own_files(tool) {
        return Answer::NeedsStdin;
    }
    let answer = run_parsed(hub, context, call, tool, &parsed);
    match answer {
        Ok(stdout) => Answer::Done {
            code: 0,
            stdout: stdout.into_bytes(),
            stderr: warnings(tool, &parsed).into_bytes(),
        },
        Err(error) => failed(&error),
    }
}

fn run_parsed(
    hub: &Hub,
    context: &SharedContext,
    call: &Call,
    tool: &Tool,
    parsed: &Parsed,
) -> Result<String, ToolError> {
    let file = match reads_own_files(tool) {
        true => None,
        false => read_file(call, parsed)?,
    };
    let mut context = context.lock().unwrap_or_else(PoisonError::into_inner);
    let context = context.as_mut().ok_or_else(|| {
        ToolError::failed("bad request: wrong context ID; the hook of this one has ended")
    })?;
    let model = hub.model(&context.model);
    let model =
        model.ok_or_else(|| ToolError::failed(format!("model {} not found", context.model)))?;
    let answered = (tool.run)(
        &mut Scene {
            context,
            model: &model,
            file,
            now: hub.now(),
            read_file: read_for_agent,
        },
        parsed,
    )?;
    if let Some(effect) = answered.effect {
        let said = effect::apply(hub, context, effect)?;
        if answered.shown.is_none() {
            return Ok(said);
        }
    }
    let text = print(tool, parsed, answered.shown.as_ref());
    match parsed.text("output") {
        Some(path) if !path.is_empty() => {
            write_output(&call.cwd, path, &text).map(|()| String::new())
        }
        _ => Ok(text),
    }
}

fn find(name: &str) -> Option<&'static Tool> {
    FAMILIES
        .iter()
        .flat_map(|family| family.iter())
        .find(|tool| tool.name == name)
}

fn parse(tool: &Tool, args: &[String]) -> Result<Parsed, ToolError> {
    let flags: Vec<&Flag> = tool
        .flags
        .iter()
        .chain(tool.output.flags())
        .chain([&HELP])
        .collect();
    Ok(flags::parse(
        flags.iter().copied(),
        Placement::Anywhere,
        args,
    )?)
}

fn print(tool: &Tool, parsed: &Parsed, shown: Option<&Shown>) -> String {
    let Some(shown) = shown else {
        return String::new();
    };
    let name = parsed
        .text("format")
        .unwrap_or(tool.output.default_format());
    Format::parse(name).unwrap_or(Format::Smart).print(shown)
}

/// Returns what Juju says on standard error although the tool succeeded; it ends without a line break there, too.
fn warnings(tool: &Tool, parsed: &Parsed) -> String {
    if tool.output == OutputKind::Deprecated && parsed.is_set("format") {
        return format!("--format flag deprecated for command {:?}", tool.name);
    }
    String::new()
}

/// Says whether the tool reads files by itself: those of secrets are the agent's to open, not the caller's.
fn reads_own_files(tool: &Tool) -> bool {
    matches!(tool.name, "secret-add" | "secret-set")
}

/// Reads a file as a real agent would, whose working directory is the root.
fn read_for_agent(path: &Path) -> io::Result<Vec<u8>> {
    read_regular(&Path::new("/").join(path))
}

/// Reads what `--file` names, before the context is locked.
fn read_file(call: &Call, parsed: &Parsed) -> Result<Option<String>, ToolError> {
    let Some(name) = parsed.text("file").filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let bytes = match (&call.stdin, name) {
        (Some(stdin), "-") => stdin.clone(),
        _ => {
            let path = call.cwd.join(name);
            read_regular(&path).map_err(|error| open_error(&path, &error))?
        }
    };
    let text = String::from_utf8(bytes)
        .map_err(|_| ToolError::failed(format!("{name}: not UTF-8 text")))?;
    Ok(Some(text))
}

/// Reads a regular file: a pipe could make the controller wait for ever.
fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    let limit = LIMIT as u64;
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other("file too large"));
    }
    Ok(bytes)
}

fn write_output(cwd: &Path, name: &str, text: &str) -> Result<(), ToolError> {
    let path = cwd.join(name);
    fs::write(&path, text).map_err(|error| open_error(&path, &error))
}

fn open_error(path: &Path, error: &io::Error) -> ToolError {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => error.to_string(),
    };
    ToolError::failed(format!("open {}: {why}", path.display()))
}

fn unknown(name: &str, juju: JujuVersion) -> Answer {
    let message = match names(juju).any(|known| known == name) {
        true => format!("{name} is not supported by the embedded controller"),
        false => format!("bad request: unknown command: {name}"),
    };
    failed(&ToolError::failed(message))
}

fn done(stdout: String) -> Answer {
    Answer::Done {
        code: 0,
        stdout: stdout.into_bytes(),
        stderr: Vec::new(),
    }
}

fn failed(error: &ToolError) -> Answer {
    let stderr = format!("ERROR {}\n", error.message).into_bytes();
    Answer::Done {
        code: error.code,
        stdout: Vec::new(),
        stderr,
    }
}

#[cfg(test)]
mod tests {
    use super::testing::World;
    use super::*;

    #[test]
    fn a_tool_that_outlives_its_hook_changes_nothing() {
        let world = World::new();
        let before = world.model();
        world.leave();
        for line in ["status-set blocked late", "relation-ids ring"] {
            let (code, stdout, stderr) = world.run(line);
            assert_eq!((code, stdout.as_str()), (1, ""), "{line}");
            assert!(stderr.contains("wrong context ID"), "{line}: {stderr}");
        }
        assert_eq!(world.model(), before);
    }

    #[test]
    fn every_tool_answers_or_says_that_it_is_not_supported() {
        let world = World::new();
        let supported: Vec<&str> = FAMILIES
            .iter()
            .flat_map(|family| family.iter())
            .map(|tool| tool.name)
            .collect();
        assert!(supported.iter().all(|name| NAMES.contains(name)));
        for name in NAMES.iter().filter(|name| !supported.contains(name)) {
            let expected = format!("ERROR {name} is not supported by the embedded controller\n");
            assert_eq!(world.run(name), (1, String::new(), expected));
            assert!(
                ["secret-", "k8s-", "pod-spec-", "payload-"]
                    .iter()
                    .any(|family| name.starts_with(family)),
                "{name}"
            );
        }
        assert_eq!(
            world.run("jujuc"),
            (
                1,
                String::new(),
                "ERROR bad request: unknown command: jujuc\n".to_owned()
            )
        );
    }

    #[test]
    fn juju_4_0_has_no_leader_settings() {
        let world = World::of(JujuVersion::V4_0);
        for name in ["leader-get", "leader-set"] {
            let expected = format!("ERROR bad request: unknown command: {name}\n");
            assert_eq!(world.run(name), (1, String::new(), expected));
        }
        assert_eq!(World::new().run("leader-get").0, 0);
    }

    #[test]
    fn help_lists_the_options() {
        let world = World::new();
        let expected = "Usage: relation-list [options]\n\nSummary:\nLists the units on the other side of a relation.\n\nOptions:\n--app (= false)\n    Show the application, not its units\n--format (= smart)\n    The output format (json|smart|yaml)\n-o, --output (= \"\")\n    Write to this file\n-r, --relation (= \"\")\n    The relation, by its id\n";
        world.check(&[("relation-list --help", 0, expected, "")]);
        assert!(
            world
                .run("action-fail -h")
                .1
                .starts_with("Usage: action-fail [\"<message>\"]\n")
        );
    }

    #[test]
    fn output_goes_to_a_file_of_the_caller() {
        let world = World::new();
        world.check(&[(
            "is-leader --output sub/out",
            1,
            "",
            &format!(
                "ERROR open {}/sub/out: no such file or directory\n",
                world.cwd().display()
            ),
        )]);
        world.check(&[("is-leader -o out --format json", 0, "", "")]);
        assert_eq!(
            fs::read_to_string(world.cwd().join("out")).unwrap(),
            "true\n"
        );
    }

    #[test]
    fn a_model_that_is_gone_is_an_error() {
        let world = World::new();
        let uuid = world.model().info.uuid.clone();
        let _ = world
            .hub
            .transact(|state| Ok::<_, std::convert::Infallible>(state.models.remove(&uuid)));
        world.check(&[(
            "is-leader",
            1,
            "",
            &format!("ERROR model {uuid} not found\n"),
        )]);
    }
}
