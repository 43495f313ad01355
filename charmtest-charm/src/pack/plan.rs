//! What has to be done to pack a charm without charmcraft, and what cannot be done. Pure.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::charmcraft::Project;

/// What turns a charm's tree into a charm, beside adding the generated YAML files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// The script that a generated `dispatch` runs; `None` when the tree has something to run itself.
    pub(super) entrypoint: Option<String>,
    /// The Python packages to install.
    pub(super) python: PythonPackages,
}

/// Where the Python packages of a charm are named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PythonPackages {
    /// Requirements files, relative to the charm.
    pub(super) files: Vec<String>,
    /// Constraints files, relative to the charm.
    pub(super) constraints: Vec<String>,
    /// Requirements in place (`ops~=2.0`).
    pub(super) packages: Vec<String>,
    /// Groups and extras of `pyproject.toml` whose dependencies are wanted, beside the project's own.
    pub(super) pyproject: Option<Pyproject>,
    /// Whether charm libraries below `lib/charms` may name more packages (`PYDEPS`).
    pub(super) libraries: Libraries,
}

/// What is wanted of `pyproject.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pyproject {
    pub(super) groups: Vec<String>,
    pub(super) extras: Vec<String>,
}

/// Whether `PYDEPS` of charm libraries count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Libraries {
    /// They do not.
    #[default]
    Silent,
    /// They do, as with charmcraft's `charm` plugin.
    MayName,
}

impl Plan {
    /// Says whether an interpreter is needed, to run the charm or to install packages.
    pub(super) fn needs_python(&self) -> bool {
        self.entrypoint.is_some() || self.python != PythonPackages::default()
    }
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Charmcraft could do it.
    NeedsCharmcraft(String),
    /// Nobody could; something is missing.
    Incomplete(String),
}

const DEFAULT_ENTRYPOINT: &str = "src/charm.py";

/// Makes the plan for a tree with these files, directed by its `charmcraft.yaml` if it has one.
pub(super) fn plan(files: &BTreeSet<&str>, project: Option<&Project>) -> Result<Plan, Refusal> {
    let runs_itself =
        files.contains("dispatch") || files.iter().any(|name| name.starts_with("hooks/"));
    let Some(project) = project else {
        return match (files.contains("metadata.yaml"), runs_itself) {
            (true, true) => Ok(Plan::default()),
            (true, false) => Err(Refusal::Incomplete(
                "it has no `dispatch` and no hooks; add a `charmcraft.yaml` if they are to be generated".to_owned(),
            )),
            (false, _) => Err(Refusal::Incomplete(
                "it has neither `charmcraft.yaml` nor `metadata.yaml`".to_owned(),
            )),
        };
    };
    check_project(files, project)?;

    let parts = project.get("parts").and_then(Value::as_object);
    let mut plan = Plan::default();
    let mut wants_entrypoint = None;
    match parts.filter(|parts| !parts.is_empty()) {
        Some(parts) => {
            for (name, part) in parts {
                let empty = Map::new();
                let part = Part {
                    name,
                    keys: part.as_object().unwrap_or(&empty),
                };
                if let Some(entrypoint) = part.add_to(&mut plan.python, files)? {
                    wants_entrypoint = Some(entrypoint);
                }
            }
        }
        // Without parts charmcraft supposes one part with its `charm` plugin.
        None if !runs_itself => {
            let part = Part {
                name: "charm",
                keys: &Map::new(),
            };
            wants_entrypoint = part.add_to(&mut plan.python, files)?;
        }
        None => {}
    }
    if files.contains("dispatch") {
        return Ok(plan);
    }
    match wants_entrypoint {
        Some(entrypoint) if files.contains(&*entrypoint) => plan.entrypoint = Some(entrypoint),
        Some(entrypoint) => {
            return Err(Refusal::Incomplete(format!(
                "its entry point `{entrypoint}` does not exist"
            )));
        }
        None if runs_itself => {}
        None => {
            return Err(Refusal::Incomplete(
                "it has no `dispatch`, no hooks, and no part that would make them".to_owned(),
            ));
        }
    }
    Ok(plan)
}

