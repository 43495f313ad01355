//! What the processes of a charm print: bounded, line by line into the log, and captured for actions.

use std::io::Write;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::model::{Hub, LogLevel, LogLine, ModelUuid, UnitName};

/// The longest piece of a line that becomes one log line, as in Juju.
const LINE_MAX: usize = 4096;

/// The most that one stream of one hook may write to the log; what comes after is read and dropped.
const LOG_MAX: usize = 1 << 20;

/// The most that is kept of one stream of an action.
const CAPTURE_MAX: usize = 8 << 20;

/// Writes lines of one unit to its model's log.
#[derive(Debug, Clone)]
pub(crate) struct UnitLog {
    hub: Arc<Hub>,
    model: ModelUuid,
    unit: UnitName,
}

impl UnitLog {
    /// Makes the log of a unit.
    pub(crate) fn new(hub: Arc<Hub>, model: ModelUuid, unit: UnitName) -> Self {
        Self { hub, model, unit }
    }

    /// Adds one line.
    pub(crate) fn write(&self, level: LogLevel, module: &str, message: impl Into<String>) {
        self.write_all(level, module, vec![message.into()]);
    }

    /// Adds lines. A log that cannot be written stops no hook; the daemon's own log says why.
    fn write_all(&self, level: LogLevel, module: &str, messages: Vec<String>) {
        let at = self.hub.now();
        let lines = messages.into_iter().map(|message| LogLine {
            model: self.model.clone(),
            at,
            entity: self.unit.tag(),
            level,
            module: module.to_owned(),
            message,
        });
        if let Err(error) = self.hub.log(lines) {
            complain(&format!("{}: cannot write to the log: {error}", self.unit));
        }
    }
}

/// Says something in the daemon's own log.
pub(crate) fn complain(message: &str) {
    // Nothing is left to do when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{message}");
}

/// One output stream of a hook.
#[derive(Debug)]
pub(crate) struct Stream {
    /// `None` when nothing of it is logged.
    log: Option<UnitLog>,
    module: String,
    level: LogLevel,
    line: Vec<u8>,
    logged: usize,
    captured: Vec<u8>,
}

impl Stream {
    /// Makes a stream whose lines go to the log as `module` at `level`.
    pub(crate) fn new(log: UnitLog, module: String, level: LogLevel) -> Self {
        Self {
            log: Some(log),
            module,
            level,
            line: Vec::new(),
            logged: 0,
            captured: Vec::new(),
        }
    }

    /// Makes a stream that is captured and not logged.
    pub(crate) fn silent() -> Self {
        Self {
            log: None,
            module: String::new(),
            level: LogLevel::Debug,
            line: Vec::new(),
            logged: 0,
            captured: Vec::new(),
        }
    }

    /// Reads `pipe` to its end. What was read stays if the future is dropped before.
    pub(crate) async fn pump(&mut self, mut pipe: impl AsyncRead + Unpin) {
        let mut chunk = vec![0; 64 << 10];
        // A read error is an end as well: there is nothing more to be had.
        while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
            self.take(&chunk[..length]);
        }
    }

    /// Logs the last line if it has no end, and returns what was captured.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let rest = std::mem::take(&mut self.line);
        if !rest.is_empty() {
            self.log_lines(vec![rest]);
        }
        self.captured
    }

    fn take(&mut self, bytes: &[u8]) {
        let room = CAPTURE_MAX - self.captured.len();
        self.captured.extend(&bytes[..bytes.len().min(room)]);
        if self.log.is_none() || self.logged >= LOG_MAX {
            self.line.clear();
            return;
        }
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            for part in text.chunks(LINE_MAX) {
                if self.line.len() + part.len() > LINE_MAX {
                    lines.push(std::mem::take(&mut self.line));
                }
                self.line.extend(part);
            }
            if ends {
                lines.push(std::mem::take(&mut self.line));
            }
        }
        self.log_lines(lines);
    }

    fn log_lines(&mut self, lines: Vec<Vec<u8>>) {
        let Some(log) = self.log.clone() else { return };
        let mut messages = Vec::with_capacity(lines.len());
        for line in lines {
            if self.logged >= LOG_MAX {
                break;
            }
            self.logged += line.len() + 1;
            messages.push(String::from_utf8_lossy(&line).into_owned());
            if self.logged >= LOG_MAX {
                messages.push(format!(
                    "[the hook wrote more than {} KiB here; the rest is not kept]",
                    LOG_MAX >> 10
                ));
            }
        }
        if !messages.is_empty() {
            log.write_all(self.level, &self.module, messages);
        }
    }
}
