//! The newest image becomes roles: which replicas belong here, who leads them, and which may go.
//!
//! *Invariant:* local data goes only after the image has not named it for a grace time and a linearizable read has
//! confirmed that this topic, or this replica, is gone.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::cluster::{Commands, Image, LiveState, Topic, TopicConfig};
use crate::replication::Replicas;
use crate::rules::{self, Rule};
use crate::storage::{CompactionOptions, LogOptions};
use crate::types::{Incarnation, PartitionEpoch, PartitionRecord, TopicId, TopicPartition};

/// How many replicas change their role at once.
const CONCURRENT: usize = 8;
/// How often replicas that are no longer named are looked at, and failed changes of role are tried again.
const SWEEP: Duration = Duration::from_secs(1);

/// What the loop is made of.
pub(super) struct Duties {
    pub(super) me: Incarnation,
    pub(super) images: watch::Receiver<Arc<Image>>,
    pub(super) replicas: Arc<Replicas>,
    pub(super) commands: Arc<Commands>,
    pub(super) refresh: mpsc::Receiver<TopicPartition>,
    pub(super) clock: Clock,
    pub(super) delete_grace: Duration,
    pub(super) producer_id_expiration_ms: i64,
}

type Key = (TopicPartition, TopicId);
/// What a replica was last told: which record, under which settings.
type Told = (PartitionEpoch, TopicConfig);

#[derive(Default)]
struct Progress {
    told: HashMap<Key, Told>,
    /// What could not be done since the last sweep.
    failed: HashMap<Key, Told>,
    unnamed_since: HashMap<Key, Instant>,
}

impl Progress {
    /// Whether a replica is to be told this now; what failed waits for the next sweep, however often the image changes.
    fn is_due(&self, key: &Key, told: &Told) -> bool {
        self.told.get(key) != Some(told) && self.failed.get(key) != Some(told)
    }

    fn note(&mut self, key: Key, told: Told, done: bool) {
        let notes = if done { &mut self.told } else { &mut self.failed };
        notes.insert(key, told);
    }
}

impl Duties {
    /// Follows the image until `stop`; `first_done` tells when it was applied for the first time.
    pub(super) async fn run(mut self, first_done: watch::Sender<bool>, stop: CancellationToken) {
        let mut progress = Progress::default();
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let image = Arc::clone(&self.images.borrow_and_update());
            self.converge(&image, &mut progress).await;
            first_done.send_replace(true);
            tokio::select! {
                () = stop.cancelled() => return,
                changed = self.images.changed() => if changed.is_err() { return },
                _ = sweep.tick() => self.sweep(&mut progress).await,
                // A newer record exists than was seen: the watch brings it. Draining keeps the channel from filling.
                Some(tp) = self.refresh.recv() => tracing::debug!(partition = %tp, "a newer record must exist"),
            }
        }
    }

    async fn converge(&self, image: &Image, progress: &mut Progress) {
        self.replicas.set_live(active_lives(image));
        self.replicas.set_catch_up_limit(catch_up_limit(image, self.me));
        let news: Vec<_> = image
            .partitions()
            .filter(|(tp, topic, record)| {
                // A replica that was taken away from here must hear of it, too: it may believe that it leads.
                let is_here = || self.replicas.get(tp).is_some_and(|here| here.topic_id() == topic.id);
                record.state.has_replica(self.me.broker) || is_here()
            })
            .filter_map(|(tp, topic, record)| {
                let told = (record.partition_epoch, topic.settings);
                let key = (tp, topic.id);
                progress.is_due(&key, &told).then(|| (key, told, Arc::clone(topic), Arc::clone(record)))
            })
            .collect();
        let outcomes: Vec<_> = futures_util::stream::iter(news)
            .map(|(key, told, topic, record)| async move {
                let done = self.tell(&key.0, &topic, &record).await;
                (key, told, done)
            })
            .buffer_unordered(CONCURRENT)
            .collect()
            .await;
        for (key, told, done) in outcomes {
            progress.note(key, told, done);
        }
    }

    async fn tell(&self, tp: &TopicPartition, topic: &Topic, record: &PartitionRecord) -> bool {
        let options = log_options(&topic.settings, self.producer_id_expiration_ms);
        match self.replicas.apply(tp, record, options).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(partition = %tp, %error, "the replica cannot take its role; it is tried again");
                false
            }
        }
    }

    /// Lets what failed be tried again. Deletes replicas that have not been named for the grace time and, linearizably, do
    /// not belong here.
    async fn sweep(&self, progress: &mut Progress) {
        progress.failed.clear();
        let image = Arc::clone(&self.images.borrow());
        let now = self.clock.now();
        let mut due = Vec::new();
        let mut unnamed = HashMap::new();
        for partition in self.replicas.all() {
            let key = (partition.tp().clone(), partition.topic_id());
            if is_named(&image, &key, self.me) {
                continue;
            }
            let since = progress.unnamed_since.get(&key).copied().unwrap_or(now);
            if now.duration_since(since) >= self.delete_grace {
                due.push(key.clone());
            }
            unnamed.insert(key, since);
        }
        progress.unnamed_since = unnamed;
        for key in due {
            self.delete_if_proven(&key).await;
            progress.told.remove(&key);
        }
    }

    async fn delete_if_proven(&self, (tp, topic_id): &(TopicPartition, TopicId)) {
        let belongs = if rules::holds(Rule::DeletesOnProof) {
            self.commands.replica_belongs(tp, *topic_id, self.me.broker).await
        } else {
            Ok(false)
        };
        match belongs {
            Ok(false) => match self.replicas.drop_replica(tp, *topic_id).await {
                Ok(()) => tracing::info!(partition = %tp, topic_id = %topic_id, "the replica was deleted"),
                Err(error) => tracing::error!(partition = %tp, %error, "the replica cannot be deleted"),
            },
            Ok(true) => {}
            Err(error) => {
                tracing::debug!(partition = %tp, %error, "the store cannot say whether the replica may go")
            }
        }
    }
}

