//! Each anomaly caught in the smallest history that shows it, and each lawful neighbour of it let be.

mod fuzzed;
mod groups;
mod polls;
mod reading;
mod replicas;
mod sends;
mod sense;

use super::*;

/// A history under construction: every call is an operation that begins and ends before the next.
#[derive(Default)]
struct Story {
    history: History,
    at: Option<Place>,
}

fn story() -> Story {
    Story { history: History::default(), at: Some(Place::of("t", 0)) }
}

impl Story {
    fn at(&self) -> Place {
        self.at.clone().unwrap()
    }

    /// Partition 0 of a topic of this identity from here on.
    fn in_topic(mut self, id: &str) -> Self {
        self.at = Some(Place { topic_id: Some(id.into()), ..Place::of("t", 0) });
        self
    }

    fn in_partition(mut self, partition: i32) -> Self {
        self.at = Some(Place::of("t", partition));
        self
    }

    fn whole(mut self, process: u64, begin: Operation, phase: Phase, end: Operation) -> Self {
        let id = self.history.begin(0, process, begin);
        self.history.end(0, process, id, phase, end);
        self
    }

    fn send(self, process: u64, values: &[ValueId], phase: Phase, base: Option<i64>) -> Self {
        let batch = SendBatch::of(self.at(), values.to_vec());
        let end = SendBatch { values: Vec::new(), base_offset: base, ..batch.clone() };
        self.whole(process, Operation::Send(batch), phase, Operation::Send(end))
    }

    fn stored(self, process: u64, values: &[ValueId], base: i64) -> Self {
        self.send(process, values, Phase::Ok, Some(base))
    }

    fn failed(self, process: u64, values: &[ValueId]) -> Self {
        self.send(process, values, Phase::Fail, None)
    }

    fn unknown(self, process: u64, values: &[ValueId]) -> Self {
        self.send(process, values, Phase::Unknown, None)
    }

    /// A send by producer 7, epoch 0.
    fn idempotent(self, sequence: i32, values: &[ValueId], phase: Phase, base: Option<i64>) -> Self {
        self.in_life(0, sequence, values, phase, base)
    }

    /// A send by producer 7.
    fn in_life(self, epoch: i32, sequence: i32, values: &[ValueId], phase: Phase, base: Option<i64>) -> Self {
        let mut batch = SendBatch::of(self.at(), values.to_vec());
        (batch.producer_id, batch.producer_epoch, batch.sequence) = (Some(7), Some(epoch), Some(sequence));
        let end = SendBatch { base_offset: base, ..batch.clone() };
        self.whole(1, Operation::Send(batch), phase, Operation::Send(end))
    }

    fn read_as(mut self, process: u64, from: Option<i64>, records: &[(i64, ValueId)]) -> Self {
        let records = records.iter().map(|(offset, value)| record(*offset, *value)).collect();
        let read = ReadBatch { records, ..ReadBatch::of(self.at(), from) };
        self.history.note(0, process, Operation::Read(read));
        self
    }

    /// A read from an offset, by a client of its own.
    fn read(self, from: i64, records: &[(i64, ValueId)]) -> Self {
        self.read_as(9, Some(from), records)
    }

    /// The next read of client 9 by position.
    fn poll(self, records: &[(i64, ValueId)]) -> Self {
        self.read_as(9, None, records)
    }

    fn note(mut self, op: Operation) -> Self {
        self.history.note(0, 9, op);
        self
    }

    /// Facts of the topic.
    fn fact(self, change: impl FnOnce(&mut TopicFacts)) -> Self {
        let Place { topic, topic_id, .. } = self.at();
        let mut facts = TopicFacts { topic, topic_id, compacted: None, deleted: None, retention: None };
        change(&mut facts);
        self.note(Operation::Topic(facts))
    }

    fn report(&self) -> Report {
        check(self.history.events()).unwrap()
    }

    /// The kinds that were found, once each.
    fn kinds(&self) -> Vec<Kind> {
        self.report().found.into_keys().collect()
    }

    fn is_clean(&self) {
        let report = self.report();
        assert!(report.is_clean(), "{report}");
    }
}

fn record(offset: i64, value: ValueId) -> ReadRecord {
    ReadRecord { offset, value: Some(value), epoch: None }
}
