//! A disk that is full, broken, or behind a lack of descriptors.

use super::*;
use crate::storage::CheckpointEntry;
use crate::storage::StorageError;

#[test]
fn a_full_disk_refuses_whole_appends_and_heals_by_itself() {
    let place = Place::with(|options| options.segment_bytes_max = 1_000);
    let (data_dir, mut log, _) = place.open();
    lead(&mut log, batch(5));
    let held = read_all(&log, Offset::ZERO, 1 << 20);
    for room in [0, 1, 60, 61, 100] {
        place.disk.medium.faults.room(room);
        let refused = log.append_as_leader(batch(5), LeaderEpoch(1), NOW_MS).unwrap_err();
        assert!(matches!(refused, StorageError::DiskFull { .. }), "{refused}");
        assert_eq!((log.end_offset(), log.poisoned()), (Offset(5), None), "room for {room}");
        assert_eq!(read_all(&log, Offset::ZERO, 1 << 20), held, "reads go on");
        assert_eq!(
            place.disk.list(&place.log_dir()).unwrap().iter().map(|e| e.bytes).max(),
            Some(held.len() as u64)
        );
    }
    place.disk.medium.faults.room(i64::MAX);
    assert_eq!(lead(&mut log, batch(5)), Offset(10));
    flush(&mut log);
    drop((data_dir, log));
    assert_eq!(place.open().2.truncated_bytes, 0);
}

#[test]
fn a_disk_that_fills_up_in_a_later_segment_takes_the_whole_append_back() {
    let place = Place::with(|options| options.segment_bytes_max = 1_000);
    let (data_dir, mut log, _) = place.open();
    lead(&mut log, batch(5));
    let held = read_all(&log, Offset::ZERO, 1 << 20);
    let mut run = BytesMut::new();
    for _ in 0..20 {
        run.extend_from_slice(&batch(5));
    }
    for room in (0..run.len()).step_by(97) {
        place.disk.medium.faults.room(room as i64);
        let refused = log.append_as_leader(run.clone(), LeaderEpoch(2), NOW_MS).unwrap_err();
        assert!(matches!(refused, StorageError::DiskFull { .. }), "{refused}");
        assert_eq!((log.end_offset(), log.last_epoch()), (Offset(5), LeaderEpoch(1)), "room for {room}");
        assert_eq!((read_all(&log, Offset::ZERO, 1 << 20), log.poisoned()), (held.clone(), None));
    }
    place.disk.medium.faults.room(i64::MAX);
    log.append_as_leader(run, LeaderEpoch(2), NOW_MS).unwrap();
    flush(&mut log);
    let all = read_all(&log, Offset::ZERO, 1 << 20);
    drop((data_dir, log));
    assert_eq!(read_all(&place.log(), Offset::ZERO, 1 << 20), all);
}

#[test]
fn a_torn_tail_that_cannot_be_cut_poisons_and_is_cut_at_the_next_start() {
    let place = Place::new();
    let (data_dir, mut log, _) = place.open();
    lead(&mut log, batch(5));
    place.disk.medium.faults.room(100);
    place.disk.medium.faults.fail_cuts(true);
    log.append_as_leader(batch(5), LeaderEpoch(1), NOW_MS).unwrap_err();
    place.disk.medium.faults.room(i64::MAX);
    place.disk.medium.faults.fail_cuts(false);
    let refused = log.append_as_leader(batch(5), LeaderEpoch(1), NOW_MS).unwrap_err();
    assert!(matches!(refused, StorageError::Poisoned { .. }), "{refused}");
    assert!(log.truncate_to(Offset(0)).is_err() && log.close().is_err());
    assert_eq!(log.slice(Offset(0), ALL, 1 << 20).unwrap().next_offset(), Offset(5), "reads go on");
    drop((data_dir, log));
    let (_data_dir, log, report) = place.open();
    assert_eq!((log.end_offset(), report.truncated_bytes), (Offset(5), 100));
}

#[test]
fn a_failed_fsync_is_never_tried_again() {
    let place = Place::new();
    let (data_dir, mut log, _) = place.open();
    lead(&mut log, batch(5));
    place.disk.medium.faults.fail_syncs(true);
    assert!(log.flush_job().run().is_err());
    place.disk.medium.faults.fail_syncs(false);
    assert_eq!(log.durable_end(), Offset(0));
    let refused = log.append_as_leader(batch(1), LeaderEpoch(1), NOW_MS).unwrap_err();
    assert!(matches!(refused, StorageError::Poisoned { .. }), "without anyone poisoning it: {refused}");
    assert!(log.poisoned().is_some());
    assert!(log.close().is_err());
    drop(log);
    let (log, report) = data_dir.open_log(&tp(), topic_id(), place.options.clone(), NOW_MS).unwrap();
    assert!(!report.clean && log.poisoned().is_none(), "opening again heals it");
    assert_eq!(log.durable_end(), log.end_offset());
}

