//! The test harness: registry, plan, schedule, outcome; arguments; events.

mod context;
mod describe;
mod event;

pub use context::Context;
pub use describe::{DESCRIBE_VERSION, DescribedModule, DescribedTest, Description};
pub use event::{EVENT_PREFIX, Event, Evidence, Outcome};
