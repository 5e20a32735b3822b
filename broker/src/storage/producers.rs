//! What each idempotent producer wrote last. Pure.
//!
//! A function of the log: every replica derives it from batch headers, so it survives failover. Only a leader asks it
//! ([`Producers::check`]); replaying never refuses. The copies on disk are in [`super::snapshot`].
//!
//! A producer is forgotten when it has appended nothing for a while, as this replica saw it. Its records' own timestamps
//! do not count: a backfill of last year's records is as new as any other append. (In Kafka they do count, so that there a
//! backfill may lose its duplicate detection at the next sweep, and records from the future keep theirs for ever.)
//!
//! *Invariant:* per producer at most [`BATCHES_KEPT`] batches, oldest first, all of its current epoch.
//! *Invariant:* at most [`PRODUCERS_MAX`] producers; the longest idle go first.

use std::collections::{HashMap, VecDeque};

use crate::record::{BatchHeader, REQUEST_SEQUENCED};
use crate::rules::{self, Rule};
use crate::types::Offset;

/// As many as an idempotent Kafka producer keeps in flight.
pub(super) const BATCHES_KEPT: usize = 5;
/// A bound on memory when producer ids are made up at will; about 20 MiB.
const PRODUCERS_MAX: usize = 100_000;

/// What a producer's sequence numbers say about a batch that it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceCheck {
    /// It continues where the producer left off, or the producer is unknown here.
    Fresh,
    /// It is in the log already.
    Duplicate {
        /// Offset of its first record.
        base_offset: Offset,
        /// One past its last record.
        end_offset: Offset,
        /// When it was appended: what a log that stamps this time on its batches has stamped.
        appended_ms: i64,
    },
    /// It leaves a gap, or repeats what is no longer remembered.
    OutOfOrder {
        /// The sequence that would have continued.
        expected: i32,
    },
    /// A newer instance of this producer has written.
    Fenced {
        /// Its epoch.
        current_epoch: i16,
    },
    /// A new epoch must begin at sequence 0.
    NewEpochNotZero,
}

/// One batch as a producer counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SequencedBatch {
    pub(super) base_sequence: i32,
    pub(super) last_sequence: i32,
    pub(super) base_offset: Offset,
    pub(super) end_offset: Offset,
    /// When it was appended: by the leader's stamp if it carries one, else as this replica saw it; not before that if
    /// this replica did not see it.
    pub(super) appended_ms: i64,
}

/// What is known about one producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Producer {
    pub(super) epoch: i16,
    pub(super) batches: VecDeque<SequencedBatch>,
}

impl Producer {
    /// When it appended last.
    fn last_append_ms(&self) -> i64 {
        self.batches.back().map_or(-1, |batch| batch.appended_ms)
    }

    fn last_sequence(&self) -> Option<i32> {
        self.batches.back().map(|batch| batch.last_sequence)
    }

    fn push(&mut self, batch: SequencedBatch) {
        if self.batches.len() == BATCHES_KEPT {
            self.batches.pop_front();
        }
        self.batches.push_back(batch);
    }
}

/// All producers of one log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Producers {
    by_id: HashMap<i64, Producer>,
}

impl Producers {
    /// All of them, in order of their ids.
    pub(super) fn sorted(&self) -> Vec<(i64, &Producer)> {
        let mut all: Vec<_> = self.by_id.iter().map(|(id, producer)| (*id, producer)).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all
    }

