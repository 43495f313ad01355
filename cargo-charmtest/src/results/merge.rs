//! One result of many files: what is missing, doubled or does not fit together is named. Pure.

use std::collections::{BTreeMap, BTreeSet};

use charmtest::exit;
use charmtest::harness::Outcome;

use super::read::Part;
use super::record::{End, FORM, Header, PlannedModule, TestRecord, is_of_charms};
use crate::run::partition::Partition;
use crate::run::scheduler::exit_code;

/// How many names a message lists.
const NAMES: usize = 20;

/// How a run is called in [`Header::partition`] that has some jobs of a delta.
pub(crate) const SOME_JOBS: &str = "jobs";

/// What came of all runs together.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Merged {
    /// What was to run.
    pub(crate) header: Header,
    /// The attempts that count, in the order in which the runs planned their tests.
    pub(crate) tests: Vec<TestRecord>,
    /// Why these are not the results of one whole run.
    pub(crate) problems: Vec<String>,
    /// What else the user should know.
    pub(crate) notes: Vec<String>,
    /// How the runs ended.
    pub(crate) end: End,
}

impl Merged {
    /// Returns the last record of each test: the one that counts.
    pub(crate) fn last(&self) -> Vec<&TestRecord> {
        let mut last: Vec<&TestRecord> = Vec::new();
        for test in &self.tests {
            match last.last_mut() {
                Some(before) if id(before) == id(test) => *before = test,
                _ => last.push(test),
            }
        }
        last
    }
}

type Variant = BTreeMap<String, String>;

/// What tells a module from others: package, target, name and variant.
type ModuleId<'a> = (&'a str, &'a str, &'a str, &'a Variant);

fn id(test: &TestRecord) -> (ModuleId<'_>, &str) {
    (
        (&test.package, &test.target, &test.module, &test.variant),
        &test.test,
    )
}

fn module_id(module: &PlannedModule) -> ModuleId<'_> {
    (
        &module.package,
        &module.target,
        &module.module,
        &module.variant,
    )
}

/// Merges the results of runs; `problems` are those of files that say nothing at all.
pub(crate) fn merge(parts: &[Part], problems: Vec<String>) -> Merged {
    let mut merged = Merged {
        problems,
        ..Merged::default()
    };
    let modules = all_modules(parts);
    let found = by_test(parts);
    let chosen: BTreeMap<_, usize> = found
        .iter()
        .map(|(id, places)| (*id, worst(places)))
        .collect();

    broken(parts, &mut merged.problems);
    commits(parts, &mut merged.problems);
    let lost = lost_parts(parts, &mut merged.problems);
    missing(&modules, &found, &lost, &mut merged.problems);
    doubled(parts, &found, several(&modules), &mut merged.notes);

    for module in &modules {
        for test in &module.tests {
            let id = (module_id(module), test.as_str());
            if let Some(part) = chosen.get(&id) {
                let of_test = parts[*part]
                    .tests
                    .iter()
                    .filter(|test| self::id(test) == id);
                merged.tests.extend(of_test.cloned());
            }
        }
    }
    let planned: BTreeSet<_> = modules.iter().flat_map(ids_of).collect();
    for (id, part) in chosen.iter().filter(|(id, _)| !planned.contains(id)) {
        let of_test = parts[*part]
            .tests
            .iter()
            .filter(|test| self::id(test) == *id);
        merged.tests.extend(of_test.cloned());
    }

    let outcomes: Vec<Outcome> = merged.last().iter().map(|test| test.outcome).collect();
    let ends = || parts.iter().filter_map(|part| part.end.as_ref());
    let trouble: BTreeSet<&String> = ends().flat_map(|end| &end.trouble).collect();
    let mut codes: Vec<u8> = ends().map(|end| end.exit).collect();
    codes.push(exit_code(&outcomes, !trouble.is_empty(), None));
    codes.extend((!merged.problems.is_empty()).then_some(exit::INFRASTRUCTURE));
    merged.end = End {
        ended: ends()
            .map(|end| end.ended.clone())
            .max()
            .unwrap_or_default(),
        ms: ends().map(|end| end.ms).sum(),
        exit: codes
            .into_iter()
            .max_by_key(|code| rank(*code))
            .unwrap_or(0),
        trouble: trouble.into_iter().cloned().collect(),
    };
    merged.header = header(parts, modules);
    merged
}

