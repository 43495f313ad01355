//! What to say about names that are no commands of ours.

use super::catalogue;
use crate::JujuVersion;

/// Returns what to say about a command that was not found: that we lack it, or what Juju says about an unknown one.
pub(super) fn unknown(name: &str, juju: JujuVersion) -> String {
    if catalogue::names(juju).any(|other| other == name) {
        return format!("{name:?} is not supported by the embedded controller");
    }
    let mut known: Vec<&str> = catalogue::names(juju).collect();
    known.sort_unstable();
    let closest = known
        .into_iter()
        .map(|other| (distance(name, other), other))
        .min_by_key(|(distance, _)| *distance);
    match closest {
        Some((distance, other)) if distance <= other.len() => {
            format!(
                "juju: {name:?} is not a juju command. See \"juju --help\".\n\nDid you mean:\n\t{other}"
            )
        }
        _ => format!("unrecognized command: juju {name}"),
    }
}

/// Returns the Levenshtein distance of two names.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let best = (diagonal + usize::from(x != y))
                .min(row[j] + 1)
                .min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_commands_get_a_hint() {
        let suggestion = |name: &str| {
            let text = unknown(name, JujuVersion::V3_6);
            text.rsplit_once('\t')
                .map_or(text.clone(), |(_, other)| other.to_owned())
        };
        for (name, expected) in [
            ("statuz", "status"),
            ("run-action", "show-action"),
            ("zzzzqqqqxxxx", "unrecognized command: juju zzzzqqqqxxxx"),
            (
                "bootstrap",
                "\"bootstrap\" is not supported by the embedded controller",
            ),
        ] {
            assert_eq!(suggestion(name), expected);
        }
        let text = unknown("statuz", JujuVersion::V3_6);
        assert_eq!(
            text,
            "juju: \"statuz\" is not a juju command. See \"juju --help\".\n\nDid you mean:\n\tstatus"
        );
    }

    #[test]
    fn what_only_the_other_version_has_is_unknown() {
        for (name, in_36, in_40) in [
            ("enable-ha", "is not supported", "is not a juju command"),
            (
                "model-secret-backend",
                "is not a juju command",
                "is not supported",
            ),
            ("bootstrap", "is not supported", "is not supported"),
        ] {
            for (juju, expected) in [(JujuVersion::V3_6, in_36), (JujuVersion::V4_0, in_40)] {
                let text = unknown(name, juju);
                assert!(text.contains(expected), "{juju} {name}: {text}");
            }
        }
    }

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("kitten", "sitting", 3),
            ("statuz", "status", 1),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
