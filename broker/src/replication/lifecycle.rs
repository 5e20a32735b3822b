//! Opening logs, at the start and later, and closing them.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::error::ReplicationError;
use super::partition::{Effects, Partition};
use super::replicas::Replicas;
use super::upkeep;
use super::waiters::Ended;
use crate::storage::{Log, LogOptions, RecoveryReport, StorageError};
use crate::tasks;
use crate::types::{
    FlushMode, LeaderEpoch, PartitionEpoch, PartitionRecord, PartitionState, TopicId, TopicPartition,
};

/// Logs that are opened, or closed, beside each other.
const AT_ONCE: usize = 8;

/// What recovery found in the data directory, before the broker registers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoverySummary {
    /// Logs that were opened.
    pub logs: usize,
    /// Of these, how many needed no scan.
    pub clean: usize,
    /// Bytes read and checked.
    pub scanned_bytes: u64,
    /// Bytes cut off as torn.
    pub truncated_bytes: u64,
    /// Partitions of which records are gone that were once durable.
    pub lost_durable: Vec<TopicPartition>,
    /// Partitions that could not be opened, and why.
    pub failed: Vec<(TopicPartition, String)>,
}

impl RecoverySummary {
    fn note(&mut self, tp: TopicPartition, report: &RecoveryReport) {
        self.logs += 1;
        self.clean += usize::from(report.clean);
        self.scanned_bytes += report.scanned_bytes;
        self.truncated_bytes += report.truncated_bytes;
        if report.lost_durable {
            self.lost_durable.push(tp);
        }
    }
}

impl Replicas {
    /// Opens every log in the data directory, so that the broker can say in its registration how it recovered. Before
    /// [`Replicas::start`]; needed whenever the directory may hold logs, since the checkpoints are written for what is open.
    ///
    /// # Errors
    /// If the data directory cannot be listed. Logs that fail are named in the summary.
    pub async fn recover(self: &Arc<Self>, options: LogOptions) -> Result<RecoverySummary, ReplicationError> {
        let data_dir = Arc::clone(&self.shared.data_dir);
        let listed = tasks::lend(move || data_dir.partitions()).await;
        let listed = listed.map_err(|_| ReplicationError::ShuttingDown)?;
        let mut waiting = listed.map_err(|source| ReplicationError::DataDir { source })?.into_iter();
        let mut opening = JoinSet::new();
        let mut summary = RecoverySummary::default();
        loop {
            while opening.len() < AT_ONCE
                && let Some(tp) = waiting.next()
            {
                let (replicas, options) = (Arc::clone(self), options.clone());
                opening.spawn(async move { (tp.clone(), replicas.open_found(&tp, &options).await) });
            }
            match opening.join_next().await {
                Some(Ok((tp, Ok(Some(report))))) => summary.note(tp, &report),
                Some(Ok((_, Ok(None)))) => {}
                Some(Ok((tp, Err(error)))) => summary.failed.push((tp, error.to_string())),
                Some(Err(error)) => tracing::error!(%error, "opening a log failed"),
                None => break,
            }
        }
        Ok(summary)
    }

    /// Opens a log that was found, for a partition of which no record has been seen yet.
    async fn open_found(
        &self,
        tp: &TopicPartition,
        options: &LogOptions,
    ) -> Result<Option<RecoveryReport>, ReplicationError> {
        let data_dir = Arc::clone(&self.shared.data_dir);
        let found = self.blocking(tp.clone(), move |tp| Ok(data_dir.existing_topic_id(tp))).await?;
        let Some(topic_id) = found else {
            return Ok(None);
        };
        let (log, report) = self.open_log(tp, topic_id, options).await?;
        self.register(tp, log, unseen(topic_id));
        Ok(Some(report))
    }

    /// Opens or creates the log of a partition and registers its replica, which does nothing yet.
    pub(super) async fn open(
        &self,
        tp: &TopicPartition,
        record: &PartitionRecord,
        options: &LogOptions,
    ) -> Result<Arc<Partition>, ReplicationError> {
        let (log, report) = self.open_log(tp, record.state.topic_id, options).await?;
        if report.lost_durable {
            tracing::error!(partition = %tp, log_end = %report.log_end, "records are gone that were once durable");
        }
        Ok(self.register(tp, log, unseen(record.state.topic_id)))
    }

    async fn open_log(
        &self,
        tp: &TopicPartition,
        topic_id: TopicId,
        options: &LogOptions,
    ) -> Result<(Log, RecoveryReport), ReplicationError> {
        let (data_dir, options) = (Arc::clone(&self.shared.data_dir), options.clone());
        let now_ms = self.shared.clock.unix_ms();
        self.blocking(tp.clone(), move |tp| data_dir.open_log(tp, topic_id, options, now_ms)).await
    }

