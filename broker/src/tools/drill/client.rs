//! HTTP as a drill speaks it: one request on a connection of its own, answered whole, within a time.
//!
//! *Invariant:* nothing is sent twice, and whether a request may have arrived is told.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::net;

const CONNECT_MAX: Duration = Duration::from_secs(2);
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Where a broker serves HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Base {
    host: String,
    port: u16,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Why no answer came.
#[derive(Debug)]
pub(super) enum CallError {
    /// Nothing was sent.
    NotSent(String),
    /// It may have arrived.
    Lost(String),
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotSent(why) | Self::Lost(why) => f.write_str(why),
        }
    }
}

impl Answer {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header that is a number.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.headers.get(name)?.to_str().ok()?.parse().ok()
    }
}

impl Base {
    /// `http://HOST:PORT`.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let plain =
            uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/") && uri.query().is_none();
        let host = uri.host().filter(|_| plain)?.trim_matches(['[', ']']).to_owned();
        Some(Self { host, port: uri.port_u16().unwrap_or(80) })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// One request.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        (content_type, body): (&'static str, Bytes),
        limit: Duration,
    ) -> Result<Answer, CallError> {
        let not_sent = |why: &dyn std::fmt::Display| CallError::NotSent(why.to_string());
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, format!("{}:{}", self.host, self.port))
            .header(CONTENT_TYPE, content_type)
            .header(http::header::ACCEPT, "application/json")
            .body(Full::new(body))
            .map_err(|error| not_sent(&error))?;
        let stream =
            net::connect(&self.host, self.port, CONNECT_MAX).await.map_err(|error| not_sent(&error))?;
        match tokio::time::timeout(limit, exchange(stream, request)).await {
            Ok(answer) => answer.map_err(CallError::Lost),
            Err(_) => Err(CallError::Lost(format!("no answer from {}:{} in time", self.host, self.port))),
        }
    }

    /// A question.
    pub(super) async fn get(&self, path: &str, limit: Duration) -> Result<Answer, CallError> {
        self.call(Method::GET, path, ("application/json", Bytes::new()), limit).await
    }
}

async fn exchange(stream: net::TcpStream, request: Request<Full<Bytes>>) -> Result<Answer, String> {
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        Ok(Answer { status, headers, body })
    };
    let drive = async {
        // However it ends, the answer knows.
        let _ = connection.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = answer => answer,
        () = drive => Err("the connection has ended".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::Base;

    #[test]
    fn an_address_is_plain_http_without_a_path() {
        let base = |host: &str, port| Some(Base { host: host.to_owned(), port });
        assert_eq!(Base::parse("http://127.0.0.1:8082"), base("127.0.0.1", 8082));
        assert_eq!(Base::parse("http://broker/"), base("broker", 80));
        assert_eq!(Base::parse("http://[::1]:8082"), base("::1", 8082));
        for wrong in ["", "127.0.0.1:8082", "https://a:1", "http://a/b", "http://a?b", "http:/a"] {
            assert_eq!(Base::parse(wrong), None, "{wrong}");
        }
    }
}
