//! Instances commit: what was delivered to them, or what they name. Members commit what they have; whoever assigned
//! partitions to itself commits as Kafka's simple consumers do, in a group that has no members.
//!
//! An instance that was silent for so long that its group went on without it may still commit while nobody has joined:
//! then nobody can have read on from elsewhere.

use std::collections::BTreeSet;

use super::call::{InstanceAnswer, InstanceCommit};
use super::lifecycle::Answer;
use super::refusal::{Bounded, InstanceRefusal};
use super::state::Receipt;
use crate::groups::error::GroupError;
use crate::groups::group::Group;
use crate::groups::ids::{InstanceName, MemberId, TopicIdPartition};
use crate::groups::records::Position;
use crate::groups::request::{Commit, CommitOffset, FetchOffsets};
use crate::groups::turn::Turn;
use crate::types::{LeaderEpoch, Offset, TopicPartition};

/// How far positions are committed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum UpTo {
    /// To what was delivered, which is acknowledged thereby.
    Delivered,
    /// To what is acknowledged.
    Acked,
    /// To what was delivered; a poll that has begun acknowledges it, and writes so when it ends.
    Acknowledging,
}

impl Group {
    /// Commits and acknowledges all that was delivered.
    pub(super) fn commit_delivered(&mut self, turn: &mut Turn, name: &InstanceName) -> Answer {
        let kept = self.kept(name)?;
        let committer = self.committer_for(name)?;
        let owned = self.owned_by(turn, name);
        // Without a membership, the rule for partitions that were had before: nobody has committed there meanwhile.
        let lapsed = kept.subscription.is_of_a_member() && committer.0.is_empty();
        let is_its_own = |id: &TopicIdPartition, at: &Position| match owned.get(id) {
            Some(since) => *since == at.since,
            None => lapsed && self.committed_in(turn, id) == at.committed,
        };
        let own: Vec<_> =
            kept.positions.iter().filter(|(id, at)| is_its_own(id, at)).map(|(id, _)| *id).collect();
        // What the client was never given it cannot mean. After a failover nobody knows whether it was: then it may be
        // given once more, but not passed over.
        let is_told = self.instances.get(name).is_some_and(|instance| instance.receipt == Receipt::Told);
        self.commit_positions(
            turn,
            name,
            committer,
            own,
            if is_told { UpTo::Delivered } else { UpTo::Acked },
        )?;
        self.heard_from_instance(turn, name);
        Ok(InstanceAnswer::Done)
    }

    /// The commit of an instance that commits by itself, of what a poll acknowledges by beginning, and of positions that
    /// it found: as far as it has the partitions. What it cannot commit it leaves.
    pub(super) fn commit_acknowledged(&mut self, turn: &mut Turn, name: &InstanceName) {
        let Ok(kept) = self.kept(name) else { return };
        let Ok(committer) = self.committer_for(name) else { return };
        let owned = self.owned_by(turn, name);
        if !kept.spec.auto_commit || (kept.subscription.is_of_a_member() && committer.0.is_empty()) {
            return;
        }
        let held = kept.positions.iter().filter(|(id, at)| owned.get(id) == Some(&at.since));
        let own = held.map(|(id, _)| *id).collect();
        if let Err(refused) = self.commit_positions(turn, name, committer, own, UpTo::Acknowledging) {
            tracing::warn!(group = %turn.group, instance = %name, ?refused, "an instance cannot commit by itself");
        }
    }

    /// Commits positions in `own`, where that is not done yet.
    fn commit_positions(
        &mut self,
        turn: &mut Turn,
        name: &InstanceName,
        committer: (MemberId, i32),
        own: Vec<TopicIdPartition>,
        up_to: UpTo,
    ) -> Result<(), InstanceRefusal> {
        let mut kept = self.kept(name)?;
        let mut offsets = Vec::new();
        for id in own {
            let Some(at) = kept.positions.get_mut(&id) else { continue };
            let Some(topic) = turn.topics.name(id.topic) else { continue };
            let offset = if up_to == UpTo::Acked { at.acked } else { at.delivered };
            if self.committed_in(turn, &id) != Some(offset) {
                let tp = TopicPartition::new(topic.clone(), id.partition);
                offsets.push(commit_offset(&tp, offset, String::new()));
            }
            if up_to != UpTo::Acknowledging {
                (at.acked, at.committed) = (offset, Some(offset));
            }
        }
        self.commit_all(turn, committer, offsets)?;
        self.instances.write(turn, name, kept);
        Ok(())
    }

