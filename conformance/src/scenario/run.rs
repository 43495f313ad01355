//! Running one scenario.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::file::{Scenario, Step, words};
use super::real::Real;
use super::{expect, trace};
use crate::juju::{Input, Juju, Said, TOO_LATE};
use crate::{Options, Result, charm};

/// How long things may take.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// A command.
    command: Duration,
    /// Until something holds.
    hold: Duration,
    /// Until something is in the log once units are at rest.
    log: Duration,
    /// Between two looks at what is waited for.
    pause: Duration,
}

/// The limits of an embedded controller.
const LIMITS: Limits = Limits {
    command: Duration::from_secs(90),
    hold: Duration::from_secs(40),
    // It is there already.
    log: Duration::from_secs(3),
    pause: Duration::ZERO,
};

/// The limits of a real Juju, which has to start machines and brings the log in batches.
const REAL_LIMITS: Limits = Limits {
    command: Duration::from_secs(600),
    hold: Duration::from_secs(900),
    log: Duration::from_secs(30),
    pause: Duration::from_secs(1),
};

/// The model of a scenario on an embedded controller.
const MODEL: &str = "m";

/// The name of the embedded controller.
const CONTROLLER: &str = "embedded";

/// Runs a scenario as one version, or on a real Juju; returns what does not hold.
pub(crate) fn run(
    options: &Options,
    real: Option<&Real>,
    scenario: &Scenario,
    version: &str,
) -> Result<Vec<String>> {
    let Some(real) = real else {
        let dir = tempfile::tempdir()?;
        let juju = Juju::embedded(&options.charmtest, dir.path(), version)?;
        let juju = juju.faster(scenario.time_scale);
        let said = juju.say(&["add-model", MODEL])?;
        if said.code != 0 {
            return Err(format!("cannot make a model: {}", said.stderr.trim()).into());
        }
        return Stage::new(juju, version, CONTROLLER, MODEL).play(scenario);
    };
    let dir = real.directory()?;
    let model = real.add_model(&real.juju(dir.path()), &scenario.name)?;
    let mut stage = Stage::new(real.juju(dir.path()), version, &real.controller, &model);
    stage.limits = REAL_LIMITS;
    stage.selected = Some(format!("{}:{model}", real.controller));
    stage.rest = real.rest;
    stage.deadline = Some(Instant::now() + real.limit);
    let problems = stage.play(scenario);
    // What cannot be destroyed is told, and does not hide what was found.
    for left in real.clean_up(&stage.juju, &model) {
        crate::print(&left);
    }
    problems
}

/// A scenario on its way.
struct Stage {
    juju: Juju,
    /// The model of commands that name none, where it is not the one that the client has selected.
    selected: Option<String>,
    limits: Limits,
    /// How long units have to be idle before they are at rest.
    rest: Duration,
    /// When the scenario has taken too long.
    deadline: Option<Instant>,
    version: String,
    kept: BTreeMap<String, String>,
    /// How many hooks of each unit were compared.
    seen: BTreeMap<String, usize>,
    /// Whether a command may have given units something to do.
    restless: bool,
}

impl Stage {
    fn new(juju: Juju, version: &str, controller: &str, model: &str) -> Self {
        let names = [("controller", controller), ("model", model)];
        Self {
            juju,
            selected: None,
            limits: LIMITS,
            rest: Duration::ZERO,
            deadline: None,
            version: version.to_owned(),
            kept: names
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            seen: BTreeMap::new(),
            restless: false,
        }
    }

    fn play(&mut self, scenario: &Scenario) -> Result<Vec<String>> {
        self.write_files(scenario)?;
        for (index, step) in scenario.step.iter().enumerate() {
            if step.only.as_ref().is_some_and(|only| *only != self.version) {
                continue;
            }
            let problems = self.step(step)?;
            if !problems.is_empty() {
                let what = step.juju.as_deref().map_or_else(
                    || "what is expected".to_owned(),
                    |line| format!("juju {line}"),
                );
                let mut all = vec![format!("step {}: {what}", index + 1)];
                all.extend(problems);
                return Ok(all);
            }
        }
        Ok(Vec::new())
    }

