//! Readers: each follows one partition after another, from the start.

use serde_json::Value;

use super::super::history::Marks;
use super::super::http::Answer;
use super::{Actor, TOPIC};

pub(super) async fn reads(mut actor: Actor) -> turmoil::Result {
    let partition = actor.partition();
    let mut from = 0;
    while !actor.is_over() {
        if let Some(next) = read_once(&mut actor, partition, from, false).await {
            from = next;
        }
        actor.rest(300).await;
    }
    Ok(())
}

/// One read, noted. The offset to go on from, if it was answered.
pub(in crate::world) async fn read_once(
    actor: &mut Actor,
    partition: i32,
    from: i64,
    is_last: bool,
) -> Option<i64> {
    let wait_ms = if is_last { 0 } else { 500 };
    let path = format!(
        "/v1/topics/{TOPIC}/partitions/{partition}/records?offset={from}&wait_ms={wait_ms}&max_records=500"
    );
    let headers = [("accept", "application/x-ndjson".to_owned())];
    let answer = actor.call("GET", &path, &headers, b"").await.ok().filter(Answer::is_success)?;
    let mut records = Vec::new();
    for line in answer.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let record: Value = serde_json::from_slice(line).ok()?;
        if let Some(offset) = record["offset"].as_i64() {
            records.push((offset, value_of(&record)));
        }
    }
    actor.load.history.read(actor.process, actor.place(partition), from, &records, Marks::from(&answer));
    answer.number("tidemark-next-offset").or(Some(from))
}

/// The value that a record stands for: its first word.
pub(super) fn value_of(record: &Value) -> Option<u64> {
    value_in(record["value"].as_str()?)
}

/// The same in a record's text.
pub(super) fn value_in(text: &str) -> Option<u64> {
    text.split(' ').next()?.parse().ok()
}
