//! Cutting at the end, advancing the start, retention, and looking for a time.

use super::*;
use crate::storage::StorageError;

#[test]
fn a_cut_is_durable_and_takes_epochs_with_it() {
    let place = Place::with(|options| options.segment_bytes_max = 2_000);
    let (data_dir, mut log, _) = place.open();
    for epoch in 0..40 {
        log.append_as_leader(batch(5), LeaderEpoch(epoch), NOW_MS).unwrap();
    }
    flush(&mut log);
    log.truncate_to(Offset(52)).unwrap();
    assert_eq!(log.end_offset(), Offset(50), "the batch that holds the end goes too");
    assert_eq!(log.last_epoch(), LeaderEpoch(9));
    assert_eq!(log.epoch_end(LeaderEpoch(30)), (LeaderEpoch(9), Offset(50)));
    assert_eq!(log.epoch_end(LeaderEpoch(4)), (LeaderEpoch(4), Offset(25)));
    let bytes = read_all(&log, Offset::ZERO, 1 << 20);
    drop((data_dir, log));
    let (_data_dir, log, report) = place.open();
    assert_eq!((report.truncated_bytes, report.lost_durable), (0, false));
    assert_eq!((log.end_offset(), log.last_epoch()), (Offset(50), LeaderEpoch(9)));
    assert_eq!(read_all(&log, Offset::ZERO, 1 << 20), bytes);
}

#[test]
fn a_cut_at_or_beyond_the_end_changes_no_record() {
    let place = Place::new();
    let mut log = place.log();
    lead(&mut log, batch(5));
    log.truncate_to(Offset(5)).unwrap();
    log.truncate_to(Offset(500)).unwrap();
    assert_eq!((log.end_offset(), log.last_epoch()), (Offset(5), LeaderEpoch(1)));
}

#[test]
fn a_log_starts_anew_forward_and_backward() {
    let place = Place::with(|options| options.segment_bytes_max = 1_000);
    let (data_dir, mut log, _) = place.open();
    for start in [700, 40] {
        for _ in 0..10 {
            lead(&mut log, batch(5));
        }
        flush(&mut log);
        log.restart_at(Offset(start)).unwrap();
        assert_eq!((log.start_offset(), log.end_offset()), (Offset(start), Offset(start)));
        assert_eq!((log.durable_end(), log.size_bytes()), (Offset(start), 0));
        assert_eq!(log.last_epoch(), LeaderEpoch::NONE);
        assert_eq!(log.epoch_end(LeaderEpoch(1)), (LeaderEpoch(1), Offset(start)));
    }
    lead(&mut log, batch(1));
    log.truncate_to(Offset(3)).unwrap();
    assert_eq!((log.start_offset(), log.end_offset()), (Offset(3), Offset(3)), "a cut below all starts anew");
    drop((data_dir, log));
    let (_data_dir, log, report) = place.open();
    assert_eq!((log.start_offset(), log.end_offset()), (Offset(3), Offset(3)));
    assert!(!report.lost_durable);
}

#[test]
fn the_start_advances_and_whole_segments_go() {
    let place = Place::with(|options| options.segment_bytes_max = 1_000);
    let (data_dir, mut log, _) = place.open();
    for epoch in 0..30 {
        log.append_as_leader(batch(5), LeaderEpoch(epoch), NOW_MS).unwrap();
    }
    let reader = log.slice(Offset(0), ALL, 1 << 20).unwrap();
    let size = log.size_bytes();
    log.advance_start(Offset(77)).unwrap();
    assert_eq!(log.start_offset(), Offset(77));
    assert!(log.size_bytes() < size / 2 + 1_000);
    assert_eq!(reader.read().unwrap().len(), reader.len(), "a reader under way loses nothing");
    assert!(!place.files(".deleted").is_empty());
    assert!(data_dir.empty_trash(NOW_MS) > 0);
    assert!(place.files(".deleted").is_empty());
    let below = log.slice(Offset(76), ALL, 1).unwrap_err();
    assert!(matches!(below, StorageError::OffsetOutOfRange { start: Offset(77), .. }), "{below}");
    assert_eq!(log.slice(Offset(77), ALL, 1).unwrap().base_offset(), Offset(75), "whole batches");
    assert_eq!(log.epoch_end(LeaderEpoch(3)), (LeaderEpoch(3), Offset(77)), "below all: the lowest start");
    log.advance_start(Offset(10)).unwrap();
    assert_eq!(log.start_offset(), Offset(77), "never back");
    assert!(log.advance_start(Offset(151)).is_err());
    log.advance_start(Offset(150)).unwrap();
    assert_eq!((log.size_bytes(), log.segment_count()), (0, 1), "all of it may go");
    let info = log.append_as_leader(batch(1), LeaderEpoch(29), NOW_MS).unwrap();
    assert_eq!((info.base_offset, log.epoch_start(LeaderEpoch(29))), (Offset(150), Some(Offset(150))));
}

