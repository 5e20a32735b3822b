//! Sends batches of values to one partition, through either door, until it is told to stop.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tokio::time::Instant;

use super::http::HttpDoor;
use super::kafka::KafkaDoor;
use super::{At, BACK_OFF, PACE, Shared};
use crate::history::Phase;

/// How long an idempotent producer repeats a batch before it begins anew with another id.
const PATIENCE: Duration = Duration::from_secs(90);

/// The numbers by which a batch that comes twice is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    pub(super) id: i64,
    pub(super) sequence: i32,
}

/// Whether batches are stamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamped {
    Yes,
    No,
}

/// How a send ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sent {
    /// Stored, the first value at this offset.
    Stored(i64),
    /// Certainly not stored; the same may succeed later.
    Refused,
    /// Certainly not stored, and this producer id is of no use any more.
    Fenced,
    Unknown,
}

/// Where a writer sends to.
#[derive(Debug)]
pub(super) enum Door {
    Http(HttpDoor),
    Kafka(KafkaDoor),
}

impl Door {
    pub(super) fn http(shared: &Shared) -> Self {
        Self::Http(HttpDoor::new(shared))
    }

    pub(super) fn kafka(shared: &Shared) -> Self {
        Self::Kafka(KafkaDoor::new(shared.kafka_ports.clone()))
    }

    async fn producer_id(&mut self) -> Result<i64> {
        match self {
            Self::Http(door) => door.producer_id().await,
            Self::Kafka(door) => door.producer_id().await,
        }
    }

    async fn send(&mut self, at: &At, values: &[u64], stamp: Option<Stamp>) -> Sent {
        match self {
            Self::Http(door) => door.send(at, values, stamp).await,
            Self::Kafka(door) => door.send(at, values, stamp).await,
        }
    }

    /// By how much a batch of so many values moves the sequence on: HTTP counts requests, Kafka values.
    fn step(&self, values: usize) -> i32 {
        match self {
            Self::Http(_) => 1,
            Self::Kafka(_) => i32::try_from(values).unwrap_or(1),
        }
    }
}

/// Writes until the clients stop.
pub(super) async fn write(shared: Arc<Shared>, mut door: Door, at: At, stamped: Stamped) {
    let process = shared.process();
    let mut stamp: Option<Stamp> = None;
    while !shared.is_stopping() {
        if stamped == Stamped::Yes && stamp.is_none() {
            let Ok(id) = door.producer_id().await else {
                tokio::time::sleep(BACK_OFF).await;
                continue;
            };
            stamp = Some(Stamp { id, sequence: 0 });
        }
        let values = shared.values();
        let began = Instant::now();
        loop {
            let sent = send_told(&shared, process, &mut door, &at, &values, stamp).await;
            let Some(now) = stamp else { break };
            if matches!(sent, Sent::Stored(_)) {
                stamp = Some(Stamp { sequence: now.sequence + door.step(values.len()), ..now });
                break;
            }
            if matches!(sent, Sent::Fenced) || shared.is_stopping() || began.elapsed() > PATIENCE {
                stamp = None;
                break;
            }
            tokio::time::sleep(BACK_OFF).await;
        }
        tokio::time::sleep(PACE).await;
    }
}

/// One attempt, told to the history.
pub(super) async fn send_told(
    shared: &Shared,
    process: u64,
    door: &mut Door,
    at: &At,
    values: &[u64],
    stamp: Option<Stamp>,
) -> Sent {
    let mut op = json!({"at": at.told(), "values": values});
    if let Some(stamp) = stamp {
        op["producer_id"] = json!(stamp.id);
        op["producer_epoch"] = json!(0);
        op["sequence"] = json!(stamp.sequence);
    }
    let id = shared.history.begin(process, "send", op);
    let sent = door.send(at, values, stamp).await;
    let mut end = json!({"at": at.told()});
    let phase = match sent {
        Sent::Stored(base) => {
            end["base_offset"] = json!(base);
            Phase::Ok
        }
        Sent::Refused | Sent::Fenced => Phase::Fail,
        Sent::Unknown => Phase::Unknown,
    };
    shared.history.end(process, id, phase, "send", end);
    sent
}
