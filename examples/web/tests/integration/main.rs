//! Tests of a charm that runs a web server: what a test can ask of a workload and of a model.
//!
//! `workload` talks to the server; `operations` uses the rest of a model: storage, machines, shells, actions, files; `related`
//! relates two applications, within a model and between two.

mod operations;
mod related;
mod workload;

charmtest::main!();
