//! How charm tests run: the flags that a test binary and `cargo charmtest` have in common.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};

use super::crash_dump_flags::CrashDumpFlags;
use super::duration::Limit;
use super::expression::{Expression, TagExpression};
use super::origins::Origins;
use super::pack_flags::PackFlags;
use super::words::{absolute, future_directory, one_word, readable_file};
use crate::juju::{BackendChoice, ModelName, NameError};

/// What the embedded controller calls itself.
const EMBEDDED: &str = "embedded";

const DEFAULT_TEST_TIMEOUT: Limit = Limit::of(Duration::from_secs(3_600));
const DEFAULT_TEARDOWN_TIMEOUT: Limit = Limit::of(Duration::from_secs(300));

/// How charm tests run: the flags that a test binary and `cargo charmtest` have in common.
///
/// Each flag can also be given as a variable of the environment, which reaches a test binary through `cargo test` too;
/// the flag wins.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(next_help_heading = "Charm tests")]
pub struct RunFlags {
    /// Where the values come from. First, because the others are taken out of the command line one by one.
    #[command(flatten)]
    pub(super) origins: Origins,

    /// Take what is not given from this profile of .config/charmtest.toml [default: default].
    #[arg(
        long,
        value_name = "NAME",
        env = "CHARMTEST_PROFILE",
        hide_env_values = true
    )]
    pub profile: Option<String>,

    /// Use this model for all modules; it is made if it does not exist, and kept.
    #[arg(long, value_name = "NAME", env = "CHARMTEST_MODEL", hide_env_values = true, value_parser = parse_model)]
    pub model: Option<ModelName>,

    /// The name that tests use for the module's own model [default: main].
    #[arg(long, value_name = "ALIAS", env = "CHARMTEST_MODEL_ALIAS", hide_env_values = true, value_parser = one_word)]
    pub model_alias: Option<String>,

    /// A YAML file with the configuration for a module's own model when it is made.
    #[arg(long, value_name = "FILE", env = "CHARMTEST_MODEL_CONFIG", hide_env_values = true, value_parser = readable_file,
          value_hint = clap::ValueHint::FilePath)]
    pub model_config: Option<PathBuf>,

    /// Keep the models instead of destroying them at the end.
    #[arg(long, env = "CHARMTEST_KEEP_MODELS", hide_env_values = true, value_parser = BoolishValueParser::new())]
    pub keep_models: bool,

    /// Destroy the storage of a model with it; false releases it. Without: destroyed with a model that the run made,
    /// released with another.
    #[arg(long, value_name = "BOOL", env = "CHARMTEST_DESTROY_STORAGE", hide_env_values = true, num_args = 0..=1,
          require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    pub destroy_storage: Option<bool>,

    /// Skip the tests under `skip_if_deployed`: the model already holds what they deploy. Needs --model.
    #[arg(long, env = "CHARMTEST_NO_DEPLOY", hide_env_values = true, value_parser = BoolishValueParser::new())]
    pub no_deploy: bool,

    /// The Juju controller to use.
    #[arg(
        long,
        value_name = "NAME",
        env = "CHARMTEST_CONTROLLER",
        hide_env_values = true,
        value_parser = one_word
    )]
    pub controller: Option<String>,

    /// The cloud for new models.
    #[arg(
        long,
        value_name = "NAME",
        env = "CHARMTEST_CLOUD",
        hide_env_values = true,
        value_parser = one_word
    )]
    pub cloud: Option<String>,

    /// What answers as `juju`; auto takes a real controller if there is one.
    #[arg(
        long,
        value_enum,
        value_name = "BACKEND",
        default_value_t,
        env = "CHARMTEST_BACKEND",
        hide_env_values = true
    )]
    pub backend: BackendArg,

    /// The `juju` program to use.
    #[arg(
        long,
        value_name = "PATH",
        env = "CHARMTEST_JUJU",
        hide_env_values = true,
        value_parser = parse_program
    )]
    pub juju: Option<PathBuf>,

    /// The Juju that the embedded controller speaks as, 3.6 or 4.0 [default: 3.6].
    #[arg(
        long,
        value_name = "VERSION",
        env = "CHARMTEST_JUJU_VERSION",
        hide_env_values = true,
        value_parser = parse_series
    )]
    pub juju_version: Option<String>,

    /// How many modules run side by side [default: the number of cores; 1 on a real Juju].
    #[arg(
        short,
        long,
        value_name = "N",
        env = "CHARMTEST_JOBS",
        hide_env_values = true
    )]
    pub jobs: Option<NonZeroUsize>,

    /// Run only tests that match, e.g. 'relations and not slow'; words are parts of names and tags.
    #[arg(
        short = 'k',
        value_name = "EXPR",
        env = "CHARMTEST_FILTER",
        hide_env_values = true
    )]
    pub expression: Option<Expression>,

    /// Run only tests whose tags match, e.g. 'slow and not storage'; words are whole tags.
    #[arg(
        short = 'm',
        value_name = "EXPR",
        env = "CHARMTEST_TAGS",
        hide_env_values = true
    )]
    pub tags: Option<TagExpression>,

    /// Stop after the first failure: --maxfail 1.
    #[arg(short = 'x', long)]
    pub exitfirst: bool,

    /// Start no more tests after N failures; models are torn down. 0 for no such limit.
    #[arg(
        long,
        value_name = "N",
        env = "CHARMTEST_MAXFAIL",
        hide_env_values = true
    )]
    pub maxfail: Option<usize>,

    /// Run only the tests that failed in the last run; all, if none did.
    #[arg(long, visible_alias = "lf", env = "CHARMTEST_LAST_FAILED", hide_env_values = true, value_parser = BoolishValueParser::new())]
    pub last_failed: bool,

    /// Run the modules with tests that failed in the last run first.
    #[arg(long, visible_alias = "ff", env = "CHARMTEST_FAILED_FIRST", hide_env_values = true, value_parser = BoolishValueParser::new())]
    pub failed_first: bool,

    /// Show the N slowest tests at the end; 0 for all.
    #[arg(
        long,
        value_name = "N",
        env = "CHARMTEST_DURATIONS",
        hide_env_values = true
    )]
    pub durations: Option<usize>,

    /// The directory below which the tests' files are; what is in it already is left alone.
    #[arg(long, value_name = "DIR", env = "CHARMTEST_BASETEMP", hide_env_values = true, value_parser = future_directory,
          value_hint = clap::ValueHint::DirPath)]
    pub basetemp: Option<PathBuf>,

    /// Accepted for pytest-operator's sake: `juju` itself talks to the controller and has no such limit to set.
    #[arg(
        long,
        value_name = "BYTES",
        env = "CHARMTEST_JUJU_MAX_FRAME_SIZE",
        hide_env_values = true
    )]
    pub juju_max_frame_size: Option<u64>,

    /// How `charmcraft` packs.
    #[command(flatten)]
    pub pack: PackFlags,

    /// Crash dumps.
    #[command(flatten)]
    pub crash_dump: CrashDumpFlags,

    /// The time limit of a test that has none of its own; 0 for none.
    #[arg(long, value_name = "DURATION", default_value_t = DEFAULT_TEST_TIMEOUT,
          env = "CHARMTEST_TEST_TIMEOUT", hide_env_values = true)]
    pub test_timeout: Limit,

    /// The time limit of each step of the tear-down.
    #[arg(long, value_name = "DURATION", default_value_t = DEFAULT_TEARDOWN_TIMEOUT,
          env = "CHARMTEST_TEARDOWN_TIMEOUT", hide_env_values = true)]
    pub teardown_timeout: Limit,
}

