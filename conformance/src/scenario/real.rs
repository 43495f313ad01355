//! A real Juju: its client, and the controller in which each scenario makes a model of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::VERSIONS;
use crate::juju::Juju;
use crate::{Options, Result};

/// How long it may take to make a model.
const MAKE_LIMIT: Duration = Duration::from_secs(180);

/// How long it may take to destroy a model with all that is in it.
const DESTROY_LIMIT: Duration = Duration::from_secs(900);

/// What the names of the models of scenarios begin with.
const PREFIX: &str = "conformance-";

/// A Juju that is there already.
#[derive(Debug)]
pub(crate) struct Real {
    program: PathBuf,
    pub(crate) controller: String,
    /// `3.6` or `4.0`.
    pub(crate) version: &'static str,
    /// How long units have to be idle before they count as at rest: Juju shows them idle between two hooks.
    pub(crate) rest: Duration,
    /// How long one scenario may take.
    pub(crate) limit: Duration,
    /// The data of an embedded controller that stands in.
    stand_in: Option<PathBuf>,
}

impl Real {
    /// Returns the Juju that was asked for, if one was.
    ///
    /// # Errors
    ///
    /// Fails when it does not answer, and when it is of a version that scenarios are not for.
    pub(crate) fn find(options: &Options) -> Result<Option<Self>> {
        let (Some(program), Some(controller)) = (&options.juju, &options.controller) else {
            return Ok(None);
        };
        let program = absolute(program)?;
        let stand_in = options.stand_in.clone();
        let juju = Juju::real(&program, Path::new(".")).standing_in(stand_in.as_deref());
        let said = juju
            .say(&["version"])
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let client = said.stdout.trim().to_owned();
        let said = juju.say(&["show-controller", controller, "--format", "json"])?;
        if said.code != 0 {
            let why = said.stderr.trim();
            return Err(format!("cannot use controller {controller}: {why}").into());
        }
        let agent = agent_version(&said.stdout, controller).unwrap_or_else(|| client.clone());
        let version = same_series(&client, &agent)?;
        Ok(Some(Self {
            program,
            controller: controller.clone(),
            version,
            rest: options.rest,
            limit: options.limit,
            stand_in,
        }))
    }

    /// Makes a directory for a scenario's files, below the home directory: a `juju` from a snap sees no other.
    pub(crate) fn directory(&self) -> Result<TempDir> {
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix(PREFIX);
        Ok(match std::env::home_dir() {
            Some(home) if home.is_dir() => builder.tempdir_in(home)?,
            _ => builder.tempdir()?,
        })
    }

    /// Returns its client, whose commands run in `dir`.
    pub(crate) fn juju(&self, dir: &Path) -> Juju {
        Juju::real(&self.program, dir).standing_in(self.stand_in.as_deref())
    }

    /// Makes the model of a scenario without selecting it; returns its name.
    ///
    /// # Errors
    ///
    /// Fails when the model cannot be made.
    pub(crate) fn add_model(&self, juju: &Juju, scenario: &str) -> Result<String> {
        let model = format!("{PREFIX}{scenario}-{}", std::process::id());
        let args = ["add-model", "-c", &self.controller, "--no-switch", &model];
        let said = juju.say_within(MAKE_LIMIT, &args)?;
        if said.code != 0 {
            return Err(format!("cannot make model {model}: {}", said.stderr.trim()).into());
        }
        Ok(model)
    }

    /// Returns the models of scenarios of this run that are still there.
    ///
    /// # Errors
    ///
    /// Fails when the models cannot be listed.
    pub(crate) fn left(&self) -> Result<Vec<String>> {
        let juju = self.juju(Path::new("."));
        let said = juju.say(&["models", "-c", &self.controller, "--format", "json"])?;
        let listed: Value = serde_json::from_str(&said.stdout)?;
        let names = listed["models"].as_array().into_iter().flatten();
        let names = names.filter_map(|row| row["short-name"].as_str());
        let own = format!("-{}", std::process::id());
        let is_left = |name: &&str| name.starts_with(PREFIX) && name.contains(&own);
        Ok(names.filter(is_left).map(str::to_owned).collect())
    }

