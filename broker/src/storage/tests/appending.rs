//! Appending, reading back, flushing, rolling.

use std::time::Duration;

use super::*;
use crate::record::{BatchHeader, records};
use crate::storage::{SequenceCheck, StorageError};
use crate::types::BrokerEpoch;

#[test]
fn a_leader_stamps_offsets_and_epoch_and_a_follower_holds_the_same_bytes() {
    let (leading, following) = (Place::new(), Place::new());
    let (mut leader, mut follower) = (leading.log(), following.log());
    for count in 1..=20 {
        let info = leader.append_as_leader(batch(count), LeaderEpoch(3), NOW_MS).unwrap();
        assert_eq!(info.end_offset.since(info.base_offset), count as i64);
        assert_eq!(info.append_time_ms, -1);
    }
    let bytes = Bytes::from(read_all(&leader, Offset::ZERO, 1 << 20));
    let info = follower.append_as_follower(&bytes, NOW_MS).unwrap();
    assert_eq!((info.base_offset, info.end_offset), (Offset(0), Offset(210)));
    assert_eq!(read_all(&follower, Offset::ZERO, 1 << 20), bytes);
    assert_eq!(
        (follower.last_epoch(), follower.epoch_start(LeaderEpoch(3))),
        (LeaderEpoch(3), Some(Offset(0)))
    );
    let again = follower.append_as_follower(&bytes, NOW_MS);
    assert!(matches!(again, Err(StorageError::Record(_))), "{again:?}");
    let header = BatchHeader::read(&bytes).unwrap();
    assert_eq!((header.base_offset, header.leader_epoch), (Offset(0), LeaderEpoch(3)));
}

#[test]
fn several_batches_are_one_write() {
    let place = Place::new();
    let mut log = place.log();
    let mut run = BytesMut::new();
    for count in 1..=10 {
        run.extend_from_slice(&batch(count));
    }
    lead(&mut log, batch(1));
    let (writes, syncs) = (place.disk.medium.faults.writes(), place.disk.medium.faults.syncs());
    assert_eq!(lead(&mut log, run), Offset(56));
    assert_eq!(place.disk.medium.faults.writes() - writes, 1);
    assert_eq!(place.disk.medium.faults.syncs(), syncs, "no fsync on the way");
}

#[test]
fn the_log_may_stamp_its_own_time() {
    let place = Place::with(|options| options.timestamp_type_log_append = true);
    let mut log = place.log();
    let info = log.append_as_leader(batch_at(5, 3, 10), LeaderEpoch(0), NOW_MS).unwrap();
    assert_eq!(info.append_time_ms, NOW_MS);
    let bytes = log.slice(Offset(0), ALL, 1 << 20).unwrap().read().unwrap();
    let found = records(&bytes, &Default::default()).unwrap();
    assert!(found.iter().all(|record| record.timestamp_ms == NOW_MS), "{found:?}");
    assert_eq!(log.max_timestamp(), Some((Offset(2), NOW_MS)));
    assert_eq!(log.find_timestamp(NOW_MS, ALL).unwrap(), Some((Offset(0), NOW_MS)));
}

