//! Charm tests of a key-value database and its client: relate them, talk to the workload, scale, upgrade, take apart.

mod client;
mod database;
mod kv;

charmtest::main!();
