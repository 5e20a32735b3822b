//! HTTP/1.1 with as little work as a client can do: requests are built once, answers are scanned for three things.
//!
//! *Invariant:* any answer but 200, 202 and 204 (the end of a log) is an error, so that no figure counts refusals.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context, Result, bail, ensure};

const BUFFER_BYTES: usize = 256 * 1024;
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What is read of an answer's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Bytes of the head itself.
    pub(crate) bytes: usize,
    /// Bytes of the body that follows.
    pub(crate) body_bytes: usize,
    /// `Tidemark-Next-Offset`, if told.
    pub(crate) next_offset: Option<i64>,
}

/// Reads a head, if `bytes` hold a whole one.
pub(crate) fn head(bytes: &[u8]) -> Result<Option<Head>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        ensure!(bytes.len() < HEAD_BYTES_MAX, "an answer without an end of its head");
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end]).context("a head that is no text")?;
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap_or_default();
    let (mut body_bytes, mut next_offset) = (None, None);
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            body_bytes = value.trim().parse().ok();
        } else if name.eq_ignore_ascii_case("tidemark-next-offset") {
            next_offset = value.trim().parse().ok();
        }
    }
    let status_code = status.as_bytes().get(9..12);
    if status_code == Some(b"204") {
        body_bytes = Some(0);
    } else if !matches!(status_code, Some(b"200" | b"202")) {
        bail!("{status}: {}", String::from_utf8_lossy(&bytes[end..]));
    }
    let body_bytes = body_bytes.with_context(|| format!("an answer without a length: {text}"))?;
    Ok(Some(Head { bytes: end + 4, body_bytes, next_offset }))
}

/// A request with a body.
pub(crate) fn post(path: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A request without one.
pub(crate) fn get(path: &str, accept: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAccept: {accept}\r\n\r\n").into_bytes()
}

/// A blocking connection, for bulk.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects to `127.0.0.1:port`.
    pub(crate) fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; BUFFER_BYTES] })
    }

    /// One request and its answer, whose body is read and dropped.
    pub(crate) fn call(&mut self, request: &[u8]) -> Result<Head> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        let head = loop {
            let count = self.stream.read(&mut self.buffer[filled..])?;
            ensure!(count > 0, "the connection was closed");
            filled += count;
            if let Some(head) = head(&self.buffer[..filled])? {
                break head;
            }
        };
        let mut rest = (head.bytes + head.body_bytes).checked_sub(filled).context("more than one answer")?;
        while rest > 0 {
            let most = rest.min(BUFFER_BYTES);
            let count = self.stream.read(&mut self.buffer[..most])?;
            ensure!(count > 0, "the connection was closed within a body");
            rest -= count;
        }
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nTidemark-Next-Offset: 12\r\n\r\nhello";
        assert_eq!(head(&answer[..40]).unwrap(), None);
        let expected = Head { bytes: answer.len() - 5, body_bytes: 5, next_offset: Some(12) };
        assert_eq!(head(answer).unwrap(), Some(expected));
        let nothing = head(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert_eq!(nothing.map(|head| head.body_bytes), Some(0));
        assert!(head(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n").is_err());
    }
}
