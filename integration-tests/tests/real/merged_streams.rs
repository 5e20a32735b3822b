//! Streams of whole topics and of group members: resumed without gap or repeat at another broker, bounded by the socket.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration_tests::api::Api;
use integration_tests::cluster::{Cluster, Plan};
use integration_tests::events::EventReader;
use integration_tests::eventually::eventually;
use integration_tests::raw_http::RawHttp;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

const WAIT: Duration = Duration::from_secs(60);
const PARTITIONS: i32 = 6;

async fn cluster(settings: &[&str]) -> Result<Cluster> {
    let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
    Cluster::start_as(Plan { settings, ..Plan::default() }).await
}

/// Stores numbers, spread over the partitions, through whichever broker takes them.
async fn produce(apis: &[Api], numbers: std::ops::Range<i32>) -> Result<()> {
    let end = Instant::now() + WAIT;
    for n in numbers {
        let path = format!("/v1/topics/t/partitions/{}/records", n % PARTITIONS);
        // Sent again it would be there twice; by its sequence the log tells a repeat.
        let sequence = (n / PARTITIONS).to_string();
        let headers = [
            ("content-type", "text/plain"),
            ("producer-id", "7"),
            ("producer-epoch", "0"),
            ("producer-seq", &sequence),
        ];
        for attempt in 0.. {
            let api = &apis[(usize::try_from(n)? + attempt) % apis.len()];
            match api.send(Method::POST, &path, &headers, n.to_string()).await {
                Ok(answer) if answer.status == 200 => break,
                other => ensure!(Instant::now() < end, "{n} is not stored: {other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(())
}

/// What a reader was told, partition by partition.
#[derive(Default)]
struct Told(BTreeMap<i64, Vec<i64>>, BTreeSet<String>);

impl Told {
    /// The next offset of its partition, or it is a gap or a repeat.
    fn take(&mut self, record: &Value) -> Result<()> {
        let partition = record["partition"].as_i64().context("a partition")?;
        let offset = record["offset"].as_i64().context("an offset")?;
        let offsets = self.0.entry(partition).or_default();
        ensure!(
            offset == i64::try_from(offsets.len())?,
            "{offset} of {partition} after {:?}",
            offsets.last()
        );
        offsets.push(offset);
        let value = record["value"].as_str().context("a value")?.to_owned();
        ensure!(self.1.insert(value), "{record} came twice");
        Ok(())
    }

    async fn read(&mut self, reader: &mut EventReader, count: usize) -> Result<()> {
        while self.1.len() < count {
            let event = reader.next(WAIT).await?;
            match event.kind.as_str() {
                "record" => self.take(&event.data)?,
                "error" => reader.hang_up(),
                _ => {}
            }
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topics_stream_resumes_at_another_broker_after_kills() -> Result<()> {
    let mut cluster = cluster(&[]).await?;
    cluster.create_topic("t", PARTITIONS, json!({})).await?;
    let urls = cluster.urls();
    let apis: Vec<Api> = urls.iter().map(|url| Api::new(url)).collect();
    let writer = tokio::spawn(async move { produce(&apis, 0..900).await });
    let mut reader = EventReader::new(urls, "/v1/topics/t/records");
    let mut told = Told::default();
    told.read(&mut reader, 200).await?;
    // The broker that streams dies, and with it the leader of some partitions.
    cluster.broker(1).kill();
    told.read(&mut reader, 450).await?;
    cluster.restart(1).await?;
    cluster.broker(2).kill();
    told.read(&mut reader, 900).await?;
    writer.await??;
    let last = reader.last_id().context("an id")?;
    let all: Vec<String> = (0..PARTITIONS).map(|partition| format!("{partition}:150")).collect();
    assert_eq!(last, all.join(","), "the id says where every partition goes on");
    cluster.restart(2).await?;
    cluster.finish()
}

#[tokio::test]
async fn a_topics_stream_sees_partitions_added_and_ends_with_its_topic() -> Result<()> {
    let mut cluster = cluster(&[]).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let api = cluster.api(1);
    api.post_text("t", 0, "old").await?;
    let mut stream = RawHttp::connect(cluster.broker(2).http_port()).await?;
    let open = |query: &str, accept: &str| {
        format!("GET /v1/topics/t/records?{query} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n")
    };
    stream.send(open("follow=true", "application/x-ndjson")).await?;
    let line = stream.read_until("}", WAIT).await?;
    assert!(line.contains("\"partition\":0") && line.contains("\"value\":\"old\""), "{line}");
    api.json(Method::PATCH, "/v1/topics/t", &json!({ "partitions": 3 })).await?.ok()?;
    eventually("the new partition takes records", WAIT, async || {
        api.post_text("t", 2, "new").await.map(|_| ())
    })
    .await?;
    let line = stream.read_until("\"new\"", WAIT).await?;
    assert!(line.contains("\"partition\":2"), "{line}");

    // Bounded by its reader, from the end, from a time; and what makes no sense is refused with advice.
    let mut tail = RawHttp::connect(cluster.broker(3).http_port()).await?;
    tail.send(open("tail=1&max_records=2", "text/event-stream")).await?;
    let events = tail.read_until("end_reached", WAIT).await?;
    assert!(events.contains("\"next_offsets\":\"0:1,1:0,2:1\""), "{events}");
    for (query, status) in [
        ("offset=9:1", 404),
        ("offset=0:9", 416),
        ("offset=x", 400),
        ("follow=true&tail=1&offset=latest", 400),
    ] {
        let headers = [("accept", "text/event-stream")];
        let answer = api.send(Method::GET, &format!("/v1/topics/t/records?{query}"), &headers, "").await?;
        answer.refused(status)?;
    }
    api.delete("/v1/topics/t/partitions/0/records?before_offset=latest").await?.ok()?;
    let below = api.get_as("/v1/topics/t/records?offset=0:0", "text/event-stream").await?;
    below.refused(410)?;
    assert_eq!(below.header("tidemark-start-offset"), "1");
    api.get("/v1/topics/t/records").await?.refused(406)?;
    api.get_as("/v1/topics/none/records", "text/event-stream").await?.refused(404)?;

    assert_eq!(api.delete("/v1/topics/t").await?.status, 204);
    let end = stream.read_until("40401", WAIT).await?;
    assert!(end.contains("error_code"), "{end}");
    cluster.finish()
}

async fn join(api: &Api, session_timeout_ms: i64) -> Result<String> {
    let wish =
        json!({ "topics": ["t"], "auto_offset_reset": "earliest", "session_timeout_ms": session_timeout_ms });
    let joined = api.json(Method::POST, "/v1/groups/g/members", &wish).await?.ok()?.json()?;
    Ok(joined["member_id"].as_str().context("a name")?.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_members_stream_resumes_after_its_broker_and_its_coordinator_are_killed() -> Result<()> {
    let mut cluster = cluster(&["offsets.topic.num.partitions=1"]).await?;
    cluster.create_topic("t", PARTITIONS, json!({})).await?;
    let urls = cluster.urls();
    let apis: Vec<Api> = urls.iter().map(|url| Api::new(url)).collect();
    let member = join(&apis[0], 30_000).await?;
    let writers = apis.clone();
    let writer = tokio::spawn(async move { produce(&writers, 0..600).await });
    let mut reader = EventReader::new(urls, &format!("/v1/groups/g/members/{member}/records"));
    let mut told = Told::default();
    told.read(&mut reader, 150).await?;
    let coordinator = cluster.partition("__consumer_offsets", 0).await?.leader.context("a coordinator")?;
    cluster.broker(1).kill();
    told.read(&mut reader, 300).await?;
    cluster.restart(1).await?;
    // Whoever coordinated at first has died by now, or dies now.
    let second = if coordinator == 1 { 2 } else { coordinator };
    cluster.broker(second).kill();
    told.read(&mut reader, 600).await?;
    writer.await??;
    cluster.restart(second).await?;

    // What the reader says when it comes back is committed; what it was sent since is not.
    let committed = async |api: &Api| {
        let told = api.get("/v1/groups/g/offsets").await?.ok()?.json()?;
        let offsets = told["offsets"].as_array().context("offsets")?.iter();
        Ok::<i64, anyhow::Error>(offsets.filter_map(|one| one["offset"].as_i64()).sum())
    };
    reader.hang_up();
    let lines = format!("/v1/groups/g/members/{member}/records?follow=true&max_records=5&commit=delivered");
    let api = cluster.api(3);
    let more: Vec<String> = (0..5).map(|n| format!("more {n}")).collect();
    api.post_lines("t", 0, &more).await?;
    let at = reader.last_id().context("an id")?;
    let answer = api.get_as(&format!("{lines}&offset={at}"), "application/x-ndjson").await?.ok()?;
    let values: Vec<Value> = answer
        .text()
        .lines()
        .filter(|line| !line.is_empty())
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let told: Vec<_> = values.iter().map(|one| (one["topic"].as_str(), one["value"].as_str())).collect();
    let expected: Vec<_> = more.iter().map(|value| (Some("t"), Some(value.as_str()))).collect();
    assert_eq!(told, expected);
    assert_eq!(committed(&api).await?, 605, "what was delivered is committed");
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_whose_reader_sleeps_loses_its_partitions_and_no_record_is_lost() -> Result<()> {
    let settings = [
        "offsets.topic.num.partitions=1",
        "group.min.session.timeout.ms=1000",
        "group.consumer.heartbeat.interval.ms=300",
    ];
    let mut cluster = cluster(&settings).await?;
    cluster.create_topic("t", PARTITIONS, json!({})).await?;
    let urls = cluster.urls();
    let apis: Vec<Api> = urls.iter().map(|url| Api::new(url)).collect();
    let path = |member: &str| format!("/v1/groups/g/members/{member}/records");
    let mut one = EventReader::new(urls.clone(), &path(&join(&apis[0], 1_500).await?));
    produce(&apis, 0..60).await?;
    let mut first = Told::default();
    first.read(&mut one, 60).await?;
    // It has read all and committed nothing; then it is gone without a word.
    one.hang_up();
    let mut two = EventReader::new(urls, &path(&join(&apis[1], 30_000).await?));
    let mut second = Told::default();
    second.read(&mut two, 60).await?;
    assert_eq!(first.1, second.1, "the other is told all that was not committed");
    // The sleeper is no member any more, and is told so.
    let error = one.next(WAIT).await.unwrap_err().to_string();
    assert!(error.contains("409") && error.contains("join again"), "{error}");
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_do_not_read_cost_a_bounded_memory() -> Result<()> {
    const STREAMS: usize = 24;
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 4, json!({})).await?;
    let api = cluster.api(1);
    let line = "x".repeat(1_000);
    let lines: Vec<String> = (0..4_000).map(|n| format!("{n} {line}")).collect();
    for partition in 0..4 {
        for _ in 0..4 {
            api.post_lines("t", partition, &lines).await?;
        }
    }
    let usage = |cluster: &mut Cluster| -> Result<u64> {
        let usage = integration_tests::process::usage(cluster.broker(1).process()?.id())?;
        Ok(usage.resident_bytes - usage.file_bytes)
    };
    let before = usage(&mut cluster)?;
    let mut asleep = Vec::new();
    for _ in 0..STREAMS {
        let mut stream = RawHttp::connect(cluster.broker(1).http_port()).await?;
        stream
            .send("GET /v1/topics/t/records HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
            .await?;
        stream.read_until("id: ", WAIT).await?;
        asleep.push(stream);
    }
    // One who reads is told all of it meanwhile: 64 MB.
    let mut awake = EventReader::new(cluster.urls(), "/v1/topics/t/records");
    for _ in 0..64_000 {
        while awake.next(WAIT).await?.kind != "record" {}
    }
    let grown = usage(&mut cluster)?.saturating_sub(before);
    // Each holds one round of fetches and one piece, not the 64 MB that it has not read.
    assert!(grown < 160 << 20, "{grown} bytes for {STREAMS} streams");
    cluster.finish()
}

#[tokio::test]
async fn a_reader_that_takes_nothing_of_its_answer_is_counted_and_cut_off() -> Result<()> {
    let mut cluster = Cluster::dev(&["http.write.stall.ms=1500"]).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let api = cluster.api(1);
    let lines: Vec<String> = (0..4_000).map(|n| format!("{n} {}", "x".repeat(1_000))).collect();
    for _ in 0..8 {
        api.post_lines("t", 0, &lines).await?;
    }
    let counted = async || {
        let metrics = api.get("/metrics").await?.ok()?.text();
        let line = metrics.lines().find(|line| line.starts_with("tidemark_read_bytes_admitted"));
        let value = line.and_then(|line| line.rsplit(' ').next()).context("the figure")?;
        Ok::<u64, anyhow::Error>(value.parse::<f64>()? as u64)
    };
    for accept in ["application/json", "application/vnd.tidemark.batch"] {
        let mut stream = RawHttp::connect(cluster.broker(1).http_port()).await?;
        let path = "/v1/topics/t/partitions/0/records?max_bytes=33000000";
        stream.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n")).await?;
        stream.read_until("\r\n\r\n", WAIT).await?;
        // The system's own buffers take some megabytes; the rest waits here, in the budget.
        eventually("it is counted", WAIT, async || {
            let counted = counted().await?;
            ensure!(counted > 16 << 20, "{counted} bytes");
            Ok(())
        })
        .await?;
        eventually("it is cut off", WAIT, async || {
            let counted = counted().await?;
            ensure!(counted == 0, "{counted} bytes");
            Ok(())
        })
        .await?;
        stream.closed(WAIT).await?;
    }
    cluster.finish()
}

/// Takes whatever comes until it is quiet for a while.
async fn drain(reader: &mut EventReader, mut take: impl FnMut(&Value) -> Result<()>) -> Result<()> {
    while let Ok(event) = reader.next(Duration::from_millis(400)).await {
        if event.kind == "record" {
            take(&event.data)?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebalance_repeats_nothing_and_takes_away_at_once() -> Result<()> {
    let settings = ["offsets.topic.num.partitions=1", "group.consumer.heartbeat.interval.ms=200"];
    let mut cluster = cluster(&settings).await?;
    cluster.create_topic("t", PARTITIONS, json!({})).await?;
    let urls = cluster.urls();
    let apis: Vec<Api> = urls.iter().map(|url| Api::new(url)).collect();
    let path = |member: &str| format!("/v1/groups/g/members/{member}/records");
    let mut one = EventReader::new(urls.clone(), &path(&join(&apis[0], 30_000).await?));
    produce(&apis, 0..60).await?;
    let mut told = Told::default();
    told.read(&mut one, 60).await?;
    // It comes back with the id of its last event: that is committed, and no more.
    one.hang_up();
    produce(&apis, 60..66).await?;
    told.read(&mut one, 66).await?;
    let kept = apis[0].get("/v1/groups/g/offsets").await?.ok()?.json()?;
    let kept: Vec<_> =
        kept["offsets"].as_array().context("offsets")?.iter().map(|one| one["offset"].as_i64()).collect();
    assert_eq!(kept, [Some(10); 6]);

    let mut two = EventReader::new(urls, &path(&join(&apis[1], 30_000).await?));
    let mut twos = BTreeSet::new();
    let mut take_two = |record: &Value| {
        twos.insert((record["partition"].as_i64(), record["offset"].as_i64()));
        Ok(())
    };
    let end = Instant::now() + WAIT;
    loop {
        let (first, second) =
            tokio::join!(drain(&mut one, |record| told.take(record)), drain(&mut two, &mut take_two));
        first.and(second)?;
        let group = apis[2].get("/v1/groups/g").await?.ok()?.json()?;
        let held = |member: &Value| member["assignment"][0]["partitions"].as_array().map_or(0, Vec::len);
        let all: Vec<usize> = group["members"].as_array().context("members")?.iter().map(held).collect();
        if all == [3, 3] && group["state"] == "Stable" {
            break;
        }
        ensure!(Instant::now() < end, "they do not share: {group}");
    }
    produce(&apis, 66..126).await?;
    let (first, second) =
        tokio::join!(drain(&mut one, |record| told.take(record)), drain(&mut two, &mut take_two));
    first.and(second)?;
    // Each new record went to one of them: the kept partitions went on, the others began where it was committed.
    let ones: BTreeSet<_> =
        told.0.iter().filter(|(_, offsets)| offsets.len() == 21).map(|(partition, _)| *partition).collect();
    assert_eq!(ones.len(), 3, "{:?}", told.0);
    assert!(told.0.values().all(|offsets| offsets.len() == 21 || offsets.len() == 11), "{:?}", told.0);
    let expected: BTreeSet<_> = (0..i64::from(PARTITIONS))
        .filter(|partition| !ones.contains(partition))
        .flat_map(|partition| (10..21).map(move |offset| (Some(partition), Some(offset))))
        .collect();
    assert_eq!(twos, expected);
    cluster.finish()
}
