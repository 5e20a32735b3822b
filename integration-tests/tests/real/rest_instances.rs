//! Consumer instances of the REST Proxy on real brokers: taken over when they fall silent, bounded when they are abandoned,
//! and polled through brokers that die.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::join_all;
use integration_tests::api::{Answer, Api};
use integration_tests::cluster::{Cluster, Plan};
use integration_tests::eventually::eventually;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(60);
const PLAIN: &str = "application/vnd.kafka.v2+json";
const JSON: &str = "application/vnd.kafka.json.v2+json";

async fn cluster(settings: &[&str]) -> Result<Cluster> {
    let common = ["offsets.topic.num.partitions=1", "group.consumer.heartbeat.interval.ms=500"];
    let settings = common.iter().chain(settings).map(|one| (*one).to_owned()).collect();
    Cluster::start_as(Plan { brokers: 3, settings, ..Plan::default() }).await
}

async fn call(api: &Api, method: Method, path: &str, body: Value) -> Result<Answer> {
    Ok(api.send(method, path, &[("content-type", PLAIN)], body.to_string()).await?)
}

/// Creates an instance that reads `t`.
async fn create(api: &Api, group: &str, name: &str, reset: &str) -> Result<String> {
    let config =
        json!({"name": name, "format": "json", "auto.offset.reset": reset, "auto.commit.enable": "true"});
    call(api, Method::POST, &format!("/consumers/{group}"), config).await?.ok()?;
    let base = format!("/consumers/{group}/instances/{name}");
    let subscribed =
        call(api, Method::POST, &format!("{base}/subscription"), json!({"topics": ["t"]})).await?;
    ensure!(subscribed.status == 204, "{}", subscribed.text());
    Ok(base)
}

/// What a poll brings: (partition, offset).
async fn poll(api: &Api, base: &str, timeout_ms: u64) -> Result<Vec<(i64, i64)>> {
    let answer = api.get(&format!("{base}/records?timeout={timeout_ms}")).await?;
    ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
    let json = answer.json()?;
    let place = |one: &Value| Some((one["partition"].as_i64()?, one["offset"].as_i64()?));
    json.as_array().context("records")?.iter().map(|one| place(one).context("a record")).collect()
}

async fn assigned(api: &Api, base: &str) -> Result<BTreeSet<i64>> {
    let json = api.get(&format!("{base}/assignments")).await?.ok()?.json()?;
    let all = json["partitions"].as_array().context("partitions")?.iter();
    all.map(|one| one["partition"].as_i64().context("a partition")).collect()
}

async fn produce(api: &Api, partition: i32) -> Result<()> {
    let body = json!({"records": [{"value": 1, "partition": partition}]}).to_string();
    let answer = api.post("/topics/t", JSON, body).await?;
    ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
    Ok(())
}

/// A member over the native face that holds its place in the group by heartbeats.
struct Native {
    path: String,
    epoch: i64,
    has: BTreeSet<i64>,
}

impl Native {
    async fn join(api: &Api, group: &str) -> Result<Self> {
        let path = format!("/v1/groups/{group}/members");
        let joined = api.json(Method::POST, &path, &json!({"topics": ["t"]})).await?.ok()?.json()?;
        let id = joined["member_id"].as_str().context("a name")?;
        let mut native = Self { path: format!("{path}/{id}"), epoch: 0, has: BTreeSet::new() };
        native.poll(api).await?;
        Ok(native)
    }

