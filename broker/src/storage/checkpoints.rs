//! The checkpoint files of a data directory, in Kafka's text format: `topic partition offset` a line.
//!
//! - `recovery-point-offset-checkpoint`: all below is durable, so recovery need not look there
//! - `log-start-offset-checkpoint`: the first offset that may be read
//! - `replication-offset-checkpoint`: the high watermark
//! - `cleaner-offset-checkpoint`: how far a compacted log is clean; written when a run ends, and only a hint
//!
//! *Invariant:* no recovery point on disk ever lies above what is durable, and no start above a log's start, also after
//! a log was cut: a cut lowers them first. So what a recovery does not look at was fsynced.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::StorageError;
use super::disk::{Disk, Durable};
use super::flush::Durability;
use super::text::{format_entries, parse_entries};
use crate::rules::{self, Rule};
use crate::types::{Offset, PartitionIndex, TopicId, TopicName, TopicPartition};

const RECOVERY_POINT: &str = "recovery-point-offset-checkpoint";
const LOG_START: &str = "log-start-offset-checkpoint";
const HIGH_WATERMARK: &str = "replication-offset-checkpoint";
const CLEANED_TO: &str = "cleaner-offset-checkpoint";

/// What the checkpoints say about one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointEntry {
    /// The partition.
    pub tp: TopicPartition,
    /// Which topic of that name it was.
    pub topic_id: TopicId,
    /// All below this is durable; recovery need not look there.
    pub recovery_point: Offset,
    /// The first offset that may be read.
    pub log_start: Offset,
    /// What was known to be committed.
    pub high_watermark: Offset,
}

type Offsets = BTreeMap<TopicPartition, Offset>;

/// The checkpoints of one data directory. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Checkpoints {
    disk: Disk,
    dir: PathBuf,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    recovery_points: Offsets,
    log_starts: Offsets,
    high_watermarks: Offsets,
    cleaned_to: Offsets,
    /// The logs that this process has opened, and whether they were closed cleanly since.
    opened: BTreeMap<TopicPartition, Opened>,
}

#[derive(Debug)]
struct Opened {
    topic_id: TopicId,
    durability: Arc<Durability>,
    closed_cleanly: bool,
}

impl Checkpoints {
    /// Reads the files. One that is missing or damaged says nothing: recovery then looks at more.
    pub(super) fn load(disk: &Disk, dir: &Path) -> Result<Self, StorageError> {
        let read = |name: &str| -> Result<Offsets, StorageError> {
            let path = dir.join(name);
            let Some(bytes) = disk.read_whole(&path)? else { return Ok(Offsets::new()) };
            let entries = parse_entries(&bytes, parse_entry);
            if entries.is_none() {
                tracing::warn!(file = %path.display(), "damaged; recovery goes without it");
            }
            Ok(entries.unwrap_or_default().into_iter().collect())
        };
        let state = State {
            recovery_points: read(RECOVERY_POINT)?,
            log_starts: read(LOG_START)?,
            high_watermarks: read(HIGH_WATERMARK)?,
            cleaned_to: read(CLEANED_TO)?,
            opened: BTreeMap::new(),
        };
        Ok(Self { disk: disk.clone(), dir: dir.to_path_buf(), state: Arc::new(Mutex::new(state)) })
    }

    pub(super) fn recovery_point(&self, tp: &TopicPartition) -> Option<Offset> {
        self.state.lock().recovery_points.get(tp).copied()
    }

    pub(super) fn log_start(&self, tp: &TopicPartition) -> Option<Offset> {
        self.state.lock().log_starts.get(tp).copied()
    }

    pub(super) fn high_watermark(&self, tp: &TopicPartition) -> Option<Offset> {
        self.state.lock().high_watermarks.get(tp).copied()
    }

    pub(super) fn cleaned_to(&self, tp: &TopicPartition) -> Option<Offset> {
        self.state.lock().cleaned_to.get(tp).copied()
    }

    /// A log is clean up to `to`.
    pub(super) fn set_cleaned_to(&self, tp: &TopicPartition, to: Offset) -> Result<(), StorageError> {
        let cleaned_to = &mut self.state.lock().cleaned_to;
        let mut further = cleaned_to.clone();
        further.insert(tp.clone(), to);
        self.replace(CLEANED_TO, cleaned_to, further)
    }

    /// Whether this process may open a log without looking at it: it was not opened before and the process before
    /// ended cleanly, or this process closed it cleanly.
    pub(super) fn may_trust(&self, tp: &TopicPartition, clean_start: bool) -> bool {
        self.state.lock().opened.get(tp).map_or(clean_start, |opened| opened.closed_cleanly)
    }

