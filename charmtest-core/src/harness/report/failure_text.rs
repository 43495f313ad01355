//! The text about a test that did not pass.

use crate::harness::event::Evidence;

/// Puts together why and where a test failed, and what was captured.
pub(super) fn failure_text(
    message: Option<&str>,
    location: Option<&str>,
    evidence: Option<&Evidence>,
) -> String {
    let mut text = message.unwrap_or("no reason was given").to_owned();
    if let Some(location) = location {
        text.push_str(&format!("\n  at {location}"));
    }
    let Some(evidence) = evidence else {
        return text;
    };
    for line in &evidence.highlights {
        text.push_str(&format!("\n  | {line}"));
    }
    if !evidence.directory.is_empty() {
        text.push_str(&format!("\n  evidence: {}", evidence.directory));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_goes_from_the_reason_to_the_evidence() {
        let evidence = Evidence {
            directory: "/records/m/t".to_owned(),
            highlights: vec!["web/0: blocked: no database".to_owned()],
        };
        assert_eq!(
            failure_text(Some("not ready"), Some("tests/it.rs:3:5"), Some(&evidence)),
            "not ready\n  at tests/it.rs:3:5\n  | web/0: blocked: no database\n  evidence: /records/m/t"
        );
        assert_eq!(failure_text(None, None, None), "no reason was given");
    }
}
