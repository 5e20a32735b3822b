//! Exactly-once produce by producer id, epoch and sequence, and conditional append, over plain HTTP.

use anyhow::Result;
use integration_tests::api::{Answer, Api};
use integration_tests::cluster::Cluster;
use reqwest::Method;
use serde_json::json;

const RECORDS: &str = "/v1/topics/t/partitions/0/records";

async fn post(api: &Api, producer: &str, epoch: u32, seq: u64, value: &str) -> Result<Answer> {
    let (epoch, seq) = (epoch.to_string(), seq.to_string());
    let headers = [
        ("content-type", "text/plain"),
        ("producer-id", producer),
        ("producer-epoch", &epoch),
        ("producer-seq", &seq),
    ];
    Ok(api.send(Method::POST, RECORDS, &headers, value.to_owned()).await?)
}

#[tokio::test]
async fn a_repeat_returns_the_original_offsets_and_a_gap_is_refused() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let api = cluster.api(1);
    for seq in 0..8 {
        let produced = post(&api, "77", 0, seq, &format!("v{seq}")).await?.produced()?;
        assert_eq!(produced.base_offset, i64::try_from(seq)?);
    }
    let repeat = post(&api, "77", 0, 7, "v7").await?;
    assert_eq!(repeat.header("tidemark-duplicate"), "true");
    assert_eq!(repeat.produced()?.base_offset, 7);
    let gap = post(&api, "77", 0, 12, "v12").await?;
    assert_eq!(gap.refused(409)?.written.as_deref(), Some("no"));
    assert_eq!(
        (gap.header("producer-expected-seq"), gap.header("producer-received-seq")),
        ("8".into(), "12".into())
    );
    // Another producer has a sequence of its own.
    assert_eq!(post(&api, "78", 0, 0, "w0").await?.produced()?.base_offset, 8);
    assert_eq!(api.read_all("t", 0).await?.len(), 9);
    cluster.finish()
}

#[tokio::test]
async fn a_newer_epoch_fences_the_older_and_begins_at_nought() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let api = cluster.api(1);
    post(&api, "5", 0, 0, "a").await?.produced()?;
    post(&api, "5", 1, 3, "b").await?.refused(400)?;
    post(&api, "5", 1, 0, "b").await?.produced()?;
    let fenced = post(&api, "5", 0, 1, "zombie").await?;
    fenced.refused(403)?;
    assert_eq!(fenced.header("producer-epoch"), "1");
    assert_eq!(api.read_all("t", 0).await?.len(), 2);
    cluster.finish()
}

#[tokio::test]
async fn half_a_producer_is_refused() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let api = cluster.api(1);
    let headers = [("content-type", "text/plain"), ("producer-id", "5")];
    api.send(Method::POST, RECORDS, &headers, "x").await?.refused(400)?;
    let headers = [
        ("content-type", "text/plain"),
        ("producer-id", "5"),
        ("producer-epoch", "0"),
        ("producer-seq", "0"),
    ];
    let topic_route = api.send(Method::POST, "/v1/topics/t/records", &headers, "x").await?;
    topic_route.refused(400)?;
    assert_eq!(api.read_all("t", 0).await?.len(), 0);
    cluster.finish()
}

/// A producer id that the cluster hands out.
async fn given_id(api: &Api) -> Result<String> {
    let answer = api.send(Method::POST, "/v1/producers", &[], "").await?;
    assert_eq!(answer.status, 201, "{}", answer.text());
    Ok(answer.json()?["producer_id"].to_string())
}

#[tokio::test]
async fn a_repeat_is_known_after_the_leader_was_killed() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let leader = cluster.partition("t", 0).await?.leader.unwrap();
    let (api, another) = (cluster.api(leader), cluster.api(leader % 3 + 1));
    let id = given_id(&another).await?;
    assert_ne!(id, given_id(&api).await?, "no id is handed out twice");
    for seq in 0..3 {
        post(&api, &id, 0, seq, "x").await?.produced()?;
    }
    cluster.broker(leader).kill();
    let repeat = post(&another, &id, 0, 2, "x").await?;
    assert_eq!(repeat.header("tidemark-duplicate"), "true", "{}", repeat.text());
    assert_eq!(repeat.produced()?.base_offset, 2);
    assert_eq!(post(&another, &id, 0, 3, "x").await?.produced()?.base_offset, 3);
    cluster.finish()
}

#[tokio::test]
async fn a_conditional_append_succeeds_only_at_the_end_it_expects() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let leader = cluster.partition("t", 0).await?.leader.unwrap();
    // Through a broker that must forward, so that the condition crosses the wire.
    let api = cluster.api(leader % 3 + 1);
    let at = |offset: &'static str| [("content-type", "text/plain"), ("tidemark-expected-offset", offset)];
    api.send(Method::POST, RECORDS, &at("0"), "first").await?.produced()?;
    let late = api.send(Method::POST, RECORDS, &at("0"), "second").await?;
    assert_eq!(late.refused(412)?.written.as_deref(), Some("no"));
    assert_eq!(late.json()?["next_offset"], 1);
    api.send(Method::POST, RECORDS, &at("1"), "second").await?.produced()?;
    api.send(Method::POST, RECORDS, &at("soon"), "x").await?.refused(400)?;
    assert_eq!(api.read_all("t", 0).await?.len(), 2);
    cluster.finish()
}
