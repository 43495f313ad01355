//! What came of jobs: one line each, appended, never changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::delta::Trigger;
use crate::job::Job;
use crate::snapshot::Key;

/// What came of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The test passed.
    Pass,
    /// The test does not apply.
    Skip,
    /// The test failed.
    Fail,
    /// The test took too long.
    Timeout,
    /// Something around the test failed; it says nothing of the charm.
    Infra,
    /// Policy did not let it run.
    Refused,
    /// What the test asks for is not on this machine.
    Unmet,
}

impl Verdict {
    /// All verdicts, in the order in which they are told.
    pub const ALL: [Self; 7] = [
        Self::Pass,
        Self::Skip,
        Self::Fail,
        Self::Timeout,
        Self::Infra,
        Self::Refused,
        Self::Unmet,
    ];

    /// Says whether the charm did wrong.
    #[must_use]
    pub fn is_red(self) -> bool {
        matches!(self, Self::Fail | Self::Timeout)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Skip => "skip",
            Self::Fail => "fail",
            Self::Timeout => "timeout",
            Self::Infra => "infra",
            Self::Refused => "refused",
            Self::Unmet => "unmet",
        })
    }
}

/// One line of `results.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The job's name.
    pub job: String,
    /// Of which charm.
    #[serde(flatten)]
    pub key: Key,
    /// The test.
    pub test: String,
    /// The values of the matrix.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variant: BTreeMap<String, String>,
    /// How often it had been tried before.
    pub attempt: u32,
    /// What came of it.
    pub verdict: Verdict,
    /// Why, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The exit code of the test's program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rc: Option<i32>,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// The file with its output, relative to the delta's directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Where what was captured at the failure is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dump: Option<String>,
    /// The sandbox level that the test itself reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<String>,
    /// The sandbox level that hooks, workloads and their controller reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hooks: Option<String>,
    /// What both reach over the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// The versions of the programs, and the host.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tools: BTreeMap<String, String>,
    /// The packages that the test needs of the machine, at the versions that it ran with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub packages: BTreeMap<String, String>,
    /// The names that the test deployed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub deployed: BTreeSet<String>,
    /// The charms that the test asked for and must not deploy, if it was refused for that.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub refused: BTreeSet<Key>,
    /// Why it ran.
    pub trigger: Trigger,
    /// When it ended.
    pub ended: String,
}

impl Outcome {
    /// Makes an outcome with nothing but a verdict; the watcher fills in `attempt`, `trigger` and `ended`.
    #[must_use]
    pub fn new(job: &Job, verdict: Verdict, reason: Option<String>) -> Self {
        Self {
            job: job.id(),
            key: job.key.clone(),
            test: job.test.clone(),
            variant: job.variant.to_map(),
            attempt: 0,
            verdict,
            reason,
            rc: None,
            ms: 0,
            log: None,
            dump: None,
            sandbox: None,
            hooks: None,
            network: None,
            backend: None,
            tools: BTreeMap::new(),
            packages: BTreeMap::new(),
            deployed: BTreeSet::new(),
            refused: BTreeSet::new(),
            trigger: Trigger::Poll,
            ended: String::new(),
        }
    }
}

/// Reads lines of results; what a killed process left of a last line does not count.
#[must_use]
pub(crate) fn parse(bytes: &[u8]) -> Vec<Outcome> {
    let end = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    let lines = bytes[..end].split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect()
}

/// Returns the last outcome of each job: the one that counts.
#[must_use]
pub(crate) fn latest(outcomes: &[Outcome]) -> BTreeMap<&str, &Outcome> {
    outcomes
        .iter()
        .map(|outcome| (outcome.job.as_str(), outcome))
        .collect()
}

/// Returns the names that the tests of a charm deployed when they last ran. Where one did not come to its end by itself, it may not have
/// come to all that it deploys, and what was `known` before counts too.
#[must_use]
pub(crate) fn deployed(outcomes: &[Outcome], known: BTreeSet<String>) -> BTreeSet<String> {
    let latest = latest(outcomes);
    let ran = |outcome: &&Outcome| {
        matches!(
            outcome.verdict,
            Verdict::Pass | Verdict::Skip | Verdict::Fail
        )
    };
    let all_ran = !latest.is_empty() && latest.values().all(ran);
    let names = outcomes
        .iter()
        .flat_map(|outcome| outcome.deployed.iter().cloned());
    names
        .chain(known.into_iter().filter(|_| !all_ran))
        .collect()
}

/// What is left to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Open {
    /// The jobs, in their order.
    pub(crate) jobs: Vec<Job>,
    /// How often the first of them has been tried.
    pub(crate) attempt: u32,
}

