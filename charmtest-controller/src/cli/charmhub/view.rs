//! What `juju info` and `juju find` show, as Juju 3.6 and 4.0 print it.

use std::collections::{BTreeMap, BTreeSet};

use charmtest_charm::yaml_writer::to_yaml;
use charmtest_charm::{ConfigOptions, Endpoint, Metadata, Role};
use serde_json::{Map, Value, json};

use super::super::table::TextTable;
use super::{ALL, ARCHITECTURES};
use crate::charm_store::WantedBase;
use crate::charm_store::channel::{DEFAULT_TRACK, RISKS};
use crate::charm_store::transport::{Base, Found, Info, Released};

/// Which revisions `info` shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) arch: Option<String>,
    pub(super) base: Option<WantedBase>,
    pub(super) track: Option<String>,
    pub(super) risk: Option<&'static str>,
    pub(super) revision: Option<u32>,
}

/// A charm or bundle as `info` shows it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct InfoView {
    info: Info,
    metadata: Option<Metadata>,
    config: Option<ConfigOptions>,
    tracks: Vec<String>,
    revisions: BTreeMap<String, BTreeMap<String, Vec<RevisionView>>>,
}

/// A revision in a channel.
#[derive(Debug, Clone, PartialEq)]
struct RevisionView {
    track: String,
    risk: String,
    version: String,
    revision: u32,
    released_at: String,
    size: u64,
    architectures: Vec<String>,
    bases: Vec<Base>,
}

/// How the tabular form shows architectures and bases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Columns {
    architectures: bool,
    bases: bool,
    /// All revisions of a channel and not only the newest.
    all: bool,
}

impl InfoView {
    /// Picks what `filter` wants of a store's answer.
    pub(super) fn new(info: Info, filter: &Filter) -> Self {
        let files = &info.default_release.revision;
        // A store's metadata that we cannot read is left out, as Juju does.
        let metadata = Some(&files.metadata_yaml)
            .filter(|text| !text.is_empty())
            .and_then(|text| Metadata::parse("metadata.yaml", text).ok());
        let config = Some(&files.config_yaml)
            .filter(|text| !text.is_empty() && text.trim() != "{}")
            .and_then(|text| ConfigOptions::parse("config.yaml", text).ok());
        let mut view = Self {
            metadata,
            config,
            tracks: Vec::new(),
            revisions: BTreeMap::new(),
            info: Info {
                channel_map: Vec::new(),
                ..info.clone()
            },
        };
        for released in &info.channel_map {
            view.add(released, filter);
        }
        for revisions in view.revisions.values_mut().flat_map(BTreeMap::values_mut) {
            revisions.sort_by(|a, b| b.released_at.cmp(&a.released_at));
        }
        view
    }

    fn add(&mut self, released: &Released, filter: &Filter) {
        let (channel, revision) = (&released.channel, &released.revision);
        let track = if channel.track.is_empty() {
            DEFAULT_TRACK
        } else {
            &channel.track
        };
        let wanted = filter.track.as_ref().is_none_or(|wanted| wanted == track)
            && filter.risk.is_none_or(|risk| risk == channel.risk)
            && filter
                .revision
                .is_none_or(|number| number == revision.revision);
        if !wanted {
            return;
        }
        if !self.tracks.iter().any(|known| known == track) {
            self.tracks.push(track.to_owned());
        }
        let architectures = architectures(&revision.bases);
        let mut bases: Vec<Base> = Vec::new();
        for base in &revision.bases {
            if !bases.iter().any(|known| known.display() == base.display()) {
                bases.push(base.clone());
            }
        }
        let has_arch = filter
            .arch
            .as_ref()
            .is_none_or(|arch| architectures.contains(arch));
        let has_base = filter.base.as_ref().is_none_or(|wanted| {
            let display = format!("{}@{}", wanted.name, wanted.channel);
            bases.iter().any(|base| base.display() == display)
        });
        if !has_arch || !has_base {
            return;
        }
        let risks = self.revisions.entry(track.to_owned()).or_default();
        let known = risks.entry(channel.risk.clone()).or_default();
        if known.iter().any(|row| row.revision == revision.revision) {
            return;
        }
        known.push(RevisionView {
            track: track.to_owned(),
            risk: channel.risk.clone(),
            version: revision.version.clone(),
            revision: revision.revision,
            released_at: channel.released_at.clone(),
            size: revision.download.size,
            architectures,
            bases,
        });
    }

