//! A group with server-side assignment, its members, and who holds what.
//!
//! *Invariant:* `holders` is exactly what the members' current values assign or are to give up.
//! *Invariant:* `instances` names the one member of each instance.

use std::collections::{BTreeMap, BTreeSet};

use crate::groups::ids::{InstanceId, MemberId, TopicIdPartition};
use crate::groups::records::{
    CurrentValue, GroupEpochs, GroupRecord, MemberProfile, MemberState, TargetPartitions,
};
use crate::groups::turn::Turn;
use crate::types::TopicName;

/// A member as the group knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::groups) struct Member {
    pub(super) profile: MemberProfile,
    pub(super) target: TargetPartitions,
    pub(super) current: CurrentValue,
}

/// One group.
#[derive(Clone, Debug, Default)]
pub(in crate::groups) struct ConsumerGroup {
    pub(super) epochs: GroupEpochs,
    pub(super) members: BTreeMap<MemberId, Member>,
    pub(super) instances: BTreeMap<InstanceId, MemberId>,
    holders: BTreeMap<TopicIdPartition, MemberId>,
    /// The view of topics that the fingerprint was last compared with; in memory only.
    pub(super) topics_seen: Option<u64>,
}

impl ConsumerGroup {
    pub(in crate::groups) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Nothing of it is in the log.
    pub(in crate::groups) fn was_never_kept(&self) -> bool {
        self.members.is_empty() && self.epochs.epoch == 0
    }

    pub(in crate::groups) fn empty_since_ms(&self) -> Option<i64> {
        self.epochs.empty_since_ms
    }

    pub(in crate::groups) fn is_subscribed(&self, topic: &TopicName) -> bool {
        self.members.values().any(|member| member.profile.topics.contains(topic))
    }

    /// What a reload would bring back; for tests.
    #[cfg(test)]
    pub(in crate::groups) fn durable(&self) -> String {
        format!("{:?} {:#?} {:?} {:?}", self.epochs, self.members, self.instances, self.holders)
    }

    /// What the members say that they have: for tests of the holders.
    #[cfg(test)]
    pub(in crate::groups) fn claims(&self) -> Vec<(TopicIdPartition, MemberId)> {
        let of = |(name, member): (&MemberId, &Member)| {
            held(&member.current).map(|partition| (partition, name.clone())).collect::<Vec<_>>()
        };
        self.members.iter().flat_map(of).collect()
    }

    /// Whether all have what they are to have; for tests.
    #[cfg(test)]
    pub(in crate::groups) fn has_converged(&self) -> bool {
        self.epochs.epoch == self.epochs.target_epoch
            && self.members.values().all(|member| {
                member.current.state == MemberState::Stable
                    && member.current.epoch == self.epochs.epoch
                    && member.current.assigned.keys().eq(member.target.partitions.iter())
            })
    }

    pub(super) fn holder(&self, partition: &TopicIdPartition) -> Option<&MemberId> {
        self.holders.get(partition)
    }

    pub(super) fn subscribed_topics(&self) -> BTreeSet<&TopicName> {
        self.members.values().flat_map(|member| &member.profile.topics).collect()
    }

    pub(in crate::groups) fn set_epochs(&mut self, epochs: GroupEpochs) {
        self.epochs = epochs;
    }

    pub(in crate::groups) fn set_profile(&mut self, name: &MemberId, profile: MemberProfile) {
        if let Some(instance) = &profile.instance {
            self.instances.insert(instance.clone(), name.clone());
        }
        self.members.entry(name.clone()).or_default().profile = profile;
    }

    pub(in crate::groups) fn set_target(&mut self, name: &MemberId, target: TargetPartitions) {
        self.members.entry(name.clone()).or_default().target = target;
    }

