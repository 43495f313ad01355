//! The options that ask for results as files.

use std::path::{Path, PathBuf};

use clap::Args;

use super::sink::Sink;
use crate::cli::SuiteArgs;
use crate::error::{Error, Kind, Result};
use crate::report::say;

/// The variables of [`ResultsArgs`].
pub(crate) const VARIABLES: [&str; 2] = ["CHARMTEST_RESULTS", "CHARMTEST_JUNIT"];

/// Where results go for programs to read.
#[derive(Args, Debug, Clone, Default, PartialEq, Eq)]
#[command(next_help_heading = "Output")]
pub(crate) struct ResultsArgs {
    /// Write what came of each test to this file as JSON lines, which `cargo charmtest report` merges.
    #[arg(long, value_name = "FILE", env = VARIABLES[0], hide_env_values = true, value_hint = clap::ValueHint::FilePath)]
    pub(crate) results: Option<PathBuf>,
    /// Write what came of each test to this file as JUnit XML.
    #[arg(long, value_name = "FILE", env = VARIABLES[1], hide_env_values = true, value_hint = clap::ValueHint::FilePath)]
    pub(crate) junit: Option<PathBuf>,
}

impl ResultsArgs {
    /// Opens the files, so that one that cannot be written is known before anything runs. What was in them goes: a run that ends
    /// before its tests begin leaves nothing that could be taken for its results.
    ///
    /// # Errors
    ///
    /// Fails when a file cannot be written, and when both are the same.
    pub(crate) fn open(&self) -> Result<Sink> {
        if let (Some(results), Some(junit)) = (&self.results, &self.junit)
            && same(results, junit)
        {
            let text = format!(
                "--results and --junit are both {}: two forms do not fit in one file",
                junit.display()
            );
            return Err(Error::new(Kind::Usage, text));
        }
        Sink::open(self.results.as_deref(), self.junit.as_deref())
    }

    /// Opens the files for a suite, unless its tests are only listed.
    ///
    /// # Errors
    ///
    /// As [`ResultsArgs::open`].
    pub(crate) fn of_suite(&self, suite: &SuiteArgs) -> Result<Option<Sink>> {
        if suite.list {
            if let Some(warning) = self.without_effect() {
                say(&format!("warning: {warning}"));
            }
            return Ok(None);
        }
        Ok(Some(self.open()?).filter(Sink::is_wanted))
    }

    /// Returns the files.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let files = [&self.results, &self.junit].into_iter().flatten();
        files
            .map(|file| std::path::absolute(file).unwrap_or_else(|_| file.clone()))
            .collect()
    }

    /// Returns the warning that nothing is written where tests are only listed.
    pub(crate) fn without_effect(&self) -> Option<String> {
        let given = match (&self.results, &self.junit) {
            (None, None) => return None,
            (Some(_), None) => "--results has",
            (None, Some(_)) => "--junit has",
            (Some(_), Some(_)) => "--results and --junit have",
        };
        Some(format!(
            "{given} no effect beside --list: nothing comes of tests that are only listed"
        ))
    }
}

fn same(one: &Path, other: &Path) -> bool {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute(one) == absolute(other)
}
