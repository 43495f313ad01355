//! Configuration of applications and of the model.

use super::Model;
use crate::juju::{ApplicationName, JujuError};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The value of a configuration option as the command line takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigValue(String);

impl fmt::Display for ConfigValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! config_value_from {
    ($($kind:ty),*) => {$(
        impl From<$kind> for ConfigValue {
            fn from(value: $kind) -> Self {
                Self(value.to_string())
            }
        }
    )*};
}

config_value_from!(
    &str, String, &String, bool, u16, i32, u32, i64, u64, usize, f64
);

/// One option in the output of `juju config`.
#[derive(Deserialize)]
struct Setting {
    value: Option<Value>,
}

/// One key in the output of `juju model-config`; capitals are Juju's.
#[derive(Deserialize)]
pub(super) struct ModelSetting {
    #[serde(rename = "Value", alias = "value", default)]
    pub(super) value: Value,
    #[serde(rename = "Source", alias = "source", default)]
    pub(super) source: String,
}

impl Model {
    /// Returns the configuration of an application, without the options that have neither value nor default:
    /// `juju config`.
    ///
    /// # Errors
    ///
    /// If there is no such application.
    pub async fn config(&self, application: &str) -> Result<BTreeMap<String, Value>, JujuError> {
        #[derive(Deserialize)]
        struct Config {
            settings: BTreeMap<String, Setting>,
        }
        ApplicationName::parse(application)?;
        let call = self.call(["config", "--format", "json", application]);
        let config: Config = call.json("the configuration of an application").await?;
        let set = config
            .settings
            .into_iter()
            .filter_map(|(key, setting)| Some((key, setting.value?)));
        Ok(set.collect())
    }

    /// Sets options of an application: `juju config`. A text that begins with `@` is the path of a file with the value.
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model) -> Result<(), charmtest::juju::JujuError> {
    /// model.set_config("web", [("port", 8080)]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no such application or option, or the value has the wrong type.
    pub async fn set_config<I, K, V>(&self, application: &str, values: I) -> Result<(), JujuError>
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<str>,
        V: Into<ConfigValue>,
    {
        ApplicationName::parse(application)?;
        let pairs = pairs(values);
        if !pairs.is_empty() {
            self.call(["config", application])
                .args(pairs)
                .check()
                .await?;
        }
        Ok(())
    }

    /// Gives options of an application their defaults again: `juju config --reset`.
    ///
    /// # Errors
    ///
    /// If there is no such application.
    pub async fn reset_config(&self, application: &str, keys: &[&str]) -> Result<(), JujuError> {
        ApplicationName::parse(application)?;
        if !keys.is_empty() {
            self.call(["config", application, "--reset", &keys.join(",")])
                .check()
                .await?;
        }
        Ok(())
    }

    /// Returns the configuration of the model: `juju model-config`.
    ///
    /// # Errors
    ///
    /// If the command fails.
    pub async fn model_config(&self) -> Result<BTreeMap<String, Value>, JujuError> {
        let values = self.model_settings().await?.into_iter();
        Ok(values.map(|(key, setting)| (key, setting.value)).collect())
    }

    pub(super) async fn model_settings(&self) -> Result<BTreeMap<String, ModelSetting>, JujuError> {
        let call = self.call(["model-config", "--format", "json"]);
        call.json("the configuration of a model").await
    }

    /// Gives keys of the model's configuration their defaults again: `juju model-config --reset`.
    ///
    /// # Errors
    ///
    /// If the command fails; Juju 4.0 also fails for a key that was never set.
    pub async fn reset_model_config(&self, keys: &[&str]) -> Result<(), JujuError> {
        if !keys.is_empty() {
            self.call(["model-config", "--reset", &keys.join(",")])
                .check()
                .await?;
        }
        Ok(())
    }

    /// Sets keys of the model's configuration: `juju model-config`.
    ///
    /// # Errors
    ///
    /// If a value is not valid. A key that Juju does not know is stored with a warning.
    pub async fn set_model_config<I, K, V>(&self, values: I) -> Result<(), JujuError>
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<str>,
        V: Into<ConfigValue>,
    {
        let pairs = pairs(values);
        if !pairs.is_empty() {
            self.call(["model-config"]).args(pairs).check().await?;
        }
        Ok(())
    }
}

fn pairs<I, K, V>(values: I) -> Vec<String>
where
    I: IntoIterator<Item = (K, V)>,
    K: AsRef<str>,
    V: Into<ConfigValue>,
{
    let pair = |(key, value): (K, V)| format!("{}={}", key.as_ref(), value.into());
    values.into_iter().map(pair).collect()
}

/// Returns a duration as Juju's flags take it, in whole milliseconds.
pub(super) fn go_duration(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        return format!("{}s", duration.as_secs());
    }
    format!("{}ms", duration.as_millis())
}
