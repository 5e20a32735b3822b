//! What a drill asks of a cluster apart from records: brokers, a topic, who leads.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde::Deserialize;

use super::DrillError;
use super::client::{Answer, Base};
use crate::clock::Clock;

const LIMIT: Duration = Duration::from_secs(30);
/// A broker that is alive answers in this time.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A cluster by the addresses of its brokers.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    pub(super) bases: Vec<Base>,
    pub(super) clock: Clock,
    pub(super) deadline: Duration,
}

/// A broker.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Broker {
    pub(super) id: i32,
    /// Which of its lives.
    pub(super) epoch: i64,
    pub(super) state: String,
    url: String,
}

/// A partition; they come in the order of their numbers.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Partition {
    pub(super) leader: Option<i32>,
    pub(super) replicas: Vec<i32>,
    pub(super) isr: Vec<i32>,
    pub(super) high_watermark: Option<i64>,
}

#[derive(Deserialize)]
struct Brokers {
    brokers: Vec<Broker>,
}

#[derive(Deserialize)]
struct Partitions {
    partitions: Vec<Partition>,
}

impl Broker {
    /// Whether it serves.
    pub(super) async fn is_ready(&self) -> bool {
        let Some(base) = Base::parse(&self.url) else { return false };
        base.get("/readyz", LIMIT).await.is_ok_and(|answer| answer.status == 200)
    }

    /// Whether anything answers for it within this time.
    pub(super) async fn answers_within(&self, limit: Duration) -> bool {
        let Some(base) = Base::parse(&self.url) else { return false };
        base.get("/healthz", limit).await.is_ok()
    }

    /// Whether anything answers for it.
    pub(super) async fn answers(&self) -> bool {
        self.answers_within(ANSWER_MAX).await
    }

    /// Where it serves HTTP.
    pub(super) fn port(&self) -> Result<u16, DrillError> {
        let wrong =
            || DrillError::Cluster(format!("broker {} is at '{}', which is no address", self.id, self.url));
        Base::parse(&self.url).map(|base| base.port()).ok_or_else(wrong)
    }
}

impl Cluster {
    /// Asks one broker after the other.
    async fn ask(&self, path: &str) -> Result<Answer, DrillError> {
        let mut why = String::new();
        for base in &self.bases {
            match base.get(path, LIMIT).await {
                Ok(answer) if answer.status == 200 => return Ok(answer),
                Ok(answer) => {
                    why = format!("{path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
                }
                Err(error) => why = error.to_string(),
            }
        }
        Err(DrillError::Cluster(why))
    }

    /// The brokers that are registered.
    pub(super) async fn brokers(&self) -> Result<Vec<Broker>, DrillError> {
        let answer = self.ask("/v1/brokers").await?;
        let read: Brokers = read(&answer)?;
        Ok(read.brokers)
    }

    /// The partitions of a topic.
    pub(super) async fn partitions(&self, topic: &str) -> Result<Vec<Partition>, DrillError> {
        let answer = self.ask(&format!("/v1/topics/{topic}/partitions")).await?;
        let read: Partitions = read(&answer)?;
        Ok(read.partitions)
    }

    /// Creates a topic with up to three replicas.
    pub(super) async fn create(&self, topic: &str, partitions: i32) -> Result<(), DrillError> {
        let active = self.brokers().await?.iter().filter(|broker| broker.state == "active").count();
        let replicas = active.clamp(1, 3);
        let wish = format!("{{\"partitions\":{partitions},\"replication_factor\":{replicas}}}");
        let body = ("application/json", Bytes::from(wish));
        let answer = self.bases[0].call(Method::PUT, &format!("/v1/topics/{topic}"), body, LIMIT).await;
        let answer =
            answer.map_err(|error| DrillError::Cluster(format!("cannot create {topic}: {error}")))?;
        if answer.status != 201 {
            let why = String::from_utf8_lossy(&answer.body).into_owned();
            return Err(DrillError::Cluster(format!("cannot create {topic}: {} {why}", answer.status)));
        }
        Ok(())
    }

    /// Deletes a topic.
    pub(super) async fn delete(&self, topic: &str) -> Result<(), DrillError> {
        let mut why = String::new();
        for base in &self.bases {
            let nothing = ("application/json", Bytes::new());
            match base.call(Method::DELETE, &format!("/v1/topics/{topic}"), nothing, LIMIT).await {
                Ok(answer) if matches!(answer.status, 200..=299 | 404) => return Ok(()),
                Ok(answer) => why = String::from_utf8_lossy(&answer.body).into_owned(),
                Err(error) => why = error.to_string(),
            }
        }
        Err(DrillError::Cluster(format!("cannot delete {topic}: {why}")))
    }

    /// Waits until every partition has a leader and all its replicas in sync; gives them.
    pub(super) async fn whole(&self, topic: &str) -> Result<Vec<Partition>, DrillError> {
        let mut last = String::new();
        let seen = self.until(async || match self.partitions(topic).await {
            Ok(partitions) => {
                let is_whole = |partition: &Partition| {
                    let set = |ids: &[i32]| ids.iter().copied().collect::<BTreeSet<i32>>();
                    partition.high_watermark.is_some() && set(&partition.isr) == set(&partition.replicas)
                };
                let whole = !partitions.is_empty() && partitions.iter().all(is_whole);
                last = format!("{partitions:?}");
                whole.then_some(partitions)
            }
            Err(error) => {
                last = error.to_string();
                None
            }
        });
        seen.await.ok_or_else(|| DrillError::Cluster(format!("{topic} does not become whole: {last}")))
    }

    /// Asks again and again until there is an answer, or the time is over.
    pub(super) async fn until<T>(&self, ask: impl AsyncFnMut() -> Option<T>) -> Option<T> {
        self.within(self.deadline, ask).await
    }

    /// The same for another time.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        mut ask: impl AsyncFnMut() -> Option<T>,
    ) -> Option<T> {
        let end = self.clock.now() + limit;
        loop {
            if let Some(answer) = ask().await {
                return Some(answer);
            }
            if self.clock.now() >= end {
                return None;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

fn read<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<T, DrillError> {
    serde_json::from_slice(&answer.body)
        .map_err(|error| DrillError::Cluster(format!("an answer that is not Tidemark's: {error}")))
}
