//! Keys, leases and history of a memory store: pure, deterministic.
//!
//! A change is planned first (nothing moves), made durable by whoever holds the state, then applied; so what is visible
//! is durable. *Invariants:* each change makes exactly one revision; `history` holds every change from `oldest` to
//! `revision`; time never goes back.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use crate::error::StoreError;
use crate::store::{KeyValue, LeaseId, Listing, Revision, WatchBatch, WatchEvent};

/// What one revision did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The revision that it makes.
    pub(super) revision: Revision,
    /// In the order in which watches see them.
    pub(super) events: Vec<WatchEvent>,
}

/// The answer to a watch that asks for more.
#[derive(Debug)]
pub(super) enum News {
    /// Changes, and the revision to ask for next.
    Batch(WatchBatch, Revision),
    /// Nothing below this revision, which is yet to come.
    None(Revision),
    /// The revision asked for is gone; this is the oldest kept.
    Compacted(Revision),
}

#[derive(Clone, Copy, Debug)]
struct LeaseEntry {
    ttl_ms: i64,
    deadline_ms: i64,
}

/// The whole store.
#[derive(Debug)]
pub(super) struct State {
    revision: Revision,
    oldest: Revision,
    keys: BTreeMap<String, KeyValue>,
    history: VecDeque<Change>,
    history_events: usize,
    history_max: usize,
    leases: BTreeMap<LeaseId, LeaseEntry>,
    lease_last: LeaseId,
    now_ms: i64,
}

impl State {
    /// An empty store: as etcd's, at revision 1.
    pub(super) fn new(history_max: usize) -> Self {
        let mut state = Self::restored(Revision(1), BTreeMap::new(), history_max);
        state.oldest = Revision(1);
        state
    }

    /// A store as a snapshot left it, without history.
    pub(super) fn restored(revision: Revision, keys: BTreeMap<String, KeyValue>, history_max: usize) -> Self {
        Self {
            revision,
            oldest: revision.next(),
            keys,
            history: VecDeque::new(),
            history_events: 0,
            history_max,
            leases: BTreeMap::new(),
            lease_last: LeaseId(0),
            now_ms: 0,
        }
    }

    pub(super) fn revision(&self) -> Revision {
        self.revision
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.now_ms
    }

    pub(super) fn get(&self, key: &str) -> Option<&KeyValue> {
        self.keys.get(key)
    }

    /// A key as it was at revision `at`, as far as the history tells.
    pub(super) fn get_at(&self, key: &str, at: Revision) -> Result<Option<KeyValue>, StoreError> {
        if at > self.revision {
            return Err(StoreError::Invalid { reason: format!("revision {at} is yet to come") });
        }
        let compacted = StoreError::Compacted { requested: at, compacted: self.oldest };
        if at < self.oldest && at < self.revision {
            return Err(compacted);
        }
        let after = self.history.partition_point(|change| change.revision <= at);
        let of_key = |change: &Change| change.events.iter().find(|event| event_key(event) == key).cloned();
        if let Some(event) = self.history.range(..after).rev().find_map(of_key) {
            return Ok(match event {
                WatchEvent::Put(entry) => Some(entry),
                WatchEvent::Delete { .. } => None,
            });
        }
        // Not written in the history up to then: what follows tells whether it was there before.
        match self.history.range(after..).find_map(of_key) {
            None => Ok(self.keys.get(key).cloned()),
            Some(WatchEvent::Put(entry)) if entry.version == 1 => Ok(None),
            Some(_) => Err(compacted),
        }
    }

    /// All keys with a prefix, in order.
    pub(super) fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a KeyValue> {
        self.keys
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
            .map(|(_, entry)| entry)
    }

    pub(super) fn list(&self, prefix: &str) -> Listing {
        Listing { revision: self.revision, entries: self.with_prefix(prefix).cloned().collect() }
    }

