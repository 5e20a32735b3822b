//! A log against a vector: any sequence of what may happen to a log, compared after each step.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::record::BatchHeader;
use crate::storage::{CheckpointEntry, SequenceCheck};
use crate::types::BrokerEpoch;

/// What may happen. Fractions pick a place in what the log holds at that moment.
#[derive(Clone, Debug)]
enum Step {
    Lead { counts: Vec<usize>, new_epoch: bool, producer: Option<i64> },
    Follow { counts: Vec<usize>, gap: i64 },
    Flush,
    Truncate(f64),
    RestartAt(i64),
    AdvanceStart(f64),
    Retain { bytes: u64 },
    Checkpoint,
    ReopenClean,
    ReopenAfterCrash,
    Read { from: f64, upper: f64, bytes_max: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let counts = || prop::collection::vec(1_usize..8, 1..4);
    let fraction = || 0.0_f64..=1.0;
    let step = prop_oneof![
        6 => (counts(), prop::bool::weighted(0.2), prop::option::of(1_i64..3))
            .prop_map(|(counts, new_epoch, producer)| Step::Lead { counts, new_epoch, producer }),
        3 => (counts(), prop_oneof![4 => Just(0_i64), 1 => 1_i64..20])
            .prop_map(|(counts, gap)| Step::Follow { counts, gap }),
        2 => Just(Step::Flush),
        1 => fraction().prop_map(Step::Truncate),
        1 => (-30_i64..60).prop_map(Step::RestartAt),
        1 => fraction().prop_map(Step::AdvanceStart),
        1 => (0_u64..4_000).prop_map(|bytes| Step::Retain { bytes }),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::ReopenClean),
        2 => Just(Step::ReopenAfterCrash),
        4 => (fraction(), fraction(), 0_usize..3_000)
            .prop_map(|(from, upper, bytes_max)| Step::Read { from, upper, bytes_max }),
    ];
    prop::collection::vec(step, 1..40)
}

struct Stored {
    header: BatchHeader,
    bytes: Vec<u8>,
}

/// The vector, and what it says of itself.
#[derive(Default)]
struct Model {
    batches: Vec<Stored>,
    start: i64,
    end: i64,
    epoch: i32,
}

impl Model {
    fn store(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while at < bytes.len() {
            let header = BatchHeader::read(&bytes[at..]).unwrap();
            let len = header.total_len();
            self.end = header.next_offset().0;
            self.batches.push(Stored { header, bytes: bytes[at..at + len].to_vec() });
            at += len;
        }
    }

    fn truncate(&mut self, end: i64) {
        if end >= self.end {
            return;
        }
        let keep = self.batches.partition_point(|batch| batch.header.next_offset().0 <= end);
        self.batches.truncate(keep);
    }

    fn restart(&mut self, at: i64) {
        (self.start, self.end) = (at, at);
        self.batches.clear();
    }

    fn place(&self, fraction: f64) -> Offset {
        Offset(self.start + ((self.end - self.start) as f64 * fraction) as i64)
    }

    fn from(&self, offset: Offset) -> &[Stored] {
        &self.batches[self.batches.partition_point(|batch| batch.header.next_offset() <= offset)..]
    }

    fn last_of(&self, producer: i64) -> Option<&BatchHeader> {
        self.batches.iter().rev().map(|batch| &batch.header).find(|header| header.producer_id == producer)
    }
}

struct Run {
    place: Place,
    data_dir: Option<DataDir>,
    log: Option<Log>,
    model: Model,
}

impl Run {
    fn new() -> Self {
        let place = Place::with(|options| {
            (options.segment_bytes_max, options.index_interval_bytes) = (1_500, 150);
            options.retention_ms = None;
        });
        let (data_dir, log, _) = place.open();
        Self { place, data_dir: Some(data_dir), log: Some(log), model: Model::default() }
    }

    fn log(&mut self) -> &mut Log {
        self.log.as_mut().unwrap()
    }

