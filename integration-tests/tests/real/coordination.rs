//! etcd killed, frozen, compacted, away and back; and what a person sees in it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration_tests::cluster::{Cluster, Plan};
use integration_tests::eventually::eventually;
use integration_tests::load::{Load, LoadPlan};
use serde_json::json;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(40);
const LEASE: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcd_explains_the_cluster_to_a_person() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("orders", 2, json!({"retention.ms": "60000"})).await?;
    let all = cluster.etcd.list("/tidemark/").await?;
    let keys: Vec<&str> = all.keys().map(String::as_str).collect();
    for key in [
        "brokers/1",
        "brokers/2",
        "brokers/3",
        "cluster",
        "controller",
        "live/1",
        "live/2",
        "live/3",
        "partitions/orders/0",
        "partitions/orders/1",
        "topics/orders",
    ] {
        assert!(keys.contains(&format!("/tidemark/main/{key}").as_str()), "no {key} in {keys:?}");
    }
    for (key, entry) in &all {
        assert!(entry.value["v"].is_number(), "{key} has no version: {}", entry.value);
    }
    // One lease per broker, which carries its live key, and the controller's also the controller key.
    let lease = |key: &str| all[&format!("/tidemark/main/{key}")].lease;
    let leases = [lease("live/1"), lease("live/2"), lease("live/3")];
    assert!(leases.iter().all(|lease| *lease != 0) && leases[0] != leases[1] && leases[1] != leases[2]);
    assert!(leases.contains(&lease("controller")));
    for durable in ["brokers/1", "topics/orders", "partitions/orders/0", "cluster"] {
        assert_eq!(lease(durable), 0, "{durable} must outlive its writer");
    }
    // The leader is named with its incarnation, the mod revision of its registration.
    let leader = &all["/tidemark/main/partitions/orders/0"].value["leader"];
    let registration = &all[&format!("/tidemark/main/brokers/{}", leader[0])];
    assert_eq!(leader[1].as_i64(), Some(registration.mod_revision));
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_and_polls_never_reach_etcd() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let load = Load::start(&cluster.urls(), LoadPlan::on("t", 1));
    load.wait_stored(20, PATIENCE).await?;
    let before = cluster.etcd.revision().await?;
    load.wait_stored(100, PATIENCE).await?;
    assert_eq!(cluster.etcd.revision().await?, before);
    load.stop_and_check().await?;
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_go_on_while_etcd_is_killed_and_restarted() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let epoch = cluster.partition("t", 0).await?.leader_epoch;
    let load = Load::start(&cluster.urls(), LoadPlan::on("t", 1));
    load.wait_stored(20, PATIENCE).await?;
    cluster.etcd.kill(0);
    load.wait_stored(100, PATIENCE).await?;
    // Nothing that needs a decision happens, and says so.
    let refusal = cluster.api(1).put_json("/v1/topics/u", &json!({"partitions": 1})).await?;
    assert!(matches!(refusal.status, 503 | 504), "{} {}", refusal.status, refusal.text());
    cluster.etcd.launch(0)?;
    cluster.etcd.wait_healthy(PATIENCE).await?;
    cluster.wait_ready().await?;
    load.wait_stored(100, PATIENCE).await?;
    assert_eq!(cluster.partition("t", 0).await?.leader_epoch, epoch, "no election was needed");
    cluster.create_topic("v", 1, json!({})).await?;
    load.stop_and_check().await?;
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_go_on_while_etcd_is_frozen_for_longer_than_a_lease() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let load = Load::start(&cluster.urls(), LoadPlan::on("t", 1));
    load.wait_stored(20, PATIENCE).await?;
    let begin = Instant::now();
    cluster.etcd.freeze(0)?;
    while begin.elapsed() < LEASE + Duration::from_secs(3) {
        load.wait_stored(10, PATIENCE).await?;
    }
    let api = cluster.api(1);
    eventually("/readyz to say that etcd is away", PATIENCE, async || {
        let answer = api.get("/readyz").await?;
        ensure!(
            answer.status == 503 && answer.text().contains("coordination store"),
            "{} {}",
            answer.status,
            answer.text()
        );
        Ok(())
    })
    .await?;
    cluster.etcd.thaw(0)?;
    cluster.wait_ready().await?;
    load.wait_stored(100, PATIENCE).await?;
    cluster.wait_isr("t", 0, 3).await?;
    load.stop_and_check().await?;
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compaction_below_the_watched_revision_is_survived() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    // A frozen broker misses events, and these are gone when it wakes.
    let sleeper = cluster.partition("t", 0).await?.replicas[2];
    let awake = cluster.partition("t", 0).await?.replicas[0];
    cluster.broker(sleeper).process()?.freeze()?;
    for n in 0..5 {
        let spec = json!({"partitions": 1, "replication_factor": 1});
        cluster.api(awake).put_json(&format!("/v1/topics/while-{n}"), &spec).await?.ok()?;
    }
    cluster.etcd.kill(0);
    cluster.etcd.launch(0)?;
    cluster.etcd.wait_healthy(PATIENCE).await?;
    let revision = cluster.etcd.revision().await?.to_string();
    cluster.etcd.ctl(&["compact", &revision]).await?;
    cluster.broker(sleeper).process()?.thaw()?;
    let api = cluster.api(sleeper);
    eventually("the sleeper to know what it missed", PATIENCE, async || {
        let all = api.get("/v1/topics").await?.text();
        ensure!((0..5).all(|n| all.contains(&format!("while-{n}"))), "{all}");
        Ok(())
    })
    .await?;
    cluster.wait_isr("t", 0, 3).await?;
    api.post_text("t", 0, "x").await?;
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_revoked_by_hand_is_replaced() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 3, json!({})).await?;
    let load = Load::start(&cluster.urls(), LoadPlan::on("t", 3));
    load.wait_stored(30, PATIENCE).await?;
    let controller = cluster.controller().await?;
    let live = format!("/tidemark/main/live/{controller}");
    let before = cluster.etcd.get(&live).await?.context("a live key")?;
    cluster.etcd.ctl(&["lease", "revoke", &format!("{:x}", before.lease)]).await?;
    let after = eventually("a new live key", PATIENCE, async || {
        let entry = cluster.etcd.get(&live).await?.context("no live key")?;
        ensure!(entry.lease != before.lease, "still the old lease");
        Ok(entry)
    });
    // The process is the same, and so is its incarnation.
    assert_eq!(after.await?.value["epoch"], before.value["epoch"]);
    cluster.controller().await?;
    cluster.wait_ready().await?;
    for partition in 0..3 {
        cluster.wait_isr("t", partition, 3).await?;
    }
    load.wait_stored(30, PATIENCE).await?;
    load.stop_and_check().await?;
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_etcd_members_lose_one_after_the_other() -> Result<()> {
    let mut cluster = Cluster::start_as(Plan { etcd_members: 3, ..Plan::default() }).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let load = Load::start(&cluster.urls(), LoadPlan::on("t", 1));
    for member in 0..3 {
        load.wait_stored(20, PATIENCE).await?;
        cluster.etcd.kill(member);
        let api = cluster.api(1);
        eventually("a decision without one member", PATIENCE, async || {
            let spec = json!({"partitions": 1, "replication_factor": 3});
            api.put_json(&format!("/v1/topics/without-{member}"), &spec).await?.ok().map(drop)
        })
        .await?;
        let topic = format!("without-{member}");
        for id in 1..=3 {
            let api = cluster.api(id);
            eventually("the new topic at every broker", PATIENCE, async || {
                api.post_text(&topic, 0, "x").await.map(drop)
            })
            .await?;
        }
        cluster.etcd.launch(member)?;
        cluster.etcd.wait_healthy(PATIENCE).await?;
    }
    load.stop_and_check().await?;
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_starts_before_etcd_waits_and_says_so() -> Result<()> {
    let mut cluster = Cluster::prepare(Plan { brokers: 1, ..Plan::default() }).await?;
    cluster.broker(1).start()?;
    let broker = cluster.broker(1);
    eventually("a word about etcd in the log", PATIENCE, async || {
        ensure!(broker.is_running(), "it has ended:\n{}", broker.last_lines(10));
        ensure!(broker.output().contains("etcd"), "it says:\n{}", broker.last_lines(10));
        Ok(())
    })
    .await?;
    cluster.etcd.launch(0)?;
    cluster.wait_ready().await?;
    cluster.create_topic("t", 1, json!({})).await?;
    cluster.api(1).post_text("t", 0, "x").await?;
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clusters_share_one_etcd() -> Result<()> {
    let mut cluster = Cluster::prepare(Plan { brokers: 2, ..Plan::default() }).await?;
    cluster.broker(1).spec_mut().settings.push("cluster=one".to_owned());
    cluster.broker(2).spec_mut().settings.push("cluster=two".to_owned());
    cluster.etcd.launch(0)?;
    cluster.etcd.wait_healthy(PATIENCE).await?;
    for id in [1, 2] {
        cluster.broker(id).start()?;
    }
    cluster.wait_ready().await?;
    let spec = json!({"partitions": 1});
    assert_eq!(cluster.api(1).put_json("/v1/topics/t", &spec).await?.status, 201);
    cluster.api(2).get("/v1/topics/t").await?.refused(404)?;
    let brokers = cluster.api(2).get("/v1/brokers").await?.json()?;
    assert_eq!(brokers["brokers"].as_array().map(Vec::len), Some(1), "{brokers}");
    assert!(!cluster.etcd.list("/tidemark/one/topics/t").await?.is_empty());
    cluster.finish()
}
