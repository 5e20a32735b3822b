//! Opening a log: at its word after a clean shutdown, otherwise with its own eyes.
//!
//! After a clean shutdown nothing is scanned but the few headers behind the last index entry. Otherwise every batch from
//! the last snapshot of the producers at or below the recovery point on is read and its CRC computed; the first bad one
//! and all after it are cut off, indexes and tables are rebuilt, and what is left is fsynced. Indexes, snapshots and the
//! table of epochs are believed only as far as they fit the batches.
//!
//! *Invariant:* when a log is open, all of it is durable and made of whole batches.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::checkpoints::Checkpoints;
use super::disk::Disk;
use super::epoch_file::EpochFile;
use super::flush::Durability;
use super::scan::Scan;
use super::segment::Segment;
use super::trash::{DELETED, Trash};
use super::{Log, LogOptions, StorageError};
use crate::clock::Clock;
use crate::types::{Offset, TopicId, TopicPartition};

/// What opening a log found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Whether the process before shut down cleanly, so that nothing was scanned.
    pub clean: bool,
    /// One past the last record.
    pub log_end: Offset,
    /// How many bytes were cut off as torn, damaged, or beyond such.
    pub truncated_bytes: u64,
    /// How many bytes were read and checked.
    pub scanned_bytes: u64,
    /// Whether records that were once durable are gone: the log ended below its recovery point.
    pub lost_durable: bool,
    /// How long it took.
    pub took_ms: u64,
}

/// All that opening a log needs to know.
#[derive(Debug)]
pub(super) struct Opening<'a> {
    pub(super) tp: &'a TopicPartition,
    pub(super) topic_id: TopicId,
    pub(super) dir: &'a Path,
    pub(super) options: LogOptions,
    pub(super) disk: &'a Disk,
    pub(super) trash: &'a Trash,
    pub(super) checkpoints: &'a Checkpoints,
    /// Whether the log may be taken at its word.
    pub(super) trusted: bool,
    pub(super) now_ms: i64,
}

/// The files of a log's directory.
#[derive(Debug, Default)]
struct Listing {
    logs: BTreeMap<Offset, (u64, i64)>,
    offset_indexes: BTreeMap<Offset, u64>,
    time_indexes: BTreeMap<Offset, u64>,
    snapshots: Vec<Offset>,
}

impl Opening<'_> {
    /// Opens the log.
    pub(super) fn open(self) -> Result<(Log, RecoveryReport), StorageError> {
        let clock = Clock::system();
        let began = clock.now();
        super::swap::finish_swaps(self.disk, self.dir)?;
        let listing = self.list()?;
        let suspect = listing.first_without_indexes();
        let mut log = self.log(listing)?;
        let recovery_point = self.checkpoints.recovery_point(self.tp).unwrap_or(Offset::ZERO);
        let log_start = self.checkpoints.log_start(self.tp).unwrap_or(Offset::ZERO);
        let clean = self.trusted && suspect.is_none() && log.resume(log_start)?;
        let scan = if clean { Scan::default() } else { log.recover(recovery_point, suspect)? };
        let found_end = log.end_offset();
        log.settle_start(log_start)?;
        self.checkpoints.opened(self.tp, self.topic_id, &log.durability);
        let report = RecoveryReport {
            clean,
            log_end: log.end_offset(),
            truncated_bytes: scan.truncated_bytes,
            scanned_bytes: scan.scanned_bytes,
            lost_durable: found_end < recovery_point,
            took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        let RecoveryReport { log_end, truncated_bytes, scanned_bytes, lost_durable, took_ms, .. } = &report;
        if let Some(reason) = scan.cut {
            tracing::warn!(partition = %self.tp, %log_end, truncated_bytes, scanned_bytes, lost_durable, took_ms, reason,
                "recovered the log and cut what was torn or damaged");
        } else {
            tracing::debug!(partition = %self.tp, clean, %log_end, scanned_bytes, lost_durable, took_ms, "opened the log");
        }
        Ok((log, report))
    }

    fn list(&self) -> Result<Listing, StorageError> {
        let mut listing = Listing::default();
        for entry in self.disk.list(self.dir)? {
            let Some((base, suffix)) = entry.name.split_once('.') else { continue };
            if entry.name.ends_with(DELETED) || entry.name.ends_with(".tmp") {
                self.disk.remove(&self.dir.join(&entry.name))?;
                continue;
            }
            let Some(base) = base.parse::<i64>().ok().filter(|base| *base >= 0) else {
                continue;
            };
            match suffix {
                "log" => drop(listing.logs.insert(Offset(base), (entry.bytes, entry.modified_ms))),
                "index" => drop(listing.offset_indexes.insert(Offset(base), entry.bytes)),
                "timeindex" => drop(listing.time_indexes.insert(Offset(base), entry.bytes)),
                "snapshot" => listing.snapshots.push(Offset(base)),
                _ => {}
            }
        }
        Ok(listing)
    }

    fn log(&self, listing: Listing) -> Result<Log, StorageError> {
        let mut segments: Vec<Segment> = Vec::new();
        for (base, (bytes, modified_ms)) in &listing.logs {
            let indexes =
                (listing.offset_indexes.get(base).copied(), listing.time_indexes.get(base).copied());
            if let Some(last) = segments.last_mut() {
                last.end = *base;
            }
            segments.push(Segment::listed(self.dir, *base, *bytes, indexes, *modified_ms));
        }
        if segments.is_empty() {
            let base = self.checkpoints.log_start(self.tp).unwrap_or(Offset::ZERO);
            segments.push(Segment::create(self.disk, self.dir, base, self.now_ms)?);
        }
        let epoch_file = EpochFile::in_dir(self.dir);
        let epochs = epoch_file.read(self.disk)?.unwrap_or_default();
        let durability = Arc::new(Durability::new(Offset::ZERO, epoch_file));
        if listing.logs.is_empty() {
            durability.name_made();
        }
        Ok(Log {
            tp: self.tp.clone(),
            topic_id: self.topic_id,
            dir: Arc::from(self.dir),
            options: self.options.clone(),
            disk: self.disk.clone(),
            trash: self.trash.clone(),
            checkpoints: self.checkpoints.clone(),
            durability,
            start: segments[0].base,
            segments,
            epochs,
            epochs_version: 0,
            producers: super::producers::Producers::default(),
            snapshots: listing.snapshots.into_iter().collect(),
            unflushed: Vec::new(),
            bytes_since_save: 0,
            scratch: Vec::new(),
            poisoned: None,
        })
    }
}

impl Listing {
    /// The first closed segment that lacks an index, from which on nothing is taken at its word.
    fn first_without_indexes(&self) -> Option<Offset> {
        let (active, _) = self.logs.last_key_value()?;
        let lacks = |base: &Offset| {
            base < active && !(self.offset_indexes.contains_key(base) && self.time_indexes.contains_key(base))
        };
        self.logs.iter().filter(|(_, (bytes, _))| *bytes > 0).map(|(base, _)| *base).find(lacks)
    }
}
