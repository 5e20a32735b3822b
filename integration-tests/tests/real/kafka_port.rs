//! The Kafka port with kcat, a real client: against records written over HTTP, and the other way round.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration_tests::cluster::Cluster;
use integration_tests::eventually::eventually;
use integration_tests::kafka::{KcatProducer, kcat};
use reqwest::Method;
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(30);

/// Output of kcat as lines.
async fn lines(port: u16, arguments: &[&str]) -> Result<Vec<String>> {
    let output = String::from_utf8(kcat(port, arguments, b"").await?)?;
    Ok(output.lines().map(str::to_owned).collect())
}

#[tokio::test]
async fn kcat_lists_the_cluster() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("orders", 2, json!({})).await?;
    let port = cluster.broker(2).kafka_port();
    let listed = lines(port, &["-L"]).await?.join("\n");
    assert!(listed.contains("3 brokers"), "{listed}");
    for id in 1..=3 {
        let broker = format!("broker {id} at 127.0.0.1:{}", cluster.broker(id).kafka_port());
        assert!(listed.contains(&broker), "{listed}");
    }
    assert!(listed.contains("topic \"orders\" with 2 partitions"), "{listed}");
    let state = cluster.partition("orders", 1).await?;
    assert!(listed.contains(&format!("partition 1, leader {}", state.leader.unwrap())), "{listed}");
    assert!(listed.contains("(controller)"), "{listed}");
    cluster.finish()
}

#[tokio::test]
async fn kcat_produces_with_each_codec_and_http_reads_it() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let port = cluster.broker(1).kafka_port();
    let text: String =
        (0..200).map(|n| format!("line {n} of a text that compresses well, well, well\n")).collect();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let arguments = ["-P", "-t", "t", "-p", "0", "-X", "acks=all", "-z", codec];
        kcat(port, &arguments, text.as_bytes()).await?;
    }
    let records = cluster.api(2).read_all("t", 0).await?;
    assert_eq!(records.len(), 1_000);
    let expected: Vec<&str> = text.lines().collect();
    for (n, record) in records.iter().enumerate() {
        assert_eq!(record.value.as_deref(), Some(expected[n % 200]), "record {n}");
        assert_eq!(record.offset, i64::try_from(n)?);
    }
    cluster.finish()
}

#[tokio::test]
async fn kcat_reads_what_http_wrote_from_any_offset_and_time() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({"retention.ms": "-1"})).await?;
    let api = cluster.api(3);
    for n in 0..10 {
        let time = (1_600_000_000_000_i64 + n * 1_000).to_string();
        let key = format!("k{n}");
        let headers = [
            ("content-type", "text/plain"),
            ("tidemark-timestamp", time.as_str()),
            ("tidemark-key", key.as_str()),
            ("tidemark-header-trace", "abc"),
        ];
        let path = "/v1/topics/t/partitions/0/records";
        api.send(Method::POST, path, &headers, format!("v{n}")).await?.produced()?;
    }
    let port = cluster.broker(1).kafka_port();
    let read = async |from: &str, form: &str| {
        lines(port, &["-C", "-t", "t", "-p", "0", "-e", "-q", "-o", from, "-f", form]).await
    };
    let values: Vec<String> = (0..10).map(|n| format!("v{n}")).collect();
    assert_eq!(read("beginning", "%s\n").await?, values);
    assert_eq!(read("7", "%o %k %s\n").await?, ["7 k7 v7", "8 k8 v8", "9 k9 v9"]);
    assert_eq!(read("-2", "%s\n").await?, ["v8", "v9"]);
    assert_eq!(read("s@1600000008000", "%T %s\n").await?, ["1600000008000 v8", "1600000009000 v9"]);
    assert_eq!(read("9", "%h\n").await?, ["trace=abc"]);
    assert!(read("end", "%s\n").await?.is_empty());
    cluster.finish()
}

#[tokio::test]
async fn keys_go_to_the_same_partition_through_both_doors() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("keyed", 5, json!({})).await?;
    let port = cluster.broker(1).kafka_port();
    let input: String = (0..40).map(|n| format!("key-{n}:kafka\n")).collect();
    let arguments = ["-P", "-t", "keyed", "-K", ":", "-X", "partitioner=murmur2_random"];
    kcat(port, &arguments, input.as_bytes()).await?;
    let api = cluster.api(2);
    let mut places = std::collections::HashMap::new();
    for partition in 0..5 {
        for record in api.read_all("keyed", partition).await? {
            places.insert(record.key.unwrap(), partition);
        }
    }
    assert_eq!(places.len(), 40);
    for (key, partition) in places {
        let headers = [("content-type", "text/plain"), ("tidemark-key", key.as_str())];
        let answer =
            api.send(Method::POST, "/v1/topics/keyed/records", &headers, "http").await?.produced()?;
        assert_eq!(answer.partition, partition, "{key}");
    }
    cluster.finish()
}

