//! The last good version of each charm: what `deploy-previous` deploys.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::delta::Delta;
use crate::digest::Digest;
use crate::results::{Outcome, Verdict, latest};
use crate::snapshot::Key;

/// A good version of a charm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Previous {
    /// Its tree.
    pub tree: String,
    /// Its content in the store.
    pub content: Digest,
    /// The delta in which it passed.
    pub delta: String,
    /// The number of that delta.
    pub seq: u64,
    /// Whether nobody trusted it when it passed: it ran in a sandbox, and so it must again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untrusted: bool,
}

/// Says which versions are good now: those whose own tests all passed in all variants. Skips count as passed if at least one test passed.
pub(crate) fn promoted(delta: &Delta, outcomes: &[Outcome]) -> Vec<(Key, Previous)> {
    let latest = latest(outcomes);
    let mut of_charm: BTreeMap<Key, Vec<Option<Verdict>>> = BTreeMap::new();
    for job in delta.jobs() {
        let outcome = latest.get(job.id().as_str());
        let verdicts = of_charm.entry(job.key).or_default();
        verdicts.push(outcome.map(|outcome| outcome.verdict));
    }
    let mut promoted = Vec::new();
    for planned in &delta.plan {
        let verdicts = of_charm.remove(&planned.key).unwrap_or_default();
        let is_good =
            |verdict: &Option<Verdict>| matches!(verdict, Some(Verdict::Pass | Verdict::Skip));
        let has_passed = verdicts.contains(&Some(Verdict::Pass));
        if !has_passed || !verdicts.iter().all(is_good) {
            continue;
        }
        if let Some(entry) = delta.snapshot.get(&planned.key) {
            let previous = Previous {
                tree: entry.tree.clone(),
                content: entry.content.clone(),
                delta: delta.id.clone(),
                seq: delta.seq,
                untrusted: false,
            };
            promoted.push((planned.key.clone(), previous));
        }
    }
    promoted
}

/// Returns the file of a key's last good version: `previous/BASE/CHARM/BRANCH.json`.
pub(crate) fn file(state: &Path, key: &Key) -> PathBuf {
    let mut path = state.join("previous");
    path.push(file_name(&key.base));
    path.push(file_name(&key.charm));
    path.push(format!("{}.json", file_name(&key.branch)));
    path
}

/// Returns a name that is one part of a path and still tells all names apart.
pub(crate) fn file_name(name: &str) -> String {
    use std::fmt::Write as _;

    let mut text = String::new();
    for byte in name.bytes() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'@' | b'-' | b'_');
        // A name that begins with a dot would be hidden, or be another directory.
        if plain || (byte == b'.' && !text.is_empty()) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::tests::delta;

    #[test]
    fn a_version_is_good_when_all_its_own_tests_passed() {
        use Verdict::{Fail, Infra, Pass, Refused, Skip, Timeout, Unmet};
        for (verdicts, good) in [
            (&[Pass, Pass][..], true),
            (&[Pass, Skip], true),
            (&[Skip, Skip], false),
            (&[Pass], false),
            (&[], false),
            (&[Pass, Fail], false),
            (&[Pass, Timeout], false),
            (&[Pass, Infra], false),
            (&[Pass, Refused], false),
            (&[Pass, Unmet], false),
        ] {
            let delta = delta(3, "x");
            let jobs = delta.jobs();
            let outcomes: Vec<Outcome> = jobs
                .iter()
                .zip(verdicts)
                .map(|(job, verdict)| Outcome::new(job, *verdict, None))
                .collect();
            let promoted = promoted(&delta, &outcomes);
            assert_eq!(!promoted.is_empty(), good, "{verdicts:?}");
            assert!(
                promoted
                    .iter()
                    .all(|(_, previous)| previous.seq == 3 && previous.delta == delta.id)
            );
        }
    }

    #[test]
    fn keys_have_files_of_their_own() {
        let path = |base: &str, charm: &str, branch: &str| {
            let path = file(Path::new("/s"), &Key::new(base, charm, branch));
            path.to_string_lossy().into_owned()
        };
        assert_eq!(
            path("ubuntu@24.04", "a", "release/1"),
            "/s/previous/ubuntu@24.04/a/release%2F1.json"
        );
        assert_ne!(path("u", "a", "b/c"), path("u", "a", "b%2Fc"));
        assert_eq!(path("..", "a", "."), "/s/previous/%2E./a/%2E.json");
    }
}