    /// Whether a batch may be appended. `now_ms` decides who has been idle for so long that nothing is known.
    pub(super) fn check(&self, header: &BatchHeader, now_ms: i64, expiration_ms: i64) -> SequenceCheck {
        let known = self.by_id.get(&header.producer_id).filter(|producer| {
            header.has_producer() && now_ms.saturating_sub(producer.last_append_ms()) < expiration_ms
        });
        let Some(producer) = known else { return SequenceCheck::Fresh };
        if header.producer_epoch < producer.epoch && rules::holds(Rule::ProducerEpochs) {
            return SequenceCheck::Fenced { current_epoch: producer.epoch };
        }
        if header.producer_epoch > producer.epoch {
            let begins_anew = header.base_sequence == 0;
            return if begins_anew { SequenceCheck::Fresh } else { SequenceCheck::NewEpochNotZero };
        }
        let last = header.last_sequence();
        let same = |batch: &&SequencedBatch| {
            (batch.base_sequence, batch.last_sequence) == (header.base_sequence, last)
        };
        if let Some(batch) =
            producer.batches.iter().find(same).filter(|_| rules::holds(Rule::SequenceRepeats))
        {
            return SequenceCheck::Duplicate {
                base_offset: batch.base_offset,
                end_offset: batch.end_offset,
                appended_ms: batch.appended_ms,
            };
        }
        match producer.last_sequence().map(following) {
            Some(expected) if expected != header.base_sequence && refuses(expected, header) => {
                SequenceCheck::OutOfOrder { expected }
            }
            _ => SequenceCheck::Fresh,
        }
    }

    /// Notes a batch that is in the log, and that came there at `appended_ms`, or before it if that is all that is known.
    pub(super) fn replay(&mut self, header: &BatchHeader, appended_ms: i64) {
        if !header.has_producer() {
            return;
        }
        let batch = SequencedBatch {
            base_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
            base_offset: header.base_offset,
            end_offset: header.next_offset(),
            appended_ms: if header.uses_log_append_time() { header.max_timestamp_ms } else { appended_ms },
        };
        self.insert(header.producer_id, header.producer_epoch, batch);
    }

    /// Notes a batch that a snapshot tells of.
    pub(super) fn insert(&mut self, id: i64, epoch: i16, batch: SequencedBatch) {
        if self.by_id.len() >= PRODUCERS_MAX && !self.by_id.contains_key(&id) {
            self.drop_idlest();
        }
        let producer = self.by_id.entry(id).or_insert_with(|| Producer { epoch, batches: VecDeque::new() });
        if producer.epoch != epoch {
            producer.epoch = epoch;
            producer.batches.clear();
        }
        producer.push(batch);
    }

    /// One past the last offset of each producer that wrote last below `end`.
    pub(super) fn last_ends(&self, end: Offset) -> HashMap<i64, Offset> {
        let last = |producer: &Producer| producer.batches.back().map(|batch| batch.end_offset);
        let all = self.by_id.iter().filter_map(|(id, producer)| Some((*id, last(producer)?)));
        all.filter(|(_, last)| *last <= end).collect()
    }

    /// Forgets producers that have been idle for `expiration_ms`.
    pub(super) fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        self.by_id.retain(|_, producer| now_ms.saturating_sub(producer.last_append_ms()) < expiration_ms);
    }

    /// Whether any batch at `end` or later is remembered, so that cutting the log there changes this table.
    pub(super) fn reach_beyond(&self, end: Offset) -> bool {
        self.by_id.values().any(|producer| producer.batches.back().is_some_and(|last| last.end_offset > end))
    }

    pub(super) fn clear(&mut self) {
        self.by_id.clear();
    }

    /// Makes room for a tenth of the bound at once, so that a flood of new ids costs little each.
    fn drop_idlest(&mut self) {
        let mut times: Vec<i64> = self.by_id.values().map(Producer::last_append_ms).collect();
        let (_, limit, _) = times.select_nth_unstable(PRODUCERS_MAX / 10);
        let limit = *limit;
        self.by_id.retain(|_, producer| producer.last_append_ms() > limit);
    }
}

/// Whether a batch that does not continue where its producer left off is refused: one from before was there already, one
/// from beyond comes too early.
fn refuses(expected: i32, header: &BatchHeader) -> bool {
    let ahead = header.base_sequence.wrapping_sub(expected) > 0;
    rules::holds(if ahead { Rule::SequenceGaps } else { Rule::SequenceRepeats })
}