    /// Returns the value behind JSON and YAML; options of the charm have other keys in the two.
    pub(super) fn to_value(&self, is_yaml: bool) -> Value {
        let (info, entity) = (&self.info, &self.info.entity);
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
        put("type", info.kind.clone().into());
        put("id", info.id.clone().into());
        put("name", info.name.clone().into());
        put("description", entity.description.clone().into());
        put("publisher", entity.publisher.display_name.clone().into());
        put("summary", entity.summary.clone().into());
        let supports = distinct(&info.default_release.revision.bases);
        if !supports.is_empty() {
            put("supports", bases_value(&supports));
        }
        put("store-url", entity.store_url.clone().into());
        let tags: Vec<&str> = self.tags();
        if !tags.is_empty() {
            put("tags", json!(tags));
        }
        match info.kind.as_str() {
            "charm" => put("charm", self.charm_value(is_yaml)),
            "bundle" => put("bundle", self.bundle_value()),
            _ => None,
        };
        let channels = self.revisions.iter().map(|(track, risks)| {
            let risks = risks.iter().map(|(risk, revisions)| {
                let revisions: Value = revisions.iter().map(RevisionView::to_value).collect();
                (risk.clone(), revisions)
            });
            (track.clone(), Value::Object(risks.collect()))
        });
        put("channels", Value::Object(channels.collect()));
        if !self.tracks.is_empty() {
            put("tracks", json!(self.tracks));
        }
        Value::Object(map)
    }

    fn tags(&self) -> Vec<&str> {
        let categories = self.info.entity.categories.iter();
        categories.map(|category| category.name.as_str()).collect()
    }

    fn charm_value(&self, is_yaml: bool) -> Value {
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
        if let Some(config) = &self.config {
            let key = if is_yaml { "options" } else { "Options" };
            put("config", json!({ key: options(config, is_yaml) }));
        }
        let relations = self.relations();
        if !relations.is_empty() {
            put("relations", Value::Object(relations));
        }
        if self
            .metadata
            .as_ref()
            .is_some_and(|metadata| metadata.subordinate)
        {
            put("subordinate", true.into());
        }
        if !self.info.entity.used_by.is_empty() {
            put("used-by", json!(self.info.entity.used_by));
        }
        Value::Object(map)
    }

    fn bundle_value(&self) -> Value {
        let charms = &self.info.entity.contains_charms;
        let charms: Vec<Value> = charms
            .iter()
            .map(|charm| json!({ "name": charm.name }))
            .collect();
        if charms.is_empty() {
            json!({})
        } else {
            json!({ "charms": charms })
        }
    }

    /// Returns `provides` and `requires`, each endpoint with its interface; without those that the charm does not have.
    fn relations(&self) -> Map<String, Value> {
        let mut relations = Map::new();
        for (key, role) in [("provides", Role::Provider), ("requires", Role::Requirer)] {
            let endpoints = self
                .metadata
                .iter()
                .flat_map(|metadata| metadata.endpoints_with_role(role));
            let named: BTreeMap<&str, &str> = endpoints
                .map(
                    |Endpoint {
                         name, interface, ..
                     }| (name.as_str(), interface.as_str()),
                )
                .collect();
            if !named.is_empty() {
                relations.insert(key.to_owned(), json!(named));
            }
        }
        relations
    }

    /// Returns the tabular form, which is YAML with the channels as a table in it.
    pub(super) fn tabular(&self, filter: &Filter, with_config: bool, unicode: bool) -> String {
        let (info, entity) = (&self.info, &self.info.entity);
        let is_charm = info.kind == "charm";
        let mut map = Map::new();
        let mut put = |key: &str, text: String| {
            if !text.is_empty() {
                map.insert(key.to_owned(), text.into());
            }
        };
        put("name", info.name.clone());
        put("publisher", entity.publisher.display_name.clone());
        put("summary", entity.summary.clone());
        put("description", entity.description.clone());
        if is_charm {
            put("store-url", entity.store_url.clone());
            put("charm-id", info.id.clone());
            let supports = distinct(&info.default_release.revision.bases);
            put("supports", display(&supports));
        } else {
            put("bundle-id", info.id.clone());
        }
        put("tags", self.tags().join(", "));
        if is_charm {
            let subordinate = self.metadata.as_ref().is_some_and(|it| it.subordinate);
            map.insert("subordinate".to_owned(), subordinate.into());
            let relations = self.relations();
            if !relations.is_empty() {
                map.insert("relations".to_owned(), Value::Object(relations));
            }
        }
        let channels = self.channels_table(filter, unicode);
        if !channels.is_empty() {
            map.insert("channels".to_owned(), channels.into());
        }
        if let Some(config) = self.config.as_ref().filter(|_| is_charm && with_config) {
            map.insert(
                "config".to_owned(),
                json!({ "settings": options(config, true) }),
            );
        }
        to_yaml(&Value::Object(map))
    }

