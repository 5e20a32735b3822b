//! Brokers killed, frozen, stopped and wiped under load: nothing acknowledged is lost, and writes soon go on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration_tests::api::Api;
use integration_tests::cluster::{Cluster, Plan, Turn};
use integration_tests::eventually::eventually;
use integration_tests::load::{Load, LoadPlan};
use integration_tests::replicas::{ReplicaLog, ensure_identical};
use serde_json::json;
use tokio::time::Instant;

const PARTITIONS: i32 = 3;
const KILLS: usize = 20;
const LEASE: Duration = Duration::from_secs(6);
const PATIENCE: Duration = Duration::from_secs(30);

async fn alone() -> Result<Cluster> {
    Cluster::start_as(Plan { turn: Turn::Alone, ..Plan::default() }).await
}

/// Waits for whole ISRs, then compares all replicas byte for byte below the high watermark.
async fn compare_replicas(cluster: &mut Cluster, partitions: i32) -> Result<()> {
    for partition in 0..partitions {
        cluster.wait_isr("t", partition, 3).await?;
        let id = cluster.a_running_broker()?;
        let described = cluster.api(id).describe("t", partition).await?;
        let high_watermark = described["high_watermark"].as_i64().context("no high watermark")?;
        ensure!(high_watermark > 0, "nothing to compare in {described}");
        let read = |data_dir: &std::path::Path| ReplicaLog::read(data_dir, "t", partition);
        let logs: Vec<ReplicaLog> =
            cluster.brokers().iter().map(|broker| read(broker.data_dir())).collect::<Result<_>>()?;
        ensure_identical(&logs, high_watermark)?;
    }
    Ok(())
}

async fn wait_all_isr(cluster: &Cluster, count: i32) -> Result<()> {
    for partition in 0..PARTITIONS {
        cluster.wait_isr("t", partition, count).await?;
    }
    Ok(())
}

/// The partitions that a broker leads.
async fn led_by(cluster: &Cluster, id: i32) -> Result<Vec<i32>> {
    let mut led = Vec::new();
    for partition in 0..PARTITIONS {
        if cluster.partition("t", partition).await?.leader == Some(id) {
            led.push(partition);
        }
    }
    Ok(led)
}

