//! Who coordinates which groups here: a host for every partition of the offsets topic that this broker leads.
//!
//! *Invariant:* at most one host per partition and epoch; a newer epoch ends the older host.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::host::{Counter, Host, HostParts, Reign};
use super::options::{CoordinatorOptions, offsets_topic};
use super::topics_view;
use crate::clock::Clock;
use crate::cluster::Image;
use crate::groups::options::GroupOptions;
use crate::groups::reply::Reply;
use crate::groups::request::Request;
use crate::groups::topics::Topics;
use crate::replication::Replicas;
use crate::tasks::Tasks;
use crate::types::{Incarnation, PartitionIndex, TopicPartition};

/// What [`Coordinator`] is made of.
pub struct CoordinatorParts {
    /// Which life of which broker this is.
    pub me: Incarnation,
    /// The newest metadata.
    pub images: watch::Receiver<Arc<Image>>,
    /// The replicas here.
    pub replicas: Arc<Replicas>,
    /// The time.
    pub clock: Clock,
    /// Starts what works in the background.
    pub tasks: Tasks,
    /// The shell's settings.
    pub options: CoordinatorOptions,
    /// What groups may do.
    pub group_options: GroupOptions,
}

/// Why a group was not asked at all, or did not answer. Asking again is right in every case: whether something was
/// written is not known, and all requests may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CoordinatorError {
    /// This broker does not coordinate the group, or no longer.
    #[error("this broker does not coordinate the group")]
    NotCoordinator,
    /// It does, but still reads its log.
    #[error("the group's coordinator is loading")]
    LoadInProgress,
    /// It ceased to be the coordinator before it answered: what was asked may have been done.
    #[error("the group's coordinator stopped before it answered")]
    Lost,
    /// Too much waits already.
    #[error("too many requests wait at the group's coordinator")]
    Overloaded,
}

struct Hosted {
    reign: Reign,
    counter: Arc<Counter>,
    stop: CancellationToken,
}

/// All groups that are coordinated here.
pub struct Coordinator {
    me: Incarnation,
    images: watch::Receiver<Arc<Image>>,
    topics: watch::Sender<Arc<Topics>>,
    parts: Arc<HostParts>,
    hosted: Mutex<BTreeMap<PartitionIndex, Hosted>>,
}

impl fmt::Debug for Coordinator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coordinator").field("me", &self.me).finish_non_exhaustive()
    }
}

impl Coordinator {
    /// Follows the image from now until `stop`.
    #[must_use]
    pub fn start(parts: CoordinatorParts, stop: CancellationToken) -> Arc<Self> {
        let tasks = parts.tasks.clone();
        let loads = Semaphore::new(parts.options.loads_at_once_max.max(1));
        let coordinator = Arc::new(Self {
            me: parts.me,
            images: parts.images,
            topics: watch::Sender::default(),
            parts: Arc::new(HostParts {
                replicas: parts.replicas,
                clock: parts.clock,
                tasks: parts.tasks,
                options: parts.options,
                group_options: Arc::new(parts.group_options),
                loads,
            }),
            hosted: Mutex::default(),
        });
        tasks.spawn("group coordinator", Arc::clone(&coordinator).follow(stop));
        coordinator
    }

    /// The shell's settings.
    #[must_use]
    pub fn options(&self) -> &CoordinatorOptions {
        &self.parts.options
    }

    /// What groups may do.
    #[must_use]
    pub fn group_options(&self) -> &GroupOptions {
        &self.parts.group_options
    }

    /// Brings a request to the groups of one partition of the offsets topic, and waits for the reply.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn handle(&self, shard: PartitionIndex, request: Request) -> Result<Reply, CoordinatorError> {
        let counter = {
            let hosted = self.hosted.lock();
            let host = hosted.get(&shard).ok_or(CoordinatorError::NotCoordinator)?;
            Arc::clone(&host.counter)
        };
        counter.ask(request).await
    }

    async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let mut images = self.images.clone();
        loop {
            let image = Arc::clone(&images.borrow_and_update());
            self.converge(&image);
            tokio::select! {
                () = stop.cancelled() => break,
                changed = images.changed() => if changed.is_err() { break },
            }
        }
        for (_, host) in std::mem::take(&mut *self.hosted.lock()) {
            host.stop.cancel();
        }
    }

    fn converge(&self, image: &Image) {
        let newer = topics_view::newer(image, &self.topics.borrow());
        if let Some(topics) = newer {
            self.topics.send_replace(topics);
        }
        let wanted = self.reigns(image);
        let mut hosted = self.hosted.lock();
        hosted.retain(|shard, host| {
            let stays = wanted.get(shard) == Some(&host.reign);
            if !stays {
                host.stop.cancel();
            }
            stays
        });
        for (shard, reign) in wanted {
            hosted.entry(shard).or_insert_with(|| self.host(reign));
        }
    }

    /// The partitions of the offsets topic that this broker leads, in this life.
    fn reigns(&self, image: &Image) -> BTreeMap<PartitionIndex, Reign> {
        let Some(topic) = image.topic(&offsets_topic()) else { return BTreeMap::new() };
        (0..topic.partition_count())
            .map(PartitionIndex)
            .filter_map(|index| {
                let state = &topic.record(index)?.state;
                (state.leader == Some(self.me)).then(|| {
                    let tp = TopicPartition::new(topic.name.clone(), index);
                    (index, Reign { tp, topic_id: topic.id, epoch: state.leader_epoch })
                })
            })
            .collect()
    }

    fn host(&self, reign: Reign) -> Hosted {
        let (counter, stop) = (Arc::new(Counter::default()), CancellationToken::new());
        let host = Host {
            parts: Arc::clone(&self.parts),
            reign: reign.clone(),
            topics: self.topics.subscribe(),
            counter: Arc::clone(&counter),
        };
        self.parts.tasks.spawn("groups of a partition", host.run(stop.clone()));
        Hosted { reign, counter, stop }
    }
}
