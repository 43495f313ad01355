//! Running modules: one process per module, their events merged into one stream.

pub(crate) mod again;
pub(crate) mod module;
pub(crate) mod process;
pub(crate) mod scheduler;
pub(crate) mod session;
pub(crate) mod signals;
