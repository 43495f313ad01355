//! Bundles: what has to change so that a model is as a bundle says.
//!
//! [`Existing`] is what the model has, [`plan()`] compares a bundle with it and returns the changes in the order in which Juju makes
//! them, [`diff`] lists the differences, [`export`] writes a model as a bundle. All of them are pure; `cli::bundle` reads the files and
//! makes the changes.

mod change;
mod diff;
mod existing;
mod export;
mod plan;
mod units;

pub(crate) use change::{Change, CharmRef, Holder, Planned, Target};
pub(crate) use diff::diff;
pub(crate) use existing::{Existing, MachineMap};
pub(crate) use export::export;
pub(crate) use plan::{StoreCharm, Wanted, plan};
