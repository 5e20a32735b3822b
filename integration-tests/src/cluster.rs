//! etcd and brokers as children on free ports, with their data in a temporary directory.
//!
//! *Invariant:* dropping a cluster, also in a panic, leaves no process and no file; `TIDEMARK_TEST_KEEP=1` keeps the files.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::Api;
use crate::broker::{Broker, BrokerSpec};
use crate::etcd::Etcd;
use crate::eventually::eventually;
use crate::ports::PortBlock;
use crate::process::owner_of_connection;
use crate::proxy::{Proxy, TellApart};
use crate::slots::{self, Slot};

/// How long a broker may take to start, whatever it has to recover in a test.
pub const READY_DEADLINE: Duration = Duration::from_secs(30);

/// What a cluster shall be like.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many brokers.
    pub brokers: i32,
    /// How many etcd members.
    pub etcd_members: usize,
    /// Settings of every broker, as `name=value`.
    pub settings: Vec<String>,
    /// Brokers reach one another and etcd through proxies that the test can cut.
    pub proxied: bool,
    /// How it shares the machine with the clusters of other tests.
    pub turn: Turn,
}

/// How a cluster shares the machine with those of other tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It waits for one of the slots.
    Shared,
    /// It waits until it is the only one: for tests that measure time.
    Alone,
    /// It does not ask: for programs that are no tests.
    Unasked,
}

impl Default for Plan {
    fn default() -> Self {
        Self { brokers: 3, etcd_members: 1, settings: Vec::new(), proxied: false, turn: Turn::Shared }
    }
}

/// A running cluster.
#[derive(Debug)]
pub struct Cluster {
    /// Its etcd.
    pub etcd: Etcd,
    brokers: Vec<Broker>,
    /// Before each broker's Kafka port, in order of the brokers, if the plan says so. Each tells the other brokers apart,
    /// by their place in the same order.
    pub broker_links: Vec<Proxy>,
    /// Between each broker and each etcd member, first all of the first broker's, if the plan says so.
    pub etcd_links: Vec<Proxy>,
    folder: Option<TempDir>,
    finished: bool,
    _ports: PortBlock,
    _slot: Option<Slot>,
}

impl Cluster {
    /// One etcd and `brokers` brokers, all ready.
    ///
    /// # Errors
    /// If anything does not come up; the message has the end of its log.
    pub async fn start(brokers: i32) -> Result<Self> {
        Self::start_as(Plan { brokers, ..Plan::default() }).await
    }