    pub(in crate::groups) fn set_current(&mut self, name: &MemberId, mut current: CurrentValue) {
        // A log that gives a partition to two is not ours; the first keeps it, and the invariant holds all the same.
        let holders = &self.holders;
        let is_free = |one: &TopicIdPartition| holders.get(one).is_none_or(|holder| holder == name);
        current.assigned.retain(|one, _| is_free(one));
        current.pending_revocation.retain(|one, _| is_free(one));
        let member = self.members.entry(name.clone()).or_default();
        for partition in held(&member.current) {
            if self.holders.get(&partition) == Some(name) {
                self.holders.remove(&partition);
            }
        }
        for partition in held(&current) {
            self.holders.insert(partition, name.clone());
        }
        member.current = current;
    }

    pub(in crate::groups) fn remove_target(&mut self, name: &MemberId) {
        if let Some(member) = self.members.get_mut(name) {
            member.target = TargetPartitions::default();
        }
    }

    pub(in crate::groups) fn remove_current(&mut self, name: &MemberId) {
        if self.members.contains_key(name) {
            self.set_current(name, CurrentValue::default());
        }
    }

    pub(in crate::groups) fn remove_member(&mut self, name: &MemberId) {
        self.remove_current(name);
        if let Some(member) = self.members.remove(name)
            && let Some(instance) = &member.profile.instance
            && self.instances.get(instance) == Some(name)
        {
            self.instances.remove(instance);
        }
    }

    pub(super) fn write_epochs(&mut self, turn: &mut Turn, epochs: GroupEpochs) {
        if epochs != self.epochs {
            turn.write(GroupRecord::Consumer { group: turn.group.clone(), value: Some(epochs.clone()) });
            self.set_epochs(epochs);
        }
    }

    pub(super) fn write_profile(&mut self, turn: &mut Turn, name: &MemberId, profile: MemberProfile) {
        let (group, member) = (turn.group.clone(), name.clone());
        turn.write(GroupRecord::Member { group, member, value: Some(profile.clone()) });
        self.set_profile(name, profile);
    }

    pub(super) fn write_target(&mut self, turn: &mut Turn, name: &MemberId, target: TargetPartitions) {
        let (group, member) = (turn.group.clone(), name.clone());
        turn.write(GroupRecord::Target { group, member, value: Some(target.clone()) });
        self.set_target(name, target);
    }

    pub(super) fn write_current(&mut self, turn: &mut Turn, name: &MemberId, current: CurrentValue) {
        for partition in held(&current) {
            let holder = self.holders.get(&partition);
            assert!(
                holder.is_none_or(|holder| holder == name),
                "{partition:?} is given to {name} while {holder:?} holds it"
            );
        }
        let (group, member) = (turn.group.clone(), name.clone());
        turn.write(GroupRecord::Current { group, member, value: Some(current.clone()) });
        self.set_current(name, current);
    }

    /// The member goes: what it has first, then itself, so that no replay finds it half there.
    pub(super) fn write_removal(&mut self, turn: &mut Turn, name: &MemberId) {
        let (group, member) = (turn.group.clone(), name.clone());
        turn.write(GroupRecord::Current { group: group.clone(), member: member.clone(), value: None });
        turn.write(GroupRecord::Target { group: group.clone(), member: member.clone(), value: None });
        turn.write(GroupRecord::Member { group, member, value: None });
        self.remove_member(name);
        turn.forget_member(name);
    }

    /// The empty group goes.
    pub(in crate::groups) fn write_end(&self, turn: &mut Turn) {
        assert!(self.members.is_empty(), "a group with {} members does not end", self.members.len());
        turn.write(GroupRecord::Consumer { group: turn.group.clone(), value: None });
    }

    /// After a reload: everyone's time begins anew.
    pub(in crate::groups) fn start_timers(&self, turn: &mut Turn) {
        for (name, member) in &self.members {
            turn.start_session(name, member.profile.session_timeout_ms);
            if member.current.state == MemberState::UnrevokedPartitions {
                turn.start_revocation(name, member.profile.rebalance_timeout_ms);
            }
        }
    }
}

/// What a member has, or is still to give up.
fn held(current: &CurrentValue) -> impl Iterator<Item = TopicIdPartition> {
    current.assigned.keys().chain(current.pending_revocation.keys()).copied().collect::<Vec<_>>().into_iter()
}
