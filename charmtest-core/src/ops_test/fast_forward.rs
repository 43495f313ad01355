//! Running `update-status` more often for a while.

use super::config::go_duration;
use super::{Model, awaitable};
use crate::juju::{Call, JujuError, Note, Version};
use serde_json::Value;
use std::future::Future;
use std::time::Duration;

const KEY: &str = "update-status-hook-interval";

/// Juju's own interval.
const DEFAULT: &str = "5m";

/// The shortest interval that Juju means to allow. It does not check it (2.9, 3.6 and 4.0), but may one day.
const SHORTEST: Duration = Duration::from_secs(60);

/// How long putting the interval back may block the thread that drops a guard.
const DROP_LIMIT: Duration = Duration::from_secs(10);

/// What is known about the interval of a model while it is fast.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fast {
    interval: Duration,
    warned: bool,
}

impl Model {
    /// Runs `update-status` hooks every `interval` for a while: many charms make progress in them, and Juju runs them every
    /// 5 minutes.
    ///
    /// Awaited, it returns a guard; the interval is as before when that is dropped, also by a panic, an early `?` or the time
    /// limit of the test. [`FastForward::during`] does the same around a future.
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model) -> charmtest::Result {
    /// use std::time::Duration;
    ///
    /// let fast = model.fast_forward(Duration::from_secs(30)).await?;
    /// model.wait_for_idle().apps(["db"]).status("active").await?;
    /// fast.end().await?;
    ///
    /// let waiting = model.wait_for_idle().apps(["db"]).status("active");
    /// model.fast_forward(Duration::from_secs(30)).during(waiting).await??;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Afterwards the interval is reset if the model had the default, else it is what it was. If Juju refuses an interval below
    /// a minute, it is a minute, and a warning says so. A [wait for idle](Model::wait_for_idle) whose idle period is not shorter
    /// than the interval is warned about: it may never end.
    ///
    /// # Errors
    ///
    /// Awaiting it fails if the interval cannot be read or set.
    pub fn fast_forward(&self, interval: Duration) -> FastForward {
        FastForward {
            model: self.clone(),
            interval,
            slow: None,
        }
    }

    /// Warns, once, if units are not likely ever to be idle for that long.
    pub(crate) fn check_idle_period(&self, period: Duration) {
        let warning = self.with_fast(|fast| {
            let fast = fast.as_mut()?;
            if fast.warned || fast.interval > period {
                return None;
            }
            fast.warned = true;
            Some(format!(
                "update-status runs every {} in the model {} and units are waited for to be idle for {}: this may never happen; \
                 give the wait a shorter `.idle_period(..)`, or `fast_forward` a longer interval",
                go_duration(fast.interval),
                self.full_name(),
                go_duration(period)
            ))
        });
        if let Some(warning) = warning {
            self.warn(warning);
        }
    }

    fn warn(&self, text: String) {
        self.juju().observer().note(&Note::Warning(text));
    }
}

/// What brings the interval back.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Restore {
    /// Resetting it: it was not set in this model.
    Reset,
    /// Setting it.
    Set(String),
}

/// Decides what brings an interval back, from what `juju model-config` says of it.
fn restore(value: &Value, source: &str, version: Version) -> Restore {
    let value = value.as_str().unwrap_or(DEFAULT);
    // Juju 4.0 may name another source for a value that was set in the model.
    let trusted = version.major < 4;
    if source == "model" || (!trusted && !matches!(value, DEFAULT | "5m0s")) {
        return Restore::Set(value.to_owned());
    }
    Restore::Reset
}

/// An interval about to be set: see [`Model::fast_forward`].
#[must_use = "nothing is set until this is awaited"]
#[derive(Clone, Debug)]
pub struct FastForward {
    model: Model,
    interval: Duration,
    slow: Option<Duration>,
}

impl FastForward {
    /// Sets the interval afterwards to this, instead of what it was.
    pub fn slow_interval(mut self, interval: Duration) -> Self {
        self.slow = Some(interval);
        self
    }

    /// Runs a future while the interval is short, and brings it back then, whatever comes of the future, also if it is dropped
    /// half-way.
    ///
    /// # Errors
    ///
    /// If the interval cannot be read or set. That it cannot be brought back is a warning, since what came of the future matters
    /// more.
    pub async fn during<F: IntoFuture>(self, work: F) -> Result<F::Output, JujuError> {
        let guard = self.run().await?;
        let output = work.await;
        let model = guard.model.clone();
        if let Err(error) = guard.end().await {
            model.warn(still_fast(&model, &error));
        }
        Ok(output)
    }

