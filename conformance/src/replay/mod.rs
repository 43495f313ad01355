//! Replays what a real Juju was recorded to do.

pub(crate) mod cli;
mod compare;
mod names;
mod plan;
mod record;
mod report;
mod state;
