//! Time, passed in.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

/// Where the controller reads the time.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that a test sets.
    Manual(Arc<Mutex<Timestamp>>),
}

impl Clock {
    /// Returns the current time.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Manual(time) => *time.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// The delays that Juju 3.6 uses, in one place.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// The delay before the first automatic retry of a failed hook; it doubles with each further failure.
    pub hook_retry_first: Duration,
    /// The longest delay between retries.
    pub hook_retry_max: Duration,
    /// How long a hook that was killed waits before it runs again, and an agent that failed before it starts again.
    pub killed_hook: Duration,
    /// How long a hook's output pipes are drained after its process ended.
    pub drain: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            hook_retry_first: Duration::from_secs(5),
            hook_retry_max: Duration::from_secs(300),
            killed_hook: Duration::from_secs(3),
            drain: Duration::from_millis(100),
        }
    }
}
