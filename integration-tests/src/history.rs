//! What clients did and saw, in the order in which it began.
//!
//! Pure but for a lock around the list. An operation that never came back stays [`Outcome::Unknown`], as Jepsen's `info`.
//!
//! *Invariant:* a value is sent at most once, so that each one read says which send it came from.

use std::sync::{Mutex, PoisonError};

/// A client's name for a value; unique in a history.
pub type ValueId = u64;

/// How a send ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Stored; the offset of the first value. The others follow without a gap.
    Stored(i64),
    /// Certainly not stored.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// One operation of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A batch of values to one partition.
    Send {
        /// Which client.
        client: u32,
        /// Which partition.
        partition: i32,
        /// The values, in order.
        values: Vec<ValueId>,
        /// How it ended.
        outcome: Outcome,
    },
    /// A read that succeeded.
    Read {
        /// Which client.
        client: u32,
        /// Which partition.
        partition: i32,
        /// The offset asked for.
        from: i64,
        /// Offsets and values, as they came.
        records: Vec<(i64, ValueId)>,
        /// The leader epoch and the high watermark told with it, if any.
        watermark: Option<(i64, i64)>,
    },
}

/// A list of operations, written by many clients at once.
#[derive(Debug, Default)]
pub struct History {
    operations: Mutex<Vec<Operation>>,
}

impl History {
    /// Notes an operation that begins (a send of unknown outcome) or a read that is done; gives its place.
    pub fn note(&self, operation: Operation) -> usize {
        let mut operations = self.operations.lock().unwrap_or_else(PoisonError::into_inner);
        operations.push(operation);
        operations.len() - 1
    }

    /// Notes how the send at `place` ended.
    pub fn ended(&self, place: usize, how: Outcome) {
        let mut operations = self.operations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Operation::Send { outcome, .. }) = operations.get_mut(place) {
            *outcome = how;
        }
    }

    /// A copy of everything so far.
    #[must_use]
    pub fn operations(&self) -> Vec<Operation> {
        self.operations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many sends were stored, refused, and left unknown.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for operation in self.operations() {
            match operation {
                Operation::Send { outcome: Outcome::Stored(_), .. } => tally.stored += 1,
                Operation::Send { outcome: Outcome::Refused, .. } => tally.refused += 1,
                Operation::Send { outcome: Outcome::Unknown, .. } => tally.unknown += 1,
                Operation::Read { .. } => tally.reads += 1,
            }
        }
        tally
    }
}

/// How many operations of each kind a history holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Sends that were stored.
    pub stored: usize,
    /// Sends that were certainly not stored.
    pub refused: usize,
    /// Sends of which nobody knows.
    pub unknown: usize,
    /// Reads.
    pub reads: usize,
}
