//! Everything is healed: does the cluster come back whole, and what does it hold?

use std::cell::RefCell;
use std::hash::Hasher as _;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use tidemark::checker::{Place, Replica, ReplicaEntry};

use super::history::Outcome;
use super::load::{Actor, TOPIC, look_at_all, read_once, send_once};

/// How long, in simulated time, a healed cluster may take until all replicas are in sync.
pub(super) const WHOLE_WITHIN: Duration = Duration::from_secs(120);

/// What the judge found. Clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings(Rc<RefCell<Option<Vec<String>>>>);

impl Findings {
    /// What it found, once it is done.
    pub(super) fn take(&self) -> Option<Vec<String>> {
        self.0.take()
    }
}

/// Waits until all replicas are in sync, sends a last batch to each partition, and reads everything, also what
/// groups have committed.
pub(super) async fn judges(mut actor: Actor, findings: Findings) -> turmoil::Result {
    let found = match tokio::time::timeout(WHOLE_WITHIN, look(&mut actor)).await {
        Ok(()) => Vec::new(),
        Err(_) => {
            vec![format!(
                "the cluster is not whole, or cannot be read, {} s after all was healed",
                WHOLE_WITHIN.as_secs()
            )]
        }
    };
    findings.0.replace(Some(found));
    Ok(())
}

async fn look(actor: &mut Actor) {
    until_whole(actor).await;
    for partition in 0..actor.load.partitions {
        while !matches!(send_once(actor, partition).await, Outcome::Stored(..)) {
            actor.rest(500).await;
        }
    }
    look_at_all(actor).await;
    for state in until_whole(actor).await {
        read_all(actor, state.partition, state.end).await;
        for broker in state.replicas {
            match replica(actor.place(state.partition), broker, state.end) {
                Ok(replica) => actor.load.history.replica(replica),
                Err(error) => tracing::error!(broker, %error, "a replica cannot be read"),
            }
        }
    }
}

/// A partition that is whole.
#[derive(Debug)]
struct Whole {
    partition: i32,
    /// One past the last record, which is committed.
    end: i64,
    replicas: Vec<i32>,
}

/// The partitions, once every replica is in sync and holds everything.
async fn until_whole(actor: &mut Actor) -> Vec<Whole> {
    loop {
        if let Some(partitions) = whole(actor).await {
            return partitions;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn whole(actor: &mut Actor) -> Option<Vec<Whole>> {
    let answer = actor.call("GET", &format!("/v1/topics/{TOPIC}/partitions"), &[], b"").await.ok()?;
    let json = answer.json();
    let told = json["partitions"].as_array()?;
    let partitions: Vec<Whole> = told.iter().filter_map(is_whole).collect();
    (partitions.len() == usize::try_from(actor.load.partitions).ok()?).then_some(partitions)
}

fn is_whole(told: &Value) -> Option<Whole> {
    let list = |name: &str| told[name].as_array();
    let at_rest = list("adding")?.is_empty() && list("removing")?.is_empty();
    let end = told["high_watermark"].as_i64()?;
    let replicas = list("replicas")?;
    // All are in sync and the last record is committed: so all of them hold it.
    let whole = at_rest && list("isr")?.len() == replicas.len() && told["log_end"].as_i64()? == end;
    whole.then(|| Whole {
        partition: told["partition"].as_i64().and_then(|number| i32::try_from(number).ok()).unwrap_or(-1),
        end,
        replicas: replicas.iter().filter_map(|id| i32::try_from(id.as_i64()?).ok()).collect(),
    })
}

async fn read_all(actor: &mut Actor, partition: i32, end: i64) {
    let mut from = 0;
    while from < end {
        match read_once(actor, partition, from, true).await {
            Some(next) => from = next,
            None => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

/// What a replica's files hold below the high watermark, batch by batch.
fn replica(at: Place, broker: i32, high_watermark: i64) -> std::io::Result<Replica> {
    let folder = PathBuf::from(format!("broker-{broker}/{}-{}", at.topic, at.partition));
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    files.sort();
    let mut entries = Vec::new();
    for file in files {
        let bytes = std::fs::read(file)?;
        let mut rest = &bytes[..];
        while let Some((entry, left)) = first_batch(rest) {
            entries.push(entry);
            rest = left;
        }
    }
    let log_start = entries.first().map_or(0, |entry| entry.base);
    let log_end = entries.last().map_or(0, |entry| entry.end);
    Ok(Replica { at, broker, high_watermark, log_end, log_start, in_sync: true, entries })
}

/// A record batch as Kafka lays it out, and what is behind it.
fn first_batch(bytes: &[u8]) -> Option<(ReplicaEntry, &[u8])> {
    let number = |range: std::ops::Range<usize>| {
        bytes.get(range).map(|bytes| bytes.iter().fold(0_i64, |number, byte| number << 8 | i64::from(*byte)))
    };
    let (base, length, epoch, last_delta) = (number(0..8)?, number(8..12)?, number(12..16)?, number(23..27)?);
    let (batch, rest) = bytes.split_at_checked(12 + usize::try_from(length).ok()?)?;
    let mut digest = std::hash::DefaultHasher::new();
    digest.write(batch);
    let digest = format!("{:016x}", digest.finish());
    Some((ReplicaEntry { base, end: base + last_delta + 1, epoch, digest }, rest))
}
