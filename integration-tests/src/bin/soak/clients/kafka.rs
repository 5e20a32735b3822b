//! The Kafka door, in frames by hand: Metadata 1, InitProducerId 0, Produce 3, Fetch 5.
//!
//! *Invariant:* after an error or a silence the connection is thrown away, and the leader is asked for anew.

use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, bail, ensure};
use integration_tests::batch::{self, Draft, Producer};
use integration_tests::kafka::Wire;

use super::frames::{Body, Words, ask, connect};
use super::writer::{Sent, Stamp};
use super::{At, text_of, value_in};

const TIMEOUT_MS: i32 = 10_000;
/// Errors that say that nothing was appended: an unknown topic, too few in sync, a sequence out of order, a fenced producer.
const REFUSALS: [i16; 2] = [3, 19];
const FENCES: [i16; 3] = [45, 47, 59];

/// What a fetch brought.
#[derive(Debug)]
pub(super) struct Fetched {
    /// Offset, value, epoch.
    pub(super) records: Vec<(i64, Option<u64>, i32)>,
    pub(super) high_watermark: i64,
    pub(super) log_start: i64,
}

/// A client of one partition's leader.
#[derive(Debug)]
pub(super) struct KafkaDoor {
    bootstrap: Vec<u16>,
    turn: usize,
    leader: Option<Wire>,
}

impl KafkaDoor {
    pub(super) fn new(bootstrap: Vec<u16>) -> Self {
        Self { bootstrap, turn: 0, leader: None }
    }

    /// A connection to any broker.
    async fn any(&mut self) -> Result<Wire> {
        self.turn += 1;
        connect(self.bootstrap[self.turn % self.bootstrap.len()]).await
    }

    async fn leader(&mut self, at: &At) -> Result<Wire> {
        if let Some(wire) = self.leader.take() {
            return Ok(wire);
        }
        let mut wire = self.any().await?;
        let mut body = Body::default();
        body.i32(1).text(&at.topic);
        let answer = ask(&mut wire, 3, 1, &body.0).await?;
        connect(leader_port(&answer, at.partition)?).await
    }

    pub(super) async fn producer_id(&mut self) -> Result<i64> {
        let mut wire = self.any().await?;
        let mut body = Body::default();
        body.i16(-1).i32(TIMEOUT_MS);
        let answer = ask(&mut wire, 22, 0, &body.0).await?;
        let mut answer = Words(&answer);
        answer.i32()?;
        let error = answer.i16()?;
        ensure!(error == 0, "InitProducerId: error {error}");
        answer.i64()
    }

    pub(super) async fn send(&mut self, at: &At, values: &[u64], stamp: Option<Stamp>) -> Sent {
        // Nothing was sent as long as there is no connection.
        let Ok(mut wire) = self.leader(at).await else { return Sent::Refused };
        match produce(&mut wire, at, values, stamp).await {
            Ok((0, base)) if base >= 0 => {
                self.leader = Some(wire);
                Sent::Stored(base)
            }
            Ok((error, _)) if REFUSALS.contains(&error) => Sent::Refused,
            Ok((error, _)) if FENCES.contains(&error) => Sent::Fenced,
            _ => Sent::Unknown,
        }
    }

    pub(super) async fn fetch(&mut self, at: &At, from: i64) -> Result<Fetched> {
        let mut wire = self.leader(at).await?;
        let mut body = Body::default();
        body.i32(-1).i32(500).i32(1).i32(1 << 20).i8(0);
        body.i32(1).text(&at.topic).i32(1).i32(at.partition).i64(from).i64(-1).i32(1 << 20);
        let answer = ask(&mut wire, 1, 5, &body.0).await?;
        let fetched = read_fetched(&answer, from)?;
        self.leader = Some(wire);
        Ok(fetched)
    }
}

fn leader_port(answer: &[u8], partition: i32) -> Result<u16> {
    let mut words = Words(answer);
    let mut ports = Vec::new();
    for _ in 0..words.i32()? {
        let id = words.i32()?;
        words.text()?;
        ports.push((id, words.i32()?));
        words.text()?;
    }
    words.i32()?;
    ensure!(words.i32()? == 1, "another number of topics");
    let error = words.i16()?;
    ensure!(error == 0, "Metadata: error {error}");
    words.text()?;
    words.i8()?;
    for _ in 0..words.i32()? {
        words.i16()?;
        let (index, leader) = (words.i32()?, words.i32()?);
        for _ in 0..2 {
            for _ in 0..words.i32()? {
                words.i32()?;
            }
        }
        if index == partition {
            let found = ports.iter().find(|(id, _)| *id == leader).context("no leader")?;
            return Ok(u16::try_from(found.1)?);
        }
    }
    bail!("no such partition")
}

/// The error, and the base offset.
async fn produce(wire: &mut Wire, at: &At, values: &[u64], stamp: Option<Stamp>) -> Result<(i16, i64)> {
    let texts: Vec<String> = values.iter().map(|value| text_of(*value)).collect();
    let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    // Records of today: retention by time takes none of them.
    let now_ms = i64::try_from(UNIX_EPOCH.elapsed()?.as_millis())?;
    let mut draft = Draft::of(&texts, now_ms);
    if let Some(stamp) = stamp {
        draft.producer = Producer { id: stamp.id, epoch: 0, sequence: stamp.sequence };
    }
    let batch = draft.bytes();
    let mut body = Body::default();
    body.i16(-1).i16(-1).i32(TIMEOUT_MS);
    body.i32(1).text(&at.topic).i32(1).i32(at.partition).blob(&batch);
    let answer = ask(wire, 0, 3, &body.0).await?;
    let mut words = Words(&answer);
    words.i32()?;
    words.text()?;
    words.i32()?;
    words.i32()?;
    Ok((words.i16()?, words.i64()?))
}

fn read_fetched(answer: &[u8], from: i64) -> Result<Fetched> {
    let mut words = Words(answer);
    words.i32()?;
    ensure!(words.i32()? == 1, "another number of topics");
    words.text()?;
    ensure!(words.i32()? == 1, "another number of partitions");
    words.i32()?;
    let error = words.i16()?;
    ensure!(error == 0, "Fetch: error {error}");
    let high_watermark = words.i64()?;
    words.i64()?;
    let log_start = words.i64()?;
    for _ in 0..words.i32()?.max(0) {
        words.i64()?;
        words.i64()?;
    }
    let mut bytes = words.blob()?;
    let mut records = Vec::new();
    // The last batch may be cut.
    while let Ok(Some(batch)) = batch::first(bytes) {
        for (offset, value) in batch::values(&batch)? {
            if offset >= from {
                records.push((offset, value_in(value), batch.leader_epoch));
            }
        }
        bytes = &bytes[batch.bytes.len()..];
    }
    Ok(Fetched { records, high_watermark, log_start })
}
