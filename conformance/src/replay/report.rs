//! What is told of a replay: each difference without a reason, entries that explain nothing, and the shares that agree.

use std::collections::BTreeMap;

use super::cli::Answer;
use super::plan::{Ledger, Plan};
use super::record::Record;
use crate::print;

/// What came of the records of one topic.
#[derive(Debug, Default)]
struct Tally {
    skipped: usize,
    alike: usize,
    explained: usize,
    unexplained: usize,
    /// Answered with "not supported by the embedded controller".
    missing: usize,
    same_words: usize,
}

impl Tally {
    fn replayed(&self) -> usize {
        self.alike + self.explained + self.unexplained + self.missing
    }

    fn add(&mut self, other: &Self) {
        self.skipped += other.skipped;
        self.alike += other.alike;
        self.explained += other.explained;
        self.unexplained += other.unexplained;
        self.missing += other.missing;
        self.same_words += other.same_words;
    }
}

/// A report that grows with each record.
pub(crate) struct Report<'a> {
    plan: &'a Plan,
    ledger: Ledger<'a>,
    tallies: BTreeMap<String, Tally>,
    unexplained: usize,
    /// What is said not to be there, and how often.
    absent: BTreeMap<String, usize>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        Self {
            plan,
            ledger: Ledger::new(plan),
            tallies: BTreeMap::new(),
            unexplained: 0,
            absent: BTreeMap::new(),
        }
    }

    fn tally(&mut self, record: &Record) -> &mut Tally {
        self.tallies.entry(record.topic().to_owned()).or_default()
    }

    /// Notes a record that was not replayed.
    pub(crate) fn skipped(&mut self, record: &Record) {
        self.tally(record).skipped += 1;
    }

    /// Notes our answer to a record, and prints what of it differs without a reason.
    pub(crate) fn add(&mut self, record: &Record, answer: Answer) {
        let argv = record.argv.join(" ");
        if let Some(what) = answer.missing {
            self.tally(record).missing += 1;
            if !self.plan.absent.contains_key(&what) {
                print(&format!("{} ({argv}): `{what}` is not there", record.id));
                self.unexplained += 1;
            }
            *self.absent.entry(what).or_default() += 1;
            return;
        }
        let any = !answer.found.is_empty();
        let left = self.ledger.unexplained(&record.id, answer.found);
        let tally = self.tally(record);
        tally.same_words += usize::from(answer.same_words);
        match (any, left.is_empty()) {
            (false, _) => tally.alike += 1,
            (true, true) => tally.explained += 1,
            (true, false) => tally.unexplained += 1,
        }
        self.unexplained += left.len();
        for found in left {
            let (aspect, text) = (found.aspect, found.text);
            print(&format!("{} ({argv}) {aspect}: {text}", record.id));
        }
    }

    /// Prints entries that are of no use and the summary; returns whether every difference is explained and every entry needed.
    pub(crate) fn finish(self, records: &[Record], whole: bool) -> bool {
        let known = |id: &str| records.iter().any(|record| record.id == id);
        let mut faults: Vec<String> = self
            .plan
            .strangers(known)
            .iter()
            .map(|id| format!("recordings/replay names {id}, which is not recorded"))
            .collect();
        faults.extend(self.ledger.stale(whole));
        if whole {
            let absent = self.plan.absent.iter();
            let there = absent.filter(|(what, _)| !self.absent.contains_key(*what));
            faults.extend(there.map(|(what, why)| format!("`{what}` is there now ({why})")));
        }
        for fault in &faults {
            print(fault);
        }
        if !self.absent.is_empty() {
            let counts = self.absent.iter();
            let counts: Vec<String> = counts
                .map(|(what, count)| format!("{what} {count}"))
                .collect();
            print(&format!("not there: {}", counts.join(", ")));
        }
        self.summary(faults.len());
        self.unexplained == 0 && faults.is_empty()
    }

    fn summary(&self, faults: usize) {
        print(&format!(
            "{:<14} {:>8} {:>8} {:>6} {:>10} {:>12} {:>10} {:>10}",
            "recorded",
            "replayed",
            "alike",
            "share",
            "explained",
            "unexplained",
            "not there",
            "skipped"
        ));
        let mut all = Tally::default();
        for (topic, tally) in &self.tallies {
            line(topic, tally);
            all.add(tally);
        }
        line("all", &all);
        print(&format!(
            "messages equal word for word: {} of {}",
            all.same_words,
            all.replayed()
        ));
        print(&format!(
            "{} differences without a reason, {faults} entries of no use",
            self.unexplained
        ));
    }
}

fn line(topic: &str, tally: &Tally) {
    let replayed = tally.replayed();
    let share = (tally.alike * 100).checked_div(replayed).unwrap_or(100);
    print(&format!(
        "{topic:<14} {replayed:>8} {:>8} {share:>5}% {:>10} {:>12} {:>10} {:>10}",
        tally.alike, tally.explained, tally.unexplained, tally.missing, tally.skipped
    ));
}
