//! Hook tools: what a charm calls while its hook runs.

use std::path::PathBuf;

use crate::agent::SharedContext;
use crate::model::Hub;

/// The names of all hook tools.
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

/// Runs one hook tool in the context of the hook that called it.
pub fn run(_hub: &Hub, _context: &SharedContext, call: &Call) -> Answer {
    let stderr = format!(
        "ERROR {} is not supported by the embedded controller\n",
        call.name
    )
    .into_bytes();
    Answer::Done {
        code: 1,
        stdout: Vec::new(),
        stderr,
    }
}
