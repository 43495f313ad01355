//! What tests wrote.

use std::collections::VecDeque;

/// How many lines of a failed test's output are shown; all of it would bury the rest.
const LINES: usize = 200;

/// The last lines that a test wrote, or may have written.
#[derive(Debug, Clone, Default)]
pub(super) struct Output {
    lines: VecDeque<String>,
    shared: bool,
}

impl Output {
    /// Adds a line that one of so many tests wrote.
    pub(super) fn add(&mut self, line: &str, writers: usize) {
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line.to_owned());
        self.shared |= writers > 1;
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns what stands above the lines, or `None` without any.
    pub(super) fn title(&self) -> Option<&'static str> {
        let title = match self.shared {
            false => "output of the test:",
            true => "output of this test and of those that ran beside it in its process:",
        };
        (!self.lines.is_empty()).then_some(title)
    }

    /// Returns the lines.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}
