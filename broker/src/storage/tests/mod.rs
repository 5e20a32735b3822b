//! The storage engine from outside: what a log promises, asked in all the ways that a disk and a process can end.

mod appending;
mod compacting;
mod directory;
mod failing;
mod formats;
mod model;
mod opening;
mod power;
mod regressions;
mod trimming;

use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use uuid::Uuid;

use super::disk::Disk;
use super::forgetful;
use super::{DataDir, Log, LogOptions, RecoveryReport};
use crate::record::{BatchBuilder, ProducerStamp};
use crate::types::{BrokerId, LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName, TopicPartition};

const NOW_MS: i64 = 1_700_000_000_000;
const DAY_MS: i64 = 86_400_000;
const ALL: Offset = Offset(i64::MAX);

/// A data directory with one partition in it, opened and closed as processes come and go.
struct Place {
    _temporary: tempfile::TempDir,
    path: PathBuf,
    disk: Disk,
    options: LogOptions,
}

impl Place {
    fn new() -> Self {
        let options =
            LogOptions { index_interval_bytes: 200, file_delete_delay_ms: 0, ..LogOptions::default() };
        let temporary = temporary();
        let path = temporary.path().join("data");
        std::fs::create_dir(&path).unwrap();
        Self { _temporary: temporary, path, disk: Disk::default(), options }
    }

    fn with(change: impl FnOnce(&mut LogOptions)) -> Self {
        let mut place = Self::new();
        change(&mut place.options);
        place
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn log_dir(&self) -> PathBuf {
        self.path().join(tp().to_string())
    }

    fn data_dir(&self) -> DataDir {
        DataDir::open_on(self.disk.clone(), self.path(), BrokerId(1), "cluster").unwrap()
    }

    /// Opens the log as a new process does after a crash, or after a clean end if the mark is there.
    fn open(&self) -> (DataDir, Log, RecoveryReport) {
        let data_dir = self.data_dir();
        let (log, report) = data_dir.open_log(&tp(), topic_id(), self.options.clone(), NOW_MS).unwrap();
        (data_dir, log, report)
    }

    fn log(&self) -> Log {
        self.open().1
    }

    /// The names in the partition's directory that end in `suffix`.
    fn files(&self, suffix: &str) -> Vec<String> {
        let entries = self.disk.list(&self.log_dir()).unwrap();
        entries.into_iter().map(|entry| entry.name).filter(|name| name.ends_with(suffix)).collect()
    }
}

/// A directory in memory where the system has one: thousands of logs are opened here, each with its fsyncs.
fn temporary() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

fn tp() -> TopicPartition {
    TopicPartition::new(TopicName::new("orders").unwrap(), PartitionIndex(3))
}

fn topic_id() -> TopicId {
    TopicId(Uuid::from_u128(7))
}

/// A batch of `count` records of about `bytes` each, all at `timestamp_ms`.
fn batch_at(timestamp_ms: i64, count: usize, bytes: usize) -> BytesMut {
    stamped(timestamp_ms, count, bytes, None)
}

fn batch(count: usize) -> BytesMut {
    batch_at(NOW_MS, count, 50)
}

fn stamped(timestamp_ms: i64, count: usize, bytes: usize, producer: Option<ProducerStamp>) -> BytesMut {
    let mut builder = BatchBuilder::new();
    let value = vec![b'v'; bytes];
    for _ in 0..count {
        builder.push(timestamp_ms, None, Some(&value), &[]);
    }
    BytesMut::from(&builder.finish(producer)[..])
}

fn lead(log: &mut Log, batches: BytesMut) -> Offset {
    log.append_as_leader(batches, LeaderEpoch(1), NOW_MS).unwrap().end_offset
}

fn flush(log: &mut Log) {
    let end = log.flush_job().run().unwrap();
    log.flushed(end);
}

/// All bytes from `from` on, slice by slice; a gap at the end holds none.
fn read_all(log: &Log, from: Offset, bytes_max: usize) -> Vec<u8> {
    let (mut bytes, mut at) = (Vec::new(), from);
    while at < log.end_offset() {
        let slice = log.slice(at, ALL, bytes_max).unwrap();
        if slice.is_empty() {
            break;
        }
        let read = slice.read().unwrap();
        assert_eq!(read.len(), slice.len());
        bytes.extend_from_slice(&read);
        at = slice.next_offset();
    }
    bytes
}

fn frozen(bytes: BytesMut) -> Bytes {
    bytes.freeze()
}
