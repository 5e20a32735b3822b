//! Where a member goes on reading: what it has just acknowledged, else what is committed, else what it asked for.
//!
//! A start that nobody committed is committed as soon as it is found: so a member that waits at the end of a partition
//! misses nothing that comes between two of its polls, even if the answer of the first is lost.

use std::collections::{BTreeMap, BTreeSet};

use super::error::GroupCallError;
use super::members::reset_of;
use super::poll::PollFailed;
use crate::groups::{CommitOffset, GroupId, MemberId, OffsetReset, TopicIdPartition};
use crate::replication::Written;
use crate::service::{FetchError, OffsetQuery, Service};
use crate::types::{LeaderEpoch, Offset, PartitionIndex, TopicName, TopicPartition};

/// Positions by partition.
pub(in crate::service) type Positions = BTreeMap<TopicIdPartition, Offset>;

/// Who reads.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct Whose<'a> {
    pub(in crate::service) group: &'a GroupId,
    pub(in crate::service) member: &'a MemberId,
    pub(in crate::service) epoch: i32,
}

impl Service {
    /// Positions for all of `assigned` whose topics are known here; what is in `known` is taken as it is.
    pub(in crate::service) async fn positions(
        &self,
        whose: Whose<'_>,
        assigned: &BTreeSet<TopicIdPartition>,
        known: &Positions,
    ) -> Result<Positions, GroupCallError> {
        let mut positions: Positions =
            assigned.iter().filter_map(|one| Some((*one, *known.get(one)?))).collect();
        let unknown: Vec<_> = assigned
            .iter()
            .filter(|one| !positions.contains_key(one))
            .filter_map(|one| Some((*one, self.name_of(one)?)))
            .collect();
        if unknown.is_empty() {
            return Ok(positions);
        }
        let asked = unknown.iter().map(|(_, tp)| (tp.topic.clone(), tp.partition)).collect();
        let member = Some((whose.member.clone(), whose.epoch));
        let fetched = self.committed_offsets(whose.group, member, Some(asked)).await?;
        let committed: BTreeMap<(TopicName, PartitionIndex), Offset> = fetched
            .into_iter()
            .filter_map(|one| Some(((one.topic, one.partition), one.committed?.offset)))
            .collect();
        let mut started = Positions::new();
        for (one, tp) in unknown {
            match committed.get(&(tp.topic.clone(), tp.partition)) {
                Some(offset) => {
                    positions.insert(one, *offset);
                }
                None => {
                    started.insert(one, self.start_of(reset_of(whose.member), &tp, None).await?);
                }
            }
        }
        self.acknowledge(whose, &started).await?;
        positions.append(&mut started);
        Ok(positions)
    }

    /// Commits positions for a member; which of them were taken. A partition that is not the member's any more is left to
    /// its new owner.
    pub(in crate::service) async fn acknowledge(
        &self,
        whose: Whose<'_>,
        positions: &Positions,
    ) -> Result<Positions, PollFailed> {
        let named: Vec<(TopicIdPartition, CommitOffset)> = positions
            .iter()
            .filter_map(|(one, offset)| {
                let tp = self.name_of(one)?;
                let commit = CommitOffset {
                    topic: tp.topic,
                    topic_id: Some(one.topic),
                    partition: one.partition,
                    offset: *offset,
                    leader_epoch: LeaderEpoch::NONE,
                    metadata: String::new(),
                };
                Some((*one, commit))
            })
            .collect();
        if named.is_empty() {
            return Ok(Positions::new());
        }
        let (keys, commits): (Vec<_>, Vec<_>) = named.into_iter().unzip();
        let offsets: Vec<Offset> = commits.iter().map(|commit| commit.offset).collect();
        let member = Some((whose.member.clone(), whose.epoch));
        let results = self.commit_offsets(whose.group, member, commits).await?;
        let taken = keys.into_iter().zip(offsets).zip(results);
        let (mut kept, mut failed) = (Positions::new(), None);
        for ((one, offset), result) in taken {
            use crate::groups::GroupError as E;
            match result {
                Ok(()) => {
                    kept.insert(one, offset);
                }
                Err(E::NotAssigned { .. } | E::StaleEpoch { .. } | E::UnknownTopicOrPartition) => {}
                Err(refused) => failed = failed.or(Some(refused)),
            }
        }
        let written = if kept.is_empty() { Written::No } else { Written::Maybe };
        failed.map_or(Ok(kept), |refused| Err(PollFailed { error: refused.into(), written }))
    }

    /// Where a member begins that has no position, or one that `lost` says cannot be read any more.
    pub(in crate::service) async fn start_of(
        &self,
        reset: OffsetReset,
        tp: &TopicPartition,
        lost: Option<FetchError>,
    ) -> Result<Offset, GroupCallError> {
        let query = match reset {
            OffsetReset::Earliest => OffsetQuery::Earliest,
            OffsetReset::Latest => OffsetQuery::Latest,
            OffsetReset::None => {
                let nothing = || FetchError::NoLeader {
                    tp: tp.clone(),
                    reason: "no offset is committed there".to_owned(),
                };
                return Err(GroupCallError::NoPosition {
                    topic: tp.topic.as_str().to_owned(),
                    partition: tp.partition.0,
                    source: Box::new(lost.unwrap_or_else(nothing)),
                });
            }
        };
        Ok(self.offset(tp, query, None, true).await?.offset)
    }

    /// The name of a partition, if its topic is known here.
    pub(in crate::service) fn name_of(&self, one: &TopicIdPartition) -> Option<TopicPartition> {
        let image = self.image();
        let topic = image.topic_by_id(one.topic)?;
        (0..topic.partition_count())
            .contains(&one.partition.0)
            .then(|| TopicPartition::new(topic.name.clone(), one.partition))
    }
}
