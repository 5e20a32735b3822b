//! Describe: the cluster, its brokers, its topics and partitions, as a person wants to see them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::broker::Service;
use super::errors::FetchError;
use crate::cluster::{Image, LiveState, Registration, Topic};
use crate::metrics::PartitionFigures;
use crate::replication::{Partition, RoleKind};
use crate::types::{
    BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionEpoch, PartitionIndex, TopicId, TopicName,
    TopicPartition,
};

/// A broker as the cluster sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerView {
    /// Its number.
    pub id: BrokerId,
    /// Which of its lives.
    pub epoch: BrokerEpoch,
    /// Where its HTTP port is reached.
    pub http: String,
    /// Where its Kafka port is reached.
    pub kafka: String,
    /// Its rack, if it has one.
    pub rack: Option<String>,
    /// `starting`, `active`, `draining`, or `down`.
    pub state: &'static str,
    /// Whether it is to be emptied.
    pub drain_requested: bool,
    /// Whether its disk is full.
    pub disk_full: bool,
    /// The version of its program.
    pub release: String,
}

/// The cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterView {
    /// Its id.
    pub id: Option<String>,
    /// The broker that is the controller.
    pub controller: Option<BrokerId>,
    /// Every broker that is registered.
    pub brokers: Vec<BrokerView>,
    /// How many topics there are.
    pub topics: usize,
    /// How many partitions.
    pub partitions: usize,
    /// The revision of the coordination store up to which this broker knows the cluster.
    pub revision: i64,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicView {
    /// Its name.
    pub name: TopicName,
    /// Its id.
    pub id: TopicId,
    /// How many partitions it has.
    pub partitions: usize,
    /// How many replicas each has.
    pub replication_factor: usize,
    /// Settings that differ from the defaults.
    pub config: BTreeMap<String, String>,
}

/// A partition; offsets are `None` where its leader did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionView {
    /// Its number.
    pub partition: PartitionIndex,
    /// Who leads.
    pub leader: Option<BrokerId>,
    /// Where the leader's HTTP port is reached.
    pub leader_http: Option<String>,
    /// In which epoch.
    pub leader_epoch: LeaderEpoch,
    /// The version of its record.
    pub partition_epoch: PartitionEpoch,
    /// Where copies belong.
    pub replicas: Vec<BrokerId>,
    /// Which of them a reassignment is adding.
    pub adding: Vec<BrokerId>,
    /// Which of them it will remove.
    pub removing: Vec<BrokerId>,
    /// Which of them are in sync.
    pub isr: Vec<BrokerId>,
    /// Which others still hold all that is committed.
    pub elr: Vec<BrokerId>,
    /// The first offset kept.
    pub log_start: Option<Offset>,
    /// One past the last committed record.
    pub high_watermark: Option<Offset>,
    /// One past the last record of the leader.
    pub log_end: Option<Offset>,
}

impl Service {
    /// The cluster as this broker knows it.
    #[must_use]
    pub fn cluster(&self) -> ClusterView {
        let image = self.image();
        ClusterView {
            id: image.cluster.as_ref().map(|cluster| cluster.id.to_string()),
            controller: image.controller.map(|seat| seat.broker),
            brokers: image
                .brokers
                .iter()
                .map(|(id, registration)| broker_view(&image, *id, registration))
                .collect(),
            topics: image.topics.len(),
            partitions: image.topics.values().map(|topic| topic.assignment.len()).sum(),
            revision: image.revision.0,
        }
    }

    /// All topics, by name.
    #[must_use]
    pub fn topics(&self) -> Vec<TopicView> {
        self.image().topics.values().map(|topic| TopicView::of(topic)).collect()
    }

