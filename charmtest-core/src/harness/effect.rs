//! Options that would have no effect beside others: refused or warned about, never swallowed.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use super::crash_dump_flags::CrashDumpMode;
use super::origins::Origin;
use super::run_flags::RunFlags;

/// An option that has no effect beside another one.
struct Rule {
    /// The option, by its identifier.
    option: &'static str,
    given: fn(&RunFlags) -> bool,
    /// Returns the option that leaves it without effect, if one does.
    cause: fn(&RunFlags) -> Option<&'static str>,
    /// What follows "has no effect: ".
    why: &'static str,
    /// Makes it not given.
    drop: fn(&mut RunFlags),
}

const RULES: [Rule; 8] = [
    Rule {
        option: "cloud",
        given: |flags| flags.cloud.is_some(),
        cause: |flags| flags.no_deploy.then_some("no_deploy"),
        why: "it is for models that are made, and --no-deploy takes one that is there",
        drop: |flags| flags.cloud = None,
    },
    Rule {
        option: "model_config",
        given: |flags| flags.model_config.is_some(),
        cause: |flags| flags.no_deploy.then_some("no_deploy"),
        why: "it is for models that are made, and --no-deploy takes one that is there",
        drop: |flags| flags.model_config = None,
    },
    Rule {
        option: "destroy_storage",
        given: |flags| flags.destroy_storage.is_some(),
        cause: |flags| flags.keep_models.then_some("keep_models"),
        why: "no model is destroyed",
        drop: |flags| flags.destroy_storage = None,
    },
    Rule {
        option: "jobs",
        given: |flags| flags.jobs.is_some_and(|jobs| jobs.get() > 1),
        cause: |flags| flags.model.is_some().then_some("model"),
        why: "modules that share a model run one after another",
        drop: |flags| flags.jobs = None,
    },
    Rule {
        option: "maxfail",
        given: |flags| flags.maxfail.is_some_and(|limit| limit != 1),
        cause: |flags| flags.exitfirst.then_some("exitfirst"),
        why: "--exitfirst stops after the first failure",
        drop: |flags| flags.maxfail = None,
    },
    Rule {
        option: "failed_first",
        given: |flags| flags.failed_first,
        cause: |flags| flags.last_failed.then_some("last_failed"),
        why: "--last-failed runs nothing else",
        drop: |flags| flags.failed_first = false,
    },
    Rule {
        option: "crash_dump_output",
        given: |flags| flags.crash_dump.crash_dump_output.is_some(),
        cause: no_crash_dumps,
        why: "no crash dump is made",
        drop: |flags| flags.crash_dump.crash_dump_output = None,
    },
    Rule {
        option: "crash_dump_args",
        given: |flags| flags.crash_dump.crash_dump_args.is_some(),
        cause: no_crash_dumps,
        why: "no crash dump is made",
        drop: |flags| flags.crash_dump.crash_dump_args = None,
    },
];

fn no_crash_dumps(flags: &RunFlags) -> Option<&'static str> {
    let crash_dump = &flags.crash_dump;
    match (crash_dump.no_crash_dump, crash_dump.mode()) {
        (true, _) => Some("no_crash_dump"),
        (false, CrashDumpMode::Never) => Some("crash_dump"),
        _ => None,
    }
}

impl RunFlags {
    /// Checks what no single flag can check, and leaves out what has no effect: what is left is what counts.
    ///
    /// An option that another one of the same or of a weaker origin leaves without effect is refused. One of a weaker origin
    /// (a profile, a variable) gives way to the stronger one with a warning. Returns the warnings.
    ///
    /// `test_threads` is the value of `--test-threads`, libtest's name for `--jobs`. As the variable `RUST_TEST_THREADS`, which is
    /// for tests of any kind, it is weaker than all options.
    ///
    /// # Errors
    ///
    /// A text that names the option to add, to change or to leave out; it is a usage error.
    pub fn settle(&mut self, test_threads: Option<NonZeroUsize>) -> Result<Vec<String>, String> {
        self.take_test_threads(test_threads)?;
        self.check()?;
        let mut warnings = self.notes();
        for rule in &RULES {
            let Some(cause) = (rule.cause)(self).filter(|_| (rule.given)(self)) else {
                continue;
            };
            let origins = &self.origins;
            let (option, because) = (origins.spelled(rule.option), origins.spelled(cause));
            let text = format!("{option} has no effect beside {because}: {}", rule.why);
            if origins.of(rule.option) >= origins.of(cause) {
                return Err(format!("{text}; leave one of them out"));
            }
            warnings.push(text);
            (rule.drop)(self);
        }
        self.crash_dump.no_crash_dump = false;
        Ok(warnings)
    }

