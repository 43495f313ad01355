//! `charmcraft.yaml`: a charm project, from which charmcraft makes the files that Juju reads.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::actions;
use crate::config::RawConfig;
use crate::error::FileError;
use crate::manifest::{Base, RawBase};
use crate::metadata::RawMetadata;
use crate::yaml::{self, Entries, Located};
use crate::yaml_writer::to_yaml;

/// A parsed `charmcraft.yaml`.
#[derive(Debug)]
pub(crate) struct Project {
    file: String,
    text: String,
    value: Map<String, Value>,
    bases: Vec<BuildTarget>,
}

/// One build of a project: a base and an architecture, as `bases`, `base` or `platforms` ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BuildTarget {
    /// Where the charm will run.
    pub(crate) run_on: Vec<Base>,
    /// The platform's name, when the project has `platforms`.
    pub(crate) platform: Option<String>,
}

/// The keys that go to `metadata.yaml` under their own name.
const METADATA_KEYS: [&str; 17] = [
    "name",
    "summary",
    "description",
    "assumes",
    "charm-user",
    "containers",
    "devices",
    "extra-bindings",
    "peers",
    "provides",
    "requires",
    "resources",
    "storage",
    "subordinate",
    "terms",
    "categories",
    "tags",
];

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawProject {
    bases: Option<Located<Vec<RawBases>>>,
    base: Option<Located<String>>,
    #[serde(default)]
    platforms: Entries<Option<RawPlatform>>,
    config: Option<RawConfig>,
    actions: Option<Entries<Option<Map<String, Value>>>>,
}

/// An entry of `bases`: where to build and where to run, or one base for both.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "an entry of `bases` needs `name` and `channel`, or `build-on` and `run-on` with such entries"
)]
enum RawBases {
    Short(RawBase),
    #[serde(rename_all = "kebab-case")]
    Long {
        build_on: Vec<RawBase>,
        run_on: Option<Vec<RawBase>>,
    },
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawPlatform {
    build_for: Option<Value>,
}

impl Project {
    /// Parses the text; `file` is named in errors.
    ///
    /// The metadata keys are checked only when they are used, since a separate `metadata.yaml` wins over them.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        let value = match yaml::parse_value(file, text)? {
            Value::Object(map) => map,
            _ => return Err(FileError::new(file, "must be a map")),
        };
        let raw: RawProject = yaml::parse(file, text)?;
        let bases = targets(file, raw.bases, raw.base, raw.platforms)?;
        if let Some(config) = raw.config {
            config.check(file)?;
        }
        if let Some(raw) = raw.actions {
            actions::check(file, raw)?;
        }
        Ok(Self {
            file: file.to_owned(),
            text: text.to_owned(),
            value,
            bases,
        })
    }

    /// Leaves only the build with this number, from 0, in the order of the file.
    ///
    /// # Errors
    ///
    /// Says how many builds there are when there is none with the number.
    pub(crate) fn choose_target(&mut self, index: usize) -> Result<(), String> {
        let count = self.bases.len();
        if index >= count {
            return Err(format!(
                "there is no base with the index {index}: `charmcraft.yaml` has {count}, counted from 0"
            ));
        }
        self.bases = vec![self.bases.swap_remove(index)];
        Ok(())
    }

    /// Returns the build for this machine: the first that runs on its architecture, else the first.
    fn target(&self) -> Option<&BuildTarget> {
        let here = |build: &&BuildTarget| build.run_on.iter().any(runs_here);
        self.bases.iter().find(here).or(self.bases.first())
    }

    /// Returns the file name that charmcraft gives the charm: `<name>_<platform>.charm`, and with `bases`
    /// `<name>_<base>-<channel>-<architectures>.charm`.
    pub(crate) fn file_name(&self, name: &str) -> String {
        let Some(target) = self.target() else {
            return format!("{name}_{}.charm", architecture());
        };
        let platform = match &target.platform {
            Some(platform) => platform.replace(':', "-"),
            None => {
                let bases = target.run_on.iter().map(|base| {
                    let architectures = if base.architectures.is_empty() {
                        architecture().to_owned()
                    } else {
                        base.architectures.join("-")
                    };
                    format!("{}-{}-{architectures}", base.name, base.channel)
                });
                bases.collect::<Vec<_>>().join("_")
            }
        };
        format!("{name}_{platform}.charm")
    }

    /// Returns the untyped value of a top-level key.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.value.get(key).filter(|value| !value.is_null())
    }

    /// Returns the text of a file that charmcraft would generate, or `None` when it would not.
    ///
    /// # Errors
    ///
    /// Names the line of `charmcraft.yaml` when the metadata keys break a rule.
    pub(crate) fn generated(&self, name: &str) -> Result<Option<String>, FileError> {
        let value = match name {
            "metadata.yaml" => {
                yaml::parse::<RawMetadata>(&self.file, &self.text)?.check(&self.file)?;
                self.metadata()
            }
            "actions.yaml" => self.get("actions").cloned(),
            "config.yaml" => self.get("config").cloned(),
            "manifest.yaml" => self.manifest(),
            _ => None,
        };
        Ok(value.map(|value| to_yaml(&value)))
    }

    fn metadata(&self) -> Option<Value> {
        let mut metadata = Map::new();
        for key in METADATA_KEYS {
            if let Some(value) = self.get(key) {
                metadata.insert(key.to_owned(), value.clone());
            }
        }
        // A title that is a number for YAML is still a title.
        for key in ["name", "summary", "description"] {
            if let Some(value) = metadata.get_mut(key) {
                *value = as_text(value);
            }
        }
        if let Some(title) = self.get("title") {
            metadata.insert("display-name".to_owned(), as_text(title));
        }
        let links = self.get("links").and_then(Value::as_object);
        let renamed = [
            ("documentation", "docs"),
            ("contact", "maintainers"),
            ("issues", "issues"),
            ("source", "source"),
            ("website", "website"),
        ];
        for (link, key) in renamed {
            if let Some(value) = links.and_then(|links| links.get(link)) {
                metadata.insert(key.to_owned(), value.clone());
            }
        }
        Some(Value::Object(metadata))
    }

    fn manifest(&self) -> Option<Value> {
        let bases = self.target()?.run_on.iter().map(|base| {
            // Charmcraft writes architectures in any case.
            let architectures = match base.architectures.as_slice() {
                [] => vec![architecture().to_owned()],
                named => named.to_vec(),
            };
            json!({ "name": base.name, "channel": base.channel, "architectures": architectures })
        });
        Some(json!({ "bases": bases.collect::<Vec<_>>() }))
    }
}

