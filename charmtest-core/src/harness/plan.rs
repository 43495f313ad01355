//! From the registry to a plan: which tests, in which modules, in which order. Pure.

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::describe::{
    DESCRIBE_VERSION, DescribedModule, DescribedTest, DescribedXfail, Description,
};
use super::expression::{Expression, TagExpression, is_part_of};
use super::marks::Treatment;
use super::progress::millis;
use super::unknown_words::UnknownWords;
use crate::fixture::Needs;
use crate::registry::{Marks, ModuleEntry, TestEntry};

/// The module of the tests in the root of a target. A keyword, so that no other module can have this name.
pub(super) const ROOT: &str = "crate";

/// Which tests to run; the parts of the command line that choose.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    /// Parts of names, module names or source files; any of them selects. Empty selects all.
    pub(super) filters: Vec<String>,
    /// Parts of names that deselect.
    pub(super) skips: Vec<String>,
    /// How filters and skips compare with names.
    pub(super) comparison: Comparison,
    /// The `-k` expression.
    pub(super) expression: Option<Expression>,
    /// The `-m` expression.
    pub(super) tags: Option<TagExpression>,
    /// Only these modules; empty for all.
    pub(super) modules: Vec<String>,
    /// What becomes of tests under `#[ignore]`.
    pub(super) ignored: Ignored,
    /// What becomes of tests under `skip_if_deployed`.
    pub(super) deploying: Deploying,
}

/// How a filter compares with a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Comparison {
    /// The name contains the filter.
    #[default]
    Part,
    /// The name of the test, of its function or of its module is the filter.
    Whole,
}

/// What becomes of tests under `#[ignore]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ignored {
    /// They are shown as ignored.
    #[default]
    Show,
    /// They run like the others.
    Include,
    /// Only they run.
    Only,
}

/// What becomes of tests under `skip_if_deployed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Deploying {
    /// They run.
    #[default]
    Allowed,
    /// `--no-deploy`: they are skipped.
    Forbidden,
}

/// All tests of a target in the order in which they run, and what becomes of each.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) modules: Vec<PlannedModule>,
    /// What is wrong with the suite and keeps nothing from running.
    faults: Vec<String>,
    /// Words of the selection that mean none of the tests.
    unknown_words: UnknownWords,
}

/// One module of a [`Plan`].
#[derive(Debug)]
pub(super) struct PlannedModule {
    pub(super) name: String,
    pub(super) tests: Vec<PlannedTest>,
}

/// One test of a [`Plan`].
#[derive(Debug)]
pub(super) struct PlannedTest {
    /// The full name without the target.
    pub(super) name: String,
    pub(super) entry: &'static TestEntry,
    pub(super) treatment: Treatment,
    pub(super) choice: Choice,
}

/// What becomes of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// It runs.
    Run,
    /// It is reported as skipped, for this reason, if there is one.
    Skip(Option<String>),
    /// It is not part of this run.
    FilteredOut,
}

impl Plan {
    /// Plans a run of the registered tests, with what `marked` says of their modules.
    pub(super) fn new(
        entries: impl IntoIterator<Item = &'static TestEntry>,
        marked: impl IntoIterator<Item = &'static ModuleEntry>,
        selection: &Selection,
    ) -> Self {
        let mut modules: BTreeMap<String, Vec<&'static TestEntry>> = BTreeMap::new();
        for entry in entries {
            let module = module_of(entry.module_path);
            modules.entry(module).or_default().push(entry);
        }
        let marks: BTreeMap<String, Marks> = marked
            .into_iter()
            .map(|entry| (module_of(entry.module_path), entry.marks))
            .collect();
        let without_tests = marks.keys().filter(|module| !modules.contains_key(*module));
        let faults = without_tests.map(|module| {
            format!(
                "module `{module}` has a `charmtest::module!` and no charm test: its options hold for the tests that stand \
                 in the module itself, not for those in modules below it"
            )
        });
        // A program that runs modules one by one has read of it in the description.
        let faults = match selection.modules[..] {
            [] => faults.collect(),
            [..] => Vec::new(),
        };
        let mut modules: Vec<PlannedModule> = modules
            .into_iter()
            .map(|(name, mut entries)| {
                // The registry has no order of its own: it changes with how the compiler splits the crate.
                entries.sort_by_key(|entry| sort_key(entry));
                let tests = entries
                    .into_iter()
                    .map(|entry| {
                        let module = marks.get(&name).unwrap_or(&Marks::NONE);
                        let treatment = Treatment::new(&entry.marks, module);
                        planned_test(&name, entry, treatment, selection)
                    })
                    .collect();
                PlannedModule { name, tests }
            })
            .collect();
        modules.sort_by_key(|module| module.name != ROOT);
        let unknown_words = match selection.modules[..] {
            [] => unknown_words(&modules, selection),
            [..] => UnknownWords::default(),
        };
        Self {
            modules,
            faults,
            unknown_words,
        }
    }

