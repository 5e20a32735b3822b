//! `tidemark dev`: one broker, no etcd, ready at once, and nothing forgotten.

use std::time::Duration;

use anyhow::Result;
use integration_tests::cluster::{Cluster, Plan, Turn};
use serde_json::json;
use tokio::time::Instant;

#[tokio::test]
async fn it_is_ready_in_well_under_a_second() -> Result<()> {
    let mut cluster =
        Cluster::prepare(Plan { brokers: 1, etcd_members: 0, turn: Turn::Alone, ..Plan::default() }).await?;
    let begin = Instant::now();
    cluster.broker(1).start()?;
    cluster.wait_ready().await?;
    assert!(begin.elapsed() < Duration::from_secs(1), "ready after {:?}", begin.elapsed());
    cluster.finish()
}

#[tokio::test]
async fn topics_and_records_outlive_kill_9() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 2, json!({"retention.ms": "3600000"})).await?;
    for round in 0..3 {
        let produced = cluster.api(1).post_text("t", 1, &format!("v{round}")).await?;
        assert_eq!(produced.base_offset, round);
        cluster.broker(1).kill();
        cluster.restart(1).await?;
    }
    let topic = cluster.api(1).get("/v1/topics/t").await?.ok()?.json()?;
    assert_eq!(topic["config"]["retention.ms"], "3600000");
    let records = cluster.api(1).read_all("t", 1).await?;
    assert_eq!(records.len(), 3);
    cluster.api(1).delete("/v1/topics/t").await?.ok()?;
    cluster.broker(1).kill();
    cluster.restart(1).await?;
    cluster.api(1).get("/v1/topics/t").await?.refused(404)?;
    cluster.finish()
}
