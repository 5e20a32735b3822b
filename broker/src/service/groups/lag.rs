//! How far a group is behind.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt as _;

use super::error::GroupCallError;
use crate::groups::{GroupId, GroupView, MemberDetail, MemberId};
use crate::service::{OffsetQuery, Service};
use crate::types::{Offset, PartitionIndex, TopicName, TopicPartition};

/// How many partitions are asked for their ends at once.
const AT_ONCE: usize = 32;

/// How far a group is behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    /// By topic and partition: whatever has a committed offset or a member that reads it.
    pub partitions: Vec<LagOfPartition>,
    /// The sum of what is known.
    pub total: i64,
}

/// How far a group is behind in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LagOfPartition {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// The next offset to read, if one is committed.
    pub committed: Option<Offset>,
    /// One past the last committed record, if its leader answers.
    pub end: Option<Offset>,
    /// How many offsets lie between the two.
    pub lag: Option<i64>,
    /// Who reads it.
    pub member: Option<MemberId>,
}

impl Service {
    /// How far a group is behind.
    ///
    /// # Errors
    /// That there is none, or that nobody answers for it.
    pub async fn group_lag(&self, group: &GroupId) -> Result<Lag, GroupCallError> {
        let view = self.describe_group(group).await?;
        let committed = self.committed_offsets(group, None, None).await?;
        let committed: BTreeMap<(TopicName, PartitionIndex), Offset> = committed
            .into_iter()
            .filter_map(|one| Some(((one.topic, one.partition), one.committed?.offset)))
            .collect();
        let readers = self.readers(&view);
        let wanted: BTreeSet<_> = committed.keys().chain(readers.keys()).cloned().collect();
        let ends = self.ends_of(wanted).await;
        let partitions: Vec<LagOfPartition> = ends
            .into_iter()
            .map(|((topic, partition), end)| {
                let key = (topic, partition);
                let committed = committed.get(&key).copied();
                let member = readers.get(&key).cloned();
                let lag = committed.zip(end).map(|(committed, end)| (end.0 - committed.0).max(0));
                LagOfPartition { topic: key.0, partition, committed, end, lag, member }
            })
            .collect();
        let total = partitions.iter().filter_map(|one| one.lag).sum();
        Ok(Lag { partitions, total })
    }

    /// Who reads what, in a group with server-side assignment.
    fn readers(&self, view: &GroupView) -> BTreeMap<(TopicName, PartitionIndex), MemberId> {
        let image = self.image();
        let mut readers = BTreeMap::new();
        for member in &view.members {
            let MemberDetail::Consumer { assigned, .. } = &member.detail else { continue };
            for one in assigned.keys() {
                if let Some(topic) = image.topic_by_id(one.topic) {
                    readers.insert((topic.name.clone(), one.partition), member.member.clone());
                }
            }
        }
        readers
    }

    /// The ends of partitions, as far as their leaders answer.
    async fn ends_of(
        &self,
        partitions: BTreeSet<(TopicName, PartitionIndex)>,
    ) -> BTreeMap<(TopicName, PartitionIndex), Option<Offset>> {
        futures_util::stream::iter(partitions)
            .map(|(topic, partition)| async move {
                let tp = TopicPartition::new(topic.clone(), partition);
                let end = self.offset(&tp, OffsetQuery::Latest, None, true).await;
                ((topic, partition), end.ok().map(|found| found.offset))
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await
    }
}
