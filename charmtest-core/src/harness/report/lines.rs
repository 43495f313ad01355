//! Whole lines on standard output and standard error.
//!
//! A reader that is gone ends the report, not the run: models must still be destroyed.

use std::io::{self, Write};

use crate::harness::describe::Description;
use crate::harness::event::Event;

/// Writes an event for `cargo charmtest`.
pub(in crate::harness) fn event(event: &Event) {
    write_out(&event.to_line());
}

/// Writes a target's description, and nothing else.
pub(in crate::harness) fn description(description: &Description) {
    let json = serde_json::to_string(description).expect("a description has only string keys");
    write_out(&format!("{json}\n"));
}

/// Writes the names of tests as libtest lists them; the terse form is the one that programs read.
pub(in crate::harness) fn list(names: &[&str], form: ListForm) {
    let mut text: String = names.iter().map(|name| format!("{name}: test\n")).collect();
    if form == ListForm::Pretty {
        let plural = if names.len() == 1 { "" } else { "s" };
        text.push_str(&format!("\n{} test{plural}, 0 benchmarks\n", names.len()));
    }
    write_out(&text);
}

/// How a list of tests is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::harness) enum ListForm {
    /// Names, and how many there are.
    Pretty,
    /// Names only.
    Terse,
}

/// Writes a line that goes with the report but is no part of it.
pub(in crate::harness) fn note(text: &str) {
    write_to(io::stderr().lock(), &format!("charmtest: {text}\n"));
}

fn write_out(text: &str) {
    write_to(io::stdout().lock(), text);
}

/// Writes in one piece. Failing means that nobody reads any more.
fn write_to(mut stream: impl Write, text: &str) {
    let _ = stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush());
}