#[test]
fn retention_goes_by_age_by_size_or_never() {
    let place = Place::with(|options| {
        (options.segment_bytes_max, options.segment_ms_max, options.retention_ms) = (1_000, DAY_MS, None);
    });
    let (_data_dir, mut log, _) = place.open();
    for n in 0..30 {
        log.append_as_leader(batch_at(NOW_MS + n * 1_000, 5, 50), LeaderEpoch(1), NOW_MS).unwrap();
    }
    let count = log.segment_count();
    assert_eq!(log.apply_retention(NOW_MS + DAY_MS, log.end_offset()).unwrap(), vec![]);
    let mut options = log.options().clone();
    options.retention_ms = Some(20_000);
    log.set_options(options.clone());
    assert_eq!(log.apply_retention(NOW_MS + 40_000, Offset(0)).unwrap(), vec![], "above the watermark");
    let aged = log.apply_retention(NOW_MS + 40_000, log.end_offset()).unwrap();
    assert!(!aged.is_empty() && aged.len() < count, "{aged:?}");
    assert_eq!(log.start_offset(), aged.last().unwrap().end_offset);
    options.retention_ms = None;
    options.retention_bytes = Some(2_500);
    log.set_options(options.clone());
    let crowded = log.apply_retention(NOW_MS, log.end_offset()).unwrap();
    assert!(crowded.iter().all(|segment| segment.reason.contains("retention.bytes")), "{crowded:?}");
    assert!((2_500..3_500).contains(&log.size_bytes()), "{}", log.size_bytes());
    options.retention_ms = Some(1);
    log.set_options(options);
    log.apply_retention(NOW_MS + DAY_MS, log.end_offset()).unwrap();
    assert_eq!((log.size_bytes(), log.start_offset()), (0, log.end_offset()), "the active segment too");
}

#[test]
fn a_time_is_found_across_batches_and_segments() {
    let place = Place::with(|options| (options.segment_bytes_max, options.segment_ms_max) = (2_000, DAY_MS));
    let (data_dir, mut log, _) = place.open();
    for n in 0..100 {
        let mut builder = BatchBuilder::new();
        for record in 0..3 {
            builder.push(NOW_MS + n * 100 + record * 10, None, Some(b"some value"), &[]);
        }
        lead(&mut log, BytesMut::from(&builder.finish(None)[..]));
    }
    let check = |log: &Log| {
        for n in 0..100 {
            for (asked, record) in [(0, 0), (1, 1), (10, 1), (20, 2)] {
                let found = log.find_timestamp(NOW_MS + n * 100 + asked, ALL).unwrap();
                assert_eq!(
                    found,
                    Some((Offset(n * 3 + record), NOW_MS + n * 100 + record * 10)),
                    "{n} {asked}"
                );
            }
            let between = log.find_timestamp(NOW_MS + n * 100 + 21, Offset(n * 3 + 3)).unwrap();
            assert_eq!(between, None, "the next record is not below the upper bound");
        }
        assert_eq!(log.find_timestamp(NOW_MS + 9_921, ALL).unwrap(), None);
        assert_eq!(log.max_timestamp(), Some((Offset(299), NOW_MS + 9_920)));
    };
    check(&log);
    log.close().unwrap();
    drop((data_dir, log));
    let (_data_dir, mut log, _) = place.open();
    check(&log);
    log.advance_start(Offset(31)).unwrap();
    assert_eq!(log.find_timestamp(0, ALL).unwrap(), Some((Offset(31), NOW_MS + 1_010)));
}

#[test]
fn times_out_of_order_are_found_at_their_first() {
    let place = Place::new();
    let mut log = place.log();
    for time in [50, 20, 90, 10, 60, 90, 95, 5] {
        for _ in 0..5 {
            lead(&mut log, batch_at(time, 1, 60));
        }
    }
    for (asked, offset, time) in [(5, 0, 50), (50, 0, 50), (51, 10, 90), (90, 10, 90), (91, 30, 95)] {
        assert_eq!(log.find_timestamp(asked, ALL).unwrap(), Some((Offset(offset), time)), "asked {asked}");
    }
    assert_eq!(log.max_timestamp(), Some((Offset(30), 95)));
}