fn as_text(value: &Value) -> Value {
    match value {
        Value::Bool(_) | Value::Number(_) => Value::from(value.to_string()),
        other => other.clone(),
    }
}

fn targets(
    file: &str,
    bases: Option<Located<Vec<RawBases>>>,
    base: Option<Located<String>>,
    platforms: Entries<Option<RawPlatform>>,
) -> Result<Vec<BuildTarget>, FileError> {
    if let Some(bases) = bases {
        return Ok(bases.value.into_iter().map(BuildTarget::from).collect());
    }
    let base = match &base {
        None => None,
        Some(text) => Some(
            text.value
                .parse::<Base>()
                .map_err(|e| text.error(file, e.to_string()))?,
        ),
    };
    let mut targets = Vec::new();
    for (name, platform) in platforms.0 {
        let (base, architectures) =
            platform_target(&name.value, base.as_ref(), platform.unwrap_or_default())
                .map_err(|message| name.error(file, message))?;
        targets.push(BuildTarget {
            run_on: vec![Base {
                architectures,
                ..base
            }],
            platform: Some(name.value),
        });
    }
    if let (true, Some(base)) = (targets.is_empty(), base) {
        targets.push(BuildTarget {
            run_on: vec![base],
            platform: None,
        });
    }
    Ok(targets)
}

impl From<RawBases> for BuildTarget {
    fn from(raw: RawBases) -> Self {
        let bases = match raw {
            RawBases::Short(base) => vec![base],
            RawBases::Long { build_on, run_on } => run_on.unwrap_or(build_on),
        };
        Self {
            run_on: bases.into_iter().map(Base::from).collect(),
            platform: None,
        }
    }
}

/// Works out base and architectures of a platform: `amd64`, `jammy: {build-for: ..}`, `ubuntu@22.04:amd64`.
fn platform_target(
    name: &str,
    base: Option<&Base>,
    platform: RawPlatform,
) -> Result<(Base, Vec<String>), String> {
    let build_for: Vec<String> = match &platform.build_for {
        None | Some(Value::Null) => vec![name.to_owned()],
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        Some(Value::String(text)) => vec![text.clone()],
        Some(_) => return Err("`build-for` must be an architecture or a list of them".to_owned()),
    };
    let mut own_base = None;
    let mut architectures = Vec::new();
    for target in build_for {
        match target.rsplit_once(':') {
            Some((base, arch)) => {
                own_base = Some(base.parse::<Base>().map_err(|error| error.to_string())?);
                architectures.push(arch.to_owned());
            }
            None => architectures.push(target),
        }
    }
    if let Some((text, _)) = name.rsplit_once(':').filter(|_| own_base.is_none()) {
        own_base = Some(text.parse::<Base>().map_err(|error| error.to_string())?);
    }
    let base = own_base.or_else(|| base.cloned()).ok_or_else(|| {
        format!("platform `{name}` has no base; add `base: ubuntu@22.04` to the file")
    })?;
    Ok((base, architectures))
}

fn runs_here(base: &Base) -> bool {
    base.architectures.is_empty()
        || base
            .architectures
            .iter()
            .any(|arch| arch == "all" || arch == architecture())
}

/// Returns this machine's architecture in Juju's words.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64el",
        other => other,
    }
}
