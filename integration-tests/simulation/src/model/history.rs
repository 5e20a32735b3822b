//! What must hold in every state, and what has to be remembered of the past to judge it.
//!
//! - No two different entries are ever committed at one offset.
//! - The acting leader of the newest record's reign holds everything that was ever committed.
//! - An end that a leader may tell does not lie below what was committed in an earlier reign (KIP-207).
//!
//! Besides, the assertions of production hold: a panic in its code is a violation, too.

use std::fmt;

use tidemark::types::{BrokerId, LeaderEpoch};

use super::log::Entry;
use super::world::World;

/// What was committed so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct History {
    /// By offset.
    committed: Vec<Entry>,
    /// How far each reign committed.
    ends: Vec<(LeaderEpoch, usize)>,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say what they are")]
pub enum Violation {
    /// Two entries at one offset.
    CommittedTwice { offset: usize, first: Entry, second: Entry, by: BrokerId },
    /// The leader lacks an entry.
    Lost { offset: usize, entry: Entry, leader: BrokerId, has: Option<Entry> },
    /// A leader calls committed what it does not hold.
    BeyondLog { offset: usize, leader: BrokerId },
    /// A leader tells an end below one that was told.
    EndWentBack { told: usize, before: usize, leader: BrokerId },
    /// An assertion of production failed.
    Panicked(String),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommittedTwice { offset, first, second, by } => write!(
                f,
                "offset {offset} was committed as v{} of epoch {}, and {by} commits v{} of epoch {}",
                first.value, first.epoch, second.value, second.epoch
            ),
            Self::Lost { offset, entry, leader, has } => {
                write!(
                    f,
                    "{leader} leads without v{} of epoch {}, committed at offset {offset}",
                    entry.value, entry.epoch
                )?;
                match has {
                    Some(has) => write!(f, "; it has v{} of epoch {} there", has.value, has.epoch),
                    None => write!(f, "; it has nothing there"),
                }
            }
            Self::BeyondLog { offset, leader } => {
                write!(f, "{leader} calls offset {offset} committed and does not hold it")
            }
            Self::EndWentBack { told, before, leader } => {
                write!(f, "{leader} tells the end {told}, and {before} was told before")
            }
            Self::Panicked(what) => write!(f, "an assertion of production fails: {what}"),
        }
    }
}

impl World {
    /// Takes note of what is committed now, and judges it.
    ///
    /// # Errors
    /// What went wrong.
    pub(super) fn judge(&mut self) -> Result<(), Violation> {
        let mut history = std::mem::take(&mut self.history);
        let verdict = history.note(self);
        self.history = history;
        verdict
    }
}

impl History {
    /// How many entries were committed.
    pub(super) fn committed(&self) -> usize {
        self.committed.len()
    }

    fn note(&mut self, world: &World) -> Result<(), Violation> {
        for broker in world.brokers() {
            let Some(leader) = broker.leading() else { continue };
            let (by, end, entries) = (broker.me.broker, broker.high_watermark(), broker.log.entries());
            if end > entries.len() {
                return Err(Violation::BeyondLog { offset: entries.len(), leader: by });
            }
            for (offset, second) in entries[..end].iter().enumerate() {
                match self.committed.get(offset) {
                    None => self.committed.push(*second),
                    Some(first) if first == second => {}
                    Some(first) => {
                        return Err(Violation::CommittedTwice { offset, first: *first, second: *second, by });
                    }
                }
            }
            self.note_end(leader.epoch(), end);
        }
        let newest = world.store.record().state.leader_epoch;
        for broker in world.brokers() {
            let Some(leader) = broker.leading() else { continue };
            let by = broker.me.broker;
            if leader.epoch() != newest {
                continue;
            }
            let has = |offset: usize| broker.log.entries().get(offset).copied();
            let lost =
                self.committed.iter().enumerate().find(|(offset, entry)| has(*offset) != Some(**entry));
            if let Some((offset, entry)) = lost {
                return Err(Violation::Lost { offset, entry: *entry, leader: by, has: has(offset) });
            }
        }
        for broker in world.brokers() {
            let Some(leader) = broker.leading() else { continue };
            let by = broker.me.broker;
            let before =
                self.ends.iter().filter(|(epoch, _)| *epoch < leader.epoch()).map(|(_, end)| *end).max();
            if let Some(before) = before.filter(|before| *before > broker.high_watermark())
                && leader.knows_the_committed_end()
            {
                return Err(Violation::EndWentBack { told: broker.high_watermark(), before, leader: by });
            }
        }
        Ok(())
    }

    fn note_end(&mut self, epoch: LeaderEpoch, end: usize) {
        match self.ends.iter_mut().find(|(known, _)| *known == epoch) {
            Some((_, known)) => *known = (*known).max(end),
            None if end > 0 => {
                self.ends.push((epoch, end));
                self.ends.sort_unstable();
            }
            None => {}
        }
    }
}
