//! A classic group and its members.
//!
//! *Invariant:* `instances` names the one member of each instance.
//! *Invariant:* a group without members, and with nobody expected, is Empty or about to be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use bytes::Bytes;

use crate::groups::ids::{InstanceId, MemberId, Ticket};
use crate::groups::records::{ClassicMemberValue, ClassicValue, GroupRecord};
use crate::groups::request::Join;
use crate::groups::turn::Turn;

/// Kafka's states; a group that is Dead is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::groups) enum State {
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
}

impl State {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// A member.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) instance: Option<InstanceId>,
    pub(super) client_id: String,
    pub(super) client_host: String,
    pub(super) rebalance_timeout_ms: u32,
    pub(super) session_timeout_ms: u32,
    /// What it offers, best first.
    pub(super) protocols: Vec<(String, Bytes)>,
    pub(super) assignment: Bytes,
    pub(super) joining: Option<Ticket>,
    pub(super) syncing: Option<Ticket>,
    /// It has not been through a generation yet: while it waits, its session does not protect it.
    pub(super) is_new: bool,
}

impl Member {
    pub(super) fn of(request: &Join, rebalance_timeout_ms: u32) -> Self {
        Self {
            instance: request.instance.clone(),
            client_id: request.client_id.clone(),
            client_host: request.client_host.clone(),
            rebalance_timeout_ms,
            session_timeout_ms: request.session_timeout_ms,
            protocols: request.protocols.clone(),
            assignment: Bytes::new(),
            joining: None,
            syncing: None,
            is_new: true,
        }
    }

    pub(super) fn metadata(&self, protocol: Option<&str>) -> Bytes {
        let of = |(name, bytes): &(String, Bytes)| (Some(name.as_str()) == protocol).then(|| bytes.clone());
        self.protocols.iter().find_map(of).unwrap_or_default()
    }

    pub(super) fn bytes(&self) -> usize {
        super::join::bytes_of(&self.protocols)
    }
}

/// The group gathers its first members: until when, and how far that may be put off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gathering {
    /// The latest end.
    pub(super) limit: Instant,
    /// Somebody has joined since the deadline was last set.
    pub(super) joined_since: bool,
}

/// One group.
#[derive(Clone, Debug)]
pub(in crate::groups) struct ClassicGroup {
    pub(in crate::groups) state: State,
    pub(super) state_timestamp_ms: i64,
    pub(super) generation: i32,
    pub(super) protocol_type: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) leader: Option<MemberId>,
    pub(super) members: BTreeMap<MemberId, Member>,
    pub(super) instances: BTreeMap<InstanceId, MemberId>,
    /// Given a name, and expected back with it (KIP-394).
    pub(super) expected: BTreeSet<MemberId>,
    /// Joined this generation, and yet to ask for their assignment.
    pub(super) to_sync: BTreeSet<MemberId>,
    pub(super) gathering: Option<Gathering>,
    /// The topics that the members read, if their protocol tells.
    pub(super) topics: Option<BTreeSet<String>>,
}

impl ClassicGroup {
    pub(in crate::groups) fn new(now_ms: i64) -> Self {
        Self {
            state: State::Empty,
            state_timestamp_ms: now_ms,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            expected: BTreeSet::new(),
            to_sync: BTreeSet::new(),
            gathering: None,
            topics: None,
        }
    }

    /// The group as the log has it.
    pub(in crate::groups) fn replayed(value: ClassicValue) -> Self {
        let mut group = Self::new(value.state_timestamp_ms);
        group.generation = value.generation;
        group.protocol_type = Some(value.protocol_type).filter(|kind| !kind.is_empty());
        group.state = if value.members.is_empty() { State::Empty } else { State::Stable };
        if group.state == State::Stable {
            (group.protocol, group.leader) = (value.protocol, value.leader);
        }
        for kept in value.members {
            let protocol = group.protocol.clone().unwrap_or_default();
            let member = Member {
                instance: kept.instance.clone(),
                client_id: kept.client_id,
                client_host: kept.client_host,
                rebalance_timeout_ms: kept.rebalance_timeout_ms,
                session_timeout_ms: kept.session_timeout_ms,
                protocols: vec![(protocol, kept.subscription)],
                assignment: kept.assignment,
                joining: None,
                syncing: None,
                is_new: false,
            };
            if let Some(instance) = kept.instance {
                group.instances.insert(instance, kept.member.clone());
            }
            group.members.insert(kept.member, member);
        }
        group.note_topics();
        group
    }

    /// Nobody is in it, and nobody is expected.
    pub(in crate::groups) fn is_vacant(&self) -> bool {
        self.members.is_empty() && self.expected.is_empty()
    }

    /// It was never more than a name: nothing of it is in the log.
    pub(in crate::groups) fn was_never_kept(&self) -> bool {
        self.is_vacant() && self.generation == 0 && self.protocol_type.is_none()
    }

    /// Something of it is in the log; for tests.
    #[cfg(test)]
    pub(in crate::groups) fn was_kept(&self) -> bool {
        self.generation > 0
    }

    /// Since when it is empty.
    pub(in crate::groups) fn empty_since_ms(&self) -> Option<i64> {
        (self.state == State::Empty).then_some(self.state_timestamp_ms)
    }

    pub(super) fn enter(&mut self, state: State, turn: &Turn) {
        self.state = state;
        self.state_timestamp_ms = turn.now.unix_ms;
    }

    pub(in crate::groups) fn value(&self) -> ClassicValue {
        let member = |(name, member): (&MemberId, &Member)| ClassicMemberValue {
            member: name.clone(),
            instance: member.instance.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
            subscription: member.metadata(self.protocol.as_deref()),
            assignment: member.assignment.clone(),
        };
        ClassicValue {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            state_timestamp_ms: self.state_timestamp_ms,
            members: self.members.iter().map(member).collect(),
        }
    }

    pub(super) fn write(&self, turn: &mut Turn) {
        turn.write(GroupRecord::Classic { group: turn.group.clone(), value: Some(self.value()) });
    }

    /// The empty group goes.
    pub(in crate::groups) fn write_end(&self, turn: &mut Turn) {
        assert!(self.members.is_empty(), "a group with {} members does not end", self.members.len());
        turn.write(GroupRecord::Classic { group: turn.group.clone(), value: None });
    }

    /// After a reload: everyone's time begins anew.
    pub(in crate::groups) fn start_timers(&self, turn: &mut Turn) {
        for (name, member) in &self.members {
            turn.start_session(name, member.session_timeout_ms);
        }
    }

    /// The longest that one of the members may take to join again.
    pub(super) fn rebalance_timeout_ms(&self) -> u32 {
        self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0)
    }
}
