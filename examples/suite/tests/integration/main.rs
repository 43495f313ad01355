//! A suite of two modules. Each has a model of its own and shares nothing with the other, so they run side by side.
//!
//! Try `cargo charmtest -p example-suite scaling`, `-k 'config and not slow'`, or `-- --model mine --keep-models`, and then
//! `-- --model mine --keep-models --no-deploy`, which skips the tests that deploy.

mod config;
mod scaling;

charmtest::main!();
