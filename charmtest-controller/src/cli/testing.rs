//! Running whole commands in tests, in this process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

use super::Io;
use crate::JujuVersion;
use crate::model::{Clock, Hub, Timing, Touched};
use crate::paths::DataDir;
use crate::protocol::{Frame, Kind, Request};

/// A controller in a directory of its own without agents: what a command did stays as it is.
pub(super) struct Controller {
    pub(super) hub: Arc<Hub>,
    pub(super) dir: TempDir,
    pub(super) runtime: Runtime,
    clock: Arc<Mutex<Timestamp>>,
    env: BTreeMap<String, String>,
    _touched: mpsc::UnboundedReceiver<Touched>,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) code: u8,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Outcome {
    /// Returns standard output as JSON.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts that the command went well and returns it.
    #[track_caller]
    pub(super) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

impl Controller {
    /// Makes a controller without models whose clock stands at 2025-11-21 22:58:04 UTC; clients are in `TZ=UTC`.
    pub(super) fn new() -> Self {
        Self::of(JujuVersion::V3_6)
    }

    /// Makes one that speaks as `juju`.
    pub(super) fn of(juju: JujuVersion) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open_for(&dir.path().join("data"), Some(juju)).unwrap();
        let clock = Arc::new(Mutex::new("2025-11-21T22:58:04Z".parse().unwrap()));
        let (hub, touched) =
            Hub::open(data, Clock::Manual(Arc::clone(&clock)), Timing::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let env = BTreeMap::from([("TZ".to_owned(), "UTC".to_owned())]);
        Self {
            hub,
            dir,
            runtime,
            clock,
            env,
            _touched: touched,
        }
    }

    /// Makes a controller with the current model `m`.
    pub(super) fn with_model() -> Self {
        Self::with_model_of(JujuVersion::V3_6)
    }

    /// Makes a controller that speaks as `juju`, with the current model `m`.
    pub(super) fn with_model_of(juju: JujuVersion) -> Self {
        let controller = Self::of(juju);
        controller.juju("add-model m").ok();
        controller
    }

    /// Sets a variable of the clients to come.
    pub(super) fn set_env(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
    }

    /// Lets time pass.
    pub(super) fn advance(&self, seconds: i64) {
        let mut now = self.clock.lock().unwrap();
        *now += jiff::SignedDuration::from_secs(seconds);
    }

    /// Runs a command given as words separated by spaces; its standard input is empty.
    pub(super) fn juju(&self, line: &str) -> Outcome {
        let args: Vec<&str> = line.split_whitespace().collect();
        self.run(&args, "")
    }

    /// Runs a command with `stdin` as its standard input.
    pub(super) fn run(&self, args: &[&str], stdin: &str) -> Outcome {
        self.runtime.block_on(self.start(args, stdin))
    }

    /// Runs a command inside another future, for commands that wait for something.
    pub(super) async fn start(&self, args: &[&str], stdin: &str) -> Outcome {
        let (_alive, gone) = watch::channel(false);
        self.start_with_gone(args, stdin, gone).await
    }

    /// As [`Controller::start`], with a client that goes away when `gone` turns true.
    pub(super) async fn start_with_gone(
        &self,
        args: &[&str],
        stdin: &str,
        gone: watch::Receiver<bool>,
    ) -> Outcome {
        let (frames, mut answers) = mpsc::channel(1024);
        let (input, queue) = mpsc::channel(4);
        input.try_send(stdin.as_bytes().to_vec()).unwrap();
        drop(input);
        let io = Io::new(frames, queue, gone);
        let request = Request {
            kind: Kind::Juju,
            build: String::new(),
            cwd: self.dir.path().display().to_string(),
            argv: args.iter().map(|arg| (*arg).to_owned()).collect(),
            env: self.env.clone(),
        };
        let collect = async {
            let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
            while let Some(frame) = answers.recv().await {
                match frame {
                    Frame::Stdout(bytes) => stdout.extend(bytes),
                    Frame::Stderr(bytes) => stderr.extend(bytes),
                    _ => {}
                }
            }
            (
                String::from_utf8(stdout).unwrap(),
                String::from_utf8(stderr).unwrap(),
            )
        };
        let (code, (stdout, stderr)) = tokio::join!(super::run(&self.hub, request, io), collect);
        Outcome {
            code,
            stdout,
            stderr,
        }
    }
}
