//! Whose offsets are taken, and to whom they are shown.
//!
//! A commit is judged partition by partition (KIP-1251): a heartbeat may have raised the member's epoch since it was
//! sent, which takes nothing from the partitions that it still has. Kafka takes everything in the member's own epoch;
//! here a partition must be the member's in every case, so that a client which forgot to give one up cannot move its new
//! owner back.

use super::state::{ConsumerGroup, Member};
use crate::groups::error::GroupError;
use crate::groups::ids::{InstanceId, MemberId, TopicIdPartition};
use crate::rules::{self, Rule};

/// A commit that comes from a member, or from nobody while there are none.
#[derive(Debug)]
pub(in crate::groups) struct Committer<'a> {
    member: Option<&'a Member>,
    epoch: i32,
}

impl ConsumerGroup {
    /// Whether a commit may come from there at all.
    pub(in crate::groups) fn committer(
        &self,
        name: &MemberId,
        instance: Option<&InstanceId>,
        epoch: i32,
    ) -> Result<Committer<'_>, GroupError> {
        if (epoch < 0 && self.members.is_empty()) || !rules::holds(Rule::MemberEpochFences) {
            return Ok(Committer { member: None, epoch });
        }
        if let Some(holder) = instance.and_then(|instance| self.instances.get(instance))
            && holder != name
        {
            return Err(GroupError::FencedInstance);
        }
        let member = self.members.get(name).ok_or(GroupError::UnknownMember)?;
        if epoch < 0 || epoch > member.current.epoch {
            return Err(GroupError::StaleEpoch { current: member.current.epoch });
        }
        Ok(Committer { member: Some(member), epoch })
    }

    /// Whether a member may read offsets in that epoch: one that is behind might read before its predecessor commits.
    pub(in crate::groups) fn may_fetch(&self, name: &MemberId, epoch: i32) -> Result<(), GroupError> {
        let current = self.members.get(name).ok_or(GroupError::UnknownMember)?.current.epoch;
        if epoch == current { Ok(()) } else { Err(GroupError::StaleEpoch { current }) }
    }
}

impl Committer<'_> {
    /// Whether it may commit this partition.
    pub(in crate::groups) fn check(&self, partition: &TopicIdPartition) -> Result<(), GroupError> {
        let Some(member) = self.member else { return Ok(()) };
        let current = &member.current;
        let since = current.assigned.get(partition).or_else(|| current.pending_revocation.get(partition));
        match since {
            Some(since) if *since <= self.epoch => Ok(()),
            _ if self.epoch < current.epoch => Err(GroupError::StaleEpoch { current: current.epoch }),
            _ => Err(GroupError::NotAssigned { epoch: self.epoch }),
        }
    }
}
