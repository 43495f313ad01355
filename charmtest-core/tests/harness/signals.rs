//! ^C and SIGTERM.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use charmtest::harness::{Event, Outcome};

use crate::binary::command;

#[test]
fn a_signal_drops_the_running_test_and_skips_the_rest() {
    for (signal, word, code) in [("INT", "interrupted", 130), ("TERM", "terminated", 143)] {
        let mut child = command()
            .args(["waits", "--include-ignored"])
            .env("CHARMTEST_EVENTS", "stdout")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut outcomes = Vec::new();
        for line in stdout.lines() {
            match Event::split_line(&line.unwrap()).1 {
                Some(Event::TestStarted { test }) if test == "waits::for_ever" => {
                    send(signal, &child)
                }
                Some(Event::TestFinished {
                    outcome, message, ..
                }) => outcomes.push((outcome, message.unwrap())),
                _ => {}
            }
        }
        assert_eq!(
            outcomes,
            [
                (Outcome::Aborted, word.to_owned()),
                (Outcome::Skipped, word.to_owned())
            ]
        );
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}");
    }
}

#[test]
fn a_second_interrupt_ends_a_blocked_run_at_once() {
    let mut child = command()
        .args(["blocks", "--include-ignored"])
        .env("CHARMTEST_EVENTS", "stdout")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "blocked"));
    assert_eq!(interrupt_until_it_ends(&mut child).code(), Some(130));
    // The run did not wait for the test to stop: nothing came after its start.
    assert_eq!(lines.count(), 0);
}

/// Sends SIGINT more than once. A signal that arrives while the first one is still being delivered is merged into it, so
/// it is sent until it tells.
pub(crate) fn interrupt_until_it_ends(child: &mut Child) -> ExitStatus {
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        send("INT", child);
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill")
        .args([format!("-{signal}"), child.id().to_string()])
        .status()
        .unwrap();
    // The process may have ended just before.
    assert!(sent.success() || signal == "INT");
}