/// Orders exit codes as one run does: what happened to the run wins over what happened to its tests.
fn rank(code: u8) -> u8 {
    match code {
        exit::SUCCESS => 0,
        exit::REFUSED => 1,
        exit::INFRASTRUCTURE => 3,
        exit::TERMINATED => 4,
        exit::INTERRUPTED => 5,
        _ => 2,
    }
}

fn header(parts: &[Part], modules: Vec<PlannedModule>) -> Header {
    let headers = || parts.iter().map(|part| &part.header);
    let mut tools = headers()
        .next()
        .map(|header| header.tools.clone())
        .unwrap_or_default();
    tools.retain(|name, value| headers().all(|header| header.tools.get(name) == Some(value)));
    Header {
        charmtest: FORM,
        command: "report".to_owned(),
        node: same(headers().map(|header| &header.node)).unwrap_or_default(),
        started: headers()
            .map(|header| header.started.clone())
            .min()
            .unwrap_or_default(),
        commit: same(headers().map(|header| &header.commit)).flatten(),
        delta: same(headers().map(|header| &header.delta)).flatten(),
        partition: None,
        tools,
        modules,
    }
}

/// Returns what all values are, if they are the same.
fn same<'a, T: Clone + PartialEq + 'a>(mut values: impl Iterator<Item = &'a T>) -> Option<T> {
    let first = values.next()?;
    values.all(|value| value == first).then(|| first.clone())
}

/// Returns the modules of all runs with all their tests, in the order in which they are named first.
fn all_modules(parts: &[Part]) -> Vec<PlannedModule> {
    let mut modules: Vec<PlannedModule> = Vec::new();
    let mut places: BTreeMap<ModuleId<'_>, usize> = BTreeMap::new();
    for module in parts.iter().flat_map(|part| &part.header.modules) {
        let place = *places.entry(module_id(module)).or_insert(modules.len());
        match modules.get_mut(place) {
            None => modules.push(module.clone()),
            Some(there) if there.tests == module.tests => {}
            Some(there) => {
                for test in &module.tests {
                    if !there.tests.contains(test) {
                        there.tests.push(test.clone());
                    }
                }
            }
        }
    }
    modules
}

fn ids_of(module: &PlannedModule) -> impl Iterator<Item = (ModuleId<'_>, &str)> {
    let tests = module.tests.iter();
    tests.map(|test| (module_id(module), test.as_str()))
}

/// The last outcome of each test in each part that has one.
type Found<'a> = BTreeMap<(ModuleId<'a>, &'a str), BTreeMap<usize, Outcome>>;

fn by_test(parts: &[Part]) -> Found<'_> {
    let mut found: Found<'_> = BTreeMap::new();
    for (place, part) in parts.iter().enumerate() {
        for test in &part.tests {
            let places = found.entry(id(test)).or_default();
            places.insert(place, test.outcome);
        }
    }
    found
}

/// Returns the part whose outcome counts: the worst, since a test that went wrong once is not fine.
fn worst(places: &BTreeMap<usize, Outcome>) -> usize {
    let badness = |outcome: Outcome| match outcome {
        Outcome::Passed => 0,
        Outcome::Flaky => 1,
        Outcome::Xfailed => 2,
        Outcome::Xpassed => 3,
        Outcome::Skipped => 4,
        Outcome::Refused => 5,
        Outcome::Aborted => 6,
        Outcome::Failed => 7,
        Outcome::TimedOut => 8,
        Outcome::Errored => 9,
        Outcome::Unmet => 10,
    };
    let worst = places.iter().max_by_key(|(_, outcome)| badness(**outcome));
    worst.map_or(0, |(part, _)| *part)
}

fn broken(parts: &[Part], problems: &mut Vec<String>) {
    for part in parts {
        let file = part.file.display();
        for (line, why) in &part.broken {
            problems.push(format!("{file}:{line}: the line cannot be read: {why}"));
        }
        if part.end.is_none() {
            problems.push(format!("{file}: its run was cut off: it has no last line"));
        }
    }
}

