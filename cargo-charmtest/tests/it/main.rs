//! Tests of the whole program: the embedded controller driven through its `juju`, by real charms.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod author;
mod bad_input;
mod bad_options;
mod bed;
mod bundle;
mod charm_store;
mod charmcraft;
mod charms;
mod clean;
mod clients;
mod commands;
mod crash_dump;
mod durability;
mod export;
mod fixtures;
mod generic;
mod hooks;
mod life_cycle;
mod lint;
mod ops_test;
mod options;
mod outcomes;
mod plugins;
mod random;
mod readme;
mod results;
mod sandbox;
mod scripts;
mod secrets;
mod signals;
mod specification;
mod storage;
mod subordinate;
mod terminal;
mod watch;
