//! How to write integration tests, one topic in each module. Each module has a model of its own; run one of them with
//! `cargo charmtest -p example-how-to website`, or some tests with `-- -k 'website and not scales'`.

mod bundles;
mod every_charm;
mod fixtures;
mod models;
mod resources;
mod website;

charmtest::main!();