    /// A cluster as planned, all ready.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub async fn start_as(plan: Plan) -> Result<Self> {
        let mut cluster = Self::prepare(plan).await?;
        for index in 0..cluster.etcd.endpoints().len() {
            cluster.etcd.launch(index)?;
        }
        cluster.etcd.wait_healthy(READY_DEADLINE).await?;
        for broker in &mut cluster.brokers {
            broker.start()?;
        }
        cluster.wait_ready().await?;
        Ok(cluster)
    }

    /// Everything but the processes: nothing runs yet.
    ///
    /// # Errors
    /// If ports or folders cannot be had.
    pub async fn prepare(plan: Plan) -> Result<Self> {
        let slot = match plan.turn {
            Turn::Shared => Some(slots::one().await?),
            Turn::Alone => Some(slots::all().await?),
            Turn::Unasked => None,
        };
        let folder = tempfile::Builder::new().prefix("tidemark-test-").tempdir()?;
        let mut ports = PortBlock::reserve()?;
        let etcd = Etcd::prepare(plan.etcd_members, folder.path(), &mut ports)?;
        let mut brokers = Vec::new();
        for id in 1..=plan.brokers {
            let spec = BrokerSpec {
                id,
                etcd: etcd.endpoints(),
                http_port: ports.take(),
                kafka_port: ports.take(),
                advertised_kafka_port: None,
                data_dir: folder.path().join(format!("broker-{id}")),
                settings: plan.settings.clone(),
                before: None,
            };
            brokers.push(Broker::new(spec, folder.path().join(format!("broker-{id}.log"))));
        }
        let (mut broker_links, mut etcd_links) = (Vec::new(), Vec::new());
        if plan.proxied {
            broker_links = between_brokers(&mut brokers, &mut ports).await?;
            etcd_links = to_etcd(&mut brokers, &etcd, plan.etcd_members, &mut ports).await?;
        }
        let folder = Some(folder);
        let finished = false;
        Ok(Self { etcd, brokers, broker_links, etcd_links, folder, finished, _ports: ports, _slot: slot })
    }

    /// Broker `id`, counted from 1.
    ///
    /// # Panics
    /// If there is none.
    pub fn broker(&mut self, id: i32) -> &mut Broker {
        let found = self.brokers.iter_mut().find(|broker| broker.id() == id);
        found.unwrap_or_else(|| panic!("the cluster has no broker {id}"))
    }

    /// All brokers.
    pub fn brokers(&mut self) -> &mut [Broker] {
        &mut self.brokers
    }

    /// The numbers of all brokers.
    #[must_use]
    pub fn ids(&self) -> Vec<i32> {
        self.brokers.iter().map(Broker::id).collect()
    }

    /// The folder that holds everything.
    ///
    /// # Panics
    /// Never: it is taken only in `drop`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.as_ref().expect("taken only in drop").path()
    }

    /// HTTP at broker `id`.
    pub fn api(&mut self, id: i32) -> Api {
        Api::new(&self.broker(id).url())
    }

    /// The HTTP addresses of all brokers.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.brokers.iter().map(Broker::url).collect()
    }

    /// Waits until every broker whose process runs says that it is ready.
    ///
    /// # Errors
    /// If one is not ready in time, or ends.
    pub async fn wait_ready(&mut self) -> Result<()> {
        let running: Vec<i32> =
            self.brokers.iter_mut().filter_map(|broker| broker.is_running().then(|| broker.id())).collect();
        for id in running {
            self.wait_ready_of(id).await?;
        }
        Ok(())
    }

    /// Waits until broker `id` says that it is ready.
    ///
    /// # Errors
    /// If it does not in time, or ends.
    pub async fn wait_ready_of(&mut self, id: i32) -> Result<()> {
        let api = self.api(id);
        let broker = self.broker(id);
        let what = format!("broker {id} to be ready");
        let waited = eventually(&what, READY_DEADLINE, async || {
            if !broker.is_running() {
                return Ok(false);
            }
            let answer = api.get("/readyz").await?;
            ensure!(answer.status == 200, "/readyz says {}: {}", answer.status, answer.text());
            Ok(true)
        });
        let ready = waited.await.with_context(|| format!("its last lines:\n{}", self.tail(id)))?;
        ensure!(ready, "broker {id} has ended:\n{}", self.tail(id));
        Ok(())
    }

    fn tail(&mut self, id: i32) -> String {
        self.broker(id).last_lines(20)
    }

    /// One broker without etcd (`tidemark dev`), ready: the quickest way to a broker for tests that need only one.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub async fn dev(settings: &[&str]) -> Result<Self> {
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        Self::start_as(Plan { brokers: 1, etcd_members: 0, settings, ..Plan::default() }).await
    }

    /// Starts broker `id` again and waits until it is ready.
    ///
    /// # Errors
    /// If it runs already or does not become ready.
    pub async fn restart(&mut self, id: i32) -> Result<()> {
        self.broker(id).start()?;
        self.wait_ready_of(id).await
    }

    /// Creates a topic through the first running broker, and waits until every partition has a leader and a whole ISR.
    ///
    /// # Errors
    /// If the answer is not 201, or no leader comes.
    pub async fn create_topic(&mut self, name: &str, partitions: i32, config: Value) -> Result<()> {
        let live = self.brokers.iter_mut().map(|broker| usize::from(broker.is_running())).sum::<usize>();
        let replicas = i32::try_from(live)?.min(3);
        let spec = json!({"partitions": partitions, "replication_factor": replicas, "config": config});
        let id = self.a_running_broker()?;
        let answer = self.api(id).put_json(&format!("/v1/topics/{name}"), &spec).await?;
        ensure!(answer.status == 201, "creating {name}: {} {}", answer.status, answer.text());
        let api = self.api(id);
        for partition in 0..partitions {
            wait_described(&api, name, partition, usize::try_from(replicas)?).await?;
        }
        Ok(())
    }

    /// The first broker whose process runs.
    ///
    /// # Errors
    /// If none does.
    pub fn a_running_broker(&mut self) -> Result<i32> {
        let found = self.brokers.iter_mut().find_map(|broker| broker.is_running().then(|| broker.id()));
        found.context("no broker is running")
    }

    /// A partition's record in etcd.
    ///
    /// # Errors
    /// If there is none, or etcd does not answer.
    pub async fn partition(&self, topic: &str, partition: i32) -> Result<PartitionState> {
        let key = format!("/tidemark/main/partitions/{topic}/{partition}");
        let entry = self.etcd.get(&key).await?.with_context(|| format!("etcd has no {key}"))?;
        PartitionState::parse(&entry.value)
    }

    /// Waits until a partition has a leader and `count` in-sync replicas, and gives its record.
    ///
    /// # Errors
    /// If it does not in time.
    pub async fn wait_isr(&self, topic: &str, partition: i32, count: i32) -> Result<PartitionState> {
        eventually(&format!("{count} in-sync replicas of {topic}/{partition}"), READY_DEADLINE, async || {
            let state = self.partition(topic, partition).await?;
            ensure!(state.leader.is_some() && i32::try_from(state.isr.len())? == count, "it is {state:?}");
            Ok(state)
        })
        .await
    }

    /// The broker that is the controller.
    ///
    /// # Errors
    /// If there is none in time.
    pub async fn controller(&self) -> Result<i32> {
        eventually("a controller", READY_DEADLINE, async || {
            let entry = self.etcd.get("/tidemark/main/controller").await?.context("no controller key")?;
            let broker = entry.value["broker"].as_i64().context("a controller key without a broker")?;
            Ok(i32::try_from(broker)?)
        })
        .await
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for broker in &mut self.brokers {
            broker.kill();
        }
        if !self.finished || std::env::var_os("TIDEMARK_TEST_KEEP").is_some() {
            self.report();
        }
    }
}

