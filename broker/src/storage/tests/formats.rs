//! The files as Kafka's own tools read them: every rule of `kafka-dump-log` and of Kafka's sanity checks.

use std::fs;

use super::*;
use crate::record::BatchHeader;
use crate::storage::CheckpointEntry;

fn be<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().unwrap()
}

/// Base offset in a file's name, and its bytes.
fn named(place: &Place, suffix: &str) -> Vec<(i64, Vec<u8>)> {
    let names = place.files(suffix);
    let read = |name: &String| (name[..20].parse().unwrap(), fs::read(place.log_dir().join(name)).unwrap());
    names.iter().map(read).collect()
}

#[test]
fn indexes_name_the_last_offsets_of_batches_and_where_they_begin() {
    let place =
        Place::with(|options| (options.segment_bytes_max, options.index_interval_bytes) = (8_000, 300));
    let mut log = place.log();
    let times = [5, 9, 7, 30, 30, 29, 50, 51, 40, 60];
    for n in 0..200_usize {
        lead(&mut log, batch_at(NOW_MS + times[n % 10] + (n / 10) as i64 * 20, n % 7 + 1, 40));
    }
    log.close().unwrap();
    let logs = named(&place, ".log");
    let indexes = named(&place, ".index");
    let time_indexes = named(&place, ".timeindex");
    assert!(logs.len() > 3);
    assert_eq!((logs.len(), logs.len()), (indexes.len(), time_indexes.len()));
    for ((base, log), ((_, index), (_, times))) in logs.iter().zip(indexes.iter().zip(&time_indexes)) {
        assert!(!index.is_empty() && index.len() % 8 == 0 && !times.is_empty() && times.len() % 12 == 0);
        let mut earlier = (0, 0);
        let mut floor = Vec::new();
        for entry in index.chunks(8) {
            let relative = u32::from_be_bytes(be(entry, 0));
            let position = u32::from_be_bytes(be(entry, 4));
            assert!((relative, position) > earlier && relative > earlier.0 && position > earlier.1);
            earlier = (relative, position);
            let batch = BatchHeader::read(&log[position as usize..]).unwrap();
            assert_eq!(batch.last_offset(), Offset(base + i64::from(relative)));
            floor.push((batch.last_offset(), position as usize));
        }
        let mut before = -1;
        for entry in times.chunks(12) {
            let timestamp = i64::from_be_bytes(be(entry, 0));
            let offset = Offset(base + i64::from(u32::from_be_bytes(be(entry, 8))));
            assert!(timestamp > before);
            before = timestamp;
            let mut at =
                floor.iter().rev().find(|(last, _)| *last <= offset).map_or(0, |(_, position)| *position);
            let batch = loop {
                let batch = BatchHeader::read(&log[at..]).unwrap();
                if batch.last_offset() >= offset {
                    break batch;
                }
                at += batch.total_len();
            };
            assert_eq!((batch.last_offset(), batch.max_timestamp_ms), (offset, timestamp));
        }
        let mut newest = -1;
        let mut at = 0;
        while at < log.len() {
            let batch = BatchHeader::read(&log[at..]).unwrap();
            newest = newest.max(batch.max_timestamp_ms);
            at += batch.total_len();
        }
        assert_eq!(newest, before, "a closed segment's last time entry is its newest");
    }
}

#[test]
fn small_files_are_written_as_in_kafka() {
    let place = Place::new();
    let (data_dir, mut log, _) = place.open();
    log.append_as_leader(batch(5), LeaderEpoch(2), NOW_MS).unwrap();
    log.append_as_leader(batch(5), LeaderEpoch(7), NOW_MS).unwrap();
    flush(&mut log);
    let entry = CheckpointEntry {
        tp: tp(),
        topic_id: topic_id(),
        recovery_point: Offset(10),
        log_start: Offset(0),
        high_watermark: Offset(9),
    };
    data_dir.write_checkpoints(&[entry]).unwrap();
    data_dir.mark_clean(crate::types::BrokerEpoch(4711)).unwrap();
    let text = |path: &str| fs::read_to_string(place.path().join(path)).unwrap();
    assert_eq!(text("orders-3/leader-epoch-checkpoint"), "0\n2\n2 0\n7 5\n");
    assert_eq!(text("orders-3/partition.metadata"), "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAABw\n");
    assert_eq!(text("recovery-point-offset-checkpoint"), "0\n1\norders 3 10\n");
    assert_eq!(text("log-start-offset-checkpoint"), "0\n1\norders 3 0\n");
    assert_eq!(text("replication-offset-checkpoint"), "0\n1\norders 3 9\n");
    assert_eq!(text(".kafka_cleanshutdown"), "{\"version\":0,\"brokerEpoch\":4711}");
    let meta = text("meta.properties");
    for line in ["version=1", "broker.id=1", "cluster.id=cluster", "directory.id="] {
        assert!(meta.lines().any(|found| found.starts_with(line)), "{meta}");
    }
    assert_eq!(place.files(".log"), ["00000000000000000000.log"]);
}
