//! `cargo charmtest watch`: a collection of charms, tested whenever it changes; and `cargo charmtest replay`.

mod args;
mod contained;
mod facts;
mod outcome;
mod place;
mod plan;
mod recorded;
mod stop;
mod tell;
mod world;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use charmtest::exit;
use charmtest::generic::Generic;
use charmtest::harness::Limit;
use charmtest_collection::{
    Blame, Collection, Delta, Digest, Ended, Finding, Git, Outcome, Pass, Replay, Review, State,
    Tally, Tested, Variant, Verdict, Watcher, export, gc, import,
};

use args::{DeltaArgs, Format, WatchCommand, WatchInsideArgs, WatchTestsArgs};
pub(crate) use args::{PlaceArgs, ReplayArgs, WatchArgs};
use recorded::Recorded;
use stop::Stop;
use world::Bench;
pub(crate) use world::TEST_TIMEOUT;

use crate::error::{Error, Kind, Result};
use crate::record::user_dir;
use crate::report::{choose_color, print, say};
use crate::results::merge::SOME_JOBS;
use crate::results::{FORM, Header, Sink, TestRecord, modules_of, node, now};

/// Watches, or answers a question about what was recorded; returns the exit code.
///
/// # Errors
///
/// Fails on wrong usage, when another process watches, and when the record is damaged.
pub(crate) fn main(args: WatchArgs) -> Result<u8> {
    match args.command {
        None => watch(args),
        Some(WatchCommand::Status { place, format }) => {
            let text = tell::status(&state(&place)?, format.format == Format::Json)?;
            print(&text);
            Ok(exit::SUCCESS)
        }
        Some(WatchCommand::Log { place, format }) => {
            let (text, all_read) = tell::log(&state(&place)?, format.format == Format::Json)?;
            print(&text);
            Ok(match all_read {
                true => exit::SUCCESS,
                false => exit::INFRASTRUCTURE,
            })
        }
        Some(WatchCommand::Show { delta, format }) => {
            let state = state(&delta.place)?;
            let record = state.find(&delta.id).map_err(failed)?;
            print(&tell::show(&state, &record, format.format == Format::Json)?);
            Ok(exit::SUCCESS)
        }
        Some(WatchCommand::Export { delta, output }) => export_delta(&delta, output),
        Some(WatchCommand::Bisect {
            delta,
            inside,
            suite,
        }) => {
            let state = state(&delta.place)?;
            let _lock = state.lock().map_err(failed)?;
            let replay =
                Replay::open(&state, state.find(&delta.id).map_err(failed)?).map_err(failed)?;
            check_variants(&replay.delta().settings.variants, &inside, "the delta")?;
            let stop = Stop::on_signals()?;
            let tests = tests_of(replay.delta())?;
            let mut bench = Bench::new(*suite, tests, inside, state.root(), stop)?;
            bench.recorded = Recorded::at(&delta.place).of_bisect(&replay.delta().id);
            let blames = match replay.bisect(&mut bench) {
                Err(charmtest_collection::Error::Interrupted) => return Ok(bench.interrupted()),
                blames => blames.map_err(failed)?,
            };
            print(&guilty(replay.delta(), &blames));
            Ok(exit::SUCCESS)
        }
        Some(WatchCommand::Gc { place, keep }) => {
            let state = state(&place)?;
            let _lock = state.lock().map_err(failed)?;
            let dropped = gc(&state, keep).map_err(failed)?;
            let (deltas, objects) = (dropped.deltas.len(), dropped.objects);
            print(&format!("dropped {deltas} deltas and {objects} objects\n"));
            Ok(exit::SUCCESS)
        }
        Some(WatchCommand::Approve {
            place,
            charm,
            who,
            note,
        }) => approve(&state(&place)?, &charm, who, note),
    }
}

