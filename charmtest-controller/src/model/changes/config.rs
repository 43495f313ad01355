//! Application configuration and trust.

use std::collections::BTreeMap;

use charmtest_charm::Charm;
use serde_json::Value;

use super::ChangeError;
use crate::JujuVersion;
use crate::model::Model;

/// The setting that is no option of the charm.
const TRUST: &str = "trust";

/// A value that a user gives to an option.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    /// Typed on the command line: parsed by the option's type.
    Text(String),
    /// From a YAML file: has a type of its own; null takes the setting away.
    Value(Value),
}

/// Settings that fit a charm.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Options by name; `None` takes the setting away.
    pub(super) options: BTreeMap<String, Option<Value>>,
    /// Trust, if it was among them.
    pub(super) trust: Option<bool>,
}

/// Checks settings against the options of `charm`; of two settings of one option the later one counts.
///
/// # Errors
///
/// Fails with Juju's words when the charm has no such option or the value is not of its type.
pub fn parse_settings(charm: &Charm, given: &[(String, Setting)]) -> Result<Settings, ChangeError> {
    let mut settings = Settings::default();
    for (name, setting) in given {
        if name == TRUST {
            settings.trust = Some(trust_value(setting)?);
            continue;
        }
        let value = match setting {
            Setting::Text(text) => Some(charm.config.parse_value(name, text)?),
            Setting::Value(Value::Null) => {
                charm.config.option(name)?;
                None
            }
            Setting::Value(value) => Some(charm.config.check_value(name, value)?),
        };
        settings.options.insert(name.clone(), value);
    }
    Ok(settings)
}

/// Sets and resets options of an application (Juju 3.6, `juju config`).
///
/// # Errors
///
/// Fails, with nothing changed, when there is no such application, an option is unknown or a value is not of its type.
pub fn set_config(
    model: &mut Model,
    application: &str,
    given: &[(String, Setting)],
    reset: &[String],
) -> Result<(), ChangeError> {
    let not_found = || ChangeError::ApplicationNotFound(application.to_owned());
    let charm = model
        .charm_of(application)
        .ok_or_else(not_found)?
        .charm
        .clone();
    let mut settings = parse_settings(&charm, given)?;
    for name in reset {
        if name == TRUST {
            settings.trust = Some(false);
            continue;
        }
        match (charm.config.option(name), model.info.juju) {
            (Ok(_), _) => {}
            (Err(unknown), JujuVersion::V3_6) => return Err(unknown.into()),
            // It is as if it were not named (recorded 4.0.15).
            (Err(_), JujuVersion::V4_0) => continue,
        }
        settings.options.insert(name.clone(), None);
    }
    let row = model
        .applications
        .get_mut(application)
        .ok_or_else(not_found)?;
    apply(&mut row.config, &settings);
    row.trust = settings.trust.unwrap_or(row.trust);
    Ok(())
}

/// Gives an application the cloud's credentials, or takes them away (Juju 3.6, `juju trust`).
///
/// # Errors
///
/// Fails when there is no such application.
pub fn set_trust(model: &mut Model, application: &str, trust: bool) -> Result<(), ChangeError> {
    let row = model
        .applications
        .get_mut(application)
        .ok_or_else(|| ChangeError::ApplicationNotFound(application.to_owned()))?;
    row.trust = trust;
    Ok(())
}

/// Merges settings into explicit configuration.
pub(super) fn apply(config: &mut BTreeMap<String, Value>, settings: &Settings) {
    for (name, value) in &settings.options {
        match value {
            Some(value) => config.insert(name.clone(), value.clone()),
            None => config.remove(name),
        };
    }
}

fn trust_value(setting: &Setting) -> Result<bool, ChangeError> {
    let parsed = match setting {
        Setting::Value(Value::Bool(value)) => Some(*value),
        Setting::Text(text) | Setting::Value(Value::String(text)) => match text.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
            _ => None,
        },
        Setting::Value(_) => None,
    };
    parsed.ok_or_else(|| {
        ChangeError::Trust(match setting {
            Setting::Text(text) => format!("{text:?}"),
            Setting::Value(value) => value.to_string(),
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{deployed, full_charm, model};
    use super::*;

    const OPTIONS: &str =
        "options: {level: {type: int, default: 3}, mode: {default: calm}, loud: {type: boolean}}";

    fn text(pairs: &[(&str, &str)]) -> Vec<(String, Setting)> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), Setting::Text((*v).to_owned())))
            .collect()
    }

    fn app() -> Model {
        let mut model = model();
        deployed(&mut model, "a", full_charm("a", "", OPTIONS, ""), 1);
        model
    }

    #[test]
    fn setting_and_resetting() {
        let mut model = app();
        set_config(
            &mut model,
            "a",
            &text(&[("level", "7"), ("mode", ""), ("loud", "True")]),
            &[],
        )
        .unwrap();
        let expected = json!({"level": 7, "loud": true, "mode": ""});
        assert_eq!(json!(model.applications.get("a").unwrap().config), expected);
        set_config(
            &mut model,
            "a",
            &[("loud".to_owned(), Setting::Value(Value::Null))],
            &["level".to_owned()],
        )
        .unwrap();
        assert_eq!(
            json!(model.applications.get("a").unwrap().config),
            json!({"mode": ""})
        );
    }

    #[test]
    fn trust_is_a_setting() {
        let mut model = app();
        set_config(&mut model, "a", &text(&[("trust", "true")]), &[]).unwrap();
        assert!(model.applications.get("a").unwrap().trust);
        set_config(&mut model, "a", &[], &["trust".to_owned()]).unwrap();
        assert!(!model.applications.get("a").unwrap().trust);
        set_trust(&mut model, "a", true).unwrap();
        assert!(model.applications.get("a").unwrap().trust);
    }

    #[test]
    fn refusals_change_nothing() {
        for (given, expected) in [
            (
                text(&[("mode", "x"), ("level", "abc")]),
                "option \"level\" expected int, got \"abc\"",
            ),
            (
                text(&[("mode", "x"), ("nosuch", "1")]),
                "unknown option \"nosuch\"",
            ),
            (
                text(&[("mode", "x"), ("trust", "maybe")]),
                "option \"trust\" expected bool, got \"maybe\"",
            ),
            (
                vec![("level".to_owned(), Setting::Value(json!([1])))],
                "option \"level\" expected int, got [1]",
            ),
        ] {
            let mut model = app();
            assert_eq!(
                set_config(&mut model, "a", &given, &[])
                    .unwrap_err()
                    .to_string(),
                expected
            );
            assert!(model.applications.get("a").unwrap().config.is_empty());
        }
        let reset = set_config(&mut app(), "a", &[], &["nosuch".to_owned()]).unwrap_err();
        assert_eq!(reset.to_string(), "unknown option \"nosuch\"");
        let nobody = set_config(&mut app(), "b", &[], &[]).unwrap_err();
        assert_eq!(nobody.to_string(), "application \"b\" not found");
    }
}