    /// Takes `--test-threads` as `--jobs`.
    fn take_test_threads(&mut self, test_threads: Option<NonZeroUsize>) -> Result<(), String> {
        const NAME: &str = "test_threads";
        let is_flag = |id: &str| self.origins.of(id) == Origin::Flag;
        match test_threads {
            Some(_) if is_flag(NAME) && is_flag("jobs") => Err(
                "--test-threads has no effect beside --jobs, which means the same; leave one of them out"
                    .to_owned(),
            ),
            Some(_) if is_flag(NAME) => {
                self.jobs = test_threads;
                self.origins.rename("jobs", NAME);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Takes in the options that are accepted for the sake of scripts, and returns what is said about them.
    fn notes(&mut self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.juju_max_frame_size.take().is_some() {
            let option = self.origins.spelled("juju_max_frame_size");
            notes.push(format!(
                "{option} sets nothing: tests talk to the controller through the `juju` program, which has no such limit"
            ));
        }
        if self.crash_dump.no_crash_dump {
            let option = self.origins.spelled("no_crash_dump");
            notes.push(format!("{option} is deprecated: say --crash-dump never"));
            let asked = self.crash_dump.crash_dump.replace(CrashDumpMode::Never);
            if asked.is_some_and(|mode| mode != CrashDumpMode::Never) {
                let overridden = self.origins.spelled("crash_dump");
                notes.push(format!("{overridden} has no effect: {option} wins"));
            }
        }
        notes
    }
}

impl RunFlags {
    /// Returns a warning for each charm of `--charm-path` that no test took, once all tests have run; `taken` are the files
    /// that were taken.
    #[must_use]
    pub fn charms_without_effect(&self, taken: &BTreeSet<String>) -> Vec<String> {
        let option = self.origins.spelled("charm_paths");
        let left = self.pack.not_taken(taken).into_iter();
        left.map(|charm| {
            let name = charm.charm();
            format!("{option} {charm} had no effect: no test that ran built the charm `{name}`")
        })
        .collect()
    }
}

/// The options that are for a model that the run makes, or for one that it destroys; whether there is such a model is known
/// only in the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ModelOptions {
    /// Those for a model that is made, as the user wrote them.
    making: Vec<String>,
    /// Those for a model that is destroyed.
    destroying: Vec<String>,
}

impl RunFlags {
    pub(super) fn model_options(&self) -> ModelOptions {
        let spelled = |id: &str| self.origins.spelled(id);
        let making = [
            self.cloud.as_ref().map(|_| spelled("cloud")),
            self.model_config.as_ref().map(|_| spelled("model_config")),
        ];
        let destroying = self.destroy_storage.map(|_| spelled("destroy_storage"));
        ModelOptions {
            making: making.into_iter().flatten().collect(),
            destroying: destroying.into_iter().collect(),
        }
    }
}

impl ModelOptions {
    #[cfg(test)]
    pub(super) fn of(making: &[&str], destroying: &[&str]) -> Self {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            making: owned(making),
            destroying: owned(destroying),
        }
    }

    /// Returns what to say of the options that have no effect on a model that `--model` names.
    pub(super) fn without_effect(&self, model: &str, was_there: bool) -> Option<String> {
        let mut unused = Vec::new();
        let mut why = "it is kept";
        if was_there {
            unused.extend(self.making.iter().map(String::as_str));
            why = "it was there before and is kept";
        }
        unused.extend(self.destroying.iter().map(String::as_str));
        let names = unused.join(", ");
        (!unused.is_empty()).then(|| format!("{names} not used for model {model}: {why}"))
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;

    /// Resolves a command line; `profile` are values of a profile.
    fn resolved(line: &str, profile: &[(&'static str, &'static str)]) -> (RunFlags, String) {
        let threads = clap::Arg::new("test_threads").long("test-threads");
        let threads = threads.value_parser(clap::value_parser!(NonZeroUsize));
        let mut command = RunFlags::augment_args(clap::Command::new("t")).arg(threads);
        for (id, value) in profile {
            command = command.mut_arg(id, |arg| arg.default_value(*value));
        }
        let words = std::iter::once("t").chain(line.split_whitespace());
        let matches = command.try_get_matches_from(words).unwrap();
        let mut flags = RunFlags::from_arg_matches(&matches).unwrap();
        let threads = matches.get_one("test_threads").copied();
        let said = match flags.settle(threads) {
            Ok(warnings) => format!("ok: {}", warnings.join("\n")),
            Err(error) => format!("error: {error}"),
        };
        (flags, said)
    }

    #[test]
    fn an_option_without_effect_is_refused() {
        let rows = [
            (
                "--model m --no-deploy --cloud aws",
                "error: --cloud has no effect beside --no-deploy: it is for models that are made",
            ),
            (
                "--model m --no-deploy --model-config Cargo.toml",
                "error: --model-config has no effect beside --no-deploy: it is for models that are made",
            ),
            (
                "--keep-models --destroy-storage",
                "error: --destroy-storage has no effect beside --keep-models: no model is destroyed",
            ),
            (
                "--keep-models --destroy-storage=false",
                "error: --destroy-storage has no effect beside --keep-models: no model is destroyed",
            ),
            (
                "--model m --jobs 2",
                "error: --jobs has no effect beside --model: modules that share a model run one after another",
            ),
            (
                "--model m --test-threads 2",
                "error: --test-threads has no effect beside --model: modules that share a model run one after another",
            ),
            (
                "--jobs 2 --test-threads 3",
                "error: --test-threads has no effect beside --jobs, which means the same",
            ),
            (
                "--controller c1 --model c2:m",
                "error: --controller is c1 and --model c2:m is on another; leave one of them out",
            ),
            (
                "-x --maxfail 3",
                "error: --maxfail has no effect beside --exitfirst: --exitfirst stops after the first failure",
            ),
            (
                "--lf --ff",
                "error: --failed-first has no effect beside --last-failed: --last-failed runs nothing else",
            ),
            (
                "--crash-dump never --crash-dump-output d",
                "error: --crash-dump-output has no effect beside --crash-dump: no crash dump is made",
            ),
            (
                "--crash-dump never --crash-dump-args=-a",
                "error: --crash-dump-args has no effect beside --crash-dump: no crash dump is made",
            ),
            (
                "--no-crash-dump --crash-dump-args=-a",
                "error: --crash-dump-args has no effect beside --no-crash-dump: no crash dump is made",
            ),
            // What has an effect is taken.
            ("--model m --cloud aws", "ok: "),
            ("--model m --model-config Cargo.toml", "ok: "),
            ("--model m --jobs 1", "ok: "),
            ("--model m --test-threads 1", "ok: "),
            ("--controller c1 --model c1:m", "ok: "),
            ("--model m --destroy-storage", "ok: "),
            ("-x --maxfail 1", "ok: "),
        ];
        for (line, expected) in rows {
            let (_, said) = resolved(line, &[]);
            assert!(said.starts_with(expected), "{line}: {said}");
            assert_eq!(expected == "ok: ", said == "ok: ", "{line}: {said}");
        }
    }

    #[test]
    fn a_profile_gives_way_with_a_warning() {
        let (flags, said) = resolved("--keep-models", &[("destroy_storage", "true")]);
        assert_eq!(
            said,
            "ok: `destroy-storage` in the profile has no effect beside --keep-models: no model is destroyed"
        );
        assert_eq!(flags.destroy_storage, None);
        // What the user asks for is not given up for the sake of a profile.
        let (_, said) = resolved("--destroy-storage", &[("keep_models", "true")]);
        assert_eq!(
            said,
            "error: --destroy-storage has no effect beside `keep-models` in the profile: no model is destroyed; leave one of them out"
        );
        let (_, said) = resolved("", &[("keep_models", "true"), ("destroy_storage", "true")]);
        assert!(
            said.starts_with("error: `destroy-storage` in the profile"),
            "{said}"
        );
    }

    #[test]
    fn test_threads_are_jobs() {
        let jobs = |line: &str, profile: &[_]| {
            let (flags, said) = resolved(line, profile);
            assert_eq!(said, "ok: ", "{line}");
            flags.jobs.map(NonZeroUsize::get)
        };
        assert_eq!(jobs("--test-threads 3", &[]), Some(3));
        assert_eq!(jobs("--test-threads 3", &[("jobs", "2")]), Some(3));
        // What the user says now wins over a profile, and is not given up for it.
        let (flags, said) = resolved("--model m", &[("jobs", "2")]);
        assert!(
            said.starts_with("ok: `jobs` in the profile has no effect"),
            "{said}"
        );
        assert_eq!(flags.jobs, None);
    }

    #[test]
    fn a_packed_charm_that_nobody_takes_is_named_in_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let [web, db] = ["web_amd64.charm", "db_amd64.charm"].map(|name| {
            let path = dir.path().join(name);
            std::fs::write(&path, "").unwrap();
            path.to_str().unwrap().to_owned()
        });
        let (flags, _) = resolved(&format!("--charm-path {web} --charm-path k={db}"), &[]);
        let said = |taken: &[&String]| {
            let taken = taken.iter().map(|&file| file.clone()).collect();
            flags.charms_without_effect(&taken)
        };
        let why = |charm: &str, name: &str| {
            format!("--charm-path {charm} had no effect: no test that ran built the charm `{name}`")
        };
        let unused = why(&format!("k={db}"), "k");
        assert_eq!(said(&[]), [why(&web, "web"), unused.clone()]);
        assert_eq!(said(&[&web]), [unused]);
        assert_eq!(said(&[&db, &web]), [""; 0]);
    }

    #[test]
    fn two_controllers_are_named_as_they_were_given() {
        let (_, said) = resolved("--model c2:m", &[("controller", "c1")]);
        assert_eq!(
            said,
            "error: `controller` in the profile is c1 and --model c2:m is on another; leave one of them out"
        );
    }

    #[test]
    fn what_is_taken_for_the_sake_of_scripts_is_explained() {
        let (flags, said) = resolved("--juju-max-frame-size 8388608", &[]);
        assert!(
            said.starts_with("ok: --juju-max-frame-size sets nothing: "),
            "{said}"
        );
        assert_eq!(flags.juju_max_frame_size, None);
        let (flags, said) = resolved("--no-crash-dump --crash-dump always", &[]);
        assert_eq!(
            said,
            "ok: --no-crash-dump is deprecated: say --crash-dump never\n--crash-dump has no effect: --no-crash-dump wins"
        );
        assert_eq!(flags.crash_dump.mode(), CrashDumpMode::Never);
        let (_, said) = resolved("--no-crash-dump --crash-dump never", &[]);
        assert_eq!(
            said,
            "ok: --no-crash-dump is deprecated: say --crash-dump never"
        );
    }

    #[test]
    fn what_a_named_model_makes_useless_is_told_in_the_run() {
        let unused = |line: &str, was_there| {
            let (flags, said) = resolved(line, &[]);
            assert_eq!(said, "ok: ");
            flags.model_options().without_effect("c:web", was_there)
        };
        let all = "--model web --cloud aws --model-config Cargo.toml --destroy-storage";
        assert_eq!(
            unused(all, true).unwrap(),
            "--cloud, --model-config, --destroy-storage not used for model c:web: it was there before and is kept"
        );
        assert_eq!(
            unused(all, false).unwrap(),
            "--destroy-storage not used for model c:web: it is kept"
        );
        assert_eq!(unused("--model web --cloud aws", false), None);
        assert_eq!(unused("--model web", true), None);
    }
}
