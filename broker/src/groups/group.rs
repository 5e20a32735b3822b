//! One group: of which kind it is, its offsets, and its consumer instances.
//!
//! *Invariant:* a group is kept while it has a kind, an offset or an instance; one that has none of these is not there.

use super::classic::ClassicGroup;
use super::consumer::ConsumerGroup;
use super::error::GroupError;
use super::ids::{GroupId, TopicIdPartition};
use super::instances::GroupInstances;
use super::offsets::GroupOffsets;
use super::turn::Turn;
use super::view::{GroupListing, GroupView};
use crate::types::TopicName;

/// What a group is.
#[derive(Debug, Default)]
pub(super) enum Kind {
    /// It only keeps offsets: of consumers that are no members, or of an admin.
    #[default]
    Bare,
    /// Its members are assigned to by the server.
    Consumer(Box<ConsumerGroup>),
    /// Its members assign themselves.
    Classic(Box<ClassicGroup>),
}

/// A group.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) kind: Kind,
    pub(super) offsets: GroupOffsets,
    pub(super) instances: GroupInstances,
}

impl Group {
    /// Whether nothing of it is left.
    pub(super) fn is_nothing(&self) -> bool {
        let no_kind = match &self.kind {
            Kind::Bare => true,
            Kind::Consumer(group) => group.was_never_kept(),
            Kind::Classic(group) => group.was_never_kept(),
        };
        no_kind && self.offsets.is_empty() && self.instances.is_empty()
    }

    pub(super) fn has_members(&self) -> bool {
        match &self.kind {
            Kind::Bare => false,
            Kind::Consumer(group) => !group.is_empty(),
            Kind::Classic(group) => !group.is_vacant(),
        }
    }

    /// Whether members read the topic, or may.
    pub(super) fn is_subscribed(&self, topic: &TopicName) -> bool {
        match &self.kind {
            Kind::Bare => false,
            Kind::Consumer(group) => group.is_subscribed(topic),
            Kind::Classic(group) => group.is_subscribed(topic),
        }
    }

    /// Since when it has had no members, in milliseconds since 1970; none if it has some, or never had.
    pub(super) fn empty_since_ms(&self) -> Option<i64> {
        match &self.kind {
            Kind::Bare => None,
            Kind::Consumer(group) => group.empty_since_ms(),
            Kind::Classic(group) => group.empty_since_ms(),
        }
    }

    /// The group as one with server-side assignment; an empty one of the other kind becomes it.
    pub(super) fn as_consumer(&mut self, turn: &mut Turn) -> Result<&mut ConsumerGroup, GroupError> {
        if !matches!(self.kind, Kind::Consumer(_)) {
            if self.has_members() {
                return Err(GroupError::GroupTypeMismatch { is: "classic" });
            }
            self.end_kind(turn);
            self.kind = Kind::Consumer(Box::default());
        }
        match &mut self.kind {
            Kind::Consumer(group) => Ok(group),
            _ => unreachable!("it has just become one"),
        }
    }

    /// The group as a classic one; an empty one of the other kind becomes it.
    pub(super) fn as_classic(&mut self, turn: &mut Turn) -> Result<&mut ClassicGroup, GroupError> {
        if !matches!(self.kind, Kind::Classic(_)) {
            if self.has_members() {
                return Err(GroupError::GroupTypeMismatch { is: "consumer" });
            }
            self.end_kind(turn);
            self.kind = Kind::Classic(Box::new(ClassicGroup::new(turn.now.unix_ms)));
        }
        match &mut self.kind {
            Kind::Classic(group) => Ok(group),
            _ => unreachable!("it has just become one"),
        }
    }

    /// The empty group forgets what it was; its offsets stay.
    pub(super) fn end_kind(&mut self, turn: &mut Turn) {
        match &self.kind {
            Kind::Bare => {}
            Kind::Consumer(group) if group.was_never_kept() => {}
            Kind::Consumer(group) => group.write_end(turn),
            Kind::Classic(group) if group.was_never_kept() => {}
            Kind::Classic(group) => group.write_end(turn),
        }
        self.kind = Kind::Bare;
        let (join, sync) = (turn.join_timer(), turn.sync_timer());
        turn.timers.cancel(&join);
        turn.timers.cancel(&sync);
    }

    pub(super) fn listing(&self, group: &GroupId) -> GroupListing {
        match &self.kind {
            Kind::Bare => GroupListing {
                group: group.clone(),
                kind: "classic",
                protocol_type: String::new(),
                state: "Empty",
            },
            Kind::Consumer(kind) => kind.listing(group),
            Kind::Classic(kind) => kind.listing(group),
        }
    }

    pub(super) fn view(&self, group: &GroupId) -> GroupView {
        match &self.kind {
            Kind::Bare => GroupView {
                listing: self.listing(group),
                epoch: 0,
                assignment_epoch: 0,
                protocol: String::new(),
                members: Vec::new(),
            },
            Kind::Consumer(kind) => kind.view(group),
            Kind::Classic(kind) => kind.view(group),
        }
    }
}

/// Whether a commit may touch a partition.
pub(super) type PartitionCheck<'a> = Box<dyn Fn(&TopicIdPartition) -> Result<(), GroupError> + 'a>;
