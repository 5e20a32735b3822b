//! What is known of each partition: which value stands at which offset, and what may lawfully be gone.
//!
//! *Invariant:* a [`PlaceId`] is given out here and valid for as long as the check.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::event::{Place, Replica, TopicFacts, ValueId};
use super::report::{Kind, Report};

/// A partition by number, for maps.
pub(super) type PlaceId = usize;

/// A value at an offset, and the line that first said so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) value: Option<ValueId>,
    pub(super) epoch: Option<i64>,
    pub(super) line: u64,
}

/// What is lawful in a topic.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lawful {
    pub(super) compacted: bool,
    pub(super) deleted: bool,
    keeps_all: bool,
}

/// What is known of one partition.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) at: Place,
    slots: BTreeMap<i64, Slot>,
    inconsistent: HashSet<i64>,
    /// The highest offset that a read returned.
    pub(super) highest_read: Option<i64>,
    /// The highest log start that anybody told, and where.
    start_told: Option<(i64, u64)>,
    /// All below may have been deleted by request.
    start_asked: i64,
}

impl Known {
    fn new(at: Place) -> Self {
        Self {
            at,
            slots: BTreeMap::new(),
            inconsistent: HashSet::new(),
            highest_read: None,
            start_told: None,
            start_asked: 0,
        }
    }

    /// A read or an answer says that this stands at `offset`.
    pub(super) fn put(&mut self, offset: i64, slot: Slot, report: &mut Report) {
        let Some(known) = self.slots.get_mut(&offset) else {
            self.slots.insert(offset, slot);
            return;
        };
        let lines = [known.line, slot.line];
        let epochs = known.epoch.zip(slot.epoch);
        let (one, other) = (shown(known.value), shown(slot.value));
        if known.value == slot.value {
            if let Some((a, b)) = epochs.filter(|(a, b)| a != b)
                && self.inconsistent.insert(offset)
            {
                let what = format!("{one} at offset {offset} was written in epoch {a} and in epoch {b}");
                report.add(Kind::ForkedEpoch, &self.at, &lines, what);
            }
            known.epoch = known.epoch.or(slot.epoch);
        } else if self.inconsistent.insert(offset) {
            if let Some((epoch, _)) = epochs.filter(|(a, b)| a == b) {
                let what = format!("{one} and {other} at offset {offset}, both in epoch {epoch}");
                report.add(Kind::ForkedEpoch, &self.at, &lines, what);
            }
            let what = format!("{one} and {other} at offset {offset}");
            report.add(Kind::InconsistentOffset, &self.at, &lines, what);
        }
    }

    /// The first offset in a range that is known to hold a value.
    pub(super) fn first_value_in(&self, from: i64, to: i64) -> Option<(i64, Slot)> {
        if from >= to {
            return None;
        }
        let mut inside = self.slots.range(from..to).filter(|(_, slot)| slot.value.is_some());
        inside.next().map(|(offset, slot)| (*offset, *slot))
    }

    /// Whether it is known of each offset in a range what stands there.
    pub(super) fn is_whole(&self, from: i64, to: i64) -> bool {
        from < to && i64::try_from(self.slots.range(from..to).count()).is_ok_and(|known| known == to - from)
    }

    /// The last value that was known before any of these replicas was told, if all of them end at or before it: what was
    /// read once, and then cut off. Says nothing unless one of them is in sync: the others may lawfully be behind.
    pub(super) fn beyond(&self, told: &[(u64, Replica)]) -> Option<(i64, Option<ValueId>, u64)> {
        told.iter().find(|(_, replica)| replica.in_sync)?;
        let first_told = told.iter().map(|(line, _)| *line).min()?;
        let end = told.iter().map(|(_, replica)| replica.log_end).max()?;
        let mut behind = self.slots.range(end..).rev().filter(|(_, slot)| slot.line < first_told);
        behind.next().map(|(offset, slot)| (*offset, slot.value, slot.line))
    }

    /// Somebody told where the log starts.
    pub(super) fn starts_at(&mut self, log_start: i64, line: u64) {
        if self.start_told.is_none_or(|(told, _)| log_start > told) {
            self.start_told = Some((log_start, line));
        }
    }

    /// All below `before` may have been deleted by request.
    pub(super) fn may_start_at(&mut self, before: i64) {
        self.start_asked = self.start_asked.max(before);
    }

    /// The first offset that cannot lawfully be gone.
    pub(super) fn lawful_start(&self) -> i64 {
        self.start_told.map_or(0, |(told, _)| told).max(self.start_asked)
    }
}

/// All partitions of a history.
#[derive(Debug, Default)]
pub(super) struct Places {
    ids: HashMap<Place, PlaceId>,
    all: Vec<Known>,
    facts: HashMap<(std::sync::Arc<str>, Option<std::sync::Arc<str>>), Lawful>,
}

impl Places {
    pub(super) fn id(&mut self, at: &Place) -> PlaceId {
        if let Some(id) = self.ids.get(at) {
            return *id;
        }
        let id = self.all.len();
        self.all.push(Known::new(at.clone()));
        self.ids.insert(at.clone(), id);
        id
    }

    pub(super) fn known(&self, id: PlaceId) -> &Known {
        &self.all[id]
    }

    pub(super) fn known_mut(&mut self, id: PlaceId) -> &mut Known {
        &mut self.all[id]
    }

    pub(super) fn note_facts(&mut self, facts: TopicFacts) {
        let lawful = self.facts.entry((facts.topic, facts.topic_id)).or_default();
        lawful.compacted |= facts.compacted.unwrap_or_default();
        lawful.deleted |= facts.deleted.unwrap_or_default();
        lawful.keeps_all |= facts.retention == Some(false);
    }

    /// What is lawful in a partition, by all that was told of its topic.
    pub(super) fn lawful(&self, id: PlaceId) -> Lawful {
        let at = &self.all[id].at;
        self.facts.get(&(at.topic.clone(), at.topic_id.clone())).copied().unwrap_or_default()
    }

    /// Log starts that passed all that was asked to go.
    pub(super) fn finish(&self, report: &mut Report) {
        for (id, known) in self.all.iter().enumerate() {
            let Some((told, line)) = known.start_told else { continue };
            if self.lawful(id).keeps_all && told > known.start_asked {
                let asked = known.start_asked;
                let what = format!("the log starts at {told}, and nothing from {asked} on was asked to go");
                report.add(Kind::LogStartAhead, &known.at, &[line], what);
            }
        }
    }
}

pub(super) fn shown(value: Option<ValueId>) -> String {
    value.map_or_else(|| "a record that is no value".to_owned(), |value| format!("value {value}"))
}
