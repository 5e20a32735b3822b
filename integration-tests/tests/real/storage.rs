//! The files of a data directory: how they are named, roll, age and recover, and what happens when the disk is full.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration_tests::batch;
use integration_tests::cluster::{Cluster, Plan};
use integration_tests::eventually::eventually;
use integration_tests::replicas::segments;
use reqwest::Method;
use serde_json::json;

const RECORDS: &str = "/v1/topics/t/partitions/0/records";
const PATIENCE: Duration = Duration::from_secs(30);

fn partition(cluster: &mut Cluster, id: i32) -> PathBuf {
    cluster.broker(id).data_dir().join("t-0")
}

fn names(folder: &Path, extension: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(extension));
    names.sort();
    names
}

/// Sends `count` records of about 1 KiB, each with this timestamp.
async fn fill(cluster: &mut Cluster, count: usize, timestamp_ms: i64) -> Result<()> {
    let api = cluster.api(1);
    let time = timestamp_ms.to_string();
    for n in 0..count {
        let headers = [("content-type", "text/plain"), ("tidemark-timestamp", time.as_str())];
        api.send(Method::POST, RECORDS, &headers, format!("{n:0>1000}")).await?.produced()?;
    }
    Ok(())
}

fn now_ms() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

#[tokio::test]
async fn a_data_directory_looks_like_kafkas() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    fill(&mut cluster, 3, now_ms()).await?;
    cluster.broker(1).stop(PATIENCE).await?;
    let folder = partition(&mut cluster, 1);
    for extension in [".log", ".index", ".timeindex"] {
        assert_eq!(names(&folder, extension), [format!("00000000000000000000{extension}")]);
    }
    let metadata = std::fs::read_to_string(folder.join("partition.metadata"))?;
    assert!(metadata.starts_with("version: 0\ntopic_id: "), "{metadata}");
    let epochs = std::fs::read_to_string(folder.join("leader-epoch-checkpoint"))?;
    assert!(epochs.starts_with("0\n1\n"), "version and count: {epochs}");
    let root = cluster.broker(1).data_dir().to_owned();
    let meta = std::fs::read_to_string(root.join("meta.properties"))?;
    assert!(
        meta.contains("version=1") && meta.contains("broker.id=1") && meta.contains("cluster.id="),
        "{meta}"
    );
    for checkpoint in ["recovery-point-offset-checkpoint", "replication-offset-checkpoint"] {
        let text = std::fs::read_to_string(root.join(checkpoint)).with_context(|| checkpoint.to_owned())?;
        assert!(text.contains("t 0 3"), "{checkpoint}: {text}");
    }
    let bytes = std::fs::read(folder.join("00000000000000000000.log"))?;
    assert_eq!(batch::all(&bytes)?.iter().map(|batch| batch.count).sum::<i32>(), 3);
    cluster.finish()
}

#[tokio::test]
async fn segments_roll_by_size_and_are_read_across() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({"segment.bytes": "20000"})).await?;
    fill(&mut cluster, 60, now_ms()).await?;
    let folder = partition(&mut cluster, 1);
    let files = segments(&folder)?;
    assert!(files.len() >= 3, "{files:?}");
    for file in &files {
        let bytes = std::fs::read(file)?;
        assert!(bytes.len() <= 20_000, "{} has {} bytes", file.display(), bytes.len());
        let name = file.file_stem().and_then(|stem| stem.to_str()).unwrap();
        let base = batch::first(&bytes)?.map(|batch| batch.base_offset);
        assert!(name.len() == 20 && base.is_none_or(|base| base == name.parse::<i64>().unwrap()), "{name}");
    }
    let offsets: Vec<i64> =
        cluster.api(1).read_all("t", 0).await?.iter().map(|record| record.offset).collect();
    assert_eq!(offsets, (0..60).collect::<Vec<i64>>());
    cluster.finish()
}

#[tokio::test]
async fn segments_roll_by_time() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({"segment.ms": "100", "retention.ms": "-1"})).await?;
    let now = now_ms();
    for n in 0..3 {
        fill(&mut cluster, 1, now + n * 1_000).await?;
    }
    let folder = partition(&mut cluster, 1);
    let files = segments(&folder)?;
    assert!(files.len() >= 2, "{files:?}");
    cluster.finish()
}

