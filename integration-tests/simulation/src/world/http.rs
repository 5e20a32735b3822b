//! HTTP/1.1 over a simulated connection: one request at a time, cut by its length.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use turmoil::net::TcpStream;

use super::history::Outcome;

/// Where brokers listen for HTTP.
pub(super) const PORT: u16 = 8082;
/// What an answer may hold.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// The request was never sent.
    NotSent,
    /// It may have been heard.
    NotAnswered,
}

impl Silence {
    /// What it says of a send.
    pub(super) fn outcome(self) -> Outcome {
        match self {
            Self::NotSent => Outcome::Refused,
            Self::NotAnswered => Outcome::Unknown,
        }
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The header of this name, in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (one, value) = line.split_once(':')?;
            one.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.header(name)?.parse().ok()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// A client's connections: one to the broker it spoke to last.
#[derive(Default)]
pub(super) struct Client {
    open: Option<(String, TcpStream)>,
}

impl Client {
    /// Sends one request to `host` and waits for its answer, up to `limit`.
    pub(super) async fn call(
        &mut self,
        host: &str,
        limit: Duration,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: &[u8],
    ) -> Result<Answer, Silence> {
        let before = self.open.take().filter(|(open, _)| open == host);
        let end = tokio::time::Instant::now() + limit;
        let mut stream = match before {
            Some((_, stream)) => stream,
            None => match tokio::time::timeout_at(end, TcpStream::connect((host, PORT))).await {
                Ok(Ok(stream)) => stream,
                _ => return Err(Silence::NotSent),
            },
        };
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        let exchange = async {
            stream.write_all(&bytes).await.map_err(|_| Silence::NotAnswered)?;
            read_answer(&mut stream).await.ok_or(Silence::NotAnswered)
        };
        match tokio::time::timeout_at(end, exchange).await {
            Ok(Ok(answer)) => {
                if answer.header("connection") != Some("close") {
                    self.open = Some((host.to_owned(), stream));
                }
                Ok(answer)
            }
            Ok(Err(silence)) => Err(silence),
            Err(_) => Err(Silence::NotAnswered),
        }
    }
}

async fn read_answer(stream: &mut TcpStream) -> Option<Answer> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        fill(stream, &mut bytes).await?;
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let mut answer = Answer { status, head, body: bytes.split_off(head_end + 4) };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = read_chunks(stream, std::mem::take(&mut answer.body)).await?;
        return Some(answer);
    }
    let length = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0_usize);
    while answer.body.len() < length {
        fill(stream, &mut answer.body).await?;
    }
    Some(answer)
}

async fn read_chunks(stream: &mut TcpStream, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let line_end = loop {
            match bytes[at..].windows(2).position(|two| two == b"\r\n") {
                Some(length) => break at + length,
                None => fill(stream, &mut bytes).await?,
            }
        };
        let length =
            usize::from_str_radix(std::str::from_utf8(&bytes[at..line_end]).ok()?.trim(), 16).ok()?;
        let end = line_end + 2 + length;
        while bytes.len() < end + 2 {
            fill(stream, &mut bytes).await?;
        }
        body.extend_from_slice(&bytes[line_end + 2..end]);
        at = end + 2;
        if length == 0 {
            return Some(body);
        }
    }
}

async fn fill(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    let read = stream.read_buf(bytes).await.ok()?;
    (read > 0 && bytes.len() <= ANSWER_BYTES_MAX).then_some(())
}
