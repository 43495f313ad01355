//! `cargo charmtest lint`: what the rules of `charmtest-lint` find.

use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use charmtest_lint::{Policy, Report, output, rule};

use crate::cli::{LintArgs, LintFormat};
use crate::error::{Error, Kind, Result};
use crate::report::{print, say};
use crate::run::process;

/// Prints what is found, and returns the exit code.
///
/// # Errors
///
/// Fails when an id is unknown, there is nothing at a path, or charmcraft was asked for and does not answer.
pub(crate) fn main(args: &LintArgs) -> Result<u8> {
    if let Some(id) = &args.explain {
        let rule = rule(id).ok_or_else(|| unknown(id))?;
        print(&output::explain(rule));
        return Ok(charmtest::exit::SUCCESS);
    }
    let policy = policy(args)?;
    let mut report = charmtest_lint::lint(&args.paths, &policy)
        .map_err(|error| Error::caused(Kind::Usage, &error))?;
    if args.with_charmcraft {
        ask_charmcraft(args, &policy, &mut report)?;
    }
    print(&match args.format {
        LintFormat::Human => output::human(&report),
        LintFormat::Json => output::json(&report),
        LintFormat::Sarif => output::sarif(&report),
    });
    if report.has_errors() {
        return Ok(charmtest::exit::FAILED);
    }
    Ok(charmtest::exit::SUCCESS)
}

fn policy(args: &LintArgs) -> Result<Policy> {
    let mut policy = Policy::default();
    for id in &args.allow {
        policy.allow(id).map_err(|_| unknown(id))?;
    }
    for id in &args.deny {
        policy.deny(id).map_err(|_| unknown(id))?;
    }
    Ok(policy)
}

fn unknown(id: &str) -> Error {
    Error::new(Kind::Usage, format!("there is no rule `{id}`"))
        .hint("ids look like `CT102`; docs/lint.md lists them all")
}

/// Adds what `charmcraft analyse` says about packed charms.
fn ask_charmcraft(args: &LintArgs, policy: &Policy, report: &mut Report) -> Result<()> {
    let charmcraft = charmtest_charm::pack::find_program("charmcraft").ok_or_else(|| {
        Error::infrastructure("`--with-charmcraft` was given, and there is no charmcraft on PATH")
            .hint("install it (`snap install charmcraft --classic`), or leave the option out")
    })?;
    for path in &args.paths {
        if path.is_dir()
            || path
                .extension()
                .is_none_or(|extension| extension != "charm")
        {
            say(&format!(
                "warning: `--with-charmcraft` has no effect on `{}`: charmcraft analyses packed charms",
                path.display()
            ));
            continue;
        }
        let answer = analyse(&charmcraft, path, args.charmcraft_timeout.duration())?;
        let file = path.display().to_string();
        let found = charmtest_lint::charmcraft::findings(&file, &answer).map_err(|error| {
            Error::infrastructure(format!(
                "`charmcraft analyse --format json {file}` answered something else than its findings: {error}"
            ))
        })?;
        report.merge(found, policy);
    }
    Ok(())
}

/// Runs `charmcraft analyse` and returns its answer; its exit code only repeats the worst finding.
fn analyse(charmcraft: &Path, charm: &Path, limit: Option<Duration>) -> Result<String> {
    let mut command = Command::new(charmcraft);
    command.args(["analyse", "--format", "json"]).arg(charm);
    let line = format!("charmcraft analyse --format json {}", charm.display());
    let failed = |why: io::Error| Error::infrastructure(format!("`{line}` failed: {why}"));
    let output = process::output(command, limit.unwrap_or(Duration::MAX)).map_err(failed)?;
    if output.stdout.trim().is_empty() {
        return Err(failed(io::Error::other(format!(
            "it ended with {} and said: {}",
            output.status,
            output.stderr.trim()
        ))));
    }
    Ok(output.stdout)
}