#[test]
fn a_log_that_failed_keeps_exactly_what_is_durable() {
    for (durable, later) in [(3, 2), (0, 4), (12, 25)] {
        let place = Place::with(|options| options.segment_bytes_max = 1_000);
        let (data_dir, mut log, _) = place.open();
        for _ in 0..durable {
            lead(&mut log, batch(5));
        }
        flush(&mut log);
        let held = read_all(&log, Offset::ZERO, 1 << 20);
        for _ in 0..later {
            lead(&mut log, batch(5));
        }
        place.disk.medium.faults.fail_syncs(true);
        assert!(log.flush_job().run().is_err());
        assert!(log.close().is_err());
        place.disk.medium.faults.fail_syncs(false);
        log.cut_to_durable().unwrap();
        assert_eq!(log.end_offset(), Offset(durable * 5));
        assert!(log.append_as_leader(batch(1), LeaderEpoch(1), NOW_MS).is_err(), "it stays poisoned");
        drop((data_dir, log));
        let (_data_dir, log, report) = place.open();
        assert!(!report.lost_durable && !report.clean, "{report:?}");
        assert_eq!(log.end_offset(), Offset(durable * 5));
        if durable > 0 {
            assert_eq!(read_all(&log, Offset::ZERO, 1 << 20), held);
        }
    }
}

#[test]
fn a_cut_that_fails_poisons() {
    let place = Place::new();
    let mut log = place.log();
    for _ in 0..3 {
        lead(&mut log, batch(5));
    }
    place.disk.medium.faults.fail_cuts(true);
    assert!(log.truncate_to(Offset(5)).is_err());
    assert!(log.poisoned().is_some());
}

#[test]
fn without_descriptors_appends_are_refused_and_go_on_later() {
    let place = Place::with(|options| options.segment_bytes_max = 500);
    let mut log = place.log();
    lead(&mut log, batch(5));
    place.disk.medium.faults.take_descriptors(true);
    let refused = log.append_as_leader(batch(5), LeaderEpoch(1), NOW_MS).unwrap_err();
    assert!(matches!(refused, StorageError::TooManyOpenFiles), "{refused}");
    assert_eq!((log.end_offset(), log.poisoned()), (Offset(5), None));
    place.disk.medium.faults.take_descriptors(false);
    assert_eq!(lead(&mut log, batch(5)), Offset(10));
}

#[test]
fn closed_segments_share_a_bounded_number_of_descriptors() {
    let place = Place::with(|options| options.segment_bytes_max = 200);
    let mut log = place.log();
    for _ in 0..400 {
        lead(&mut log, batch(2));
    }
    flush(&mut log);
    assert!(log.segment_count() > 300);
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    for from in 0..log.end_offset().0 {
        assert!(!log.slice(Offset(from), ALL, 1).unwrap().read().unwrap().is_empty());
    }
    assert!(open() < before + 300, "{} after {before}", open());
}

#[test]
fn a_cut_whose_recovery_point_could_not_be_lowered_lowers_it_when_it_is_tried_again() {
    let place = Place::new();
    let (data_dir, mut log, _) = place.open();
    for _ in 0..4 {
        lead(&mut log, batch(5));
    }
    flush(&mut log);
    let entry = CheckpointEntry {
        tp: tp(),
        topic_id: topic_id(),
        recovery_point: Offset(20),
        log_start: Offset::ZERO,
        high_watermark: Offset::ZERO,
    };
    data_dir.write_checkpoints(&[entry]).unwrap();
    place.disk.medium.faults.room(0);
    assert!(log.truncate_to(Offset(10)).is_err(), "the disk is full");
    assert_eq!((log.end_offset(), log.poisoned()), (Offset(20), None));
    place.disk.medium.faults.room(i64::MAX);
    log.truncate_to(Offset(10)).unwrap();
    drop((data_dir, log));
    let (_, log, report) = place.open();
    assert_eq!((log.end_offset(), report.lost_durable), (Offset(10), false), "{report:?}");
}
