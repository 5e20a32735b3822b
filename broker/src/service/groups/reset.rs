//! Moving the offsets of a group that has no members.

use futures_util::{StreamExt as _, TryStreamExt as _};

use super::error::GroupCallError;
use crate::groups::{CommitOffset, GroupError, GroupId};
use crate::service::{OffsetQuery, Service};
use crate::types::{LeaderEpoch, Offset, PartitionIndex, TopicName, TopicPartition};

/// How many partitions are looked at at once.
const AT_ONCE: usize = 32;

/// Where offsets are to go. What lies outside of a log goes to its nearer end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetTo {
    /// To the first record kept.
    Earliest,
    /// To the next record to come.
    Latest,
    /// To this offset.
    Offset(i64),
    /// To the first record with this timestamp or a later one.
    Timestamp(i64),
    /// By so many, from where they are.
    ShiftBy(i64),
}

/// Offsets to move.
#[derive(Clone, Debug)]
pub struct ResetOffsets {
    /// The group.
    pub group: GroupId,
    /// Where to.
    pub to: ResetTo,
    /// Of which topic; all that the group has offsets of if `None`.
    pub topic: Option<TopicName>,
    /// Of which of its partitions; all if `None`.
    pub partitions: Option<Vec<PartitionIndex>>,
    /// Only to tell what would be done.
    pub dry_run: bool,
}

/// An offset that was moved, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResetOfPartition {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// Where it was, if anywhere.
    pub from: Option<Offset>,
    /// Where it goes.
    pub to: Offset,
}

impl Service {
    /// Moves the offsets of a group without members.
    ///
    /// # Errors
    /// Why none was moved, or not all of them.
    pub async fn reset_offsets(&self, reset: ResetOffsets) -> Result<Vec<ResetOfPartition>, GroupCallError> {
        match self.describe_group(&reset.group).await {
            Ok(view) if !view.members.is_empty() => return Err(GroupError::NonEmptyGroup.into()),
            // Offsets of a group that is yet to be may be set when a topic is named.
            Err(GroupCallError::Refused(GroupError::GroupIdNotFound)) if reset.topic.is_some() => {}
            other => drop(other?),
        }
        let asked = self.partitions_to_reset(&reset)?;
        let before = self.committed_offsets(&reset.group, None, asked).await?;
        let moves: Vec<ResetOfPartition> = futures_util::stream::iter(before)
            .map(|one| {
                let from = one.committed.map(|committed| committed.offset);
                let tp = TopicPartition::new(one.topic, one.partition);
                async move {
                    let to = self.destination(&tp, from, reset.to).await?;
                    Ok::<_, GroupCallError>(ResetOfPartition {
                        topic: tp.topic,
                        partition: tp.partition,
                        from,
                        to,
                    })
                }
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        if !reset.dry_run && !moves.is_empty() {
            let offsets = moves.iter().map(commit_of).collect();
            let results = self.commit_offsets(&reset.group, None, offsets).await.map_err(who_is_in)?;
            verdict(&results)?;
        }
        Ok(moves)
    }

    fn partitions_to_reset(
        &self,
        reset: &ResetOffsets,
    ) -> Result<Option<Vec<(TopicName, PartitionIndex)>>, GroupCallError> {
        let Some(name) = &reset.topic else { return Ok(None) };
        let image = self.image();
        let topic = image.topic(name).ok_or(GroupError::UnknownTopicOrPartition)?;
        let count = topic.partition_count();
        let all = || (0..count).map(PartitionIndex).collect();
        let partitions = reset.partitions.clone().unwrap_or_else(all);
        if partitions.iter().any(|partition| !(0..count).contains(&partition.0)) {
            return Err(GroupError::UnknownTopicOrPartition.into());
        }
        Ok(Some(partitions.into_iter().map(|partition| (name.clone(), partition)).collect()))
    }

    async fn destination(
        &self,
        tp: &TopicPartition,
        from: Option<Offset>,
        to: ResetTo,
    ) -> Result<Offset, GroupCallError> {
        let ask = async |query| Ok::<_, GroupCallError>(self.offset(tp, query, None, true).await?.offset);
        let start = ask(OffsetQuery::Earliest).await?;
        let end = ask(OffsetQuery::Latest).await?;
        let wanted = match to {
            ResetTo::Earliest => start,
            ResetTo::Latest => end,
            ResetTo::Offset(offset) => Offset(offset),
            ResetTo::Timestamp(ms) => match ask(OffsetQuery::Timestamp(ms)).await? {
                Offset::NONE => end,
                found => found,
            },
            ResetTo::ShiftBy(by) => {
                let from = from.ok_or_else(|| GroupCallError::Invalid {
                    reason: format!("{tp} has no committed offset to shift from"),
                })?;
                Offset(from.0.saturating_add(by))
            }
        };
        Ok(wanted.min(end).max(start))
    }
}

/// A group that has members takes offsets of nobody else.
fn who_is_in(error: GroupCallError) -> GroupCallError {
    match error {
        GroupCallError::Refused(GroupError::UnknownMember) => GroupError::NonEmptyGroup.into(),
        other => other,
    }
}

/// What became of them all. What is kept stays kept, whatever became of the others, and that must be told.
fn verdict(results: &[Result<(), GroupError>]) -> Result<(), GroupCallError> {
    let Some(refused) = results.iter().find_map(|result| result.as_ref().err()) else { return Ok(()) };
    let some_kept = results.iter().any(Result::is_ok);
    Err(if some_kept { GroupCallError::InPart(refused.clone()) } else { refused.clone().into() })
}

fn commit_of(one: &ResetOfPartition) -> CommitOffset {
    CommitOffset {
        topic: one.topic.clone(),
        topic_id: None,
        partition: one.partition,
        offset: one.to,
        leader_epoch: LeaderEpoch::NONE,
        metadata: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_that_is_kept_in_part_says_so() {
        let (kept, refused) = (Ok(()), Err(GroupError::UnknownTopicOrPartition));
        assert_eq!(verdict(&[]), Ok(()));
        assert_eq!(verdict(&[kept.clone(), kept.clone()]), Ok(()));
        let in_part = Err(GroupCallError::InPart(GroupError::UnknownTopicOrPartition));
        assert_eq!(verdict(&[kept.clone(), refused.clone()]), in_part);
        assert_eq!(verdict(&[refused.clone(), kept]), in_part);
        assert_eq!(verdict(&[refused.clone(), refused]), Err(GroupError::UnknownTopicOrPartition.into()));
    }
}
