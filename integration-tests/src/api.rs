//! HTTP as a test speaks it: every answer is read whole, none is an error by itself.
//!
//! *Invariant:* nothing is retried or interpreted here, so that a test sees what any client would see.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(60);

/// One broker's HTTP API.
#[derive(Clone, Debug)]
pub struct Api {
    pub(crate) base: String,
    client: Client,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// A record as the native API shows it in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Envelope {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, in milliseconds.
    pub timestamp: i64,
    /// The key, if it is text.
    #[serde(default)]
    pub key: Option<String>,
    /// The key in base64, if it is not text.
    #[serde(default)]
    pub key_b64: Option<String>,
    /// The value, if it is text.
    #[serde(default)]
    pub value: Option<String>,
    /// The value in base64, if it is not text.
    #[serde(default)]
    pub value_b64: Option<String>,
    /// Its headers.
    #[serde(default)]
    pub headers: BTreeMap<String, Value>,
}

/// What a produce answers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Produced {
    /// The partition that took the records.
    pub partition: i32,
    /// The offset of the first.
    pub base_offset: i64,
    /// How many.
    pub count: i64,
}

impl Api {
    /// The API at a base address, with connections of its own.
    ///
    /// # Panics
    /// If the machine has no entropy or no memory for a client.
    #[must_use]
    pub fn new(base: &str) -> Self {
        let client = Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(Duration::from_secs(2))
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build();
        Self { base: base.to_owned(), client: client.expect("a client of defaults can be built") }
    }