/// Names files of different commits or deltas.
fn commits(parts: &[Part], problems: &mut Vec<String>) {
    let mut commits: BTreeMap<String, BTreeMap<&str, BTreeSet<String>>> = BTreeMap::new();
    let mut deltas: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for part in parts {
        let header = &part.header;
        let file = part.file.display().to_string();
        if let Some(delta) = &header.delta {
            deltas.entry(delta).or_default().insert(file.clone());
        }
        let Some(commit) = &header.commit else {
            continue;
        };
        // Packages may be of different repositories, and so may charms.
        let mut what: BTreeSet<String> = BTreeSet::new();
        for module in &header.modules {
            what.insert(match !is_of_charms(&module.package, &module.target) {
                true => module.package.clone(),
                false => module.name(),
            });
        }
        for what in what {
            let of_what = commits.entry(what).or_default();
            of_what.entry(commit).or_default().insert(file.clone());
        }
    }
    let told: BTreeSet<String> = commits
        .into_values()
        .filter(|commits| commits.len() > 1)
        .map(|commits| different("commits", &commits))
        .collect();
    problems.extend(told);
    if deltas.len() > 1 {
        problems.push(different("deltas", &deltas));
    }
}

fn different(what: &str, of: &BTreeMap<&str, BTreeSet<String>>) -> String {
    let of = of.iter().map(|(which, files)| {
        let which: String = which.chars().take(12).collect();
        format!("{which} ({})", list(files.iter().cloned().collect()))
    });
    let of: Vec<String> = of.collect();
    format!("the files are of different {what}: {}", of.join("; "))
}

/// Names the parts of `--partition` of which there is no file, and returns their modules.
fn lost_parts<'a>(parts: &'a [Part], problems: &mut Vec<String>) -> BTreeSet<ModuleId<'a>> {
    // Parts belong together when they divide the same modules in the same way.
    type Family<'a> = (&'a str, String, &'a [PlannedModule]);
    let mut families: BTreeMap<Family<'_>, BTreeMap<u64, Partition>> = BTreeMap::new();
    for part in parts {
        let partition = part.header.partition.as_deref();
        let Some(Ok(partition)) = partition.map(str::parse::<Partition>) else {
            continue;
        };
        let Some((number, division)) = partition.numbered() else {
            continue;
        };
        let family = (&*part.header.command, division, &part.header.modules[..]);
        families
            .entry(family)
            .or_default()
            .insert(number, partition);
    }
    let mut lost = BTreeSet::new();
    for ((_, _, modules), seen) in &families {
        let Some(any) = seen.values().next() else {
            continue;
        };
        let names: Vec<String> = modules.iter().map(PlannedModule::name).collect();
        let is_lost = |part: &Partition| !seen.values().any(|seen| seen == part);
        for part in any.all().into_iter().filter(is_lost) {
            let chosen = part.choose(&names);
            let own = modules.iter().zip(chosen).filter(|(_, chosen)| *chosen);
            let own: Vec<&PlannedModule> = own.map(|(module, _)| module).collect();
            lost.extend(own.iter().map(|module| module_id(module)));
            let own: Vec<String> = own.into_iter().map(PlannedModule::name).collect();
            let what = match own.is_empty() {
                true => "it has none of the modules".to_owned(),
                false => format!("it has {}", list(own)),
            };
            problems.push(format!(
                "part {part} is missing, there is no file of it: {what}"
            ));
        }
    }
    lost
}

/// Names the tests that have no result, but for those of parts that are named already.
fn missing(
    modules: &[PlannedModule],
    found: &Found<'_>,
    lost: &BTreeSet<ModuleId<'_>>,
    problems: &mut Vec<String>,
) {
    let several = several(modules);
    let mut whole = Vec::new();
    for module in modules {
        let open: Vec<String> = ids_of(module)
            .filter(|id| !found.contains_key(id))
            .map(|(_, test)| test.to_owned())
            .collect();
        let is_named = lost.contains(&module_id(module));
        if open.is_empty() || (is_named && open.len() == module.tests.len()) {
            continue;
        }
        let name = name_among(module, several);
        match open.len() == module.tests.len() {
            true => whole.push(name),
            false => problems.push(format!("no file has a result of {} of {name}", list(open))),
        }
    }
    if !whole.is_empty() {
        problems.push(format!("no file has a result of {}", list(whole)));
    }
}

