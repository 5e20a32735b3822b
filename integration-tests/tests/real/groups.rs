//! Consumer groups on real brokers: shared, taken over, moved with their coordinator, kept.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use integration_tests::api::{Answer, Api};
use integration_tests::cluster::{Cluster, Plan};
use integration_tests::eventually::eventually;
use integration_tests::kafka::kcat;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(60);

/// One group's partition only, so that its leader coordinates every group, and short sessions.
async fn cluster(partitions: i32) -> Result<Cluster> {
    let settings = vec![
        format!("offsets.topic.num.partitions={partitions}"),
        "group.min.session.timeout.ms=1000".to_owned(),
        "group.consumer.heartbeat.interval.ms=500".to_owned(),
        "group.initial.rebalance.delay.ms=0".to_owned(),
    ];
    Cluster::start_as(Plan { settings, ..Plan::default() }).await
}

/// A member that calls one broker after the other.
struct Member {
    apis: Vec<Api>,
    calls: usize,
    group: String,
    id: String,
    token: Option<String>,
}

impl Member {
    async fn join(urls: &[String], group: &str, wish: Value) -> Result<Self> {
        let apis: Vec<Api> = urls.iter().map(|url| Api::new(url)).collect();
        let mut member = Self { apis, calls: 0, group: group.to_owned(), id: String::new(), token: None };
        member.join_again(wish).await?;
        Ok(member)
    }

    async fn join_again(&mut self, wish: Value) -> Result<()> {
        let path = format!("/v1/groups/{}/members", self.group);
        let joined = self.call(&path, &wish).await?.ok()?.json()?;
        self.id = joined["member_id"].as_str().context("a name")?.to_owned();
        self.token = None;
        Ok(())
    }

