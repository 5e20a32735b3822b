//! HTTP/1.1 by hand: for requests that no client library would send, and for streams read piece by piece.
//!
//! *Invariant:* what is sent is exactly what the test wrote; the answer is cut from the stream by its own length.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// A connection.
#[derive(Debug)]
pub struct RawHttp {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct RawAnswer {
    /// The status.
    pub status: u16,
    /// Status line and headers, as they came.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl RawHttp {
    /// Connects to a port of 127.0.0.1.
    ///
    /// # Errors
    /// If nobody listens.
    pub async fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, unread: Vec::new() })
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// If the other side has closed.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        Ok(self.stream.write_all(bytes.as_ref()).await?)
    }

    /// Reads more into `unread`; false at the end of the stream.
    async fn fill(&mut self, end: Instant) -> Result<bool> {
        let mut piece = vec![0; 16 * 1024];
        let read = tokio::time::timeout_at(end, self.stream.read(&mut piece)).await;
        let count = read.context("no answer in time")?.unwrap_or(0);
        self.unread.extend_from_slice(&piece[..count]);
        Ok(count > 0)
    }

    /// Reads until `mark`, and gives everything up to its end.
    ///
    /// # Errors
    /// If it does not come in time.
    pub async fn read_until(&mut self, mark: &str, deadline: Duration) -> Result<String> {
        let end = Instant::now() + deadline;
        loop {
            let found = self.unread.windows(mark.len()).position(|window| window == mark.as_bytes());
            if let Some(at) = found {
                let rest = self.unread.split_off(at + mark.len());
                let text = std::mem::replace(&mut self.unread, rest);
                return Ok(String::from_utf8_lossy(&text).into_owned());
            }
            let more = self.fill(end).await;
            let so_far = || format!("waiting for {mark:?} after {:?}", String::from_utf8_lossy(&self.unread));
            ensure!(more.with_context(so_far)?, "the stream ended {}", so_far());
        }
    }

    /// The next answer, with a body of a stated length or up to the end of the connection.
    ///
    /// # Errors
    /// If none comes in time, or it is chunked.
    pub async fn answer(&mut self, deadline: Duration) -> Result<RawAnswer> {
        let end = Instant::now() + deadline;
        let head = self.read_until("\r\n\r\n", deadline).await?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status: u16 = status.with_context(|| format!("no status line: {head}"))?;
        if status == 100 {
            return Ok(RawAnswer { status, head, body: Vec::new() });
        }
        let header = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(':'));
            let mut found = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
            found.next().map(|(_, value)| value.trim().to_owned())
        };
        ensure!(header("transfer-encoding").is_none(), "a chunked answer: {head}");
        let length: Option<usize> = header("content-length").and_then(|length| length.parse().ok());
        while length.is_none_or(|length| self.unread.len() < length) {
            if !self.fill(end).await? {
                if length.is_some() {
                    bail!("the body of {head} was cut");
                }
                break;
            }
        }
        let rest = self.unread.split_off(length.unwrap_or(self.unread.len()));
        Ok(RawAnswer { status, head, body: std::mem::replace(&mut self.unread, rest) })
    }

    /// Whether the broker closes the connection in time.
    ///
    /// # Errors
    /// If it does not.
    pub async fn closed(&mut self, deadline: Duration) -> Result<()> {
        let end = Instant::now() + deadline;
        while self.fill(end).await? {}
        Ok(())
    }
}
