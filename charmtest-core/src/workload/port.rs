//! Waiting for a port.

use super::{ATTEMPT, ATTEMPT_LEAST, LIMIT, PAUSE, Peer, WorkloadError, join};
use crate::juju::Note;
use crate::ops_test::Unit;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Waits until something accepts connections on a port of a host, within 5 minutes.
///
/// ```no_run
/// # async fn test() -> charmtest::Result {
/// charmtest::workload::wait_for_port("10.1.2.3", 5432).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Awaiting it fails with [`WorkloadError::TimedOut`], which says why the last attempt failed.
pub fn wait_for_port(host: impl Into<String>, port: u16) -> WaitForPort {
    WaitForPort {
        peer: Peer::Host(host.into()),
        port,
        limit: LIMIT,
    }
}

/// A wait for a port: see [`wait_for_port`].
#[must_use = "a wait does nothing until it is awaited"]
#[derive(Clone, Debug)]
pub struct WaitForPort {
    peer: Peer,
    port: u16,
    limit: Duration,
}

impl WaitForPort {
    pub(crate) fn of(unit: Unit, port: u16) -> Self {
        Self {
            peer: Peer::Unit(unit),
            port,
            limit: LIMIT,
        }
    }

    /// Sets the time limit; 5 minutes without it.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    async fn run(self) -> Result<(), WorkloadError> {
        let what = format!("{} to accept connections", self.peer.describe(self.port));
        retry(&self.peer, &what, self.limit, |host, limit| {
            let address = join(&host, self.port);
            async move {
                let attempt = timeout(limit, TcpStream::connect(address.as_str())).await;
                match attempt {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err(error)) => Err(say(&address, &error)),
                    Err(_) => Err(format!("{address} did not answer within {limit:?}")),
                }
            }
        })
        .await
    }
}

impl IntoFuture for WaitForPort {
    type Output = Result<(), WorkloadError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// Says why an address did not answer.
pub(super) fn say(address: &str, error: &io::Error) -> String {
    format!("{address}: {error}")
}

/// Tries until an attempt succeeds or the time is over, at least once. An attempt is told the host and its time limit; what it
/// fails with is the last answer.
pub(super) async fn retry<T, F>(
    peer: &Peer,
    what: &str,
    limit: Duration,
    mut attempt: impl FnMut(String, Duration) -> F,
) -> Result<T, WorkloadError>
where
    F: Future<Output = Result<T, String>>,
{
    let began = Instant::now();
    let left = || limit.saturating_sub(began.elapsed());
    let mut noted: Option<Duration> = None;
    loop {
        let last = match peer.host().await {
            Ok(host) => match attempt(host, left().clamp(ATTEMPT_LEAST, ATTEMPT)).await {
                Ok(answer) => return Ok(answer),
                Err(last) => last,
            },
            Err(error) => error.to_string(),
        };
        if left().is_zero() {
            return Err(WorkloadError::TimedOut {
                what: what.to_owned(),
                limit,
                last,
            });
        }
        let elapsed = began.elapsed();
        if let Peer::Unit(unit) = peer
            && noted.is_none_or(|at| elapsed - at >= Duration::from_secs(1))
        {
            noted = Some(elapsed);
            unit.model().juju().observer().note(&Note::Waiting {
                what: format!("{what}; {last}"),
                elapsed,
                limit: Some(limit),
            });
        }
        sleep(PAUSE.min(left())).await;
    }
}
