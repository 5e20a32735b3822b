//! The consumer instances of one group: what is kept in the log of each, and the polls under way, which are not.
//!
//! *Invariant:* [`GroupInstances::bytes`] is what the kept values take, roughly, at all times.
//! *Invariant:* what is kept changes only by [`GroupInstances::put`] and [`GroupInstances::remove`], which replay uses too.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use uuid::Uuid;

use super::call::BeginPoll;
use crate::groups::ids::{InstanceName, Ticket};
use crate::groups::records::{GroupRecord, InstanceValue};
use crate::groups::turn::Turn;
use crate::types::TopicName;

/// What an instance takes beside what it reads, roughly.
const INSTANCE_BYTES: usize = 700;
/// What a position takes, roughly.
const POSITION_BYTES: usize = 96;

/// One instance.
#[derive(Clone, Debug)]
pub(in crate::groups) struct Instance {
    /// What is in the log.
    pub(super) kept: InstanceValue,
    /// The poll under way.
    pub(super) open: Option<OpenPoll>,
    /// The last poll that began here, whether it is under way or not; none since the shard was loaded.
    pub(super) last_begun: Option<Uuid>,
    /// Whether the client was given what the last poll delivered.
    pub(super) receipt: Receipt,
    /// Polls that wait for their turn.
    pub(super) parked: VecDeque<ParkedPoll>,
    /// The topics that its pattern matches, in a version of the view of topics.
    pub(super) matched: Option<(u64, BTreeSet<TopicName>)>,
}

/// Whether the client was given what was delivered and is not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receipt {
    /// Nobody knows: the shard was loaded since.
    Unknown,
    /// The broker that polled has not said so, and may be gone, or its client.
    Open,
    /// It has: what is delivered is acknowledged by the next poll.
    Told,
}

/// A poll under way.
#[derive(Clone, Debug)]
pub(super) struct OpenPoll {
    /// Which.
    pub(super) poll: Uuid,
    /// Since when.
    pub(super) since: Instant,
    /// Whether it delivers again what was delivered.
    pub(super) replays: bool,
}

/// A poll that waits for its turn.
#[derive(Clone, Debug)]
pub(super) struct ParkedPoll {
    /// Who waits.
    pub(super) ticket: Ticket,
    /// For what.
    pub(super) begin: BeginPoll,
    /// Until when.
    pub(super) until: Instant,
}

impl Instance {
    fn new(kept: InstanceValue) -> Self {
        Self {
            kept,
            open: None,
            last_begun: None,
            receipt: Receipt::Unknown,
            parked: VecDeque::new(),
            matched: None,
        }
    }

    fn bytes(&self) -> usize {
        INSTANCE_BYTES + self.kept.subscription.bytes() + POSITION_BYTES * self.kept.positions.len()
    }

    /// What the poll under way began with does not hold any more.
    pub(super) fn fence_poll(&mut self) {
        self.open = None;
    }
}

/// The instances of one group.
#[derive(Clone, Debug, Default)]
pub(in crate::groups) struct GroupInstances {
    by_name: BTreeMap<InstanceName, Instance>,
    bytes: usize,
}

impl GroupInstances {
    pub(in crate::groups) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    pub(in crate::groups) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(in crate::groups) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(in crate::groups) fn names(&self) -> impl Iterator<Item = &InstanceName> {
        self.by_name.keys()
    }

    pub(super) fn get(&self, name: &InstanceName) -> Option<&Instance> {
        self.by_name.get(name)
    }

    /// For what is not kept in the log.
    pub(super) fn transient(&mut self, name: &InstanceName) -> Option<&mut Instance> {
        self.by_name.get_mut(name)
    }

    pub(in crate::groups) fn put(&mut self, name: &InstanceName, kept: InstanceValue) {
        match self.by_name.get_mut(name) {
            Some(instance) => {
                self.bytes -= instance.bytes();
                instance.kept = kept;
                self.bytes += instance.bytes();
            }
            None => {
                let instance = Instance::new(kept);
                self.bytes += instance.bytes();
                self.by_name.insert(name.clone(), instance);
            }
        }
    }

    pub(in crate::groups) fn remove(&mut self, name: &InstanceName) -> Option<Instance> {
        let removed = self.by_name.remove(name)?;
        self.bytes -= removed.bytes();
        Some(removed)
    }

    /// Keeps `kept` and writes it down, if that changes anything.
    pub(super) fn write(&mut self, turn: &mut Turn, name: &InstanceName, kept: InstanceValue) {
        if self.get(name).is_some_and(|before| before.kept == kept) {
            return;
        }
        let (group, instance) = (turn.group.clone(), name.clone());
        turn.write(GroupRecord::Instance { group, instance, value: Some(kept.clone()) });
        self.put(name, kept);
    }

    /// What a reload would bring back; for tests.
    #[cfg(test)]
    pub(in crate::groups) fn durable(&self) -> String {
        let kept: BTreeMap<_, _> = self.by_name.iter().map(|(name, one)| (name, &one.kept)).collect();
        if kept.is_empty() { String::new() } else { format!("{kept:?} {}", self.bytes) }
    }
}