    fn write_files(&self, scenario: &Scenario) -> Result {
        let work = self.juju.work();
        for (archive, charm) in &scenario.charms {
            let files = charm.files(archive);
            charm::pack(&files, &work.join(format!("{archive}.charm")))?;
            charm::unpack(&files, &work.join(archive))?;
        }
        for (name, text) in &scenario.files {
            let path = work.join(name);
            fs::create_dir_all(path.parent().unwrap_or(work))?;
            fs::write(path, text)?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<Vec<String>> {
        if !step.now && self.restless {
            let status = self.rest()?;
            if let Some(status) = status {
                return Ok(vec![format!("units did not come to rest:\n{status}")]);
            }
        }
        if step.restart {
            self.juju.stop();
            self.restless = true;
        }
        let mut problems = Vec::new();
        if let Some(line) = &step.juju {
            problems.extend(self.command(line, step)?);
        }
        if !step.status.is_empty() {
            problems.extend(self.until(|stage| {
                let status = stage.status()?;
                Ok(expect::values(&status, &step.status, &|text| {
                    stage.fill(text)
                }))
            })?);
        }
        if !step.trace.is_empty() {
            problems.extend(self.trace(step)?);
        }
        if !step.log.is_empty() || !step.log_lacks.is_empty() {
            let limit = self.left(self.limits.log);
            problems.extend(self.until_within(limit, |stage| {
                let log = stage.log()?;
                let missing = step
                    .log
                    .iter()
                    .filter(|text| !log.contains(&stage.fill(text)));
                let missing = missing.map(|text| format!("the log lacks `{text}`"));
                let added = step
                    .log_lacks
                    .iter()
                    .filter(|text| log.contains(&stage.fill(text)));
                let added = added.map(|text| format!("the log has `{text}`"));
                let mut problems: Vec<String> = missing.chain(added).collect();
                if !problems.is_empty() {
                    problems.push(log);
                }
                Ok(problems)
            })?);
        }
        Ok(problems)
    }

    fn command(&mut self, line: &str, step: &Step) -> Result<Vec<String>> {
        let args: Vec<String> = words(line).iter().map(|word| self.fill(word)).collect();
        let env = step.env.iter();
        let input = Input {
            stdin: step.stdin.as_deref().map(|text| self.fill(text)),
            env: env
                .map(|(name, value)| (name.clone(), self.fill(value)))
                .collect(),
        };
        let mut said = self.call(&args, &input)?;
        let mut problems = expect::problems(step, &said, |text| self.fill(text));
        if step.until && !problems.is_empty() {
            problems = self.until(|stage| {
                said = stage.call(&args, &input)?;
                Ok(expect::problems(step, &said, |text| stage.fill(text)))
            })?;
        }
        self.restless = true;
        if let Some(name) = &step.keep {
            self.kept
                .insert(name.clone(), said.stdout.trim().to_owned());
        }
        for (name, path) in &step.keep_json {
            let value = crate::shape::json(&said.stdout)
                .and_then(|value| expect::at(&value, &self.fill(path)));
            let text = match value {
                Some(Value::String(text)) => text,
                Some(value) => value.to_string(),
                None => {
                    return Ok(vec![format!(
                        "nothing at `{path}` to keep: {}",
                        said.stdout
                    )]);
                }
            };
            self.kept.insert(name.clone(), text);
        }
        Ok(problems)
    }

    fn call(&self, args: &[String], input: &Input) -> Result<Said> {
        let mut input = input.clone();
        if let Some(model) = &self.selected {
            input
                .env
                .entry("JUJU_MODEL".to_owned())
                .or_insert_with(|| model.clone());
        }
        let limit = self.left(self.limits.command);
        if limit.is_zero() {
            return Err("the scenario took too long; --limit gives it more minutes".into());
        }
        let said = self.juju.call(args, &input, limit)?;
        if said.code == TOO_LATE {
            return Err(format!(
                "juju {} did not end within {} s\n{}{}",
                args.join(" "),
                limit.as_secs(),
                said.stdout,
                said.stderr
            )
            .into());
        }
        Ok(said)
    }

    fn status(&self) -> Result<Value> {
        let args = ["status", "--format", "json"].map(str::to_owned);
        let said = self.call(&args, &Input::default())?;
        Ok(serde_json::from_str(&said.stdout).unwrap_or_default())
    }

    fn log(&self) -> Result<String> {
        let args = ["debug-log", "--replay", "--no-tail"].map(str::to_owned);
        Ok(self.call(&args, &Input::default())?.stdout)
    }

    /// Waits until no unit has anything to do; returns the status if that does not come to pass.
    fn rest(&mut self) -> Result<Option<String>> {
        let mut status = Value::Null;
        let mut idle_since = None;
        let rested = Juju::wait(self.left(self.limits.hold), || {
            status = self.status().map_err(std::io::Error::other)?;
            if !at_rest(&status) {
                idle_since = None;
                std::thread::sleep(self.limits.pause);
                return Ok(false);
            }
            let since = *idle_since.get_or_insert_with(Instant::now);
            let rests = since.elapsed() >= self.rest;
            if !rests {
                std::thread::sleep(self.limits.pause);
            }
            Ok(rests)
        })?;
        self.restless = false;
        Ok((!rested).then(|| serde_json::to_string_pretty(&status).unwrap_or_default()))
    }

    /// Asks again until there are no problems or it takes too long.
    fn until(&mut self, ask: impl FnMut(&Self) -> Result<Vec<String>>) -> Result<Vec<String>> {
        self.until_within(self.left(self.limits.hold), ask)
    }

    fn until_within(
        &mut self,
        limit: Duration,
        mut ask: impl FnMut(&Self) -> Result<Vec<String>>,
    ) -> Result<Vec<String>> {
        let mut problems = Vec::new();
        Juju::wait(limit, || {
            problems = ask(self).map_err(std::io::Error::other)?;
            if !problems.is_empty() {
                std::thread::sleep(self.limits.pause);
            }
            Ok(problems.is_empty())
        })?;
        Ok(problems)
    }

    /// Compares what each unit ran since it was last compared.
    fn trace(&mut self, step: &Step) -> Result<Vec<String>> {
        let mut traces = BTreeMap::new();
        let seen = self.seen.clone();
        let new = |traces: &BTreeMap<String, Vec<String>>, unit: &str| -> Vec<String> {
            let all = traces.get(unit).map(Vec::as_slice).unwrap_or_default();
            all.iter()
                .skip(seen.get(unit).copied().unwrap_or(0))
                .cloned()
                .collect()
        };
        // Hooks that are still to come are waited for; hooks too many are there at once, because units are at rest.
        self.until(|stage| {
            traces = trace::read(&stage.log()?);
            let missing = step
                .trace
                .iter()
                .find(|(unit, expected)| new(&traces, unit).len() < trace::count(expected));
            Ok(missing.map(|(unit, _)| unit.clone()).into_iter().collect())
        })?;
        if self.selected.is_some() || !step.now {
            self.rest()?;
            traces = trace::read(&self.log()?);
        }
        let mut problems = Vec::new();
        for (unit, expected) in &step.trace {
            if let Some(difference) = trace::differ(expected, &new(&traces, unit)) {
                problems.push(format!("{unit}\n{difference}"));
            }
        }
        for (unit, hooks) in &traces {
            self.seen.insert(unit.clone(), hooks.len());
        }
        Ok(problems)
    }

    /// Returns a limit, or what is left of the scenario's time when that is less.
    fn left(&self, limit: Duration) -> Duration {
        let left = self
            .deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        left.map_or(limit, |left| left.min(limit))
    }

    /// Fills in what was kept.
    fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.kept {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        text
    }
}

/// Returns whether no unit has anything to do: all agents are idle, and nothing is on its way out unless an error holds it.
pub(crate) fn at_rest(status: &Value) -> bool {
    let applications = status["applications"].as_object().into_iter().flatten();
    applications.into_iter().all(|(_, application)| {
        let units = application["units"].as_object().into_iter().flatten();
        let units: Vec<&Value> = units.map(|(_, unit)| unit).collect();
        let failed = units
            .iter()
            .any(|unit| unit["workload-status"]["current"] == "error");
        let leaves = application["life"] == "dying" && !failed;
        !leaves
            && units.iter().all(|unit| {
                let subordinates = unit["subordinates"].as_object().into_iter().flatten();
                is_idle(unit) && subordinates.into_iter().all(|(_, unit)| is_idle(unit))
            })
    })
}

fn is_idle(unit: &Value) -> bool {
    unit["juju-status"]["current"] == "idle"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn units_rest_when_they_are_idle_and_none_leaves() {
        let unit = |workload: &str, agent: &str| json!({"workload-status": {"current": workload}, "juju-status": {"current": agent}});
        for (life, unit, rests) in [
            ("alive", unit("active", "idle"), true),
            ("alive", unit("active", "executing"), false),
            ("alive", unit("waiting", "allocating"), false),
            ("dying", unit("active", "idle"), false),
            ("dying", unit("error", "idle"), true),
        ] {
            let status = json!({"applications": {"a": {"life": life, "units": {"a/0": unit}}}});
            assert_eq!(at_rest(&status), rests, "{status}");
        }
        assert!(at_rest(&json!({})));
    }
}