    /// One topic.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn describe_topic(&self, name: &TopicName) -> Result<TopicView, FetchError> {
        let image = self.image();
        image
            .topic(name)
            .map(|topic| TopicView::of(topic))
            .ok_or_else(|| FetchError::UnknownTopic(name.clone()))
    }

    /// The partitions of a topic, with the offsets that their leaders tell.
    ///
    /// # Errors
    /// If there is no such topic.
    pub async fn describe_partitions(&self, name: &TopicName) -> Result<Vec<PartitionView>, FetchError> {
        let image = self.image();
        let topic = image.topic(name).ok_or_else(|| FetchError::UnknownTopic(name.clone()))?;
        let mut views: Vec<PartitionView> = (0..topic.partition_count())
            .map(|index| partition_view(&image, topic, PartitionIndex(index)))
            .collect();
        self.ask_leaders(name, &mut views).await;
        Ok(views)
    }

    /// One partition, with the offsets that its leader tells.
    ///
    /// # Errors
    /// If there is no such topic, or no such partition.
    pub(super) async fn describe_partition(&self, tp: &TopicPartition) -> Result<PartitionView, FetchError> {
        let image = self.image();
        let topic = image.topic(&tp.topic).ok_or_else(|| FetchError::UnknownTopic(tp.topic.clone()))?;
        let partitions = topic.assignment.len();
        if !(0..topic.partition_count()).contains(&tp.partition.0) {
            return Err(FetchError::UnknownPartition { tp: tp.clone(), partitions });
        }
        let mut views = [partition_view(&image, topic, tp.partition)];
        self.ask_leaders(&tp.topic, &mut views).await;
        let [view] = views;
        Ok(view)
    }

    /// Asks the leaders for their offsets; again, within bounds, where one has only just been elected and is not ready.
    async fn ask_leaders(&self, name: &TopicName, views: &mut [PartitionView]) {
        let deadline = self.parts.clock.now() + Duration::from_millis(self.parts.options.describe_ms_max);
        let mut news = self.news(deadline);
        loop {
            let mut elsewhere: BTreeMap<BrokerId, Vec<usize>> = BTreeMap::new();
            for (at, view) in views.iter_mut().enumerate().filter(|(_, view)| view.log_end.is_none()) {
                match view.leader {
                    Some(leader) if leader == self.parts.me.broker => self.look_here(name, view),
                    Some(leader) => elsewhere.entry(leader).or_default().push(at),
                    None => {}
                }
            }
            self.describe_elsewhere(name, views, elsewhere, deadline).await;
            let silent = views.iter().any(|view| view.leader.is_some() && view.log_end.is_none());
            if !silent || !news.wait(self.parts.clock.now()).await {
                return;
            }
        }
    }

    fn look_here(&self, name: &TopicName, view: &mut PartitionView) {
        let tp = TopicPartition::new(name.clone(), view.partition);
        let status = self.parts.replicas.get(&tp).map(|partition| partition.status());
        if let Some(status) = status.filter(|status| status.role == RoleKind::Leader) {
            view.log_start = Some(status.log_start);
            view.high_watermark = Some(status.high_watermark);
            view.log_end = Some(status.log_end);
        }
    }

    /// The figures of the replicas here, for the metrics; brings the gauges about partitions up to date.
    #[must_use]
    pub fn figures(&self) -> Vec<PartitionFigures> {
        let image = self.image();
        let figures: Vec<PartitionFigures> =
            self.parts.replicas.all().iter().map(|replica| figures(replica)).collect();
        let mine: Vec<_> =
            image.partitions().filter(|(.., record)| record.state.leader == Some(self.parts.me)).collect();
        let short = mine
            .iter()
            .filter(|(.., record)| record.state.isr.len() < record.state.replication_factor())
            .count();
        let stuck = mine.iter().filter(|(.., record)| !record.state.may_commit()).count();
        let metrics = &self.parts.metrics;
        metrics.partitions.set(count(figures.len()));
        metrics.leader_partitions.set(count(figures.iter().filter(|figures| figures.leads).count()));
        let moving = mine.iter().filter(|(.., record)| record.state.is_moving()).count();
        metrics.reassigning_partitions.set(count(moving));
        metrics.under_replicated_partitions.set(count(short));
        metrics.under_min_isr_partitions.set(count(stuck));
        metrics.live_brokers.set(count(image.live.len()));
        figures
    }
}

fn figures(replica: &Partition) -> PartitionFigures {
    let status = replica.status();
    PartitionFigures {
        topic: replica.tp().topic.as_str().to_owned(),
        partition: replica.tp().partition.0,
        leads: status.role == RoleKind::Leader,
        log_start: status.log_start.0,
        high_watermark: status.high_watermark.0,
        log_end: status.log_end.0,
        size_bytes: status.size_bytes,
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl TopicView {
    /// A topic as its value says.
    #[must_use]
    pub fn of(topic: &Topic) -> Self {
        Self {
            name: topic.name.clone(),
            id: topic.id,
            partitions: topic.assignment.len(),
            replication_factor: topic.assignment.first().map_or(0, Vec::len),
            config: topic.config.clone(),
        }
    }
}

fn broker_view(image: &Image, id: BrokerId, registration: &Registration) -> BrokerView {
    let live = image.live.get(&id).filter(|live| live.epoch == registration.epoch);
    BrokerView {
        id,
        epoch: registration.epoch,
        http: registration.http.to_string(),
        kafka: registration.kafka.to_string(),
        rack: registration.rack.clone(),
        state: match live.map(|live| live.state) {
            Some(LiveState::Starting) => "starting",
            Some(LiveState::Active) => "active",
            Some(LiveState::Draining) => "draining",
            None => "down",
        },
        drain_requested: image.drains.contains_key(&id),
        disk_full: live.is_some_and(|live| live.disk_full),
        release: registration.release.clone(),
    }
}

fn partition_view(image: &Image, topic: &Topic, partition: PartitionIndex) -> PartitionView {
    let assigned = usize::try_from(partition.0).ok().and_then(|index| topic.assignment.get(index));
    let mut view = PartitionView {
        partition,
        leader: None,
        leader_http: None,
        leader_epoch: LeaderEpoch::NONE,
        partition_epoch: PartitionEpoch::default(),
        replicas: assigned.cloned().unwrap_or_default(),
        adding: Vec::new(),
        removing: Vec::new(),
        isr: Vec::new(),
        elr: Vec::new(),
        log_start: None,
        high_watermark: None,
        log_end: None,
    };
    if let Some(record) = topic.record(partition) {
        let state = &record.state;
        view.leader = state.leader.map(|leader| leader.broker);
        let endpoint = view.leader.and_then(|leader| image.endpoint(leader));
        view.leader_http = endpoint.map(|registration| registration.http.to_string());
        view.leader_epoch = state.leader_epoch;
        view.partition_epoch = record.partition_epoch;
        view.replicas.clone_from(&state.replicas);
        view.adding.clone_from(&state.adding);
        view.removing.clone_from(&state.removing);
        view.isr = state.isr.iter().map(|member| member.broker).collect();
        view.elr = state.elr.iter().map(|member| member.broker).collect();
    }
    view
}
