//! The clients: each on a host of its own, talking HTTP to any broker, or Kafka's protocol to the right one.
//!
//! *Invariant:* every call ends, and every client ends soon after it is told to.

mod admin;
mod kafka;
mod member;
mod producer;
mod reader;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use coordinator_adapter::Chance;
use tidemark::checker::Place;
use tidemark::wire::Request;
use turmoil::Sim;

use super::history::History;
use super::http::{self, Answer, Silence};
use super::kafka::{self as wire, Answered};
use super::plan::Plan;
use super::trace;
pub(super) use kafka::group::look_at_all;
pub(super) use producer::send_once;
pub(super) use reader::read_once;

/// The topic that is written and judged.
pub(super) const TOPIC: &str = "tides";
/// How long a call may take.
const CALL: Duration = Duration::from_secs(8);

/// What all clients share.
#[derive(Clone)]
pub(super) struct Load {
    /// How many brokers there are.
    pub(super) brokers: u32,
    pub(super) partitions: i32,
    pub(super) history: History,
    /// Whether clients shall end.
    pub(super) over: Rc<Cell<bool>>,
}

/// One client.
pub(super) struct Actor {
    pub(super) load: Load,
    /// Its number in the history.
    pub(super) process: u64,
    pub(super) chance: Chance,
    http: http::Client,
    wire: wire::Client,
    broker: u32,
}

impl Actor {
    pub(super) fn new(load: &Load, seed: u64, process: u64) -> Self {
        let mut chance = Chance::new(seed.wrapping_add(process).rotate_left(31));
        let broker = pick(&mut chance, load.brokers);
        Self {
            load: load.clone(),
            process,
            chance,
            http: http::Client::default(),
            wire: wire::Client::default(),
            broker,
        }
    }

    /// Calls the broker that answered last; another one after an error.
    pub(super) async fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: &[u8],
    ) -> Result<Answer, Silence> {
        let host = format!("broker-{}", self.broker);
        let answer = self.http.call(&host, CALL, method, path, headers, body).await;
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        let refusal = answer.as_ref().ok().filter(|answer| answer.status >= 400);
        let refusal = refusal.map(|answer| String::from_utf8_lossy(&answer.body).trim().to_owned());
        tracing::debug!(host, method, path, status, refusal, "called");
        if !answer.as_ref().is_ok_and(|answer| answer.status < 500) {
            self.broker = pick(&mut self.chance, self.load.brokers);
        }
        answer
    }

    /// Asks a broker through its Kafka port.
    pub(super) async fn ask(&mut self, broker: u32, request: Request) -> Answered {
        self.ask_all(broker, vec![request]).await.pop().unwrap_or(Err(Silence::NotSent))
    }

    /// Asks several things at once; an answer for each.
    pub(super) async fn ask_all(&mut self, broker: u32, requests: Vec<Request>) -> Vec<Answered> {
        let keys: Vec<_> = requests.iter().map(Request::key).collect();
        let answers = self.wire.call_all(&format!("broker-{broker}"), CALL, requests).await;
        let answered = answers.iter().filter(|answer| answer.is_ok()).count();
        tracing::debug!(broker, ?keys, answered, "asked");
        answers
    }

    pub(super) fn any_broker(&mut self) -> u32 {
        pick(&mut self.chance, self.load.brokers)
    }

    /// The simulated time.
    pub(super) fn now_ms(&self) -> i64 {
        i64::try_from(trace::now().as_millis()).unwrap_or(i64::MAX)
    }

    pub(super) async fn rest(&mut self, most_ms: u64) {
        let ms = self.chance.within(&(0..=most_ms));
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    pub(super) fn is_over(&self) -> bool {
        self.load.over.get()
    }

    pub(super) fn place(&self, partition: i32) -> Place {
        Place::of(TOPIC, partition)
    }

    pub(super) fn partition(&mut self) -> i32 {
        i32::try_from(self.chance.draw() % self.load.partitions.unsigned_abs().max(1) as u64).unwrap_or(0)
    }
}

fn pick(chance: &mut Chance, brokers: u32) -> u32 {
    u32::try_from(chance.draw() % u64::from(brokers.max(1))).unwrap_or(0) + 1
}

/// Puts the clients on the network.
pub(super) fn start(sim: &mut Sim<'static>, plan: &Plan, seed: u64, load: &Load) {
    let mut process = 0;
    let mut actor = || {
        process += 1;
        Actor::new(load, seed, process)
    };
    for number in 0..plan.producers.0 {
        sim.client(format!("plain-{number}"), producer::plain(actor()));
    }
    for number in 0..plan.producers.1 {
        sim.client(format!("exact-{number}"), producer::exactly_once(actor(), number));
    }
    for number in 0..plan.readers {
        sim.client(format!("reader-{number}"), reader::reads(actor()));
    }
    for number in 0..plan.members {
        sim.client(format!("member-{number}"), member::polls(actor()));
    }
    for number in 0..plan.kafka.producers.0 {
        sim.client(format!("kafka-plain-{number}"), kafka::producer::plain(actor()));
    }
    for number in 0..plan.kafka.producers.1 {
        sim.client(format!("kafka-exact-{number}"), kafka::producer::pipelines(actor()));
    }
    for number in 0..plan.kafka.members.0 {
        sim.client(format!("classic-{number}"), kafka::classic::joins(actor()));
    }
    for number in 0..plan.kafka.members.1 {
        sim.client(format!("consumer-{number}"), kafka::consumer::heartbeats(actor()));
    }
    sim.client("admin", admin::administers(actor(), plan.clone()));
}
