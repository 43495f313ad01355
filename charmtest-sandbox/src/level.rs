//! How strong a sandbox is, and how strong it was asked to be.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How much of the machine a command is kept from; each level has what the lower ones have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// 0: nothing is restricted.
    Plain,
    /// 1: files by allow-list.
    Landlock,
    /// 2: and system calls by deny-list.
    Seccomp,
    /// 3: and a root directory, processes and IPC of its own.
    Namespaces,
}

impl Level {
    /// All levels, the weakest first.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Landlock, Self::Seccomp, Self::Namespaces];

    /// Returns the number of the level, 0 to 3.
    pub fn number(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Landlock => 1,
            Self::Seccomp => 2,
            Self::Namespaces => 3,
        }
    }

    /// Returns the name of the level.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
            Self::Namespaces => "namespaces",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.number(), self.name())
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    /// Reads a level by its number or its name.
    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        Self::ALL
            .into_iter()
            .find(|level| text == level.name() || text == level.number().to_string())
            .ok_or_else(|| UnknownLevel(text.to_owned()))
    }
}

/// The level that a user asks for: `--sandbox auto|LEVEL|off`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Request {
    /// The best that this machine has.
    #[default]
    Auto,
    /// This level; it is an error if the machine does not have it.
    Level(Level),
    /// No sandbox, and no look at what there would be.
    Off,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Level(level) => f.write_str(level.name()),
            Self::Off => f.write_str("off"),
        }
    }
}

impl FromStr for Request {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        match text {
            "auto" => Ok(Self::Auto),
            "off" => Ok(Self::Off),
            _ => text.parse().map(Self::Level),
        }
    }
}

/// A text that is no level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no sandbox level: auto, off, 0 (plain), 1 (landlock), 2 (seccomp) or 3 (namespaces)"
)]
pub struct UnknownLevel(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_by_number_and_by_name() {
        for (text, level) in [
            ("0", Level::Plain),
            ("landlock", Level::Landlock),
            ("2", Level::Seccomp),
            ("namespaces", Level::Namespaces),
        ] {
            assert_eq!(text.parse(), Ok(level));
            assert_eq!(text.parse(), Ok(Request::Level(level)));
        }
        assert_eq!("auto".parse(), Ok(Request::Auto));
        assert_eq!("off".parse(), Ok(Request::Off));
        for text in ["", "4", "-1", "Auto", "full", " 1"] {
            assert!(text.parse::<Request>().is_err(), "{text:?}");
        }
        for request in ["auto", "off", "plain", "seccomp"] {
            let read: Request = request.parse().expect(request);
            assert_eq!(read.to_string(), request);
        }
    }

    #[test]
    fn a_higher_level_is_more() {
        let mut sorted = Level::ALL;
        sorted.sort();
        assert_eq!(sorted.map(Level::number), [0, 1, 2, 3]);
    }
}
