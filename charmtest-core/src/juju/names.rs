//! Names by Juju's rules.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// A model: `[controller:][owner/]name`.
///
/// ```
/// use charmtest::juju::ModelName;
///
/// let model = ModelName::parse("prod:admin/web-1")?;
/// assert_eq!((model.controller(), model.owner(), model.short()), (Some("prod"), Some("admin"), "web-1"));
/// assert_eq!(
///     ModelName::parse("Web").unwrap_err().to_string(),
///     "`Web` is not a model name: model names may only contain lowercase letters, digits and hyphens"
/// );
/// # Ok::<(), charmtest::juju::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelName {
    controller: Option<String>,
    owner: Option<String>,
    name: String,
}

impl ModelName {
    /// Parses `[controller:][owner/]name`.
    ///
    /// # Errors
    ///
    /// If a part is empty or breaks Juju's rule for it; the text says which.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let error = |rule| NameError::new(text, "a model name", rule);
        let (controller, rest) = match text.split_once(':') {
            Some((controller, rest)) => (Some(controller), rest),
            None => (None, text),
        };
        let (owner, name) = match rest.split_once('/') {
            Some((owner, name)) => (Some(owner), name),
            None => (None, rest),
        };
        if controller.is_some_and(|it| it.is_empty() || it.contains(char::is_whitespace)) {
            return Err(error(
                "the controller before `:` is missing or has a space in it",
            ));
        }
        let plain_user = |c: char| c.is_ascii_alphanumeric() || "-+._@".contains(c);
        if owner.is_some_and(|it| it.is_empty() || !it.chars().all(plain_user)) {
            return Err(error("the owner before `/` is not a user name"));
        }
        if name.is_empty() {
            return Err(error("the name is missing"));
        }
        if !name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        {
            return Err(error(
                "model names may only contain lowercase letters, digits and hyphens",
            ));
        }
        if name.starts_with('-') {
            return Err(error("a model name begins with a letter or a digit"));
        }
        Ok(Self {
            controller: controller.map(Into::into),
            owner: owner.map(Into::into),
            name: name.into(),
        })
    }

    /// Returns the name without controller and owner.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.name
    }

    /// Returns the owner, if the name has one.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// Returns the controller, if the name has one.
    #[must_use]
    pub fn controller(&self) -> Option<&str> {
        self.controller.as_deref()
    }

    /// Returns the name on the given controller, unless it names one itself.
    #[must_use]
    pub fn on_controller(mut self, controller: &str) -> Self {
        self.controller.get_or_insert_with(|| controller.to_owned());
        self
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(controller) = &self.controller {
            write!(f, "{controller}:")?;
        }
        if let Some(owner) = &self.owner {
            write!(f, "{owner}/")?;
        }
        f.write_str(&self.name)
    }
}

/// An application: lowercase letters, digits and hyphens; it begins with a letter, and no part of it between hyphens is
/// a number only.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApplicationName(String);

impl ApplicationName {
    /// Parses an application name.
    ///
    /// # Errors
    ///
    /// If the text breaks one of Juju's rules; the error says which.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match application_rule(text) {
            Ok(()) => Ok(Self(text.to_owned())),
            Err(rule) => Err(NameError::new(text, "an application name", rule)),
        }
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn application_rule(text: &str) -> Result<(), &'static str> {
    if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err("application names begin with a lowercase letter");
    }
    if !text
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    {
        return Err("application names may only contain lowercase letters, digits and hyphens");
    }
    let lettered = |part: &str| part.contains(|c: char| c.is_ascii_lowercase());
    if !text.split('-').all(lettered) {
        return Err("each part of an application name between hyphens has a letter in it");
    }
    Ok(())
}

/// A unit: `application/number`, or `application/leader` where Juju takes that.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitName(String);

impl UnitName {
    /// Parses `application/number` or `application/leader`.
    ///
    /// # Errors
    ///
    /// If the text is neither.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let error = |rule| NameError::new(text, "a unit name", rule);
        let Some((application, number)) = text.split_once('/') else {
            return Err(error(
                "units are named `application/number` or `application/leader`",
            ));
        };
        application_rule(application).map_err(error)?;
        let plain = number == "0" || (!number.starts_with('0') && !number.is_empty());
        if number != "leader" && !(plain && number.chars().all(|c| c.is_ascii_digit())) {
            return Err(error("after the `/` stands a number, or `leader`"));
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the application.
    #[must_use]
    pub fn application(&self) -> &str {
        self.0
            .split_once('/')
            .map_or(&self.0, |(application, _)| application)
    }
}

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError {
    text: String,
    what: &'static str,
    rule: &'static str,
}

impl NameError {
    fn new(text: &str, what: &'static str, rule: &'static str) -> Self {
        Self {
            text: text.to_owned(),
            what,
            rule,
        }
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not {}: {}", self.text, self.what, self.rule)
    }
}

impl Error for NameError {}

impl From<Infallible> for NameError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// What every name can do: be parsed from text in each form that text comes in, and be shown.
macro_rules! text_conversions {
    ($($name:ident),*) => {$(
        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = NameError;

            fn try_from(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }

        impl TryFrom<&String> for $name {
            type Error = NameError;

            fn try_from(text: &String) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }

        impl From<&$name> for $name {
            fn from(name: &$name) -> Self {
                name.clone()
            }
        }
    )*};
}

text_conversions!(ModelName, ApplicationName, UnitName);

impl fmt::Display for ApplicationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
