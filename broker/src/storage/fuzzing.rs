//! Any bytes in the files of a data directory: they are opened, or refused with a reason. Tests only.
//!
//! *Invariant:* a log that opened after a crash is made of whole batches, opens again to the same end, and takes more.

use std::path::Path;

use bytes::BytesMut;
use uuid::Uuid;

use super::disk::{Disk, Durable};
use super::{CheckpointEntry, DataDir, Log, LogOptions, identity, text};
use crate::record::fuzzing::{reseal, take_byte, take_part};
use crate::record::{BatchBuilder, validate_replica_batches};
use crate::types::{
    BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName, TopicPartition,
};

const NOW_MS: i64 = 1_700_000_000_000;
const FIRST: &str = "00000000000000000000";

/// A partition's files are what `data` says, its log last; `dir` is emptied first.
///
/// # Panics
/// If the log opens and breaks a promise.
pub fn segments(dir: &Path, mut data: &[u8]) {
    let form = take_byte(&mut data);
    let Some(place) = Place::new(dir) else { return };
    let recovery_point = i64::from(take_byte(&mut data));
    for suffix in ["index", "timeindex", "snapshot"] {
        place.write(&format!("{FIRST}.{suffix}"), take_part(&mut data));
    }
    place.write("leader-epoch-checkpoint", take_part(&mut data));
    let mut log = data.to_vec();
    if form & 1 == 1 {
        reseal(&mut log);
    }
    place.write(&format!("{FIRST}.log"), &log);
    if form & 2 == 2 {
        place.checkpoint(recovery_point);
    }
    let trusted = form & 4 == 4;
    if trusted {
        place.mark_clean();
    }
    let Some(mut log) = place.open() else { return };
    assert!(log.start_offset() <= log.end_offset() && log.durable_end() == log.end_offset());
    let read = read_all(&log);
    if trusted {
        // A log that is taken at its word may be a lie; reading it ends in an error at worst.
        return;
    }
    let read = read.expect("what recovery kept can be read");
    assert!(validate_replica_batches(&read, Offset(i64::MIN)).is_ok(), "recovery keeps whole batches only");
    let end = log.end_offset();
    drop(log);
    log = place.open().expect("what was recovered opens again");
    assert_eq!(log.end_offset(), end, "and ends where it ended");
    grow(log, &place);
}

/// One small file of a data directory is what `data` says, beside a log that is in order; `dir` is emptied first.
///
/// # Panics
/// If what opens is not the log, or breaks a promise.
pub fn checkpoints(dir: &Path, mut data: &[u8]) {
    let form = take_byte(&mut data);
    let Some(place) = Place::new(dir) else { return };
    let Some(log) = place.open() else { return };
    let end = grow(log, &place);
    place.checkpoint(end.0);
    let sealed = std::str::from_utf8(data).ok().filter(|_| form & 16 == 16).map(text::seal);
    let bytes = sealed.as_ref().map_or(data, |sealed| sealed.as_bytes());
    let (name, inside) = match form & 15 {
        0 => ("recovery-point-offset-checkpoint", false),
        1 => ("log-start-offset-checkpoint", false),
        2 => ("replication-offset-checkpoint", false),
        3 => ("cleaner-offset-checkpoint", false),
        4 => ("meta.properties", false),
        5 => ("incarnation", false),
        6 => (".kafka_cleanshutdown", false),
        7 => ("partition.metadata", true),
        8 => ("leader-epoch-checkpoint", true),
        9 => ("00000000000000000000.snapshot", true),
        10 => ("00000000000000000001.snapshot", true),
        11 => ("00000000000000000000.index", true),
        _ => ("00000000000000000000.timeindex", true),
    };
    if inside {
        place.write(name, bytes);
    } else {
        place.write_beside(name, bytes);
    }
    if form & 32 == 32 && form & 15 != 6 {
        place.mark_clean();
    }
    if let Some(log) = place.open() {
        assert!(log.start_offset() <= log.end_offset() && log.durable_end() == log.end_offset());
        let _ = read_all(&log);
    }
}

/// A data directory with one partition.
struct Place<'a> {
    dir: &'a Path,
    disk: Disk,
}

impl<'a> Place<'a> {
    fn new(dir: &'a Path) -> Option<Self> {
        let disk = Disk::default();
        disk.remove(dir).ok()?;
        let place = Self { dir, disk };
        let inside = dir.join(tp().to_string());
        place.disk.create_dir_all(&inside).ok()?;
        identity::write_topic_id(&place.disk, &inside, topic_id()).ok()?;
        Some(place)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        self.write_at(&self.dir.join(tp().to_string()).join(name), bytes);
    }

    fn write_beside(&self, name: &str, bytes: &[u8]) {
        self.write_at(&self.dir.join(name), bytes);
    }

    fn write_at(&self, path: &Path, bytes: &[u8]) {
        self.disk.write_whole(path, bytes, Durable::No).expect("the directory can be written");
    }

    fn checkpoint(&self, recovery_point: i64) {
        let Ok(data_dir) = self.data_dir() else { return };
        let offset = Offset(recovery_point);
        let entry = CheckpointEntry {
            tp: tp(),
            topic_id: topic_id(),
            recovery_point: offset,
            log_start: Offset::ZERO,
            high_watermark: offset,
        };
        data_dir.write_checkpoints(&[entry]).expect("the directory can be written");
    }

    fn mark_clean(&self) {
        identity::write_clean_mark(&self.disk, self.dir, BrokerEpoch(7)).expect("it can be written");
    }

    fn data_dir(&self) -> Result<DataDir, super::StorageError> {
        DataDir::open_on(self.disk.clone(), self.dir, BrokerId(1), "fuzz")
    }

    /// As a process that starts does; `None` if it is refused.
    fn open(&self) -> Option<Log> {
        let data_dir = self.data_dir().ok()?;
        data_dir.open_log(&tp(), topic_id(), LogOptions::default(), NOW_MS).ok().map(|(log, _)| log)
    }
}

/// Appends a batch if there is room for its offsets, and finds it again in the next process.
fn grow(mut log: Log, place: &Place<'_>) -> Offset {
    let mut builder = BatchBuilder::new();
    builder.push(NOW_MS, Some(b"key"), Some(b"value"), &[]);
    let batch = BytesMut::from(&builder.finish(None)[..]);
    let epoch = log.last_epoch().max(LeaderEpoch(0));
    let Ok(info) = log.append_as_leader(batch, epoch, NOW_MS) else { return log.end_offset() };
    let end = log.flush_job().run().expect("the disk is sound");
    log.flushed(end);
    assert_eq!(info.end_offset, end);
    drop(log);
    let log = place.open().expect("it opened before");
    assert_eq!(log.end_offset(), end, "what was flushed is there");
    end
}

fn read_all(log: &Log) -> Option<Vec<u8>> {
    let (mut bytes, mut at) = (Vec::new(), log.start_offset());
    while at < log.end_offset() {
        let slice = log.slice(at, Offset(i64::MAX), 1 << 16).ok()?;
        if slice.is_empty() {
            break;
        }
        assert!(slice.next_offset() > at, "a read goes on from {at}");
        bytes.extend_from_slice(&slice.read().ok()?);
        at = slice.next_offset();
    }
    Some(bytes)
}

fn tp() -> TopicPartition {
    TopicPartition::new(TopicName::new("orders").expect("a name"), PartitionIndex(0))
}

fn topic_id() -> TopicId {
    TopicId(Uuid::from_u128(7))
}