/// Names modules that ran more than once.
fn doubled(parts: &[Part], found: &Found<'_>, several: bool, notes: &mut Vec<String>) {
    let mut modules: BTreeMap<ModuleId<'_>, (BTreeSet<usize>, Vec<String>)> = BTreeMap::new();
    for ((module, test), places) in found.iter().filter(|(_, places)| places.len() > 1) {
        let (of, differing) = modules.entry(*module).or_default();
        of.extend(places.keys());
        let mut outcomes = places.values();
        let first = outcomes.next();
        if outcomes.any(|outcome| Some(outcome) != first) {
            differing.push((*test).to_owned());
        }
    }
    for ((package, target, module, variant), (of, differing)) in modules {
        let module = PlannedModule {
            package: package.to_owned(),
            target: target.to_owned(),
            module: module.to_owned(),
            variant: variant.clone(),
            tests: Vec::new(),
        };
        let name = name_among(&module, several);
        let files: Vec<String> = of
            .iter()
            .map(|part| parts[*part].file.display().to_string())
            .collect();
        let what = match differing.is_empty() {
            true => "with the same outcomes".to_owned(),
            false => format!(
                "with different outcomes of {}; the worst counts",
                list(differing)
            ),
        };
        notes.push(format!(
            "{name} ran more than once ({}), {what}",
            list(files)
        ));
    }
}

/// Says whether there are modules of more than one variant.
fn several(modules: &[PlannedModule]) -> bool {
    let variants: BTreeSet<&Variant> = modules.iter().map(|module| &module.variant).collect();
    variants.len() > 1
}

/// Returns a module's name, with its variant where there are several.
fn name_among(module: &PlannedModule, several: bool) -> String {
    if !several || module.variant.is_empty() {
        return module.name();
    }
    let values: Vec<&str> = module.variant.values().map(String::as_str).collect();
    format!("{} [{}]", module.name(), values.join(","))
}

/// Returns names for a sentence.
fn list(mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(NAMES);
    names.truncate(NAMES);
    let more = match more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    names.join(", ") + &more
}

#[cfg(test)]
mod tests {
    use charmtest_collection::Verdict;

    use super::super::record::tests::record;
    use super::super::record::verdict_of;
    use super::*;

    /// Returns a plan of these modules of `p::t`, each with one test.
    fn modules(names: &[&str]) -> Vec<PlannedModule> {
        let module = |name: &&str| PlannedModule {
            package: "p".to_owned(),
            target: "t".to_owned(),
            module: (*name).to_owned(),
            variant: BTreeMap::new(),
            tests: vec![format!("{name}::t")],
        };
        names.iter().map(module).collect()
    }

    /// Returns a run of a part of `modules` in which these had these outcomes.
    fn part(file: &str, partition: &str, all: &[&str], ran: &[(&str, Outcome)]) -> Part {
        let tests = ran.iter().map(|(module, outcome)| {
            let mut test = record(module, &format!("{module}::t"));
            (test.outcome, test.verdict) = (*outcome, verdict_of(*outcome));
            test
        });
        let outcomes: Vec<Outcome> = ran.iter().map(|(_, outcome)| *outcome).collect();
        Part {
            file: file.into(),
            header: Header {
                charmtest: FORM,
                command: "run".to_owned(),
                commit: Some("1234".to_owned()),
                partition: Some(partition.to_owned()).filter(|partition| !partition.is_empty()),
                modules: modules(all),
                ..Header::default()
            },
            tests: tests.collect(),
            end: Some(End {
                ms: 10,
                exit: exit_code(&outcomes, false, None),
                ..End::default()
            }),
            broken: Vec::new(),
        }
    }

    fn merge(parts: &[Part]) -> Merged {
        super::merge(parts, Vec::new())
    }

    use Outcome::{Errored, Failed, Flaky, Passed, Refused, Skipped, TimedOut, Unmet};

