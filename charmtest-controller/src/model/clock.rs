//! Time, passed in.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

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

/// How many times faster than on a real Juju waits pass, from 1 (real time) up.
///
/// It shortens what Juju waits for by itself: retries of failed hooks, `update-status`, rotation and expiry of secrets. Clocks and
/// the times that commands print are not changed, nor is how long a command waits for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeScale(NonZeroU32);

impl TimeScale {
    /// The variable that sets the scale of a controller when its daemon starts.
    pub const VARIABLE: &str = "CHARMTEST_TIME_SCALE";

    /// Real time.
    pub const REAL: Self = Self(NonZeroU32::MIN);

    /// Makes a scale; 0 counts as 1.
    pub fn new(times: u32) -> Self {
        Self(NonZeroU32::new(times).unwrap_or(NonZeroU32::MIN))
    }

    /// Reads the scale as [`TimeScale::VARIABLE`] holds it; without a value it is real time.
    ///
    /// # Errors
    ///
    /// Fails when the text is not a whole number from 1 up.
    pub fn parse(text: Option<&str>) -> Result<Self, String> {
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
            return Ok(Self::REAL);
        };
        text.parse().map(Self).map_err(|_| {
            format!(
                "{}={text:?} is not a time scale: use a whole number, such as 60 for a minute that takes a second",
                Self::VARIABLE
            )
        })
    }

    /// Returns how long a wait really takes.
    pub fn shorten(self, wait: SignedDuration) -> SignedDuration {
        let factor = i128::from(self.0.get());
        let nanos = wait.as_nanos() / factor;
        SignedDuration::try_from_nanos_i128(nanos).unwrap_or(wait)
    }

    fn shorten_delay(self, delay: Duration) -> Duration {
        delay / self.0.get()
    }
}

impl Default for TimeScale {
    fn default() -> Self {
        Self::REAL
    }
}

/// A moment, and how fast waits pass: what decisions about time are made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The time.
    pub now: Timestamp,
    /// How fast waits pass.
    pub scale: TimeScale,
}

impl From<Timestamp> for Moment {
    /// Makes a moment in real time.
    fn from(now: Timestamp) -> Self {
        Self {
            now,
            scale: TimeScale::REAL,
        }
    }
}

/// A moment for which something was set some time before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// When it was set.
    pub since: Timestamp,
    /// When it is reached in real time: what commands print.
    pub at: Timestamp,
}

impl Deadline {
    /// Makes the deadline `wait` after `since`.
    pub fn after(since: Timestamp, wait: SignedDuration) -> Self {
        Self {
            since,
            at: since.checked_add(wait).unwrap_or(Timestamp::MAX),
        }
    }

    /// Returns when it is reached with waits that pass as `scale` says.
    pub fn due(&self, scale: TimeScale) -> Timestamp {
        let wait = scale.shorten(self.at.duration_since(self.since));
        self.since.checked_add(wait).unwrap_or(Timestamp::MAX)
    }
}

/// The delays that Juju 3.6 uses, in one place.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// How much faster than Juju's the waits pass that are not listed here: `update-status`, secrets.
    pub scale: TimeScale,
    /// The delay before the first automatic retry of a failed hook; it doubles with each further failure.
    pub hook_retry_first: Duration,
    /// The longest delay between retries.
    pub hook_retry_max: Duration,
    /// How long a hook that was killed waits before it runs again, and an agent that failed before it starts again.
    pub killed_hook: Duration,
    /// How long a hook's output pipes are drained after its process ended.
    pub drain: Duration,
}

impl Timing {
    /// Returns Juju's delays, as many times shorter as `scale` says.
    pub fn scaled(scale: TimeScale) -> Self {
        let juju = |seconds| scale.shorten_delay(Duration::from_secs(seconds));
        Self {
            scale,
            hook_retry_first: juju(5),
            hook_retry_max: juju(300),
            killed_hook: juju(3),
            // Pipes are drained in real time: processes write no faster.
            drain: Duration::from_millis(100),
        }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self::scaled(TimeScale::REAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_scale_is_a_whole_number() {
        for (text, expected) in [
            (None, Some(1)),
            (Some(""), Some(1)),
            (Some(" 3600 "), Some(3600)),
            (Some("0"), None),
            (Some("-1"), None),
            (Some("1.5"), None),
            (Some("fast"), None),
        ] {
            let parsed = TimeScale::parse(text);
            assert_eq!(
                parsed.clone().ok(),
                expected.map(TimeScale::new),
                "{text:?}"
            );
            if let Err(error) = parsed {
                assert!(error.contains("CHARMTEST_TIME_SCALE"), "{error}");
            }
        }
    }

    #[test]
    fn waits_are_shortened_and_what_is_printed_is_not() {
        let hour = Deadline::after(at("2026-01-01T00:00:00Z"), SignedDuration::from_hours(1));
        assert_eq!(hour.at, at("2026-01-01T01:00:00Z"));
        for (scale, due) in [
            (1, "2026-01-01T01:00:00Z"),
            (60, "2026-01-01T00:01:00Z"),
            (3600, "2026-01-01T00:00:01Z"),
        ] {
            assert_eq!(hour.due(TimeScale::new(scale)), at(due), "{scale}");
        }
        let timing = Timing::scaled(TimeScale::new(100));
        assert_eq!(timing.hook_retry_first, Duration::from_millis(50));
        assert_eq!(timing.hook_retry_max, Duration::from_secs(3));
        assert_eq!(timing.drain, Timing::default().drain);
        assert_eq!(Timing::default().hook_retry_first, Duration::from_secs(5));
    }
}
