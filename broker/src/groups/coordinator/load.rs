//! From the log to a shard.
//!
//! Only what is committed is replayed; so a load that has come to the log's end, with the high watermark there too, has
//! seen all that any leader before may have answered for, and nothing that may yet be lost.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::host::Host;
use crate::groups::shard::Shard;
use crate::groups::turn::Now;
use crate::record::{BatchLimits, next_batch, records};
use crate::replication::{Partition, ReadError, ReadView, WakeAt, WakeHandle};
use crate::storage::LogSlice;
use crate::tasks;
use crate::types::{Offset, TopicPartition};

/// How much a compressed batch of this topic may hold; ours are not compressed, and Kafka's are small.
const INFLATED_BYTES_MAX: usize = 64 << 20;

impl Host {
    /// The shard of this reign, once all of it is there. It goes on trying: whoever ends the reign drops the call.
    pub(super) async fn load(&self) -> (Arc<Partition>, Shard) {
        let pause = Duration::from_millis(self.parts.options.retry_pause_ms);
        loop {
            if let Some(partition) = self.replica()
                && let Some(shard) = self.load_from(&partition).await
            {
                return (partition, shard);
            }
            // The replica takes its role a little after the image says so.
            tokio::time::sleep(pause).await;
        }
    }

    fn replica(&self) -> Option<Arc<Partition>> {
        let reign = &self.reign;
        self.parts.replicas.by_id(reign.topic_id, reign.tp.partition)
    }

    /// `None`: it cannot be loaded now.
    async fn load_from(&self, partition: &Arc<Partition>) -> Option<Shard> {
        let topics = self.topics.borrow().clone();
        let mut shard = Shard::new(Arc::clone(&self.parts.group_options), topics);
        let mut from = partition.status().log_start;
        loop {
            match partition.read(from, self.parts.options.load_bytes, Some(self.reign.epoch)) {
                Ok(view) if view.slice.is_empty() => {
                    if is_whole(partition, from) {
                        let now = Now { at: self.parts.clock.now(), unix_ms: self.parts.clock.unix_ms() };
                        shard.start(now);
                        return Some(shard);
                    }
                    self.wait_for_more(partition, from).await;
                }
                Ok(view) => (shard, from) = self.replay(shard, view).await?,
                // Compaction or an operator took the front away: what is left is the whole state.
                Err(ReadError::BelowStart { .. }) => return None,
                Err(error) => {
                    tracing::debug!(partition = %self.reign.tp, %error, "groups cannot be loaded yet");
                    return None;
                }
            }
        }
    }

    async fn wait_for_more(&self, partition: &Arc<Partition>, from: Offset) {
        let bell = WakeHandle::new();
        let pause = Duration::from_millis(self.parts.options.retry_pause_ms);
        if partition.subscribe(&bell, WakeAt::HighWatermark(from)) {
            // Woken or not: look again.
            let _ = tokio::time::timeout(pause, bell.woken()).await;
        } else {
            tokio::time::sleep(pause).await;
        }
    }

    /// Replays a piece of the log on a thread where it holds up nobody; few shards do so at once.
    async fn replay(&self, shard: Shard, view: ReadView) -> Option<(Shard, Offset)> {
        let _turn = self.parts.loads.acquire().await.ok()?;
        let tp = self.reign.tp.clone();
        let next = view.slice.next_offset();
        let work = tasks::lend(move || replay_slice(shard, &view.slice, &tp));
        match work.await {
            Ok(shard) => Some((shard?, next)),
            Err(error) => {
                self.parts.tasks.note("loading groups", error);
                None
            }
        }
    }
}

/// Whether a shard that was replayed up to `from` is all that there is, and may be served.
fn is_whole(partition: &Partition, from: Offset) -> bool {
    let status = partition.status();
    partition.end_offset_for_clients().is_ok_and(|end| end == from)
        && status.log_end == from
        && partition.record().state.may_commit()
}

fn replay_slice(mut shard: Shard, slice: &LogSlice, tp: &TopicPartition) -> Option<Shard> {
    let mut rest = match slice.read() {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::error!(partition = %tp, %error, "groups cannot be loaded: the log cannot be read");
            return None;
        }
    };
    while !rest.is_empty() {
        let Ok(Some((header, batch))) = next_batch(&rest) else {
            tracing::error!(partition = %tp, "groups cannot be loaded: the log holds half a batch");
            return None;
        };
        let batch = rest.split_to(batch.len());
        replay_batch(&mut shard, &batch, tp, header.base_offset);
    }
    Some(shard)
}

/// One batch. What cannot be read is told and passed over: it would be so for ever, and a group that lacks an offset
/// serves its members better than one that is never there.
fn replay_batch(shard: &mut Shard, batch: &Bytes, tp: &TopicPartition, at: Offset) {
    let limits = BatchLimits {
        batch_bytes_max: usize::MAX,
        inflated_bytes_max: INFLATED_BYTES_MAX,
        record_count_max: usize::MAX,
    };
    let records = match records(batch, &limits) {
        Ok(records) => records,
        Err(error) => {
            tracing::error!(partition = %tp, offset = %at, %error, "a batch about groups is passed over");
            return;
        }
    };
    for record in records {
        let Some(key) = record.key else { continue };
        if let Err(error) = shard.replay(key, record.value) {
            tracing::warn!(partition = %tp, offset = %record.offset, %error, "a record is passed over");
        }
    }
}
