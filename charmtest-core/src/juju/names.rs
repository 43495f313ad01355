//! Names by Juju's rules.
use std::fmt;

/// A model: `[controller:][owner/]name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelName(String);
impl ModelName {
    /// Parses `[controller:][owner/]name`.
    pub fn parse(_text: &str) -> Result<Self, NameError> {
        todo!()
    }
    /// Returns the name without controller and owner.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0
    }
    /// Returns the controller, if the name has one.
    #[must_use]
    pub fn controller(&self) -> Option<&str> {
        None
    }
    /// Returns the name on the given controller, if it has none yet.
    #[must_use]
    pub fn on_controller(self, _controller: &str) -> Self {
        self
    }
}
impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
/// An application.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApplicationName(String);
/// A unit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitName(String);
/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError;
impl fmt::Display for NameError {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}
impl std::error::Error for NameError {}
