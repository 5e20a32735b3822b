//! Consumer groups with kcat, a real client: members share, take over, come back, and outlive their coordinator.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration_tests::cluster::Cluster;
use integration_tests::eventually::eventually;
use integration_tests::kafka::{KcatMember, kcat};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(60);

/// The group of all tests, and the partition of the offsets topic that Kafka's hash puts it in: 'g' is 103.
const GROUP: &str = "g";
const SHARD: i32 = 103 % 50;

/// Writes lines that say `what` and their number, to all partitions.
async fn write(port: u16, topic: &str, what: &str, count: usize) -> Result<Vec<String>> {
    let lines: Vec<String> = (0..count).map(|n| format!("{what}-{n}")).collect();
    let input: String = lines.iter().map(|line| format!("{line}:{line}\n")).collect();
    kcat(port, &["-P", "-t", topic, "-K", ":", "-X", "acks=all"], input.as_bytes()).await?;
    Ok(lines)
}

/// Reads in the group until the end of every partition, commits, and leaves.
async fn read(port: u16, topic: &str) -> Result<BTreeSet<String>> {
    let arguments = ["-G", GROUP, "-e", "-q", "-X", "auto.offset.reset=earliest", topic];
    let output = String::from_utf8(kcat(port, &arguments, b"").await?)?;
    let lines: Vec<&str> = output.lines().collect();
    let distinct: BTreeSet<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    ensure!(distinct.len() == lines.len(), "nothing is read twice: {lines:?}");
    Ok(distinct)
}

fn set(lines: &[String]) -> BTreeSet<String> {
    lines.iter().cloned().collect()
}

#[tokio::test]
async fn two_members_share_the_partitions_and_one_takes_over_from_the_other() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 4, json!({})).await?;
    let ports: Vec<u16> = cluster.brokers().iter().map(|broker| broker.kafka_port()).collect();
    let one = KcatMember::start(&ports, GROUP, "t")?;
    eventually("one member has everything", PATIENCE, async || {
        ensure!(one.assigned().len() == 4, "{:?}", one.assigned());
        Ok(())
    })
    .await?;
    let other = KcatMember::start(&ports[1..], GROUP, "t")?;
    eventually("two members have one half each", PATIENCE, async || {
        let (a, b) = (one.assigned(), other.assigned());
        ensure!(a.len() == 2 && b.len() == 2 && a.is_disjoint(&b), "{a:?} {b:?}");
        Ok(())
    })
    .await?;
    let lines = write(ports[0], "t", "shared", 200).await?;
    eventually("all is read once", PATIENCE, async || {
        let read = [one.records(), other.records()].concat();
        ensure!(read.len() == lines.len() && set(&read) == set(&lines), "{} of {}", read.len(), lines.len());
        Ok(())
    })
    .await?;
    one.kill().await?;
    let later = write(ports[0], "t", "later", 200).await?;
    eventually("the other has taken over", PATIENCE, async || {
        ensure!(other.assigned().len() == 4, "{:?}", other.assigned());
        let read = set(&other.records());
        ensure!(read.is_superset(&set(&later)), "{} lines", read.len());
        Ok(())
    })
    .await?;
    cluster.finish()
}

#[tokio::test]
async fn a_group_that_comes_back_starts_where_it_committed_though_its_coordinator_was_killed() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 3, json!({})).await?;
    let port = cluster.broker(1).kafka_port();
    let first = write(port, "t", "first", 100).await?;
    assert_eq!(read(port, "t").await?, set(&first));
    let second = write(port, "t", "second", 50).await?;
    assert_eq!(read(port, "t").await?, set(&second));

    let coordinator = cluster.partition("__consumer_offsets", SHARD).await?.leader.context("a leader")?;
    cluster.broker(coordinator).kill();
    let port = cluster.broker(coordinator % 3 + 1).kafka_port();
    let third = write(port, "t", "third", 50).await?;
    assert_eq!(read(port, "t").await?, set(&third));
    cluster.finish()
}

#[tokio::test]
async fn members_go_on_when_their_coordinator_is_killed() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 4, json!({})).await?;
    let ports: Vec<u16> = cluster.brokers().iter().map(|broker| broker.kafka_port()).collect();
    let members = [KcatMember::start(&ports, GROUP, "t")?, KcatMember::start(&ports, GROUP, "t")?];
    let shared = async || {
        let (a, b) = (members[0].assigned(), members[1].assigned());
        ensure!(a.len() + b.len() == 4 && a.is_disjoint(&b) && !a.is_empty() && !b.is_empty(), "{a:?} {b:?}");
        Ok(())
    };
    let all_read = async |lines: &[String]| {
        eventually("all is read", PATIENCE, async || {
            let read = set(&[members[0].records(), members[1].records()].concat());
            ensure!(read.is_superset(&set(lines)), "{} of {} and more", read.len(), lines.len());
            Ok(())
        })
        .await
    };
    eventually("both have a share", PATIENCE, shared).await?;
    all_read(&write(ports[0], "t", "before", 100).await?).await?;
    let coordinator = cluster.partition("__consumer_offsets", SHARD).await?.leader.context("a leader")?;
    cluster.broker(coordinator).kill();
    let survivor = cluster.broker(coordinator % 3 + 1).kafka_port();
    all_read(&write(survivor, "t", "after", 100).await?).await?;
    eventually("both have a share again", PATIENCE, shared).await?;
    // The group still finds out who is gone.
    let [one, other] = members;
    one.kill().await?;
    eventually("the other takes over at the new coordinator", PATIENCE, async || {
        ensure!(other.assigned().len() == 4, "{:?}", other.assigned());
        Ok(())
    })
    .await?;
    cluster.finish()
}
