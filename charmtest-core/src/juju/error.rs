//! What can go wrong with a `juju` command.
use std::fmt;
/// A command that did not do what was asked.
#[derive(Debug)]
pub enum JujuError {}
impl JujuError {
    /// Returns the exit code.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        None
    }
    /// Returns what Juju said on standard error.
    #[must_use]
    pub fn stderr(&self) -> Option<&str> {
        None
    }
    /// Returns what to try next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        None
    }
}
impl fmt::Display for JujuError {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}
impl std::error::Error for JujuError {}
