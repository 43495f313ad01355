//! How to write charm tests, one topic in each module.

mod bundles;
mod resources;

charmtest::main!();