    /// Returns the words of `-k` and `-m` that mean none of the tests, whatever else selects. A plan of some modules knows
    /// of none.
    pub(super) fn unknown_words(&self) -> &UnknownWords {
        &self.unknown_words
    }

    /// Returns all tests in plan order.
    pub(super) fn tests(&self) -> impl Iterator<Item = &PlannedTest> {
        self.modules.iter().flat_map(|module| &module.tests)
    }

    /// Puts the modules in the order in which their first tests have to run, for tests that all have an order.
    pub(super) fn in_order_of_tests(&mut self) {
        let first = |module: &PlannedModule| module.tests.iter().map(|test| test.entry.order).min();
        self.modules.sort_by_key(first);
    }

    /// Returns a source file of the tests as the compiler names it; empty if they come of none.
    pub(super) fn a_source_file(&self) -> &'static str {
        let in_source = self.tests().find(|test| test.entry.line > 0);
        in_source.map_or("", |test| test.entry.file)
    }

    /// Leaves out the tests that are not in `names`.
    pub(super) fn keep_only(&mut self, names: &BTreeSet<String>) {
        let tests = self.modules.iter_mut().flat_map(|module| &mut module.tests);
        for test in tests.filter(|test| !names.contains(&test.name)) {
            test.choice = Choice::FilteredOut;
        }
    }

    /// Returns a warning for each module in which a test runs although the test that it builds on was left out, and one
    /// for each module whose options hold for no test.
    pub(super) fn warnings(&self) -> Vec<String> {
        let missing = self.modules.iter().filter_map(missing_base);
        self.faults.iter().cloned().chain(missing).collect()
    }

    /// Describes the tests that the selection leaves, ignored ones included; a module without any is left out.
    pub(super) fn describe(&self, package: &str, target: &str) -> Description {
        Description {
            charmtest: DESCRIBE_VERSION,
            package: package.to_owned(),
            target: target.to_owned(),
            modules: self
                .modules
                .iter()
                .map(PlannedModule::describe)
                .filter(|module| !module.tests.is_empty())
                .collect(),
            warnings: self.faults.clone(),
            unknown_words: self.unknown_words.clone(),
        }
    }
}

impl PlannedTest {
    /// Returns the fixtures of scope "run" that the test asks for, by their types and names; none if it does not run.
    pub(super) fn run_fixtures(&self) -> impl Iterator<Item = (TypeId, &'static str)> + use<> {
        let needs = match self.choice {
            Choice::Run => Needs::of(self.entry),
            Choice::Skip(_) | Choice::FilteredOut => Needs::default(),
        };
        needs.of_the_run().collect::<Vec<_>>().into_iter()
    }
}

impl PlannedModule {
    fn describe(&self) -> DescribedModule {
        let selected = |test: &&PlannedTest| test.choice != Choice::FilteredOut;
        let describe = |test: &PlannedTest| DescribedTest {
            name: test.name.clone(),
            file: test.entry.file.to_owned(),
            line: test.entry.line,
            column: test.entry.column,
            order: test.entry.order,
            abort_on_fail: test.treatment.abort_on_fail,
            abort_on_xfail: test.treatment.abort_on_xfail,
            skip_if_deployed: test.treatment.skip_if_deployed,
            ignore: test.treatment.ignore.map(str::to_owned),
            tags: test
                .treatment
                .tags
                .iter()
                .map(|&tag| tag.to_owned())
                .collect(),
            timeout_s: test
                .treatment
                .timeout
                .map(|limit| millis(limit).div_ceil(1_000)),
            xfail: test.treatment.xfail.map(|xfail| DescribedXfail {
                reason: xfail.reason.to_owned(),
                strict: xfail.strict,
            }),
            retries: test.treatment.retries,
            run_fixtures: test
                .run_fixtures()
                .map(|(_, name)| name.to_owned())
                .collect(),
        };
        DescribedModule {
            name: self.name.clone(),
            tests: self.tests.iter().filter(selected).map(describe).collect(),
        }
    }
}

