//! Status: deriving what `juju status` and its relatives show, and rendering it.
//!
//! [`Report::of`] derives a [`Report`] from a model, the renderers turn it into JSON and YAML values or text. All of it is pure.

mod cross_model;
mod derive;
mod lines;
mod report;
mod selection;
mod storage;
mod tabular;
mod value;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

pub(crate) use derive::{application_status, unit_status};
pub(crate) use report::{Host, Report};
pub(crate) use selection::Selection;
pub(crate) use storage::{Holders, StorageReport};
pub(crate) use tabular::{Sections, machines_table};
