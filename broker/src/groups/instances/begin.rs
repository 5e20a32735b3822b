//! A poll begins: the one before is acknowledged if its answer was told, else repeated, the member heartbeats, and the poll is told where to read.
//!
//! What the acknowledgement means for the positions is written when the poll ends, with what it delivers; only the commit
//! of an instance that commits by itself is written here. If nothing comes of the poll, the next one acknowledges the
//! same again.
//!
//! *Invariant:* a poll begins only when no other is under way, or that one has been left alone for long enough.

use super::call::{BeginPoll, Begun, BegunPartition, InstanceAnswer};
use super::lifecycle::Answer;
use super::membership::Owned;
use super::refusal::InstanceRefusal;
use super::state::{OpenPoll, Receipt};
use super::subscription::{Mode, Subscription};
use crate::groups::group::{Group, Kind};
use crate::groups::ids::{InstanceName, TopicIdPartition};
use crate::groups::records::Position;
use crate::groups::turn::Turn;
use crate::types::Offset;

/// How soon a poll that has nothing, or not all, goes on: another member may be about to give something up.
const UNSETTLED_BEAT_MS: u32 = 500;

impl Group {
    /// Begins a poll whose turn it is, or goes on with it.
    pub(super) fn begin_poll(&mut self, turn: &mut Turn, name: &InstanceName, begin: &BeginPoll) -> Answer {
        let instance = self.instances.get(name).ok_or(InstanceRefusal::NoInstance)?;
        let kept = &instance.kept;
        if kept.subscription == Subscription::None {
            return Err(InstanceRefusal::NotSubscribed);
        }
        let is = kept.spec.format;
        if begin.wants.is_some_and(|wants| wants != is) {
            return Err(InstanceRefusal::WrongFormat { is });
        }
        let under_way =
            instance.open.as_ref().filter(|open| open.poll == begin.poll).map(|open| open.replays);
        let has_outstanding = kept.positions.values().any(|at| at.acked < at.delivered);
        let had_it = instance.receipt == Receipt::Told;
        let replays = under_way.unwrap_or(has_outstanding && (begin.replay || !had_it));
        if under_way.is_none() && !replays {
            // Before the heartbeat, in which the member may give partitions up.
            self.commit_acknowledged(turn, name);
        }
        if kept_mode(self, name) != Mode::Assigned {
            let joined = self.beat_for_instance(turn, name, &begin.fresh_member)?;
            if joined {
                self.note_join(turn, name, begin);
            }
        }
        let owned = self.owned_by(turn, name);
        self.take_over_positions(turn, name, &owned);
        if under_way.is_none() && !replays {
            self.commit_acknowledged(turn, name);
        }
        let open = OpenPoll { poll: begin.poll, since: turn.now.at, replays };
        if let Some(instance) = self.instances.transient(name) {
            if under_way.is_none() {
                instance.open = Some(open);
            }
            instance.last_begun = Some(begin.poll);
        }
        self.begun(turn, name, &owned, replays)
    }

    /// It has become a member: whatever it had before, it has not had all the time.
    fn note_join(&mut self, turn: &mut Turn, name: &InstanceName, begin: &BeginPoll) {
        let Ok(mut kept) = self.kept(name) else { return };
        kept.member = Some(begin.fresh_member.clone());
        for position in kept.positions.values_mut() {
            position.since = -1;
        }
        self.instances.write(turn, name, kept);
    }

    /// Goes on where the instance read before, also in partitions that it has again after a silence, if nobody has
    /// committed there meanwhile; forgets where it read what it is not to have any more.
    fn take_over_positions(&mut self, turn: &mut Turn, name: &InstanceName, owned: &Owned) {
        let Ok(mut kept) = self.kept(name) else { return };
        let positions = std::mem::take(&mut kept.positions);
        for (id, at) in positions {
            match owned.get(&id) {
                Some(since) if *since == at.since => {
                    kept.positions.insert(id, at);
                }
                Some(since) if self.committed_in(turn, &id) == at.committed => {
                    kept.positions.insert(id, Position { since: *since, ..at });
                }
                Some(_) => {}
                None if self.may_get_back(name, &id) => {
                    kept.positions.insert(id, at);
                }
                None => {}
            }
        }
        self.instances.write(turn, name, kept);
    }

    fn may_get_back(&self, name: &InstanceName, id: &TopicIdPartition) -> bool {
        match (&self.kind, self.member_of(name)) {
            (Kind::Consumer(group), Some((member, _))) => {
                group.is_meant_for(member, id) || !group.is_settled(member)
            }
            _ => false,
        }
    }

    fn begun(&self, turn: &Turn, name: &InstanceName, owned: &Owned, replays: bool) -> Answer {
        let kept = &self.instances.get(name).ok_or(InstanceRefusal::NoInstance)?.kept;
        let mut partitions = Vec::with_capacity(owned.len());
        for (id, since) in owned {
            let position = kept.positions.get(id);
            let (from, until) = match position {
                Some(at) if replays && at.acked < at.delivered => (Some(at.acked), Some(at.delivered)),
                _ if replays => continue,
                Some(at) => (Some(at.delivered), None),
                None => (self.committed_in(turn, id), None),
            };
            partitions.push(BegunPartition { id: *id, since: *since, from, until });
        }
        let is_settled = match (&self.kind, self.member_of(name)) {
            _ if !kept.subscription.is_of_a_member() => true,
            (Kind::Consumer(group), Some((member, _))) => group.is_settled(member),
            _ => false,
        };
        let options = turn.options;
        // Well before its member, or itself, is taken for gone.
        let patience_ms = options.instance_session_timeout_ms.min(options.instance_timeout_ms);
        let beat_ms = options.heartbeat_interval_ms.min(patience_ms / 3);
        let beat_ms = if is_settled && !owned.is_empty() { beat_ms } else { beat_ms.min(UNSETTLED_BEAT_MS) };
        Ok(InstanceAnswer::Begun(Begun {
            spec: kept.spec.clone(),
            turn: kept.turn,
            beat_ms: beat_ms.max(1),
            partitions,
        }))
    }

    /// What the group has committed in a partition of a topic that is there.
    pub(super) fn committed_in(&self, turn: &Turn, id: &TopicIdPartition) -> Option<Offset> {
        let topic = turn.topics.name(id.topic)?;
        let committed = self.offsets.get(topic, id.partition)?;
        committed.is_for(id.topic).then_some(committed.offset)
    }
}

fn kept_mode(group: &Group, name: &InstanceName) -> Mode {
    group.instances.get(name).map_or(Mode::None, |instance| instance.kept.subscription.mode())
}
