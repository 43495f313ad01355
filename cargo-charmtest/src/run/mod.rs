//! Running modules: one process per module or, for the sake of a fixture, for several; their events merged into one stream.

pub(crate) mod again;
pub(crate) mod module;
pub(crate) mod partition;
pub(crate) mod process;
pub(crate) mod scheduler;
pub(crate) mod session;
pub(crate) mod signals;
pub(crate) mod together;
