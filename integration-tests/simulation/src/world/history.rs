//! What the clients did and saw, told to Tidemark's own checker.
//!
//! *Invariant:* a value is sent by one operation only, so that each one read says which that was.

use std::cell::RefCell;
use std::rc::Rc;

use tidemark::checker::{
    self, Operation, Phase, Place, ReadBatch, ReadRecord, Replica, SendBatch, TopicFacts,
};

use super::http::Answer;
use super::trace;

/// How a send ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Stored from this offset on, in this leader epoch.
    Stored(i64, Option<i64>),
    /// Certainly not stored.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// What an answer tells of its partition, as far as it does.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    pub(super) leader_epoch: Option<i64>,
    pub(super) high_watermark: Option<i64>,
    pub(super) log_start: Option<i64>,
}

impl From<&Answer> for Marks {
    fn from(answer: &Answer) -> Self {
        Self {
            leader_epoch: answer.number("tidemark-leader-epoch"),
            high_watermark: answer.number("tidemark-high-watermark"),
            log_start: answer.number("tidemark-start-offset"),
        }
    }
}

/// A producer's id, its epoch, and the number of a batch.
pub(super) type Stamp = (i64, i16, i32);

/// A send under way.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    process: u64,
    id: u64,
    batch: SendBatch,
}

#[derive(Debug, Default)]
struct Inner {
    events: checker::History,
    next_value: u64,
    sends: (usize, usize, usize),
}

/// A history that many clients write. Clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct History(Rc<RefCell<Inner>>);

impl History {
    /// Says what is lawful in a topic.
    pub(super) fn keeps_everything(&self, topic: &str) {
        let facts = TopicFacts {
            topic: topic.into(),
            topic_id: None,
            compacted: None,
            deleted: None,
            retention: Some(false),
        };
        self.note(0, Operation::Topic(facts));
    }

    /// Values that nobody has sent.
    pub(super) fn new_values(&self, count: u64) -> Vec<u64> {
        let mut inner = self.0.borrow_mut();
        let first = inner.next_value;
        inner.next_value += count;
        (first..first + count).collect()
    }

    /// A send begins, by an idempotent producer if there is a stamp.
    pub(super) fn begin_send(
        &self,
        process: u64,
        at: Place,
        values: &[u64],
        stamp: Option<Stamp>,
    ) -> Sending {
        let mut batch = SendBatch::of(at, values.to_vec());
        if let Some((id, epoch, sequence)) = stamp {
            batch.producer_id = Some(id);
            batch.producer_epoch = Some(epoch.into());
            batch.sequence = Some(sequence);
        }
        let id = self.begin(process, Operation::Send(batch.clone()));
        Sending { process, id, batch }
    }

    /// A send ends.
    pub(super) fn end_send(&self, sending: Sending, outcome: Outcome) {
        let Sending { process, id, mut batch } = sending;
        tracing::debug!(at = %batch.at, values = ?batch.values, ?outcome, "sent");
        let mut inner = self.0.borrow_mut();
        let phase = match outcome {
            Outcome::Stored(base_offset, leader_epoch) => {
                inner.sends.0 += 1;
                batch.base_offset = Some(base_offset);
                batch.leader_epoch = leader_epoch;
                Phase::Ok
            }
            Outcome::Refused => {
                inner.sends.1 += 1;
                Phase::Fail
            }
            Outcome::Unknown => {
                inner.sends.2 += 1;
                Phase::Unknown
            }
        };
        inner.events.end(now_us(), process, id, phase, Operation::Send(batch));
    }

    /// Records were read from `from` on.
    pub(super) fn read(
        &self,
        process: u64,
        at: Place,
        from: i64,
        records: &[(i64, Option<u64>)],
        marks: Marks,
    ) {
        let mut read = ReadBatch::of(at, Some(from));
        let record =
            |(offset, value): &(i64, Option<u64>)| ReadRecord { offset: *offset, value: *value, epoch: None };
        read.records = records.iter().map(record).collect();
        read.leader_epoch = marks.leader_epoch;
        read.high_watermark = marks.high_watermark;
        read.log_start = marks.log_start;
        self.note(process, Operation::Read(read));
    }

    /// What a replica holds at the end.
    pub(super) fn replica(&self, replica: Replica) {
        self.note(0, Operation::Replica(replica));
    }

    /// Anything begins; gives its number.
    pub(super) fn begin(&self, process: u64, operation: Operation) -> u64 {
        self.0.borrow_mut().events.begin(now_us(), process, operation)
    }

    /// It ends.
    pub(super) fn end(&self, process: u64, id: u64, phase: Phase, operation: Operation) {
        tracing::debug!(?phase, ?operation, "ended");
        self.0.borrow_mut().events.end(now_us(), process, id, phase, operation);
    }

    /// Something of which only the end is worth telling.
    pub(super) fn note(&self, process: u64, operation: Operation) {
        self.0.borrow_mut().events.note(now_us(), process, operation);
    }

    /// How many sends were stored, refused, and left unknown.
    pub(super) fn tally(&self) -> (usize, usize, usize) {
        self.0.borrow().sends
    }

    /// What no log may show, in words; and the history itself, in lines.
    pub(super) fn judge(&self) -> (Vec<String>, Vec<u8>) {
        let inner = self.0.borrow();
        let anomalies = match checker::check(inner.events.events()) {
            Ok(report) => report.anomalies.iter().map(ToString::to_string).collect(),
            Err(error) => vec![format!("the history makes no sense: {error}")],
        };
        let mut lines = Vec::new();
        match inner.events.write_to(&mut lines) {
            Ok(()) => (anomalies, lines),
            Err(error) => (vec![format!("the history cannot be written: {error}")], lines),
        }
    }
}

fn now_us() -> u64 {
    u64::try_from(trace::now().as_micros()).unwrap_or(u64::MAX)
}
