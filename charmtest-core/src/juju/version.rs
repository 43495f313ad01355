//! Versions of Juju, as far as commands are spelled differently.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// A version of Juju: major, minor and patch number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The major number.
    pub major: u32,
    /// The minor number.
    pub minor: u32,
    /// The patch number; 0 for a development version.
    pub patch: u32,
}

impl Version {
    /// Tells whether actions are run by `run-action`, relations made by `relate` and so on: Juju 2.
    pub(crate) fn is_2(self) -> bool {
        self.major == 2
    }
}

impl Default for Version {
    /// Returns 3.6.0, the long-term release.
    fn default() -> Self {
        Self {
            major: 3,
            minor: 6,
            patch: 0,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for Version {
    type Err = VersionError;

    /// Parses the output of `juju version`: `3.6.28-ubuntu-amd64`, `4.1-beta1-genericlinux-arm64`.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        let numbers = text.trim().split('-').next().unwrap_or_default();
        let mut numbers = numbers.split('.').map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next().transpose()) {
            (Some(Ok(major)), Some(Ok(minor)), Ok(patch)) => Ok(Self {
                major,
                minor,
                patch: patch.unwrap_or(0),
            }),
            _ => Err(VersionError),
        }
    }
}

/// The text is no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionError;

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a version begins with two numbers, as `3.6`")
    }
}

impl Error for VersionError {}
