//! Groups from outside: offsets are read and forgotten, groups are forgotten.

use super::error::GroupError;
use super::group::{Group, Kind};
use super::ids::MemberId;
use super::offsets::Committed;
use super::records::GroupRecord;
use super::reply::{FetchedOffset, Left};
use super::request::{DeleteOffsets, FetchOffsets, Leave};
use super::turn::Turn;
use crate::types::{PartitionIndex, TopicName};

impl Group {
    /// What is kept, but for topics that are not there any more or were made anew.
    pub(super) fn fetch_offsets(
        &self,
        turn: &Turn,
        request: &FetchOffsets,
    ) -> Result<Vec<FetchedOffset>, GroupError> {
        if let Some((member, epoch)) = &request.member {
            self.may_fetch(member, *epoch)?;
        }
        let of_its_topic = |topic: &TopicName, committed: &Committed| {
            turn.topics.get(topic).is_some_and(|facts| committed.is_for(facts.id))
        };
        let fetched = |topic: &TopicName, partition: PartitionIndex, committed| FetchedOffset {
            topic: topic.clone(),
            partition,
            committed,
        };
        Ok(match &request.partitions {
            Some(asked) => asked
                .iter()
                .map(|(topic, partition)| {
                    let kept = self.offsets.get(topic, *partition).filter(|kept| of_its_topic(topic, kept));
                    fetched(topic, *partition, kept.cloned())
                })
                .collect(),
            None => self
                .offsets
                .iter()
                .filter(|(topic, _, kept)| of_its_topic(topic, kept))
                .map(|(topic, partition, kept)| fetched(topic, partition, Some(kept.clone())))
                .collect(),
        })
    }

    fn may_fetch(&self, member: &MemberId, epoch: i32) -> Result<(), GroupError> {
        match &self.kind {
            Kind::Consumer(group) => group.may_fetch(member, epoch),
            // As in Kafka, which looks at the member only where epochs are to be compared.
            Kind::Bare | Kind::Classic(_) => Ok(()),
        }
    }

    /// Forgets offsets of topics that no member reads.
    pub(super) fn delete_offsets(
        &mut self,
        turn: &mut Turn,
        request: &DeleteOffsets,
    ) -> Result<Vec<Result<(), GroupError>>, GroupError> {
        if self.is_nothing() {
            return Err(GroupError::GroupIdNotFound);
        }
        let forget = |(topic, partition): &(TopicName, PartitionIndex)| {
            if self.is_subscribed(topic) {
                return Err(GroupError::GroupSubscribedToTopic);
            }
            self.forget_offset(turn, topic, *partition);
            Ok(())
        };
        Ok(request.partitions.iter().map(forget).collect())
    }

    /// Forgets the group, if nobody is in it: its offsets first, then itself.
    pub(super) fn delete(&mut self, turn: &mut Turn) -> Result<(), GroupError> {
        if self.is_nothing() {
            return Err(GroupError::GroupIdNotFound);
        }
        if self.has_members() || !self.instances.is_empty() {
            return Err(GroupError::NonEmptyGroup);
        }
        let all: Vec<_> =
            self.offsets.iter().map(|(topic, partition, _)| (topic.clone(), partition)).collect();
        for (topic, partition) in all {
            self.forget_offset(turn, &topic, partition);
        }
        self.end_kind(turn);
        Ok(())
    }

    /// Removes members, each for itself.
    pub(super) fn leave(&mut self, turn: &mut Turn, request: &Leave) -> Result<Vec<Left>, GroupError> {
        let max = turn.options.members_max;
        if request.members.len() > max {
            return Err(GroupError::TooMany { what: "members in one request", max });
        }
        let mut left = Vec::with_capacity(request.members.len());
        for (member, instance) in &request.members {
            let result = match &mut self.kind {
                Kind::Bare => Err(GroupError::UnknownMember),
                Kind::Consumer(group) => group.remove_named(turn, member, instance.as_ref()),
                Kind::Classic(group) => group.leave(turn, member, instance.as_ref()),
            };
            left.push(Left { member: member.clone(), instance: instance.clone(), result });
        }
        Ok(left)
    }

    pub(super) fn forget_offset(&mut self, turn: &mut Turn, topic: &TopicName, partition: PartitionIndex) {
        if self.offsets.remove(topic, partition) {
            let (group, topic) = (turn.group.clone(), topic.clone());
            turn.write(GroupRecord::Offset { group, topic, partition, value: None });
        }
    }
}
