//! One fetch over all the partitions that are pulled from one leader. Pure.

use std::time::Instant;

use super::fetcher::Key;
use super::follower::Asked;
use super::options::ReplicationOptions;
use crate::types::{Incarnation, Offset, TopicId};
use crate::wire::{FetchPartition, FetchRequest, FetchTopic};

/// What is asked, partition by partition.
#[derive(Debug, Default)]
pub(super) struct Round {
    asked: Vec<(Key, Asked, Offset, usize)>,
}

impl Round {
    pub(super) fn push(&mut self, key: Key, asked: Asked, log_start: Offset, bytes_max: usize) {
        self.asked.push((key, asked, log_start, bytes_max));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    pub(super) fn into_asked(self) -> impl Iterator<Item = (Key, Asked)> {
        self.asked.into_iter().map(|(key, asked, ..)| (key, asked))
    }

    /// The request. It waits no longer at the leader than until `retry_at`, when others are to be asked for again.
    pub(super) fn request(
        &self,
        me: Incarnation,
        options: &ReplicationOptions,
        retry_at: Option<Instant>,
        now: Instant,
    ) -> FetchRequest {
        let until_retry = retry_at.map_or(u128::MAX, |at| at.saturating_duration_since(now).as_millis());
        let wait_ms = until_retry.min(u128::from(options.fetch_wait_ms));
        let mut topics: Vec<FetchTopic> = Vec::new();
        for ((topic_id, index), asked, log_start, bytes_max) in &self.asked {
            let partition = FetchPartition {
                index: index.0,
                current_leader_epoch: asked.epoch,
                fetch_offset: asked.offset,
                last_fetched_epoch: asked.last_epoch,
                log_start_offset: *log_start,
                max_bytes: clamped(*bytes_max),
            };
            match topics.last_mut().filter(|topic| topic.topic_id == Some(*topic_id)) {
                Some(topic) => topic.partitions.push(partition),
                None => topics.push(topic(*topic_id, partition)),
            }
        }
        FetchRequest {
            replica: Some(me),
            max_wait_ms: i32::try_from(wait_ms).unwrap_or(i32::MAX),
            min_bytes: 1,
            max_bytes: clamped(options.fetch_bytes_max),
            session_id: 0,
            session_epoch: -1,
            topics,
        }
    }
}

fn topic(topic_id: TopicId, first: FetchPartition) -> FetchTopic {
    FetchTopic { name: None, topic_id: Some(topic_id), partitions: vec![first] }
}

fn clamped(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}