#[test]
fn a_slice_holds_whole_batches_within_its_bounds() {
    let place = Place::with(|options| options.segment_bytes_max = 3_000);
    let mut log = place.log();
    let mut ends = vec![Offset(0)];
    for count in [1, 7, 2, 30, 1, 1, 9, 4, 60, 3, 2, 5] {
        ends.push(lead(&mut log, batch(count)));
    }
    let end = log.end_offset();
    for from in 0..end.0 {
        let first = ends.partition_point(|end| end.0 <= from);
        for (upper_at, upper) in ends.iter().copied().enumerate().skip(1) {
            for bytes_max in [0, 1, 500, 1_000, 5_000, 1 << 20] {
                let slice = log.slice(Offset(from), upper, bytes_max).unwrap();
                assert_eq!(slice.is_empty(), upper.0 <= from, "{from} below {upper}");
                if slice.is_empty() {
                    continue;
                }
                assert_eq!(slice.base_offset(), ends[first - 1]);
                assert!(ends[first..=upper_at].contains(&slice.next_offset()), "{slice:?}");
                let bytes = slice.read().unwrap();
                assert_eq!(bytes.len(), slice.len());
                let header = BatchHeader::read(&bytes).unwrap();
                assert_eq!(header.base_offset, slice.base_offset());
                let one = header.total_len() == bytes.len();
                assert!(bytes.len() <= bytes_max || one, "{} of {bytes_max}", bytes.len());
            }
        }
    }
    let middle = log.slice(Offset(0), Offset(5), 1 << 20).unwrap();
    assert_eq!(middle.next_offset(), Offset(1), "the batch that holds the upper bound stays out");
    for outside in [end.next(), Offset(-1)] {
        let refused = log.slice(outside, ALL, 1).unwrap_err();
        assert!(matches!(refused, StorageError::OffsetOutOfRange { .. }), "{refused}");
    }
    assert!(log.slice(end, ALL, 1).unwrap().is_empty());
}

#[test]
fn the_tail_is_found_without_reading() {
    let place = Place::new();
    let mut log = place.log();
    for _ in 0..100 {
        lead(&mut log, batch(10));
    }
    let slice = log.slice(Offset(990), ALL, 1 << 20).unwrap();
    assert_eq!((slice.base_offset(), slice.next_offset()), (Offset(990), Offset(1_000)));
    assert!(slice.is_probably_cached());
    assert!(log.slice(Offset(0), ALL, 1).unwrap().is_probably_cached(), "just written");
}

#[test]
fn durable_is_what_a_flush_covered_and_no_more() {
    let place = Place::new();
    let mut log = place.log();
    lead(&mut log, batch(5));
    assert_eq!(log.durable_end(), Offset(0));
    let job = log.flush_job();
    lead(&mut log, batch(5));
    let end = job.run().unwrap();
    log.flushed(end);
    assert_eq!((log.durable_end(), log.end_offset()), (Offset(5), Offset(10)));
    flush(&mut log);
    assert_eq!(log.durable_end(), Offset(10));
    assert!(log.flush_job().is_empty());
}

#[test]
fn a_flush_of_what_was_cut_meanwhile_proves_nothing() {
    let place = Place::new();
    let mut log = place.log();
    lead(&mut log, batch(5));
    lead(&mut log, batch(5));
    let job = log.flush_job();
    log.truncate_to(Offset(5)).unwrap();
    assert_eq!(log.durable_end(), Offset(5), "a cut flushes what remains");
    lead(&mut log, batch(20));
    let end = job.run().unwrap();
    assert_eq!(end, Offset(10));
    log.flushed(end);
    assert_eq!(log.durable_end(), Offset(5));
}

#[test]
fn segments_roll_by_size_between_batches_and_stay_in_the_flush() {
    let place = Place::with(|options| options.segment_bytes_max = 2_000);
    let mut log = place.log();
    for _ in 0..50 {
        lead(&mut log, batch(5));
    }
    assert!(log.segment_count() > 5, "{}", log.segment_count());
    assert_eq!(place.files(".log").len(), log.segment_count());
    let largest = place.disk.list(&place.log_dir()).unwrap().into_iter().map(|entry| entry.bytes).max();
    assert!(largest <= Some(2_000), "{largest:?}");
    let syncs = place.disk.medium.faults.syncs();
    flush(&mut log);
    assert!(place.disk.medium.faults.syncs() - syncs >= log.segment_count() as i64);
    assert_eq!(log.durable_end(), Offset(250));
    let syncs = place.disk.medium.faults.syncs();
    lead(&mut log, batch(1));
    flush(&mut log);
    assert_eq!(place.disk.medium.faults.syncs() - syncs, 1, "closed segments are flushed once");
    assert_eq!(read_all(&log, Offset::ZERO, 700).len() as u64, log.size_bytes());
}

