//! Evidence: what is captured from a model at the moment when a test fails.

mod highlights;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::harness::{Evidence, Utc};
use crate::juju::{JujuError, TranscriptEntry};
use crate::ops_test::Model;

/// How long one command of the capture may take.
const STEP_LIMIT: Duration = Duration::from_secs(20);

/// Saves what is known about a model into a directory: its status, its log since the test began, every unit, the commands
/// that the test ran, and the failure's message.
///
/// A command that fails leaves its error in place of its output, and the others go on.
///
/// # Errors
///
/// The directory cannot be written.
pub(crate) async fn capture(
    model: &Model,
    directory: &Path,
    since: SystemTime,
    message: &str,
) -> io::Result<Evidence> {
    fs::create_dir_all(directory)?;
    let files = Files { directory };
    files.save("message.txt", message)?;
    files.save(
        "commands.txt",
        &commands(&model.juju().transcript().entries(), since),
    )?;

    let status = ask(model, &["status", "--format", "json"]).await;
    files.save("status.json", &text_of(&status))?;
    files.save(
        "status.txt",
        &text_of(&ask(model, &["status", "--relations"]).await),
    )?;

    let log_args = ["debug-log", "--replay", "--no-tail", "--utc", "--date"];
    let log = ask(model, &log_args)
        .await
        .map(|log| highlights::log_since(&log, since));
    files.save("debug-log.txt", &text_of(&log))?;

    let status = status
        .as_deref()
        .ok()
        .and_then(|text| serde_json::from_str(text).ok());
    let status: serde_json::Value = status.unwrap_or_default();
    let units = highlights::units(&status);
    if !units.is_empty() {
        let mut arguments = vec!["show-unit"];
        arguments.extend(units.iter().map(|unit| unit.name.as_str()));
        files.save("show-unit.yaml", &text_of(&ask(model, &arguments).await))?;
    }
    Ok(Evidence {
        directory: files.shown(),
        highlights: highlights::choose(&units, log.as_deref().unwrap_or_default()),
    })
}

/// The files of one capture.
struct Files<'a> {
    directory: &'a Path,
}

impl Files<'_> {
    fn save(&self, name: &str, text: &str) -> io::Result<()> {
        fs::write(self.directory.join(name), text)
    }

    fn shown(&self) -> String {
        let absolute: PathBuf =
            std::path::absolute(self.directory).unwrap_or_else(|_| self.directory.to_owned());
        absolute.display().to_string()
    }
}

async fn ask(model: &Model, arguments: &[&str]) -> Result<String, JujuError> {
    let call = model.call(arguments).check().timeout(STEP_LIMIT);
    Ok(call.run().await?.stdout)
}

fn text_of(answer: &Result<String, JujuError>) -> String {
    match answer {
        Ok(text) => text.clone(),
        Err(error) => format!("could not be captured: {error}\n"),
    }
}

/// Lists the commands that were run since the test began, ready to paste.
fn commands(entries: &[TranscriptEntry], since: SystemTime) -> String {
    let mut text = String::new();
    for entry in entries.iter().filter(|entry| entry.started >= since) {
        let started = Utc::of(entry.started).spaced();
        let end = match entry.code {
            Some(code) => format!("exit {code}"),
            None => "killed".to_owned(),
        };
        text.push_str(&format!(
            "# {started} {end} after {} ms\n{}\n",
            entry.duration.as_millis(),
            entry.command
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_the_test_are_listed() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let entry = |seconds, code| TranscriptEntry {
            started: at(seconds),
            command: format!("juju deploy web{seconds}"),
            duration: Duration::from_millis(7),
            code,
        };
        let text = commands(
            &[entry(10, Some(0)), entry(20, Some(1)), entry(30, None)],
            at(20),
        );
        assert_eq!(
            text,
            "# 1970-01-01 00:00:20 exit 1 after 7 ms\njuju deploy web20\n\
             # 1970-01-01 00:00:30 killed after 7 ms\njuju deploy web30\n"
        );
    }
}
