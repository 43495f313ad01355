//! As much of HTTP/1.1 as a test needs to see whether a workload answers.

use super::port::say;
use super::{WorkloadError, join};
use std::fmt;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How much of an answer is read.
const MOST: usize = 4 * 1024 * 1024;

/// How much of a body an error shows.
const SHOWN: usize = 500;

/// What a server answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response {
    /// The status, as 200.
    pub status: u16,
    /// What the server calls the status, as `OK`.
    pub reason: String,
    /// The headers, in the server's order and spelling.
    pub headers: Vec<(String, String)>,
    /// The body, invalid UTF-8 replaced.
    pub body: String,
}

impl Response {
    /// Tells whether the status is one of success: 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the first value of a header; its name may be written in capitals or not.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self
            .headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// If it is not JSON, or not of this type.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.body)
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.reason)?;
        let body = self.body.trim();
        if body.is_empty() {
            return Ok(());
        }
        let shown: String = body.chars().take(SHOWN).collect();
        write!(f, ": {shown}")?;
        if shown.len() < body.len() {
            f.write_str("...")?;
        }
        Ok(())
    }
}

/// Splits a URL into host, port and path.
pub(super) fn parse_url(url: &str) -> Result<(String, u16, String), WorkloadError> {
    let wrong = |why: &str| WorkloadError::Unsupported(format!("cannot ask `{url}`: {why}"));
    if url.starts_with("https://") {
        return Err(wrong(
            "TLS is not spoken here; use a program, as in `ops.run([\"curl\", \"--insecure\", ..])`",
        ));
    }
    let Some(rest) = url.strip_prefix("http://") else {
        return Err(wrong("it does not begin with `http://`"));
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = path.split('#').next().unwrap_or_default();
    if authority.contains('@') {
        return Err(wrong(
            "a user does not belong there; send `.header(\"Authorization\", ..)`",
        ));
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => return Err(wrong("a `]` is missing")),
        },
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    if host.is_empty() {
        return Err(wrong("it names no host"));
    }
    let port = match port {
        None | Some("") => 80,
        Some(port) => port
            .parse()
            .map_err(|_| wrong("the port is no number up to 65535"))?,
    };
    Ok((host.to_owned(), port, check_path(path)?))
}

/// Returns a path that begins with `/` and can stand in a request.
pub(super) fn check_path(path: &str) -> Result<String, WorkloadError> {
    if path.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(WorkloadError::Unsupported(format!(
            "cannot ask for the path {path:?}: spaces have to be written as `%20`"
        )));
    }
    if path.starts_with('/') {
        return Ok(path.to_owned());
    }
    Ok(format!("/{path}"))
}

/// Refuses headers that would break the request.
pub(super) fn check_headers(headers: &[(String, String)]) -> Result<(), WorkloadError> {
    for (name, value) in headers {
        let odd_name = name.is_empty() || name.contains(|c: char| c == ':' || c.is_whitespace());
        if odd_name || value.contains(['\r', '\n']) {
            return Err(WorkloadError::Unsupported(format!(
                "{name:?} is no header, or its value has more than one line"
            )));
        }
    }
    Ok(())
}

/// Asks once. What it fails with says why.
pub(super) async fn get(
    host: &str,
    port: u16,
    path: &str,
    headers: &[(String, String)],
    limit: Duration,
) -> Result<Response, String> {
    let address = join(host, port);
    let answer = timeout(limit, fetch(&address, path, headers)).await;
    answer.unwrap_or_else(|_| Err(format!("{address} did not answer within {limit:?}")))
}

