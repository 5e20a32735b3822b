//! Groups in great number, and members that misbehave: bounded, clear, nothing lost.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt as _;
use integration_tests::api::Api;
use integration_tests::cluster::Cluster;
use integration_tests::eventually::eventually;
use reqwest::Method;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
const GROUPS: usize = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_groups_are_kept_through_a_kill() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let lines: Vec<String> = (0..GROUPS).map(|n| n.to_string()).collect();
    cluster.api(1).post_lines("t", 0, &lines).await?;
    let apis: Vec<Api> = cluster.urls().iter().map(|url| Api::new(url)).collect();
    let commits = futures_util::stream::iter(0..GROUPS).map(|group| {
        let api = apis[group % apis.len()].clone();
        async move {
            let body =
                json!({ "offsets": [{ "topic": "t", "partition": 0, "offset": group, "metadata": "m" }] });
            api.put_json(&format!("/v1/groups/many-{group}/offsets"), &body).await?.ok().map(|_| ())
        }
    });
    let mut commits = commits.buffer_unordered(64);
    while let Some(committed) = commits.next().await {
        committed?;
    }
    let before = memory(&mut cluster, 1)?;
    cluster.broker(2).kill();
    let api = cluster.api(3);
    eventually("all groups are listed", PATIENCE, async || {
        let listed = api.get("/v1/groups").await?.ok()?.json()?;
        let count = listed["groups"].as_array().context("groups")?.len();
        ensure!(count == GROUPS, "{count} groups");
        Ok(())
    })
    .await?;
    for group in (0..GROUPS).step_by(97) {
        let kept = api.get(&format!("/v1/groups/many-{group}/offsets")).await?.ok()?.json()?;
        assert_eq!(kept["offsets"][0]["offset"], group, "{kept}");
    }
    let after = memory(&mut cluster, 1)?;
    assert!(after < 256 << 20, "{before} and then {after} bytes");
    cluster.finish()
}

fn memory(cluster: &mut Cluster, id: i32) -> Result<u64> {
    let usage = integration_tests::process::usage(cluster.broker(id).process()?.id())?;
    Ok(usage.resident_bytes - usage.file_bytes)
}

async fn join(api: &Api, group: &str, topics: &[&str]) -> Result<Value> {
    let wish = json!({ "topics": topics, "auto_offset_reset": "earliest" });
    api.json(Method::POST, &format!("/v1/groups/{group}/members"), &wish).await?.ok()?.json()
}

#[tokio::test]
async fn a_member_that_never_acknowledges_gets_the_same_records_and_moves_nothing() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let api = cluster.api(1);
    for n in 0..5 {
        api.post_text("t", 0, &format!("v{n}")).await?;
    }
    let member = join(&api, "g", &["t"]).await?;
    let path = format!(
        "/v1/groups/g/members/{}/poll?max_records=2",
        member["member_id"].as_str().context("a name")?
    );
    let mut told = BTreeSet::new();
    for _ in 0..20 {
        let polled = api.json(Method::POST, &path, &json!({})).await?.ok()?.json()?;
        told.insert(polled["records"].to_string());
    }
    assert_eq!(told.len(), 1, "the same each time: {told:?}");
    let lag = api.get("/v1/groups/g/lag").await?.ok()?.json()?;
    assert_eq!(lag["total"], 5, "{lag}");

    // A token that is not one, one of another member, and one that claims what nobody gave it.
    api.json(Method::POST, &path, &json!({ "ack": "nonsense" })).await?.refused(400)?;
    let polled = api.json(Method::POST, &path, &json!({})).await?.ok()?.json()?;
    let stranger = "/v1/groups/g/members/stranger/poll";
    api.json(Method::POST, stranger, &json!({ "ack": polled["token"] })).await?.refused(409)?;
    let lag = api.get("/v1/groups/g/lag").await?.ok()?.json()?;
    assert_eq!(lag["total"], 5, "{lag}");
    cluster.finish()
}

#[tokio::test]
async fn a_topic_that_does_not_exist_yet_may_be_subscribed_to_and_is_read_once_it_does() -> Result<()> {
    let mut cluster = Cluster::dev(&["group.consumer.heartbeat.interval.ms=300"]).await?;
    let api = cluster.api(1);
    let member = join(&api, "g", &["later"]).await?;
    let path =
        format!("/v1/groups/g/members/{}/poll?wait_ms=200", member["member_id"].as_str().context("a name")?);
    let polled = api.json(Method::POST, &path, &json!({})).await?.ok()?.json()?;
    assert_eq!(polled["records"], json!([]));
    cluster.create_topic("later", 1, json!({})).await?;
    api.post_text("later", 0, "here").await?;
    eventually("it is read", PATIENCE, async || {
        let polled = api.json(Method::POST, &path, &json!({})).await?.ok()?.json()?;
        ensure!(polled["records"][0]["value"] == "here", "{polled}");
        Ok(())
    })
    .await?;
    cluster.finish()
}
