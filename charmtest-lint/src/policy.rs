//! What the user allows and denies: on the command line, in `charmtest-lint.toml` of a charm, in comments of its files.

use std::collections::{BTreeMap, BTreeSet};

use charmtest_charm::Position;
use serde::Deserialize;

use crate::files::{Content, Files};
use crate::finding::{Finding, Findings};
use crate::rules::{CT090, CT091, CT490, Level, rule};

/// The file in a charm's directory.
pub const SETTINGS: &str = "charmtest-lint.toml";

/// What the command line allows and denies.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    allow: BTreeSet<&'static str>,
    deny: BTreeSet<&'static str>,
    deny_warnings: bool,
}

/// An id that no rule has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no rule `{0}`")]
pub struct UnknownRule(pub String);

impl Policy {
    /// Leaves findings of a rule out.
    ///
    /// # Errors
    ///
    /// Fails when there is no such rule.
    pub fn allow(&mut self, id: &str) -> Result<(), UnknownRule> {
        self.allow.insert(known(id)?);
        Ok(())
    }

    /// Makes findings of a rule errors; `warnings` stands for all rules of level warning.
    ///
    /// # Errors
    ///
    /// Fails when there is no such rule.
    pub fn deny(&mut self, id: &str) -> Result<(), UnknownRule> {
        if id == "warnings" {
            self.deny_warnings = true;
        } else {
            self.deny.insert(known(id)?);
        }
        Ok(())
    }

    /// Decides on one finding: `None` leaves it out.
    pub(crate) fn decide(&self, finding: &Finding) -> Option<Level> {
        let id = finding.rule.id;
        if self.deny.contains(id) {
            return Some(Level::Error);
        }
        if self.allow.contains(id) {
            return None;
        }
        match finding.level {
            Level::Warning if self.deny_warnings => Some(Level::Error),
            level => Some(level),
        }
    }

    /// Applies command line, settings and comments to the findings of one charm; returns also how many are left out.
    pub(crate) fn apply(&self, files: &Files, mut findings: Findings) -> (Vec<Finding>, usize) {
        let mut own = Self::default();
        let mut allowances = settings(files, &mut own, &mut findings);
        let mut comments = Vec::new();
        for (file, text) in files.texts() {
            // A README may show such a comment.
            if file != SETTINGS && !file.to_ascii_lowercase().starts_with("readme") {
                read_comments(&file, &text, &mut comments, &mut findings);
            }
        }
        let mut kept = Vec::new();
        let mut allowed = 0;
        for mut finding in findings.sorted() {
            let commented = comments
                .iter_mut()
                .find(|comment| comment.covers(&finding))
                .map(|comment| comment.used = true)
                .is_some();
            let id = finding.rule.id;
            for allowance in allowances.iter_mut().filter(|allowed| allowed.0 == id) {
                allowance.2 = true;
            }
            // What was said nearest to the finding counts; only the command line's `deny` is stronger.
            let level = if self.deny.contains(id) {
                Some(Level::Error)
            } else if commented || own.allow.contains(id) {
                None
            } else if own.deny.contains(id) {
                Some(Level::Error)
            } else {
                self.decide(&finding)
            };
            match level {
                Some(level) => {
                    finding.level = level;
                    kept.push(finding);
                }
                None => allowed += 1,
            }
        }
        let mut idle = Findings::default();
        for comment in comments.iter().filter(|comment| !comment.used) {
            let message = format!("{} is allowed here and finds nothing", comment.id);
            idle.add(&CT091, &comment.file, comment.position, message);
        }
        for (id, position, _) in allowances
            .iter()
            .filter(|(id, _, used)| !used && can_be_idle(id))
        {
            let message = format!("{id} is allowed here and finds nothing");
            idle.add(&CT091, SETTINGS, Some(*position), message);
        }
        for mut finding in idle.sorted() {
            if own.allow.contains(CT091.id) && !self.deny.contains(CT091.id) {
                allowed += 1;
            } else if let Some(level) = self.decide(&finding) {
                finding.level = level;
                kept.push(finding);
            }
        }
        (kept, allowed)
    }
}

/// Says whether a rule that is allowed and finds nothing is worth a word: not the one that says so, and not what only charmcraft finds, which
/// is not always asked.
fn can_be_idle(id: &str) -> bool {
    ![CT091.id, CT490.id].contains(&id)
}