/// Returns the module that a module path means: the path without the target.
fn module_of(module_path: &str) -> String {
    match module_path.split_once("::") {
        Some((_target, module)) => module.to_owned(),
        None => ROOT.to_owned(),
    }
}

/// `order >= 0` ascending, then tests without order as in the source, then negative ones, -1 last.
fn sort_key(entry: &TestEntry) -> impl Ord + use<> {
    let rank = match entry.order {
        Some(order @ 0..) => (0, order),
        None => (1, 0),
        Some(order) => (2, order),
    };
    let case = entry.case.map(|case| case.index);
    (rank, entry.file, entry.line, entry.column, case)
}

fn planned_test(
    module: &str,
    entry: &'static TestEntry,
    treatment: Treatment,
    selection: &Selection,
) -> PlannedTest {
    let function = match module {
        ROOT => entry.name.to_owned(),
        module => format!("{module}::{}", entry.name),
    };
    let name = match entry.case {
        Some(case) => format!("{function}[{}]", case.id),
        None => function,
    };
    let choice = choose(module, &name, entry, &treatment, selection);
    PlannedTest {
        name,
        entry,
        treatment,
        choice,
    }
}

fn choose(
    module: &str,
    name: &str,
    entry: &TestEntry,
    treatment: &Treatment,
    selection: &Selection,
) -> Choice {
    if !is_selected(module, name, entry.file, treatment, selection) {
        return Choice::FilteredOut;
    }
    match (treatment.ignore, selection.ignored) {
        (None, Ignored::Only) => return Choice::FilteredOut,
        (Some(reason), Ignored::Show) => {
            return Choice::Skip((!reason.is_empty()).then(|| reason.to_owned()));
        }
        _ => {}
    }
    if treatment.skip_if_deployed && selection.deploying == Deploying::Forbidden {
        return Choice::Skip(Some("--no-deploy was given".to_owned()));
    }
    Choice::Run
}

fn is_selected(
    module: &str,
    name: &str,
    file: &str,
    treatment: &Treatment,
    selection: &Selection,
) -> bool {
    let names = |filter: &String| match selection.comparison {
        Comparison::Part => name.contains(filter.as_str()) || module == filter,
        Comparison::Whole => {
            name == filter
                || module == filter
                // The name of a function means all its cases.
                || name
                    .strip_prefix(filter.as_str())
                    .is_some_and(|case| case.starts_with('['))
        }
    };
    let modules = &selection.modules;
    let filters = &selection.filters;
    (modules.is_empty() || modules.iter().any(|wanted| wanted == module))
        && (filters.is_empty()
            || filters
                .iter()
                .any(|filter| names(filter) || is_file(filter, file)))
        && !selection.skips.iter().any(names)
        && selection
            .expression
            .as_ref()
            .is_none_or(|expression| expression.matches(name, &treatment.tags))
        && selection
            .tags
            .as_ref()
            .is_none_or(|tags| tags.matches(&treatment.marks()))
}

/// Returns whether `filter` is a path of the source file `file`, which is relative to the workspace root. The filter may be
/// relative to the workspace or to the package, or absolute.
fn is_file(filter: &str, file: &str) -> bool {
    let filter = Path::new(filter.strip_prefix("./").unwrap_or(filter));
    if filter.extension().is_none_or(|extension| extension != "rs") {
        return false;
    }
    let file = Path::new(file);
    file.ends_with(filter) || (filter.is_absolute() && filter.ends_with(file))
}

fn unknown_words(modules: &[PlannedModule], selection: &Selection) -> UnknownWords {
    let tests = || modules.iter().flat_map(|module| &module.tests);
    let is_named =
        |word: &str| tests().any(|test| is_part_of(word, &test.name, &test.treatment.tags));
    let is_tag = |word: &str| tests().any(|test| test.treatment.marks().contains(&word));
    let without = |words: Option<Vec<&str>>, means_one: &dyn Fn(&str) -> bool| {
        let words = words.into_iter().flatten();
        let unknown = words.filter(|word| !means_one(word));
        unknown.map(str::to_owned).collect()
    };
    UnknownWords {
        filter: without(
            selection.expression.as_ref().map(Expression::words),
            &is_named,
        ),
        tags: without(selection.tags.as_ref().map(TagExpression::words), &is_tag),
    }
}

