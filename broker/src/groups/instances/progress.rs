//! How far a poll is: positions that it found, and at its end what it delivers.
//!
//! ```text
//! acked <= delivered: what lies between was given to the client and not acknowledged
//! a poll ends:     what was delivered before is acknowledged, what it brings is delivered
//! a replay ends:   nothing is acknowledged; what of it did not fit is delivered later
//! positions found: acked = delivered = there
//! ```
//!
//! A poll that has ended is *told* when its answer leaves. One that is not told, or of which that is not known after a
//! failover, is followed by a poll that delivers the same again: so a client whose request failed misses nothing.
//!
//! *Invariant:* only the poll under way moves positions, and only in partitions that the instance has had since the poll
//! was told of them.

use uuid::Uuid;

use super::call::{InstanceAnswer, PollProgress};
use super::lifecycle::Answer;
use super::refusal::InstanceRefusal;
use super::state::Receipt;
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
        if progress.ends && instance.kept.last_poll == Some(progress.poll) {
            // The answer to the first time was lost.
            return Ok(InstanceAnswer::Done);
        }
        let open = instance.open.as_ref().filter(|open| open.poll == progress.poll);
        let Some(replays) = open.map(|open| open.replays) else {
            return if instance.last_begun.is_none_or(|last| last == progress.poll) {
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
        let delivers = progress.ends && progress.partitions.iter().any(|one| one.from < one.to);
        if delivers {
            kept.turn = kept.turn.saturating_add(1);
            kept.last_poll = Some(progress.poll);
            if let Some(instance) = self.instances.transient(name) {
                instance.receipt = Receipt::Open;
            }
        }
        self.instances.write(turn, name, kept);
        if progress.ends {
            if let Some(instance) = self.instances.transient(name) {
                // With something to tell it keeps its place until that is told, or it has had its time.
                instance.open.take_if(|_| !delivers);
                if let Some(open) = &mut instance.open {
                    open.since = turn.now.at;
                }
            }
            self.heard_from_instance(turn, name);
        } else if !replays {
            self.commit_acknowledged(turn, name);
        }
        Ok(InstanceAnswer::Done)
    }
}

impl Group {
    /// The answer of the last poll that delivered something leaves now.
    pub(super) fn poll_told(&mut self, name: &InstanceName, poll: Uuid) -> Answer {
        let instance = self.instances.transient(name).ok_or(InstanceRefusal::NoInstance)?;
        let is_taken = instance.open.as_ref().is_some_and(|open| open.poll != poll);
        if instance.kept.last_poll != Some(poll) || is_taken {
            return Err(InstanceRefusal::Superseded);
        }
        instance.open = None;
        instance.receipt = Receipt::Told;
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
