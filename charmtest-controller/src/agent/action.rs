//! What comes of an action: pure functions of how its process ended and what it said.

use serde_json::Value;

use super::commit::TaskEnd;
use super::context::ActionContext;
use super::process::{Exit, Interrupt};
use crate::model::{Task, TaskStatus};

/// Returns how a task ends whose process ended with `exit` (Juju 3.6).
///
/// The exit code decides; a non-zero one also wins over the message of `action-fail`. A command (`juju exec`) that ends with a
/// non-zero code has completed nevertheless.
pub(crate) fn task_end(
    action: &ActionContext,
    exit: &Exit,
    stdout: &[u8],
    stderr: &[u8],
) -> TaskEnd {
    let mut results = action.results.clone();
    match exit {
        Exit::Code(code) => results.insert("return-code".to_owned(), Value::from(*code)),
        // Go's exit code of a process that was killed.
        Exit::Signal(_) | Exit::Interrupted(_) => {
            results.insert("return-code".to_owned(), Value::from(-1))
        }
        Exit::NotStarted(_) => None,
    };
    for (name, bytes) in [("stdout", stdout), ("stderr", stderr)] {
        if bytes.is_empty() {
            continue;
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => {
                results.insert(format!("{name}-encoding"), Value::from("base64"));
                base64(bytes)
            }
        };
        results.insert(name.to_owned(), Value::from(text));
    }
    let is_command = action.name == Task::EXEC;
    let (status, message) = match (exit, &action.failed) {
        (Exit::Interrupted(Interrupt::Abort), _) => (TaskStatus::Aborted, "aborted".to_owned()),
        (Exit::Code(code), None) if is_command || *code == 0 => {
            (TaskStatus::Completed, String::new())
        }
        (Exit::Code(code), Some(message)) if is_command || *code == 0 => {
            (TaskStatus::Failed, message.clone())
        }
        _ => (TaskStatus::Failed, exit.to_string()),
    };
    TaskEnd {
        status,
        message,
        results,
    }
}

/// Says whether what the task left pending is committed: its process did what it could, `action-fail` or not.
pub(crate) fn commits(action: &ActionContext, exit: &Exit) -> bool {
    matches!(exit, Exit::Code(code) if *code == 0 || action.name == Task::EXEC)
}

/// Returns how a task ends whose pending writes were refused with `error`.
pub(crate) fn flush_failed(mut end: TaskEnd, error: &str) -> TaskEnd {
    let stderr = end
        .results
        .get("stderr")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let stderr = if stderr.is_empty() {
        error.to_owned()
    } else {
        format!("{stderr}\n{error}")
    };
    end.results.insert("stderr".to_owned(), Value::from(stderr));
    // Juju sets the code only where it finds none or the text "0"; the number 0 that is normally there stays.
    let code = end.results.get("return-code");
    if code.is_none_or(|code| code == "0") {
        end.results
            .insert("return-code".to_owned(), Value::from("1"));
    }
    TaskEnd {
        status: TaskStatus::Failed,
        message: "committing requested changes failed".to_owned(),
        ..end
    }
}

/// Encodes bytes in base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = (0..3).fold(0_u32, |group, at| {
            group << 8 | u32::from(chunk.get(at).copied().unwrap_or(0))
        });
        for at in 0..4 {
            let index = (group >> (18 - 6 * at) & 63) as usize;
            text.push(if at <= chunk.len() {
                char::from(ALPHABET[index])
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(name: &str, failed: Option<&str>, exit: Exit) -> (TaskStatus, String, String) {
        let action = ActionContext {
            name: name.to_owned(),
            failed: failed.map(str::to_owned),
            ..ActionContext::default()
        };
        let end = task_end(&action, &exit, b"out\n", b"");
        (
            end.status,
            end.message,
            serde_json::to_string(&end.results).unwrap(),
        )
    }

    #[test]
    fn the_exit_code_decides() {
        let cases = [
            ("act", None, Exit::Code(0), TaskStatus::Completed, ""),
            ("act", Some("no"), Exit::Code(0), TaskStatus::Failed, "no"),
            (
                "act",
                None,
                Exit::Code(3),
                TaskStatus::Failed,
                "exit status 3",
            ),
            (
                "act",
                Some("no"),
                Exit::Code(4),
                TaskStatus::Failed,
                "exit status 4",
            ),
            (
                "act",
                None,
                Exit::Signal(9),
                TaskStatus::Failed,
                "signal: killed",
            ),
            (
                "act",
                None,
                Exit::Interrupted(Interrupt::Abort),
                TaskStatus::Aborted,
                "aborted",
            ),
            (Task::EXEC, None, Exit::Code(7), TaskStatus::Completed, ""),
            (
                Task::EXEC,
                Some("no"),
                Exit::Code(7),
                TaskStatus::Failed,
                "no",
            ),
            (
                Task::EXEC,
                None,
                Exit::Interrupted(Interrupt::TimedOut),
                TaskStatus::Failed,
                "command cancelled",
            ),
        ];
        for (name, failed, exit, status, message) in cases {
            let case = format!("{name} {failed:?} {exit:?}");
            let (found, text, _) = end(name, failed, exit);
            assert_eq!((found, text.as_str()), (status, message), "{case}");
        }
        assert_eq!(
            end("act", None, Exit::Code(3)).2,
            r#"{"return-code":3,"stdout":"out\n"}"#
        );
    }

    #[test]
    fn output_that_is_no_text_is_encoded() {
        let end = task_end(&ActionContext::default(), &Exit::Code(0), b"\xff\x00", b"x");
        let text = serde_json::to_string(&end.results).unwrap();
        assert_eq!(
            text,
            r#"{"return-code":0,"stdout-encoding":"base64","stdout":"/wA=","stderr":"x"}"#
        );
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_refused_commit_fails_the_task() {
        let done = task_end(&ActionContext::default(), &Exit::Code(0), b"", b"e");
        let end = flush_failed(done, "no such endpoint");
        assert_eq!(
            (end.status, end.message.as_str()),
            (TaskStatus::Failed, "committing requested changes failed")
        );
        assert_eq!(
            serde_json::to_string(&end.results).unwrap(),
            r#"{"return-code":0,"stderr":"e\nno such endpoint"}"#
        );
    }
}
