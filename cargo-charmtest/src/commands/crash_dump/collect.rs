//! What goes into a crash dump: every command that is asked, what came of it, and where its output goes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use charmtest::juju::{Backend, BackendKind, Juju, Masker, ModelName};
use serde_json::{Value, json};

use super::archive::Contents;

/// How long one command may take, as `juju-crashdump` gives each.
const STEP_LIMIT: Duration = Duration::from_secs(45);

/// The longest text that is kept whole, in bytes; of a longer one the middle is left out.
const FILE_LIMIT: usize = 16 << 20;

/// The commands about the model, with the files of their output; the names are `juju-crashdump`'s.
const MODEL_FILES: [(&str, &[&str]); 6] = [
    ("juju_status.yaml", &["status", "--format", "yaml"]),
    ("juju_status.txt", &["status", "--relations"]),
    ("model_config.yaml", &["model-config", "--format", "yaml"]),
    ("storage.yaml", &["storage", "--format", "yaml"]),
    ("storage_pools.yaml", &["storage-pools", "--format", "yaml"]),
    ("export_bundle.yaml", &["export-bundle"]),
];

/// Asks `juju` about one model.
pub(super) struct Collector {
    backend: Backend,
    model: Option<ModelName>,
    deadline: Instant,
    collected: Collected,
}

/// What was collected.
#[derive(Default)]
pub(super) struct Collected {
    files: Vec<(String, String)>,
    links: Vec<(String, String)>,
    /// The log's files: names in it are no names of secrets.
    logs: BTreeSet<String>,
    /// What was asked, for the manifest.
    commands: Vec<Value>,
    missing: Vec<String>,
    facts: Value,
}

impl Collector {
    pub(super) fn new(backend: Backend, model: Option<ModelName>, deadline: Instant) -> Self {
        Self {
            backend,
            model,
            deadline,
            collected: Collected::default(),
        }
    }

    /// Asks for everything. A command that fails is noted, and the others go on.
    ///
    /// # Errors
    ///
    /// What Juju said, if it tells no status: then there is nothing to dump.
    pub(super) fn collect(mut self, record: Option<&Path>) -> Result<Collected, String> {
        let status = self.ask("status.json", &["status", "--format", "json"])?;
        let status: Value = serde_json::from_str(&status).unwrap_or_default();
        for (file, arguments) in MODEL_FILES {
            self.file(file, arguments);
        }
        if self.backend.kind == BackendKind::Juju {
            self.controller_status(&status);
        }
        let log = ["debug-log", "--replay", "--no-tail", "--utc", "--date"];
        if let Ok(log) = self.ask("debug_log.txt", &log) {
            let machines = machines(&status);
            for (entity, lines) in by_entity(&log) {
                if let Some(directory) = directory_of(&entity, &machines) {
                    self.add_log(&format!("{directory}/var/log/juju/{entity}.log"), lines);
                }
            }
            self.add_log("debug_log.txt", log);
        }
        self.units(&status);
        if let Some(record) = record {
            // Secrets in it are hidden already.
            if let Ok(text) = std::fs::read_to_string(record.join("commands.jsonl")) {
                self.add("charmtest/transcript.jsonl", text);
            }
        }
        self.collected.facts = json!({
            "model": status["model"]["name"],
            "controller": status["model"]["controller"],
            "backend": self.backend.kind.to_string(),
            "juju": self.backend.version,
        });
        Ok(self.collected)
    }

    fn controller_status(&mut self, status: &Value) {
        let named = self.model.as_ref().and_then(ModelName::controller);
        let Some(controller) = named.or(status["model"]["controller"].as_str()) else {
            return;
        };
        let model = format!("{controller}:controller");
        let arguments = ["status", "--model", &model, "--format", "yaml"];
        let file = "juju_status_controller.yaml";
        let juju = self.backend.juju.clone();
        if let Ok(text) = self.run(file, &juju, &arguments.map(str::to_owned)) {
            self.add(file, text);
        }
    }

