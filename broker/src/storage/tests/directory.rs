//! The data directory: whose it is, what comes and goes in it.

use std::fs;

use super::*;
use crate::storage::{CheckpointEntry, StorageError};
use crate::types::BrokerEpoch;

#[test]
fn one_process_one_broker_one_cluster() {
    let place = Place::new();
    let data_dir = place.data_dir();
    let id = data_dir.id();
    let again = DataDir::open(place.path(), BrokerId(1), "cluster").unwrap_err();
    let own = format!("process {}", std::process::id());
    assert!(matches!(&again, StorageError::Locked { holder, .. } if *holder == own), "{again}");
    drop(data_dir);
    for (broker, cluster) in [(2, "cluster"), (1, "another")] {
        let refused = DataDir::open(place.path(), BrokerId(broker), cluster).unwrap_err();
        assert!(matches!(refused, StorageError::Mismatch { .. }), "{refused}");
    }
    assert_eq!(place.data_dir().id(), id, "the identity stays");
    fs::write(place.path().join("meta.properties"), "version=1\n").unwrap();
    let refused = DataDir::open(place.path(), BrokerId(1), "cluster").unwrap_err();
    assert!(matches!(refused, StorageError::Corrupt { .. }), "{refused}");
}

#[test]
fn incarnations_are_remembered() {
    let place = Place::new();
    let data_dir = place.data_dir();
    assert_eq!((data_dir.last_incarnation(), data_dir.clean_from()), (None, None));
    data_dir.record_incarnation(BrokerEpoch(9_021)).unwrap();
    data_dir.probe().unwrap();
    drop(data_dir);
    assert_eq!(place.data_dir().last_incarnation(), Some(BrokerEpoch(9_021)));
    fs::write(place.path().join("incarnation"), "version=1\nbroker.epoch=1\n").unwrap();
    assert_eq!(place.data_dir().last_incarnation(), None, "without its checksum it is no word to go by");
}

#[test]
fn a_topic_of_the_same_name_inherits_nothing() {
    let place = Place::new();
    let (data_dir, mut log, _) = place.open();
    lead(&mut log, batch(50));
    log.advance_start(Offset(30)).unwrap();
    flush(&mut log);
    let entry = CheckpointEntry {
        tp: tp(),
        topic_id: topic_id(),
        recovery_point: Offset(50),
        log_start: Offset(30),
        high_watermark: Offset(50),
    };
    data_dir.write_checkpoints(std::slice::from_ref(&entry)).unwrap();
    drop(log);
    let other = TopicId(Uuid::from_u128(8));
    let (log, report) = data_dir.open_log(&tp(), other, place.options.clone(), NOW_MS).unwrap();
    assert_eq!((log.start_offset(), log.end_offset(), log.topic_id()), (Offset(0), Offset(0), other));
    assert!(!report.lost_durable);
    assert_eq!(data_dir.high_watermark(&tp()), None);
    // What was put together before the topic was deleted may be written late.
    data_dir.write_checkpoints(std::slice::from_ref(&entry)).unwrap();
    assert_eq!(data_dir.high_watermark(&tp()), None);
    assert_eq!(data_dir.existing_topic_id(&tp()), Some(other));
    assert_eq!(data_dir.partitions().unwrap(), [tp()]);
    assert_eq!(data_dir.empty_trash(NOW_MS), 1, "the old one went");
    assert_eq!(
        fs::read_dir(place.path()).unwrap().filter(|e| e.as_ref().unwrap().path().is_dir()).count(),
        1
    );
    drop(log);
    data_dir.delete_log(&tp(), other).unwrap();
    data_dir.write_checkpoints(&[entry]).unwrap();
    assert_eq!(data_dir.high_watermark(&tp()), None);
}

#[test]
fn deleting_asks_for_the_topic_and_leaves_nothing() {
    let place = Place::new();
    let (data_dir, mut log, _) = place.open();
    lead(&mut log, batch(5));
    let slice = log.slice(Offset(0), ALL, 1 << 20).unwrap();
    drop(log);
    data_dir.delete_log(&tp(), TopicId(Uuid::from_u128(99))).unwrap();
    assert_eq!(data_dir.partitions().unwrap(), [tp()], "another topic's");
    data_dir.delete_log(&tp(), topic_id()).unwrap();
    data_dir.delete_log(&tp(), topic_id()).unwrap();
    assert_eq!(data_dir.partitions().unwrap(), []);
    assert_eq!(slice.read().unwrap().len(), slice.len());
    assert!(!fs::read_dir(place.path()).unwrap().any(|entry| entry.unwrap().path().is_dir()));
}

#[test]
fn a_name_as_long_as_names_may_be_fits_also_when_it_is_moved_aside() {
    let place = Place::new();
    let data_dir = place.data_dir();
    let tp = TopicPartition::new(TopicName::new(&"x".repeat(249)).unwrap(), PartitionIndex(12_345));
    for topic in 0..3 {
        let id = TopicId(Uuid::from_u128(topic));
        let (mut log, _) = data_dir.open_log(&tp, id, place.options.clone(), NOW_MS).unwrap();
        lead(&mut log, batch(1));
    }
    data_dir.delete_log(&tp, TopicId(Uuid::from_u128(2))).unwrap();
    assert_eq!(data_dir.empty_trash(NOW_MS), 2);
}

#[test]
fn a_lost_partition_is_no_clean_recovery() {
    let place = Place::new();
    let (data_dir, mut log, _) = place.open();
    lead(&mut log, batch(5));
    flush(&mut log);
    let entry = CheckpointEntry {
        tp: tp(),
        topic_id: topic_id(),
        recovery_point: Offset(5),
        log_start: Offset(0),
        high_watermark: Offset(5),
    };
    data_dir.write_checkpoints(&[entry]).unwrap();
    drop((data_dir, log));
    fs::remove_dir_all(place.log_dir()).unwrap();
    let (_data_dir, log, report) = place.open();
    assert_eq!((log.end_offset(), report.lost_durable), (Offset(0), true));
}

#[test]
fn a_log_that_does_not_say_whose_it_is_is_set_aside_not_deleted() {
    let place = Place::new();
    let (data_dir, mut log, _) = place.open();
    lead(&mut log, batch(5));
    drop((data_dir, log));
    fs::remove_file(place.log_dir().join("partition.metadata")).unwrap();
    let (data_dir, log, _) = place.open();
    assert_eq!(log.end_offset(), Offset(0));
    data_dir.empty_trash(i64::MAX);
    let strays = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(strays.filter(|name| name.to_string_lossy().ends_with("-stray")).count(), 1);
}

#[test]
fn other_peoples_files_are_let_alone() {
    let place = Place::new();
    drop(place.open());
    for name in ["lost+found", "orders-x", "notes.log"] {
        fs::create_dir(place.path().join(name)).unwrap();
    }
    fs::write(place.log_dir().join("readme.txt"), "hello").unwrap();
    fs::write(place.log_dir().join("x.log"), "hello").unwrap();
    let (data_dir, log, _) = place.open();
    assert_eq!((log.segment_count(), data_dir.partitions().unwrap()), (1, vec![tp()]));
    assert!(place.log_dir().join("readme.txt").exists());
}
