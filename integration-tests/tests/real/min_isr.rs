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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_unclean_election_happens_by_itself() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({"min.insync.replicas": "2"})).await?;
    let leader = cluster.partition("t", 0).await?.leader.context("a leader")?;
    let (behind, last) = (leader % 3 + 1, (leader + 1) % 3 + 1);
    cluster.api(leader).post_text("t", 0, "all have it").await?;
    cluster.broker(behind).kill();
    cluster.wait_isr("t", 0, 2).await?;
    cluster.api(leader).post_text("t", 0, "two have it").await?;
    cluster.broker(last).kill();
    cluster.broker(leader).kill();
    // Alone, the one that lacks the second record must not lead.
    cluster.broker(behind).start()?;
    let api = cluster.api(behind);
    eventually("the lone broker to serve HTTP", PATIENCE, async || api.get("/healthz").await?.ok().map(drop))
        .await?;
    eventually("the lone broker to be in the cluster", PATIENCE, async || {
        let brokers = api.get("/v1/brokers").await?.ok()?.json()?;
        let states: Vec<&str> =
            brokers["brokers"].as_array().into_iter().flatten().filter_map(|b| b["state"].as_str()).collect();
        ensure!(states.iter().filter(|state| **state == "active").count() == 1, "{states:?}");
        Ok(())
    })
    .await?;
    let answer = api.post(&format!("{RECORDS}?timeout_ms=2000"), "text/plain", "wrong").await?;
    assert_eq!(answer.refused(503)?.written.as_deref(), Some("no"));
    assert_ne!(cluster.partition("t", 0).await?.leader, Some(behind));

    cluster.restart(last).await?;
    eventually("the one that has everything to lead", PATIENCE, async || {
        api.post_text("t", 0, "after").await.map(drop)
    })
    .await?;
    let records = api.read_all("t", 0).await?;
    let values: Vec<&str> = records.iter().filter_map(|record| record.value.as_deref()).collect();
    assert_eq!(values[..2], ["all have it", "two have it"]);
    assert!(!values.contains(&"wrong"), "{values:?}");
    cluster.finish()
}
