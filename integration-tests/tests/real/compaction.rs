//! Compacted topics: the log shrinks, and the last value of each key is there, whoever leads and whoever was killed.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use integration_tests::cluster::{Cluster, Plan};
use integration_tests::eventually::eventually;
use integration_tests::replicas::segments;
use reqwest::Method;
use serde_json::{Value, json};

const RECORDS: &str = "/v1/topics/t/partitions/0/records";
const PATIENCE: Duration = Duration::from_secs(60);
const KEYS: usize = 20;

fn settings() -> Vec<String> {
    vec!["log.cleaner.backoff.ms=200".to_owned(), "log.retention.check.interval.ms=200".to_owned()]
}

fn compacted() -> Value {
    json!({
        "cleanup.policy": "compact",
        "segment.bytes": "16384",
        "min.cleanable.dirty.ratio": "0.1",
        "file.delete.delay.ms": "0",
    })
}

fn value(key: usize, round: usize) -> String {
    format!("key {key:03} in round {round:05}{}", ".".repeat(60))
}

/// One batch a round, with a record for each key.
async fn update(cluster: &mut Cluster, rounds: std::ops::Range<usize>) -> Result<()> {
    let id = cluster.a_running_broker()?;
    let api = cluster.api(id);
    for round in rounds {
        let records: Vec<Value> =
            (0..KEYS).map(|key| json!({"key": format!("{key}"), "value": value(key, round)})).collect();
        api.json(Method::POST, RECORDS, &json!({ "records": records })).await?.produced()?;
    }
    Ok(())
}

fn bytes_of(cluster: &mut Cluster, id: i32) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    for file in segments(&cluster.broker(id).data_dir().join("t-0"))? {
        // It may have been compacted away since it was listed.
        all.extend(std::fs::read(file).unwrap_or_default());
    }
    Ok(all)
}

/// Waits until the logs of all brokers have shrunk to fewer bytes, and sees that each holds the last values.
async fn wait_small(cluster: &mut Cluster, bytes_max: usize, last_round: usize) -> Result<()> {
    for id in cluster.ids() {
        let mut held = Vec::new();
        eventually(&format!("the log of broker {id} is small and whole"), PATIENCE, async || {
            held = bytes_of(cluster, id)?;
            ensure!(held.len() <= bytes_max, "{} bytes", held.len());
            for key in 0..KEYS {
                let last = value(key, last_round);
                ensure!(held.windows(last.len()).any(|part| part == last.as_bytes()), "without {last}");
            }
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// A reader sees the last value of each key, and offsets that rise.
async fn check_read(cluster: &mut Cluster, last_round: usize) -> Result<()> {
    let id = cluster.a_running_broker()?;
    let records = cluster.api(id).read_all("t", 0).await?;
    ensure!(records.windows(2).all(|pair| pair[0].offset < pair[1].offset), "offsets rise");
    let end = i64::try_from((last_round + 1) * KEYS)?;
    ensure!(records.last().is_some_and(|last| last.offset == end - 1), "the end is where it was: {end}");
    let last: BTreeMap<String, String> =
        records.into_iter().filter_map(|record| Some((record.key?, record.value?))).collect();
    for key in 0..KEYS {
        let found = last.get(&key.to_string());
        ensure!(found == Some(&value(key, last_round)), "key {key}: {found:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_last_value_of_each_key_outlives_compaction_and_kills() -> Result<()> {
    let mut cluster = Cluster::start_as(Plan { settings: settings(), ..Plan::default() }).await?;
    cluster.create_topic("t", 1, compacted()).await?;
    update(&mut cluster, 0..150).await?;
    wait_small(&mut cluster, 80_000, 149).await?;
    check_read(&mut cluster, 149).await?;
    let mut next = 150;
    for _ in 0..2 {
        let leader = cluster.wait_isr("t", 0, 3).await?.leader.unwrap();
        update(&mut cluster, next..next + 50).await?;
        cluster.broker(leader).kill();
        update(&mut cluster, next + 50..next + 100).await?;
        next += 100;
        check_read(&mut cluster, next - 1).await?;
        cluster.restart(leader).await?;
        cluster.wait_isr("t", 0, 3).await?;
        wait_small(&mut cluster, 80_000, next - 1).await?;
        check_read(&mut cluster, next - 1).await?;
    }
    cluster.finish()
}

#[tokio::test]
async fn the_policy_changes_at_run_time_and_asks_for_keys() -> Result<()> {
    let settings = settings();
    let mut cluster = Cluster::dev(&settings.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    cluster
        .create_topic("t", 1, json!({"segment.bytes": "16384", "min.cleanable.dirty.ratio": "0.1"}))
        .await?;
    cluster.api(1).post_text("t", 0, "no key").await?;
    update(&mut cluster, 0..20).await?;
    let change = json!({"config": {"cleanup.policy": "compact,delete", "file.delete.delay.ms": "0"}});
    cluster.api(1).json(Method::PATCH, "/v1/topics/t", &change).await?.ok()?;
    let api = cluster.api(1);
    let refusal =
        api.send(Method::POST, RECORDS, &[("content-type", "text/plain")], "x").await?.refused(422)?;
    ensure!(
        refusal.written.as_deref() == Some("no") && refusal.message.contains("has no key"),
        "{refusal:?}"
    );
    let body = json!({"records": [{"key": "k", "value": "v"}, {"value": "v"}]});
    for path in [RECORDS, "/v1/topics/t/records"] {
        let refusal = api.json(Method::POST, path, &body).await?.refused(422)?;
        ensure!(
            refusal.written.as_deref() == Some("no") && refusal.message.starts_with("records[1]: "),
            "{refusal:?}"
        );
    }
    update(&mut cluster, 20..150).await?;
    let folder = cluster.broker(1).data_dir().join("t-0");
    eventually("the log shrinks", PATIENCE, async || {
        let sizes =
            segments(&folder)?.iter().map(|file| file.metadata().map_or(0, |found| found.len())).sum::<u64>();
        ensure!(sizes < 80_000, "{sizes} bytes");
        Ok(())
    })
    .await?;
    let records = api.read_all("t", 0).await?;
    ensure!(records[0].offset > 0, "what had no key from before is gone");
    ensure!(
        records
            .iter()
            .rev()
            .take(KEYS)
            .all(|record| record.value.as_ref().is_some_and(|value| value.contains("00149")))
    );
    cluster.finish()
}
