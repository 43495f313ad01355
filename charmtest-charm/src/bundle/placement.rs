//! Where a unit of a bundle goes.

use std::fmt;

/// A placement: `1`, `new`, `app`, `app/0`, each also in a container, `lxd:1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The kind of container, if there is to be one.
    pub container: Option<String>,
    /// What it is on.
    pub on: On,
}

/// What a unit is placed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum On {
    /// A machine of its own.
    New,
    /// A machine of the bundle.
    Machine(String),
    /// Beside some unit of an application.
    Application(String),
    /// Beside this unit; units are counted from 0 in the bundle.
    Unit(String, u32),
}

/// A text that is no placement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid placement syntax {0:?}")]
pub struct PlacementError(String);

impl Placement {
    /// Parses an element of `to`.
    ///
    /// # Errors
    ///
    /// Fails with Juju's words when the text is no placement.
    pub fn parse(text: &str) -> Result<Self, PlacementError> {
        let invalid = || PlacementError(text.to_owned());
        let (container, rest) = match text.split_once(':') {
            None => (None, text),
            Some((kind @ ("lxd" | "kvm" | "lxc"), rest)) => (Some(kind.to_owned()), rest),
            Some(_) => return Err(invalid()),
        };
        let on = match rest.split_once('/') {
            None if is_number(rest) => On::Machine(rest.to_owned()),
            None if rest == "new" => On::New,
            None if is_application(rest) => On::Application(rest.to_owned()),
            Some((app, number)) if app != "new" && is_application(app) && is_number(number) => {
                On::Unit(app.to_owned(), number.parse().map_err(|_| invalid())?)
            }
            _ => return Err(invalid()),
        };
        Ok(Self { container, on })
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(container) = &self.container {
            write!(f, "{container}:")?;
        }
        match &self.on {
            On::New => f.write_str("new"),
            On::Machine(name) | On::Application(name) => f.write_str(name),
            On::Unit(app, number) => write!(f, "{app}/{number}"),
        }
    }
}

/// Says whether `text` is a number as in names: no zeros before it.
pub(super) fn is_number(text: &str) -> bool {
    text == "0"
        || (!text.starts_with('0') && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
}

/// Says whether `text` can be the name of an application: words joined by hyphens, no word but the first without a letter.
pub(super) fn is_application(text: &str) -> bool {
    let mut words = text.split('-');
    let plain = |word: &str| {
        word.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    let first = words.next().unwrap_or_default();
    first.starts_with(|c: char| c.is_ascii_lowercase())
        && plain(first)
        && words.all(|word| plain(word) && word.bytes().any(|b| b.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placements() {
        for text in [
            "1",
            "new",
            "lxd:new",
            "lxd:0",
            "web",
            "web/3",
            "lxd:web/0",
            "kvm:my-app",
        ] {
            assert_eq!(Placement::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Placement::parse("new").unwrap().on, On::New);
        for text in [
            "",
            "01",
            "new/1",
            "web/01",
            "x:1",
            "lxd:",
            "Web",
            "web-1",
            "a/b",
            "-1",
            "web/99999999999",
        ] {
            assert_eq!(
                Placement::parse(text).unwrap_err().to_string(),
                format!("invalid placement syntax {text:?}")
            );
        }
    }
}
