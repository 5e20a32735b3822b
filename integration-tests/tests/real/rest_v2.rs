//! The REST Proxy on real brokers: the same at each of them, honest about failures, and without stickiness.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use integration_tests::api::{Answer, Api};
use integration_tests::cluster::{Cluster, Plan};
use integration_tests::eventually::eventually;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::operations::{Printed, lines_of, run};

const PATIENCE: Duration = Duration::from_secs(60);
const PLAIN: &str = "application/vnd.kafka.v2+json";
const JSON: &str = "application/vnd.kafka.json.v2+json";

async fn cluster(brokers: i32) -> Result<Cluster> {
    let settings = vec!["offsets.topic.num.partitions=1".to_owned(), "request.timeout.ms=5000".to_owned()];
    Cluster::start_as(Plan { brokers, settings, ..Plan::default() }).await
}

async fn call(api: &Api, method: Method, path: &str, body: Value) -> Result<Answer> {
    Ok(api.send(method, path, &[("content-type", PLAIN)], body.to_string()).await?)
}

/// The (partition, offset) of each record of a produce that went well.
fn stored(answer: &Answer) -> Result<Vec<(i64, i64)>> {
    ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
    let json = answer.json()?;
    let pair = |one: &Value| Some((one["partition"].as_i64()?, one["offset"].as_i64()?));
    let offsets = json["offsets"].as_array().context("offsets")?.iter();
    offsets.map(|one| pair(one).with_context(|| format!("{json}"))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_broker_has_the_whole_face() -> Result<()> {
    let mut cluster = cluster(3).await?;
    let wish = json!({"topic_name": "t", "partitions_count": 3, "replication_factor": 3});
    assert_eq!(call(&cluster.api(2), Method::POST, "/admin/topics", wish).await?.status, 201);
    for partition in 0..3 {
        cluster.wait_isr("t", partition, 3).await?;
    }
    let apis: Vec<Api> = cluster.urls().iter().map(|url| Api::new(url)).collect();
    for (number, api) in apis.iter().enumerate() {
        eventually("the topic to be known everywhere", PATIENCE, async || {
            ensure!(api.get("/topics").await?.json()? == json!(["t"]));
            ensure!(api.get("/topics/t").await?.json()? == apis[0].get("/topics/t").await?.json()?);
            Ok(())
        })
        .await?;
        assert_eq!(api.get("/brokers").await?.json()?, json!({"brokers": [1, 2, 3]}));
        let body =
            json!({"records": (0..3).map(|p| json!({"value": number, "partition": p})).collect::<Vec<_>>()});
        let at = stored(&api.post("/topics/t", JSON, body.to_string()).await?)?;
        let number = i64::try_from(number)?;
        assert_eq!(at, [(0, number), (1, number), (2, number)], "in the order of the request");
    }
    for api in &apis {
        for partition in 0..3 {
            let ends = api.get(&format!("/topics/t/partitions/{partition}/offsets")).await?.json()?;
            assert_eq!(ends, json!({"beginning_offset": 0, "end_offset": 3}));
            let path = format!("/topics/t/partitions/{partition}/records?offset=0&timeout=1000");
            let read = api.get_as(&path, JSON).await?.ok()?.json()?;
            let values: Vec<_> =
                read.as_array().context("records")?.iter().map(|one| &one["value"]).collect();
            assert_eq!(values, [0, 1, 2]);
        }
    }
    consume_in_turns(&apis).await?;
    cluster.finish()
}

/// A consumer whose every request goes to another broker than the one before reads the nine records of topic `t`.
async fn consume_in_turns(apis: &[Api]) -> Result<()> {
    let created = call(
        &apis[0],
        Method::POST,
        "/consumers/g",
        json!({"name": "c", "enable.auto.commit": false, "auto.offset.reset": "earliest"}),
    );
    let created = created.await?.ok()?.json()?;
    assert_eq!(created["base_uri"], format!("{}/consumers/g/instances/c", apis[0].base()));
    let base = "/consumers/g/instances/c";
    let topics = json!({"topics": ["t"]});
    assert_eq!(
        call(&apis[1], Method::POST, &format!("{base}/subscription"), topics.clone()).await?.status,
        204
    );
    assert_eq!(
        call(&apis[2], Method::GET, &format!("{base}/subscription"), json!({})).await?.json()?["topics"],
        topics["topics"]
    );
    let mut got = 0;
    for api in apis.iter().cycle().take(30) {
        let records = api.get(&format!("{base}/records?timeout=2000")).await?.ok()?.json()?;
        got += records.as_array().context("records")?.len();
        if got == 9 {
            break;
        }
    }
    assert_eq!(got, 9, "each record once");
    assert_eq!(apis[1].post(&format!("{base}/offsets"), PLAIN, "").await?.status, 204);
    // A GET with a body, as Confluent has it, and with the query that proxies leave alone.
    let body = json!({"partitions": [{"topic": "t", "partition": 2}]});
    for (api, query, body) in [(&apis[2], "", body), (&apis[0], "?tp=t:2", json!({}))] {
        let committed =
            call(api, Method::GET, &format!("{base}/offsets{query}"), body).await?.ok()?.json()?;
        assert_eq!(committed["offsets"][0]["offset"], 3, "{committed}");
    }
    assert_eq!(apis[1].delete(base).await?.status, 204);
    for api in apis {
        let gone = api.get(&format!("{base}/records")).await?;
        assert_eq!((gone.status, gone.json()?["error_code"].clone()), (404, 40_403.into()));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_produce_that_fails_is_no_2xx_and_one_that_does_not_is_kept() -> Result<()> {
    let mut cluster = cluster(3).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let leader = cluster.partition("t", 0).await?.leader.context("a leader")?;
    let api = cluster.api(leader);
    let produce = async |n: i32| {
        api.post("/topics/t", JSON, json!({"records": [{"value": n}, {"value": n}]}).to_string()).await
    };
    let mut kept = vec![0];
    stored(&produce(0).await?)?;
    for id in (1..=3).filter(|id| *id != leader) {
        cluster.broker(id).kill();
    }
    for n in 1..4 {
        let answer = produce(n).await?;
        ensure!(matches!(answer.status, 503 | 504), "{}: {}", answer.status, answer.text());
        let json = answer.json()?;
        ensure!(json["message"].is_string() && json["error_code"].as_i64() >= Some(50_003), "{json}");
        let entries = json["offsets"].as_array().context("offsets")?;
        ensure!(entries.len() == 2 && entries.iter().all(|one| one["error_code"] == 50_003), "{json}");
        ensure!(entries.iter().all(|one| one["offset"].is_null() && one["error"].is_string()), "{json}");
        if json["written"] != "no" {
            kept.push(n);
        }
    }
    for id in (1..=3).filter(|id| *id != leader) {
        cluster.restart(id).await?;
    }
    let end = Instant::now() + PATIENCE;
    while let Err(error) = stored(&produce(9).await?) {
        ensure!(Instant::now() < end, "{error}");
    }
    let read = api.get_as("/topics/t/partitions/0/records?offset=0&max_bytes=100000", JSON);
    let read = read.await?.ok()?.json()?;
    let values: Vec<i64> =
        read.as_array().context("records")?.iter().filter_map(|one| one["value"].as_i64()).collect();
    ensure!(values.starts_with(&[0, 0]) && values.ends_with(&[9, 9]), "{values:?}");
    ensure!(
        values.iter().all(|value| *value == 9 || kept.iter().any(|n| i64::from(*n) == *value)),
        "{values:?}: {kept:?}"
    );
    cluster.finish()
}

/// A consumer that is polled at one broker, whatever becomes of the others.
struct Reader {
    base: String,
    /// What was read of each partition, in the order in which it came.
    seen: BTreeMap<i64, Vec<i64>>,
    /// What a repeat had brought before.
    repeats: usize,
}

impl Reader {
    fn new(base: &str) -> Self {
        Self { base: base.to_owned(), seen: BTreeMap::new(), repeats: 0 }
    }

    /// One poll; nothing if the broker cannot answer just now. That there is no such instance it must never say.
    async fn poll(&mut self, api: &Api) -> Result<()> {
        let polled = api.get(&format!("{}/records?timeout=1000&max_bytes=40", self.base)).await;
        let Ok(answer) = polled else { return Ok(()) };
        if matches!(answer.status, 503 | 504) {
            return Ok(());
        }
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
        for one in answer.json()?.as_array().context("records")? {
            let (partition, offset) =
                (one["partition"].as_i64().context("p")?, one["offset"].as_i64().context("o")?);
            let seen = self.seen.entry(partition).or_default();
            let next = i64::try_from(seen.len())?;
            if offset < next {
                self.repeats += 1;
                continue;
            }
            ensure!(offset == next, "a gap in partition {partition}: {offset} after {next}");
            seen.push(offset);
        }
        Ok(())
    }

    fn count(&self) -> usize {
        self.seen.values().map(Vec::len).sum()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_outlives_the_broker_that_created_it_and_its_coordinator() -> Result<()> {
    const RECORDS: usize = 300;
    let mut cluster = cluster(4).await?;
    cluster.create_topic("t", 3, json!({})).await?;
    let body =
        json!({"records": (0..RECORDS).map(|n| json!({"value": n, "partition": n % 3})).collect::<Vec<_>>()});
    stored(&cluster.api(1).post("/topics/t", JSON, body.to_string()).await?)?;
    // The first commit of any group creates the topic that groups are kept in.
    call(&cluster.api(1), Method::POST, "/consumers/other", json!({"name": "x"})).await?.ok()?;
    let home = cluster.wait_isr("__consumer_offsets", 0, 3).await?;
    let coordinator = home.leader.context("a coordinator")?;
    // The creator keeps no copy of the group, so that two copies of three survive.
    let creator = (1..=4).find(|id| !home.replicas.contains(id)).context("a broker without a copy")?;
    let others: Vec<i32> = (1..=4).filter(|id| ![coordinator, creator].contains(id)).collect();
    let (a, b, c) = (cluster.api(creator), cluster.api(others[0]), cluster.api(others[1]));
    let config = json!({"name": "c1", "format": "json", "auto.offset.reset": "earliest", "auto.commit.enable": "false"});
    call(&a, Method::POST, "/consumers/g", config).await?.ok()?;
    let base = "/consumers/g/instances/c1";
    assert_eq!(
        call(&a, Method::POST, &format!("{base}/subscription"), json!({"topics": ["t"]})).await?.status,
        204
    );
    let mut reader = Reader::new(base);
    let end = Instant::now() + PATIENCE;
    while reader.count() < RECORDS / 3 {
        reader.poll(&b).await?;
        ensure!(Instant::now() < end, "only {} read through B", reader.count());
    }
    cluster.broker(creator).kill();
    cluster.broker(coordinator).kill();
    let (died, before) = (Instant::now(), reader.count());
    let mut first = None;
    let end = Instant::now() + 2 * PATIENCE;
    while reader.count() < RECORDS {
        reader.poll(&c).await?;
        if first.is_none() && reader.count() > before {
            first = Some(died.elapsed());
        }
        ensure!(Instant::now() < end, "only {} of {RECORDS} read, {:?}", reader.count(), reader.seen);
    }
    println!("the next good poll {first:?} after the deaths; {} records came twice", reader.repeats);
    let view = c.get(&format!("{base}/subscription")).await?.ok()?.json()?;
    assert_eq!(view, json!({"topics": ["t"]}));
    eventually("a commit through B", PATIENCE, async || {
        let answer = b.post(&format!("{base}/offsets"), PLAIN, "").await?;
        ensure!(answer.status == 200 && answer.text() == "[]", "{}: {}", answer.status, answer.text());
        Ok(())
    })
    .await?;
    let committed = c.get(&format!("{base}/offsets?tp=t:0&tp=t:1&tp=t:2")).await?.ok()?.json()?;
    let ends: Vec<_> =
        committed["offsets"].as_array().context("offsets")?.iter().map(|one| &one["offset"]).collect();
    assert_eq!(ends, [100, 100, 100]);
    cluster.finish()
}

/// What line `number` of the README's section must have printed on a fresh cluster.
fn judge(number: usize, printed: &Printed) -> Result<()> {
    let expected = match number {
        1 => 201,
        6 | 11 => 204,
        _ => 200,
    };
    ensure!(printed.status == expected, "status {} and not {expected}", printed.status);
    let records = || -> Result<Vec<Value>> {
        let json = printed.json()?;
        Ok(json.as_array().context("records")?.iter().map(|one| one["value"].clone()).collect())
    };
    match number {
        1 => ensure!(printed.text == "{}"),
        2 => printed.has(&[r#""name":"pints""#, r#""in_sync":true"#, r#""retention.ms":"604800000""#])?,
        3 => printed
            .has(&[r#"{"partition":1,"offset":0,"error_code":null"#, r#"{"partition":1,"offset":1,"#])?,
        4 | 7 | 8 => ensure!(records()? == [json!({"n": 1}), json!("two")], "{}", printed.text),
        5 => printed.has(&[r#""instance_id":"c1""#, r#""dialect":"confluent""#])?,
        9 => ensure!(printed.text == "[]"),
        10 => printed.has(&[r#""partition":1,"offset":2"#])?,
        6 | 11 => ensure!(printed.text.is_empty()),
        other => bail!("there is no line {other}"),
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readmes_lines_work_as_printed() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    let lines = lines_of("## REST Proxy v2", &mut cluster)?;
    ensure!(lines.len() == 11, "{} lines: {lines:?}", lines.len());
    for (number, line) in (1..).zip(&lines) {
        let printed = run(line).await.with_context(|| format!("{number}. {line}"))?;
        judge(number, &printed).with_context(|| format!("{number}. {line}\n{}", printed.text))?;
    }
    cluster.finish()
}
