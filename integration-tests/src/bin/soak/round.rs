//! One round: a cluster, clients, faults; then everything is healed, must come back whole, is read to the end and judged.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use integration_tests::cluster::{Cluster, Plan, Turn};
use integration_tests::eventually::eventually;
use integration_tests::replicas::ReplicaLog;
use serde_json::json;
use tidemark::checker::{Checker, Reader, Report};
use tokio::time::Instant;

use crate::chance::Chance;
use crate::clients::{At, Clients, Shared, read_to_end};
use crate::disk;
use crate::history::{History, Tally};
use crate::plan::{BROKERS, Step, draw};
use crate::strike::{Field, Topic};

/// The topic that stays, and the one whose partitions move; one after the other.
const TOPICS: [Topic; 2] =
    [Topic { name: "t", partitions: 3, replicas: 3 }, Topic { name: "moving", partitions: 2, replicas: 2 }];
const START_DEADLINE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(50);

/// What a round shall be like.
#[derive(Clone, Debug)]
pub(crate) struct RoundPlan {
    pub(crate) seed: u64,
    pub(crate) length: Duration,
    pub(crate) etcd_members: usize,
    /// Where the history and, after a failure, the logs of the brokers are kept.
    pub(crate) folder: PathBuf,
    /// A rule that the brokers are to do without.
    pub(crate) without: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) faults: BTreeMap<&'static str, u64>,
    pub(crate) tally: Tally,
    /// How long it took from the last fault to a whole cluster.
    pub(crate) healed_in: Duration,
    /// What the checker printed.
    pub(crate) checked: String,
    /// What must not be; empty if all is well.
    pub(crate) wrong: Vec<String>,
}

/// Runs a round. An error is one of the tool itself; what the cluster did wrong is in the outcome.
pub(crate) async fn run(plan: &RoundPlan) -> Result<Outcome> {
    std::fs::create_dir_all(&plan.folder)?;
    let mut field = start(plan).await?;
    let history = History::create(&plan.folder.join("history.ndjson"))?;
    let kafka_ports = field.cluster.brokers().iter().map(|broker| broker.kafka_port()).collect();
    let shared = Shared::new(history, &field.cluster.urls(), kafka_ports);
    let topics = TOPICS.map(|topic| (topic.name, topic.partitions));
    let clients = Clients::start(shared, &topics, Chance::new(plan.seed));
    let mut outcome = Outcome::default();
    torment(plan, &mut field, &mut outcome).await?;
    let judged = judge(&mut field, clients, &mut outcome).await;
    outcome.wrong.extend(judged.err().map(|error| format!("{error:#}")));
    outcome.wrong.append(&mut field.surprises);
    if !outcome.wrong.is_empty() {
        keep_logs(&field.cluster, &plan.folder)?;
    }
    outcome.wrong.extend(field.cluster.finish().err().map(|error| format!("{error:#}")));
    Ok(outcome)
}

async fn start(plan: &RoundPlan) -> Result<Field> {
    let settings = [
        "replica.lag.time.max.ms=5000",
        "replica.delete.grace.ms=1000",
        "group.min.session.timeout.ms=1000",
        "group.initial.rebalance.delay.ms=0",
    ];
    let mut cluster = Cluster::prepare(Plan {
        etcd_members: plan.etcd_members,
        settings: settings.map(str::to_owned).to_vec(),
        proxied: true,
        turn: Turn::Unasked,
        ..Plan::default()
    })
    .await?;
    for member in 0..plan.etcd_members {
        cluster.etcd.launch(member)?;
    }
    cluster.etcd.wait_healthy(START_DEADLINE).await?;
    for broker in cluster.brokers() {
        disk::begin(broker.data_dir())?;
        if let Some(rule) = &plan.without {
            broker.spec_mut().before = Some(format!("export TIDEMARK_WITHOUT={rule}"));
        }
        broker.start()?;
    }
    cluster.wait_ready().await?;
    for topic in TOPICS {
        // Small segments, so that they are rolled, too.
        let config = json!({"segment.bytes": 65_536});
        let spec = json!({
            "partitions": topic.partitions,
            "replication_factor": topic.replicas,
            "config": config,
        });
        cluster.api(1).put_json(&format!("/v1/topics/{}", topic.name), &spec).await?.ok()?;
    }
    let mut field = Field::new(cluster, plan.etcd_members, TOPICS);
    eventually("a whole cluster", START_DEADLINE, async || field.ensure_whole().await).await?;
    Ok(field)
}

