//! What an instance reads, and from where, by its own word: subscriptions, assignments, seeks.

use super::call::InstanceAnswer;
use super::lifecycle::Answer;
use super::pattern;
use super::refusal::{Bounded, InstanceRefusal};
use super::subscription::{Mode, Subscription};
use crate::groups::group::Group;
use crate::groups::ids::InstanceName;
use crate::groups::options::GroupOptions;
use crate::groups::records::{InstanceValue, Position};
use crate::groups::turn::Turn;
use crate::types::{Offset, TopicPartition};

impl Group {
    pub(super) fn subscribe_instance(
        &mut self,
        turn: &mut Turn,
        name: &InstanceName,
        to: Subscription,
    ) -> Answer {
        let to = to.or_none();
        let mut kept = self.kept(name)?;
        let (is, becomes) = (kept.subscription.mode(), to.mode());
        if is != Mode::None && becomes != Mode::None && is != becomes {
            return Err(InstanceRefusal::OtherMode { is });
        }
        check(turn.options, &to)?;
        let grows = to.bytes().saturating_sub(kept.subscription.bytes());
        if grows > turn.instance_room {
            return Err(InstanceRefusal::TooMany {
                what: Bounded::Bytes,
                max: turn.options.instance_bytes_max,
            });
        }
        if kept.subscription == to {
            return Ok(InstanceAnswer::Done);
        }
        if to == Subscription::None {
            self.leave_with_instance(turn, name);
            kept.member = None;
        }
        // Where a partition was read that is read on, it is read on from there.
        kept.positions.retain(|id, _| match &to {
            Subscription::None => false,
            Subscription::Pattern(_) => true,
            Subscription::Topics(topics) => {
                turn.topics.name(id.topic).is_some_and(|topic| topics.contains(topic))
            }
            Subscription::Assigned(partitions) => turn
                .topics
                .name(id.topic)
                .is_some_and(|topic| partitions.contains(&TopicPartition::new(topic.clone(), id.partition))),
        });
        kept.subscription = to;
        self.instances.write(turn, name, kept);
        if let Some(instance) = self.instances.transient(name) {
            instance.matched = None;
            instance.fence_poll();
        }
        Ok(InstanceAnswer::Done)
    }

    /// Goes on elsewhere: what was delivered there before and is not acknowledged is of no interest any more.
    pub(super) fn seek_instance(
        &mut self,
        turn: &mut Turn,
        name: &InstanceName,
        seeks: &[(TopicPartition, Offset)],
    ) -> Answer {
        let max = turn.options.instance_partitions_max;
        if seeks.len() > max {
            return Err(InstanceRefusal::TooMany { what: Bounded::Partitions, max });
        }
        let mut kept = self.kept(name)?;
        let owned = self.owned_by(turn, name);
        let is_member = kept.subscription.is_of_a_member();
        for (tp, offset) in seeks {
            let not_assigned = || InstanceRefusal::NotAssigned { tp: tp.clone(), is_member };
            let Some(id) = turn.topics.resolve(&tp.topic, tp.partition) else {
                let named = matches!(&kept.subscription, Subscription::Assigned(own) if own.contains(tp));
                return Err(if named { InstanceRefusal::Unknown { tp: tp.clone() } } else { not_assigned() });
            };
            let since = *owned.get(&id).ok_or_else(not_assigned)?;
            if offset.0 < 0 {
                return Err(InstanceRefusal::NegativeOffset);
            }
            let committed = self.committed_in(turn, &id);
            kept.positions.insert(id, Position { since, acked: *offset, delivered: *offset, committed });
        }
        self.instances.write(turn, name, kept);
        if let Some(instance) = self.instances.transient(name) {
            instance.fence_poll();
        }
        Ok(InstanceAnswer::Done)
    }

    /// What is kept of an instance, to be changed and written.
    pub(super) fn kept(&self, name: &InstanceName) -> Result<InstanceValue, InstanceRefusal> {
        Ok(self.instances.get(name).ok_or(InstanceRefusal::NoInstance)?.kept.clone())
    }
}

fn check(options: &GroupOptions, to: &Subscription) -> Result<(), InstanceRefusal> {
    let bounded = |what, len: usize, max: usize| {
        if len > max { Err(InstanceRefusal::TooMany { what, max }) } else { Ok(()) }
    };
    match to {
        Subscription::None => Ok(()),
        Subscription::Topics(topics) => bounded(Bounded::Topics, topics.len(), options.topics_per_member_max),
        Subscription::Pattern(text) => pattern::compile(text).map(|_| ()),
        Subscription::Assigned(all) => {
            bounded(Bounded::Partitions, all.len(), options.instance_partitions_max)
        }
    }
}
