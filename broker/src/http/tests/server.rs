//! The accept loop: real sockets.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::super::options::HttpOptions;
use super::super::server::HttpServer;
use super::RECORDS;
use crate::net::{TcpStream, connect, listen};
use crate::service::test_support::Bench;

const LONG: Duration = Duration::from_secs(20);

struct Running {
    bench: Bench,
    port: u16,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn run(options: HttpOptions) -> Running {
    let bench = Bench::new().await;
    bench.topic("t", 1, &[]).await;
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = listener.local_addr().unwrap().port();
    let stop = CancellationToken::new();
    let server = HttpServer::new(Arc::clone(&bench.service), options);
    let task = tokio::spawn(server.serve(listener, stop.clone()));
    Running { bench, port, stop, task }
}

impl Running {
    async fn open(&self) -> TcpStream {
        connect("127.0.0.1", self.port, LONG).await.unwrap()
    }

    /// Stops the door and waits until it is closed.
    async fn close(self) {
        self.stop.cancel();
        tokio::time::timeout(LONG, self.task).await.expect("it closes in time").unwrap();
    }
}

/// Reads until `text` has come, or the end.
async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut got = Vec::new();
    let reading = async {
        let mut piece = [0; 4096];
        while !String::from_utf8_lossy(&got).contains(text) {
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => break,
                Ok(count) => got.extend_from_slice(&piece[..count]),
            }
        }
    };
    tokio::time::timeout(LONG, reading).await.expect("in time");
    String::from_utf8_lossy(&got).into_owned()
}

fn post(body: &str) -> String {
    format!(
        "POST {RECORDS} HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let running = run(HttpOptions::default()).await;
    let mut stream = running.open().await;
    stream.write_all(["a", "b", "c"].map(post).concat().as_bytes()).await.unwrap();
    let text = read_until(&mut stream, "\"base_offset\":2").await;
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 3, "{text}");
    assert!(text.find("\"base_offset\":0") < text.find("\"base_offset\":1"), "{text}");
    running.close().await;
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let running = run(HttpOptions { body_bytes_max: 1_000, ..HttpOptions::default() }).await;
    let mut stream = running.open().await;
    let head = post("").replace("content-length: 0", "content-length: 5000000");
    stream.write_all(head.as_bytes()).await.unwrap();
    let body = vec![b'x'; 5_000_000];
    stream.write_all(&body).await.unwrap();
    assert!(read_until(&mut stream, "\"written\":\"no\"").await.starts_with("HTTP/1.1 413"));
    running.close().await;
}

#[tokio::test]
async fn a_body_is_not_asked_for_if_it_is_not_wanted() {
    let running = run(HttpOptions::default()).await;
    let mut stream = running.open().await;
    let expecting = |path: &str| {
        post("hello").replace(RECORDS, path).replace("\r\n\r\nhello", "\r\nexpect: 100-continue\r\n\r\n")
    };
    stream.write_all(expecting(RECORDS).as_bytes()).await.unwrap();
    assert!(read_until(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 100"));
    stream.write_all(b"hello").await.unwrap();
    assert!(read_until(&mut stream, "base_offset\":0").await.starts_with("HTTP/1.1 200"));
    let mut stream = running.open().await;
    stream.write_all(expecting("/v1/topics/u/records").as_bytes()).await.unwrap();
    assert!(read_until(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 404"));
    running.close().await;
}

#[tokio::test]
async fn header_bombs_and_noise_cost_their_own_connection_only() {
    let running = run(HttpOptions { idle_timeout_ms: 1_000, ..HttpOptions::default() }).await;
    let many: String = (0..5_000).map(|n| format!("x-{n}: y\r\n")).collect();
    let large = format!("tidemark-key: {}\r\n", "k".repeat(1_000_000));
    for headers in [many, large] {
        let mut stream = running.open().await;
        let _ =
            stream.write_all(format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{headers}\r\n").as_bytes()).await;
        let text = read_until(&mut stream, "\r\n\r\n").await;
        assert!(text.starts_with("HTTP/1.1 431"), "{} bytes of headers: {text}", headers.len());
    }
    for noise in ["\0\0\0\x10hello", "GET\r\n\r\n", "\x16\x03\x01\x02"] {
        let mut stream = running.open().await;
        stream.write_all(noise.as_bytes()).await.unwrap();
        // It is closed: at once, or when nothing more has come for a while.
        read_until(&mut stream, "never").await;
    }
    let mut stream = running.open().await;
    stream.write_all(post("a").as_bytes()).await.unwrap();
    assert!(read_until(&mut stream, "base_offset").await.starts_with("HTTP/1.1 200"));
    running.close().await;
}

#[tokio::test]
async fn connections_are_bounded() {
    let running = run(HttpOptions { connections_max: 1, ..HttpOptions::default() }).await;
    let mut first = running.open().await;
    first.write_all(post("a").as_bytes()).await.unwrap();
    read_until(&mut first, "base_offset").await;
    let mut second = running.open().await;
    let text = read_until(&mut second, "\"written\":\"no\"").await;
    assert!(text.starts_with("HTTP/1.1 503") && text.contains("retry-after"), "{text}");
    assert_eq!(running.bench.service.metrics().rejected_overload.get(), 1);
    running.close().await;
}

#[tokio::test]
async fn what_is_in_flight_is_finished_when_the_door_closes() {
    let running = run(HttpOptions::default()).await;
    let mut waiting = running.open().await;
    let get = format!("GET {RECORDS}?offset=latest&wait_ms=300 HTTP/1.1\r\nhost: x\r\n\r\n");
    waiting.write_all(get.as_bytes()).await.unwrap();
    let mut streaming = running.open().await;
    let get = format!("GET {RECORDS} HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n\r\n");
    streaming.write_all(get.as_bytes()).await.unwrap();
    read_until(&mut streaming, "retry: 1000").await;
    let seats = running.bench.service.metrics().waiting_reads.clone();
    let seated = async {
        while seats.get() < 2 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(LONG, seated).await.expect("both wait");
    running.close().await;
    assert!(read_until(&mut waiting, "\r\n\r\n").await.starts_with("HTTP/1.1 204"));
    assert!(read_until(&mut streaming, "stopping").await.contains("stopping"));
}

#[tokio::test]
async fn an_answer_is_never_mistaken_for_that_of_noise_behind_it() {
    let running = run(HttpOptions::default()).await;
    let mut stream = running.open().await;
    stream.write_all(format!("{}\0\x01\x02 noise\r\n\r\n", post("a")).as_bytes()).await.unwrap();
    let text = read_until(&mut stream, "never").await;
    // The answer may be lost with the connection, but no other stands in its place.
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 200"), "{text}");
    running.close().await;
}