    /// Destroys the model of a scenario and those that it made beside it; returns what could not be destroyed, and why.
    pub(crate) fn clean_up(&self, juju: &Juju, model: &str) -> Vec<String> {
        let list = ["models", "-c", &self.controller, "--format", "json"];
        let listed = juju
            .say(&list)
            .ok()
            .and_then(|said| serde_json::from_str(&said.stdout).ok());
        let models = listed.map_or_else(|| vec![model.to_owned()], |value| ours(&value, model));
        let destroy = |model: &String| {
            let name = format!("{}:{model}", self.controller);
            let options = ["--no-prompt", "--force", "--no-wait", "--destroy-storage"];
            let args: Vec<&str> = ["destroy-model"]
                .into_iter()
                .chain(options)
                .chain([name.as_str()])
                .collect();
            let why = match juju.say_within(DESTROY_LIMIT, &args) {
                Ok(said) if said.code == 0 => return None,
                Ok(said) => said.stderr.trim().to_owned(),
                Err(error) => error.to_string(),
            };
            Some(format!("model {name} is still there: {why}"))
        };
        models.iter().filter_map(destroy).collect()
    }
}

/// Returns the path of a program when it is one, and a name for the `PATH` as it is: commands run in other directories.
fn absolute(program: &Path) -> Result<PathBuf> {
    if program.components().count() < 2 {
        return Ok(program.to_owned());
    }
    std::path::absolute(program).map_err(|error| format!("{}: {error}", program.display()).into())
}

fn agent_version(shown: &str, controller: &str) -> Option<String> {
    let shown: Value = serde_json::from_str(shown).ok()?;
    let version = shown[controller]["details"]["agent-version"].as_str()?;
    Some(version.to_owned())
}

/// Returns the version of scenarios that is for a client and its controller.
fn same_series(client: &str, agent: &str) -> Result<&'static str> {
    let series = |number: &str| {
        let is_of = |version: &&&str| number.starts_with(&format!("{version}."));
        VERSIONS.iter().find(is_of).copied()
    };
    match (series(client), series(agent)) {
        (Some(a), Some(b)) if a == b => Ok(a),
        (Some(_), Some(_)) => Err(format!(
            "the client is Juju {client} and the controller Juju {agent}: take a client of the controller's version"
        )
        .into()),
        _ => Err(format!(
            "the client is Juju {client} and the controller Juju {agent}: scenarios are for {}",
            VERSIONS.join(" and ")
        )
        .into()),
    }
}

/// Returns the models that a scenario with this model has to destroy, those that it made beside it first: they may use its offers.
fn ours(listed: &Value, model: &str) -> Vec<String> {
    let beside = format!("{model}-");
    let names = listed["models"].as_array().into_iter().flatten();
    let mut names: Vec<String> = names
        .filter_map(|row| row["short-name"].as_str())
        .filter(|name| *name == model || name.starts_with(&beside))
        .map(str::to_owned)
        .collect();
    names.sort_by_key(|name| name == model);
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn client_and_controller_are_of_one_version_that_scenarios_are_for() {
        for (client, agent, expected) in [
            ("3.6.28-ubuntu-amd64", "3.6.9", Ok("3.6")),
            ("4.0.15-genericlinux-amd64", "4.0.15", Ok("4.0")),
            ("4.0.15-ubuntu-amd64", "3.6.9", Err("take a client")),
            (
                "2.9.52-ubuntu-amd64",
                "2.9.52",
                Err("scenarios are for 3.6 and 4.0"),
            ),
            ("3.60.1-ubuntu-amd64", "3.60.1", Err("scenarios are for")),
        ] {
            match (same_series(client, agent), expected) {
                (Ok(version), Ok(expected)) => assert_eq!(version, expected),
                (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{error}"),
                (found, _) => panic!("{client} {agent}: {found:?}"),
            }
        }
    }

    #[test]
    fn only_the_models_of_the_scenario_are_destroyed_and_its_own_comes_last() {
        let listed = json!({"models": [
            {"short-name": "conformance-x-1"},
            {"short-name": "conformance-x-1-two"},
            {"short-name": "conformance-x-12"},
            {"short-name": "controller"},
        ]});
        assert_eq!(
            ours(&listed, "conformance-x-1"),
            ["conformance-x-1-two", "conformance-x-1"]
        );
    }

    #[test]
    fn a_program_by_path_is_found_from_every_directory() {
        assert_eq!(absolute(Path::new("juju")).unwrap(), Path::new("juju"));
        assert!(absolute(Path::new("bin/juju")).unwrap().is_absolute());
    }
}