async fn fetch(
    address: &str,
    path: &str,
    headers: &[(String, String)],
) -> Result<Response, String> {
    let failed = |error| say(address, &error);
    let mut stream = TcpStream::connect(address).await.map_err(failed)?;
    let mut request = format!("GET {path} HTTP/1.1\r\n");
    let usual = [
        ("Host", address),
        ("User-Agent", "charmtest"),
        ("Accept", "*/*"),
        ("Connection", "close"),
    ];
    for (name, value) in usual {
        if !headers
            .iter()
            .any(|(own, _)| own.eq_ignore_ascii_case(name))
        {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.map_err(failed)?;

    let mut answer = Vec::new();
    let mut chunk = vec![0; 16 * 1024];
    loop {
        if let Some(response) = parse(&answer, false).map_err(|why| format!("{address}: {why}"))? {
            return Ok(response);
        }
        if answer.len() > MOST {
            return Err(format!("{address}: the answer is larger than {MOST} bytes"));
        }
        match stream.read(&mut chunk).await {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&chunk[..count]),
            // Some servers cut the connection as soon as they have said all.
            Err(error) => match parse(&answer, true) {
                Ok(Some(response)) => return Ok(response),
                _ => return Err(failed(error)),
            },
        }
    }
    match parse(&answer, true) {
        Ok(Some(response)) => Ok(response),
        Ok(None) if answer.is_empty() => Err(format!(
            "{address}: the connection was closed without an answer"
        )),
        Ok(None) => Err(format!("{address}: the answer ends too early")),
        Err(why) => Err(format!("{address}: {why}")),
    }
}

/// Reads an answer; `None` while there is more to come. Without a length it ends with the connection.
fn parse(bytes: &[u8], ended: bool) -> Result<Option<Response>, String> {
    let Some(head_end) = find(bytes, b"\r\n\r\n") else {
        // What speaks no HTTP is told by its first bytes.
        let begun = &bytes[..bytes.len().min(5)];
        if !b"HTTP/".starts_with(begun) {
            return Err(no_http(bytes));
        }
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let mut words = first.splitn(3, ' ');
    let (version, status) = (words.next(), words.next());
    let status = status
        .filter(|_| version.is_some_and(|version| version.starts_with("HTTP/1.")))
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| no_http(bytes))?;
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    let mut response = Response {
        status,
        reason: words.next().unwrap_or_default().to_owned(),
        headers: lines.filter_map(header).collect(),
        body: String::new(),
    };
    let rest = &bytes[head_end + 4..];
    // `100 Continue` and its like come before the answer.
    if (100..200).contains(&status) {
        return parse(rest, ended);
    }
    let chunked = response
        .header("transfer-encoding")
        .is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked"));
    let length = response.header("content-length").map(str::parse::<usize>);
    let body = if matches!(status, 204 | 304) {
        Some(Vec::new())
    } else if chunked {
        dechunk(rest)?
    } else {
        match length {
            Some(Ok(length)) => rest.get(..length).map(<[u8]>::to_vec),
            Some(Err(_)) => return Err("the server gives no proper length".to_owned()),
            None => ended.then(|| rest.to_vec()),
        }
    };
    Ok(body.map(|body| {
        response.body = String::from_utf8_lossy(&body).into_owned();
        response
    }))
}

fn no_http(bytes: &[u8]) -> String {
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
    format!("this is no HTTP: {shown:?}")
}

/// Puts chunks together; `None` while there are more to come.
fn dechunk(mut bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let mut body = Vec::new();
    loop {
        let Some(line_end) = find(bytes, b"\r\n") else {
            return Ok(None);
        };
        let line = String::from_utf8_lossy(&bytes[..line_end]).into_owned();
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16)
            .map_err(|_| format!("a chunk of {line:?} bytes is none"))?;
        let rest = &bytes[line_end + 2..];
        if size == 0 {
            return Ok(Some(body));
        }
        // The sum may not overflow: the size is the server's.
        let Some(chunk) = rest.get(..size) else {
            return Ok(None);
        };
        body.extend_from_slice(chunk);
        match rest.get(size..).and_then(|rest| rest.get(2..)) {
            Some(next) => bytes = next,
            None => return Ok(None),
        }
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes
        .windows(pattern.len())
        .position(|window| window == pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Result<Option<(u16, String)>, String> {
        let response = parse(text.as_bytes(), true)?;
        Ok(response.map(|response| (response.status, response.body)))
    }

    fn said(status: u16, body: &str) -> Result<Option<(u16, String)>, String> {
        Ok(Some((status, body.to_owned())))
    }

    #[test]
    fn a_body_ends_where_its_length_its_chunks_or_the_connection_say() {
        for (text, expected) in [
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi, and more",
                said(200, "hi"),
            ),
            ("HTTP/1.0 404 Not Found\r\n\r\nno", said(404, "no")),
            ("HTTP/1.1 204\r\n\r\n", said(204, "")),
            ("HTTP/1.1 200 OK\r\ncontent-length:9\r\n\r\nhi", Ok(None)),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
                said(200, "abc0123456789"),
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc",
                Ok(None),
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                said(200, ""),
            ),
            (
                "SSH-2.0-OpenSSH_9.6\r\n",
                Err("this is no HTTP: \"SSH-2.0-OpenSSH_9.6\\r\\n\"".to_owned()),
            ),
            (
                "HTTP/2 200\r\n\r\n",
                Err("this is no HTTP: \"HTTP/2 200\\r\\n\\r\\n\"".to_owned()),
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                Err("a chunk of \"zz\" bytes is none".to_owned()),
            ),
        ] {
            assert_eq!(whole(text), expected, "{text}");
        }
    }

    #[test]
    fn an_answer_that_is_not_complete_is_waited_for() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Ready: yes\r\n\r\nhi";
        for end in 0..text.len() {
            assert_eq!(parse(&text.as_bytes()[..end], false), Ok(None), "{end}");
        }
        let response = parse(text.as_bytes(), false).unwrap().unwrap();
        assert_eq!(response.header("x-ready"), Some("yes"));
        assert_eq!(response.to_string(), "200 OK: hi");
    }

    #[test]
    fn urls() {
        let split = |url: &str| parse_url(url).map_err(|error| error.to_string());
        let parts = |host: &str, port, path: &str| Ok((host.to_owned(), port, path.to_owned()));
        assert_eq!(split("http://10.0.0.1"), parts("10.0.0.1", 80, "/"));
        assert_eq!(split("http://a:8080/x?y=1#z"), parts("a", 8080, "/x?y=1"));
        assert_eq!(split("http://[::1]:81?q"), parts("::1", 81, "/?q"));
        for (url, why) in [
            ("https://a/", "TLS is not spoken here"),
            ("a:80", "does not begin with `http://`"),
            ("http://", "names no host"),
            ("http://a:port/", "no number"),
            ("http://a/b c", "%20"),
            ("http://u:p@a/", "Authorization"),
        ] {
            let error = split(url).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
