//! Makes a topic, writes to it and reads it, deletes it, and makes it anew under the same name.
//!
//! *Invariant:* nobody else uses the name, so what is in it is of this life of the topic, or wrong.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration_tests::api::Answer;
use serde_json::json;
use tokio::time::Instant;

use super::http::{self, HttpDoor};
use super::writer::{self, Door, Sent};
use super::{At, BACK_OFF, PACE, Shared};

/// The name.
const TOPIC: &str = "anew";
/// How long one life of it is.
const LIFE: Duration = Duration::from_secs(15);

pub(super) async fn recreate(shared: Arc<Shared>) {
    let mut door = HttpDoor::new(&shared);
    while !shared.is_stopping() {
        if let Ok(Some(id)) = create(&mut door).await {
            live(&shared, &mut door, id).await;
            while !shared.is_stopping() && delete(&mut door).await.is_err() {
                tokio::time::sleep(BACK_OFF).await;
            }
        }
        tokio::time::sleep(BACK_OFF).await;
    }
}

/// Its id, if it is certainly new.
async fn create(door: &mut HttpDoor) -> Result<Option<String>> {
    let path = format!("/v1/topics/{TOPIC}");
    let spec = json!({"partitions": 1, "replication_factor": 3});
    let answer = door.next().put_json(&path, &spec).await?;
    if answer.status == 200 {
        // An earlier attempt whose answer was lost; who knows of when.
        delete(door).await?;
        return Ok(None);
    }
    ensure!(answer.status == 201, "{} {}", answer.status, answer.text());
    Ok(Some(answer.json()?["id"].as_str().context("a topic's id")?.to_owned()))
}

async fn delete(door: &mut HttpDoor) -> Result<()> {
    let answer: Answer = door.next().delete(&format!("/v1/topics/{TOPIC}")).await?;
    ensure!(matches!(answer.status, 204 | 404), "{} {}", answer.status, answer.text());
    Ok(())
}

async fn live(shared: &Shared, door: &mut HttpDoor, id: String) {
    let at = At { topic: TOPIC.to_owned(), topic_id: Some(id), partition: 0 };
    // What it holds when it is deleted need not have been read.
    let facts = json!({"topic": TOPIC, "topic_id": at.topic_id, "deleted": true});
    shared.history.note(shared.process(), "topic", facts);
    let (process, began) = (shared.process(), Instant::now());
    let (mut writing, mut from) = (Door::http(shared), 0);
    while !shared.is_stopping() && began.elapsed() < LIFE {
        let sent = writer::send_told(shared, process, &mut writing, &at, &shared.values(), None).await;
        if !matches!(sent, Sent::Stored(_)) {
            tokio::time::sleep(BACK_OFF).await;
        }
        let api = door.next();
        if let Ok(next) = http::read(shared, api, process, &at, from).await {
            from = next;
        }
        tokio::time::sleep(PACE).await;
    }
}
