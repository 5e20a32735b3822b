//! Fetch: committed records of one partition, from here or from the broker that leads; waits for records if asked.

use std::time::Duration;

use bytes::Bytes;

use super::admission::Admitted;
use super::broker::Service;
use super::errors::FetchError;
use crate::types::{BrokerId, LeaderEpoch, Offset, TopicPartition};

/// Where to read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchFrom {
    /// From this offset.
    Offset(Offset),
    /// From the first record kept.
    Earliest,
    /// From the next record to be committed.
    Latest,
    /// From the first record with this timestamp or a later one.
    Timestamp(i64),
    /// From so many records before the end.
    Tail(u64),
}

/// A read of one partition.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// What to read.
    pub tp: TopicPartition,
    /// From where.
    pub from: FetchFrom,
    /// How many bytes at most, except that one batch is always returned whole.
    pub max_bytes: usize,
    /// How many bytes to wait for; at least 1.
    pub min_bytes: usize,
    /// How long to wait for them.
    pub wait: Duration,
    /// The newest leader epoch that the reader has seen: an older leader does not answer.
    pub leader_epoch: Option<LeaderEpoch>,
    /// Whether to ask the leader if that is another broker.
    pub forward: bool,
}

/// What was read.
#[derive(Debug)]
pub struct Fetched {
    /// Whole record batches, in order, in pieces; the first may begin before `from`. Empty if nothing came.
    pub batches: Vec<Bytes>,
    /// The offset that the reader asked for, resolved.
    pub from: Offset,
    /// The offset to read next.
    pub next_offset: Offset,
    /// One past the last committed record.
    pub high_watermark: Offset,
    /// The first offset kept.
    pub log_start: Offset,
    /// The reign that answered.
    pub leader_epoch: LeaderEpoch,
    /// The broker that leads.
    pub leader: BrokerId,
    /// Keeps the bytes in the budget for as long as they are held.
    pub admitted: Option<Admitted>,
}

impl Service {
    /// Reads committed records.
    ///
    /// # Errors
    /// Why they could not be read. An empty answer after waiting is none.
    pub async fn fetch(&self, fetch: Fetch) -> Result<Fetched, FetchError> {
        let _ = fetch;
        unimplemented!("fetch")
    }
}
