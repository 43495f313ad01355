//! Collections of charms that are watched: what changed, and what came of testing it.
//!
//! A collection ([`Collection`], `charms.toml`) names directories and git remotes. [`Watcher`] takes a [`Snapshot`] of them, records what
//! changed since the last one as one [`Delta`] with all its content, has it tested, and keeps the results. This crate knows nothing of Juju
//! or of how a test is run: its caller says both as a [`World`].
//!
//! What is decided (what changed, in which order it is tested, who is trusted, what a "previous good" version is, what may be dropped) is
//! pure; what touches the disk goes through one type, so that every moment at which a watcher can die is tested.

mod bisect;
mod bounds;
mod collection;
mod delta;
mod digest;
mod disk;
mod error;
mod export;
mod gc;
mod job;
mod json;
mod junit;
mod lock;
mod previous;
mod record;
mod replay;
mod results;
mod reviews;
mod run;
mod seal;
mod snapshot;
mod state;
mod store;
mod tree;
mod watcher;
mod world;

pub use bisect::{Bisect, Blame, Finding};
pub use collection::{Collection, Location, Scope, Source, Trust};
pub use delta::{
    Change, ChangeKind, Delta, Origin, Planned, PlannedTests, Resolved, Script, Settings, Trigger,
};
pub use digest::Digest;
pub use error::{Error, Result};
pub use export::{export, import};
pub use gc::{Dropped, collect as gc};
pub use job::{Job, Kind, Variant};
pub use json::canonical;
pub use junit::{Fate, JunitCase, JunitSuite, junit, junit_xml};
pub use lock::Lock;
pub use previous::Previous;
pub use record::{DeltaRecord, Head};
pub use replay::{Difference, Replay};
pub use results::{Outcome, Tally, Verdict};
pub use reviews::{Decision, Gate, Reached, Review, Reviews};
pub use run::Ended;
pub use snapshot::{Entry, Facts, Git, Key, Problem, Snapshot};
pub use state::{Index, Standing, State};
pub use store::Store;
pub use tree::{FileKind, Keep, Tree, TreeEntry};
pub use watcher::{Pass, Tested, Watcher};
pub use world::{Files, Named, Work, World};
