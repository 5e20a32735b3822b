//! One test per fault that the model or the torn logs have found.

use std::fs;

use super::*;
use crate::storage::CheckpointEntry;

fn checkpoint(data_dir: &DataDir, log: &Log) {
    let (recovery_point, log_start) = (log.durable_end(), log.start_offset());
    let entry = CheckpointEntry {
        tp: tp(),
        topic_id: topic_id(),
        recovery_point,
        log_start,
        high_watermark: recovery_point,
    };
    data_dir.write_checkpoints(&[entry]).unwrap();
}

/// The recovery point was lowered to the end asked for, and the log ended before it.
#[test]
fn a_cut_inside_a_batch_is_no_loss() {
    let place = Place::new();
    let (data_dir, mut log, _) = place.open();
    lead(&mut log, batch(6));
    lead(&mut log, batch(6));
    flush(&mut log);
    checkpoint(&data_dir, &log);
    log.truncate_to(Offset(1)).unwrap();
    drop((data_dir, log));
    assert!(!place.open().2.lost_durable);
}

/// A start in the checkpoints outlived it, and the log was dropped at the next open.
#[test]
fn starting_anew_below_the_checkpointed_start_survives_a_crash() {
    let place = Place::new();
    let (data_dir, mut log, _) = place.open();
    log.restart_at(Offset(700)).unwrap();
    checkpoint(&data_dir, &log);
    let stale = CheckpointEntry {
        tp: tp(),
        topic_id: topic_id(),
        recovery_point: Offset(700),
        log_start: Offset(700),
        high_watermark: Offset(0),
    };
    log.restart_at(Offset(40)).unwrap();
    lead(&mut log, batch(5));
    flush(&mut log);
    data_dir.write_checkpoints(&[stale]).unwrap();
    drop((data_dir, log));
    let (_data_dir, log, report) = place.open();
    assert_eq!((log.start_offset(), log.end_offset()), (Offset(40), Offset(45)));
    assert!(!report.lost_durable);
}

/// The log ended inside a gap that no batch told of, so the next segment looked torn off.
#[test]
fn a_cut_inside_a_gap_ends_where_the_last_batch_does() {
    let place = Place::with(|options| options.segment_bytes_max = 300);
    let (data_dir, mut log, _) = place.open();
    lead(&mut log, batch(3));
    let mut far = batch(3);
    crate::record::stamp_leader(&mut far, Offset(10), LeaderEpoch(1));
    log.append_as_follower(&frozen(far), NOW_MS).unwrap();
    log.truncate_to(Offset(7)).unwrap();
    assert_eq!(log.end_offset(), Offset(3));
    for _ in 0..4 {
        lead(&mut log, batch(3));
    }
    drop((data_dir, log));
    let (_data_dir, log, report) = place.open();
    assert_eq!((log.end_offset(), report.truncated_bytes), (Offset(15), 0));
}

/// A closed segment that lost its tail exactly between two batches, as a power cut under `flush=os` may leave it.
#[test]
fn a_closed_segment_that_lost_whole_batches_ends_the_log() {
    let place = Place::with(|options| options.segment_bytes_max = 1_000);
    let (data_dir, mut log, _) = place.open();
    for _ in 0..12 {
        lead(&mut log, batch(5));
    }
    let one = log.slice(Offset(0), Offset(5), 1).unwrap().len() as u64;
    drop((data_dir, log));
    let file =
        fs::OpenOptions::new().write(true).open(place.log_dir().join(&place.files(".log")[0])).unwrap();
    file.set_len(one).unwrap();
    let (_data_dir, log, report) = place.open();
    assert_eq!((log.end_offset(), log.segment_count()), (Offset(5), 1));
    assert!(report.truncated_bytes > 0);
}

/// Under `flush=os` nobody flushed closed segments, so that their files stayed open and recovery read everything.
#[test]
fn a_closed_segment_asks_to_be_flushed() {
    let place = Place::with(|options| options.segment_bytes_max = 300);
    let mut log = place.log();
    lead(&mut log, batch(4));
    assert!(!log.has_unflushed_segments());
    lead(&mut log, batch(4));
    assert!(log.has_unflushed_segments());
    flush(&mut log);
    assert!(!log.has_unflushed_segments());
}