    fn channels_table(&self, filter: &Filter, unicode: bool) -> String {
        let columns = Columns::of(filter);
        let (none, above) = if unicode { ("–", "↑") } else { ("--", "^") };
        let mut table = TextTable::default();
        for track in &self.tracks {
            let risks = self.revisions.get(track);
            let mut shown = false;
            for risk in RISKS {
                let name = format!("{track}/{risk}:");
                let Some(revisions) = risks.and_then(|risks| risks.get(risk)) else {
                    table.row([name.as_str(), if shown { above } else { none }]);
                    continue;
                };
                shown = true;
                let count = if columns.all { revisions.len() } else { 1 };
                for (index, revision) in revisions.iter().take(count).enumerate() {
                    let name = if index == 0 { name.as_str() } else { "" };
                    table.row(revision.cells(name, columns));
                }
            }
        }
        table.render()
    }
}

impl Columns {
    fn of(filter: &Filter) -> Self {
        let (arch, base) = (filter.arch.is_some(), filter.base.is_some());
        Self {
            architectures: !arch,
            bases: !base,
            all: !arch && base,
        }
    }
}

impl RevisionView {
    fn to_value(&self) -> Value {
        json!({
            "track": self.track,
            "risk": self.risk,
            "version": self.version,
            "revision": self.revision,
            "released-at": self.released_at,
            "size": self.size,
            "architectures": self.architectures,
            "bases": bases_value(&self.bases),
        })
    }

    fn cells(&self, name: &str, columns: Columns) -> Vec<String> {
        let mut cells = vec![
            name.to_owned(),
            self.version.clone(),
            self.released_at.chars().take(10).collect(),
            format!("({})", self.revision),
            size(self.size),
        ];
        let architectures = self.architectures.join(", ");
        if columns.architectures && !architectures.is_empty() {
            cells.push(architectures);
        }
        let bases = display(&self.bases);
        if columns.bases && !bases.is_empty() {
            cells.push(bases);
        }
        cells
    }
}

/// Returns the architectures of some bases, sorted; `all` means every one.
fn architectures(bases: &[Base]) -> Vec<String> {
    let names: BTreeSet<&str> = bases
        .iter()
        .map(|base| base.architecture.as_str())
        .collect();
    if names.contains(ALL) {
        return ARCHITECTURES.map(str::to_owned).to_vec();
    }
    names.into_iter().map(str::to_owned).collect()
}

fn distinct(bases: &[Base]) -> Vec<Base> {
    let mut seen = BTreeSet::new();
    let fresh = bases.iter().filter(|base| seen.insert(base.display()));
    fresh.cloned().collect()
}

fn bases_value(bases: &[Base]) -> Value {
    bases
        .iter()
        .map(|base| json!({ "name": base.name, "channel": base.channel }))
        .collect()
}

fn display(bases: &[Base]) -> String {
    let names: Vec<String> = bases.iter().map(Base::display).collect();
    names.join(", ")
}

/// Returns the options of a charm. Juju's JSON has the names of Go's fields here.
fn options(config: &ConfigOptions, is_yaml: bool) -> Value {
    let option = |(name, option): (&String, &charmtest_charm::ConfigOption)| {
        let kind = option.kind.as_str();
        let value = if is_yaml {
            let mut map = Map::new();
            map.insert("type".to_owned(), kind.into());
            if !option.description.is_empty() {
                map.insert("description".to_owned(), option.description.clone().into());
            }
            if let Some(default) = &option.default {
                map.insert("default".to_owned(), default.clone());
            }
            Value::Object(map)
        } else {
            json!({ "Type": kind, "Description": option.description, "Default": option.default })
        };
        (name.clone(), value)
    };
    Value::Object(config.0.iter().map(option).collect())
}

/// Returns a size in bytes as `juju info` shows it: `12MB`.
fn size(bytes: u64) -> String {
    let mut size = bytes;
    for unit in ["B", "kB", "MB", "GB", "TB", "PB"] {
        if size < 1000 {
            return format!("{size}{unit}");
        }
        size /= 1000;
    }
    format!("{size}EB")
}

