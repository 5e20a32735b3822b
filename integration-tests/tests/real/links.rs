//! Cut links between brokers, and between a broker and etcd: both ways, one way, slow.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration_tests::cluster::{Cluster, Plan};
use integration_tests::eventually::eventually;
use integration_tests::load::{Load, LoadPlan};
use integration_tests::proxy::Link;
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(40);

async fn proxied(lag_ms: u32) -> Result<Cluster> {
    let settings = vec![format!("replica.lag.time.max.ms={lag_ms}")];
    let mut cluster = Cluster::start_as(Plan { proxied: true, settings, ..Plan::default() }).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    Ok(cluster)
}

fn index(id: i32) -> usize {
    usize::try_from(id - 1).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_cut_off_from_their_leader_leave_the_isr_and_return() -> Result<()> {
    let mut cluster = proxied(2_000).await?;
    let leader = cluster.partition("t", 0).await?.leader.context("a leader")?;
    let load = Load::start(&[cluster.broker(leader).url()], LoadPlan::on("t", 1));
    load.wait_stored(30, PATIENCE).await?;
    for link in [Link::Cut, Link::CutToTarget, Link::CutFromTarget] {
        // Nobody reaches the leader's Kafka port; the leader itself reaches everybody and keeps its lease.
        cluster.broker_links[index(leader)].set(link);
        cluster.wait_isr("t", 0, 1).await?;
        cluster.broker_links[index(leader)].set(Link::Whole);
        cluster.wait_isr("t", 0, 3).await?;
        load.wait_stored(30, PATIENCE).await?;
    }
    load.stop_and_check().await?;
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_links_slow_writes_and_lose_nothing() -> Result<()> {
    let cluster = proxied(10_000).await?;
    let load = Load::start(&cluster.urls(), LoadPlan::on("t", 1));
    for link in &cluster.broker_links {
        link.set(Link::Slow(Duration::from_millis(20)));
    }
    load.wait_stored(30, PATIENCE).await?;
    for link in &cluster.broker_links {
        link.set(Link::Whole);
    }
    load.wait_stored(30, PATIENCE).await?;
    cluster.wait_isr("t", 0, 3).await?;
    load.stop_and_check().await?;
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_cut_off_from_etcd_is_replaced_and_returns_as_a_follower() -> Result<()> {
    let mut cluster = proxied(10_000).await?;
    let load = Load::start(&cluster.urls(), LoadPlan::on("t", 1));
    load.wait_stored(30, PATIENCE).await?;
    let before = cluster.partition("t", 0).await?;
    let leader = before.leader.context("a leader")?;
    cluster.etcd_links[index(leader)].set(Link::Cut);
    eventually("another leader", PATIENCE, async || {
        let now = cluster.partition("t", 0).await?;
        ensure!(now.leader_epoch > before.leader_epoch && now.leader != Some(leader), "it is {now:?}");
        Ok(())
    })
    .await?;
    load.wait_stored(30, PATIENCE).await?;
    let api = cluster.api(leader);
    eventually("/readyz to say that etcd is away", PATIENCE, async || {
        let answer = api.get("/readyz").await?;
        ensure!(answer.status == 503, "{} {}", answer.status, answer.text());
        Ok(())
    })
    .await?;
    cluster.etcd_links[index(leader)].set(Link::Whole);
    cluster.wait_isr("t", 0, 3).await?;
    cluster.wait_ready().await?;
    load.stop_and_check().await?;
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_is_cut_is_taken_up_again() -> Result<()> {
    let mut cluster = proxied(10_000).await?;
    // Closing the connections cuts every stream; what happens meanwhile must be seen afterwards.
    for link in &cluster.etcd_links {
        link.set(Link::Refused);
    }
    cluster.etcd_links[0].set(Link::Whole);
    let api = cluster.api(1);
    eventually("a topic made while the others are cut off", PATIENCE, async || {
        let spec = json!({"partitions": 1, "replication_factor": 3});
        api.put_json("/v1/topics/u", &spec).await?.ok().map(drop)
    })
    .await?;
    for link in &cluster.etcd_links {
        link.set(Link::Whole);
    }
    for id in 1..=3 {
        let api = cluster.api(id);
        eventually("everybody to know the topic", PATIENCE, async || {
            api.post_text("u", 0, "x").await.map(drop)
        })
        .await?;
    }
    cluster.finish()
}
