//! Records deleted on demand: gone at every broker, in the files, and after a failover.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration_tests::cluster::Cluster;
use integration_tests::eventually::eventually;
use integration_tests::kafka::{Wire, frame};
use integration_tests::replicas::segments;
use serde_json::json;

const RECORDS: &str = "/v1/topics/t/partitions/0/records";
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a broker's own files say that the log begins: by then whole segments below are gone.
fn first_segment(cluster: &mut Cluster, id: i32) -> Result<i64> {
    let folder = cluster.broker(id).data_dir().join("t-0");
    let names = segments(&folder)?;
    let first = names.first().context("no segment")?;
    let name = first.file_stem().and_then(|name| name.to_str()).context("no name")?;
    Ok(name.parse()?)
}

#[tokio::test]
async fn deleted_records_are_gone_through_every_broker_and_stay_gone_after_a_failover() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({"segment.bytes": "1048576"})).await?;
    let value = "x".repeat(400_000);
    for _ in 0..10 {
        cluster.api(1).post_text("t", 0, &value).await?;
    }
    // Through each broker, so that two of three are forwarded.
    for (id, before) in [(1, 2), (2, 4), (3, 7)] {
        let answer = cluster.api(id).delete(&format!("{RECORDS}?before_offset={before}")).await?.ok()?;
        assert_eq!(answer.json()?, json!({"partition": 0, "log_start": before}), "broker {id}");
        for reader in 1..=3 {
            let below = cluster.api(reader).get(&format!("{RECORDS}?offset={}", before - 1)).await?;
            below.refused(410)?;
            assert_eq!(below.header("tidemark-start-offset"), before.to_string(), "broker {reader}");
        }
        // Whoever is in sync had followed before the answer: whole segments below are gone there.
        for broker in cluster.partition("t", 0).await?.isr {
            let first = first_segment(&mut cluster, broker)?;
            ensure!((before - 1..=before).contains(&first), "broker {broker} begins at {first}");
        }
    }
    let leader = cluster.partition("t", 0).await?.leader.context("no leader")?;
    cluster.broker(leader).kill();
    let next = cluster.a_running_broker()?;
    eventually("another leads", PATIENCE, async || {
        let now = cluster.partition("t", 0).await?.leader;
        ensure!(now.is_some() && now != Some(leader), "{now:?} leads");
        Ok(())
    })
    .await?;
    let below = cluster.api(next).get(&format!("{RECORDS}?offset=6")).await?;
    below.refused(410)?;
    assert_eq!(below.header("tidemark-start-offset"), "7");
    let refused = cluster.api(next).delete(&format!("{RECORDS}?before_offset=11")).await?.refused(416)?;
    ensure!(!refused.retriable, "{refused:?}");
    let all = cluster.api(next).delete(&format!("{RECORDS}?before_offset=latest")).await?.ok()?;
    assert_eq!(all.json()?["log_start"], 10);
    // Who was away follows when it comes back.
    cluster.restart(leader).await?;
    cluster.wait_isr("t", 0, 3).await?;
    assert_eq!(cluster.api(leader).post_text("t", 0, "after").await?.base_offset, 10);
    let records = cluster.api(leader).read_all("t", 0).await?;
    assert_eq!(records.iter().map(|record| record.offset).collect::<Vec<_>>(), [10]);
    cluster.finish()
}

#[tokio::test]
async fn a_deletion_that_a_replica_in_sync_has_not_followed_is_not_confirmed() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    cluster.api(1).post_text("t", 0, "a").await?;
    let state = cluster.wait_isr("t", 0, 3).await?;
    let leader = state.leader.context("no leader")?;
    let frozen = leader % 3 + 1;
    cluster.broker(frozen).process()?.freeze()?;
    let asked = format!("{RECORDS}?before_offset=1");
    let refusal = cluster.api(leader).delete(&format!("{asked}&timeout_ms=300")).await?.refused(503)?;
    assert_eq!((refusal.retriable, refusal.written.as_deref()), (true, Some("maybe")), "{refusal:?}");
    // Once the silent one is out of sync, the same request succeeds.
    cluster.api(leader).delete(&asked).await?.ok()?;
    cluster.broker(frozen).process()?.thaw()?;
    cluster.wait_isr("t", 0, 3).await?;
    cluster.finish()
}

#[tokio::test]
async fn the_kafka_port_deletes_records() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    for value in ["a", "b", "c"] {
        cluster.api(1).post_text("t", 0, value).await?;
    }
    let mut wire = Wire::connect(cluster.broker(1).kafka_port()).await?;
    // One topic, "t"; one partition, 0; offset 2; time-out 5000 ms.
    let body = b"\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\x13\x88";
    wire.send(&frame(21, 1, 7, body)).await?;
    let answer = wire.answer(PATIENCE).await?.context("no answer")?;
    // Correlation id, throttle time; "t"; partition 0, low watermark 2, no error.
    let expected = b"\0\0\0\x07\0\0\0\0\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x02\0\0";
    assert_eq!(answer, expected);
    cluster.api(1).get(&format!("{RECORDS}?offset=1")).await?.refused(410)?;
    cluster.finish()
}
