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

/// A send under way.
#[derive(Debug)]
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
        self.0.borrow_mut().events.note(now_us(), 0, Operation::Topic(facts));
    }

    /// Values that nobody has sent.
    pub(super) fn new_values(&self, count: u64) -> Vec<u64> {
        let mut inner = self.0.borrow_mut();
        let first = inner.next_value;
        inner.next_value += count;
        (first..first + count).collect()
    }

    /// A send begins, by an idempotent producer if an id and a sequence are given.
    pub(super) fn begin_send(
        &self,
        process: u64,
        at: Place,
        values: &[u64],
        producer: Option<(i64, i64)>,
    ) -> Sending {
        let mut batch = SendBatch::of(at, values.to_vec());
        if let Some((id, sequence)) = producer {
            batch.producer_id = Some(id);
            batch.producer_epoch = Some(0);
            batch.sequence = i32::try_from(sequence).ok();
        }
        let id = self.0.borrow_mut().events.begin(now_us(), process, Operation::Send(batch.clone()));
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
        answer: &Answer,
    ) {
        let mut read = ReadBatch::of(at, Some(from));
        let record =
            |(offset, value): &(i64, Option<u64>)| ReadRecord { offset: *offset, value: *value, epoch: None };
        read.records = records.iter().map(record).collect();
        read.leader_epoch = answer.number("tidemark-leader-epoch");
        read.high_watermark = answer.number("tidemark-high-watermark");
        read.log_start = answer.number("tidemark-start-offset");
        self.0.borrow_mut().events.note(now_us(), process, Operation::Read(read));
    }

    /// What a replica holds at the end.
    pub(super) fn replica(&self, replica: Replica) {
        self.0.borrow_mut().events.note(now_us(), 0, Operation::Replica(replica));
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