    /// A log was opened; its checkpoints never pass what `durability` says from now on.
    pub(super) fn opened(&self, tp: &TopicPartition, topic_id: TopicId, durability: &Arc<Durability>) {
        let opened = Opened { topic_id, durability: Arc::clone(durability), closed_cleanly: false };
        self.state.lock().opened.insert(tp.clone(), opened);
    }

    pub(super) fn closed(&self, tp: &TopicPartition) {
        if let Some(opened) = self.state.lock().opened.get_mut(tp) {
            opened.closed_cleanly = true;
        }
    }

    /// A log is about to be cut at `end`: neither its recovery point nor its start on disk may lie above.
    pub(super) fn lower(&self, tp: &TopicPartition, end: Offset) -> Result<(), StorageError> {
        self.lower_recovery_point(tp, end)?;
        self.lower_one(LOG_START, &mut self.state.lock().log_starts, tp, end)
    }

    /// A log was found to end at `end`: what is appended there next must not be taken for durable after a crash.
    pub(super) fn lower_recovery_point(&self, tp: &TopicPartition, end: Offset) -> Result<(), StorageError> {
        self.lower_one(RECOVERY_POINT, &mut self.state.lock().recovery_points, tp, end)?;
        self.lower_one(CLEANED_TO, &mut self.state.lock().cleaned_to, tp, end)
    }

    fn lower_one(
        &self,
        name: &str,
        offsets: &mut Offsets,
        tp: &TopicPartition,
        end: Offset,
    ) -> Result<(), StorageError> {
        let is_above = offsets.get(tp).is_some_and(|offset| *offset > end);
        if !is_above || !rules::holds(Rule::CutLowersRecoveryPoint) {
            return Ok(());
        }
        let mut lowered = offsets.clone();
        lowered.insert(tp.clone(), end);
        self.replace(name, offsets, lowered)
    }

    /// Takes the entries in and writes the files that change by them.
    ///
    /// An entry of a log that was deleted since it was put together is left out: a topic of the same name would inherit it.
    pub(super) fn write(&self, entries: &[CheckpointEntry]) -> Result<(), StorageError> {
        let mut state = self.state.lock();
        let State { recovery_points, log_starts, high_watermarks, opened, .. } = &mut *state;
        let (mut points, mut starts, mut marks) =
            (recovery_points.clone(), log_starts.clone(), high_watermarks.clone());
        for entry in entries {
            let Some(log) = opened.get(&entry.tp).filter(|log| log.topic_id == entry.topic_id) else {
                continue;
            };
            // What the caller saw may be older than a cut.
            let (start, end) = log.durability.bounds();
            let bound = if rules::holds(Rule::RecoveryPointIsDurable) { end } else { entry.recovery_point };
            points.insert(entry.tp.clone(), entry.recovery_point.min(bound));
            starts.insert(entry.tp.clone(), entry.log_start.min(start));
            marks.insert(entry.tp.clone(), entry.high_watermark);
        }
        self.replace(RECOVERY_POINT, recovery_points, points)?;
        self.replace(LOG_START, log_starts, starts)?;
        self.replace(HIGH_WATERMARK, high_watermarks, marks)
    }

    /// Forgets a partition, durably, before another of that name may come to be.
    pub(super) fn forget(&self, tp: &TopicPartition) -> Result<(), StorageError> {
        let mut state = self.state.lock();
        state.opened.remove(tp);
        let State { recovery_points, log_starts, high_watermarks, cleaned_to, .. } = &mut *state;
        for (name, offsets) in [
            (RECOVERY_POINT, recovery_points),
            (LOG_START, log_starts),
            (HIGH_WATERMARK, high_watermarks),
            (CLEANED_TO, cleaned_to),
        ] {
            let mut without = offsets.clone();
            without.remove(tp);
            self.replace(name, offsets, without)?;
        }
        Ok(())
    }

    /// What is not on disk is not in memory either, so that whoever failed to write it tries again.
    fn replace(&self, name: &str, old: &mut Offsets, new: Offsets) -> Result<(), StorageError> {
        if *old != new {
            self.write_file(name, &new)?;
            *old = new;
        }
        Ok(())
    }

    fn write_file(&self, name: &str, offsets: &Offsets) -> Result<(), StorageError> {
        let lines = offsets.iter().map(|(tp, offset)| format!("{} {} {offset}", tp.topic, tp.partition));
        self.disk.write_whole(&self.dir.join(name), format_entries(lines).as_bytes(), Durable::Yes)
    }
}

fn parse_entry(line: &str) -> Option<(TopicPartition, Offset)> {
    let mut parts = line.split_whitespace();
    let topic = TopicName::new(parts.next()?).ok()?;
    let partition = PartitionIndex(parts.next()?.parse().ok()?);
    let offset = Offset(parts.next()?.parse().ok()?);
    parts.next().is_none().then(|| (TopicPartition::new(topic, partition), offset))
}
