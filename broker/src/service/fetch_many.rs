//! Fetch over many partitions with one wait, for consumers and replicas at the Kafka port. Never sent on.

use std::time::Duration;

use bytes::Bytes;

use super::broker::Service;
use super::errors::FetchError;
use crate::types::{Incarnation, LeaderEpoch, Offset, PartitionIndex, TopicId, TopicPartition};

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A consumer: up to the high watermark.
    Consumer,
    /// A replica: up to the log end; its fetch offset is its word that it holds all below.
    Replica(Incarnation),
}

/// How a request names a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartitionKey {
    /// By the topic's name.
    Name(TopicPartition),
    /// By the topic's id.
    Id(TopicId, PartitionIndex),
}

/// A read of one partition among many.
#[derive(Clone, Debug)]
pub struct FetchOne {
    /// The partition.
    pub key: PartitionKey,
    /// From where.
    pub from: Offset,
    /// The leader epoch that the reader believes to be current, exactly; [`LeaderEpoch::NONE`] if it does not say.
    pub leader_epoch: LeaderEpoch,
    /// The epoch of the last record that a replica holds; [`LeaderEpoch::NONE`] if it does not say.
    pub last_fetched_epoch: LeaderEpoch,
    /// A replica's log start; [`Offset::NONE`] for a consumer.
    pub log_start: Offset,
    /// How many bytes at most of this partition.
    pub max_bytes: usize,
}

/// A read of many partitions.
#[derive(Clone, Debug)]
pub struct FetchMany {
    /// Who reads.
    pub reader: Reader,
    /// What, in the order in which answers are wanted.
    pub partitions: Vec<FetchOne>,
    /// How long to wait for `min_bytes`.
    pub wait: Duration,
    /// How many bytes to wait for, over all partitions; 0 or less answers at once.
    pub min_bytes: usize,
    /// How many bytes at most, over all partitions, except that one batch is always returned whole.
    pub max_bytes: usize,
}

/// What was read of one partition, or why nothing was.
#[derive(Clone, Debug)]
pub struct FetchedOne {
    /// Why nothing was read; the other fields hold what is known all the same.
    pub error: Option<FetchError>,
    /// Whole batches, in order, in pieces.
    pub batches: Vec<Bytes>,
    /// One past the last committed record; [`Offset::NONE`] if unknown.
    pub high_watermark: Offset,
    /// The first offset kept; [`Offset::NONE`] if unknown.
    pub log_start: Offset,
    /// Where the reader's log leaves the leader's: the epoch, and its end in the leader's log.
    pub diverging: Option<(LeaderEpoch, Offset)>,
    /// Who leads, in which epoch, if the reader should ask there.
    pub leader: Option<(Incarnation, LeaderEpoch)>,
}

impl Service {
    /// Reads many partitions of which this broker is the leader, one answer for each in the order asked.
    ///
    /// Answers at once if any partition has an error or diverges, else when `min_bytes` have come or `wait` is over.
    pub async fn fetch_many(&self, fetch: FetchMany) -> Vec<FetchedOne> {
        let _ = fetch;
        unimplemented!("fetch_many")
    }
}
