//! What was found, and where.

use charmtest_charm::Position;

use crate::policy::Policy;
use crate::rules::{Level, Rule};

/// Something that a rule found.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// How much it matters here; the user's settings change it.
    pub level: Level,
    /// The file, as the user would look for it: below the path that was given.
    pub file: String,
    /// Where in the file, if the finding has a line.
    pub position: Option<Position>,
    /// What is wrong.
    pub message: String,
}

/// What was found in all that was looked at.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The findings: path by path as given, there by file and line.
    pub findings: Vec<Finding>,
    /// How many findings the user's settings left out.
    pub allowed: usize,
}

impl Report {
    /// Returns how many findings of a level there are.
    pub fn count(&self, level: Level) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.level == level)
            .count()
    }

    /// Adds findings that come from elsewhere, as far as `policy` does not leave them out.
    pub fn merge(&mut self, findings: Vec<Finding>, policy: &Policy) {
        for mut finding in findings {
            match policy.decide(&finding) {
                Some(level) => {
                    finding.level = level;
                    self.findings.push(finding);
                }
                None => self.allowed += 1,
            }
        }
    }

    /// Says whether there is a finding of level error.
    pub fn has_errors(&self) -> bool {
        self.count(Level::Error) > 0
    }
}

/// The findings about one charm or bundle while they are collected; files are named as in the charm.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    found: Vec<Finding>,
}

impl Findings {
    /// Adds a finding of the rule's own level.
    pub(crate) fn add(
        &mut self,
        rule: &'static Rule,
        file: &str,
        position: Option<Position>,
        message: impl Into<String>,
    ) {
        self.found.push(Finding {
            rule,
            level: rule.level,
            file: file.to_owned(),
            position,
            message: message.into(),
        });
    }

    /// Says whether an error about a file was found.
    pub(crate) fn has_error_in(&self, file: &str) -> bool {
        let found = self.found.iter();
        let mut errors = found.filter(|finding| finding.level == Level::Error);
        errors.any(|finding| finding.file == file)
    }

    /// Returns the findings by file and line, each once.
    pub(crate) fn sorted(mut self) -> Vec<Finding> {
        let key = |finding: &Finding| {
            let at = finding.position.map_or((0, 0), |at| (at.line, at.column));
            (
                finding.file.clone(),
                at,
                finding.rule.id,
                finding.message.clone(),
            )
        };
        self.found.sort_by_key(key);
        self.found.dedup_by_key(|finding| key(finding));
        self.found
    }
}