/// Says which jobs are to run: those that have not run, those that something around them broke (but not for ever), and those that were
/// refused and may run now, which `may_run` says of a job and how it was refused.
pub(crate) fn open(
    jobs: Vec<Job>,
    outcomes: &[Outcome],
    retries: u32,
    may_run: &dyn Fn(&Job, &Outcome) -> bool,
) -> Open {
    let mut tries: BTreeMap<&str, u32> = BTreeMap::new();
    for outcome in outcomes
        .iter()
        .filter(|outcome| outcome.verdict == Verdict::Infra)
    {
        *tries.entry(&outcome.job).or_default() += 1;
    }
    let latest = latest(outcomes);
    let is_open = |job: &Job| {
        let Some(last) = latest.get(job.id().as_str()) else {
            return true;
        };
        match last.verdict {
            Verdict::Infra => tries
                .get(job.id().as_str())
                .is_some_and(|tries| *tries <= retries),
            Verdict::Refused => may_run(job, last),
            _ => false,
        }
    };
    let jobs: Vec<Job> = jobs.into_iter().filter(is_open).collect();
    let tried = jobs.iter().filter_map(|job| tries.get(job.id().as_str()));
    let attempt = tried.max().copied().unwrap_or(0);
    Open { jobs, attempt }
}

/// How many jobs came to which verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tally(pub BTreeMap<Verdict, usize>);

impl Tally {
    /// Counts the last outcome of each job.
    #[must_use]
    pub fn of(outcomes: &[Outcome]) -> Self {
        let mut tally = Self::default();
        for outcome in latest(outcomes).values() {
            *tally.0.entry(outcome.verdict).or_default() += 1;
        }
        tally
    }

    /// Returns how many came to `verdict`.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.0.get(&verdict).copied().unwrap_or(0)
    }
}

impl fmt::Display for Tally {
    /// Writes `3 pass, 1 fail`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let present = Verdict::ALL
            .iter()
            .filter(|verdict| self.count(**verdict) > 0);
        let parts: Vec<String> = present
            .map(|verdict| format!("{} {verdict}", self.count(*verdict)))
            .collect();
        f.write_str(if parts.is_empty() { "no tests" } else { "" })?;
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::tests::delta;

    #[test]
    fn what_is_left_to_do() {
        use Verdict::{Fail, Infra, Pass, Refused};
        for (lines, may_run, expected) in [
            (&[][..], false, Some(0)),
            (&[Pass], false, None),
            (&[Fail], false, None),
            (&[Infra], false, Some(1)),
            (&[Infra, Infra], false, Some(2)),
            (&[Infra, Infra, Infra], false, None),
            (&[Infra, Pass], false, None),
            (&[Refused], false, None),
            (&[Refused], true, Some(0)),
            (&[Refused, Fail], true, None),
        ] {
            let jobs = vec![delta(1, "x").jobs().remove(0)];
            let outcomes: Vec<Outcome> = lines
                .iter()
                .map(|verdict| Outcome::new(&jobs[0], *verdict, None))
                .collect();
            let open = open(jobs, &outcomes, 2, &|_, _| may_run);
            let attempt = (!open.jobs.is_empty()).then_some(open.attempt);
            assert_eq!(attempt, expected, "{lines:?} {may_run}");
        }
    }

    #[test]
    fn what_was_deployed_counts_until_the_tests_run_again() {
        use Verdict::{Fail, Infra, Pass, Refused, Skip, Timeout};
        let job = delta(1, "x").jobs().remove(0);
        for (verdicts, expected) in [
            (&[Pass][..], "new"),
            (&[Fail], "new"),
            (&[Skip], "new"),
            (&[Infra, Pass], "new"),
            (&[Timeout], "known new"),
            (&[Infra], "known new"),
            (&[Refused], "known new"),
            (&[], "known"),
        ] {
            let outcomes = verdicts.iter().map(|verdict| Outcome {
                deployed: ["new".to_owned()].into(),
                ..Outcome::new(&job, *verdict, None)
            });
            let outcomes: Vec<Outcome> = outcomes.collect();
            let names = deployed(&outcomes, ["known".to_owned()].into());
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            assert_eq!(names.join(" "), expected, "{verdicts:?}");
        }
    }

    #[test]
    fn half_a_line_does_not_count() {
        let outcome = Outcome::new(&delta(1, "x").jobs()[0], Verdict::Pass, None);
        let line = serde_json::to_string(&outcome).unwrap();
        let text = format!("{line}\n{}", &line[..20]);
        assert_eq!(parse(text.as_bytes()), [outcome]);
        assert!(parse(&line.as_bytes()[..20]).is_empty());
    }

    #[test]
    fn the_last_outcome_counts() {
        let job = &delta(1, "x").jobs()[0];
        let outcomes =
            [Verdict::Infra, Verdict::Pass].map(|verdict| Outcome::new(job, verdict, None));
        assert_eq!(Tally::of(&outcomes).to_string(), "1 pass");
        assert_eq!(Tally::of(&[]).to_string(), "no tests");
    }
}