    #[test]
    fn parts_are_one_run() {
        let all = ["a", "b", "c"];
        let whole = part(
            "w",
            "",
            &all,
            &[("a", Passed), ("b", Failed), ("c", Passed)],
        );
        let parts = [
            part("2", "count:2/2", &all, &[("b", Failed)]),
            part("1", "count:1/2", &all, &[("a", Passed), ("c", Passed)]),
        ];
        let (merged, one) = (merge(&parts), merge(&[whole]));
        assert_eq!(merged.problems, Vec::<String>::new());
        assert_eq!(merged.tests, one.tests);
        assert_eq!(merged.header.modules, one.header.modules);
        assert_eq!((merged.end.exit, one.end.exit), (1, 1));
        assert_eq!((merged.end.ms, one.end.ms), (20, 10));
        assert!(merged.notes.is_empty());
    }

    #[test]
    fn the_exit_code_is_that_of_one_run() {
        for (outcomes, expected) in [
            (&[Passed, Passed][..], exit::SUCCESS),
            (&[Flaky, Skipped], exit::SUCCESS),
            (&[Refused, Passed], exit::REFUSED),
            (&[Refused, Failed], exit::FAILED),
            (&[TimedOut, Passed], exit::FAILED),
            (&[Failed, Errored], exit::INFRASTRUCTURE),
            (&[Unmet, Refused], exit::INFRASTRUCTURE),
        ] {
            let parts: Vec<Part> = outcomes
                .iter()
                .zip(["a", "b"])
                .map(|(outcome, module)| {
                    let name = format!("module:p::t {module}");
                    part(module, &name, &["a", "b"], &[(module, *outcome)])
                })
                .collect();
            let merged = merge(&parts);
            assert!(merged.problems.is_empty(), "{:?}", merged.problems);
            assert_eq!(merged.end.exit, expected, "{outcomes:?}");
        }
        // What only the end of a run says counts too: models left over, an interruption.
        for (code, expected) in [(1, 1), (130, 130), (143, 143)] {
            let mut one = part("1", "", &["a"], &[("a", Passed)]);
            let trouble = vec!["model m is left over".to_owned()];
            one.end = Some(End {
                exit: code,
                trouble: trouble.clone(),
                ..End::default()
            });
            let merged = merge(&[one, part("2", "", &["b"], &[("b", Errored)])]);
            let expected = if expected == 1 { 4 } else { expected };
            assert_eq!((merged.end.exit, merged.end.trouble), (expected, trouble));
        }
    }

    /// Asserts that these parts are no whole run, and that one problem says why.
    #[track_caller]
    fn assert_problem(parts: &[Part], texts: &[&str]) {
        let merged = merge(parts);
        let [problem] = &merged.problems[..] else {
            panic!("{:?}", merged.problems)
        };
        for text in texts {
            assert!(problem.contains(text), "no {text}: {problem}");
        }
        assert_eq!(merged.end.exit, exit::INFRASTRUCTURE);
    }

    #[test]
    fn a_part_that_is_lost_is_named_with_its_modules() {
        let all = ["a", "b", "c"];
        let first = part("1", "count:1/3", &all, &[("a", Passed)]);
        let second = part("2", "count:2/3", &all, &[("b", Passed)]);
        assert_problem(
            &[first.clone(), second.clone()],
            &["part count:3/3 is missing", "p::t c"],
        );
        // One that has no module leaves a file too.
        let of_four = [
            part("1", "count:1/4", &["a"], &[("a", Passed)]),
            part("2", "count:2/4", &["a"], &[]),
            part("3", "count:3/4", &["a"], &[]),
        ];
        assert_problem(
            &of_four,
            &["part count:4/4 is missing", "none of the modules"],
        );
    }

    #[test]
    fn modules_that_nothing_ran_are_named() {
        let all = ["a", "b", "c", "d"];
        let parts = [
            part("1", "module:p::t a", &all, &[("a", Passed)]),
            part("2", "module:p::t b", &all, &[("b", Passed)]),
        ];
        assert_problem(&parts, &["no file has a result of p::t c, p::t d"]);
        let mut half = part("1", "", &["a"], &[("a", Passed)]);
        half.header.modules[0].tests.push("a::u".to_owned());
        assert_problem(&[half], &["no file has a result of a::u of p::t a"]);
    }