fn is_named(image: &Image, (tp, topic_id): &(TopicPartition, TopicId), me: Incarnation) -> bool {
    image
        .partition(tp)
        .is_some_and(|record| record.state.topic_id == *topic_id && record.state.has_replica(me.broker))
}

/// How fast the copies that are being added here may be filled: the least of what their orders say, or, for those that
/// say nothing, the cluster.
fn catch_up_limit(image: &Image, me: Incarnation) -> Option<u64> {
    let here = |tp: &TopicPartition| {
        image.partition(tp).is_some_and(|record| record.state.adding.contains(&me.broker))
    };
    let orders = image.reassignments.iter().filter(|(tp, _)| here(tp));
    let of_all = image.move_limits.throttle_bytes_per_second;
    orders.filter_map(|(_, order)| order.throttle_bytes_per_second.or(of_all)).min().or(of_all)
}

fn active_lives(image: &Image) -> std::collections::BTreeSet<Incarnation> {
    image
        .live
        .iter()
        .filter(|(_, live)| live.state == LiveState::Active)
        .map(|(broker, live)| Incarnation { broker: *broker, epoch: live.epoch })
        .collect()
}

/// A topic's settings in the words of its log.
pub(super) fn log_options(settings: &TopicConfig, producer_id_expiration_ms: i64) -> LogOptions {
    LogOptions {
        segment_bytes_max: settings.segment_bytes,
        segment_ms_max: settings.segment_ms_max(),
        index_interval_bytes: settings.index_interval_bytes,
        retention_ms: settings.retention_ms.filter(|_| settings.cleanup.deletes),
        retention_bytes: settings.retention_bytes.filter(|_| settings.cleanup.deletes),
        batch_bytes_max: settings.max_message_bytes,
        timestamp_type_log_append: settings.timestamp_log_append,
        file_delete_delay_ms: settings.file_delete_delay_ms,
        producer_id_expiration_ms,
        compaction: settings.cleanup.compacts.then_some(CompactionOptions {
            dirty_ratio_min_ppm: settings.dirty_ratio_min_ppm,
            lag_ms_min: settings.compaction_lag_ms_min,
            lag_ms_max: settings.compaction_lag_ms_max,
            delete_retention_ms: settings.delete_retention_ms,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::test_support::{Bench, ME, life, tp};
    use crate::types::{PartitionIndex, TopicName};

    #[tokio::test]
    async fn a_replica_is_not_deleted_because_an_image_does_not_show_it() {
        let bench = Bench::new().await;
        bench.topic("t", 1, &[]).await;
        // This broker's image shows nothing at all, and does not change: only the store knows.
        let (_image, images) = watch::channel(Arc::new(Image::default()));
        let duties = Duties {
            me: life(ME),
            images,
            replicas: bench.replicas(),
            commands: bench.commands(),
            refresh: mpsc::channel(1).1,
            clock: Clock::system(),
            delete_grace: Duration::ZERO,
            producer_id_expiration_ms: 0,
        };
        let mut progress = Progress::default();
        duties.sweep(&mut progress).await;
        assert!(bench.replicas().get(&tp("t", 0)).is_some(), "the store names it");
        bench.door.cut();
        bench.commands().delete_topic(&TopicName::new("t").unwrap()).await.unwrap_err();
        duties.sweep(&mut progress).await;
        assert!(bench.replicas().get(&tp("t", 0)).is_some(), "nobody can say that it may go");
        bench.door.heal();
        bench.commands().delete_topic(&TopicName::new("t").unwrap()).await.unwrap();
        duties.sweep(&mut progress).await;
        assert!(bench.replicas().get(&tp("t", 0)).is_none(), "the store says that it may go");
    }

    #[test]
    fn what_failed_waits_for_the_next_sweep_or_for_a_newer_record() {
        let tp = TopicPartition::new(TopicName::new("t").unwrap(), PartitionIndex(0));
        let key = (tp, TopicId(uuid::Uuid::from_u128(1)));
        let told = |version| (PartitionEpoch(version), TopicConfig::default());
        let mut progress = Progress::default();
        assert!(progress.is_due(&key, &told(1)));
        progress.note(key.clone(), told(1), false);
        assert!(!progress.is_due(&key, &told(1)) && progress.is_due(&key, &told(2)));
        progress.failed.clear();
        assert!(progress.is_due(&key, &told(1)));
        progress.note(key.clone(), told(1), true);
        assert!(!progress.is_due(&key, &told(1)));
    }
}
