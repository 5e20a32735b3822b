//! A subscribed instance as a member of its group (KIP-848): its polls are its heartbeats.
//!
//! Between two polls the instance's client has nothing in hand that it has not been told to acknowledge by the next, so at
//! a poll the member holds nothing: it gives up at once what it is to give up.

use std::collections::{BTreeMap, BTreeSet};

use super::pattern;
use super::refusal::{Bounded, InstanceRefusal};
use super::subscription::Subscription;
use crate::groups::group::{Group, Kind};
use crate::groups::ids::{InstanceName, MemberId, TopicIdPartition};
use crate::groups::request::ConsumerHeartbeat;
use crate::groups::turn::Turn;
use crate::types::TopicName;

/// What an instance has: partitions, each with the member epoch since which it does; 0 if it assigned them itself.
pub(super) type Owned = BTreeMap<TopicIdPartition, i32>;

impl Group {
    /// The topics that an instance is subscribed to; a pattern is looked at again when the topics have changed.
    pub(super) fn topics_of(
        &mut self,
        turn: &Turn,
        name: &InstanceName,
    ) -> Result<BTreeSet<TopicName>, InstanceRefusal> {
        let instance = self.instances.transient(name).ok_or(InstanceRefusal::NoInstance)?;
        let topics = match &instance.kept.subscription {
            Subscription::None | Subscription::Assigned(_) => BTreeSet::new(),
            Subscription::Topics(topics) => topics.clone(),
            Subscription::Pattern(text) => match &instance.matched {
                Some((version, topics)) if *version == turn.topics.version() => topics.clone(),
                _ => {
                    let topics = pattern::matching(&pattern::compile(text)?, turn.topics);
                    instance.matched = Some((turn.topics.version(), topics.clone()));
                    topics
                }
            },
        };
        let max = turn.options.topics_per_member_max;
        if topics.len() > max {
            return Err(InstanceRefusal::TooMany { what: Bounded::Topics, max });
        }
        Ok(topics)
    }

    /// The member that the instance is, if it is one now.
    pub(super) fn member_of(&self, name: &InstanceName) -> Option<(&MemberId, i32)> {
        let member = self.instances.get(name)?.kept.member.as_ref()?;
        match &self.kind {
            Kind::Consumer(group) => Some((member, group.epoch_of(member)?)),
            Kind::Bare | Kind::Classic(_) => None,
        }
    }

    /// What the instance has now.
    pub(super) fn owned_by(&self, turn: &Turn, name: &InstanceName) -> Owned {
        let Some(instance) = self.instances.get(name) else { return Owned::new() };
        if let Subscription::Assigned(partitions) = &instance.kept.subscription {
            let resolve = |tp: &crate::types::TopicPartition| turn.topics.resolve(&tp.topic, tp.partition);
            return partitions.iter().filter_map(resolve).map(|id| (id, 0)).collect();
        }
        match (&self.kind, self.member_of(name)) {
            (Kind::Consumer(group), Some((member, _))) => group.assigned_to(member),
            _ => Owned::new(),
        }
    }

    /// The member heartbeats; it joins if it is none. Whether it joined.
    pub(super) fn beat_for_instance(
        &mut self,
        turn: &mut Turn,
        name: &InstanceName,
        fresh_member: &MemberId,
    ) -> Result<bool, InstanceRefusal> {
        let topics = self.topics_of(turn, name)?;
        let known = self.member_of(name).map(|(member, epoch)| (member.clone(), epoch));
        let joins = known.is_none();
        let (member, epoch) = known.unwrap_or_else(|| (fresh_member.clone(), 0));
        turn.options.check_text("member id", member.as_str())?;
        let request = ConsumerHeartbeat {
            group: turn.group.clone(),
            fresh_member: member.clone(),
            member: member.clone(),
            epoch,
            instance: None,
            rack: None,
            client_id: name.as_str().to_owned(),
            client_host: String::new(),
            rebalance_timeout_ms: None,
            session_timeout_ms: Some(turn.options.instance_session_timeout_ms),
            topics: Some(topics),
            topics_regex: None,
            assignor: None,
            owned: Some(BTreeSet::new()),
            client_metadata: None,
        };
        self.as_consumer(turn)?.heartbeat(turn, &request)?;
        Ok(joins)
    }

    /// Something else than a poll is a sign of life too.
    pub(super) fn heard_from_instance(&self, turn: &mut Turn, name: &InstanceName) {
        if let Some((member, _)) = self.member_of(name) {
            turn.start_session(member, turn.options.instance_session_timeout_ms);
        }
    }

    /// The member leaves, if the instance is one.
    pub(super) fn leave_with_instance(&mut self, turn: &mut Turn, name: &InstanceName) {
        let Some(member) = self.member_of(name).map(|(member, _)| member.clone()) else { return };
        if let Kind::Consumer(group) = &mut self.kind {
            // It is there: that was just looked up.
            let _ = group.remove_named(turn, &member, None);
        }
    }
}