/// Tests a recorded delta again; returns the exit code.
///
/// # Errors
///
/// Fails when there is no such delta, when one byte of it differs, and when it has no such job.
pub(crate) fn replay(args: ReplayArgs) -> Result<u8> {
    choose_color(args.suite.color);
    let sink = args.results.of_suite(&args.suite)?;
    let file = Path::new(&args.id);
    let mut unpacked = None;
    let (state, record, recorded) = if file.extension().is_some_and(|extension| extension == "tar")
    {
        let room = tempfile::Builder::new()
            .prefix("charmtest-replay-")
            .tempdir();
        let room = room.map_err(Error::infrastructure)?;
        let state = State::new(unpacked.insert(room).path());
        let record = import(&state, file).map_err(failed)?;
        (state, record, Recorded::file(file))
    } else {
        let state = state(&args.place)?;
        let record = state.find(&args.id).map_err(failed)?;
        (state, record, Recorded::at(&args.place))
    };
    let recorded = recorded.with(&state.outcomes(&record).map_err(failed)?);
    let replay = Replay::open(&state, record).map_err(failed)?;
    check_variants(&replay.delta().settings.variants, &args.inside, "the delta")?;
    let stop = Stop::on_signals()?;
    let tests = tests_of(replay.delta())?;
    let mut bench = Bench::new(args.suite, tests, args.inside, state.root(), stop)?;
    bench.recorded = recorded;
    for difference in replay.differences(&bench.tools()) {
        let text = |side: Option<String>| side.unwrap_or_else(|| "not there".to_owned());
        let (recorded, now) = (text(difference.recorded), text(difference.now));
        say(&format!(
            "warning: {}: recorded with {recorded}, now {now}",
            difference.what
        ));
    }
    let recording = sink.map(|sink| recording(sink, &replay, &bench, !args.only.is_empty()));
    let recording = recording.transpose()?;
    let (ended, outcomes, directory) = replay.run(&mut bench, &args.only).map_err(failed)?;
    if let Some(room) = unpacked {
        // What is written about the replay can be looked at; the charms are in the file.
        state.drop_contents().map_err(failed)?;
        let _ = room.keep();
    }
    let tally = Tally::of(&outcomes);
    say(&format!(
        "replayed delta {}: {tally}; results in {}",
        replay.delta().id,
        directory.display()
    ));
    tell_trouble(&outcomes);
    let code = match ended {
        Ended::Interrupted => bench.interrupted(),
        Ended::Completed => code(&tally, false),
    };
    let Some(mut sink) = recording else {
        return Ok(code);
    };
    for outcome in &outcomes {
        sink.test(TestRecord::of_job(outcome));
    }
    let (code, unwritten) = sink.end(code, Vec::new());
    for what in unwritten {
        say(&format!("warning: results are not complete: {what}"));
    }
    Ok(code)
}

/// Begins the results of a replay.
fn recording(mut sink: Sink, replay: &Replay<'_>, bench: &Bench, some: bool) -> Result<Sink> {
    let delta = replay.delta();
    sink.begin(Header {
        charmtest: FORM,
        command: "replay".to_owned(),
        node: node(),
        started: now(),
        commit: None,
        delta: Some(delta.id.clone()),
        partition: some.then(|| SOME_JOBS.to_owned()),
        tools: bench.tools(),
        modules: modules_of(&delta.jobs()),
    })?;
    Ok(sink)
}

