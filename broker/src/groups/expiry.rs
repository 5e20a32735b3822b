//! Offsets that nobody uses go (KIP-211), and groups without members and offsets with them.
//!
//! An offset goes when no member reads its topic, and the retention time has passed since the later of its commit and
//! the moment that the group became empty. Groups that only keep offsets never had members: there the commit counts.
//!
//! *Invariant:* the offset of a topic that a member reads does not expire, however old it is.

use std::collections::BTreeSet;

use super::group::{Group, Kind};
use super::offsets::Committed;
use super::turn::Turn;
use crate::types::{PartitionIndex, TopicId, TopicName};

impl Group {
    /// Forgets what has expired, `limit` offsets at most. How many it was.
    pub(super) fn expire(&mut self, turn: &mut Turn, limit: usize) -> usize {
        let retention_ms = i64::from(turn.options.offsets_retention_minutes) * 60_000;
        let empty_since_ms = self.empty_since_ms().unwrap_or(i64::MIN);
        let has_expired = |topic: &TopicName, committed: &Committed| {
            let base_ms = committed.commit_timestamp_ms.max(empty_since_ms);
            turn.now.unix_ms.saturating_sub(base_ms) >= retention_ms && !self.is_subscribed(topic)
        };
        let expired = self.some_offsets(limit, has_expired);
        let count = expired.len();
        for (topic, partition) in expired {
            self.forget_offset(turn, &topic, partition);
        }
        if self.offsets.is_empty() && !self.has_members() && !matches!(self.kind, Kind::Bare) {
            self.end_if_settled(turn);
        }
        count
    }

    /// A group without members and offsets is of no use; but one that has just emptied keeps its epochs a while, so that
    /// members who come back at once do not meet their own old ones.
    fn end_if_settled(&mut self, turn: &mut Turn) {
        let empty_for_ms = turn.now.unix_ms.saturating_sub(self.empty_since_ms().unwrap_or(i64::MIN));
        if empty_for_ms >= i64::from(turn.options.offsets_retention_check_interval_ms) {
            self.end_kind(turn);
        }
    }

    /// Forgets the offsets of topics that have been deleted.
    pub(super) fn forget_topics(&mut self, turn: &mut Turn, deleted: &BTreeSet<TopicId>) {
        let is_gone =
            |_: &TopicName, committed: &Committed| committed.topic_id.is_some_and(|id| deleted.contains(&id));
        for (topic, partition) in self.some_offsets(usize::MAX, is_gone) {
            self.forget_offset(turn, &topic, partition);
        }
    }

    fn some_offsets(
        &self,
        limit: usize,
        which: impl Fn(&TopicName, &Committed) -> bool,
    ) -> Vec<(TopicName, PartitionIndex)> {
        self.offsets
            .iter()
            .filter(|(topic, _, committed)| which(topic, committed))
            .take(limit)
            .map(|(topic, partition, _)| (topic.clone(), partition))
            .collect()
    }
}
