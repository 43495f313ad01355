//! Requests to a charm store on the network: every one has a time limit, goes through the client's proxy, and names its host when it fails.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, Proxy, http::Response};

use super::CharmStoreError;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Until a connection has come about.
    connect: Duration,
    /// Until an answer has begun; for answers that are no downloads, until it has ended.
    answer: Duration,
    /// A download in all.
    download: Duration,
}

const LIMITS: Limits = Limits {
    connect: Duration::from_secs(10),
    answer: Duration::from_secs(30),
    download: Duration::from_secs(15 * 60),
};

/// The longest answer that is read, in bytes; the largest charms have some hundred KiB of metadata.
const ANSWER_MAX: u64 = 32 << 20;

/// The largest file that is downloaded, in bytes.
const DOWNLOAD_MAX: u64 = 8 << 30;

/// The lists of trusted certificates of common systems.
const SYSTEM_CERTIFICATES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// The variables of the client that requests depend on.
pub(crate) const VARIABLES: [&str; 7] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
];

/// Makes requests in the name of a client.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    env: BTreeMap<String, String>,
    limits: Limits,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    /// The HTTP status, 200.
    pub(crate) status: u16,
    /// The decoded body.
    pub(crate) body: T,
}

impl Http {
    /// Makes requests with the proxies and certificates that the client's variables name.
    pub(crate) fn new(env: &BTreeMap<String, String>) -> Self {
        let known = env
            .iter()
            .filter(|(name, _)| VARIABLES.contains(&name.as_str()));
        Self {
            env: known
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            limits: LIMITS,
        }
    }

    /// Gets JSON.
    ///
    /// # Errors
    ///
    /// Fails when the server cannot be reached, does not answer in time, or answers something that is no such JSON.
    pub(crate) fn get<T: DeserializeOwned>(&self, url: &str) -> Result<Answer<T>, CharmStoreError> {
        let agent = self.agent(url, self.limits.answer)?;
        let answer = agent.get(url).header("Accept", "application/json").call();
        decode("Get", url, answer)
    }

    /// Posts JSON and gets JSON.
    ///
    /// # Errors
    ///
    /// As [`Http::get`].
    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        url: &str,
        body: &Value,
    ) -> Result<Answer<T>, CharmStoreError> {
        let agent = self.agent(url, self.limits.answer)?;
        let answer = agent
            .post(url)
            .header("Accept", "application/json")
            .header("Content-Type", "application/json")
            .send(body.to_string());
        decode("Post", url, answer)
    }

    /// Writes what is at `url` to `to`.
    ///
    /// # Errors
    ///
    /// Fails as [`Http::get`] does, when the server answers with an error, or when `to` cannot be written.
    pub(crate) fn download(&self, url: &str, to: &mut impl Write) -> Result<(), CharmStoreError> {
        let agent = self.agent(url, self.limits.download)?;
        let mut answer = agent
            .get(url)
            .call()
            .map_err(|error| fail("Get", url, &error))?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(CharmStoreError::failed(format!(
                "Get {url:?}: {} answers with the HTTP status {status}; try again later",
                host(url)
            )));
        }
        let mut body = answer.body_mut().with_config().limit(DOWNLOAD_MAX).reader();
        std::io::copy(&mut body, to).map_err(|error| {
            CharmStoreError::failed(format!(
                "Get {url:?}: the download from {} broke off: {error}; try again",
                host(url)
            ))
        })?;
        Ok(())
    }

    fn agent(&self, url: &str, limit: Duration) -> Result<Agent, CharmStoreError> {
        let proxy = match proxy(url, &self.env) {
            None => None,
            Some(address) => Some(Proxy::new(address).map_err(|error| {
                CharmStoreError::failed(format!(
                    "cannot use the proxy {address:?}: {error}; correct HTTPS_PROXY or HTTP_PROXY"
                ))
            })?),
        };
        let tls = TlsConfig::builder()
            .root_certs(self.certificates()?)
            .build();
        let config = Agent::config_builder()
            .proxy(proxy)
            .tls_config(tls)
            .http_status_as_error(false)
            .user_agent(format!("charmtest/{}", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(self.limits.connect))
            .timeout_recv_response(Some(self.limits.answer))
            .timeout_global(Some(limit));
        Ok(config.build().into())
    }

    /// Returns the certificates to trust: those of `SSL_CERT_FILE`, else the system's, else Mozilla's as of the build.
    fn certificates(&self) -> Result<RootCerts, CharmStoreError> {
        let own = self
            .env
            .get("SSL_CERT_FILE")
            .filter(|file| !file.is_empty());
        let system = SYSTEM_CERTIFICATES
            .into_iter()
            .find(|file| std::path::Path::new(file).exists());
        let Some(file) = own.map(String::as_str).or(system) else {
            return Ok(RootCerts::WebPki);
        };
        let bytes = std::fs::read(file).map_err(|error| {
            CharmStoreError::failed(format!(
                "cannot read the certificates in {file}: {error}; correct SSL_CERT_FILE"
            ))
        })?;
        let certificates: Vec<_> = parse_pem(&bytes)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                // One that we cannot read vouches for nothing.
                _ => None,
            })
            .collect();
        Ok(RootCerts::new_with_certs(&certificates))
    }
}

