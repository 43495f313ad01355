//! The test harness: registry, plan, schedule, outcome; arguments; events.
//!
//! The way of a run: [`main`] parses the arguments, plans the registered tests, and starts the scheduler, which sends
//! everything that happens as an [`Event`] to one sink. Reports and the exit code are made from these events only.
//!
//! Public are the pieces that a program which starts test binaries shares with them: [`RunFlags`], [`Description`] and
//! [`Event`]; and [`Suite`], for a program that makes tests itself.

mod args;
mod context;
mod crash_dump_flags;
mod describe;
mod duration;
mod durations;
mod effect;
mod entry;
mod event;
mod expression;
mod files;
mod fixtures;
mod flag;
mod juju_world;
mod last_failed;
mod ledger;
mod marks;
mod model_name;
mod module;
mod one_process;
mod origins;
mod owned_clouds;
mod owner;
mod ownership;
mod pack_flags;
mod panics;
mod plan;
mod profile;
mod progress;
mod record;
mod report;
mod rerun;
mod run_flags;
mod run_state;
mod schedule;
mod signals;
mod suite;
mod test_thread;
mod unknown_words;
mod utc;
mod verdict;
mod words;
mod world;

#[cfg(test)]
mod fake_world;
#[cfg(test)]
mod fixture_tests;
#[cfg(test)]
mod outcome_tests;
#[cfg(test)]
mod schedule_tests;

pub use args::ignore_empty_variables;
pub use context::Context;
pub(crate) use crash_dump_flags::CrashDumpSettings;
pub use crash_dump_flags::{CrashDumpFlags, CrashDumpMode};
pub use describe::{DESCRIBE_VERSION, DescribedModule, DescribedTest, DescribedXfail, Description};
pub(crate) use duration::format_duration;
pub use duration::{Limit, LimitError};
pub use durations::slowest;
pub use entry::main;
pub use event::{EVENT_PREFIX, Event, Evidence, Outcome};
pub use expression::{Expression, ExpressionError, TagExpression};
pub(crate) use flag::{Either, Flag, race};
pub use last_failed::{Base, LastFailed, run_again};
pub(crate) use model_name::generate_random as generate_model_name;
pub use origins::Origins;
pub(crate) use owned_clouds::CloudDeed;
pub use owned_clouds::{OwnedCloud, owned_clouds_dir, read_owned_clouds};
pub use owner::{Owner, OwnerState};
pub(crate) use ownership::{Claim, Deed, Register, Warn};
pub use ownership::{OWNERSHIP_VERSION, OwnedModel, Title, ownership_dir, read_ownership};
pub use pack_flags::{CharmPaths, PackFlags, PackOptions};
pub use profile::{OptionKind, PROFILE_FILE, Profile, ProfileOption, options_of, profile_options};
pub use rerun::NOTHING_FAILED;
pub use run_flags::{BackendArg, RunFlags, parse_program};
pub use run_state::enough_failures;
pub use suite::{Suite, SuiteTest, run_suite};
pub use unknown_words::{Known, UnknownWords};
pub(crate) use utc::Utc;
pub use words::{Words, WordsError};

pub use crate::registry::BoxFuture;