/// Through each survivor at once, how long until a new write to each of these partitions is acknowledged.
async fn time_to_write(cluster: &mut Cluster, load: &Load, victim: i32, led: &[i32]) -> Result<Duration> {
    let survivor = victim % 3 + 1;
    let url = cluster.broker(survivor).url();
    let probes = led.iter().map(|partition| load.probe(&url, *partition, PATIENCE));
    let times = futures_util::future::try_join_all(probes).await?;
    Ok(times.into_iter().max().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leader_and_controller_killed_again_and_again_under_load() -> Result<()> {
    let mut cluster = alone().await?;
    cluster.create_topic("t", PARTITIONS, json!({})).await?;
    let load = Load::start(&cluster.urls(), LoadPlan::on("t", PARTITIONS));
    let mut times = Vec::new();
    for kill in 0..KILLS {
        load.wait_stored(30, PATIENCE).await?;
        wait_all_isr(&cluster, 3).await?;
        let victim = if kill % 2 == 0 {
            cluster.partition("t", 0).await?.leader.context("a leader")?
        } else {
            cluster.controller().await?
        };
        let led = led_by(&cluster, victim).await?;
        cluster.broker(victim).kill();
        if !led.is_empty() {
            times.push(time_to_write(&mut cluster, &load, victim, &led).await?);
        }
        cluster.restart(victim).await?;
    }
    wait_all_isr(&cluster, 3).await?;
    let tally = load.stop_and_check().await?;
    compare_replicas(&mut cluster, PARTITIONS).await?;
    times.sort();
    println!("failover times after kill -9: {times:?}; {tally:?}");
    let median = times[times.len() / 2];
    assert!(median < Duration::from_millis(1_500), "median {median:?} of {times:?}");
    assert!(times[times.len() - 1] < Duration::from_secs(3), "worst of {times:?}");
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_leader_is_replaced_and_does_no_harm_when_it_wakes() -> Result<()> {
    let mut cluster = alone().await?;
    cluster.create_topic("t", PARTITIONS, json!({})).await?;
    let load = Load::start(&cluster.urls(), LoadPlan::on("t", PARTITIONS));
    load.wait_stored(30, PATIENCE).await?;
    let victim = cluster.partition("t", 0).await?.leader.context("a leader")?;
    let led = led_by(&cluster, victim).await?;
    cluster.broker(victim).process()?.freeze()?;
    let time = time_to_write(&mut cluster, &load, victim, &led).await?;
    println!("failover time of a frozen broker: {time:?}");
    assert!(time < LEASE + Duration::from_secs(3), "{time:?}");
    cluster.broker(victim).process()?.thaw()?;
    wait_all_isr(&cluster, 3).await?;
    load.wait_stored(30, PATIENCE).await?;
    load.stop_and_check().await?;
    compare_replicas(&mut cluster, PARTITIONS).await?;
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_is_hardly_noticed() -> Result<()> {
    let mut cluster = alone().await?;
    cluster.create_topic("t", PARTITIONS, json!({})).await?;
    let load = Load::start(&cluster.urls(), LoadPlan::on("t", PARTITIONS));
    load.wait_stored(30, PATIENCE).await?;
    for id in 1..=3 {
        wait_all_isr(&cluster, 3).await?;
        let led = led_by(&cluster, id).await?;
        let begin = Instant::now();
        let status = cluster.broker(id).stop(PATIENCE).await?;
        assert!(status.success(), "broker {id} ended with {status}");
        load.wait_stored(30, PATIENCE).await?;
        for partition in led {
            let gap = load.longest_gap(partition, begin);
            println!("broker {id} stopped in {:?}: writes to {partition} stood for {gap:?}", begin.elapsed());
            assert!(gap < Duration::from_millis(200), "writes to {partition} stood for {gap:?}");
        }
        cluster.restart(id).await?;
    }
    let streak = load.worst_streak();
    assert!(streak.len() <= 1, "a client failed {} times in a row: {streak:#?}", streak.len());
    wait_all_isr(&cluster, 3).await?;
    load.stop_and_check().await?;
    compare_replicas(&mut cluster, PARTITIONS).await?;
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_brokers_killed_at_once_come_back_with_everything() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", PARTITIONS, json!({})).await?;
    let load = Load::start(&cluster.urls(), LoadPlan::on("t", PARTITIONS));
    for with_etcd in [false, true] {
        load.wait_stored(60, PATIENCE).await?;
        for id in cluster.ids() {
            cluster.broker(id).kill();
        }
        if with_etcd {
            cluster.etcd.kill(0);
            cluster.etcd.launch(0)?;
        }
        for id in cluster.ids() {
            cluster.broker(id).start()?;
        }
        cluster.wait_ready().await?;
    }
    load.wait_stored(60, PATIENCE).await?;
    wait_all_isr(&cluster, 3).await?;
    load.stop_and_check().await?;
    compare_replicas(&mut cluster, PARTITIONS).await?;
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_broker_refills_and_rejoins() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", PARTITIONS, json!({})).await?;
    let load = Load::start(&cluster.urls(), LoadPlan::on("t", PARTITIONS));
    load.wait_stored(60, PATIENCE).await?;
    let victim = cluster.partition("t", 0).await?.leader.context("a leader")?;
    cluster.broker(victim).kill();
    cluster.broker(victim).wipe()?;
    load.wait_stored(30, PATIENCE).await?;
    cluster.restart(victim).await?;
    wait_all_isr(&cluster, 3).await?;
    load.wait_stored(30, PATIENCE).await?;
    load.stop_and_check().await?;
    compare_replicas(&mut cluster, PARTITIONS).await?;
    cluster.finish()
}

/// Posts the values 0.. of one producer, repeating each until it is stored, as an exactly-once client does.
async fn produce_exactly_once(urls: &[String], count: u64) -> Result<u64> {
    let first = Api::new(&urls[0]);
    let mut repeats = 0;
    for seq in 0..count {
        let (text, mut turn) = (seq.to_string(), usize::try_from(seq)?);
        let headers = [
            ("content-type", "text/plain"),
            ("producer-id", "till-4"),
            ("producer-epoch", "0"),
            ("producer-seq", text.as_str()),
        ];
        eventually("the record to be stored", PATIENCE, async || {
            let api = first.at(&urls[turn % urls.len()]);
            turn += 1;
            let path = "/v1/topics/t/partitions/0/records?timeout_ms=2000";
            let answer = api.send(reqwest::Method::POST, path, &headers, text.clone()).await;
            let answer = answer.inspect_err(|_| repeats += 1)?;
            if answer.status != 200 {
                repeats += 1;
            }
            answer.produced().map(drop)
        })
        .await?;
    }
    Ok(repeats)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_that_repeats_after_every_failure_has_each_record_once() -> Result<()> {
    const RECORDS: u64 = 400;
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let urls = cluster.urls();
    let done = AtomicBool::new(false);
    let produce = async {
        let repeats = produce_exactly_once(&urls, RECORDS).await;
        done.store(true, Ordering::Relaxed);
        repeats
    };
    let kill = async {
        let mut kills = 0;
        while !done.load(Ordering::Relaxed) {
            let leader = cluster.wait_isr("t", 0, 3).await?.leader.context("a leader")?;
            cluster.broker(leader).kill();
            cluster.restart(leader).await?;
            kills += 1;
        }
        Ok::<u32, anyhow::Error>(kills)
    };
    let (repeats, kills) = tokio::try_join!(produce, kill)?;
    println!("{RECORDS} records, {kills} leaders killed, {repeats} requests repeated");
    let records = cluster.api(1).read_all("t", 0).await?;
    let values: Vec<&str> = records.iter().filter_map(|record| record.value.as_deref()).collect();
    let expected: Vec<String> = (0..RECORDS).map(|seq| seq.to_string()).collect();
    assert_eq!(values, expected);
    cluster.finish()
}