    /// Applies a change that was planned on this very state.
    pub(super) fn apply(&mut self, change: Change) {
        assert_eq!(change.revision, self.revision.next(), "a change planned on another revision");
        assert!(!change.events.is_empty(), "revision {} changes nothing", change.revision);
        for event in &change.events {
            match event {
                WatchEvent::Put(entry) => {
                    self.keys.insert(entry.key.clone(), entry.clone());
                }
                WatchEvent::Delete { key, .. } => {
                    self.keys.remove(key);
                }
            }
        }
        self.revision = change.revision;
        self.history_events += change.events.len();
        self.history.push_back(change);
        while self.history_events > self.history_max && self.history.len() > 1 {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(change) = self.history.pop_front() {
            self.history_events -= change.events.len();
            self.oldest = change.revision.next();
        }
    }

    /// Forgets the history below `revision`.
    pub(super) fn compact(&mut self, revision: Revision) -> Result<(), StoreError> {
        if revision > self.revision {
            return Err(StoreError::Invalid { reason: format!("revision {revision} is yet to come") });
        }
        if revision < self.oldest {
            return Err(StoreError::Compacted { requested: revision, compacted: self.oldest });
        }
        while self.history.front().is_some_and(|change| change.revision < revision) {
            self.forget_oldest();
        }
        self.oldest = revision;
        Ok(())
    }

    /// What changed under `prefix` from revision `from` on: whole revisions, as many as make `events_max` events.
    pub(super) fn news(&self, prefix: &str, from: Revision, events_max: usize) -> News {
        if from < self.oldest {
            return News::Compacted(self.oldest);
        }
        let first = self.history.partition_point(|change| change.revision < from);
        let mut events = Vec::new();
        let mut last = Revision::default();
        for change in self.history.range(first..) {
            if events.len() >= events_max {
                break;
            }
            let before = events.len();
            events.extend(change.events.iter().filter(|event| event_key(event).starts_with(prefix)).cloned());
            if events.len() > before {
                last = change.revision;
            }
        }
        if events.is_empty() {
            return News::None(from.max(self.revision.next()));
        }
        News::Batch(WatchBatch { revision: last, events }, last.next())
    }

    /// Moves the time, never back.
    pub(super) fn set_now(&mut self, now_ms: i64) {
        self.now_ms = self.now_ms.max(now_ms);
    }

    /// Names of leases begin above this from now on: a store opened anew does not give old names again.
    pub(super) fn leases_after(&mut self, last: LeaseId) {
        self.lease_last = self.lease_last.max(last);
    }

    pub(super) fn grant(&mut self, ttl_ms: i64) -> LeaseId {
        let id = LeaseId(self.lease_last.0 + 1);
        self.lease_last = id;
        self.leases.insert(id, LeaseEntry { ttl_ms, deadline_ms: self.now_ms + ttl_ms });
        id
    }

    pub(super) fn has_lease(&self, lease: LeaseId) -> bool {
        self.leases.contains_key(&lease)
    }

    /// Renews a lease; its time to live in milliseconds.
    pub(super) fn keep_alive(&mut self, lease: LeaseId) -> Result<i64, StoreError> {
        let entry = self.leases.get_mut(&lease).ok_or(StoreError::LeaseNotFound(lease))?;
        entry.deadline_ms = self.now_ms + entry.ttl_ms;
        Ok(entry.ttl_ms)
    }

    /// Gives every lease its whole time again.
    pub(super) fn rearm_leases(&mut self) {
        for entry in self.leases.values_mut() {
            entry.deadline_ms = self.now_ms + entry.ttl_ms;
        }
    }

    /// The lease that has run out the longest ago.
    pub(super) fn expired(&self) -> Option<LeaseId> {
        self.leases
            .iter()
            .filter(|(_, entry)| entry.deadline_ms <= self.now_ms)
            .min_by_key(|(id, entry)| (entry.deadline_ms, **id))
            .map(|(id, _)| *id)
    }

    /// The change that deletes the keys for which `doomed` holds: one revision; none if there is no such key.
    pub(super) fn plan_deletes(&self, doomed: impl Fn(&KeyValue) -> bool) -> Option<Change> {
        let revision = self.revision.next();
        let events: Vec<_> = self
            .keys
            .values()
            .filter(|entry| doomed(entry))
            .map(|entry| WatchEvent::Delete { key: entry.key.clone(), mod_revision: revision })
            .collect();
        (!events.is_empty()).then_some(Change { revision, events })
    }

    /// Forgets a lease whose keys are gone.
    pub(super) fn end_lease(&mut self, lease: LeaseId) {
        assert!(!self.keys.values().any(|entry| entry.lease == Some(lease)), "lease {lease} still has keys");
        self.leases.remove(&lease);
    }
}

fn event_key(event: &WatchEvent) -> &str {
    match event {
        WatchEvent::Put(entry) => &entry.key,
        WatchEvent::Delete { key, .. } => key,
    }
}