    /// The same client for another base address.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), client: self.client.clone() }
    }

    /// The base address.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Any request.
    ///
    /// # Errors
    /// If no whole answer came: connection refused, cut, or timed out.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Result<Answer, reqwest::Error> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a test's own header name");
            map.append(name, HeaderValue::from_str(value).expect("a test's own header value"));
        }
        let request = self.client.request(method, format!("{}{path}", self.base)).headers(map).body(body);
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, body: response.bytes().await? })
    }

    /// GET.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.get_as(path, "*/*").await
    }

    /// GET with an `Accept` header.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub async fn get_as(&self, path: &str, accept: &str) -> Result<Answer> {
        let answer = self.send(Method::GET, path, &[("accept", accept)], "").await;
        answer.with_context(|| format!("GET {}{path}", self.base))
    }

    /// POST with a `Content-Type` header.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub async fn post(&self, path: &str, kind: &str, body: impl Into<reqwest::Body>) -> Result<Answer> {
        let answer = self.send(Method::POST, path, &[("content-type", kind)], body).await;
        answer.with_context(|| format!("POST {}{path}", self.base))
    }

    /// PUT of a JSON document.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub async fn put_json(&self, path: &str, body: &Value) -> Result<Answer> {
        self.json(Method::PUT, path, body).await
    }

    /// Any method with a JSON document.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub async fn json(&self, method: Method, path: &str, body: &Value) -> Result<Answer> {
        let headers = [("content-type", "application/json")];
        let answer = self.send(method.clone(), path, &headers, body.to_string()).await;
        answer.with_context(|| format!("{method} {}{path}", self.base))
    }

    /// DELETE.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub async fn delete(&self, path: &str) -> Result<Answer> {
        let answer = self.send(Method::DELETE, path, &[], "").await;
        answer.with_context(|| format!("DELETE {}{path}", self.base))
    }

    /// One text record to a partition.
    ///
    /// # Errors
    /// If it is not stored.
    pub async fn post_text(&self, topic: &str, partition: i32, text: &str) -> Result<Produced> {
        let path = format!("/v1/topics/{topic}/partitions/{partition}/records");
        self.post(&path, "text/plain", text.to_owned()).await?.produced()
    }

    /// Lines to a partition, as one batch.
    ///
    /// # Errors
    /// If they are not stored.
    pub async fn post_lines(&self, topic: &str, partition: i32, lines: &[String]) -> Result<Produced> {
        let path = format!("/v1/topics/{topic}/partitions/{partition}/records");
        let mut body = lines.join("\n");
        body.push('\n');
        self.post(&path, "application/x-ndjson", body).await?.produced()
    }

    /// Reads records from an offset; whatever one answer brings.
    ///
    /// # Errors
    /// If the answer is neither 200 nor 204.
    pub async fn read(&self, topic: &str, partition: i32, query: &str) -> Result<Vec<Envelope>> {
        let path = format!("/v1/topics/{topic}/partitions/{partition}/records?{query}");
        self.get_as(&path, "application/json").await?.envelopes()
    }

    /// Reads a partition from its start to its high watermark.
    ///
    /// # Errors
    /// If a read fails.
    pub async fn read_all(&self, topic: &str, partition: i32) -> Result<Vec<Envelope>> {
        let mut all = Vec::new();
        let mut from = "earliest".to_owned();
        loop {
            let page =
                self.read(topic, partition, &format!("offset={from}&max_bytes=4000000&wait_ms=0")).await?;
            let Some(last) = page.last() else { return Ok(all) };
            from = (last.offset + 1).to_string();
            all.extend(page);
        }
    }

    /// What `/v1/topics/{t}/partitions` says of one partition.
    ///
    /// # Errors
    /// If it is not there.
    pub async fn describe(&self, topic: &str, partition: i32) -> Result<Value> {
        let answer = self.get(&format!("/v1/topics/{topic}/partitions")).await?.ok()?.json()?;
        let list = answer.as_array().or_else(|| answer["partitions"].as_array()).cloned().unwrap_or_default();
        let found = list.into_iter().find(|entry| entry["partition"] == partition);
        found.with_context(|| format!("no partition {partition} in {answer}"))
    }
}

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// If it is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("no JSON: {}", self.text()))
    }

    /// A header as text; empty if it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    }

    /// Itself, if its status is 2xx.
    ///
    /// # Errors
    /// With status and body otherwise.
    pub fn ok(self) -> Result<Self> {
        ensure!((200..300).contains(&self.status), "{}: {}", self.status, self.text());
        Ok(self)
    }

    /// A produce that went well.
    ///
    /// # Errors
    /// If it did not.
    pub fn produced(self) -> Result<Produced> {
        ensure!(self.status == 200, "{}: {}", self.status, self.text());
        serde_json::from_slice(&self.body).with_context(|| format!("no produce answer: {}", self.text()))
    }

    /// Records read as JSON; none for 204.
    ///
    /// # Errors
    /// If the answer is neither 200 nor 204, or holds no list of records.
    pub fn envelopes(self) -> Result<Vec<Envelope>> {
        if self.status == 204 {
            return Ok(Vec::new());
        }
        ensure!(self.status == 200, "{}: {}", self.status, self.text());
        let body = self.json()?;
        serde_json::from_value(body["records"].clone())
            .with_context(|| format!("no records: {}", self.text()))
    }

    /// A refusal in the one error shape, with this status.
    ///
    /// # Errors
    /// If the status or the shape is another.
    pub fn refused(&self, status: u16) -> Result<Refusal> {
        ensure!(self.status == status, "{} instead of {status}: {}", self.status, self.text());
        ensure!(self.header("content-type").starts_with("application/json"), "a refusal that is not JSON");
        let refusal: Refusal =
            serde_json::from_slice(&self.body).with_context(|| format!("another shape: {}", self.text()))?;
        ensure!(!refusal.message.is_empty(), "a refusal without a message");
        let (code, plain) = (refusal.error_code, i64::from(status));
        ensure!(code == plain || code / 100 == plain, "code {code} with status {status}");
        Ok(refusal)
    }
}

/// The one shape of every refusal.
#[derive(Clone, Debug, Deserialize)]
pub struct Refusal {
    /// The status, or a hundred times that and more.
    pub error_code: i64,
    /// What is wrong, and what to do.
    pub message: String,
    /// Whether the same request may succeed later.
    pub retriable: bool,
    /// Whether records were stored: `no`, `maybe` or `yes`; on produce always there.
    #[serde(default)]
    pub written: Option<String>,
}
