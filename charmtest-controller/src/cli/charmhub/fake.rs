//! A server on this machine that answers in the shapes of Charmhub's interface.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha384};

/// What the server has for a path: status and body.
type Pages = BTreeMap<String, (u16, Vec<u8>)>;

/// A charm store that listens on a port of its own until the test ends.
pub(super) struct Fake {
    pub(super) url: String,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    pages: Pages,
    /// Answers to `refresh`, given out by what the action says.
    refreshes: Vec<(Value, Value)>,
    requests: Vec<String>,
}

impl Fake {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::<Mutex<Inner>>::default();
        let shared = Arc::clone(&inner);
        // The thread ends with the test process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away in the middle is no concern of the server.
                let _ = answer(stream, &shared);
            }
        });
        Self { url, inner }
    }

    /// Puts something at a path.
    pub(super) fn put(&self, path: &str, status: u16, body: &[u8]) {
        let page = (status, body.to_vec());
        self.inner
            .lock()
            .unwrap()
            .pages
            .insert(path.to_owned(), page);
    }

    /// Answers actions of `refresh` that agree with `action` in all its keys; the first answer that fits is given.
    pub(super) fn on_refresh(&self, action: Value, result: Value) {
        self.inner.lock().unwrap().refreshes.push((action, result));
    }

    /// Takes the list of requests so far, `GET /path` without the query.
    pub(super) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.inner.lock().unwrap().requests)
    }

    /// Puts a file at a path and returns its description in an answer.
    pub(super) fn file(&self, path: &str, content: &[u8]) -> Value {
        self.put(path, 200, content);
        json!({
            "hash-sha-256": hex(&Sha256::digest(content)),
            "hash-sha-384": hex(&Sha384::digest(content)),
            "hash-sha-512": "not looked at",
            "size": content.len(),
            "url": format!("{}{path}", self.url),
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn answer(stream: TcpStream, inner: &Mutex<Inner>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            if header.trim().is_empty() {
                break;
            }
            if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let mut words = line.split(' ');
        let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let path = target.split('?').next().unwrap_or("");
        let mut inner = inner.lock().unwrap();
        inner.requests.push(format!("{method} {path}"));
        if method == "CONNECT" {
            // As a proxy that leads to this very server.
            writer.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            continue;
        }
        let (status, content) = if path == "/v2/charms/refresh" && !inner.pages.contains_key(path) {
            (200, refresh(&inner, &body))
        } else {
            let page = inner.pages.get(path).cloned();
            page.unwrap_or_else(|| {
                (
                    404,
                    br#"{"error-list": [{"code": "not-found", "message": "no such page"}]}"#
                        .to_vec(),
                )
            })
        };
        let location = if status == 302 {
            format!("Location: {}\r\n", String::from_utf8_lossy(&content))
        } else {
            String::new()
        };
        write!(
            writer,
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{location}Content-Length: {}\r\nConnection: close\r\n\r\n",
            content.len()
        )?;
        writer.write_all(&content)?;
        return Ok(());
    }
}

fn refresh(inner: &Inner, body: &[u8]) -> Vec<u8> {
    let request: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(request["context"], json!([]), "the context must be there");
    let action = &request["actions"][0];
    let fits = |wanted: &Value| {
        wanted
            .as_object()
            .unwrap()
            .iter()
            .all(|(key, value)| action[key] == *value)
    };
    let mut result = match inner.refreshes.iter().find(|(wanted, _)| fits(wanted)) {
        Some((_, result)) => result.clone(),
        None => json!({
            "charm": null, "effective-channel": null, "result": "error", "id": null,
            "error": {"code": "name-not-found", "message": format!("No charm or bundle with name {}.", action["name"]), "extra": null},
        }),
    };
    result["instance-key"] = action["instance-key"].clone();
    json!({ "error-list": [], "results": [result] })
        .to_string()
        .into_bytes()
}