    #[test]
    fn broken_lines_and_runs_that_were_cut_off_are_named() {
        let mut broken = part("dir/1.jsonl", "", &["a"], &[("a", Passed)]);
        broken.broken.push((3, "EOF".to_owned()));
        assert_problem(&[broken], &["dir/1.jsonl:3: the line cannot be read: EOF"]);
        let mut cut = part("1.jsonl", "", &["a"], &[("a", Passed)]);
        cut.end = None;
        assert_problem(&[cut], &["1.jsonl: its run was cut off"]);
    }

    #[test]
    fn files_of_other_commits_and_deltas_are_named() {
        let all = ["a", "b"];
        let one = part("1", "module:p::t a", &all, &[("a", Passed)]);
        let mut other = part("2", "module:p::t b", &all, &[("b", Passed)]);
        other.header.commit = Some("abcd".to_owned());
        assert_problem(
            &[one.clone(), other.clone()],
            &["different commits: 1234 (1); abcd (2)"],
        );
        // Where there is no git nothing is known, and another package may be of another repository.
        other.header.commit = None;
        assert!(merge(&[one, other]).problems.is_empty());
        let mut elsewhere = part("3", "", &["a"], &[("a", Passed)]);
        elsewhere.header.commit = Some("abcd".to_owned());
        elsewhere.header.modules[0].package = "q".to_owned();
        elsewhere.tests[0].package = "q".to_owned();
        let of_p = part("4", "", &["a"], &[("a", Passed)]);
        assert!(merge(&[of_p.clone(), elsewhere]).problems.is_empty());

        let of_delta = |delta: &str, module: &str| {
            let mut part = part(delta, "jobs", &["a", "b"], &[(module, Passed)]);
            part.header.delta = Some(delta.to_owned());
            part.header.commit = None;
            part
        };
        assert_problem(
            &[of_delta("77", "a"), of_delta("88", "b")],
            &["different deltas: 77 (77); 88 (88)"],
        );
    }

    #[test]
    fn of_a_module_that_ran_twice_the_worst_counts() {
        let run = |file: &str, outcome| part(file, "", &["a"], &[("a", outcome)]);
        for (outcomes, expected, says) in [
            ([Passed, Passed], Verdict::Pass, "with the same outcomes"),
            (
                [Failed, Passed],
                Verdict::Fail,
                "with different outcomes of a::t",
            ),
            (
                [Passed, Failed],
                Verdict::Fail,
                "with different outcomes of a::t",
            ),
            (
                [Failed, Errored],
                Verdict::Infra,
                "with different outcomes of a::t",
            ),
        ] {
            let merged = merge(&[run("1", outcomes[0]), run("2", outcomes[1])]);
            let [test] = &merged.tests[..] else {
                panic!("{:?}", merged.tests)
            };
            assert_eq!(test.verdict, expected);
            let [note] = &merged.notes[..] else {
                panic!("{:?}", merged.notes)
            };
            assert!(note.contains(says) && note.contains("(1, 2)"), "{note}");
        }
        // The same tests with another Juju are no repetition.
        let with = |file: &str, juju: &str| {
            let mut part = run(file, Passed);
            let variant: Variant = [("juju".to_owned(), juju.to_owned())].into();
            part.header.modules[0].variant = variant.clone();
            part.tests[0].variant = variant;
            part
        };
        let merged = merge(&[with("1", "3.6"), with("2", "4.0")]);
        assert!(merged.notes.is_empty() && merged.problems.is_empty());
        assert_eq!(merged.last().len(), 2);
    }

    #[test]
    fn what_was_merged_is_merged_again() {
        let all = ["a", "b"];
        let merged = merge(&[
            part("1", "count:1/2", &all, &[("a", Passed)]),
            part("2", "count:2/2", &all, &[("b", Refused)]),
        ]);
        let again = merge(&[Part {
            file: "m".into(),
            header: merged.header.clone(),
            tests: merged.tests.clone(),
            end: Some(merged.end.clone()),
            broken: Vec::new(),
        }]);
        assert_eq!((&again.tests, &again.end), (&merged.tests, &merged.end));
        assert!(again.problems.is_empty());
    }
}