fn known(id: &str) -> Result<&'static str, UnknownRule> {
    rule(id)
        .map(|rule| rule.id)
        .ok_or_else(|| UnknownRule(id.to_owned()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default)]
    allow: Vec<toml::Spanned<String>>,
    #[serde(default)]
    deny: Vec<toml::Spanned<String>>,
}

/// A rule that the settings of a charm allow, where they do, and whether it found something.
type Allowance = (&'static str, Position, bool);

/// Reads the settings of a charm into `own`; returns what they allow.
fn settings(files: &Files, own: &mut Policy, findings: &mut Findings) -> Vec<Allowance> {
    let mut allowances = Vec::new();
    let text = match files.read(SETTINGS) {
        Content::Absent => return allowances,
        Content::Text(text) => text,
        Content::Binary => {
            findings.add(&CT090, SETTINGS, None, "is not UTF-8 text");
            return allowances;
        }
        Content::Unreadable(why) => {
            findings.add(&CT090, SETTINGS, None, why);
            return allowances;
        }
    };
    let settings: Settings = match toml::from_str(&text) {
        Ok(settings) => settings,
        Err(error) => {
            let position = error.span().map(|span| place(&text, span.start));
            findings.add(&CT090, SETTINGS, position, error.message());
            return allowances;
        }
    };
    let mut take = |ids: &[toml::Spanned<String>]| -> Vec<(&'static str, Position)> {
        let mut taken = Vec::new();
        for id in ids {
            let position = place(&text, id.span().start);
            match known(id.get_ref()) {
                Ok(id) => taken.push((id, position)),
                Err(error) => findings.add(&CT090, SETTINGS, Some(position), error.to_string()),
            }
        }
        taken
    };
    let (allowed, denied) = (take(&settings.allow), take(&settings.deny));
    own.allow.extend(allowed.iter().map(|(id, _)| *id));
    own.deny.extend(denied.iter().map(|(id, _)| *id));
    allowances.extend(
        allowed
            .into_iter()
            .map(|(id, position)| (id, position, false)),
    );
    allowances
}

fn place(text: &str, offset: usize) -> Position {
    let before = text.get(..offset).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    Position {
        line: before.matches('\n').count() as u64 + 1,
        column: before[start..].chars().count() as u64 + 1,
    }
}

/// A comment that allows a rule.
#[derive(Debug)]
struct Comment {
    id: &'static str,
    file: String,
    position: Option<Position>,
    /// The line that it is about; the whole file without one.
    line: Option<u64>,
    used: bool,
}

impl Comment {
    fn covers(&self, finding: &Finding) -> bool {
        let line = finding.position.map(|at| at.line);
        self.id == finding.rule.id
            && self.file == finding.file
            && (self.line.is_none() || self.line == line)
    }
}

/// Finds `# charmtest: allow CT203 why` (this line, or the next if it stands alone) and `allow-file` (the whole file).
fn read_comments(file: &str, text: &str, comments: &mut Vec<Comment>, findings: &mut Findings) {
    const MARK: &str = "# charmtest: ";
    if !text.contains(MARK) {
        return;
    }
    let lines: BTreeMap<u64, &str> = (1..).zip(text.lines()).collect();
    for (number, line) in &lines {
        let Some(at) = line.find(MARK) else { continue };
        let position = Some(Position {
            line: *number,
            column: line[..at].chars().count() as u64 + 1,
        });
        let mut words = line[at + MARK.len()..].split_whitespace();
        let about = match words.next() {
            Some("allow") if line[..at].trim().is_empty() => {
                let mut after = lines.range(number + 1..);
                let next = after.find(|(_, line)| {
                    let line = line.trim_start();
                    !line.is_empty() && !line.starts_with('#')
                });
                Some(next.map_or(number + 1, |(next, _)| *next))
            }
            Some("allow") => Some(*number),
            Some("allow-file") => None,
            other => {
                let message = format!(
                    "`{}` is neither `allow` nor `allow-file`",
                    other.unwrap_or_default()
                );
                findings.add(&CT090, file, position, message);
                continue;
            }
        };
        match words.next().map(known) {
            Some(Ok(id)) => comments.push(Comment {
                id,
                file: file.to_owned(),
                position,
                line: about,
                used: false,
            }),
            Some(Err(error)) => findings.add(&CT090, file, position, error.to_string()),
            None => findings.add(&CT090, file, position, "the id of a rule is missing"),
        }
    }
}