/// The sequence after `last`; wraps to zero, as in Kafka.
fn following(last: i32) -> i32 {
    if last == i32::MAX { 0 } else { last + 1 }
}

/// The first sequence of a batch, from its last and its offsets: what Kafka's snapshots leave out.
pub(super) fn base_sequence(producer_id: i64, last_sequence: i32, offset_delta: i32) -> i32 {
    let span = if producer_id & REQUEST_SEQUENCED == 0 { offset_delta } else { 0 };
    let base = (i64::from(last_sequence) - i64::from(span)) & i64::from(i32::MAX);
    i32::try_from(base).expect("masked to 31 bits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::LeaderEpoch;

    const DAY_MS: i64 = 86_400_000;

    fn header(id: i64, epoch: i16, base_sequence: i32, base_offset: i64, count: i32) -> BatchHeader {
        BatchHeader {
            base_offset: Offset(base_offset),
            batch_length: 100,
            leader_epoch: LeaderEpoch(0),
            magic: 2,
            crc: 0,
            attributes: 0,
            last_offset_delta: count - 1,
            base_timestamp_ms: 7,
            max_timestamp_ms: 7,
            producer_id: id,
            producer_epoch: epoch,
            base_sequence,
            record_count: count,
        }
    }

    /// When all batches here are appended; their records are much older.
    const APPENDED_MS: i64 = 1_700_000_000_000;

    fn replay(producers: &mut Producers, header: &BatchHeader) {
        producers.replay(header, APPENDED_MS);
    }

    fn check(producers: &Producers, header: &BatchHeader) -> SequenceCheck {
        producers.check(header, APPENDED_MS + 2_000, DAY_MS)
    }

    #[test]
    fn a_producer_continues_repeats_or_is_refused() {
        let mut producers = Producers::default();
        assert_eq!(check(&producers, &header(7, 0, 40, 0, 2)), SequenceCheck::Fresh, "unknown: any sequence");
        replay(&mut producers, &header(7, 0, 0, 100, 3));
        replay(&mut producers, &header(7, 0, 3, 103, 2));
        assert_eq!(check(&producers, &header(7, 0, 5, 0, 1)), SequenceCheck::Fresh);
        let duplicate = SequenceCheck::Duplicate {
            base_offset: Offset(100),
            end_offset: Offset(103),
            appended_ms: APPENDED_MS,
        };
        assert_eq!(check(&producers, &header(7, 0, 0, 0, 3)), duplicate);
        assert_eq!(check(&producers, &header(7, 0, 7, 0, 1)), SequenceCheck::OutOfOrder { expected: 5 });
        assert_eq!(check(&producers, &header(7, 0, 3, 0, 1)), SequenceCheck::OutOfOrder { expected: 5 });
        assert_eq!(check(&producers, &header(7, 1, 3, 0, 1)), SequenceCheck::NewEpochNotZero);
        assert_eq!(check(&producers, &header(7, 1, 0, 0, 1)), SequenceCheck::Fresh);
        replay(&mut producers, &header(7, 1, 0, 105, 1));
        assert_eq!(check(&producers, &header(7, 0, 5, 0, 1)), SequenceCheck::Fenced { current_epoch: 1 });
    }

    #[test]
    fn five_batches_are_remembered_and_sequences_wrap() {
        let mut producers = Producers::default();
        for n in 0..7 {
            replay(&mut producers, &header(7, 0, n, i64::from(n), 1));
        }
        assert_eq!(check(&producers, &header(7, 0, 1, 0, 1)), SequenceCheck::OutOfOrder { expected: 7 });
        assert!(matches!(check(&producers, &header(7, 0, 2, 0, 1)), SequenceCheck::Duplicate { .. }));
        let mut wrapping = Producers::default();
        replay(&mut wrapping, &header(7, 0, i32::MAX - 1, 0, 2));
        assert_eq!(check(&wrapping, &header(7, 0, 0, 0, 1)), SequenceCheck::Fresh);
        replay(&mut wrapping, &header(7, 0, 0, 2, 1));
        assert_eq!(check(&wrapping, &header(7, 0, 1, 0, 1)), SequenceCheck::Fresh);
        let mut across = Producers::default();
        replay(&mut across, &header(7, 0, i32::MAX - 1, 0, 5));
        assert!(matches!(check(&across, &header(7, 0, i32::MAX - 1, 0, 5)), SequenceCheck::Duplicate { .. }));
        assert_eq!(check(&across, &header(7, 0, 4, 0, 1)), SequenceCheck::OutOfOrder { expected: 3 });
        assert_eq!(base_sequence(7, 2, 4), i32::MAX - 1, "as a snapshot tells it again");
    }

    #[test]
    fn a_plain_http_producer_counts_requests() {
        let id = REQUEST_SEQUENCED | 9;
        let mut producers = Producers::default();
        replay(&mut producers, &header(id, 0, 0, 0, 500));
        assert_eq!(check(&producers, &header(id, 0, 1, 0, 3)), SequenceCheck::Fresh);
        let again = check(&producers, &header(id, 0, 0, 0, 500));
        assert!(matches!(again, SequenceCheck::Duplicate { end_offset: Offset(500), .. }), "{again:?}");
        assert_eq!(base_sequence(id, 4, 499), 4);
        assert_eq!(base_sequence(9, 4, 499), i32::MAX - 494, "wrapped back");
    }

    #[test]
    fn the_idle_are_forgotten() {
        let mut producers = Producers::default();
        replay(&mut producers, &header(7, 3, 5, 0, 1));
        producers.expire(APPENDED_MS + DAY_MS - 1, DAY_MS);
        assert_eq!(
            producers.check(&header(7, 0, 99, 0, 1), APPENDED_MS + DAY_MS - 1, DAY_MS),
            SequenceCheck::Fenced { current_epoch: 3 },
            "old records do not make an idle producer"
        );
        let late = producers.check(&header(7, 0, 99, 0, 1), APPENDED_MS + DAY_MS, DAY_MS);
        assert_eq!(late, SequenceCheck::Fresh);
        producers.expire(APPENDED_MS + DAY_MS, DAY_MS);
        assert_eq!(producers, Producers::default());
    }

    #[test]
    fn records_from_the_future_keep_nobody_for_ever() {
        let mut producers = Producers::default();
        let future = BatchHeader { max_timestamp_ms: i64::MAX, ..header(7, 0, 0, 0, 1) };
        replay(&mut producers, &future);
        producers.expire(APPENDED_MS + DAY_MS, DAY_MS);
        assert_eq!(producers, Producers::default());
    }

    #[test]
    fn where_the_leader_stamps_the_time_its_stamp_is_told_on_every_replica() {
        let mut producers = Producers::default();
        let stamped =
            BatchHeader { attributes: 1 << 3, max_timestamp_ms: APPENDED_MS - 20, ..header(7, 0, 0, 0, 1) };
        replay(&mut producers, &stamped);
        let again = check(&producers, &header(7, 0, 0, 0, 1));
        assert!(
            matches!(again, SequenceCheck::Duplicate { appended_ms, .. } if appended_ms == APPENDED_MS - 20)
        );
    }

    #[test]
    fn made_up_ids_do_not_exhaust_memory() {
        let mut producers = Producers::default();
        for id in 0..=i64::try_from(PRODUCERS_MAX).unwrap() {
            producers.replay(&header(id, 0, 0, id, 1), id);
        }
        assert!(producers.by_id.len() <= PRODUCERS_MAX);
        assert!(producers.by_id.contains_key(&i64::try_from(PRODUCERS_MAX).unwrap()), "the newest is kept");
    }
}