fn decode<T: DeserializeOwned>(
    verb: &str,
    url: &str,
    answer: Result<Response<Body>, ureq::Error>,
) -> Result<Answer<T>, CharmStoreError> {
    let mut answer = answer.map_err(|error| fail(verb, url, &error))?;
    let status = answer.status().as_u16();
    let text = answer
        .body_mut()
        .with_config()
        .limit(ANSWER_MAX)
        .read_to_vec()
        .map_err(|error| fail(verb, url, &error))?;
    let body = serde_json::from_slice(&text).map_err(|error| {
        let what = match status {
            200 => format!("something else than a charm store's answer ({error})"),
            _ => format!("the HTTP status {status}"),
        };
        CharmStoreError::failed(format!(
            "{verb} {url:?}: {} answers with {what}; check charmhub-url, or try again later",
            host(url)
        ))
    })?;
    Ok(Answer { status, body })
}

/// Says why a request failed and what to do; the beginning is Go's, as Juju prints it.
fn fail(verb: &str, url: &str, error: &ureq::Error) -> CharmStoreError {
    let host = host(url);
    let why = match error {
        ureq::Error::HostNotFound => format!("lookup {host}: no such host"),
        ureq::Error::Timeout(_) => format!("{host} does not answer in time"),
        ureq::Error::Io(error) => format!("{host}: {error}"),
        other => format!("{host}: {other}"),
    };
    CharmStoreError::failed(format!(
        "{verb} {url:?}: {why}; check the network, HTTPS_PROXY and NO_PROXY, or put the charm into a directory that {} lists",
        super::settings::PATHS_VARIABLE
    ))
}

/// Returns the host of a URL without its port.
fn host(url: &str) -> &str {
    let authority = authority(url);
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

/// Returns the proxy for `url` by Go's rules: `HTTPS_PROXY` or `HTTP_PROXY`, none for this machine and for hosts in `NO_PROXY`.
fn proxy<'a>(url: &str, env: &'a BTreeMap<String, String>) -> Option<&'a str> {
    let set = |upper: &str, lower: &str| {
        [upper, lower]
            .into_iter()
            .find_map(|name| env.get(name).filter(|value| !value.is_empty()))
    };
    let address = if url.starts_with("https:") {
        set("HTTPS_PROXY", "https_proxy")
    } else {
        set("HTTP_PROXY", "http_proxy")
    }?;
    let host = host(url);
    let is_local = host == "localhost" || host == "::1" || host.starts_with("127.");
    let excepted = set("NO_PROXY", "no_proxy").is_some_and(|list| {
        list.split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .any(|entry| excepts(entry, host, authority(url)))
    });
    (!is_local && !excepted).then_some(address)
}

/// Says whether an entry of `NO_PROXY` means a host: `*`, `example.com` with everything below it, `.example.com` only what is below.
fn excepts(entry: &str, host: &str, authority: &str) -> bool {
    let below = |domain: &str| {
        host.strip_suffix(domain)
            .is_some_and(|front| front.ends_with('.'))
    };
    match entry.trim_start_matches('*') {
        "" => true,
        dotted if dotted.starts_with('.') => below(&dotted[1..]),
        exact => exact == host || exact == authority || below(exact),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_chosen_by_gos_rules() {
        let env: BTreeMap<String, String> = [
            ("HTTPS_PROXY", "http://secure:1"),
            ("http_proxy", "http://plain:2"),
            ("NO_PROXY", "intern.example.com, .corp, 10.0.0.1:8080"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        for (url, expected) in [
            ("https://api.charmhub.io/v2", Some("http://secure:1")),
            ("http://api.charmhub.io", Some("http://plain:2")),
            ("https://127.0.0.1:8080/x", None),
            ("http://localhost/", None),
            ("https://intern.example.com", None),
            ("https://a.intern.example.com", None),
            ("https://b-intern.example.com", Some("http://secure:1")),
            ("https://x.corp/y", None),
            ("https://corp/y", Some("http://secure:1")),
            ("http://10.0.0.1:8080/", None),
            ("http://10.0.0.1:80/", Some("http://plain:2")),
        ] {
            assert_eq!(proxy(url, &env), expected, "{url}");
        }
        assert_eq!(proxy("https://x", &BTreeMap::new()), None);
        let none = BTreeMap::from([
            ("HTTPS_PROXY".to_owned(), "p".to_owned()),
            ("NO_PROXY".to_owned(), "*".to_owned()),
        ]);
        assert_eq!(proxy("https://x", &none), None);
    }

    #[test]
    fn a_server_that_does_not_answer_is_given_up() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v2/x", server.local_addr().unwrap());
        let short = Duration::from_millis(100);
        let http = Http {
            env: BTreeMap::new(),
            limits: Limits {
                connect: short,
                answer: short,
                download: short,
            },
        };
        let expected =
            format!("Get \"{url}\": 127.0.0.1 does not answer in time; check the network");
        for error in [
            http.get::<Value>(&url).unwrap_err(),
            http.download(&url, &mut Vec::new()).unwrap_err(),
        ] {
            assert!(error.to_string().starts_with(&expected), "{error}");
        }
    }

    #[test]
    fn hosts_of_urls() {
        for (url, expected) in [
            ("https://api.charmhub.io/v2?x", "api.charmhub.io"),
            ("http://user@127.0.0.1:80/", "127.0.0.1"),
            ("http://[::1]:80/", "::1"),
        ] {
            assert_eq!(host(url), expected);
        }
    }
}
