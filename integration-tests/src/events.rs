//! A reader of server-sent events that comes back as browsers do: at another broker, with the last id that it has seen.
//!
//! *Invariant:* an event counts once its last line has come; what was cut off in the middle was not seen.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::time::Instant;

const PAUSE: Duration = Duration::from_millis(50);
/// Longer than brokers are silent on a stream.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// An event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// Its id; empty if it has none.
    pub id: String,
    /// `record`, `control` or `error`.
    pub kind: String,
    /// What it tells.
    pub data: Value,
}

/// A reader.
#[derive(Debug)]
pub struct EventReader {
    client: reqwest::Client,
    urls: Vec<String>,
    path: String,
    last_id: Option<String>,
    /// The brokers are called in turn.
    calls: usize,
    open: Option<reqwest::Response>,
    unread: Vec<u8>,
}

impl EventReader {
    /// A reader of `path` at the first of these brokers, and after each break at the next one.
    ///
    /// # Panics
    /// If the machine has no entropy for a client.
    #[must_use]
    pub fn new(urls: Vec<String>, path: &str) -> Self {
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(2))
            .read_timeout(SILENCE_MAX)
            .no_proxy()
            .build();
        let client = client.expect("a client of defaults can be built");
        Self { client, urls, path: path.to_owned(), last_id: None, calls: 0, open: None, unread: Vec::new() }
    }

    /// The id of the last event that had one.
    #[must_use]
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// Drops the connection, as a client does that dies or is cut off.
    pub fn hang_up(&mut self) {
        self.unread.clear();
        self.open = None;
    }

    /// The next event, through as many breaks as it takes.
    ///
    /// # Errors
    /// If none comes in time, or a broker refuses with a 4xx.
    pub async fn next(&mut self, deadline: Duration) -> Result<Event> {
        let end = Instant::now() + deadline;
        loop {
            if let Some(event) = self.seen() {
                return Ok(event);
            }
            let more = tokio::time::timeout_at(end, self.fill()).await;
            let more = more.with_context(|| format!("no event after {:?}", self.last_id))?;
            if !more? {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// An event that has come as a whole.
    fn seen(&mut self) -> Option<Event> {
        loop {
            let at = self.unread.windows(2).position(|window| window == b"\n\n")?;
            let rest = self.unread.split_off(at + 2);
            let text = std::mem::replace(&mut self.unread, rest);
            let text = String::from_utf8_lossy(&text);
            let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            let Some(data) = field("data: ") else { continue };
            let id = field("id: ").unwrap_or_default();
            if !id.is_empty() {
                self.last_id = Some(id.clone());
            }
            let data = serde_json::from_str(&data).unwrap_or(Value::String(data));
            return Some(Event { id, kind: field("event: ").unwrap_or_default(), data });
        }
    }

    /// Reads more; `false` if the connection has ended or could not be made.
    async fn fill(&mut self) -> Result<bool> {
        if self.open.is_none() {
            self.unread.clear();
            let url = format!("{}{}", self.urls[self.calls % self.urls.len()], self.path);
            self.calls += 1;
            let mut request = self.client.get(url).header("accept", "text/event-stream");
            if let Some(last) = &self.last_id {
                request = request.header("last-event-id", last);
            }
            let Ok(response) = request.send().await else { return Ok(false) };
            if response.status().is_client_error() {
                bail!("{}: {}", response.status(), response.text().await.unwrap_or_default());
            }
            if !response.status().is_success() {
                return Ok(false);
            }
            self.open = Some(response);
        }
        let Some(response) = &mut self.open else { return Ok(false) };
        if let Ok(Some(piece)) = response.chunk().await {
            self.unread.extend_from_slice(&piece);
            return Ok(true);
        }
        self.open = None;
        Ok(false)
    }
}
