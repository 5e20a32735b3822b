//! What must still hold in the store when something is written: compared there, in the very transaction. Pure.
//!
//! Everything that keeps two writers of one record apart is here; the shells only turn it into the store's words.
//!
//! *Invariant:* no partition's record is written without the version that it replaces (rules 4 and 10).

use coordinator_adapter::{Compare, Revision};

use super::isr_change::IsrChange;
use super::keyspace::{Key, Keyspace};
use super::reconcile::{PartitionWrite, TopicGuard};
use crate::rules::{self, Rule};

/// One condition of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// What stands at the key was last written at this revision.
    At(Key, Revision),
    /// What stands at the key was created at this revision.
    CreatedAt(Key, Revision),
    /// Something stands there.
    Exists(Key),
    /// Nothing does.
    Missing(Key),
}

impl Guard {
    /// In the store's words.
    #[must_use]
    pub fn compare(&self, keyspace: &Keyspace) -> Compare {
        match self {
            Self::At(key, revision) => Compare::ModRevision(keyspace.path(key), *revision),
            Self::CreatedAt(key, revision) => Compare::CreateRevision(keyspace.path(key), *revision),
            Self::Exists(key) => Compare::Exists(keyspace.path(key)),
            Self::Missing(key) => Compare::Missing(keyspace.path(key)),
        }
    }

    fn at_or_missing(key: Key, revision: Option<Revision>) -> Self {
        revision.map_or_else(|| Self::Missing(key.clone()), |revision| Self::At(key.clone(), revision))
    }
}

/// A leader writes its own in-sync set: the record is the one it knows (rule 4), and who joins still lives in the life
/// that fetched (rule 5).
#[must_use]
pub fn guards_of_isr_change(change: &IsrChange) -> Vec<Guard> {
    let mut guards = Vec::with_capacity(3);
    if rules::holds(Rule::LeaderGuardsRecord) {
        guards.push(Guard::At(Key::Partition(change.tp.clone()), Revision(change.guard.0)));
    }
    if let Some(joiner) = change.joiner {
        if rules::holds(Rule::JoinerIsThatLife) {
            guards.push(Guard::At(Key::Broker(joiner.broker), Revision(joiner.epoch.0)));
        }
        if rules::holds(Rule::JoinerIsLive) {
            guards.push(Guard::Exists(Key::Live(joiner.broker)));
        }
    }
    guards
}

/// The controller writes a record: it still holds the seat that was created at `seat`, and the record, its topic, and the
/// order that is carried out are the ones it went by (rule 10).
#[must_use]
pub fn guards_of_write(seat: Revision, write: &PartitionWrite) -> Vec<Guard> {
    let mut guards = Vec::with_capacity(4);
    if rules::holds(Rule::ControllerSeat) {
        guards.push(Guard::CreatedAt(Key::Controller, seat));
    }
    let topic = Key::Topic(write.tp.topic.clone());
    guards.push(match write.topic {
        TopicGuard::At(revision) => Guard::At(topic, revision),
        TopicGuard::Gone => Guard::Missing(topic),
    });
    if rules::holds(Rule::ControllerGuardsRecord) {
        let version = write.guard.map(|guard| Revision(guard.0));
        guards.push(Guard::at_or_missing(Key::Partition(write.tp.clone()), version));
    }
    if let Some(order) = &write.order {
        guards.push(Guard::At(Key::Reassignment(write.tp.clone()), order.guard));
    }
    guards
}
