//! What `watch status`, `log` and `show` print. Charms and commits say a part of it: nothing that a terminal obeys is printed for people.

use std::fmt::Write as _;

use charmtest_collection::{Delta, DeltaRecord, Outcome, State, Tally, Verdict};
use serde_json::{Value, json};

use super::failed;
use crate::error::Result;
use crate::report::plain;

/// Says how each charm stands.
pub(super) fn status(state: &State, json: bool) -> Result<String> {
    let head = state.head().map_err(failed)?;
    let index = state.index().map_err(failed)?;
    if json {
        let value = json!({"state": state.root(), "delta": head.delta, "seq": head.seq, "charms": head.snapshot, "standing": index.charms});
        return Ok(format!("{value}\n"));
    }
    let mut text = format!("{}\n", state.root().display());
    let Some(delta) = head.delta else {
        text.push_str("no delta is recorded yet\n");
        return Ok(text);
    };
    let _ = writeln!(text, "delta {} ({delta})", head.seq);
    for entry in head.snapshot.entries() {
        let standing = index.charms.get(&entry.key.to_string());
        let last = standing.map_or("not tested yet".to_owned(), |standing| {
            format!("{} in {}", standing.tally, standing.delta)
        });
        let green = standing.and_then(|standing| standing.green.as_deref());
        let green = green.map_or("never green".to_owned(), |delta| {
            format!("last green in {delta}")
        });
        let _ = writeln!(text, "  {}: {last}; {green}", entry.key);
    }
    Ok(plain(&text))
}

/// Lists the deltas, the newest first; says whether all of them could be read.
pub(super) fn log(state: &State, json: bool) -> Result<(String, bool)> {
    let mut text = String::new();
    let mut values = Vec::new();
    let mut all_read = true;
    for record in state.deltas().map_err(failed)?.into_iter().rev() {
        let delta = match state.delta(&record) {
            Ok(delta) => delta,
            Err(error @ charmtest_collection::Error::Corrupt { .. }) => {
                all_read = false;
                let (seq, id, error) = (record.seq, &record.id, error.to_string());
                values.push(json!({"seq": seq, "id": id, "error": error}));
                let _ = writeln!(text, "{seq:>4} {id} {error}");
                continue;
            }
            Err(error) => return Err(failed(error)),
        };
        let tally = Tally::of(&state.outcomes(&record).map_err(failed)?);
        if json {
            values.push(json!({
                "seq": delta.seq, "id": delta.id, "created": delta.created, "changes": delta.changes.len(),
                "done": record.is_done(), "verdicts": tally,
            }));
            continue;
        }
        let unfinished = if record.is_done() {
            ""
        } else {
            ", not finished"
        };
        let _ = writeln!(
            text,
            "{:>4} {} {} {}: {tally}{unfinished}{}",
            delta.seq,
            delta.id,
            delta.created,
            changes(&delta),
            lost(state, &record)?
        );
    }
    if json {
        return Ok((format!("{}\n", Value::Array(values)), all_read));
    }
    if text.is_empty() {
        let _ = writeln!(text, "no delta is recorded in {}", state.root().display());
    }
    Ok((plain(&text), all_read))
}

/// Shows a delta: its changes, and the outcomes of its jobs in their order.
pub(super) fn show(state: &State, record: &DeltaRecord, json: bool) -> Result<String> {
    let delta = state.delta(record).map_err(failed)?;
    let outcomes = state.outcomes(record).map_err(failed)?;
    if json {
        let value = json!({"delta": delta, "results": outcomes, "directory": record.path});
        return Ok(format!("{value}\n"));
    }
    let mut text = format!(
        "delta {} ({}), recorded {}\n",
        delta.seq, delta.id, delta.created
    );
    for change in &delta.changes {
        let _ = write!(text, "  {} {}", change.kind, change.key);
        if let Some(to) = &change.to {
            let origin = &to.origin;
            let commit = origin
                .commit
                .as_deref()
                .map(|commit| &commit[..commit.len().min(12)]);
            for part in [commit, origin.author.as_deref(), origin.subject.as_deref()]
                .into_iter()
                .flatten()
            {
                let _ = write!(text, " | {part}");
            }
        }
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "results: {}{}",
        Tally::of(&outcomes),
        lost(state, record)?
    );
    for job in delta.jobs() {
        let id = job.id();
        let last = outcomes.iter().rfind(|outcome| outcome.job == id);
        let line = last.map_or_else(|| format!("open {id}"), outcome_line);
        let _ = writeln!(text, "  {line}");
    }
    let _ = writeln!(text, "files: {}", record.path.display());
    Ok(plain(&text))
}

/// Says that results are damaged, if they are.
fn lost(state: &State, record: &DeltaRecord) -> Result<String> {
    let lost = state.lost_results(record).map_err(failed)?;
    Ok(lost.map_or_else(String::new, |before| {
        let file = record.path.join("results.jsonl");
        format!(
            " ({} is damaged: when the delta was done, it said {before})",
            file.display()
        )
    }))
}

/// Tells an outcome in a line.
fn outcome_line(outcome: &Outcome) -> String {
    let mut line = format!("{} {}", outcome.verdict, outcome.job);
    if let Some(reason) = &outcome.reason {
        let _ = write!(line, ": {}", reason.lines().next().unwrap_or_default());
    }
    if outcome.verdict != Verdict::Pass
        && let Some(dump) = &outcome.dump
    {
        let _ = write!(line, " ({dump})");
    }
    line
}

/// Names the changes of a delta, the first of them.
pub(super) fn changes(delta: &Delta) -> String {
    let mut text = String::new();
    for (index, change) in delta.changes.iter().enumerate() {
        if index == 3 {
            let _ = write!(text, ", and {} more", delta.changes.len() - 3);
            break;
        }
        let comma = if index == 0 { "" } else { ", " };
        let _ = write!(text, "{comma}{} {}", change.kind, change.key);
    }
    text
}
