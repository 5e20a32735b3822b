//! REST Proxy v3 on real brokers: any broker answers, receipts tell the truth over a failover, groups are told.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration_tests::cluster::Cluster;
use integration_tests::eventually::eventually;
use integration_tests::kafka::{KcatMember, kcat};
use integration_tests::raw_http::RawHttp;
use reqwest::Method;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// The cluster's address at one broker.
async fn base(cluster: &mut Cluster, broker: i32) -> Result<String> {
    let clusters = cluster.api(broker).get("/v3/clusters").await?.ok()?.json()?;
    let id = clusters["data"][0]["cluster_id"].as_str().context("no cluster")?.to_owned();
    Ok(format!("/v3/clusters/{id}"))
}

fn receipts(text: &str) -> Result<Vec<Value>> {
    serde_json::Deserializer::from_str(text).into_iter().map(|receipt| Ok(receipt?)).collect()
}

#[tokio::test]
async fn a_topic_is_made_at_one_broker_filled_at_another_and_described_at_a_third() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    let base = base(&mut cluster, 1).await?;
    let topics = format!("{base}/topics");
    let wish = json!({"topic_name": "t", "partitions_count": 3, "replication_factor": 3});
    let made = cluster.api(1).json(Method::POST, &topics, &wish).await?;
    ensure!(made.status == 201, "{}", made.text());
    let keyed = |n: i32| json!({"key": {"type": "STRING", "data": n.to_string()}, "value": {"type": "JSON", "data": {"n": n}}});
    let body: String = (0..100).map(|n| keyed(n).to_string()).collect();
    let api = cluster.api(2);
    eventually("the second broker knows the topic", PATIENCE, async || {
        api.get(&format!("{topics}/t")).await?.ok().map(drop)
    })
    .await?;
    let answer = api.post(&format!("{topics}/t/records"), "application/json", body).await?.ok()?;
    let told = receipts(&answer.text())?;
    ensure!(
        told.len() == 100 && told.iter().all(|receipt| receipt["error_code"] == 200),
        "{}",
        answer.text()
    );
    let mut stored = 0;
    for partition in 0..3 {
        let path = format!("{topics}/t/partitions/{partition}/offset");
        let api = cluster.api(3);
        let json = eventually("the third broker tells the offsets", PATIENCE, async || {
            api.get(&path).await?.ok()?.json()
        })
        .await?;
        stored += json["latest_offset"].as_i64().context("no offset")?;
    }
    assert_eq!(stored, 100);
    for broker in 1..=3 {
        let path = format!("{base}/brokers/{broker}/configs/broker.id");
        let config = cluster.api(1 + broker % 3).get(&path).await?.ok()?.json()?;
        assert_eq!(config["value"], broker.to_string(), "asked of another broker");
        let replicas = cluster.api(1).get(&format!("{base}/brokers/{broker}/partition-replicas")).await?;
        assert_eq!(replicas.json()?["data"].as_array().map(Vec::len), Some(3));
    }
    assert_eq!(cluster.api(3).delete(&format!("{topics}/t")).await?.status, 204);
    cluster.finish()
}

#[tokio::test]
async fn a_stream_goes_on_while_the_leader_is_killed_and_its_receipts_are_true() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let leader = cluster.partition("t", 0).await?.leader.context("no leader")?;
    let asked = cluster.ids().into_iter().find(|id| *id != leader).context("no other broker")?;
    let path = format!("{}/topics/t/records", base(&mut cluster, asked).await?);
    let mut stream = RawHttp::connect(cluster.broker(asked).http_port()).await?;
    let head = "host: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.send(format!("POST {path} HTTP/1.1\r\n{head}")).await?;
    let mut told: Vec<(String, Value)> = Vec::new();
    for n in 0..40 {
        if n == 15 {
            cluster.broker(leader).kill();
        }
        let value = format!("value-{n}");
        let record = json!({"value": {"type": "STRING", "data": value}}).to_string();
        stream.send(format!("{:x}\r\n{record}\r\n", record.len())).await?;
        if n == 0 {
            let head = stream.read_until("\r\n\r\n", PATIENCE).await?;
            ensure!(head.starts_with("HTTP/1.1 200"), "{head}");
        }
        // Each receipt is one chunk, since the next record is sent behind it.
        stream.read_until("\r\n", PATIENCE).await?;
        let receipt = stream.read_until("\r\n", PATIENCE).await?;
        stream.read_until("\r\n", PATIENCE).await?;
        told.push((value, serde_json::from_str(&receipt).context(receipt)?));
    }
    stream.send("0\r\n\r\n").await?;
    stream.read_until("0\r\n\r\n", PATIENCE).await?;
    let stored: Vec<_> = told.iter().filter(|(_, receipt)| receipt["error_code"] == 200).collect();
    ensure!(stored.len() >= 30, "most are stored: {told:?}");
    ensure!(stored.iter().any(|(value, _)| value == "value-39"), "the stream outlived the leader: {told:?}");
    let log: BTreeMap<i64, String> = cluster
        .api(asked)
        .read_all("t", 0)
        .await?
        .into_iter()
        .filter_map(|record| Some((record.offset, record.value?)))
        .collect();
    for (value, receipt) in stored {
        let offset = receipt["offset"].as_i64().context("no offset")?;
        assert_eq!(log.get(&offset), Some(value), "{receipt}");
    }
    cluster.finish()
}

#[tokio::test]
async fn the_consumers_of_a_real_client_and_their_lags_are_told_by_any_broker() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 2, json!({})).await?;
    let ports: Vec<u16> = cluster.brokers().iter().map(|broker| broker.kafka_port()).collect();
    let member = KcatMember::start(&ports, "g", "t")?;
    eventually("the member has everything", PATIENCE, async || {
        ensure!(member.assigned().len() == 2, "{:?}", member.assigned());
        Ok(())
    })
    .await?;
    kcat(ports[0], &["-P", "-t", "t", "-p", "0", "-X", "acks=all"], b"a\nb\n").await?;
    let base = base(&mut cluster, 1).await?;
    for broker in 1..=3 {
        let api = cluster.api(broker);
        let get = async |path: &str| api.get(&format!("{base}/consumer-groups{path}")).await?.ok()?.json();
        let group = eventually("the group is stable", PATIENCE, async || {
            let group = get("/g").await?;
            ensure!(group["state"] == "STABLE", "{group}");
            Ok(group)
        })
        .await?;
        assert_eq!((&group["type"], &group["is_simple"]), (&json!("CLASSIC"), &json!(false)));
        let consumers = get("/g/consumers").await?;
        let consumer = consumers["data"][0]["consumer_id"].as_str().context("no consumer")?.to_owned();
        let assignments = get(&format!("/g/consumers/{consumer}/assignments")).await?;
        assert_eq!(assignments["data"].as_array().map(Vec::len), Some(2), "{assignments}");
        eventually("all is read and committed", PATIENCE, async || {
            let lag = get("/g/lags/t/partitions/0").await?;
            ensure!(lag["lag"] == 0 && lag["log_end_offset"] == 2, "{lag}");
            ensure!(lag["consumer_id"] == consumer.as_str(), "{lag}");
            let sum = get("/g/lag-summary").await?;
            ensure!(sum["total_lag"] == 0, "{sum}");
            Ok(())
        })
        .await?;
    }
    member.kill().await?;
    cluster.finish()
}