    /// Commits what an instance names, all or nothing. Its positions stay.
    pub(super) fn commit_for_instance(
        &mut self,
        turn: &mut Turn,
        name: &InstanceName,
        commits: &[InstanceCommit],
    ) -> Answer {
        let mut kept = self.kept(name)?;
        let committer = self.committer_for(name)?;
        let is_member = !committer.0.is_empty();
        let owned = self.owned_by(turn, name);
        let mut offsets = Vec::with_capacity(commits.len());
        let mut seen = BTreeSet::new();
        for one in commits.iter().rev() {
            // Of two for one partition the last counts.
            if !seen.insert(&one.tp) {
                continue;
            }
            let unknown = || InstanceRefusal::Unknown { tp: one.tp.clone() };
            let id = turn.topics.resolve(&one.tp.topic, one.tp.partition).ok_or_else(unknown)?;
            if is_member && !owned.contains_key(&id) {
                return Err(InstanceRefusal::NotAssigned { tp: one.tp.clone(), is_member });
            }
            if one.offset.0 < 0 {
                return Err(InstanceRefusal::NegativeOffset);
            }
            let max = turn.options.offset_metadata_bytes_max;
            if one.metadata.len() > max {
                return Err(InstanceRefusal::MetadataTooLarge { max });
            }
            if let Some(at) = kept.positions.get_mut(&id) {
                at.committed = Some(one.offset);
            }
            offsets.push(commit_offset(&one.tp, one.offset, one.metadata.clone()));
        }
        self.commit_all(turn, committer, offsets)?;
        self.instances.write(turn, name, kept);
        self.heard_from_instance(turn, name);
        Ok(InstanceAnswer::Done)
    }

    /// In whose name an instance commits: its member's, or nobody's.
    fn committer_for(&self, name: &InstanceName) -> Result<(MemberId, i32), InstanceRefusal> {
        if let Some((member, epoch)) = self.member_of(name) {
            return Ok((member.clone(), epoch));
        }
        let is_of_a_member = |instance: &super::state::Instance| instance.kept.subscription.is_of_a_member();
        let is_of_a_member = self.instances.get(name).is_some_and(is_of_a_member);
        match self.has_members() {
            false => Ok(("".into(), -1)),
            true if is_of_a_member => Err(InstanceRefusal::Lapsed),
            true => Err(InstanceRefusal::NotAMember),
        }
    }

    /// Keeps offsets that have been looked at; the first that is refused is told.
    fn commit_all(
        &mut self,
        turn: &mut Turn,
        (member, epoch): (MemberId, i32),
        offsets: Vec<CommitOffset>,
    ) -> Result<(), InstanceRefusal> {
        if offsets.is_empty() {
            return Ok(());
        }
        let (group, tps) = (turn.group.clone(), offsets.clone());
        let results = self.commit(turn, &Commit { group, member, instance: None, epoch, offsets })?;
        for (one, result) in tps.into_iter().zip(results) {
            match result {
                Ok(()) => {}
                Err(GroupError::UnknownTopicOrPartition) => {
                    let tp = TopicPartition::new(one.topic, one.partition);
                    return Err(InstanceRefusal::Unknown { tp });
                }
                Err(refused) => return Err(refused.into()),
            }
        }
        Ok(())
    }

    /// What the group has committed in these partitions.
    pub(super) fn committed_for_instance(&self, turn: &Turn, partitions: Vec<TopicPartition>) -> Answer {
        let max = turn.options.instance_partitions_max;
        if partitions.len() > max {
            return Err(InstanceRefusal::TooMany { what: Bounded::Partitions, max });
        }
        let partitions = partitions.into_iter().map(|tp| (tp.topic, tp.partition)).collect();
        let fetch = FetchOffsets { group: turn.group.clone(), member: None, partitions: Some(partitions) };
        let kept = self.fetch_offsets(turn, &fetch)?.into_iter().filter_map(|one| {
            let committed = one.committed?;
            Some(InstanceCommit {
                tp: TopicPartition::new(one.topic, one.partition),
                offset: committed.offset,
                metadata: committed.metadata,
            })
        });
        Ok(InstanceAnswer::Committed(kept.collect()))
    }
}

fn commit_offset(tp: &TopicPartition, offset: Offset, metadata: String) -> CommitOffset {
    CommitOffset {
        topic: tp.topic.clone(),
        topic_id: None,
        partition: tp.partition,
        offset,
        leader_epoch: LeaderEpoch::NONE,
        metadata,
    }
}
