//! The deadlines of a shard, in memory only: after a reload all of them start afresh.
//!
//! *Invariant:* a key has one deadline at most; setting it again moves it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::ids::{GroupId, InstanceName, MemberId};

/// What comes due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TimerKey {
    /// A member has been silent for too long.
    Session(GroupId, MemberId),
    /// A member has not given up its partitions.
    Revocation(GroupId, MemberId),
    /// The members of a classic group have had time enough to join.
    Join(GroupId),
    /// The members of a classic group have had time enough to ask for their assignment.
    Sync(GroupId),
    /// Nothing has been heard of a consumer instance for too long.
    Instance(GroupId, InstanceName),
    /// A poll of a consumer instance waits for its turn.
    InstancePolls(GroupId, InstanceName),
    /// Expired offsets are looked for, group by group.
    Sweep,
}

/// Deadlines by key and by time.
#[derive(Debug, Default)]
pub(super) struct Timers {
    by_key: BTreeMap<TimerKey, Instant>,
    queue: BTreeSet<(Instant, TimerKey)>,
}

impl Timers {
    pub(super) fn set(&mut self, key: TimerKey, at: Instant) {
        if let Some(old) = self.by_key.insert(key.clone(), at) {
            self.queue.remove(&(old, key.clone()));
        }
        self.queue.insert((at, key));
    }

    pub(super) fn cancel(&mut self, key: &TimerKey) {
        if let Some(old) = self.by_key.remove(key) {
            self.queue.remove(&(old, key.clone()));
        }
    }

    pub(super) fn is_set(&self, key: &TimerKey) -> bool {
        self.by_key.contains_key(key)
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Takes the first that is due.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<TimerKey> {
        if self.next()? > now {
            return None;
        }
        let (_, key) = self.queue.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;

    #[test]
    fn a_key_comes_due_once_and_at_its_last_deadline() {
        let start = Clock::manual(0).now();
        let at = |ms| start + Duration::from_millis(ms);
        let session = |member: &str| TimerKey::Session("g".into(), member.into());
        let mut timers = Timers::default();
        timers.set(session("a"), at(10));
        timers.set(session("b"), at(20));
        timers.set(session("a"), at(30));
        timers.set(TimerKey::Sweep, at(5));
        timers.cancel(&TimerKey::Sweep);
        assert_eq!(timers.next(), Some(at(20)));
        assert_eq!(timers.pop_due(at(19)), None);
        assert_eq!(timers.pop_due(at(30)), Some(session("b")));
        assert_eq!(timers.pop_due(at(30)), Some(session("a")));
        assert_eq!(timers.pop_due(at(30)), None);
    }
}
