//! Who leads a partition, and waiting for somebody to do so.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::broker::Service;
use super::errors::{FetchError, ProduceError};
use crate::clock::Clock;
use crate::cluster::{Image, Topic};
use crate::replication::Partition;
use crate::types::{Incarnation, LeaderEpoch, TopicName, TopicPartition};

/// Where a request for a partition belongs, as far as this broker knows.
#[derive(Debug)]
pub(super) enum Route {
    /// The record names this broker, in this life.
    Here(Arc<Partition>),
    /// The record names another broker, which is alive in that life.
    There {
        /// The broker.
        leader: Incarnation,
        /// Its reign.
        epoch: LeaderEpoch,
    },
    /// Nobody, for now; why, in words.
    Nowhere(&'static str),
}

/// There is no such partition.
#[derive(Debug)]
pub(super) enum Missing {
    /// Nor such a topic.
    Topic(TopicName),
    /// But the topic has so many.
    Partition(TopicPartition, usize),
}

impl From<Missing> for ProduceError {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Topic(topic) => Self::UnknownTopic(topic),
            Missing::Partition(tp, partitions) => Self::UnknownPartition { tp, partitions },
        }
    }
}

impl From<Missing> for FetchError {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Topic(topic) => Self::UnknownTopic(topic),
            Missing::Partition(tp, partitions) => Self::UnknownPartition { tp, partitions },
        }
    }
}

impl Service {
    /// Where a request for `tp` belongs now, and the topic's settings.
    pub(super) fn route(&self, tp: &TopicPartition) -> Result<(Route, Arc<Topic>), Missing> {
        let image = self.parts.image.borrow();
        let topic = image.topic(&tp.topic).ok_or_else(|| Missing::Topic(tp.topic.clone()))?;
        let known = usize::try_from(tp.partition.0).is_ok_and(|index| index < topic.assignment.len());
        if !known {
            return Err(Missing::Partition(tp.clone(), topic.assignment.len()));
        }
        Ok((self.route_in(&image, topic, tp), Arc::clone(topic)))
    }

    fn route_in(&self, image: &Image, topic: &Topic, tp: &TopicPartition) -> Route {
        let Some(record) = topic.record(tp.partition) else {
            return Route::Nowhere("the controller has not placed the partition yet");
        };
        match record.state.leader {
            None => Route::Nowhere("it has no leader"),
            // Not asking whether our own lease lives: a leader goes on until it sees a newer record (rule 1).
            Some(leader) if leader == self.parts.me => match self.parts.replicas.get(tp) {
                Some(partition) if partition.topic_id() == topic.id => Route::Here(partition),
                _ => Route::Nowhere("its leader, this broker, is still opening it"),
            },
            Some(leader) if image.is_live(leader) => {
                Route::There { leader, epoch: record.state.leader_epoch }
            }
            Some(_) => Route::Nowhere("its leader is gone and no other is elected yet"),
        }
    }

    /// A wait for newer metadata, until `deadline`.
    pub(super) fn news(&self, deadline: Instant) -> News {
        let pause = Duration::from_millis(self.parts.options.retry_pause_ms);
        News { images: self.images_from_now(), pause, deadline }
    }

    /// Tells of metadata that is newer than what is known now.
    pub(super) fn images_from_now(&self) -> watch::Receiver<Arc<Image>> {
        let mut images = self.parts.image.clone();
        // What the one that it was cloned from has not looked at would count as news.
        images.mark_unchanged();
        images
    }

    /// The attempts of one read, until `deadline`.
    pub(super) fn pursuit(&self, tp: &TopicPartition, deadline: Instant, forward: bool) -> Pursuit {
        Pursuit { tp: tp.clone(), clock: self.parts.clock.clone(), news: self.news(deadline), forward }
    }

    /// Returns once `leader` no longer leads `tp`.
    pub(super) async fn deposed(&self, tp: &TopicPartition, leader: Incarnation) {
        let mut images = self.parts.image.clone();
        loop {
            let current = images.borrow_and_update().partition(tp).and_then(|record| record.state.leader);
            if current != Some(leader) {
                return;
            }
            if images.changed().await.is_err() {
                // No more news will come: the process is stopping.
                return std::future::pending().await;
            }
        }
    }
}

/// The attempts of one read at whoever leads. A read changes nothing, so any attempt may be followed by another.
#[derive(Debug)]
pub(super) struct Pursuit {
    tp: TopicPartition,
    clock: Clock,
    news: News,
    forward: bool,
}

impl Pursuit {
    /// Waits until another attempt makes sense after `refusal`.
    ///
    /// # Errors
    /// The refusal itself, if it will not pass, or not in time.
    pub(super) async fn again(&mut self, refusal: FetchError) -> Result<(), FetchError> {
        let passing = matches!(
            refusal,
            FetchError::NotLeader { .. }
                | FetchError::NoLeader { .. }
                | FetchError::OffsetNotAvailable
                | FetchError::FencedEpoch { .. }
                | FetchError::UnknownEpoch { .. }
        );
        if !self.forward || !passing {
            return Err(refusal);
        }
        if self.news.wait(self.clock.now()).await {
            return Ok(());
        }
        Err(match refusal {
            FetchError::NotLeader { .. } => self.no_leader("the brokers asked do not lead it"),
            other => other,
        })
    }

    /// Nobody to ask, and why.
    pub(super) fn no_leader(&self, reason: &str) -> FetchError {
        FetchError::NoLeader { tp: self.tp.clone(), reason: reason.to_owned() }
    }
}

/// Waiting for newer metadata, within a deadline.
#[derive(Debug)]
pub(super) struct News {
    images: watch::Receiver<Arc<Image>>,
    pause: Duration,
    deadline: Instant,
}

impl News {
    /// Waits until there is newer metadata or it is time to look again. `false`: the deadline has come.
    pub(super) async fn wait(&mut self, now: Instant) -> bool {
        let Some(left) = self.deadline.checked_duration_since(now).filter(|left| !left.is_zero()) else {
            return false;
        };
        let pause = self.pause.min(left);
        // A closed channel means that the process is stopping; looking again after a pause is right then too.
        if let Ok(Err(_)) = tokio::time::timeout(pause, self.images.changed()).await {
            tokio::time::sleep(pause).await;
        }
        true
    }
}