#[tokio::test]
async fn a_topic_is_created_on_first_use() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    let port = cluster.broker(1).kafka_port();
    kcat(port, &["-P", "-t", "fresh", "-X", "acks=all"], b"hello\n").await?;
    assert_eq!(lines(port, &["-C", "-t", "fresh", "-e", "-q"]).await?, ["hello"]);
    let topic = cluster.api(3).get("/v1/topics/fresh").await?.ok()?.json()?;
    assert_eq!(topic["replication_factor"], 3);
    cluster.finish()
}

#[tokio::test]
async fn kcat_rides_through_a_killed_leader() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let port = cluster.broker(1).kafka_port();
    kcat(port, &["-P", "-t", "t", "-p", "0", "-X", "acks=all"], b"one\n").await?;
    let leader = cluster.partition("t", 0).await?.leader.unwrap();
    cluster.broker(leader).kill();
    let survivor = cluster.broker(leader % 3 + 1).kafka_port();
    let arguments = ["-P", "-t", "t", "-p", "0", "-X", "acks=all", "-X", "message.timeout.ms=20000"];
    kcat(survivor, &arguments, b"two\n").await?;
    assert_eq!(lines(survivor, &["-C", "-t", "t", "-p", "0", "-e", "-q"]).await?, ["one", "two"]);
    cluster.finish()
}

/// An idempotent producer keeps five small batches under way, so that a leader that dies leaves some that it stored and
/// did not acknowledge, and that come again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idempotent_kcat_has_each_record_once_over_killed_leaders() -> Result<()> {
    const KILLS: usize = 3;
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let ports: Vec<u16> = cluster.brokers().iter().map(|broker| broker.kafka_port()).collect();
    let settings = [
        "enable.idempotence=true",
        "message.timeout.ms=60000",
        "queue.buffering.max.ms=0",
        "batch.num.messages=5",
        // So kcat takes no more than the brokers do.
        "queue.buffering.max.messages=50",
    ];
    let settings: Vec<&str> = settings.iter().flat_map(|setting| ["-X", *setting]).collect();
    let mut producer = KcatProducer::start(&ports, &[&["-t", "t", "-p", "0"], &settings[..]].concat())?;
    let over = AtomicBool::new(false);
    let feed = async {
        let mut count = 0_u32;
        while !over.load(Ordering::Relaxed) {
            producer.line(&count.to_string()).await?;
            count += 1;
        }
        producer.finish().await?;
        Ok::<u32, anyhow::Error>(count)
    };
    let kill = async {
        for _ in 0..KILLS {
            let leader = cluster.wait_isr("t", 0, 3).await?.leader.context("a leader")?;
            let api = cluster.api(leader);
            let stored = async || api.describe("t", 0).await?["log_end"].as_i64().context("a log end");
            let before = stored().await?;
            eventually("some records more", PATIENCE, async || {
                ensure!(stored().await? > before + 100);
                Ok(())
            })
            .await?;
            cluster.broker(leader).kill();
            cluster.restart(leader).await?;
        }
        over.store(true, Ordering::Relaxed);
        Ok(())
    };
    let (count, ()) = tokio::try_join!(feed, kill)?;
    let values: Vec<String> =
        cluster.api(1).read_all("t", 0).await?.into_iter().filter_map(|record| record.value).collect();
    println!("{count} records over {KILLS} killed leaders");
    let expected: Vec<String> = (0..count).map(|n| n.to_string()).collect();
    ensure!(values == expected, "{count} were sent, {} are there: {}", values.len(), first_odd(&values));
    cluster.finish()
}

/// Where a sequence of numbers first is not one.
fn first_odd(values: &[String]) -> String {
    let odd = values.iter().enumerate().find(|(n, value)| **value != n.to_string());
    odd.map_or("all in order".to_owned(), |(n, value)| format!("at {n} is {value}"))
}

#[tokio::test]
async fn large_messages_pass_both_doors() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let port = cluster.broker(1).kafka_port();
    let large = "x".repeat(900_000);
    kcat(port, &["-P", "-t", "t", "-p", "0", "-X", "acks=all"], format!("{large}\n").as_bytes()).await?;
    let record = cluster.api(2).read("t", 0, "offset=0").await?.remove(0);
    assert_eq!(record.value.map(|value| value.len()), Some(900_000));
    cluster.finish()
}
