//! `cargo charmtest export`: the charm tests as work for programs that have many machines.
//!
//! What is written is decided in [`spread`] and [`github`], which know of no files; [`files`] keeps what is there.

mod args;
mod files;
mod github;
mod spread;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use charmtest::harness::{DescribedTest, Limit, RunFlags};
use charmtest::juju::quote;
use charmtest_charm::yaml;
use charmtest_collection::Job;
use clap::builder::Resettable;
use clap::{Args, FromArgMatches};

pub(crate) use args::ExportCommand;
use args::{GithubArgs, SpreadArgs};
use files::File;
use spread::{DELTA_FILE, DELTA_SUITE, Jobs, Module, SUITE, Workspace};

use super::watch::{self, PlaceArgs};
use crate::cli::{CargoArgs, OutputArgs, SelectArgs, TestsArgs};
use crate::error::{Error, Kind, Result};
use crate::profile;
use crate::report::{choose_color, heading, print, say};
use crate::run::again::Again;
use crate::run::module::ModulePlan;
use crate::workspace;

/// The first line of what is written.
const HEADER: &str = "# Made by `cargo charmtest export COMMAND`.\n";

/// The names under which spread looks for a project file.
const PROJECT_FILES: [&str; 2] = ["spread.yaml", ".spread.yaml"];

/// Exports the charm tests.
///
/// # Errors
///
/// Fails as building and describing the tests does, and when a file is there that differs.
pub(crate) fn main(command: &ExportCommand) -> Result<u8> {
    match command {
        ExportCommand::Spread(args) => match &args.delta {
            Some(id) => delta_to_spread(args, id),
            None => to_spread(args),
        },
        ExportCommand::Github(args) => to_github(args),
    }
}

fn to_github(args: &GithubArgs) -> Result<u8> {
    // Nothing is built for it; what is not there would be found by every job otherwise.
    workspace::check_selection(&args.cargo)?;
    profile::read(args.profile.as_deref(), args.cargo.manifest_path.as_deref())?;
    let options = selection(&args.cargo) + &options(&args.cargo, args.profile.as_deref());
    let text = github::workflow(&options, args.parts, &args.setup);
    match &args.output {
        None => print(&text),
        Some(path) => {
            let path = path.clone();
            let shown = path.display().to_string();
            let content = text.into_bytes();
            match files::write(&[File { path, content }], args.force)? {
                0 => say(&heading("Unchanged", &shown)),
                _ => say(&heading("Wrote", &shown)),
            }
        }
    }
    Ok(charmtest::exit::SUCCESS)
}

fn to_spread(args: &SpreadArgs) -> Result<u8> {
    choose_color(args.tell.color);
    let root = workspace::root(&args.cargo)?;
    let file = args.output.clone();
    let file = file.unwrap_or_else(|| root.join(PROJECT_FILES[0]));
    let (dir, below) = place(&file, &root)?;
    let flags = flags(args)?;
    let modules = modules(&args.cargo, &args.tell, flags)?;

    // Where things are on this machine says nothing of another one.
    let elsewhere = CargoArgs {
        manifest_path: None,
        target_dir: None,
        ..args.cargo.clone()
    };
    let exported = Workspace {
        below: &below,
        selection: selection(&elsewhere),
        options: options(&elsewhere, args.profile.as_deref()),
        setup: &args.setup,
    };
    let suite = Suite {
        file: &file,
        dir: &dir,
        name: SUITE,
        tasks: exported.tasks(&modules),
        more: Vec::new(),
        each: "module",
    };
    let project = exported.project(&project_name(&dir));
    suite.write(project, args)
}

/// Writes a recorded delta with a task for each of its jobs.
fn delta_to_spread(args: &SpreadArgs, id: &str) -> Result<u8> {
    choose_color(args.tell.color);
    let file = args.output.clone();
    let file = file.unwrap_or_else(|| PathBuf::from(PROJECT_FILES[0]));
    let dir = directory(&file)?;
    let place = PlaceArgs {
        collection: args.collection.clone().unwrap_or_else(PlaceArgs::usual),
        state: args.state.clone(),
    };
    let (delta, archive) = watch::exported(&place, id)?;
    let limit = delta.settings.more.get(watch::TEST_TIMEOUT);
    let at_most = limit.and_then(|limit| limit.parse::<Limit>().ok());
    let jobs = Jobs {
        delta: &delta.id,
        jobs: delta.jobs().iter().map(Job::id).collect(),
        limit: limit.map(String::as_str),
        at_most: at_most.and_then(|limit| limit.duration()),
        setup: &args.setup,
    };
    let suite = Suite {
        file: &file,
        dir: &dir,
        name: DELTA_SUITE,
        tasks: jobs.tasks(),
        more: vec![File {
            path: dir.join(DELTA_SUITE).join(DELTA_FILE),
            content: archive,
        }],
        each: "job",
    };
    suite.write(jobs.project(&project_name(&dir)), args)
}

