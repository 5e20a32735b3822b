//! Who leads and why, over HTTP: a leader is killed, and the election is told with its cause.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration_tests::cluster::Cluster;
use integration_tests::eventually::eventually;
use serde_json::{Value, json};

#[tokio::test]
async fn an_election_is_explained_with_its_cause() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let victim = cluster.wait_isr("t", 0, 3).await?.leader.context("a leader")?;
    let path = "/v1/topics/t/partitions/0/explain";
    let before = cluster.api(victim).get(path).await?.ok()?.json()?;
    ensure!(before["changes"][0]["leader"] == json!(victim), "{before}");
    ensure!(before["complete"] == json!(true), "{before}");
    ensure!(before["replicas"].as_array().context("replicas")?.len() == 3, "{before}");

    cluster.broker(victim).kill();
    let witness = victim % 3 + 1;
    let api = cluster.api(witness);
    let elected = eventually("another leader, explained", Duration::from_secs(30), async || {
        let told = api.get(path).await?.ok()?.json()?;
        let by_election = told["changes"].as_array().context("changes")?.iter().any(of_election);
        ensure!(told["leader"] != json!(victim) && by_election, "{told}");
        Ok(told)
    })
    .await?;
    ensure!(
        elected["why"].as_str().is_some_and(|why| why.contains("the leader before was gone")),
        "{elected}"
    );
    let dead =
        elected["replicas"].as_array().context("replicas")?.iter().find(|one| one["broker"] == json!(victim));
    ensure!(dead.is_some_and(|dead| dead["state"] == "down" && dead["leader"] == json!(false)), "{elected}");
    let oldest = elected["changes"].as_array().and_then(|all| all.last()).context("a first change")?;
    ensure!(oldest["cause"] == "creation" && oldest["lasted_ms"].is_i64(), "{oldest}");
    let one = api.get(&format!("{path}?limit=1")).await?.ok()?.json()?;
    ensure!(
        one["changes"].as_array().is_some_and(|all| all.len() == 1) && one["complete"] == json!(false),
        "{one}"
    );

    api.get("/v1/topics/t/partitions/7/explain").await?.refused(404)?;
    api.get("/v1/topics/none/partitions/0/explain").await?.refused(404)?;
    api.get(&format!("{path}?limit=0")).await?.refused(400)?;
    cluster.finish()
}

fn of_election(change: &Value) -> bool {
    change["cause"] == "election" && change["by"].is_i64() && change["revision"].is_i64()
}
