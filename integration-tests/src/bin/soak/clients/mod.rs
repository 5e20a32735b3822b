//! Clients that write and read while things go wrong, and tell the history what they did and saw.
//!
//! - [`http`], [`kafka`]: the two doors, as a client without any library uses them; [`frames`]: Kafka's by hand
//! - [`writer`]: sends batches of values through either door
//! - [`reader`]: follows a partition through either door
//! - [`member`], [`classic`]: read as members of a group, over HTTP and by the Kafka protocol; [`standing`]: what they are
//!   certain of; [`onlooker`]: what a group keeps
//! - [`recreator`]: makes a topic, uses it, deletes it, and makes it anew
//!
//! *Invariant:* a value is sent once; only an idempotent producer repeats a batch, with the same number.
//! *Invariant:* told as failed is only what was certainly not done.

mod classic;
mod frames;
mod http;
mod kafka;
mod member;
mod onlooker;
mod reader;
mod recreator;
mod standing;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use integration_tests::api::Api;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::chance::Chance;
use crate::history::History;

pub(crate) use http::read_to_end;

/// How a client waits after a failure, as any decent client does.
const BACK_OFF: Duration = Duration::from_millis(100);
/// How a client waits between two batches: there is one disk for all.
const PACE: Duration = Duration::from_millis(60);
/// How many values are in a batch.
const BATCH: u64 = 4;
/// How long a group waits for a member that is silent.
const SESSION_MS: u64 = 6_000;
/// How many members a group has at most.
const MEMBERS: usize = 3;

/// A partition of one life of a topic.
#[derive(Clone, Debug)]
pub(crate) struct At {
    pub(crate) topic: String,
    /// Told if the topic is made anew.
    pub(crate) topic_id: Option<String>,
    pub(crate) partition: i32,
}

impl At {
    pub(crate) fn of(topic: &str, partition: i32) -> Self {
        Self { topic: topic.to_owned(), topic_id: None, partition }
    }

    /// As the history tells it.
    pub(crate) fn told(&self) -> Value {
        let mut told = json!({"topic": self.topic, "partition": self.partition});
        if let Some(id) = &self.topic_id {
            told["topic_id"] = json!(id);
        }
        told
    }
}

/// What all clients of a round share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) history: History,
    pub(crate) apis: Vec<Api>,
    pub(crate) kafka_ports: Vec<u16>,
    stopping: AtomicBool,
    next_value: AtomicU64,
    next_process: AtomicU64,
}

impl Shared {
    pub(crate) fn new(history: History, urls: &[String], kafka_ports: Vec<u16>) -> Self {
        let first = Api::new(&urls[0]);
        Self {
            history,
            apis: urls.iter().map(|url| first.at(url)).collect(),
            kafka_ports,
            stopping: AtomicBool::new(false),
            next_value: AtomicU64::new(1),
            next_process: AtomicU64::new(1),
        }
    }

    /// A client's number, never given out before.
    pub(crate) fn process(&self) -> u64 {
        self.next_process.fetch_add(1, Ordering::Relaxed)
    }

    fn values(&self) -> Vec<u64> {
        let first = self.next_value.fetch_add(BATCH, Ordering::Relaxed);
        (first..first + BATCH).collect()
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Waits for so long, or until the clients stop.
    async fn sleep(&self, length: Duration) {
        let until = Instant::now() + length;
        while !self.is_stopping() && Instant::now() < until {
            tokio::time::sleep(BACK_OFF).await;
        }
    }
}

/// Clients at work.
#[derive(Debug)]
pub(crate) struct Clients {
    pub(crate) shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

impl Clients {
    /// Starts them on all partitions of these topics. What members do besides reading is by chance.
    pub(crate) fn start(shared: Shared, topics: &[(&str, i32)], mut chance: Chance) -> Self {
        let shared = Arc::new(shared);
        let mut tasks = Vec::new();
        for (topic, partitions) in topics {
            for partition in 0..*partitions {
                for door in [writer::Door::http(&shared), writer::Door::kafka(&shared)] {
                    tasks.push(tokio::spawn(writer::write(
                        Arc::clone(&shared),
                        door,
                        At::of(topic, partition),
                        writer::Stamped::Yes,
                    )));
                }
                let plain = writer::Door::http(&shared);
                let at = At::of(topic, partition);
                tasks.push(tokio::spawn(writer::write(Arc::clone(&shared), plain, at, writer::Stamped::No)));
                tasks.push(tokio::spawn(reader::follow_http(Arc::clone(&shared), At::of(topic, partition))));
                tasks.push(tokio::spawn(reader::follow_kafka(Arc::clone(&shared), At::of(topic, partition))));
            }
        }
        let (topic, partitions) = topics[0];
        for _ in 0..MEMBERS {
            let (one, other) = (Chance::new(chance.next()), Chance::new(chance.next()));
            tasks.push(tokio::spawn(member::consume(Arc::clone(&shared), topic.to_owned(), one)));
            let by_kafka = classic::consume(Arc::clone(&shared), topic.to_owned(), partitions, other);
            tasks.push(tokio::spawn(by_kafka));
        }
        for group in [member::GROUP, classic::GROUP] {
            let looking = onlooker::look(Arc::clone(&shared), group, topic.to_owned(), partitions);
            tasks.push(tokio::spawn(looking));
        }
        tasks.push(tokio::spawn(recreator::recreate(Arc::clone(&shared))));
        Self { shared, tasks }
    }

    /// Lets them bring to an end what they are doing, and waits for it.
    pub(crate) async fn stop(self) -> Result<Arc<Shared>> {
        self.shared.stopping.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await?;
        }
        Ok(self.shared)
    }
}

/// A value as it stands in a record.
fn text_of(value: u64) -> String {
    format!("{{\"id\":{value},\"pad\":\"{:p<60}\"}}", "")
}

/// The value that stands in a record, if it is one of ours.
fn value_in(text: &[u8]) -> Option<u64> {
    serde_json::from_slice::<Value>(text).ok()?["id"].as_u64()
}