#[tokio::test]
async fn retention_by_size_and_by_time_moves_the_start() -> Result<()> {
    let mut cluster = Cluster::start_as(Plan {
        settings: vec!["log.retention.check.interval.ms=200".to_owned()],
        ..Plan::default()
    })
    .await?;
    let limits = [json!({"retention.bytes": "40000"}), json!({"retention.ms": "60000"})];
    for (round, limit) in limits.into_iter().enumerate() {
        let mut config = json!({"segment.bytes": "20000"});
        config.as_object_mut().unwrap().extend(limit.as_object().unwrap().clone());
        cluster.create_topic("t", 1, config).await?;
        // For the limit by time: an hour old.
        fill(&mut cluster, 100, now_ms() - 3_600_000 * i64::try_from(round)?).await?;
        fill(&mut cluster, 5, now_ms()).await?;
        let api = cluster.api(2);
        let start = eventually("the log start to move", PATIENCE, async || {
            let start = api.describe("t", 0).await?["log_start"].as_i64().context("no log start")?;
            ensure!(start > 20, "it is {start}");
            Ok(start)
        });
        let start = start.await?;
        let answer = api.get(&format!("{RECORDS}?offset=0")).await?;
        answer.refused(410)?;
        assert!(answer.json()?["log_start"].as_i64() >= Some(start));
        assert!(api.read("t", 0, "offset=earliest").await?[0].offset >= start);
        // Followers delete what the leader has deleted.
        for id in 1..=3 {
            let folder = partition(&mut cluster, id);
            eventually("old segments to go", PATIENCE, async || {
                let first = names(&folder, ".log").remove(0);
                ensure!(first != "00000000000000000000.log", "{} still has {first}", folder.display());
                Ok(())
            })
            .await?;
        }
        cluster.api(1).delete("/v1/topics/t").await?.ok()?;
    }
    cluster.finish()
}

#[tokio::test]
async fn a_torn_tail_is_cut_and_said_in_one_line() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    fill(&mut cluster, 10, now_ms()).await?;
    cluster.broker(1).kill();
    let folder = partition(&mut cluster, 1);
    let log = segments(&folder)?.pop().context("a segment")?;
    let whole = std::fs::metadata(&log)?.len();
    let torn = batch::all(&std::fs::read(&log)?)?[0].bytes[..500].to_vec();
    std::fs::OpenOptions::new().append(true).open(&log)?.write_all(&torn)?;
    // Indexes that a crash may leave are rebuilt.
    std::fs::write(log.with_extension("index"), [0xff; 12])?;
    std::fs::remove_file(log.with_extension("timeindex"))?;
    cluster.restart(1).await?;
    assert_eq!(cluster.api(1).read_all("t", 0).await?.len(), 10);
    assert_eq!(cluster.api(1).post_text("t", 0, "next").await?.base_offset, 10);
    assert!(std::fs::metadata(&log)?.len() > whole);
    let output = cluster.broker(1).output();
    assert!(output.lines().any(|line| line.contains("500")), "nothing says what was cut:\n{output}");
    cluster.finish()
}

#[tokio::test]
async fn every_restart_finds_everything_clean_or_not() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({"segment.bytes": "20000"})).await?;
    for round in 1..=4 {
        fill(&mut cluster, 25, now_ms()).await?;
        if round % 2 == 0 {
            cluster.broker(1).kill();
        } else {
            cluster.broker(1).stop(PATIENCE).await?;
        }
        cluster.restart(1).await?;
        assert_eq!(cluster.api(1).read_all("t", 0).await?.len(), 25 * round);
    }
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_serves_reads_and_recovers() -> Result<()> {
    let mut cluster = Cluster::prepare(Plan {
        brokers: 1,
        etcd_members: 0,
        settings: vec!["disk.reserve.bytes=1000000".to_owned()],
        ..Plan::default()
    })
    .await?;
    let data_dir = cluster.broker(1).data_dir().to_owned();
    std::fs::create_dir_all(&data_dir)?;
    let disk = cluster.folder().join("disk");
    std::fs::create_dir_all(&disk)?;
    cluster.broker(1).mount_small_disk(&disk, 24)?;
    cluster.broker(1).spec_mut().data_dir = disk.join("data");
    cluster.broker(1).start()?;
    cluster.wait_ready().await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let api = cluster.api(1);
    api.post_text("t", 0, "before").await?;
    // The broker's view of its disk, from outside of its namespace.
    let seen = PathBuf::from(format!("/proc/{}/root", cluster.broker(1).process()?.id()));
    let filler = seen.join(disk.strip_prefix("/")?).join("filler");
    let full = std::fs::File::create(&filler)?.write_all(&vec![0; 30 << 20]).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "the disk is small, and full now");
    let mut stored = 1;
    let refusal = loop {
        ensure!(stored < 60, "more than the disk can hold is stored");
        let answer = api.post(RECORDS, "text/plain", "x".repeat(500_000)).await?;
        if answer.status != 200 {
            break answer.refused(503)?;
        }
        stored += 1;
    };
    assert_eq!(refusal.written.as_deref(), Some("no"), "{}", refusal.message);
    assert!(refusal.message.contains("full"), "{}", refusal.message);
    assert_eq!(api.read("t", 0, "offset=0").await?[0].value.as_deref(), Some("before"), "reads go on");
    assert!(cluster.broker(1).is_running());
    std::fs::remove_file(&filler)?;
    eventually("writes to go on by themselves", PATIENCE, async || {
        api.post_text("t", 0, "after").await.map(drop)
    })
    .await?;
    let records = api.read_all("t", 0).await?;
    assert_eq!(records.last().and_then(|record| record.value.as_deref()), Some("after"));
    assert_eq!(records.len(), stored + 1, "what was refused is not there");
    cluster.finish()
}