fn watch(args: WatchArgs) -> Result<u8> {
    choose_color(args.suite.color);
    let interval = pause(args.interval)?;
    let state = state(&args.place)?;
    let _lock = state.lock().map_err(failed)?;
    let mut collection = read_collection(&args.place.collection, &args.inside)?;
    let stop = Stop::on_signals()?;
    let tests = world::Tests {
        generic: generic(&args.tests),
        require: args.tests.require,
    };
    let (suite, inside) = (args.suite.clone(), args.inside.clone());
    let mut bench = Bench::new(suite, tests, inside, state.root(), stop)?;
    bench.recorded = Recorded::at(&args.place);
    loop {
        let (tools, generic) = (bench.tools(), bench.generic_ids());
        let more = bench.settings();
        let mut watcher = Watcher {
            state: &state,
            git: Git::default(),
            world: &mut bench,
            generic,
            more,
            tools,
        };
        let passed = watcher.pass(&collection);
        if args.once {
            let pass = passed.map_err(failed)?;
            tell_pass(&pass);
            return Ok(if pass.interrupted {
                bench.interrupted()
            } else {
                code(&pass.tally, !pass.problems.is_empty())
            });
        }
        match passed {
            Ok(pass) if pass.interrupted => {
                tell_pass(&pass);
                return Ok(bench.interrupted());
            }
            Ok(pass) => tell_pass(&pass),
            // A collection that two charms of one name make unclear may be put right while we wait, and a full disk be emptied.
            Err(
                error @ (charmtest_collection::Error::Usage(_)
                | charmtest_collection::Error::Io { .. }),
            ) => {
                say(&format!("warning: {error}; looking again later"));
            }
            Err(error) => return Err(failed(error)),
        }
        if bench.wait(interval) {
            return Ok(bench.interrupted());
        }
        match read_collection(&args.place.collection, &args.inside) {
            Ok(read) => collection = read,
            Err(error) => say(&format!(
                "warning: {error}; going on with the collection as it was"
            )),
        }
    }
}

/// Returns how long to wait between two looks.
fn pause(interval: Limit) -> Result<Duration> {
    interval.duration().ok_or_else(|| {
        Error::new(Kind::Usage, "--interval 0 leaves no time between two looks")
            .hint("--interval 1s looks every second, --once looks once")
    })
}

/// Reads a collection and checks what only the runner knows.
fn read_collection(file: &Path, inside: &WatchInsideArgs) -> Result<Collection> {
    let collection = Collection::read(file).map_err(failed)?;
    let place = collection.file.display().to_string();
    check_variants(&collection.variants, inside, &place)?;
    Ok(collection)
}

fn check_variants(variants: &[Variant], inside: &WatchInsideArgs, place: &str) -> Result<()> {
    for variant in variants {
        place::check_variant(variant, inside)
            .map_err(|why| Error::new(Kind::Usage, format!("{place}: [matrix]: {why}")))?;
    }
    Ok(())
}

/// Tells what came of a look.
fn tell_pass(pass: &Pass) {
    for problem in &pass.problems {
        say(&format!("warning: {}: {}", problem.place, problem.message));
    }
    if pass.tested.is_empty() {
        if pass.problems.is_empty() {
            say("nothing changed");
        } else {
            say("nothing else changed");
        }
    }
    for Tested {
        record,
        delta,
        outcomes,
    } in &pass.tested
    {
        let tally = Tally::of(outcomes);
        say(&format!(
            "delta {} ({}; {}): {tally}",
            delta.seq,
            delta.id,
            tell::changes(delta)
        ));
        tell_trouble(outcomes);
        say(&format!("  results in {}", record.path.display()));
    }
}

/// Tells of jobs that neither passed nor were skipped; of each the last outcome.
fn tell_trouble(outcomes: &[Outcome]) {
    let latest: BTreeMap<&str, &Outcome> = outcomes
        .iter()
        .map(|outcome| (outcome.job.as_str(), outcome))
        .collect();
    let bad = latest
        .values()
        .filter(|outcome| !matches!(outcome.verdict, Verdict::Pass | Verdict::Skip));
    for outcome in bad {
        let reason = outcome.reason.as_deref().unwrap_or_default();
        let reason = reason.lines().next().unwrap_or_default();
        say(&format!("  {} {}: {reason}", outcome.verdict, outcome.job));
    }
}

/// Returns the exit code: what could not be looked at or run wins over what failed, and that over what was refused.
fn code(tally: &Tally, problems: bool) -> u8 {
    let any = |verdicts: &[Verdict]| verdicts.iter().any(|verdict| tally.count(*verdict) > 0);
    if problems || any(&[Verdict::Infra, Verdict::Unmet]) {
        exit::INFRASTRUCTURE
    } else if any(&[Verdict::Fail, Verdict::Timeout]) {
        exit::FAILED
    } else if any(&[Verdict::Refused]) {
        exit::REFUSED
    } else {
        exit::SUCCESS
    }
}