    async fn poll(&mut self, api: &Api) -> Result<()> {
        let polled =
            api.json(Method::POST, &format!("{}/poll", self.path), &json!({})).await?.ok()?.json()?;
        self.epoch = polled["member_epoch"].as_i64().context("an epoch")?;
        let group = self.path.rsplit("/members/").nth(1).context("a group")?;
        let id = self.path.rsplit('/').next().context("a name")?;
        let view = api.get(group).await?.ok()?.json()?;
        let members = view["members"].as_array().context("members")?;
        let own = members.iter().find(|one| one["member_id"] == id).context("it is a member")?;
        let topics = own["assignment"].as_array().context("an assignment")?;
        self.has = topics
            .iter()
            .flat_map(|topic| topic["partitions"].as_array().into_iter().flatten())
            .filter_map(Value::as_i64)
            .collect();
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_instance_gives_its_partitions_to_others_and_stays() -> Result<()> {
    let mut cluster = cluster(&["consumer.instance.session.timeout.ms=2000"]).await?;
    cluster.create_topic("t", 6, json!({})).await?;
    let apis: Vec<Api> = cluster.urls().iter().map(|url| Api::new(url)).collect();
    let one = create(&apis[0], "g", "one", "earliest").await?;
    let two = create(&apis[1], "g", "two", "earliest").await?;
    let mut native = Native::join(&apis[2], "g").await?;
    let all: BTreeSet<i64> = (0..6).collect();
    let shared = async |native: &mut Native, polls: &[&str], sizes: &[usize]| {
        for base in polls {
            poll(&apis[2], base, 100).await?;
        }
        native.poll(&apis[0]).await?;
        let own = [assigned(&apis[0], &one).await?, assigned(&apis[1], &two).await?, native.has.clone()];
        let held: usize = own.iter().map(BTreeSet::len).sum();
        let union: BTreeSet<i64> = own.iter().flatten().copied().collect();
        ensure!(held == union.len(), "a partition has two owners: {own:?}");
        let mut found: Vec<usize> = own.iter().map(BTreeSet::len).collect();
        found.sort_unstable();
        ensure!(union == all && found == sizes, "{own:?}");
        Ok(())
    };
    eventually("two each", PATIENCE, async || shared(&mut native, &[&one, &two], &[2, 2, 2]).await).await?;
    let silent = Instant::now();
    eventually("three each", PATIENCE, async || shared(&mut native, &[&two], &[0, 3, 3]).await).await?;
    println!("the partitions of a silent instance were others' after {:?} (session 2 s)", silent.elapsed());
    for partition in 0..6 {
        produce(&apis[0], partition).await?;
    }
    eventually("two each again", PATIENCE, async || shared(&mut native, &[&one, &two], &[2, 2, 2]).await)
        .await?;
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_abandoned_by_the_thousand_are_bounded_and_expire() -> Result<()> {
    const GROUPS: usize = 40;
    const EACH: usize = 60;
    let limits = [
        "consumer.instances.max=1500",
        "consumer.instances.per.group.max=50",
        "consumer.instance.timeout.ms=4000",
    ];
    let cluster = cluster(&limits).await?;
    let apis: Vec<Api> = cluster.urls().iter().map(|url| Api::new(url)).collect();
    call(&apis[0], Method::POST, "/consumers/g0", json!({"name": "first"})).await?.ok()?;
    let groups = join_all((0..GROUPS).map(async |group| {
        let mut statuses = BTreeMap::new();
        for number in 0..EACH {
            let api = &apis[(group + number) % apis.len()];
            let path = format!("/consumers/g{group}");
            let answer = call(api, Method::POST, &path, json!({"name": format!("i{number}")})).await?;
            if answer.status == 429 {
                let message = answer.json()?["message"].as_str().unwrap_or_default().to_owned();
                ensure!(message.contains("no more than"), "{message}");
            }
            *statuses.entry(answer.status).or_insert(0_usize) += 1;
        }
        Ok(statuses)
    }))
    .await;
    let mut all = BTreeMap::new();
    for statuses in groups.into_iter().collect::<Result<Vec<_>>>()? {
        ensure!(statuses.get(&200).is_none_or(|count| *count <= 50 + EACH), "{statuses:?}");
        for (status, count) in statuses {
            *all.entry(status).or_insert(0_usize) += count;
        }
    }
    println!("{} instances wanted: {all:?}", GROUPS * EACH);
    ensure!(all.keys().all(|status| [200, 429].contains(status)), "{all:?}");
    ensure!(all.get(&200).is_some_and(|count| *count < 1_500), "{all:?}, and the first");
    ensure!(all.get(&429).is_some_and(|count| *count > 0), "{all:?}");
    eventually("all to be gone", PATIENCE, async || {
        let groups = apis[1].get("/v1/groups").await?.ok()?.json()?;
        ensure!(groups["groups"].as_array().is_some_and(Vec::is_empty), "{groups}");
        Ok(())
    })
    .await?;
    let gone = apis[2].get("/consumers/g0/instances/first/subscription").await?;
    ensure!(gone.status == 404 && gone.json()?["error_code"] == 40_403, "{}", gone.text());
    call(&apis[2], Method::POST, "/consumers/g0", json!({"name": "first"})).await?.ok()?;
    cluster.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_poll_wakes_on_data_and_misses_nothing_when_its_broker_dies() -> Result<()> {
    let mut cluster = cluster(&[]).await?;
    cluster.create_topic("t", 2, json!({})).await?;
    let apis: Vec<Api> = cluster.urls().iter().map(|url| Api::new(url)).collect();
    produce(&apis[0], 0).await?;
    let base = create(&apis[0], "g", "i", "latest").await?;
    let starts_are_kept = async || {
        let kept = apis[1].get(&format!("{base}/offsets?tp=t:0&tp=t:1")).await?.ok()?.json()?;
        ensure!(kept["offsets"].as_array().is_some_and(|all| all.len() == 2), "{kept}");
        Ok(())
    };
    let waiting = tokio::spawn({
        let (api, base) = (apis[0].clone(), base.clone());
        async move { (poll(&api, &base, 20_000).await, Instant::now()) }
    });
    eventually("the poll to know where it begins", PATIENCE, starts_are_kept).await?;
    produce(&apis[1], 0).await?;
    let acked = Instant::now();
    let (records, at) = waiting.await?;
    assert_eq!(records?, [(0, 1)]);
    println!("a waiting poll answered {:?} after the produce was", at.saturating_duration_since(acked));

    // One that waits at a broker which dies, and with it perhaps the group's coordinator.
    let victim = cluster.partition("__consumer_offsets", 0).await?.leader.context("a coordinator")?;
    let survivors: Vec<i32> = cluster.ids().into_iter().filter(|id| *id != victim).collect();
    let waiting = tokio::spawn({
        let (api, base) = (cluster.api(victim), base.clone());
        async move { poll(&api, &base, 20_000).await }
    });
    let (b, c) = (cluster.api(survivors[0]), cluster.api(survivors[1]));
    eventually("the poll before to be acknowledged by this one", PATIENCE, async || {
        let kept = c.get(&format!("{base}/offsets?tp=t:0")).await?.ok()?.json()?;
        ensure!(kept["offsets"][0]["offset"] == 2, "{kept}");
        Ok(())
    })
    .await?;
    cluster.broker(victim).kill();
    let died = Instant::now();
    ensure!(waiting.await?.is_err(), "its broker is dead");
    eventually("records to be taken", PATIENCE, async || produce(&b, 0).await).await?;
    let mut got = Vec::new();
    eventually("the record", PATIENCE, async || {
        let answer = c.get(&format!("{base}/records?timeout=2000")).await?;
        ensure!(answer.status != 404, "{}", answer.text());
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
        got.extend(answer.json()?.as_array().into_iter().flatten().filter_map(|one| one["offset"].as_i64()));
        ensure!(got.contains(&2), "not yet: {got:?}");
        Ok(())
    })
    .await?;
    println!("the next record came {:?} after the death", died.elapsed());
    assert!(got == [2] || got == [1, 2], "at worst a repeat, and no gap: {got:?}");
    cluster.finish()
}
