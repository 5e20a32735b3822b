//! Any broker answers any request; those who want the leader are told where it is.

use anyhow::Result;
use integration_tests::cluster::Cluster;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn every_broker_serves_every_partition() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 3, json!({})).await?;
    for (partition, id) in (0..3).flat_map(|partition| (1..=3).map(move |id| (partition, id))) {
        cluster.api(id).post_text("t", partition, &format!("from {id}")).await?;
    }
    for (partition, id) in (0..3).flat_map(|partition| (1..=3).map(move |id| (partition, id))) {
        let records = cluster.api(id).read_all("t", partition).await?;
        let values: Vec<&str> = records.iter().filter_map(|record| record.value.as_deref()).collect();
        assert_eq!(values, ["from 1", "from 2", "from 3"]);
    }
    // A topic may be created and deleted anywhere, and is known everywhere.
    cluster.api(2).delete("/v1/topics/t").await?.ok()?;
    cluster.create_topic("u", 1, json!({})).await?;
    cluster.api(3).post_text("u", 0, "x").await?;
    cluster.finish()
}

#[tokio::test]
async fn answers_name_the_leader_and_a_redirect_leads_to_it() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let leader = cluster.partition("t", 0).await?.leader.unwrap();
    let leader_url = cluster.broker(leader).url();
    let follower = cluster.api(leader % 3 + 1);
    let path = "/v1/topics/t/partitions/0/records";
    let answer = follower.post(path, "text/plain", "x").await?;
    assert_eq!(answer.header("tidemark-leader"), leader.to_string(), "{:?}", answer.headers);
    assert_eq!(answer.header("tidemark-served-by"), (leader % 3 + 1).to_string());
    answer.produced()?;

    let headers = [("content-type", "text/plain"), ("tidemark-redirect", "true")];
    let there = follower.send(Method::POST, path, &headers, "y").await?;
    assert_eq!(there.status, 307);
    let location = there.header("location");
    assert_eq!(location, format!("{leader_url}{path}"));
    follower.at("").send(Method::POST, &location, &headers, "y").await?.produced()?;
    let there = follower.get(&format!("{path}?offset=1&redirect=true")).await?;
    assert_eq!(there.status, 307);
    assert!(there.header("location").starts_with(&format!("{leader_url}{path}?offset=1")));
    // The leader itself answers, redirect or not.
    let answer = cluster.api(leader).get(&format!("{path}?offset=1&redirect=true")).await?;
    assert_eq!(answer.envelopes()?[0].value.as_deref(), Some("y"));
    cluster.finish()
}
