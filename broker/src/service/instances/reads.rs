//! What a poll has read so far, partition by partition. Pure.
//!
//! *Invariant:* what is held of a partition lies between where the poll began in it and where it reads on.

use std::collections::BTreeMap;

use bytes::Bytes;
use uuid::Uuid;

use super::error::InstanceError;
use super::select::{Piece, select};
use super::types::InstanceRecord;
use crate::groups::TopicIdPartition;
use crate::groups::instances::{Begun, EmbeddedFormat, PartitionProgress};
use crate::record::BatchLimits;
use crate::service::groups::Want;
use crate::service::{Admitted, FetchError, Fetched};
use crate::types::{Offset, TopicPartition};

/// One partition.
struct Read {
    tp: TopicPartition,
    since: i32,
    /// Where the poll began; not known yet if `None`.
    from: Option<Offset>,
    /// Where it ends, if it is read again.
    until: Option<Offset>,
    /// Where to read on.
    next: Offset,
    fetched: Vec<Fetched>,
}

/// All partitions of a poll.
#[derive(Default)]
pub(super) struct Reads {
    all: BTreeMap<TopicIdPartition, Read>,
    /// Which partition is told first.
    first: usize,
}

impl Reads {
    /// What the coordinator says is to be read; what was read of partitions that are still to be read stays.
    pub(super) fn take_over(
        &mut self,
        begun: &Begun,
        name_of: impl Fn(&TopicIdPartition) -> Option<TopicPartition>,
    ) {
        let mut before = std::mem::take(&mut self.all);
        for one in &begun.partitions {
            let read = match before.remove(&one.id) {
                Some(read) if read.since == one.since && (read.from.is_some() || one.from.is_none()) => read,
                _ => {
                    let Some(tp) = name_of(&one.id) else { continue };
                    let next = one.from.unwrap_or_default();
                    let (from, until) = (one.from, one.until);
                    Read { tp, since: one.since, from, until, next, fetched: Vec::new() }
                }
            };
            self.all.insert(one.id, read);
        }
    }

    /// The partitions where nobody knows where to begin.
    pub(super) fn without_start(&self) -> impl Iterator<Item = (TopicIdPartition, TopicPartition)> {
        self.all.iter().filter(|(_, read)| read.from.is_none()).map(|(id, read)| (*id, read.tp.clone()))
    }

    /// The name of a partition that is read.
    pub(super) fn tp(&self, id: &TopicIdPartition) -> Option<&TopicPartition> {
        Some(&self.all.get(id)?.tp)
    }

    /// Begins, or goes on, there; since when the instance has the partition.
    pub(super) fn start_at(&mut self, id: &TopicIdPartition, start: Offset) -> Option<i32> {
        let read = self.all.get_mut(id)?;
        (read.from, read.until, read.next) = (Some(start), None, start);
        read.fetched.clear();
        Some(read.since)
    }

    /// What to read now; `poll` says which partition comes first.
    pub(super) fn wants(&mut self, poll: Uuid) -> Vec<Want> {
        let is_open = |read: &Read| read.from.is_some() && read.until.is_none_or(|until| read.next < until);
        let mut wants: Vec<Want> = self
            .all
            .iter()
            .filter(|(_, read)| is_open(read))
            .map(|(id, read)| Want { tp: read.tp.clone(), topic_id: id.topic, from: read.next })
            .collect();
        let turn = usize::try_from(poll.as_u128() & 0xffff).unwrap_or(0);
        self.first = turn.checked_rem(self.all.len()).unwrap_or(0);
        if let Some(turn) = turn.checked_rem(wants.len()) {
            wants.rotate_left(turn);
        }
        wants
    }

    /// Takes what was read; returns the partitions whose positions are of no use, and why.
    pub(super) fn take(
        &mut self,
        got: impl Iterator<Item = (TopicIdPartition, Result<Fetched, FetchError>)>,
    ) -> Vec<(TopicIdPartition, FetchError)> {
        let mut lost = Vec::new();
        for (id, one) in got {
            let Some(read) = self.all.get_mut(&id) else { continue };
            match one {
                Ok(fetched) if fetched.batches.is_empty() => {}
                Ok(fetched) => {
                    read.next = fetched.next_offset;
                    read.fetched.push(fetched);
                }
                // What is held is delivered first, and the rest seen to by the next poll.
                Err(_) if !read.fetched.is_empty() => {}
                Err(why) => lost.push((id, why)),
            }
        }
        lost
    }

    /// How many bytes have been read.
    pub(super) fn bytes(&self) -> usize {
        self.all.values().flat_map(|read| &read.fetched).flat_map(|one| &one.batches).map(Bytes::len).sum()
    }

    /// Whether everything that was to be read again has been.
    pub(super) fn is_all(&self) -> bool {
        let done = |read: &Read| read.until.is_some_and(|until| read.next >= until);
        !self.all.is_empty() && self.all.values().all(done)
    }

    /// What is delivered, and how far that goes.
    pub(super) fn select(
        &self,
        format: EmbeddedFormat,
        max_bytes: usize,
        inflated_bytes_max: usize,
    ) -> Result<(Vec<InstanceRecord>, Vec<PartitionProgress>), InstanceError> {
        let limits =
            BatchLimits { batch_bytes_max: usize::MAX, inflated_bytes_max, record_count_max: usize::MAX };
        let mut held: Vec<_> = self
            .all
            .iter()
            .filter(|(_, read)| !read.fetched.is_empty())
            .filter_map(|(id, read)| Some((id, read, read.from?)))
            .collect();
        if let Some(first) = self.first.checked_rem(held.len()) {
            held.rotate_left(first);
        }
        let pieces: Vec<Piece> = held
            .iter()
            .map(|(_, read, from)| Piece {
                tp: &read.tp,
                from: *from,
                until: read.until.map_or(read.next, |until| until.min(read.next)),
                batches: read.fetched.iter().flat_map(|fetched| fetched.batches.clone()).collect(),
            })
            .collect();
        let selected = select(&pieces, format, max_bytes, &limits)?;
        let progress = held.iter().zip(selected.ends).filter(|((_, _, from), to)| from != to);
        let progress = progress
            .map(|((id, read, from), to)| PartitionProgress { id: **id, since: read.since, from: *from, to })
            .collect();
        Ok((selected.records, progress))
    }

    /// What is held of the budget of answers.
    pub(super) fn into_admitted(self) -> Vec<Admitted> {
        let fetched = self.all.into_values().flat_map(|read| read.fetched);
        fetched.filter_map(|one| one.admitted).collect()
    }
}