    fn batches(&self, counts: &[usize], producer: Option<i64>) -> BytesMut {
        let mut bytes = BytesMut::new();
        let mut next: HashMap<i64, i32> = HashMap::new();
        for count in counts {
            let stamp = producer.map(|producer_id| {
                let known = self.model.last_of(producer_id).map_or(0, |last| last.last_sequence() + 1);
                let base_sequence = *next.get(&producer_id).unwrap_or(&known);
                next.insert(producer_id, base_sequence + *count as i32);
                ProducerStamp { producer_id, producer_epoch: 0, base_sequence }
            });
            bytes.extend_from_slice(&stamped(NOW_MS + self.model.end, *count, 40, stamp));
        }
        bytes
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Lead { counts, new_epoch, producer } => {
                self.model.epoch += i32::from(new_epoch);
                let (epoch, batches) = (LeaderEpoch(self.model.epoch), self.batches(&counts, producer));
                let info = self.log().append_as_leader(batches, epoch, NOW_MS).unwrap();
                assert_eq!(info.base_offset.0, self.model.end);
                let written = read_all(self.log.as_ref().unwrap(), info.base_offset, 1 << 20);
                assert_eq!(written.len() as u64, info.bytes);
                self.model.store(&written);
            }
            Step::Follow { counts, gap } => {
                let mut batches = self.batches(&counts, None);
                let mut at = 0;
                let mut base = self.model.end + gap;
                while at < batches.len() {
                    let header = BatchHeader::read(&batches[at..]).unwrap();
                    crate::record::stamp_leader(
                        &mut batches[at..],
                        Offset(base),
                        LeaderEpoch(self.model.epoch),
                    );
                    base += i64::from(header.record_count);
                    at += header.total_len();
                }
                let batches = batches.freeze();
                self.log().append_as_follower(&batches, NOW_MS).unwrap();
                self.model.store(&batches);
            }
            Step::Flush => flush(self.log()),
            Step::Truncate(fraction) => {
                let end = self.model.place(fraction);
                self.log().truncate_to(end).unwrap();
                self.model.truncate(end.0);
                // Without a batch that tells, it is the segment's beginning that the log ends at.
                let held = self.model.batches.last().map(|batch| batch.header.next_offset().0);
                self.model.end = held.unwrap_or(self.log().end_offset().0);
                assert!(self.model.end <= end.0);
                self.model.start = self.model.start.min(self.model.end);
            }
            Step::RestartAt(by) => {
                let start = (self.model.end + by).max(0);
                self.log().restart_at(Offset(start)).unwrap();
                self.model.restart(start);
            }
            Step::AdvanceStart(fraction) => {
                let start = self.model.place(fraction);
                self.log().advance_start(start).unwrap();
                self.model.start = start.0;
            }
            Step::Retain { bytes } => {
                let options = LogOptions { retention_bytes: Some(bytes), ..self.place.options.clone() };
                self.log().set_options(options);
                let end = self.log().end_offset();
                for deleted in self.log().apply_retention(NOW_MS, end).unwrap() {
                    self.model.start = self.model.start.max(deleted.end_offset.0);
                }
                self.data_dir.as_ref().unwrap().empty_trash(NOW_MS);
            }
            Step::Checkpoint => self.checkpoint(),
            Step::ReopenClean => {
                self.log().close().unwrap();
                self.checkpoint();
                self.data_dir.as_ref().unwrap().mark_clean(BrokerEpoch(1)).unwrap();
                self.reopen(true);
            }
            Step::ReopenAfterCrash => self.reopen(false),
            Step::Read { from, upper, bytes_max } => {
                self.read(self.model.place(from), self.model.place(upper), bytes_max);
            }
        }
    }

    fn checkpoint(&mut self) {
        let log = self.log.as_ref().unwrap();
        let entry = CheckpointEntry {
            tp: tp(),
            topic_id: topic_id(),
            recovery_point: log.durable_end(),
            log_start: log.start_offset(),
            high_watermark: log.durable_end(),
        };
        self.data_dir.as_ref().unwrap().write_checkpoints(&[entry]).unwrap();
    }

    fn reopen(&mut self, clean: bool) {
        self.log = None;
        self.data_dir = None;
        let (data_dir, log, report) = self.place.open();
        assert_eq!(report.truncated_bytes, 0);
        assert_eq!((report.clean, report.lost_durable), (clean, false));
        // Only checkpoints remember the start; without one, it is that of the segments that are left.
        assert!(log.start_offset().0 <= self.model.start);
        self.model.start = log.start_offset().0;
        (self.data_dir, self.log) = (Some(data_dir), Some(log));
    }

    fn read(&self, from: Offset, upper: Offset, bytes_max: usize) {
        let log = self.log.as_ref().unwrap();
        let slice = log.slice(from, upper, bytes_max).unwrap();
        let read = slice.read().unwrap();
        let below: Vec<&Stored> =
            self.model.from(from).iter().take_while(|batch| batch.header.next_offset() <= upper).collect();
        let mut expected = Vec::new();
        for batch in below {
            if expected.len() >= read.len() {
                break;
            }
            expected.extend_from_slice(&batch.bytes);
        }
        assert_eq!(read, expected, "from {from} below {upper} of {bytes_max}");
        let could = self.model.from(from).first().is_some_and(|batch| batch.header.next_offset() <= upper);
        assert_eq!(read.is_empty(), from >= upper || !could);
    }

    /// Everything that can be asked without changing anything.
    fn compare(&mut self) {
        let log = self.log.as_ref().unwrap();
        assert_eq!((log.start_offset().0, log.end_offset().0), (self.model.start, self.model.end));
        assert!(log.durable_end() <= log.end_offset());
        let stored: Vec<u8> =
            self.model.from(Offset(self.model.start)).iter().flat_map(|batch| batch.bytes.clone()).collect();
        assert_eq!(read_all(log, log.start_offset(), 1 << 20), stored);
        let held = self.model.from(Offset(self.model.start));
        let mut epochs: Vec<(LeaderEpoch, Offset)> = Vec::new();
        for batch in held {
            if epochs.last().is_none_or(|(epoch, _)| *epoch < batch.header.leader_epoch) {
                epochs.push((batch.header.leader_epoch, batch.header.base_offset));
            }
        }
        for (n, (epoch, _)) in epochs.iter().enumerate() {
            let end = epochs.get(n + 1).map_or(log.end_offset(), |(_, start)| *start);
            assert_eq!(log.epoch_end(*epoch), (*epoch, end));
        }
        if let Some(last) = held.last() {
            assert_eq!(log.last_epoch(), last.header.leader_epoch);
        }
        for batch in held.iter().filter(|batch| batch.header.has_producer()) {
            let last = self.model.last_of(batch.header.producer_id).unwrap();
            let repeated = log.check_sequence(last, NOW_MS);
            let expected = (last.base_offset, last.next_offset());
            assert!(
                matches!(repeated, SequenceCheck::Duplicate { base_offset, end_offset, .. }
                    if (base_offset, end_offset) == expected),
                "{repeated:?}, not {expected:?}"
            );
        }
        if let Some(newest) = held.iter().map(|batch| batch.header.max_timestamp_ms).max() {
            let found = log.find_timestamp(newest, ALL).unwrap().map(|(_, time)| time);
            assert_eq!(found, Some(newest));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_log_is_a_vector(steps in steps()) {
        let mut run = Run::new();
        for step in steps {
            run.step(step);
            run.compare();
        }
    }
}