/// Returns the results of `find` as the value behind JSON and YAML.
pub(super) fn found_value(results: &[Found]) -> Value {
    results
        .iter()
        .map(|found| {
            let (entity, revision) = (&found.entity, &found.default_release.revision);
            let mut map = Map::new();
            let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
            put("type", found.kind.clone().into());
            put("id", found.id.clone().into());
            put("name", found.name.clone().into());
            put("publisher", entity.publisher.display_name.clone().into());
            put("summary", entity.summary.clone().into());
            put("version", revision.version.clone().into());
            if !revision.bases.is_empty() {
                put(
                    "architectures",
                    json!(sorted(&revision.bases, |base| &base.architecture)),
                );
                put("os", json!(sorted(&revision.bases, |base| &base.name)));
                put("supports", bases_value(&distinct(&revision.bases)));
            }
            put("store-url", entity.store_url.clone().into());
            Value::Object(map)
        })
        .collect()
}

fn sorted(bases: &[Base], part: fn(&Base) -> &String) -> BTreeSet<&String> {
    bases.iter().map(part).collect()
}

/// The columns of `find` by the letters that choose them.
pub(super) const FIND_COLUMNS: [(char, &str); 8] = [
    ('n', "Name"),
    ('b', "Bundle"),
    ('v', "Version"),
    ('a', "Architectures"),
    ('o', "OS"),
    ('S', "Supports"),
    ('p', "Publisher"),
    ('s', "Summary"),
];

/// Where summaries are broken into lines, in characters: at the first space from here on.
const WRAP: usize = 40;

/// Returns the results of `find` as a table with the columns that the letters choose.
pub(super) fn found_table(results: &[Found], letters: &str) -> String {
    let name = |letter| {
        FIND_COLUMNS
            .iter()
            .find(|(known, _)| *known == letter)
            .map_or("", |(_, name)| *name)
    };
    let mut table = TextTable::new(letters.chars().map(name));
    for found in results {
        let (entity, revision) = (&found.entity, &found.default_release.revision);
        let summary = wrapped(entity.summary.trim().lines().next().unwrap_or_default());
        let cell = |letter| match letter {
            'n' => found.name.clone(),
            'b' => if found.kind == "bundle" { "Y" } else { "-" }.to_owned(),
            'v' => revision.version.clone(),
            'a' => joined(&revision.bases, |base| &base.architecture),
            'o' => joined(&revision.bases, |base| &base.name),
            'S' => {
                let names: Vec<String> = distinct(&revision.bases)
                    .iter()
                    .map(Base::display)
                    .collect();
                names.join(",")
            }
            'p' => entity.publisher.display_name.clone(),
            _ => summary.first().cloned().unwrap_or_default(),
        };
        table.row(letters.chars().map(cell));
        let Some(column) = letters.chars().position(|letter| letter == 's') else {
            continue;
        };
        for line in summary.iter().skip(1) {
            let mut cells = vec![""; column];
            cells.push(line);
            table.row(cells);
        }
    }
    table.render()
}

fn joined(bases: &[Base], part: fn(&Base) -> &String) -> String {
    let names: Vec<&str> = sorted(bases, part)
        .into_iter()
        .map(String::as_str)
        .collect();
    names.join(",")
}

/// Breaks a line at the first space after [`WRAP`] characters, or behind a hyphen there.
fn wrapped(line: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut length = 0;
    for c in line.chars() {
        let full = length + 1 > WRAP;
        let Some(last) = lines.last_mut() else { break };
        if full && c.is_whitespace() {
            lines.push(String::new());
            length = 0;
            continue;
        }
        last.push(c);
        length += 1;
        if full && c == '-' {
            lines.push(String::new());
            length = 0;
        }
    }
    lines
}

/// Returns a resource of a store as `charm-resources` shows it.
pub(in crate::cli) fn resource_value(
    resource: &crate::charm_store::transport::StoreResource,
) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    put("name", resource.name.clone().into());
    put("type", resource.kind.clone().into());
    put("path", resource.filename.clone().into());
    if !resource.description.is_empty() {
        put("description", resource.description.clone().into());
    }
    // Juju leaves out zero here.
    if resource.revision > 0 {
        put("revision", resource.revision.into());
    }
    put("fingerprint", resource.download.sha384.clone().into());
    put("size", resource.download.size.into());
    put("origin", "store".into());
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_wrapped_as_jujus() {
        assert_eq!(
            wrapped("WordPress is a full featured web blogging tool, this charm deploys it."),
            [
                "WordPress is a full featured web blogging",
                "tool, this charm deploys it."
            ]
        );
        assert_eq!(
            wrapped("0123456789012345678901234567890123456789a-b c"),
            ["0123456789012345678901234567890123456789a-", "b c"]
        );
        assert_eq!(wrapped(""), [""]);
    }

    #[test]
    fn sizes() {
        for (bytes, expected) in [
            (0, "0B"),
            (999, "999B"),
            (1000, "1kB"),
            (12_042_240, "12MB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }
}
