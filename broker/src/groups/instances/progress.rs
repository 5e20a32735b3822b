//! How far a poll is: positions that it found, and at its end what it delivers.
//!
//! ```text
//! acked <= delivered: what lies between was given to the client and not acknowledged
//! a poll ends:     what was delivered before is acknowledged, what it brings is delivered
//! a replay ends:   nothing is acknowledged; what of it did not fit is delivered later
//! positions found: acked = delivered = there
//! ```
//!
//! *Invariant:* only the poll under way moves positions, and only in partitions that the instance has had since the poll
//! was told of them.

use super::call::{InstanceAnswer, PollProgress};
use super::lifecycle::Answer;
use super::refusal::InstanceRefusal;
use crate::groups::group::Group;
use crate::groups::ids::InstanceName;
use crate::groups::records::{InstanceValue, Position};
use crate::groups::turn::Turn;

impl Group {
    pub(super) fn poll_progress(
        &mut self,
        turn: &mut Turn,
        name: &InstanceName,
        progress: &PollProgress,
    ) -> Answer {
        let instance = self.instances.get(name).ok_or(InstanceRefusal::NoInstance)?;
        let open = instance.open.as_ref().filter(|open| open.poll == progress.poll);
        let Some(replays) = open.map(|open| open.replays) else {
            return if progress.ends && instance.kept.last_poll == Some(progress.poll) {
                // The answer to the first time was lost.
                Ok(InstanceAnswer::Done)
            } else if instance.last_begun.is_none_or(|last| last == progress.poll) {
                Err(InstanceRefusal::Fenced)
            } else {
                Err(InstanceRefusal::Superseded)
            };
        };
        let owned = self.owned_by(turn, name);
        let is_held = |one: &super::call::PartitionProgress| owned.get(&one.id) == Some(&one.since);
        let is_sane = |one: &super::call::PartitionProgress| one.from.0 >= 0 && one.from <= one.to;
        if !progress.partitions.iter().all(|one| is_held(one) && is_sane(one)) {
            if let Some(instance) = self.instances.transient(name) {
                instance.fence_poll();
            }
            return Err(InstanceRefusal::Fenced);
        }
        let mut kept = self.kept(name)?;
        if progress.ends {
            settle(&mut kept, replays);
        }
        for one in &progress.partitions {
            let committed = self.committed_in(turn, &one.id);
            let acked = if progress.ends { one.from } else { one.to };
            let position = Position { since: one.since, acked, delivered: one.to, committed };
            kept.positions.insert(one.id, position);
        }
        if progress.ends && progress.partitions.iter().any(|one| one.from < one.to) {
            kept.turn = kept.turn.saturating_add(1);
            kept.last_poll = Some(progress.poll);
        }
        self.instances.write(turn, name, kept);
        if progress.ends {
            if let Some(instance) = self.instances.transient(name) {
                instance.open = None;
            }
            self.heard_from_instance(turn, name);
        } else if !replays {
            self.commit_acknowledged(turn, name);
        }
        Ok(InstanceAnswer::Done)
    }
}

/// The end of a poll for what was delivered before it.
fn settle(kept: &mut InstanceValue, replays: bool) {
    for at in kept.positions.values_mut() {
        if replays {
            at.delivered = at.acked;
        } else {
            at.acked = at.delivered;
        }
    }
}