    fn register(&self, tp: &TopicPartition, log: Log, record: PartitionRecord) -> Arc<Partition> {
        let known_hw = self.shared.data_dir.high_watermark(tp).unwrap_or(log.start_offset());
        let partition = Partition::new(tp.clone(), log, known_hw, record, Arc::clone(&self.shared));
        self.registry.insert(&partition);
        partition
    }

    /// Takes a replica out of service and closes its log.
    pub(super) async fn retire(&self, partition: &Arc<Partition>) {
        self.registry.remove(partition);
        self.registry.fetchers.assign(partition, None);
        if let Err(error) = partition.close().await {
            tracing::warn!(partition = %partition.tp(), %error, "a log could not be closed");
        }
    }

    /// Stops pulling and leading, flushes and closes every log, writes the checkpoints. After `Ok` the data directory may
    /// be marked clean.
    ///
    /// # Errors
    /// The first log that could not be closed, after all others were.
    pub async fn shutdown(self: &Arc<Self>) -> Result<(), ReplicationError> {
        for turn in &self.turns {
            turn.close();
        }
        self.shared.compaction_stop.put_up();
        self.registry.fetchers.stop().await;
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            task.abort();
            // Cancelled, as asked.
            let _ = task.await;
        }
        let result = self.close_all().await;
        let is_written = upkeep::write_checkpoints(&self.shared, &self.registry, &mut Vec::new()).await;
        let shared = Arc::clone(&self.shared);
        let stopped = tasks::lend(move || shared.flusher.stop()).await;
        result?;
        if is_written && stopped.is_ok() { Ok(()) } else { Err(ReplicationError::NotClosed) }
    }

    async fn close_all(&self) -> Result<(), ReplicationError> {
        let mut waiting = self.registry.all().into_iter();
        let mut closing = JoinSet::new();
        let mut first_error = Ok(());
        loop {
            while closing.len() < AT_ONCE
                && let Some(partition) = waiting.next()
            {
                closing.spawn(async move { (partition.tp().clone(), partition.close().await) });
            }
            let error = match closing.join_next().await {
                Some(Ok((_, Ok(())))) => continue,
                Some(Ok((tp, Err(source)))) => ReplicationError::Storage { tp, source },
                Some(Err(_)) => ReplicationError::NotClosed,
                None => return first_error,
            };
            tracing::error!(%error, "a log could not be closed");
            if first_error.is_ok() {
                first_error = Err(error);
            }
        }
    }
}

impl Partition {
    /// Ends all waits, flushes and closes the log. Nothing changes here any more.
    async fn close(self: &Arc<Self>) -> Result<(), StorageError> {
        let Ok(turn) = Arc::clone(&self.turn).acquire_owned().await else {
            return Ok(());
        };
        self.turn.close();
        let partition = Arc::clone(self);
        let work = tasks::lend(move || {
            let _turn = turn;
            partition.close_now()
        });
        work.await.unwrap_or_else(|error| {
            Err(StorageError::Poisoned { reason: format!("closing it failed: {error}") })
        })
    }

    fn close_now(self: &Arc<Self>) -> Result<(), StorageError> {
        let mut effects = Effects::default();
        let mut inner = self.lock();
        inner.end_waits(Ended::Lost, &mut effects);
        inner.polls.all(&mut effects.bells);
        let flush = inner.flush_mode();
        let log = inner.close();
        drop(inner);
        self.carry_out(effects);
        let Some(mut log) = log else {
            return Ok(());
        };
        let result = log.close();
        if log.poisoned().is_some() && result.is_err() && flush.counts_durable_only() {
            // Nothing beyond was ever acknowledged here. Without `flush=ack` it may have been, and is worth the doubt.
            match log.cut_to_durable() {
                Ok(()) => {
                    tracing::warn!(partition = %self.tp(), end = %log.end_offset(), "a log that failed was cut to what is durable")
                }
                Err(error) => {
                    tracing::error!(partition = %self.tp(), %error, "a log that failed cannot be cut to what is durable; its checksums must judge it")
                }
            }
        }
        // What the last checkpoint says of it.
        self.note_closed(&log);
        result
    }
}

/// The record of a partition of which none has been seen: nobody leads it, and any version is newer.
fn unseen(topic_id: TopicId) -> PartitionRecord {
    let state = PartitionState {
        v: 1,
        topic_id,
        replicas: Vec::new(),
        adding: Vec::new(),
        removing: Vec::new(),
        leader: None,
        leader_epoch: LeaderEpoch::NONE,
        isr: Vec::new(),
        elr: Vec::new(),
        min_isr: 1,
        flush: FlushMode::Ack,
    };
    PartitionRecord { state, partition_epoch: PartitionEpoch(0) }
}