/// Lets everything happen that the plan says, each in its time.
async fn torment(plan: &RoundPlan, field: &mut Field, outcome: &mut Outcome) -> Result<()> {
    let steps = draw(plan.seed, plan.length, plan.etcd_members, TOPICS[1].partitions);
    let mut going: Vec<(Instant, &Step)> = Vec::new();
    let mut at = Instant::now();
    for step in &steps {
        at += step.rest;
        while Instant::now() < at {
            end_what_is_over(field, &mut going).await?;
            tokio::time::sleep(TICK).await;
        }
        let struck = field.strike(&step.fault, step.lasts).await;
        let (word, why) = match &struck {
            Ok(()) => ("", String::new()),
            Err(error) => (" (not done) ", format!("{error:#}")),
        };
        say(&format!("{:?} for {:?}{word}{why}", step.fault, step.lasts));
        if struck.is_ok() {
            *outcome.faults.entry(step.fault.name()).or_default() += 1;
        }
        going.push((Instant::now() + step.lasts, step));
    }
    while !going.is_empty() {
        end_what_is_over(field, &mut going).await?;
        tokio::time::sleep(TICK).await;
    }
    Ok(())
}

async fn end_what_is_over(field: &mut Field, going: &mut Vec<(Instant, &Step)>) -> Result<()> {
    let now = Instant::now();
    for (_, step) in going.extract_if(.., |(end, _)| *end <= now) {
        field.heal(&step.fault).await?;
    }
    field.tend()
}

#[expect(clippy::print_stdout, reason = "whoever looks on sees what happens")]
fn say(text: &str) {
    println!("    {text}");
}

async fn judge(field: &mut Field, clients: Clients, outcome: &mut Outcome) -> Result<()> {
    let began = Instant::now();
    let whole = field.heal_all().await;
    outcome.healed_in = began.elapsed();
    let shared = clients.stop().await?;
    if let Err(error) = whole {
        outcome.tally = shared.history.flush()?;
        return Err(
            error.context(format!("the cluster did not come back:\n{}", states(&field.cluster).await))
        );
    }
    // What the last clients left may still be on its way to the followers.
    eventually("a whole cluster", START_DEADLINE, async || field.ensure_whole().await).await?;
    for topic in TOPICS {
        for partition in 0..topic.partitions {
            for api in &shared.apis {
                read_to_end(&shared, api, &At::of(topic.name, partition)).await?;
            }
            tell_replicas(field, &shared, topic.name, partition).await?;
        }
    }
    outcome.tally = shared.history.flush()?;
    let report = check(shared.history.path())?;
    outcome.checked = report.to_string();
    if !report.is_clean() {
        let path = shared.history.path().display();
        outcome.wrong.push(format!("the history holds anomalies: {path}"));
    } else if field.surprises.is_empty() {
        std::fs::remove_file(shared.history.path())?;
    }
    Ok(())
}

/// What etcd says of each partition.
async fn states(cluster: &Cluster) -> String {
    let mut told = String::new();
    for topic in TOPICS {
        for partition in 0..topic.partitions {
            let state = cluster.partition(topic.name, partition).await;
            told += &format!("{}/{partition}: {state:?}\n", topic.name);
        }
    }
    told
}

/// Tells what each replica holds, from its files.
async fn tell_replicas(field: &mut Field, shared: &Shared, topic: &str, partition: i32) -> Result<()> {
    let state = field.cluster.partition(topic, partition).await?;
    let at = At::of(topic, partition).told();
    let seen = field.cluster.api(1).describe(topic, partition).await?;
    let high_watermark = seen["high_watermark"].as_i64().context("a high watermark")?;
    for id in BROKERS.into_iter().filter(|id| state.replicas.contains(id)) {
        let log = ReplicaLog::read(field.cluster.broker(id).data_dir(), topic, partition)?;
        let op = json!({
            "at": at,
            "broker": id,
            "high_watermark": high_watermark,
            "log_start": log.start().unwrap_or(0),
            "log_end": log.end(),
            "in_sync": state.isr.contains(&id),
            "entries": log.entries(),
        });
        shared.history.note(0, "replica", op);
    }
    Ok(())
}

/// What the checker says of a history.
fn check(history: &Path) -> Result<Report> {
    let mut checker = Checker::default();
    for event in Reader::new(BufReader::new(File::open(history)?)) {
        let (line, event) = event?;
        checker.observe(line, event)?;
    }
    Ok(checker.finish()?)
}

fn keep_logs(cluster: &Cluster, folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(cluster.folder())? {
        let path = entry?.path();
        if let (Some("log"), Some(name)) = (path.extension().and_then(|end| end.to_str()), path.file_name()) {
            std::fs::copy(&path, folder.join(name))?;
        }
    }
    Ok(())
}
