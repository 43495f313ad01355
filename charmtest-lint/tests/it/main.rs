//! Tests of the rules on real directories and archives.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod bed;
mod hostile;
mod output;
mod paths;
mod policy;
mod rules;