    /// Asks the next broker, and the one after it if that is down or not ready.
    async fn call(&mut self, path: &str, body: &Value) -> Result<Answer> {
        let end = Instant::now() + PATIENCE;
        loop {
            self.calls += 1;
            let api = &self.apis[self.calls % self.apis.len()];
            match api.json(Method::POST, path, body).await {
                Ok(answer) if answer.status < 500 => return Ok(answer),
                other if Instant::now() >= end => bail!("{path}: {other:?}"),
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// The next records as (topic, partition, offset, value).
    async fn poll(&mut self, wait_ms: u64) -> Result<Vec<(i64, i64, String)>> {
        let path = format!("/v1/groups/{}/members/{}/poll?wait_ms={wait_ms}", self.group, self.id);
        let answer = self.call(&path, &json!({ "ack": self.token })).await?.ok()?.json()?;
        self.token = answer["token"].as_str().map(str::to_owned);
        let record = |one: &Value| {
            Some((one["partition"].as_i64()?, one["offset"].as_i64()?, one["value"].as_str()?.to_owned()))
        };
        let records = answer["records"].as_array().context("records")?;
        records.iter().map(|one| record(one).context("a record")).collect()
    }
}

fn earliest() -> Value {
    json!({ "topics": ["t"], "auto_offset_reset": "earliest", "session_timeout_ms": 1_500 })
}

/// Stores values `from..to`, spread over the partitions.
async fn produce(cluster: &mut Cluster, partitions: i32, values: std::ops::Range<i32>) -> Result<()> {
    let id = cluster.a_running_broker()?;
    let api = cluster.api(id);
    for partition in 0..partitions {
        let lines: Vec<String> =
            values.clone().filter(|n| n % partitions == partition).map(|n| n.to_string()).collect();
        if !lines.is_empty() {
            api.post_lines("t", partition, &lines).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_members_share_a_topic_and_the_survivor_takes_over() -> Result<()> {
    let mut cluster = cluster(4).await?;
    cluster.create_topic("t", 4, json!({})).await?;
    produce(&mut cluster, 4, 0..40).await?;
    let mut one = Member::join(&cluster.urls(), "g", earliest()).await?;
    let mut two = Member::join(&cluster.urls(), "g", earliest()).await?;
    let (mut ones, mut twos) = (BTreeSet::new(), BTreeSet::new());
    let end = Instant::now() + PATIENCE;
    // Until both hold two partitions: each has read from some that the other does not hold.
    loop {
        ones.extend(one.poll(50).await?);
        twos.extend(two.poll(50).await?);
        let id = cluster.a_running_broker()?;
        let group = cluster.api(id).get("/v1/groups/g").await?.ok()?.json()?;
        let held = |member: &Value| member["assignment"][0]["partitions"].as_array().map_or(0, Vec::len);
        let all: Vec<usize> = group["members"].as_array().context("members")?.iter().map(held).collect();
        if all == [2, 2] && group["state"] == "Stable" {
            break;
        }
        ensure!(Instant::now() < end, "they do not share: {group}");
    }
    let (before_one, before_two) = (ones.len(), twos.len());
    produce(&mut cluster, 4, 40..80).await?;
    eventually("both read their halves", PATIENCE, async || {
        ones.extend(one.poll(50).await?);
        twos.extend(two.poll(50).await?);
        ensure!(ones.len() + twos.len() >= before_one + before_two + 40);
        Ok(())
    })
    .await?;
    let shared: Vec<_> = ones.intersection(&twos).filter(|one| one.2.parse::<i32>().unwrap() >= 40).collect();
    assert!(shared.is_empty(), "within one generation nobody reads another's: {shared:?}");

    // One falls silent, with what it polled last not acknowledged.
    produce(&mut cluster, 4, 80..120).await?;
    let unacknowledged = one.poll(1_000).await?;
    drop(one);
    eventually("the survivor reads all", PATIENCE, async || {
        twos.extend(two.poll(200).await?);
        let values: BTreeSet<i32> =
            ones.iter().chain(&twos).map(|(_, _, value)| value.parse().unwrap()).collect();
        ensure!(values == (0..120).collect(), "{} of 120", values.len());
        ensure!(
            unacknowledged.iter().all(|record| twos.contains(record)),
            "what was not acknowledged comes again"
        );
        Ok(())
    })
    .await?;
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_goes_on_without_gap_when_the_coordinator_is_killed() -> Result<()> {
    let mut cluster = cluster(1).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let mut member = Member::join(&cluster.urls(), "g", earliest()).await?;
    let mut seen = Vec::new();
    for round in 0..3 {
        produce(&mut cluster, 1, round * 100..round * 100 + 100).await?;
        let path = format!("/v1/groups/g/members/{}/poll?wait_ms=5000&max_records=30", member.id);
        let first = member.call(&path, &json!({ "ack": member.token })).await?.ok()?.json()?;
        let coordinator =
            cluster.partition("__consumer_offsets", 0).await?.leader.context("a coordinator")?;
        cluster.broker(coordinator).kill();
        // The answer was lost, the coordinator died: the same poll gives the same records.
        let again = member.call(&path, &json!({ "ack": member.token })).await?.ok()?.json()?;
        assert_eq!(first["records"][0], again["records"][0], "round {round}");
        while seen.len() < usize::try_from(round)? * 100 + 100 {
            seen.extend(member.poll(2_000).await?);
        }
        cluster.restart(coordinator).await?;
        cluster.wait_isr("__consumer_offsets", 0, 3).await?;
    }
    let values: Vec<i32> = seen.iter().map(|(_, _, value)| value.parse().unwrap()).collect();
    assert_eq!(
        values,
        (0..300).collect::<Vec<_>>(),
        "each once and in order, since each poll was acknowledged"
    );
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_read_apart_come_back_where_they_were_and_their_commits_survive() -> Result<()> {
    const GROUPS: usize = 20;
    const COMMITS: usize = 500;
    let mut cluster = cluster(4).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    produce(&mut cluster, 1, 0..10).await?;
    let urls = cluster.urls();
    let commit_all = (0..GROUPS).map(|group| {
        let api = Api::new(&urls[group % urls.len()]);
        async move {
            for offset in 1..=COMMITS {
                let body = json!({ "offsets": [{ "topic": "t", "partition": 0, "offset": offset }] });
                api.put_json(&format!("/v1/groups/w{group}/offsets"), &body).await?.ok()?;
            }
            Ok::<_, anyhow::Error>(())
        }
    });
    futures_util::future::try_join_all(commit_all).await?;
    for reader in ["a", "b"] {
        let mut member = Member::join(&urls, reader, earliest()).await?;
        assert_eq!(member.poll(5_000).await?.len(), 10, "each group reads all");
        assert!(member.poll(0).await?.is_empty());
        let path = format!("/v1/groups/{reader}/members/{}", member.id);
        member.apis[0].delete(&path).await?.ok()?;
    }
    produce(&mut cluster, 1, 10..11).await?;
    for id in cluster.ids() {
        cluster.broker(id).kill();
        cluster.restart(id).await?;
        for partition in 0..4 {
            cluster.wait_isr("__consumer_offsets", partition, 3).await?;
        }
        cluster.wait_isr("t", 0, 3).await?;
    }
    for reader in ["a", "b"] {
        let mut member = Member::join(&urls, reader, earliest()).await?;
        let records = member.poll(5_000).await?;
        assert_eq!(records.iter().map(|record| record.1).collect::<Vec<_>>(), [10], "it begins where it was");
    }
    for group in 0..GROUPS {
        let api = cluster.api(i32::try_from(group % 3)? + 1);
        let kept = api.get(&format!("/v1/groups/w{group}/offsets")).await?.ok()?.json()?;
        assert_eq!(kept["offsets"][0]["offset"], COMMITS, "group {group}: {kept}");
    }
    let listed = cluster.api(1).get("/v1/groups").await?.ok()?.json()?;
    assert_eq!(listed["groups"].as_array().context("groups")?.len(), GROUPS + 2, "{listed}");
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kcat_reads_as_a_group_and_resumes() -> Result<()> {
    let mut cluster = cluster(4).await?;
    cluster.create_topic("t", 3, json!({})).await?;
    produce(&mut cluster, 3, 0..30).await?;
    let port = cluster.broker(2).kafka_port();
    let read = async |count: &str| -> Result<Vec<String>> {
        let arguments = [
            "-G",
            "g",
            "t",
            "-q",
            "-c",
            count,
            "-X",
            "auto.offset.reset=earliest",
            "-X",
            "session.timeout.ms=6000",
        ];
        let output = String::from_utf8(kcat(port, &arguments, b"").await?)?;
        Ok(output.lines().map(str::to_owned).collect())
    };
    let first = read("30").await?;
    assert_eq!(first.len(), 30);
    produce(&mut cluster, 3, 30..36).await?;
    let mut second: Vec<i32> = read("6").await?.iter().map(|line| line.parse().unwrap()).collect();
    second.sort_unstable();
    assert_eq!(second, (30..36).collect::<Vec<_>>(), "it goes on where it committed");
    let lag = cluster.api(3).get("/v1/groups/g/lag").await?.ok()?.json()?;
    assert_eq!(lag["total"], 0, "{lag}");
    cluster.finish()
}