#[test]
fn a_run_larger_than_a_segment_is_split_between_batches() {
    let place = Place::with(|options| options.segment_bytes_max = 1_000);
    let mut log = place.log();
    let mut run = BytesMut::new();
    for _ in 0..12 {
        run.extend_from_slice(&batch(5));
    }
    run.extend_from_slice(&batch(100));
    lead(&mut log, run);
    assert!(log.segment_count() > 4);
    assert_eq!(log.end_offset(), Offset(160));
    assert_eq!(read_all(&log, Offset::ZERO, 1).len() as u64, log.size_bytes());
}

#[test]
fn segments_roll_by_the_time_since_their_first_batch() {
    let place = Place::with(|options| options.segment_ms_max = 1_000);
    let mut log = place.log();
    lead(&mut log, batch_at(NOW_MS, 1, 10));
    lead(&mut log, batch_at(NOW_MS + 1_000, 1, 10));
    assert_eq!(log.segment_count(), 1);
    lead(&mut log, batch_at(NOW_MS + 1_001, 1, 10));
    assert_eq!(log.segment_count(), 2);
    lead(&mut log, batch_at(NOW_MS, 1, 10));
    assert_eq!(log.segment_count(), 2, "late records roll nothing");
    drop(log);
    let mut log = place.log();
    lead(&mut log, batch_at(NOW_MS + 2_002, 1, 10));
    assert_eq!(log.segment_count(), 3, "the first batch's time is known after a restart");
}

#[test]
fn a_gap_is_legal_and_too_wide_a_one_begins_a_segment() {
    let place = Place::new();
    let mut log = place.log();
    let far = i64::from(i32::MAX) + 100;
    for base in [10, 20, far, 2 * far] {
        let mut batch = batch(2);
        crate::record::stamp_leader(&mut batch, Offset(base), LeaderEpoch(0));
        log.append_as_follower(&frozen(batch), NOW_MS).unwrap();
    }
    assert_eq!(log.end_offset(), Offset(2 * far + 2));
    assert_eq!(log.segment_count(), 3);
    for (from, base) in [(0, 10), (11, 10), (12, 20), (22, far), (far + 2, 2 * far)] {
        assert_eq!(log.slice(Offset(from), ALL, 1).unwrap().base_offset(), Offset(base), "from {from}");
    }
}

#[test]
fn producers_are_remembered_with_their_batches() {
    let place = Place::new();
    let (data_dir, mut log, _) = place.open();
    let stamp = |base_sequence| Some(ProducerStamp { producer_id: 9, producer_epoch: 2, base_sequence });
    let sent = |base_sequence| stamped(NOW_MS, 3, 20, stamp(base_sequence));
    let check = |log: &Log, base_sequence| {
        log.check_sequence(&BatchHeader::read(&sent(base_sequence)).unwrap(), NOW_MS)
    };
    lead(&mut log, sent(0));
    lead(&mut log, batch(10));
    lead(&mut log, sent(3));
    assert_eq!(check(&log, 6), SequenceCheck::Fresh);
    assert_eq!(check(&log, 7), SequenceCheck::OutOfOrder { expected: 6 });
    let duplicate = check(&log, 3);
    let expected =
        SequenceCheck::Duplicate { base_offset: Offset(13), end_offset: Offset(16), appended_ms: NOW_MS };
    assert_eq!(duplicate, expected);
    log.truncate_to(Offset(13)).unwrap();
    assert_eq!(check(&log, 3), SequenceCheck::Fresh, "what was cut was never sent");
    assert!(matches!(check(&log, 0), SequenceCheck::Duplicate { .. }));
    drop((data_dir, log));
    let log = place.log();
    assert!(matches!(check(&log, 0), SequenceCheck::Duplicate { .. }), "rebuilt from the log");
}