/// Returns a name for the project of a directory.
fn project_name(dir: &Path) -> String {
    let name = dir.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Tasks of one suite, for a project file.
struct Suite<'a> {
    /// The project file.
    file: &'a Path,
    /// Its directory.
    dir: &'a Path,
    /// The suite's directory below it.
    name: &'a str,
    /// Names and files of the tasks.
    tasks: Vec<(String, String)>,
    /// What else is written.
    more: Vec<File>,
    /// What there is a task for.
    each: &'a str,
}

impl Suite<'_> {
    /// Writes the files and says so; `project` is the project file's text where there is none with this suite.
    fn write(self, project: String, args: &SpreadArgs) -> Result<u8> {
        let Self {
            file,
            dir,
            name: suite,
            tasks,
            more: mut files,
            each,
        } = self;
        let directory = dir.join(suite);
        files.extend(tasks.iter().map(|(name, text)| File {
            path: directory.join(name).join("task.yaml"),
            content: text.clone().into_bytes(),
        }));
        let kept = !args.force && has_suite(file, suite);
        if !kept {
            files.push(File {
                path: file.to_owned(),
                content: project.into_bytes(),
            });
        }
        let new = files::write(&files, args.force)?;
        let names: BTreeSet<&str> = tasks.iter().map(|(name, _)| name.as_str()).collect();
        for name in left_over(&directory, &names) {
            say(&format!(
                "warning: {suite}/{name} is of no {each} that was exported now; delete it if its {each} is gone"
            ));
        }
        if args.tell.quiet {
            return Ok(charmtest::exit::SUCCESS);
        }
        if kept {
            let text = format!("{}: it has the suite {suite}/ already", file.display());
            say(&heading("Kept", &text));
        }
        let count = tasks.len();
        let tasks = if count == 1 { "task" } else { "tasks" };
        let text = format!("{count} {tasks} in {}", directory.display());
        match new {
            0 => say(&heading("Unchanged", &text)),
            1 => say(&heading("Wrote", &format!("1 file for {text}"))),
            _ => say(&heading("Wrote", &format!("{new} files for {text}"))),
        }
        Ok(charmtest::exit::SUCCESS)
    }
}

/// Returns the directory of the project file, and where the workspace is below it.
///
/// # Errors
///
/// Fails when spread would not find the file, or not send the workspace with it.
fn place(file: &Path, root: &Path) -> Result<(PathBuf, String)> {
    let usage = |what: &str| Error::new(Kind::Usage, format!("{}: {what}", file.display()));
    let dir = directory(file)?;
    let root = fs::canonicalize(root)
        .map_err(|error| usage(&format!("cannot find {}: {error}", root.display())))?;
    let Ok(below) = root.strip_prefix(&dir) else {
        return Err(usage(&format!(
            "spread sends the directory of its project file, and the workspace {} is not in it",
            root.display()
        )));
    };
    let below = below.to_str().ok_or_else(|| {
        usage("the way from here to the workspace is not UTF-8, which YAML cannot say")
    })?;
    Ok((dir, below.to_owned()))
}

/// Returns the directory of the project file.
///
/// # Errors
///
/// Fails when it is not there, and when spread would not find the file.
fn directory(file: &Path) -> Result<PathBuf> {
    let usage = |what: &str| Error::new(Kind::Usage, format!("{}: {what}", file.display()));
    let name = file.file_name().unwrap_or_default();
    if !PROJECT_FILES.iter().any(|known| name == *known) {
        return Err(usage(
            "spread only finds a project file of the name spread.yaml or .spread.yaml",
        ));
    }
    let parent = match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    fs::canonicalize(parent)
        .map_err(|error| usage(&format!("cannot find {}: {error}", parent.display())))
}

/// Returns how tests run by the profile alone: what variables say on this machine does not hold on others.
fn flags(args: &SpreadArgs) -> Result<RunFlags> {
    let manifest = args.cargo.manifest_path.as_deref();
    let profile = profile::read(args.profile.as_deref(), manifest)?;
    let command = RunFlags::augment_args(clap::Command::new("export").no_binary_name(true));
    let command = profile.apply(command);
    let command = command.mut_args(|arg| arg.env(Resettable::Reset));
    let none: [OsString; 0] = [];
    let matches = command.try_get_matches_from(none);
    let flags = matches.and_then(|matches| RunFlags::from_arg_matches(&matches));
    flags.map_err(|error| Error::new(Kind::Usage, error.to_string().trim()))
}