    /// Adds what is known of each unit, and a link to its machine.
    fn units(&mut self, status: &Value) {
        let machines = machines(status);
        let mut configs: BTreeMap<String, Option<String>> = BTreeMap::new();
        for (unit, machine) in &machines {
            let name = unit.replace('/', "_");
            if let Some(machine) = machine {
                self.collected.links.push((name.clone(), machine.clone()));
            }
            let directory = format!("charmtest/units/{name}");
            self.file(&format!("{directory}/show-unit.yaml"), &["show-unit", unit]);
            let history = ["show-status-log", "-n", "1000", "--utc", unit];
            self.file(&format!("{directory}/status-log.txt"), &history);
            let application = unit.split('/').next().unwrap_or_default();
            let file = format!("{directory}/config.yaml");
            if !configs.contains_key(application) {
                let config = self.ask(&file, &["config", application]).ok();
                configs.insert(application.to_owned(), config);
            }
            if let Some(Some(config)) = configs.get(application) {
                let config = config.clone();
                self.add(&file, config);
            }
        }
    }

    fn file(&mut self, file: &str, arguments: &[&str]) {
        if let Ok(text) = self.ask(file, arguments) {
            self.add(file, text);
        }
    }

    fn ask(&mut self, file: &str, arguments: &[&str]) -> Result<String, String> {
        let mut words: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        if let Some(model) = &self.model {
            words.splice(1..1, ["--model".to_owned(), model.to_string()]);
        }
        let juju = self.backend.juju.clone();
        self.run(file, &juju, &words)
    }