fn check_project(files: &BTreeSet<&str>, project: &Project) -> Result<(), Refusal> {
    let kind = project
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or("charm");
    if kind != "charm" {
        return Err(Refusal::NeedsCharmcraft(format!(
            "it is a {kind}, not a charm"
        )));
    }
    if project.get("extensions").is_some() {
        return Err(Refusal::NeedsCharmcraft("it uses `extensions`".to_owned()));
    }
    if project.get("name").is_none() && !files.contains("metadata.yaml") {
        return Err(Refusal::Incomplete(
            "neither `charmcraft.yaml` nor a `metadata.yaml` has its `name`".to_owned(),
        ));
    }
    Ok(())
}

/// A part of `charmcraft.yaml`.
struct Part<'a> {
    name: &'a str,
    keys: &'a Map<String, Value>,
}

/// Keys that any part may have. Those that choose files do no harm when they are passed over: the archive then holds
/// more than charmcraft's.
const COMMON_KEYS: [&str; 6] = ["plugin", "source", "source-type", "after", "stage", "prime"];

impl Part<'_> {
    /// Adds what the part installs, and returns the entry point it makes a `dispatch` for.
    fn add_to(
        &self,
        python: &mut PythonPackages,
        files: &BTreeSet<&str>,
    ) -> Result<Option<String>, Refusal> {
        let plugin = self.text("plugin")?.unwrap_or(self.name);
        let own_keys: &[&str] = match plugin {
            "dump" | "nil" => &[],
            "charm" => &[
                "charm-entrypoint",
                "charm-requirements",
                "charm-python-packages",
                "charm-strict-dependencies",
            ],
            "python" => &[
                "python-requirements",
                "python-constraints",
                "python-packages",
            ],
            "uv" => &["uv-extras", "uv-groups"],
            other => return Err(self.refuse(&format!("plugin `{other}`"))),
        };
        self.check_keys(own_keys)?;

        match plugin {
            "charm" => {
                let mut requirements = self.list("charm-requirements")?;
                if requirements.is_empty() && files.contains("requirements.txt") {
                    requirements.push("requirements.txt".to_owned());
                }
                python.files.extend(requirements);
                python.packages.extend(self.list("charm-python-packages")?);
                python.libraries = Libraries::MayName;
                let entrypoint = self.text("charm-entrypoint")?.unwrap_or(DEFAULT_ENTRYPOINT);
                Ok(Some(entrypoint.trim_start_matches("./").to_owned()))
            }
            "python" => {
                python.files.extend(self.list("python-requirements")?);
                python.constraints.extend(self.list("python-constraints")?);
                python.packages.extend(self.list("python-packages")?);
                Ok(Some(DEFAULT_ENTRYPOINT.to_owned()))
            }
            "uv" => {
                if !files.contains("pyproject.toml") {
                    let reason = format!("part `{}` needs a `pyproject.toml`", self.name);
                    return Err(Refusal::Incomplete(reason));
                }
                python.pyproject = Some(Pyproject {
                    groups: self.list("uv-groups")?,
                    extras: self.list("uv-extras")?,
                });
                Ok(Some(DEFAULT_ENTRYPOINT.to_owned()))
            }
            _ => Ok(None),
        }
    }

    fn check_keys(&self, own: &[&str]) -> Result<(), Refusal> {
        let is_known = |key: &str| COMMON_KEYS.contains(&key) || own.contains(&key);
        for (key, value) in self.keys {
            let is_unset = match value {
                Value::Null => true,
                Value::Array(items) => items.is_empty(),
                _ => false,
            };
            if !is_known(key) && !is_unset {
                return Err(self.refuse(&format!("`{key}`")));
            }
        }
        let source = self.text("source")?.unwrap_or(".");
        if !matches!(source, "." | "./") {
            return Err(self.refuse(&format!("`source: {source}`")));
        }
        Ok(())
    }

    fn refuse(&self, what: &str) -> Refusal {
        Refusal::NeedsCharmcraft(format!("part `{}` uses {what}", self.name))
    }

    fn text(&self, key: &str) -> Result<Option<&str>, Refusal> {
        match self.keys.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong_type(key, "a string")),
        }
    }

    fn list(&self, key: &str) -> Result<Vec<String>, Refusal> {
        let wrong = || self.wrong_type(key, "a list of strings");
        match self.keys.get(key) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong))
                .collect(),
            Some(_) => Err(wrong()),
        }
    }

    fn wrong_type(&self, key: &str, expected: &str) -> Refusal {
        Refusal::Incomplete(format!(
            "`{key}` of part `{}` must be {expected}",
            self.name
        ))
    }
}