impl Cluster {
    /// Ends a test that went well: no broker has panicked. A cluster dropped without this shows its logs.
    ///
    /// # Errors
    /// If a broker's log tells of a panic.
    pub fn finish(mut self) -> Result<()> {
        for broker in &self.brokers {
            let output = broker.output();
            let panic = output.lines().find(|line| line.contains("panicked at"));
            ensure!(panic.is_none(), "broker {}: {}", broker.id(), panic.unwrap_or_default());
        }
        self.finished = true;
        Ok(())
    }

    #[expect(clippy::print_stderr, reason = "for the person who reads why a test failed")]
    fn report(&mut self) {
        for broker in &self.brokers {
            eprintln!("--- broker {}, last lines:\n{}", broker.id(), broker.last_lines(30));
        }
        if std::env::var_os("TIDEMARK_TEST_KEEP").is_some() {
            let kept = self.folder.take().map(TempDir::keep);
            eprintln!("--- files kept in {}", kept.unwrap_or_default().display());
        }
    }
}

async fn between_brokers(brokers: &mut [Broker], ports: &mut PortBlock) -> Result<Vec<Proxy>> {
    let pids: Vec<_> = brokers.iter().map(Broker::pid).collect();
    let (mut links, sources) = (Vec::new(), brokers.len());
    for broker in brokers {
        let (port, pids) = (ports.take(), pids.clone());
        let whose: TellApart = Arc::new(move |from| {
            let pids: Vec<u32> = pids.iter().map(|pid| pid.load(Ordering::Relaxed)).collect();
            owner_of_connection(from, port, &pids)
        });
        links.push(Proxy::start_apart(port, local(broker.kafka_port()), sources, whose).await?);
        broker.spec_mut().advertised_kafka_port = Some(port);
    }
    Ok(links)
}

async fn to_etcd(
    brokers: &mut [Broker],
    etcd: &Etcd,
    members: usize,
    ports: &mut PortBlock,
) -> Result<Vec<Proxy>> {
    let mut links = Vec::new();
    for broker in brokers {
        broker.spec_mut().etcd.clear();
        for member in 0..members {
            let link = Proxy::start(ports.take(), local(etcd.client_port(member))).await?;
            broker.spec_mut().etcd.push(format!("http://127.0.0.1:{}", link.port()));
            links.push(link);
        }
    }
    Ok(links)
}

/// The part of a partition's record that tests look at; replicas by broker number only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionState {
    /// The leader, if there is one.
    pub leader: Option<i32>,
    /// Its epoch.
    pub leader_epoch: i64,
    /// In-sync replicas.
    pub isr: Vec<i32>,
    /// All replicas, in order of preference.
    pub replicas: Vec<i32>,
}

impl PartitionState {
    fn parse(value: &Value) -> Result<Self> {
        // An incarnation is [broker, broker epoch]; a plain replica only a number.
        let broker = |entry: &Value| -> Option<i32> {
            let number = entry.as_i64().or_else(|| entry[0].as_i64())?;
            i32::try_from(number).ok()
        };
        let list = |name: &str| -> Vec<i32> {
            value[name].as_array().map(|all| all.iter().filter_map(broker).collect()).unwrap_or_default()
        };
        let leader_epoch =
            value["leader_epoch"].as_i64().context("a partition record without leader_epoch")?;
        Ok(Self {
            leader: broker(&value["leader"]),
            leader_epoch,
            isr: list("isr"),
            replicas: list("replicas"),
        })
    }
}

async fn wait_described(api: &Api, topic: &str, partition: i32, in_sync: usize) -> Result<()> {
    let what = format!("a leader and {in_sync} in-sync replicas of {topic}/{partition}");
    eventually(&what, READY_DEADLINE, async || {
        let seen = api.describe(topic, partition).await?;
        let isr = seen["isr"].as_array().map_or(0, Vec::len);
        ensure!(!seen["high_watermark"].is_null() && isr == in_sync, "it is {seen}");
        Ok(())
    })
    .await
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}
