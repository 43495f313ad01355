//! Results that programs read: written by every run that is asked to, merged by `cargo charmtest report`.

mod args;
mod host;
pub(crate) mod merge;
mod read;
mod record;
mod recorder;
mod sink;

use jiff::Timestamp;

pub(crate) use args::{ResultsArgs, VARIABLES};
pub(crate) use host::{CONTAINER, commit, container, node, tools};
pub(crate) use read::{Part, Read, read};
pub(crate) use record::{CHARMS, FORM, Header, TestRecord, is_of_charms, modules_of};
pub(crate) use recorder::{Attempt, Recorder, Recording, planned};
pub(crate) use sink::Sink;

/// Returns the time in whole seconds, in the form of RFC 3339.
pub(crate) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
