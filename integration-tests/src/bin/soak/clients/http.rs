//! The HTTP door, through every broker in turn.
//!
//! *Invariant:* `written` alone decides: `no` is refused, anything else that is no 200 is unknown.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration_tests::api::{Answer, Api};
use integration_tests::eventually::eventually;
use reqwest::Method;
use serde_json::{Value, json};

use super::writer::{Sent, Stamp};
use super::{At, Shared, text_of, value_in};

const READ_DEADLINE: Duration = Duration::from_secs(60);

/// A client of all brokers, which turns to the next one after each request.
#[derive(Debug)]
pub(super) struct HttpDoor {
    apis: Vec<Api>,
    turn: usize,
}

impl HttpDoor {
    pub(super) fn new(shared: &Shared) -> Self {
        Self { apis: shared.apis.clone(), turn: usize::try_from(shared.process()).unwrap_or(0) }
    }

    /// The next broker.
    pub(super) fn next(&mut self) -> &Api {
        self.turn += 1;
        &self.apis[self.turn % self.apis.len()]
    }

    pub(super) async fn producer_id(&mut self) -> Result<i64> {
        let answer = self.next().send(Method::POST, "/v1/producers", &[], "").await?.ok()?;
        answer.json()?["producer_id"].as_i64().context("a producer id")
    }

    pub(super) async fn send(&mut self, at: &At, values: &[u64], stamp: Option<Stamp>) -> Sent {
        let path = format!("/v1/topics/{}/partitions/{}/records?timeout_ms=10000", at.topic, at.partition);
        let body: String = values.iter().map(|value| text_of(*value) + "\n").collect();
        let mut headers = vec![("content-type", "application/x-ndjson".to_owned())];
        if let Some(stamp) = stamp {
            headers.push(("producer-id", stamp.id.to_string()));
            headers.push(("producer-epoch", "0".to_owned()));
            headers.push(("producer-seq", stamp.sequence.to_string()));
        }
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        match self.next().send(Method::POST, &path, &headers, body).await {
            Ok(answer) => sent(&answer),
            // Nothing was sent over a connection that never was.
            Err(error) if error.is_connect() => Sent::Refused,
            Err(_) => Sent::Unknown,
        }
    }
}

fn sent(answer: &Answer) -> Sent {
    let body = answer.json().unwrap_or_default();
    if answer.status == 200 {
        return body["base_offset"].as_i64().map_or(Sent::Unknown, Sent::Stored);
    }
    match (body["written"] == "no", answer.status) {
        (true, 403 | 409) => Sent::Fenced,
        (true, _) => Sent::Refused,
        (false, _) => Sent::Unknown,
    }
}

/// One read, told to the history; gives the offset to go on from.
pub(super) async fn read(shared: &Shared, api: &Api, process: u64, at: &At, from: i64) -> Result<i64> {
    let query = format!("offset={from}&wait_ms=500&max_bytes=1000000");
    let path = format!("/v1/topics/{}/partitions/{}/records?{query}", at.topic, at.partition);
    let answer = api.get_as(&path, "application/json").await?;
    let mut op = json!({"at": at.told(), "from": from});
    for (member, header) in [
        ("leader_epoch", "tidemark-leader-epoch"),
        ("high_watermark", "tidemark-high-watermark"),
        ("log_start", "tidemark-start-offset"),
    ] {
        if let Ok(number) = answer.header(header).parse::<i64>() {
            op[member] = json!(number);
        }
    }
    let records = answer.envelopes()?;
    let value = |text: Option<&String>| text.and_then(|text| value_in(text.as_bytes()));
    let told: Vec<Value> =
        records.iter().map(|record| json!([record.offset, value(record.value.as_ref())])).collect();
    op["records"] = json!(told);
    shared.history.note(process, "read", op);
    Ok(records.last().map_or(from, |record| record.offset + 1))
}

/// Reads a partition from its start to its end through one broker.
///
/// # Errors
/// If it cannot be read, although nothing goes wrong any more.
pub(crate) async fn read_to_end(shared: &Shared, api: &Api, at: &At) -> Result<()> {
    let process = shared.process();
    let (mut from, mut end) = (0, None);
    loop {
        let next = eventually("a read to the end", READ_DEADLINE, async || {
            read(shared, api, process, at, from).await
        });
        let next = next.await?;
        // What is written meanwhile would be read for ever.
        if next == from {
            ensure!(end.is_none_or(|end| next >= end), "{at:?} ends at {next}");
            return Ok(());
        }
        (from, end) = (next, Some(next));
    }
}
