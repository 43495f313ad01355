//! Waiting until a model is in a state: [`Model::wait`] for any condition, [`Model::wait_for_idle`] for calm.
//!
//! What is waited for is decided by pure functions over a status and a clock ([`judge`]); one loop asks for the status. It
//! asks no faster than Juju answers, tries again when `juju status` fails for a moment, and keeps its time limit even when
//! `juju` hangs.
//!
//! [`Model::wait`]: crate::ops_test::Model::wait
//! [`Model::wait_for_idle`]: crate::ops_test::Model::wait_for_idle

mod condition;
mod error;
mod idle;
mod idle_wait;
mod poll;
mod streak;

pub use condition::Wait;
pub use error::WaitError;
pub use idle::{Busy, IdleGoal, IdleMemory, OnTrouble, Trouble, TroubleKind, Verdict, judge};
pub use idle_wait::WaitForIdle;
