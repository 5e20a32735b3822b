//! What consumer instances over HTTP, which are members of the group, need to know of themselves.

use super::state::ConsumerGroup;
use crate::groups::ids::{MemberId, TopicIdPartition};
use crate::groups::records::{AssignedPartitions, MemberState};

impl ConsumerGroup {
    /// The epoch of a member, if it is one.
    pub(in crate::groups) fn epoch_of(&self, member: &MemberId) -> Option<i32> {
        Some(self.members.get(member)?.current.epoch)
    }

    /// What a member has, and since when.
    pub(in crate::groups) fn assigned_to(&self, member: &MemberId) -> AssignedPartitions {
        self.members.get(member).map(|member| member.current.assigned.clone()).unwrap_or_default()
    }

    /// Whether a member has all that it is to have.
    pub(in crate::groups) fn is_settled(&self, member: &MemberId) -> bool {
        self.members.get(member).is_some_and(|member| {
            let current = &member.current;
            current.state == MemberState::Stable && current.epoch == self.epochs.epoch
        })
    }

    /// Whether a member is to have a partition, now or soon.
    pub(in crate::groups) fn is_meant_for(&self, member: &MemberId, partition: &TopicIdPartition) -> bool {
        self.members.get(member).is_some_and(|member| member.target.partitions.contains(partition))
    }
}
