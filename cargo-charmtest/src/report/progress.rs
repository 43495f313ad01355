//! What is going on right now, redrawn in place on a terminal; nothing in a pipe.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use super::style::duration;

/// How many running modules are shown; more would scroll.
const LINES: usize = 8;

/// What a running test waits for.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    /// What.
    pub(super) what: String,
    /// For how long already, at `at`.
    pub(super) elapsed: Duration,
    /// For how long at most.
    pub(super) limit: Option<Duration>,
    /// When that was said.
    pub(super) at: Instant,
}

#[derive(Debug)]
struct Running {
    name: String,
    since: Instant,
    waiting: Option<Waiting>,
}

/// The lines at the bottom of the terminal.
#[derive(Debug)]
pub(super) struct Progress {
    interactive: bool,
    /// By the module's place in the plan.
    running: BTreeMap<usize, Running>,
    drawn: usize,
}

impl Progress {
    /// Makes a progress display; it draws only where that makes sense.
    pub(super) fn new() -> Self {
        Self {
            interactive: super::is_interactive(),
            running: BTreeMap::new(),
            drawn: 0,
        }
    }

    /// Notes that a test runs.
    pub(super) fn started(&mut self, module: usize, name: String) {
        self.running.insert(
            module,
            Running {
                name,
                since: Instant::now(),
                waiting: None,
            },
        );
    }

    /// Notes what the running test of a module waits for.
    pub(super) fn waiting(&mut self, module: usize, waiting: Waiting) {
        if let Some(running) = self.running.get_mut(&module) {
            running.waiting = Some(waiting);
        }
    }

    /// Notes that a module's test is over.
    pub(super) fn ended(&mut self, module: usize) {
        self.running.remove(&module);
    }

    /// Takes the lines off the terminal.
    pub(super) fn clear(&mut self) {
        self.give_way();
        write(&self.wipe());
        self.drawn = 0;
    }

    /// Draws the lines anew.
    pub(super) fn draw(&mut self) {
        if !self.interactive || (self.running.is_empty() && self.drawn == 0) || self.give_way() {
            return;
        }
        let width = terminal_width();
        let mut text = self.wipe();
        for running in self.running.values().take(LINES) {
            text.push_str(&line(running, width));
            text.push('\n');
        }
        // At once, so that nothing flickers.
        write(&text);
        self.drawn = self.running.len().min(LINES);
    }

    /// Leaves the terminal, with the lines on it, to whoever is in its foreground; says whether that is somebody else: a shell that a
    /// test opened, or the user's own.
    fn give_way(&mut self) -> bool {
        let away = self.interactive && is_in_background();
        if away {
            self.drawn = 0;
        }
        away
    }

    /// Returns what takes the drawn lines off the terminal.
    fn wipe(&self) -> String {
        match self.drawn {
            0 => String::new(),
            lines => format!("\x1b[{lines}F\x1b[J"),
        }
    }
}

fn line(running: &Running, width: usize) -> String {
    let mut text = format!(
        "{:>12} [{:>8}] {}",
        "running",
        duration(running.since.elapsed()),
        running.name
    );
    if let Some(waiting) = &running.waiting {
        let elapsed = duration(waiting.elapsed + waiting.at.elapsed());
        let limit = waiting
            .limit
            .map(|limit| format!(" of {}", duration(limit)))
            .unwrap_or_default();
        text.push_str(&format!(
            ": waiting for {} ({elapsed}{limit})",
            waiting.what.replace('\n', " ")
        ));
    }
    text.chars().take(width.saturating_sub(1)).collect()
}

/// Says whether another process group has the terminal.
fn is_in_background() -> bool {
    let foreground = rustix::termios::tcgetpgrp(std::io::stderr());
    foreground.is_ok_and(|group| group != rustix::process::getpgrp())
}

fn terminal_width() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    size.ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|width| *width > 0)
        .unwrap_or(100)
}

fn write(text: &str) {
    let mut stderr = std::io::stderr();
    // A terminal that went away needs no progress.
    let _ = stderr
        .write_all(text.as_bytes())
        .and_then(|()| stderr.flush());
}
