//! Too few replicas in sync: refused before anything is written, and healed by itself.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration_tests::cluster::Cluster;
use integration_tests::eventually::eventually;
use serde_json::json;

const RECORDS: &str = "/v1/topics/t/partitions/0/records";
const PATIENCE: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_two_of_three_replicas_gone_acks_all_is_refused_and_heals() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({"min.insync.replicas": "2"})).await?;
    let leader = cluster.partition("t", 0).await?.leader.context("a leader")?;
    let others: Vec<i32> = cluster.ids().into_iter().filter(|id| *id != leader).collect();
    let api = cluster.api(leader);
    api.post_text("t", 0, "before").await?;
    for id in &others {
        cluster.broker(*id).kill();
    }
    // Until the ISR has shrunk the outcome is unknown; from then on the refusal is certain.
    let refusal = eventually("a refusal", PATIENCE, async || {
        let answer = api.post(&format!("{RECORDS}?timeout_ms=1000"), "text/plain", "during").await?;
        answer.refused(503)
    });
    let refusal = refusal.await?;
    assert_eq!((refusal.written.as_deref(), refusal.retriable), (Some("no"), true), "{}", refusal.message);
    assert!(
        refusal.message.contains("in sync") || refusal.message.contains("in-sync"),
        "{}",
        refusal.message
    );
    let committed = api.read_all("t", 0).await?;
    assert_eq!(committed[0].value.as_deref(), Some("before"), "reads go on");

    cluster.restart(others[0]).await?;
    let after = eventually("writes to go on by themselves", PATIENCE, async || {
        let answer = api.post(RECORDS, "text/plain", "after").await?;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
        answer.produced()
    });
    let end = after.await?.base_offset;
    cluster.restart(others[1]).await?;
    cluster.wait_isr("t", 0, 3).await?;
    let records = cluster.api(others[1]).read_all("t", 0).await?;
    assert_eq!(records.last().map(|record| record.offset), Some(end));
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn min_insync_replicas_can_be_changed_while_running() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({"min.insync.replicas": "2"})).await?;
    let leader = cluster.partition("t", 0).await?.leader.context("a leader")?;
    let api = cluster.api(leader);
    for id in cluster.ids().into_iter().filter(|id| *id != leader) {
        cluster.broker(id).kill();
    }
    cluster.wait_isr("t", 0, 1).await?;
    let change = json!({"config": {"min.insync.replicas": "1"}});
    api.json(reqwest::Method::PATCH, "/v1/topics/t", &change).await?.ok()?;
    eventually("writes with one replica", PATIENCE, async || api.post_text("t", 0, "x").await.map(drop))
        .await?;
    cluster.finish()
}
