//! Offsets are committed: who may, which, and how many.
//!
//! *Invariant:* an offset is kept for a topic that exists, with its identity, or not at all.

use super::error::GroupError;
use super::group::{Group, Kind, PartitionCheck};
use super::offsets::Committed;
use super::records::GroupRecord;
use super::request::{Commit, CommitOffset};
use super::turn::Turn;

impl Group {
    /// Takes the offsets that may be taken; the result is in the order of the request.
    pub(super) fn commit(
        &mut self,
        turn: &mut Turn,
        request: &Commit,
    ) -> Result<Vec<Result<(), GroupError>>, GroupError> {
        let max = turn.options.offsets_per_commit_max;
        if request.offsets.len() > max {
            return Err(GroupError::TooMany { what: "offsets in one commit", max });
        }
        let judged: Vec<Result<Committed, GroupError>> = {
            let may = self.judge(request)?;
            request.offsets.iter().map(|one| accept(turn, one, &may)).collect()
        };
        let mut results = Vec::with_capacity(judged.len());
        for (one, judged) in request.offsets.iter().zip(judged) {
            results.push(judged.and_then(|committed| self.keep(turn, one, committed)));
        }
        if let Kind::Classic(group) = &mut self.kind {
            // A commit is a sign of life (Kafka's classic groups; members of the other kind heartbeat).
            group.heard(turn, &request.member);
        }
        Ok(results)
    }

    /// Whether this committer may commit, and what.
    fn judge(&self, request: &Commit) -> Result<PartitionCheck<'_>, GroupError> {
        let (member, instance, epoch) = (&request.member, request.instance.as_ref(), request.epoch);
        match &self.kind {
            Kind::Bare if epoch < 0 && member.is_empty() => Ok(Box::new(|_| Ok(()))),
            Kind::Bare if self.offsets.is_empty() => Err(GroupError::GroupIdNotFound),
            Kind::Bare => Err(GroupError::UnknownMember),
            Kind::Classic(group) => {
                group.may_commit(member, instance, epoch)?;
                Ok(Box::new(|_| Ok(())))
            }
            Kind::Consumer(group) => {
                let committer = group.committer(member, instance, epoch)?;
                Ok(Box::new(move |partition| committer.check(partition)))
            }
        }
    }

    fn keep(&mut self, turn: &mut Turn, one: &CommitOffset, committed: Committed) -> Result<(), GroupError> {
        let old = self.offsets.get(&one.topic, one.partition).map_or(0, Committed::bytes);
        let grows = committed.bytes().saturating_sub(old);
        if grows > turn.offset_room {
            return Err(GroupError::TooMany { what: "bytes of offsets", max: turn.options.offset_bytes_max });
        }
        turn.offset_room -= grows;
        turn.write(GroupRecord::Offset {
            group: turn.group.clone(),
            topic: one.topic.clone(),
            partition: one.partition,
            value: Some(committed.clone()),
        });
        self.offsets.put(&one.topic, one.partition, committed);
        Ok(())
    }
}

fn accept(turn: &Turn, one: &CommitOffset, may: &PartitionCheck) -> Result<Committed, GroupError> {
    let max = turn.options.offset_metadata_bytes_max;
    if one.metadata.len() > max {
        return Err(GroupError::OffsetMetadataTooLarge { max });
    }
    if one.offset.0 < 0 {
        return Err(GroupError::InvalidOffset);
    }
    let partition =
        turn.topics.resolve(&one.topic, one.partition).ok_or(GroupError::UnknownTopicOrPartition)?;
    if one.topic_id.is_some_and(|id| id != partition.topic) {
        return Err(GroupError::UnknownTopicOrPartition);
    }
    may(&partition)?;
    Ok(Committed {
        offset: one.offset,
        leader_epoch: one.leader_epoch,
        metadata: one.metadata.clone(),
        commit_timestamp_ms: turn.now.unix_ms,
        topic_id: Some(partition.topic),
    })
}