/// A batch of a producer that sends what is more than a year old.
fn backfill(base_sequence: i32) -> BytesMut {
    let stamp = ProducerStamp { producer_id: 9, producer_epoch: 2, base_sequence };
    stamped(NOW_MS - 400 * DAY_MS, 3, 20, Some(stamp))
}

/// Whether the first batch of the backfill would be known as a repeat at `now_ms`.
fn knows_backfill(log: &Log, now_ms: i64) -> bool {
    let again = log.check_sequence(&BatchHeader::read(&backfill(0)).unwrap(), now_ms);
    assert!(matches!(again, SequenceCheck::Duplicate { .. } | SequenceCheck::Fresh), "{again:?}");
    again != SequenceCheck::Fresh
}

#[test]
fn a_backfill_of_old_records_is_remembered_from_its_append_on() {
    let place = Place::with(|options| options.segment_bytes_max = 600);
    let (data_dir, mut log, _) = place.open();
    lead(&mut log, backfill(0));
    log.apply_retention(NOW_MS, Offset::ZERO).unwrap();
    while log.segment_count() < 3 {
        lead(&mut log, batch(10));
    }
    let day = NOW_MS + DAY_MS;
    assert_eq!([day - 1, day].map(|now_ms| knows_backfill(&log, now_ms)), [true, false], "on the leader");
    log.close().unwrap();
    data_dir.mark_clean(BrokerEpoch(1)).unwrap();
    drop((data_dir, log));
    let mut log = place.log();
    assert_eq!([day - 1, day].map(|now_ms| knows_backfill(&log, now_ms)), [true, false], "by the snapshot");
    log.apply_retention(day, Offset::ZERO).unwrap();
    assert!(!knows_backfill(&log, NOW_MS), "forgotten for good");

    let place = Place::new();
    let mut log = place.log();
    log.append_as_follower(&frozen(backfill(0)), NOW_MS).unwrap();
    let mut next = backfill(3);
    crate::record::stamp_leader(&mut next, Offset(3), LeaderEpoch(0));
    log.append_as_follower(&frozen(next), NOW_MS + 5).unwrap();
    log.truncate_to(Offset(3)).unwrap();
    let later = day + 5;
    assert_eq!(
        [later - 1, later].map(|now_ms| knows_backfill(&log, now_ms)),
        [true, false],
        "on a follower, after a cut: not before its segment was written to last"
    );
}

#[test]
fn a_backfill_that_a_crash_left_without_a_snapshot_counts_from_the_files_last_change() {
    let place = Place::new();
    let mut log = place.log();
    lead(&mut log, backfill(0));
    drop(log);
    let written_ms = NOW_MS + 5 * DAY_MS;
    let written = std::time::UNIX_EPOCH + Duration::from_millis(u64::try_from(written_ms).unwrap());
    let file = place.log_dir().join("00000000000000000000.log");
    std::fs::File::options().write(true).open(file).unwrap().set_modified(written).unwrap();
    let log = place.log();
    let day = written_ms + DAY_MS;
    assert_eq!([day - 1, day].map(|now_ms| knows_backfill(&log, now_ms)), [true, false]);
}

#[test]
fn a_lower_epoch_is_refused_on_both_sides() {
    let place = Place::new();
    let mut log = place.log();
    log.append_as_leader(batch(1), LeaderEpoch(5), NOW_MS).unwrap();
    let refused = log.append_as_leader(batch(1), LeaderEpoch(4), NOW_MS).unwrap_err();
    assert!(matches!(refused, StorageError::Corrupt { .. }), "{refused}");
    let mut late = batch(1);
    crate::record::stamp_leader(&mut late, Offset(1), LeaderEpoch(4));
    let refused = log.append_as_follower(&frozen(late), NOW_MS).unwrap_err();
    assert!(matches!(refused, StorageError::Corrupt { .. }), "{refused}");
    assert_eq!((log.end_offset(), log.poisoned()), (Offset(1), None));
}