/// The value of `--backend`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum BackendArg {
    /// A real controller if there is one, else the embedded one.
    #[default]
    Auto,
    /// The embedded controller.
    Embedded,
    /// A real Juju client.
    Juju,
}

impl From<BackendArg> for BackendChoice {
    fn from(arg: BackendArg) -> Self {
        match arg {
            BackendArg::Auto => Self::Auto,
            BackendArg::Embedded => Self::Embedded,
            BackendArg::Juju => Self::Juju,
        }
    }
}

impl RunFlags {
    /// Refuses what contradicts itself.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.no_deploy && self.model.is_none() {
            return Err(
                "--no-deploy skips the tests that deploy, so it needs a model that holds the applications: add --model NAME"
                    .to_owned(),
            );
        }
        let elsewhere = self.controller().filter(|name| *name != EMBEDDED);
        if let Some(name) = elsewhere.filter(|_| self.backend == BackendArg::Embedded) {
            return Err(format!(
                "--backend embedded has one controller, `{EMBEDDED}`, and not `{name}`"
            ));
        }
        let real = self.backend == BackendArg::Juju || elsewhere.is_some() || self.cloud.is_some();
        if self.juju_version.is_some() && real {
            return Err(
                "--juju-version says as which Juju the embedded controller speaks; a real controller has a version of its own"
                    .to_owned(),
            );
        }
        if let (Some(asked), Some(model)) = (self.controller.as_deref(), &self.model)
            && model.controller().is_some_and(|named| named != asked)
        {
            let spelled = |id| self.origins.spelled(id);
            let (controller, named) = (spelled("controller"), spelled("model"));
            return Err(format!(
                "{controller} is {asked} and {named} {model} is on another; leave one of them out"
            ));
        }
        if self.teardown_timeout.duration().is_none() {
            return Err(
                "--teardown-timeout 0 would wait for ever; give a duration like 5m".to_owned(),
            );
        }
        Ok(())
    }

    /// Returns which backend is asked for: the name of the embedded controller and a version for it ask for that one.
    #[must_use]
    pub fn backend_choice(&self) -> BackendChoice {
        let embedded = self.juju_version.is_some() || self.controller() == Some(EMBEDDED);
        match self.backend {
            BackendArg::Auto if embedded => BackendChoice::Embedded,
            backend => backend.into(),
        }
    }

    /// Returns the controller that is asked for, by `--controller` or with the model's name.
    #[must_use]
    pub fn controller(&self) -> Option<&str> {
        let named = self.model.as_ref().and_then(ModelName::controller);
        self.controller.as_deref().or(named)
    }

    /// Returns after how many failures no more tests start, as `--exitfirst` and `--maxfail` say.
    #[must_use]
    pub fn max_failures(&self) -> Option<usize> {
        match self.exitfirst {
            true => Some(1),
            false => self.maxfail.filter(|limit| *limit > 0),
        }
    }

    /// Returns the flags as variables of the environment, for a test binary that is started.
    #[must_use]
    pub fn to_env(&self) -> Vec<(&'static str, OsString)> {
        let backend = match self.backend {
            BackendArg::Auto => "auto",
            BackendArg::Embedded => "embedded",
            BackendArg::Juju => "juju",
        };
        let mut variables: Vec<(&'static str, OsString)> = vec![
            ("CHARMTEST_BACKEND", backend.into()),
            (
                "CHARMTEST_TEST_TIMEOUT",
                self.test_timeout.to_string().into(),
            ),
            (
                "CHARMTEST_TEARDOWN_TIMEOUT",
                self.teardown_timeout.to_string().into(),
            ),
        ];
        let mut set =
            |name, value: Option<OsString>| variables.extend(value.map(|value| (name, value)));
        set(
            "CHARMTEST_MODEL",
            self.model.as_ref().map(|model| model.to_string().into()),
        );
        set(
            "CHARMTEST_KEEP_MODELS",
            self.keep_models.then(|| "1".into()),
        );
        set("CHARMTEST_NO_DEPLOY", self.no_deploy.then(|| "1".into()));
        set(
            "CHARMTEST_CONTROLLER",
            self.controller.as_ref().map(Into::into),
        );
        set("CHARMTEST_CLOUD", self.cloud.as_ref().map(Into::into));
        set("CHARMTEST_JUJU", self.juju.as_ref().map(Into::into));
        set(
            "CHARMTEST_JUJU_VERSION",
            self.juju_version.as_ref().map(Into::into),
        );
        set(
            "CHARMTEST_JOBS",
            self.jobs.map(|jobs| jobs.to_string().into()),
        );
        set(
            "CHARMTEST_FILTER",
            self.expression
                .as_ref()
                .map(|expression| expression.to_string().into()),
        );
        set(
            "CHARMTEST_TAGS",
            self.tags.as_ref().map(|tags| tags.to_string().into()),
        );
        set(
            "CHARMTEST_MODEL_ALIAS",
            self.model_alias.as_ref().map(Into::into),
        );
        set(
            "CHARMTEST_MODEL_CONFIG",
            self.model_config.as_ref().map(Into::into),
        );
        set(
            "CHARMTEST_DESTROY_STORAGE",
            self.destroy_storage.map(|on| on.to_string().into()),
        );
        let number = |number: usize| number.to_string().into();
        set("CHARMTEST_MAXFAIL", self.max_failures().map(number));
        set(
            "CHARMTEST_LAST_FAILED",
            self.last_failed.then(|| "1".into()),
        );
        set(
            "CHARMTEST_FAILED_FIRST",
            self.failed_first.then(|| "1".into()),
        );
        set("CHARMTEST_DURATIONS", self.durations.map(number));
        set("CHARMTEST_BASETEMP", self.basetemp.as_ref().map(Into::into));
        set(
            "CHARMTEST_JUJU_MAX_FRAME_SIZE",
            self.juju_max_frame_size.map(|size| size.to_string().into()),
        );
        variables.extend(self.pack.to_env());
        variables.extend(self.crash_dump.to_env());
        variables
    }

    /// Gives the flags to a test binary as variables of its environment.
    pub fn apply_env(&self, command: &mut Command) {
        for name in self.unset_env() {
            command.env_remove(name);
        }
        command.envs(self.to_env());
    }

    /// Returns the variables of options that are not given: a test binary must not inherit what was given up for another
    /// option.
    #[must_use]
    pub fn unset_env(&self) -> Vec<String> {
        let given = self.to_env();
        let options = Self::augment_args(clap::Command::new("options"));
        let variables = options.get_arguments().filter_map(clap::Arg::get_env);
        variables
            .filter(|variable| given.iter().all(|(name, _)| name != variable))
            .filter_map(|variable| Some(variable.to_str()?.to_owned()))
            .collect()
    }
}

/// Reads the value of `--juju`: makes a path absolute, since it is used in other directories than the one it was written in. A
/// bare name is searched on PATH.
///
/// # Errors
///
/// Fails on an empty path, and where there is no current directory.
pub fn parse_program(text: &str) -> std::io::Result<PathBuf> {
    match text.is_empty() || text.contains(std::path::MAIN_SEPARATOR) {
        // Of an empty path it says what is wrong.
        true => absolute(text),
        false => Ok(PathBuf::from(text)),
    }
}

/// Reads a version of Juju; which there are, the embedded controller knows.
fn parse_series(text: &str) -> Result<String, String> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = text.split('.').count();
    if (2..=3).contains(&parts) && text.split('.').all(digits) {
        return Ok(text.to_owned());
    }
    Err("not a version of Juju such as 3.6".to_owned())
}

fn parse_model(text: &str) -> Result<ModelName, NameError> {
    ModelName::parse(text)
}
