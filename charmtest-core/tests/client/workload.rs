//! Talking to workloads, against servers of the test's own.

use crate::fake::{FakeJuju, run};
use charmtest::workload::{WorkloadError, http_get, wait_for_port};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};

const MILLIS: fn(u64) -> Duration = Duration::from_millis;

/// Answers one connection after another, each with the next text; the last one stays. Returns the port.
async fn server(answers: &'static [&'static str]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for number in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let count = stream.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..count]).into_owned();
            let answer = answers[number.min(answers.len() - 1)];
            let answer = answer.replace("REQUEST", &request);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    port
}

/// Returns a port that is taken and on which nobody listens yet.
fn closed_port() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

#[test]
fn a_page_is_asked_for_until_it_comes() {
    run(async {
        let port = server(&[
            "",
            "HTTP/1.1 503 Service Unavailable\r\n\r\nstarting",
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Ready: yes\r\n\r\ndone",
        ])
        .await;
        let page = http_get(&format!("http://127.0.0.1:{port}/"))
            .await
            .unwrap();
        assert_eq!((page.status, page.body.as_str()), (200, "done"));
        assert_eq!(page.header("x-ready"), Some("yes"));
    });
}

#[test]
fn the_request_says_what_was_asked_for() {
    run(async {
        let port = server(&["HTTP/1.0 200 OK\r\n\r\nREQUEST"]).await;
        let page = http_get(&format!("http://127.0.0.1:{port}/a?b=c#d"))
            .header("X-Token", "t")
            .header("host", "example.test")
            .await
            .unwrap();
        let mut lines: Vec<&str> = page.body.lines().collect();
        lines.retain(|line| !line.is_empty());
        assert_eq!(
            lines,
            [
                "GET /a?b=c HTTP/1.1",
                "User-Agent: charmtest",
                "Accept: */*",
                "Connection: close",
                "X-Token: t",
                "host: example.test"
            ]
        );
    });
}

#[test]
fn conditions_are_waited_for_together() {
    run(async {
        let port = server(&[
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
            "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nkeep \r\n3\r\nout\r\n0\r\n\r\n",
        ])
        .await;
        let page = http_get(&format!("http://127.0.0.1:{port}/"))
            .status(403)
            .body_contains("keep out")
            .until(|answer| answer.body.len() == 8)
            .await
            .unwrap();
        assert_eq!(page.body, "keep out");
    });
}

#[test]
fn a_page_that_does_not_come_is_shown_as_it_came_last() {
    run(async {
        let port = server(&["HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\nboom"]).await;
        let url = format!("http://127.0.0.1:{port}/");
        let wait = http_get(&url).status(200).timeout(MILLIS(300));
        assert_eq!(
            wait.await.unwrap_err().to_string(),
            format!(
                "timed out after 300ms waiting for {url} to answer with status 200; at last: 500 Oh: boom"
            )
        );

        let (_closed, port) = closed_port();
        let wait = http_get(&format!("http://127.0.0.1:{port}/")).timeout(Duration::ZERO);
        let error = wait.await.unwrap_err().to_string();
        assert!(error.contains("at last: 127.0.0.1:"), "{error}");
        assert!(error.contains("refused"), "{error}");
    });
}

#[test]
fn a_server_that_never_answers_is_left_when_the_time_is_over() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let began = Instant::now();
        let wait = http_get(&format!("http://127.0.0.1:{port}/")).timeout(MILLIS(400));
        let error = wait.await.unwrap_err().to_string();
        assert!(error.contains("did not answer within"), "{error}");
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{:?}",
            began.elapsed()
        );
    });
}

#[test]
fn what_is_no_http_is_refused_at_once() {
    run(async {
        for url in ["https://127.0.0.1/", "ftp://127.0.0.1/", "http:///x"] {
            let error = http_get(url).await.unwrap_err();
            assert!(matches!(error, WorkloadError::Unsupported(_)), "{error}");
        }
    });
}

#[test]
fn a_port_is_waited_for() {
    run(async {
        let (closed, port) = closed_port();
        let late = tokio::spawn(async move {
            tokio::time::sleep(MILLIS(300)).await;
            closed.listen(8).unwrap()
        });
        wait_for_port("127.0.0.1", port).await.unwrap();
        drop(late.await.unwrap());

        let (_closed, port) = closed_port();
        let wait = wait_for_port("127.0.0.1", port).timeout(MILLIS(100));
        let error = wait.await.unwrap_err().to_string();
        assert!(
            error.starts_with(&format!(
                "timed out after 100ms waiting for 127.0.0.1:{port} to accept connections; at last: 127.0.0.1:{port}: "
            )),
            "{error}"
        );
    });
}

#[test]
fn the_address_of_a_unit_is_looked_up_and_waited_for() {
    run(async {
        let port = server(&["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"]).await;
        let fake = FakeJuju::with_model(
            r#"address=""; [ $(wc -l < "$here/calls") -gt 2 ] && address='"public-address":"127.0.0.1",'
            echo "{\"applications\":{\"web\":{\"units\":{\"web/0\":{$address\"machine\":\"0\"}}}}}""#,
        );
        let model = fake.model().await;
        let unit = model.unit("web/0").unwrap();
        unit.wait_for_port(port).await.unwrap();
        let page = unit.http_get(port, "x").await.unwrap();
        assert_eq!(page.body, "hi");

        let wait = model.unit("web/1").unwrap().wait_for_port(port);
        let error = wait.timeout(Duration::ZERO).await.unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "timed out after 0ns waiting for web/1 port {port} to accept connections; at last: there is no unit `web/1` \
                 in the model c:m; there is web/0"
            )
        );
    });
}