    /// Runs a command, and notes what came of it.
    fn run(&mut self, file: &str, juju: &Juju, arguments: &[String]) -> Result<String, String> {
        let began = Instant::now();
        let left = self.deadline.saturating_duration_since(began);
        let call = juju.call(arguments).timeout(left.min(STEP_LIMIT));
        let command = call.command_line();
        let answer = match left.is_zero() {
            true => Err("there was no time left for it".to_owned()),
            false => call.run_blocking().map_err(|error| error.to_string()),
        };
        let code = answer.as_ref().ok().map(|output| output.code);
        let answer = answer.and_then(|output| match output.success() {
            true => Ok(output.stdout),
            false => Err(output.stderr.trim().to_owned()),
        });
        let mut entry = json!({
            "command": command,
            "file": file,
            "code": code,
            "ms": u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        if let Err(error) = &answer {
            entry["error"] = error.as_str().into();
            self.collected.missing.push(format!("{file}: {error}"));
        }
        self.collected.commands.push(entry);
        answer
    }

    fn add(&mut self, file: &str, text: String) {
        let text = without_middle(text, FILE_LIMIT);
        self.collected.files.push((file.to_owned(), text));
    }

    fn add_log(&mut self, file: &str, text: String) {
        self.collected.logs.insert(file.to_owned());
        self.add(file, text);
    }
}

impl Collected {
    /// Returns what could not be had, and why.
    pub(super) fn missing(&self) -> Vec<String> {
        self.missing.clone()
    }

    /// Returns what goes into the archive, secrets hidden, with a manifest.
    pub(super) fn into_contents(self, mut masker: Masker) -> Contents {
        for (file, text) in &self.files {
            if !self.logs.contains(file) {
                masker.learn_from(text);
            }
        }
        let mut manifest = self.facts;
        manifest["schema"] = 1.into();
        manifest["tool"] = concat!("cargo-charmtest ", env!("CARGO_PKG_VERSION")).into();
        manifest["commands"] = self.commands.into();
        manifest["missing"] = self.missing.into();
        manifest["hidden"] =
            "values of options and keys named like password, secret, token or private-key, and the same values elsewhere".into();
        let manifest = serde_json::to_string_pretty(&manifest).unwrap_or_default();
        let manifest = ("charmtest/manifest.json".to_owned(), manifest);
        let files = std::iter::once(manifest).chain(self.files);
        Contents {
            files: files
                .map(|(file, text)| (file, masker.mask(&text)))
                .collect(),
            links: self.links,
        }
    }
}

/// Returns every unit of a status with the directory of its machine, if it is on one.
fn machines(status: &Value) -> BTreeMap<String, Option<String>> {
    fn enter(units: &Value, principal: Option<&str>, found: &mut BTreeMap<String, Option<String>>) {
        for (name, unit) in units.as_object().into_iter().flatten() {
            // A subordinate is where its principal is.
            let machine = unit["machine"].as_str().or(principal);
            found.insert(name.clone(), machine.map(machine_directory));
            enter(&unit["subordinates"], machine, found);
        }
    }
    let mut found = BTreeMap::new();
    let applications = status["applications"].as_object();
    for application in applications.into_iter().flat_map(|map| map.values()) {
        enter(&application["units"], None, &mut found);
    }
    found
}

/// Returns where `juju-crashdump` puts the files of a machine: `0/baremetal`, `0/lxd/1`.
fn machine_directory(machine: &str) -> String {
    match machine.contains('/') {
        true => machine.to_owned(),
        false => format!("{machine}/baremetal"),
    }
}

/// Returns where the log of `unit-web-0` or `machine-0` goes.
fn directory_of(entity: &str, machines: &BTreeMap<String, Option<String>>) -> Option<String> {
    if let Some(machine) = entity.strip_prefix("machine-") {
        return Some(machine_directory(&machine.replace('-', "/")));
    }
    let (application, number) = entity.strip_prefix("unit-")?.rsplit_once('-')?;
    machines.get(&format!("{application}/{number}"))?.clone()
}

/// Splits a log by who wrote it; lines that continue a message stay with it.
fn by_entity(log: &str) -> BTreeMap<String, String> {
    let mut parts: BTreeMap<String, String> = BTreeMap::new();
    let mut current = None;
    for line in log.lines() {
        let entity = line.split_once(": ").map(|(entity, _)| entity);
        let entity = entity.filter(|entity| {
            ["unit-", "machine-"]
                .iter()
                .any(|kind| entity.starts_with(kind))
                && !entity.contains(' ')
        });
        current = entity.map(str::to_owned).or(current);
        if let Some(entity) = &current {
            let part = parts.entry(entity.clone()).or_default();
            part.push_str(line);
            part.push('\n');
        }
    }
    parts
}

/// Leaves the middle of a text out that is too long: how it began and how it ended tell most.
fn without_middle(text: String, limit: usize) -> String {
    if text.len() <= limit {
        return text;
    }
    let head = text.floor_char_boundary(limit / 4);
    let tail = text.ceil_char_boundary(text.len() - (limit - head));
    format!(
        "{}\n[{} bytes were left out here]\n{}",
        &text[..head],
        tail - head,
        &text[tail..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_go_where_the_machine_of_their_unit_is() {
        let status = json!({"applications": {
            "my-db": {"units": {"my-db/0": {"machine": "0/lxd/1", "subordinates": {"sub/0": {}}}}},
            "web": {"units": {"web/12": {"machine": "3"}}},
            "pod": {"units": {"pod/0": {"address": "10.0.0.1"}}},
        }});
        let machines = machines(&status);
        let cases = [
            ("unit-my-db-0", Some("0/lxd/1")),
            ("unit-sub-0", Some("0/lxd/1")),
            ("unit-web-12", Some("3/baremetal")),
            ("unit-pod-0", None),
            ("unit-gone-0", None),
            ("machine-3", Some("3/baremetal")),
            ("machine-0-lxd-1", Some("0/lxd/1")),
        ];
        for (entity, directory) in cases {
            assert_eq!(
                directory_of(entity, &machines).as_deref(),
                directory,
                "{entity}"
            );
        }
    }

    #[test]
    fn a_log_is_split_by_who_wrote_it() {
        let parts = by_entity("lost\nunit-a-0: 1\n  more: of it\nunit-b-0: 2\nunit-a-0: 3\n");
        let expected = [
            ("unit-a-0", "unit-a-0: 1\n  more: of it\nunit-a-0: 3\n"),
            ("unit-b-0", "unit-b-0: 2\n"),
        ];
        assert_eq!(
            parts,
            expected
                .map(|(entity, text)| (entity.to_owned(), text.to_owned()))
                .into()
        );
    }

    #[test]
    fn of_a_long_text_the_ends_are_kept() {
        assert_eq!(without_middle("short".to_owned(), 8), "short");
        assert_eq!(
            without_middle("aaéxxxxxxxxxxxbbbbbb".to_owned(), 8),
            "aa\n[13 bytes were left out here]\nbbbbbb"
        );
    }
}