fn missing_base(module: &PlannedModule) -> Option<String> {
    let (base, follower) = module.tests.iter().enumerate().find_map(|(at, base)| {
        if !base.treatment.abort_on_fail || base.choice != Choice::FilteredOut {
            return None;
        }
        let follower = module.tests[at..]
            .iter()
            .find(|test| test.choice == Choice::Run)?;
        Some((base, follower))
    })?;
    Some(format!(
        "`{}` runs without `{}`, which it may build on (abort_on_fail) and which this selection leaves out; \
         select the module `{}`, or give --model NAME to use a model that is ready",
        follower.name, base.name, module.name
    ))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::registry::Case;

    const BLANK: TestEntry = TestEntry {
        module_path: "integration",
        name: "",
        case: None,
        file: "charms/web/tests/integration/main.rs",
        line: 0,
        column: 0,
        package: "web",
        order: None,
        marks: Marks::NONE,
        needs: |_| {},
        run: &|_| Box::pin(async { Ok(()) }),
    };

    const RELATIONS: TestEntry = TestEntry {
        module_path: "integration::relations",
        file: "charms/web/tests/integration/relations.rs",
        ..BLANK
    };

    static ENTRIES: [TestEntry; 7] = [
        TestEntry {
            name: "removed",
            line: 5,
            order: Some(-1),
            ..RELATIONS
        },
        TestEntry {
            name: "scaled",
            line: 60,
            order: Some(-2),
            marks: Marks {
                ignore: Some("needs a cloud"),
                ..Marks::NONE
            },
            ..RELATIONS
        },
        TestEntry {
            name: "second",
            line: 40,
            column: 30,
            ..RELATIONS
        },
        TestEntry {
            name: "first",
            line: 40,
            column: 3,
            marks: Marks {
                tags: &["slow"],
                ..Marks::NONE
            },
            ..RELATIONS
        },
        TestEntry {
            name: "configure",
            line: 50,
            order: Some(1),
            marks: Marks {
                timeout_ms: Some(1_500),
                ..Marks::NONE
            },
            ..RELATIONS
        },
        TestEntry {
            name: "build_and_deploy",
            line: 70,
            order: Some(0),
            marks: Marks {
                abort_on_fail: true,
                skip_if_deployed: true,
                ..Marks::NONE
            },
            ..RELATIONS
        },
        TestEntry {
            name: "relations_hold",
            line: 9,
            marks: Marks {
                ignore: Some(""),
                ..Marks::NONE
            },
            ..BLANK
        },
    ];

    pub(in crate::harness) fn plan(selection: &Selection) -> Plan {
        Plan::new(&ENTRIES, [], selection)
    }

    /// Returns the names of the tests that run, without `relations::`.
    fn running(selection: &Selection) -> Vec<String> {
        plan(selection)
            .tests()
            .filter(|test| test.choice == Choice::Run)
            .map(|test| test.name.replace("relations::", ""))
            .collect()
    }

    fn filtered(filters: &[&str]) -> Selection {
        Selection {
            filters: filters.iter().map(|&filter| filter.to_owned()).collect(),
            ..Selection::default()
        }
    }

    #[test]
    fn the_root_comes_first_and_order_beats_the_source() {
        let names: Vec<_> = plan(&Selection::default())
            .tests()
            .map(|test| test.name.clone())
            .collect();
        assert_eq!(
            names,
            [
                "relations_hold",
                "relations::build_and_deploy",
                "relations::configure",
                "relations::first",
                "relations::second",
                "relations::scaled",
                "relations::removed",
            ]
        );
    }

    #[test]
    fn filters_select_names_modules_and_files() {
        let all = [
            "build_and_deploy",
            "configure",
            "first",
            "second",
            "removed",
        ];
        let cases: [(&[&str], &[&str]); 9] = [
            (&[], &all),
            (&["configure"], &["configure"]),
            (&["config", "relations::fi"], &["configure", "first"]),
            (&["relations"], &all),
            (&["tests/integration/relations.rs"], &all),
            (&["./tests/integration/relations.rs"], &all),
            (
                &["/home/me/ws/charms/web/tests/integration/relations.rs"],
                &all,
            ),
            (&["ntegration/relations.rs"], &[]),
            (&["nothing"], &[]),
        ];
        for (filters, expected) in cases {
            assert_eq!(running(&filtered(filters)), expected, "{filters:?}");
        }
    }

    #[test]
    fn exact_filters_take_whole_names_of_tests_and_modules() {
        let exact = |filter: &str| Selection {
            comparison: Comparison::Whole,
            ..filtered(&[filter])
        };
        assert_eq!(running(&exact("relations::first")), ["first"]);
        assert_eq!(running(&exact("first")), [""; 0]);
        assert_eq!(running(&exact("relations")).len(), 5);
    }

    #[test]
    fn options_of_a_module_hold_for_its_tests_and_not_for_those_below() {
        static MODULES: [ModuleEntry; 2] = [
            ModuleEntry {
                module_path: "integration::relations",
                marks: Marks {
                    tags: &["net"],
                    retries: Some(1),
                    ..Marks::NONE
                },
            },
            ModuleEntry {
                module_path: "integration::empty",
                marks: Marks::NONE,
            },
        ];
        let selection = |expression: &str, modules: &[&str]| Selection {
            expression: Some(expression.parse().unwrap()),
            modules: modules.iter().map(|&module| module.to_owned()).collect(),
            ..Selection::default()
        };
        let plan = Plan::new(&ENTRIES, &MODULES, &selection("net", &[]));
        let running = plan.tests().filter(|test| test.choice == Choice::Run);
        let running: Vec<_> = running.collect();
        assert_eq!(running.len(), 5);
        assert!(running.iter().all(|test| test.treatment.retries == 1));
        let warnings = plan.describe("web", "integration").warnings;
        assert!(
            warnings.len() == 1 && warnings[0].starts_with("module `empty` has"),
            "{warnings:?}"
        );
        assert_eq!(plan.warnings(), warnings);
        // Programs that run modules one by one read the description.
        let plan = Plan::new(&ENTRIES, &MODULES, &selection("net", &["relations"]));
        assert_eq!(plan.warnings(), [""; 0]);
    }

    #[test]
    fn cases_are_tests_in_the_order_of_their_list() {
        static CASES: [TestEntry; 4] = {
            const fn case(id: &'static str, index: u32) -> TestEntry {
                TestEntry {
                    name: "scale",
                    case: Some(Case { id, index }),
                    line: 20,
                    ..RELATIONS
                }
            }
            [
                case("three", 2),
                case("one", 0),
                case("14/edge", 1),
                TestEntry {
                    name: "scale_down",
                    line: 10,
                    ..RELATIONS
                },
            ]
        };
        let running = |selection: &Selection| -> Vec<String> {
            let plan = Plan::new(&CASES, [], selection);
            let running = plan.tests().filter(|test| test.choice == Choice::Run);
            running
                .map(|test| test.name.replace("relations::", ""))
                .collect()
        };
        let cases = ["scale[one]", "scale[14/edge]", "scale[three]"];
        assert_eq!(running(&Selection::default())[1..], cases);
        let exact = |filter: &str| {
            running(&Selection {
                comparison: Comparison::Whole,
                ..filtered(&[filter])
            })
        };
        assert_eq!(exact("relations::scale"), cases);
        assert_eq!(exact("relations::scale[one]"), ["scale[one]"]);
        assert_eq!(exact("relations::scale["), [""; 0]);
        let expression = |text: &str| {
            running(&Selection {
                expression: Some(text.parse().unwrap()),
                ..Selection::default()
            })
        };
        assert_eq!(expression("scale[one]"), ["scale[one]"]);
        assert_eq!(expression("scale and 14/edge"), ["scale[14/edge]"]);
        assert_eq!(running(&filtered(&["scale["])), cases);
    }

    #[test]
    fn skips_modules_and_expressions_narrow() {
        let skipped = Selection {
            skips: vec!["on".to_owned()],
            ..Selection::default()
        };
        // Every name in `relations` contains `on`.
        assert_eq!(running(&skipped), [""; 0]);
        let by_tag = Selection {
            expression: Some("slow or configure".parse().unwrap()),
            ..Selection::default()
        };
        assert_eq!(running(&by_tag), ["configure", "first"]);
        let marked = |text: &str| Selection {
            tags: Some(text.parse().unwrap()),
            ..Selection::default()
        };
        assert_eq!(running(&marked("slow")), ["first"]);
        assert_eq!(running(&marked("slo or first")), [""; 0]);
        assert_eq!(running(&marked("abort_on_fail")), ["build_and_deploy"]);
        assert_eq!(
            running(&marked("not (slow or skip_if_deployed)")),
            ["configure", "second", "removed"]
        );
        let module = Selection {
            modules: vec![ROOT.to_owned()],
            ignored: Ignored::Include,
            ..Selection::default()
        };
        assert_eq!(running(&module), ["relations_hold"]);
    }

    #[test]
    fn words_that_mean_no_test_are_known() {
        let unknown = |filter: &str, tags: &str, modules: &[&str]| {
            let selection = Selection {
                expression: Some(filter.parse().unwrap()),
                tags: Some(tags.parse().unwrap()),
                modules: modules.iter().map(|&module| module.to_owned()).collect(),
                // What else selects has no say: the tests are there.
                ..filtered(&["relations_hold"])
            };
            let unknown = plan(&selection).unknown_words().clone();
            let joined = |words: BTreeSet<String>| words.into_iter().collect::<Vec<_>>().join(" ");
            (joined(unknown.filter), joined(unknown.tags))
        };
        let pair = |filter: &str, tags: &str| (filter.to_owned(), tags.to_owned());
        assert_eq!(unknown("", "", &[]), pair("", ""));
        assert_eq!(unknown("DEPLOY and slo", "not slow", &[]), pair("", ""));
        assert_eq!(unknown("not deplyo", "not slo", &[]), pair("deplyo", "slo"));
        assert_eq!(
            unknown(
                "first or (zig and not zag)",
                "slow or zig or (zig and abort_on_fail)",
                &[]
            ),
            pair("zag zig", "zig")
        );
        // A process for one module does not see the others.
        assert_eq!(unknown("typo", "typo", &["relations"]), pair("", ""));
    }

    #[test]
    fn ignored_tests_are_shown_included_or_alone() {
        let choices = |ignored| {
            let selection = Selection {
                ignored,
                ..Selection::default()
            };
            let plan = plan(&selection);
            let choice = |name: &str| {
                let test = plan.tests().find(|test| test.name == name);
                test.unwrap().choice.clone()
            };
            [
                choice("relations_hold"),
                choice("relations::scaled"),
                choice("relations::first"),
            ]
        };
        let why = Choice::Skip(Some("needs a cloud".to_owned()));
        assert_eq!(
            choices(Ignored::Show),
            [Choice::Skip(None), why, Choice::Run]
        );
        assert_eq!(
            choices(Ignored::Include),
            [Choice::Run, Choice::Run, Choice::Run]
        );
        assert_eq!(
            choices(Ignored::Only),
            [Choice::Run, Choice::Run, Choice::FilteredOut]
        );
    }

    #[test]
    fn no_deploy_skips_what_deploys() {
        let selection = Selection {
            deploying: Deploying::Forbidden,
            ..Selection::default()
        };
        let plan = plan(&selection);
        let deploy = plan
            .tests()
            .find(|test| test.entry.name == "build_and_deploy")
            .unwrap();
        assert_eq!(
            deploy.choice,
            Choice::Skip(Some("--no-deploy was given".to_owned()))
        );
    }

    #[test]
    fn a_selection_that_drops_the_deploy_test_is_warned_about() {
        assert_eq!(plan(&Selection::default()).warnings(), [""; 0]);
        assert_eq!(plan(&filtered(&["relations_hold"])).warnings(), [""; 0]);
        let warnings = plan(&filtered(&["second", "removed"])).warnings();
        assert_eq!(warnings.len(), 1);
        assert!(
            warnings[0]
                .starts_with("`relations::second` runs without `relations::build_and_deploy`"),
            "{warnings:?}"
        );
    }

    #[test]
    fn the_description_holds_the_selected_tests_in_plan_order() {
        let of = |filters: &[&str]| plan(&filtered(filters)).describe("web", "integration");
        assert!(of(&["nothing"]).modules.is_empty());
        assert_eq!(of(&["relations::configure"]).modules.len(), 1);
        let description = plan(&Selection::default()).describe("web", "integration");
        let names: Vec<_> = description
            .modules
            .iter()
            .map(|module| module.name.as_str())
            .collect();
        assert_eq!(names, ["crate", "relations"]);
        let configure = &description.modules[1].tests[1];
        assert_eq!(
            serde_json::to_string(configure).unwrap(),
            r#"{"name":"relations::configure","file":"charms/web/tests/integration/relations.rs","line":50,"column":0,"order":1,"abort_on_fail":false,"abort_on_xfail":false,"skip_if_deployed":false,"ignore":null,"tags":[],"timeout_s":2,"xfail":null,"retries":0}"#
        );
    }
}