fn generic(args: &WatchTestsArgs) -> Vec<Generic> {
    let wanted = |id: &Generic| args.generic.is_empty() || args.generic.contains(id);
    let all = Generic::ALL.into_iter().filter(wanted);
    if args.no_generic {
        Vec::new()
    } else {
        all.collect()
    }
}

/// Returns how the tests of a recorded delta were run.
fn tests_of(delta: &charmtest_collection::Delta) -> Result<world::Tests> {
    let require = match delta.settings.more.get(world::REQUIRE) {
        Some(text) => text.parse().map_err(|_| {
            Error::infrastructure(format!(
                "the delta requires `{text}`, which is not known here"
            ))
        })?,
        None => Default::default(),
    };
    Ok(world::Tests {
        generic: Generic::ALL.to_vec(),
        require,
    })
}

fn export_delta(args: &DeltaArgs, output: Option<PathBuf>) -> Result<u8> {
    let state = state(&args.place)?;
    let record = state.find(&args.id).map_err(failed)?;
    let output = output.unwrap_or_else(|| format!("delta-{}.tar", record.id).into());
    export(&state, &record, &output).map_err(failed)?;
    print(&format!("{}\n", output.display()));
    Ok(exit::SUCCESS)
}

/// Returns a recorded delta, and the archive of it that `watch export` writes.
///
/// # Errors
///
/// Fails when there is no such delta, and when something of it is missing or damaged.
pub(crate) fn exported(place: &PlaceArgs, id: &str) -> Result<(Delta, Vec<u8>)> {
    let state = state(place)?;
    let record = state.find(id).map_err(failed)?;
    let directory = tempfile::tempdir().map_err(Error::infrastructure)?;
    let file = directory.path().join("delta.tar");
    export(&state, &record, &file).map_err(failed)?;
    let archive = fs::read(file).map_err(Error::infrastructure)?;
    Ok((state.delta(&record).map_err(failed)?, archive))
}

fn approve(state: &State, charm: &str, who: Option<String>, note: Option<String>) -> Result<u8> {
    let head = state.head().map_err(failed)?;
    let meant = head.snapshot.entries().iter().filter(|entry| {
        charm == entry.key.charm || charm == entry.key.to_string() || charm == entry.tree
    });
    let mut versions: BTreeMap<&Digest, _> = BTreeMap::new();
    for entry in meant {
        versions.entry(&entry.content).or_insert(entry);
    }
    let mut versions = versions.into_values();
    let (Some(entry), None) = (versions.next(), versions.next()) else {
        let known: Vec<String> = head
            .snapshot
            .entries()
            .iter()
            .map(|entry| entry.key.to_string())
            .collect();
        let hint = format!("name one of: {}", known.join(", "));
        return Err(Error::new(
            Kind::Usage,
            format!("`{charm}` is not one version of one charm of the last snapshot"),
        )
        .hint(hint));
    };
    let user = || std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    let review = Review {
        charm: entry.key.charm.clone(),
        tree: entry.tree.clone(),
        content: entry.content.clone(),
        who: who
            .or_else(|| user().ok())
            .unwrap_or_else(|| "unknown".to_owned()),
        date: now(),
        note,
    };
    state.approve(review).map_err(failed)?;
    print(&format!("approved {} at tree {}\n", entry.key, entry.tree));
    Ok(exit::SUCCESS)
}

