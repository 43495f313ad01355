//! Asking for a page until it is as it should be.

use super::http::{self, Response};
use super::port::retry;
use super::{LIMIT, Peer, WorkloadError};
use crate::ops_test::Unit;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

type Condition = Arc<dyn Fn(&Response) -> bool + Send + Sync>;

/// Asks for a page by HTTP, again and again until it comes as it should, within 5 minutes. Unless told otherwise, any answer of
/// success (a status from 200 to 299) will do.
///
/// ```no_run
/// # async fn test() -> charmtest::Result {
/// use charmtest::workload::http_get;
///
/// let page = http_get("http://10.1.2.3:8080/health").await?;
/// http_get("http://10.1.2.3:8080/admin").status(403).await?;
/// http_get("http://10.1.2.3:8080/").body_contains("Welcome").await?;
/// http_get("http://10.1.2.3:8080/ready").until(|answer| answer.header("x-ready") == Some("yes")).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Awaiting it fails with [`WorkloadError::TimedOut`], which shows the last answer; at once for what is no `http` URL.
pub fn http_get(url: &str) -> HttpGet {
    let target = http::parse_url(url);
    HttpGet {
        url: Some(url.to_owned()),
        conditions: Vec::new(),
        headers: Vec::new(),
        limit: LIMIT,
        target: target.map(|(host, port, path)| (Peer::Host(host), port, path)),
    }
}

/// A page about to be asked for: see [`http_get`].
#[must_use = "nothing is asked until this is awaited"]
#[derive(Clone)]
pub struct HttpGet {
    url: Option<String>,
    target: Result<(Peer, u16, String), WorkloadError>,
    conditions: Vec<(String, Condition)>,
    headers: Vec<(String, String)>,
    limit: Duration,
}

impl HttpGet {
    pub(crate) fn of(unit: Unit, port: u16, path: &str) -> Self {
        let path = http::check_path(path).map(|path| (Peer::Unit(unit), port, path));
        Self {
            url: None,
            target: path,
            conditions: Vec::new(),
            headers: Vec::new(),
            limit: LIMIT,
        }
    }

    /// Waits for this status.
    pub fn status(self, status: u16) -> Self {
        self.condition(format!("status {status}"), move |answer| {
            answer.status == status
        })
    }

    /// Waits for a body with this text in it.
    pub fn body_contains(self, text: impl Into<String>) -> Self {
        let text = text.into();
        self.condition(format!("a body with {text:?}"), move |answer| {
            answer.body.contains(&text)
        })
    }

    /// Waits for an answer for which this is true.
    pub fn until(self, condition: impl Fn(&Response) -> bool + Send + Sync + 'static) -> Self {
        self.condition("an answer that meets the condition".to_owned(), condition)
    }

    fn condition(
        mut self,
        what: String,
        condition: impl Fn(&Response) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.conditions.push((what, Arc::new(condition)));
        self
    }

    /// Sends a header too, as `("Authorization", "Bearer x")`; `("Host", ..)` replaces the usual one.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the time limit; 5 minutes without it. With zero it is asked once.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    fn what(&self, peer: &Peer, port: u16, path: &str) -> String {
        let who = match &self.url {
            Some(url) => url.clone(),
            None => format!("{} path {path}", peer.describe(port)),
        };
        let wanted: Vec<&str> = self
            .conditions
            .iter()
            .map(|(what, _)| what.as_str())
            .collect();
        match wanted.as_slice() {
            [] => format!("{who} to answer with success"),
            wanted => format!("{who} to answer with {}", wanted.join(" and ")),
        }
    }

    async fn run(self) -> Result<Response, WorkloadError> {
        let (peer, port, path) = self.target.clone()?;
        http::check_headers(&self.headers)?;
        let what = self.what(&peer, port, &path);
        retry(&peer, &what, self.limit, |host, limit| {
            let (path, headers, conditions) = (&path, &self.headers, &self.conditions);
            async move {
                let answer = http::get(&host, port, path, headers, limit).await?;
                let right = match conditions.as_slice() {
                    [] => answer.is_success(),
                    all => all.iter().all(|(_, condition)| condition(&answer)),
                };
                if right {
                    Ok(answer)
                } else {
                    Err(answer.to_string())
                }
            }
        })
        .await
    }
}

impl fmt::Debug for HttpGet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpGet")
            .field("target", &self.target)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl IntoFuture for HttpGet {
    type Output = Result<Response, WorkloadError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
