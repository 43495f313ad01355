//! Names and files in bundles that a script deploys.

use charmtest_charm::yaml;
use serde_json::Value;

use super::policy::{Models, foreign_offer};
use super::resolve::{Charms, Resolved, is_bare, is_image};

/// Says where a copy of a file is that a bundle names, relative to the bundle's directory.
pub type Stage<'a> = &'a mut dyn FnMut(&str) -> std::io::Result<String>;

/// What became of a bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// The new text; `None` when nothing in it had to change.
    pub text: Option<String>,
    /// Applications whose charm was named by a bare name, with that name.
    pub deployed: Vec<(String, String)>,
    /// What a reader of the transcript should know.
    pub notes: Vec<String>,
}

/// Resolves the charm names of a bundle, overlays in the same file included, and has every file that it names staged: charms, resources,
/// `include-file://` and `include-base64://`. What it consumes must be offered by the test's models.
///
/// # Errors
///
/// Says what is wrong: a text that is no YAML (Juju might read it otherwise than we do), a name that stands for nothing, a file that
/// cannot be had, an offer of another model.
pub fn rewrite(
    text: &str,
    charms: &Charms,
    models: &Models,
    stage: Stage<'_>,
) -> Result<Rewritten, String> {
    let mut documents: Vec<Value> =
        yaml::parse_documents(text).map_err(|error| format!("cannot read the bundle: {error}"))?;
    let mut rewritten = Rewritten::default();
    let mut changed = false;
    for document in &mut documents {
        for (name, remote) in document
            .get("saas")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let url = remote
                .get("url")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if let Some(why) = foreign_offer(url, models) {
                return Err(format!("saas {name:?} of the bundle: {why}"));
            }
        }
        for key in ["applications", "services"] {
            let Some(Value::Object(applications)) = document.get_mut(key) else {
                continue;
            };
            for (name, application) in applications {
                changed |= charm(name, application, charms, stage, &mut rewritten)?;
                changed |= resources(application, stage)?;
            }
        }
        changed |= includes(document, stage)?;
    }
    if changed {
        let texts = documents.iter().map(Value::to_string);
        rewritten.text = Some(texts.collect::<Vec<_>>().join("\n---\n") + "\n");
    }
    Ok(rewritten)
}

fn charm(
    name: &str,
    application: &mut Value,
    charms: &Charms,
    stage: Stage<'_>,
    rewritten: &mut Rewritten,
) -> Result<bool, String> {
    let Some(Value::String(charm)) = application.get("charm") else {
        return Ok(false);
    };
    let charm = charm.clone();
    let with = if is_bare(&charm) {
        match charms.resolve(&charm) {
            Resolved::Store => return Ok(false),
            Resolved::Reference(reference) => reference,
            Resolved::Unknown(tried) => return Err(tried),
            Resolved::Artefact(path) => {
                rewritten.deployed.push((name.to_owned(), charm));
                // Juju takes no channel and no revision with a charm of this machine.
                for key in ["channel", "revision"] {
                    if let Some(Value::String(_) | Value::Number(_)) = application.get(key) {
                        rewritten
                            .notes
                            .push(format!("application {name}: {key} has no meaning for a charm of this run and is left out"));
                        remove(application, key);
                    }
                }
                path.display().to_string()
            }
        }
    } else {
        let path = charm.strip_prefix("local:").unwrap_or(&charm);
        if !path.starts_with(['.', '/']) {
            return Ok(false);
        }
        staged(path, stage)?
    };
    if let Some(charm) = application.get_mut("charm") {
        *charm = Value::String(with);
    }
    Ok(true)
}

fn remove(value: &mut Value, key: &str) {
    if let Value::Object(map) = value {
        map.remove(key);
    }
}

fn resources(application: &mut Value, stage: Stage<'_>) -> Result<bool, String> {
    let Some(Value::Object(resources)) = application.get_mut("resources") else {
        return Ok(false);
    };
    let mut changed = false;
    for resource in resources.values_mut() {
        let Value::String(text) = resource else {
            continue;
        };
        // As Juju: a text with a colon is an image.
        if is_image(text) {
            continue;
        }
        *resource = Value::String(staged(text, stage)?);
        changed = true;
    }
    Ok(changed)
}