/// Tells which changes are guilty of which jobs; the jobs are named where there is more than one answer.
fn guilty(delta: &Delta, blames: &[Blame]) -> String {
    let mut text = String::new();
    for Blame { jobs, finding } in blames {
        if blames.len() > 1 {
            let _ = writeln!(text, "{}:", jobs.join(", "));
        }
        match finding {
            Finding::RedBefore => text.push_str(
                "the tests fail without any of the changes: something else is the cause\n",
            ),
            Finding::NotAgain => text.push_str(
                "the tests passed with all of the changes now: they do not fail each time, so none of the changes is blamed\n",
            ),
            Finding::Guilty(changes) => {
                for change in changes.iter().map(|index| &delta.changes[*index]) {
                    let entry = change.to.as_ref().or(change.from.as_ref());
                    let commit = entry.and_then(|entry| entry.origin.commit.as_deref());
                    let commit = commit.unwrap_or_default();
                    let line = format!("guilty: {} {} {commit}", change.kind, change.key);
                    let _ = writeln!(text, "{}", line.trim_end());
                }
            }
        }
    }
    text
}

/// Returns the state directory of a collection.
fn state(place: &PlaceArgs) -> Result<State> {
    if let Some(directory) = &place.state {
        let directory = std::path::absolute(directory).map_err(Error::infrastructure)?;
        return Ok(State::new(&directory));
    }
    let base = user_dir("XDG_STATE_HOME", ".local/state").ok_or_else(|| {
        Error::infrastructure("neither XDG_STATE_HOME nor HOME is set")
            .hint("--state DIR says where to record")
    })?;
    let file = std::path::absolute(&place.collection).map_err(Error::infrastructure)?;
    if !file.is_file() {
        return Err(Error::new(Kind::Usage, format!("there is no collection {}", file.display()))
            .hint("--collection FILE names one, --state DIR the record of one; docs/watch.md says what it holds"));
    }
    let file = file.canonicalize().map_err(Error::infrastructure)?;
    Ok(State::new(
        &base.join("charmtest/watch").join(state_name(&file)),
    ))
}

/// Returns a name for a collection that no other has: that of its directory, and a few digits.
fn state_name(file: &Path) -> String {
    let directory = file.parent().and_then(Path::file_name);
    let directory = directory
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let digest = Digest::of(file.as_os_str().as_encoded_bytes());
    format!("{directory}-{}", &digest.short()[..8])
}

/// Makes an error of the collection one of the program.
fn failed(error: charmtest_collection::Error) -> Error {
    let kind = match &error {
        charmtest_collection::Error::Collection { .. } | charmtest_collection::Error::Usage(_) => {
            Kind::Usage
        }
        _ => Kind::Infrastructure,
    };
    Error::caused(kind, &error)
}

/// Returns an error with all its causes.
fn all_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let texts = std::iter::once(error.to_string()).chain(causes.map(ToString::to_string));
    texts.collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_time_between_two_looks() {
        let pause = |text: &str| pause(text.parse().unwrap());
        assert_eq!(pause("200ms").unwrap(), Duration::from_millis(200));
        for text in ["0", "0s"] {
            let error = pause(text).unwrap_err();
            assert_eq!(error.exit_code(), exit::USAGE, "{text}: {error}");
        }
    }

    #[test]
    fn exit_codes() {
        use Verdict::{Fail, Infra, Pass, Refused, Skip, Timeout, Unmet};
        for (verdicts, problems, expected) in [
            (&[][..], false, exit::SUCCESS),
            (&[], true, exit::INFRASTRUCTURE),
            (&[Pass, Skip], false, exit::SUCCESS),
            (&[Pass, Fail], false, exit::FAILED),
            (&[Timeout, Refused], false, exit::FAILED),
            (&[Pass, Refused], false, exit::REFUSED),
            (&[Fail, Infra], false, exit::INFRASTRUCTURE),
            (&[Refused, Unmet], false, exit::INFRASTRUCTURE),
        ] {
            let tally = Tally(verdicts.iter().map(|verdict| (*verdict, 1)).collect());
            assert_eq!(code(&tally, problems), expected, "{verdicts:?} {problems}");
        }
    }

    #[test]
    fn collections_have_states_of_their_own() {
        let names = [
            "/a/web/charms.toml",
            "/b/web/charms.toml",
            "/a/web/other.toml",
        ]
        .map(|file| state_name(Path::new(file)));
        assert!(names.iter().all(|name| name.starts_with("web-")));
        assert!(names[0] != names[1] && names[0] != names[2]);
    }
}
