//! `cargo charmtest report`: one result of the results of several machines or parts.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::ReportArgs;
use crate::error::{Error, Kind, Result};
use crate::report::{choose_color, merged_summary, say};
use crate::results::merge::{Merged, merge};
use crate::results::{Part, Read, ResultsArgs, Sink, read};

/// What runs record that is no result, though its name ends alike.
const OTHER_FILES: [&str; 2] = ["commands.jsonl", "transcript.jsonl"];

/// What cargo writes into a directory that holds nothing of its user's.
const CACHE_TAG: &str = "CACHEDIR.TAG";

/// Merges results, tells of them, and returns the exit code that one run of all would have had.
///
/// # Errors
///
/// Fails when there are no results, when a file cannot be read, and when the merged ones cannot be written.
pub(crate) fn main(args: &ReportArgs) -> Result<u8> {
    choose_color(args.color);
    let output = ResultsArgs {
        results: args.results.clone(),
        junit: args.junit.clone(),
    };
    let mut found = Found::default();
    for path in &args.paths {
        found.look(path, &output)?;
    }
    for note in &found.notes {
        say(&format!("warning: {note}"));
    }
    if found.parts.is_empty() && found.problems.is_empty() {
        let places: Vec<String> = args
            .paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let text = format!("there are no results in {}", places.join(", "));
        return Err(Error::infrastructure(text)
            .hint("`--results FILE.jsonl` of run, generic, scripts and replay writes them"));
    }
    let mut merged = merge(&found.parts, found.problems);
    say(&merged_summary(&merged, found.parts.len(), args.quiet));
    // Only now, since what is there already may have been read.
    let sink = output.open()?;
    let failures = write(sink, &mut merged)?;
    for what in &failures {
        say(&format!("warning: results are not complete: {what}"));
    }
    let code = merged.end.exit;
    Ok(match failures.is_empty() {
        false if code == charmtest::exit::SUCCESS => charmtest::exit::INFRASTRUCTURE,
        _ => code,
    })
}

fn write(mut sink: Sink, merged: &mut Merged) -> Result<Vec<String>> {
    sink.begin(merged.header.clone())?;
    for test in merged.tests.drain(..) {
        sink.test(test);
    }
    // Whoever merges these again is told what is wrong with them.
    let mut end = merged.end.clone();
    end.trouble.append(&mut merged.problems);
    Ok(sink.end_as(end))
}

/// What was found.
#[derive(Debug, Default)]
struct Found {
    parts: Vec<Part>,
    problems: Vec<String>,
    notes: Vec<String>,
    seen: BTreeSet<PathBuf>,
}

impl Found {
    /// Takes in a file, or all files of results below a directory.
    fn look(&mut self, path: &Path, output: &ResultsArgs) -> Result<()> {
        let failed = |error| {
            Error::new(
                Kind::Infrastructure,
                format!("cannot read {}: {error}", path.display()),
            )
        };
        let about = fs::metadata(path).map_err(failed)?;
        if !about.is_dir() {
            return self.file(path, true);
        }
        let mut files = Vec::new();
        below(path, &mut files)?;
        let written: BTreeSet<PathBuf> = output.files().into_iter().map(real).collect();
        for file in files {
            if !written.contains(&real(file.clone())) {
                self.file(&file, false)?;
            }
        }
        Ok(())
    }

    /// Takes in a file, which was named or found.
    fn file(&mut self, path: &Path, named: bool) -> Result<()> {
        if !self.seen.insert(real(path.to_owned())) {
            return Ok(());
        }
        let bytes = fs::read(path).map_err(|error| {
            Error::infrastructure(format!("cannot read {}: {error}", path.display()))
        })?;
        let shown = path.display();
        match read(path, &bytes) {
            Read::Parts(parts) => {
                let merged = |part: &Part| part.header.command == "report";
                if !named && parts.iter().all(merged) {
                    let note = format!("{shown} was left out: it is what `report` wrote");
                    self.notes.push(note);
                } else {
                    self.parts.extend(parts);
                }
            }
            Read::Headless(why) => self.problems.push(format!("{shown}: {why}")),
            Read::Foreign if named => {
                let text = format!("{shown} holds no results of `cargo charmtest`");
                return Err(Error::new(Kind::Usage, text));
            }
            Read::Foreign => {
                let note = format!("{shown} was left out: it holds no results of a run");
                self.notes.push(note);
            }
        }
        Ok(())
    }
}

fn real(path: PathBuf) -> PathBuf {
    fs::canonicalize(&path).unwrap_or(path)
}

/// Finds the files of JSON lines below a directory, in the order of their names.
fn below(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let failed =
        |error| Error::infrastructure(format!("cannot read {}: {error}", directory.display()));
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        entries.push(entry.map_err(failed)?);
    }
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            if name != ".git" && !path.join(CACHE_TAG).exists() {
                below(&path, files)?;
            }
        } else if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
            && !OTHER_FILES.iter().any(|other| name == *other)
        {
            files.push(path);
        }
    }
    Ok(())
}