fn includes(value: &mut Value, stage: Stage<'_>) -> Result<bool, String> {
    match value {
        Value::String(text) => {
            for scheme in ["include-file://", "include-base64://"] {
                if let Some(path) = text.trim_start().strip_prefix(scheme) {
                    *text = format!("{scheme}{}", staged(path.trim_end(), stage)?);
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Array(items) => items
            .iter_mut()
            .try_fold(false, |changed, item| Ok(includes(item, stage)? | changed)),
        Value::Object(items) => items
            .values_mut()
            .try_fold(false, |changed, item| Ok(includes(item, stage)? | changed)),
        _ => Ok(false),
    }
}

fn staged(path: &str, stage: Stage<'_>) -> Result<String, String> {
    stage(path).map_err(|error| format!("the bundle's file {path:?}: {error}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn charms() -> Charms {
        Charms {
            collection: BTreeMap::from([("mysql".into(), "/art/mysql.charm".into())]),
            chosen: BTreeMap::from([("redis".into(), "ch:redis".into())]),
            ..Charms::default()
        }
    }

    fn rewritten(text: &str) -> Result<Rewritten, String> {
        let mut models = Models::new("ctl", "m", "admin");
        models.made.insert("m2".into());
        rewrite(text, &charms(), &models, &mut |path| {
            Ok(format!("/staged/{}", path.trim_start_matches("./")))
        })
    }

    #[test]
    fn names_and_files_of_a_bundle_are_found() {
        let text = "applications:\n  db: {charm: mysql, channel: 8/stable, num_units: 1}\n  wiki: {charm: ./wiki, \
                    resources: {a: ./f, b: 3, c: 'reg:x'}, options: {logo: 'include-base64://logo.png', n: 'a'}}\n  \
                    cache: {charm: redis}\n  web: {charm: 'ch:nginx'}\n---\napplications: {db: {options: {x: 'include-file:///etc/x'}}}\n";
        let bundle = rewritten(text).unwrap();
        let text = bundle.text.unwrap();
        let documents: Vec<Value> = text
            .split("\n---\n")
            .map(|text| serde_json::from_str(text).unwrap())
            .collect();
        let applications = &documents[0]["applications"];
        assert_eq!(
            applications["db"],
            serde_json::json!({"charm": "/art/mysql.charm", "num_units": 1})
        );
        assert_eq!(applications["wiki"]["charm"], "/staged/wiki");
        assert_eq!(
            applications["wiki"]["resources"],
            serde_json::json!({"a": "/staged/f", "b": 3, "c": "reg:x"})
        );
        assert_eq!(
            applications["wiki"]["options"]["logo"],
            "include-base64:///staged/logo.png"
        );
        assert_eq!(applications["cache"]["charm"], "ch:redis");
        assert_eq!(applications["web"]["charm"], "ch:nginx");
        assert_eq!(
            documents[1]["applications"]["db"]["options"]["x"],
            "include-file:///staged//etc/x"
        );
        assert_eq!(bundle.deployed, [("db".to_owned(), "mysql".to_owned())]);
        assert_eq!(bundle.notes.len(), 1);
    }

    #[test]
    fn a_bundle_reaches_no_other_model_and_no_file_by_a_colon() {
        let of = |url: &str| rewritten(&format!("saas: {{db: {{url: '{url}'}}}}\n"));
        for url in ["m2.db", "admin/m2.db", "ctl:admin/m.db"] {
            assert_eq!(of(url), Ok(Rewritten::default()), "{url}");
        }
        for url in ["other.db", "admin/other.db", "c2:admin/m.db", "bob/m.db"] {
            assert!(of(url).unwrap_err().contains(url), "{url}");
        }
        let up = "applications: {a: {charm: 'ch:x', resources: {r: 'x:y/../../z'}}}\n";
        assert!(rewritten(up).unwrap().text.unwrap().contains("/staged/x:y"));
    }

    #[test]
    fn a_bundle_without_either_stays_as_it_is() {
        let text = "applications: {a: {charm: 'ch:x', channel: 1.10}}\n";
        assert_eq!(rewritten(text).unwrap(), Rewritten::default());
        assert!(rewritten("applications: [").is_err());
        assert!(
            rewritten("applications: {a: {charm: nosuch}}")
                .unwrap_err()
                .contains("nosuch")
        );
        // Written another way, it is still a file.
        let hidden =
            "applications: {a: {charm: 'ch:x', options: {o: \"\\x69nclude-file:///x\"}}}\n";
        assert!(rewritten(hidden).unwrap().text.is_some());
    }
}