/// Builds the charm tests and returns their modules.
fn modules(cargo: &CargoArgs, tell: &OutputArgs, mut flags: RunFlags) -> Result<Vec<Module>> {
    let warnings = flags.settle(None);
    for warning in warnings.map_err(|why| Error::new(Kind::Usage, why))? {
        say(&format!("warning: {warning}"));
    }
    // What failed on this machine says nothing of another one either.
    Again::take(&mut flags);
    let tests = TestsArgs {
        select: SelectArgs::default(),
        flags,
        cargo: cargo.clone(),
        output: tell.clone(),
    };
    let found = workspace::test_binaries(&tests)?;
    for warning in workspace::unknown_words(&tests.flags, &found) {
        say(&format!("warning: {warning}"));
    }
    let limit = tests.flags.test_timeout.duration();
    let plan = ModulePlan::all(found.binaries);
    if plan.is_empty() {
        return Err(Error::new(Kind::NothingSelected, "no charm test matches")
            .hint("`cargo charmtest list` shows all of them"));
    }
    let module = |plan: ModulePlan| Module {
        limit: together(&plan.module.tests, limit),
        package: plan.executable.package,
        target: plan.executable.target,
        name: plan.module.name,
    };
    Ok(plan.into_iter().map(module).collect())
}

/// Returns how long tests may take one after another, with all their attempts; `limit` is for those that have none of their own.
fn together(tests: &[DescribedTest], limit: Option<Duration>) -> Option<Duration> {
    tests.iter().try_fold(Duration::ZERO, |sum, test| {
        let own = test.timeout_s.map(Duration::from_secs).or(limit)?;
        let attempts = test.retries.saturating_add(1);
        Some(sum.saturating_add(own.saturating_mul(attempts)))
    })
}

/// Returns the options that select packages and targets, as words for a shell, each after a space.
fn selection(cargo: &CargoArgs) -> String {
    let mut words: Vec<OsString> = Vec::new();
    words.extend(cargo.workspace.then(|| "--workspace".into()));
    let named = [
        ("--package", &cargo.packages),
        ("--exclude", &cargo.exclude),
        ("--test", &cargo.tests),
    ];
    for (flag, values) in named {
        words.extend(values.iter().flat_map(|value| [flag.into(), value.into()]));
    }
    shell(&words)
}

/// Returns the other options of a run, in the same way.
fn options(cargo: &CargoArgs, profile: Option<&str>) -> String {
    let mut words = cargo.options("--cargo-profile");
    if let Some(profile) = profile {
        words.extend(["--profile".into(), profile.into()]);
    }
    shell(&words)
}

fn shell(words: &[OsString]) -> String {
    words
        .iter()
        .map(|word| format!(" {}", quote(word)))
        .collect()
}

/// Says whether a project file has our suite: then it is its author's, who may have changed it.
fn has_suite(file: &Path, suite: &str) -> bool {
    let text = fs::read_to_string(file).unwrap_or_default();
    let project = yaml::parse_value(&file.display().to_string(), &text);
    project.is_ok_and(|project| !project["suites"][format!("{suite}/")].is_null())
}

/// Returns the tasks that an earlier export made and this one did not.
fn left_over(suite: &Path, names: &BTreeSet<&str>) -> BTreeSet<String> {
    let entries = fs::read_dir(suite).into_iter().flatten().flatten();
    entries
        .filter(|entry| spread::is_ours(&entry.path().join("task.yaml")))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !names.contains(name.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_cargo_are_handed_on_as_words_of_a_shell() {
        let cargo = CargoArgs {
            packages: vec!["web".into()],
            tests: vec!["with-dash".into(), "b".into()],
            features: vec!["a b".into()],
            cargo_profile: Some("fast".into()),
            locked: true,
            ..CargoArgs::default()
        };
        assert_eq!(
            selection(&cargo),
            " --package web --test with-dash --test b"
        );
        assert_eq!(
            options(&cargo, Some("ci")),
            " --features 'a b' --cargo-profile fast --locked --profile ci"
        );
        let all = CargoArgs {
            workspace: true,
            exclude: vec!["slow".into()],
            ..CargoArgs::default()
        };
        assert_eq!(selection(&all), " --workspace --exclude slow");
        assert_eq!(options(&all, None), "");
    }

    #[test]
    fn a_project_file_is_where_spread_finds_it_with_the_workspace() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("charms/web");
        fs::create_dir_all(&root).unwrap();
        let real = fs::canonicalize(dir.path()).unwrap();
        for (file, expected) in [
            ("charms/web/spread.yaml", Ok(("charms/web", ""))),
            ("charms/.spread.yaml", Ok(("charms", "web"))),
            ("spread.yaml", Ok(("", "charms/web"))),
            ("charms/web/other.yaml", Err("only finds a project file")),
            ("no/spread.yaml", Err("cannot find")),
        ] {
            let found = place(&dir.path().join(file), &root);
            match (found, expected) {
                (Ok((place, below)), Ok((dir, expected))) => {
                    assert_eq!(
                        (place, below.as_str()),
                        (real.join(dir), expected),
                        "{file}"
                    );
                }
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().contains(expected), "{error}");
                }
                (found, expected) => panic!("{file}: {found:?} instead of {expected:?}"),
            }
        }
        let beside = dir.path().join("beside");
        fs::create_dir_all(&beside).unwrap();
        let error = place(&beside.join("spread.yaml"), &root).unwrap_err();
        assert!(error.to_string().contains("is not in it"), "{error}");
    }
}
