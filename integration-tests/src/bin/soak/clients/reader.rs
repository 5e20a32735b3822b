//! Follows a partition from its start, through either door, until it is told to stop.

use std::sync::Arc;

use serde_json::json;

use super::kafka::KafkaDoor;
use super::{At, BACK_OFF, Shared, http};

pub(super) async fn follow_http(shared: Arc<Shared>, at: At) {
    let process = shared.process();
    let (mut turn, mut from) = (usize::try_from(process).unwrap_or(0), 0);
    while !shared.is_stopping() {
        let api = &shared.apis[turn % shared.apis.len()];
        match http::read(&shared, api, process, &at, from).await {
            Ok(next) => from = next,
            Err(_) => tokio::time::sleep(BACK_OFF).await,
        }
        // Each broker serves each read: what one told, the next must not take back.
        turn += 1;
    }
}

pub(super) async fn follow_kafka(shared: Arc<Shared>, at: At) {
    let process = shared.process();
    let mut door = KafkaDoor::new(shared.kafka_ports.clone());
    let mut from = 0;
    while !shared.is_stopping() {
        let Ok(fetched) = door.fetch(&at, from).await else {
            tokio::time::sleep(BACK_OFF).await;
            continue;
        };
        let op = json!({
            "at": at.told(),
            "from": from,
            "records": fetched.records,
            "high_watermark": fetched.high_watermark,
            "log_start": fetched.log_start,
        });
        shared.history.note(process, "read", op);
        from = fetched.records.last().map_or(from, |(offset, _, _)| offset + 1);
    }
}