    async fn run(self) -> Result<FastForwardGuard, JujuError> {
        let model = self.model;
        let earlier = model.model_settings().await?.remove(KEY);
        let back = match (self.slow, &earlier) {
            (Some(slow), _) => Restore::Set(go_duration(slow)),
            (None, Some(earlier)) => {
                restore(&earlier.value, &earlier.source, model.juju().version())
            }
            (None, None) => Restore::Reset,
        };
        let mut guard = FastForwardGuard {
            earlier: model.with_fast(|fast| *fast),
            model,
            back: Some(back),
        };
        let interval = match guard.set(self.interval).await {
            Ok(()) => self.interval,
            Err(refused @ JujuError::Failed { .. }) if self.interval < SHORTEST => {
                if guard.set(SHORTEST).await.is_err() {
                    guard.back = None;
                    return Err(refused);
                }
                guard.model.warn(format!(
                    "Juju refuses to run update-status every {}; it runs every minute: {refused}",
                    go_duration(self.interval)
                ));
                SHORTEST
            }
            Err(error) => {
                // One that took too long may have been heard all the same.
                if !matches!(error, JujuError::TimedOut { .. }) {
                    guard.back = None;
                }
                return Err(error);
            }
        };
        guard.model.with_fast(|fast| {
            *fast = Some(Fast {
                interval,
                warned: false,
            });
        });
        Ok(guard)
    }
}

awaitable!(FastForward => Result<FastForwardGuard, JujuError>);

fn still_fast(model: &Model, error: &JujuError) -> String {
    format!(
        "update-status still runs often in the model {}: {error}",
        model.full_name()
    )
}

/// Keeps the interval of `update-status` short until it is dropped: see [`Model::fast_forward`].
#[must_use = "the interval is as before as soon as this is dropped"]
#[derive(Debug)]
pub struct FastForwardGuard {
    model: Model,
    earlier: Option<Fast>,
    /// `None` once it is done, and if there is nothing to bring back.
    back: Option<Restore>,
}

impl FastForwardGuard {
    /// Brings the interval back, and says whether that worked; dropping the guard does so too, blocking the thread for 10
    /// seconds at most, and can only warn.
    ///
    /// # Errors
    ///
    /// If the command fails.
    pub async fn end(mut self) -> Result<(), JujuError> {
        let Some(call) = self.bring_back() else {
            return Ok(());
        };
        let result = call.clone().await;
        // From here on there is nothing left to do, unless this future was dropped before.
        self.back = None;
        result.map(|_| ())
    }

    async fn set(&self, interval: Duration) -> Result<(), JujuError> {
        let values = [(KEY, go_duration(interval))];
        self.model.set_model_config(values).await
    }

    /// Returns the command that brings the interval back.
    fn bring_back(&self) -> Option<Call> {
        let call = self.model.call(["model-config"]);
        Some(match self.back.as_ref()? {
            Restore::Reset => call.args(["--reset", KEY]).check(),
            Restore::Set(value) => call.arg(format!("{KEY}={value}")).check(),
        })
    }
}

impl Drop for FastForwardGuard {
    fn drop(&mut self) {
        let earlier = self.earlier;
        self.model.with_fast(|fast| *fast = earlier);
        let Some(call) = self.bring_back() else {
            return;
        };
        if let Err(error) = call.timeout(DROP_LIMIT).run_blocking() {
            self.model.warn(still_fast(&self.model, &error));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_default_is_reset_and_a_value_of_the_model_set_again() {
        let set = |value: &str| Restore::Set(value.to_owned());
        for (version, value, source, expected) in [
            ("3.6.28", "5m", "default", Restore::Reset),
            ("3.6.28", "5m", "model", set("5m")),
            ("3.6.28", "7m", "model", set("7m")),
            ("3.6.28", "7m", "controller", Restore::Reset),
            ("2.9.52", "5m", "default", Restore::Reset),
            ("4.0.15", "5m", "default", Restore::Reset),
            ("4.0.15", "5m", "controller", Restore::Reset),
            ("4.0.15", "7m", "model", set("7m")),
            ("4.0.15", "7m", "controller", set("7m")),
            ("4.0.15", "5m", "model", set("5m")),
        ] {
            let version = version.parse().unwrap();
            assert_eq!(
                restore(&json!(value), source, version),
                expected,
                "{version} {value} {source}"
            );
        }
    }
}
