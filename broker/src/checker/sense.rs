//! What makes no sense in an event, whatever it tells: numbers that nothing has, a topic told in two ways, an end that is of
//! something else than its beginning.
//!
//! *Invariant:* whoever judges comes after this, and may count on offsets and partitions that are 0 or more.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::event::{Operation, Place};

/// How each topic is told.
#[derive(Debug, Default)]
pub(super) struct Sense {
    /// Whether with its id, and the line that first did so.
    topics: HashMap<Arc<str>, (bool, u64)>,
}

impl Sense {
    /// Looks at an event.
    ///
    /// # Errors
    /// If it makes no sense.
    pub(super) fn take(&mut self, line: u64, op: &Operation) -> Result<(), String> {
        if let Some(least) = least_number(op).filter(|least| *least < 0) {
            return Err(format!(
                "offsets and partitions are 0 or more, and here is {least}; leave out what is not known"
            ));
        }
        if let Operation::Topic(facts) = op {
            self.is_told_alike(line, &facts.topic, facts.topic_id.is_some())?;
        }
        places(op).try_for_each(|at| self.is_told_alike(line, &at.topic, at.topic_id.is_some()))
    }

    /// What is known of a topic with its id, and what is known of it without, would never be laid beside each other.
    fn is_told_alike(&mut self, line: u64, topic: &Arc<str>, has_id: bool) -> Result<(), String> {
        let Some((before, first)) = self.topics.get(topic) else {
            self.topics.insert(Arc::clone(topic), (has_id, line));
            return Ok(());
        };
        if *before == has_id {
            return Ok(());
        }
        let how = |has_id| if has_id { "with its topic_id" } else { "without a topic_id" };
        let (before, now) = (how(*before), how(has_id));
        Err(format!(
            "topic {topic} is told {now}, and in line {first} {before}; tell it alike in all events, facts included"
        ))
    }
}

/// What an operation is of; its end is of the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    group: Option<Arc<str>>,
    at: Option<Place>,
}

impl Subject {
    pub(super) fn of(op: &Operation) -> Self {
        let group = match op {
            Operation::Assigned(assigned) => Some(&assigned.group),
            Operation::Revoked(revoked) => Some(&revoked.group),
            Operation::Heartbeat(beat) => Some(&beat.group),
            Operation::Commit(commit) => Some(&commit.group),
            Operation::Committed(look) => Some(&look.group),
            _ => None,
        };
        Self { group: group.cloned(), at: place(op).cloned() }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = self.group.iter().map(|group| format!("group {group}"));
        let all: Vec<String> = group.chain(self.at.iter().map(ToString::to_string)).collect();
        f.write_str(&all.join(" and "))
    }
}

/// The one partition that an operation is of.
fn place(op: &Operation) -> Option<&Place> {
    match op {
        Operation::Send(send) => Some(&send.at),
        Operation::Read(read) => Some(&read.at),
        Operation::Seek(seek) => Some(&seek.at),
        Operation::DeleteRecords(delete) => Some(&delete.at),
        Operation::Commit(commit) => Some(&commit.at),
        Operation::Committed(look) => Some(&look.at),
        Operation::Replica(replica) => Some(&replica.at),
        Operation::Topic(_) | Operation::Assigned(_) | Operation::Revoked(_) | Operation::Heartbeat(_) => {
            None
        }
    }
}

/// All partitions that an operation names.
fn places(op: &Operation) -> impl Iterator<Item = &Place> {
    let listed = match op {
        Operation::Assigned(assigned) => assigned.partitions.as_slice(),
        Operation::Revoked(revoked) => revoked.partitions.as_deref().unwrap_or_default(),
        _ => &[],
    };
    place(op).into_iter().chain(listed)
}

/// The least of its partitions and offsets. Epochs are left alone: Kafka has some that are below 0.
fn least_number(op: &Operation) -> Option<i64> {
    let offset = match op {
        Operation::Send(send) => send.base_offset,
        Operation::Read(read) => {
            let told = [read.from, read.high_watermark, read.log_start].into_iter().flatten();
            told.chain(read.records.iter().map(|record| record.offset)).min()
        }
        Operation::DeleteRecords(delete) => Some(delete.before),
        Operation::Commit(commit) => Some(commit.offset),
        Operation::Committed(look) => look.offset,
        Operation::Replica(replica) => {
            let told = [replica.high_watermark, replica.log_end, replica.log_start];
            told.into_iter().chain(replica.entries.iter().flat_map(|entry| [entry.base, entry.end])).min()
        }
        Operation::Seek(_)
        | Operation::Topic(_)
        | Operation::Assigned(_)
        | Operation::Revoked(_)
        | Operation::Heartbeat(_) => None,
    };
    places(op).map(|at| i64::from(at.partition)).chain(offset).min()
}
