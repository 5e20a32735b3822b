//! Administrators at the Kafka port of real brokers, in frames by hand: what is changed at one broker is so at all.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration_tests::cluster::Cluster;
use integration_tests::eventually::eventually;
use integration_tests::kafka::{Wire, frame, kcat};
use reqwest::Method;
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(30);

const CREATE_TOPICS: i16 = 19;
const DELETE_TOPICS: i16 = 20;
const DESCRIBE_CONFIGS: i16 = 32;
const CREATE_PARTITIONS: i16 = 37;
const ALTER_CONFIGS_ONE_BY_ONE: i16 = 44;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// A body as the versions before the flexible ones have it.
#[derive(Default)]
struct Body(Vec<u8>);

impl Body {
    fn i8(mut self, value: i8) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn i16(mut self, value: i16) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn i32(mut self, value: i32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn text(self, value: &str) -> Self {
        let mut this = self.i16(i16::try_from(value.len()).unwrap());
        this.0.extend(value.as_bytes());
        this
    }
}

/// An answer, read from its front.
struct Answer(Vec<u8>);

impl Answer {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let rest = self.0.split_off(N);
        std::mem::replace(&mut self.0, rest).try_into().unwrap()
    }

    fn i8(&mut self) -> i8 {
        i8::from_be_bytes(self.take())
    }

    fn i16(&mut self) -> i16 {
        i16::from_be_bytes(self.take())
    }

    fn i32(&mut self) -> i32 {
        i32::from_be_bytes(self.take())
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.i16()).ok()?;
        let rest = self.0.split_off(length);
        Some(String::from_utf8(std::mem::replace(&mut self.0, rest)).unwrap())
    }
}

/// Asks a broker, and gives the answer from behind its correlation id and its throttle time.
async fn ask(cluster: &mut Cluster, broker: i32, key: i16, version: i16, body: Body) -> Result<Answer> {
    let mut wire = Wire::connect(cluster.broker(broker).kafka_port()).await?;
    wire.send(&frame(key, version, 7, &body.0)).await?;
    let mut answer = Answer(wire.answer(PATIENCE).await?.context("the broker hung up")?);
    assert_eq!((answer.i32(), answer.i32()), (7, 0));
    Ok(answer)
}

async fn create(
    cluster: &mut Cluster,
    broker: i32,
    name: &str,
    partitions: i32,
    copies: i16,
    validate_only: bool,
) -> Result<i16> {
    let topic = Body::default().i32(1).text(name).i32(partitions).i16(copies).i32(0).i32(0);
    let body = topic.i32(10_000).i8(i8::from(validate_only));
    let mut answer = ask(cluster, broker, CREATE_TOPICS, 2, body).await?;
    ensure!(answer.i32() == 1 && answer.text().as_deref() == Some(name), "another topic");
    let error = answer.i16();
    ensure!(answer.text().is_some() == (error != 0), "an error is told in words");
    Ok(error)
}

async fn delete(cluster: &mut Cluster, broker: i32, name: &str) -> Result<i16> {
    let body = Body::default().i32(1).text(name).i32(10_000);
    let mut answer = ask(cluster, broker, DELETE_TOPICS, 1, body).await?;
    ensure!(answer.i32() == 1 && answer.text().as_deref() == Some(name), "another topic");
    Ok(answer.i16())
}

/// Sets a topic's setting, or takes it back to its default.
async fn alter(
    cluster: &mut Cluster,
    broker: i32,
    topic: &str,
    name: &str,
    value: Option<&str>,
) -> Result<i16> {
    let body = Body::default().i32(1).i8(TOPIC).text(topic).i32(1).text(name);
    let body = match value {
        Some(value) => body.i8(0).text(value),
        None => body.i8(1).i16(-1),
    };
    let mut answer = ask(cluster, broker, ALTER_CONFIGS_ONE_BY_ONE, 0, body.i8(0)).await?;
    ensure!(answer.i32() == 1, "one resource");
    Ok(answer.i16())
}

/// The value of a setting and the number of where it comes from, as one broker tells it.
async fn described(
    cluster: &mut Cluster,
    asked: i32,
    kind: i8,
    name: &str,
    setting: &str,
) -> Result<(Option<String>, i8)> {
    let body = Body::default().i32(1).i8(kind).text(name).i32(1).text(setting).i8(0);
    let mut answer = ask(cluster, asked, DESCRIBE_CONFIGS, 1, body).await?;
    ensure!(answer.i32() == 1, "one resource");
    let error = answer.i16();
    ensure!(error == 0, "{error}: {:?}", answer.text());
    answer.text();
    assert_eq!((answer.i8(), answer.text().as_deref()), (kind, Some(name)));
    ensure!(answer.i32() == 1 && answer.text().as_deref() == Some(setting), "the setting asked for");
    let value = answer.text();
    let _read_only = answer.i8();
    Ok((value, answer.i8()))
}

#[tokio::test]
async fn a_topic_is_made_grown_and_deleted_at_any_broker() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    assert_eq!(create(&mut cluster, 1, "t", 2, 3, true).await?, 0);
    cluster.api(1).get("/v1/topics/t").await?.refused(404)?;
    assert_eq!(create(&mut cluster, 1, "t", 2, 3, false).await?, 0);
    assert_eq!(create(&mut cluster, 2, "t", 2, 3, false).await?, 36, "it exists");
    assert_eq!(create(&mut cluster, 2, "u", 0, 3, false).await?, 37, "no partitions");
    assert_eq!(create(&mut cluster, 2, "u", 1, 4, false).await?, 38, "four copies on three brokers");
    assert_eq!(create(&mut cluster, 2, "u v", 1, 3, false).await?, 17, "no name");
    let grow = Body::default().i32(1).text("t").i32(5).i32(-1).i32(10_000).i8(0);
    let mut grown = ask(&mut cluster, 3, CREATE_PARTITIONS, 0, grow).await?;
    assert_eq!((grown.i32(), grown.text().as_deref(), grown.i16()), (1, Some("t"), 0));
    let port = cluster.broker(2).kafka_port();
    eventually("all partitions are led", PATIENCE, async || {
        let text = String::from_utf8(kcat(port, &["-L", "-t", "t"], b"").await?)?;
        ensure!(text.contains("topic \"t\" with 5 partitions") && !text.contains("leader -1"), "{text}");
        Ok(())
    })
    .await?;
    kcat(port, &["-P", "-t", "t", "-p", "4", "-X", "acks=all"], b"hello\n").await?;
    assert_eq!(delete(&mut cluster, 2, "t").await?, 0);
    cluster.api(2).get("/v1/topics/t").await?.refused(404)?;
    assert_eq!(delete(&mut cluster, 2, "t").await?, 3);
    cluster.finish()
}

#[tokio::test]
async fn settings_change_while_the_cluster_runs_and_any_broker_tells_of_each() -> Result<()> {
    let mut cluster = Cluster::start(2).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    assert_eq!(alter(&mut cluster, 1, "t", "max.message.bytes", Some("300")).await?, 0);
    assert_eq!(alter(&mut cluster, 1, "t", "max.message.bytes", Some("many")).await?, 40);
    assert_eq!(alter(&mut cluster, 1, "nope", "max.message.bytes", Some("300")).await?, 3);
    let large = "x".repeat(1_000);
    let path = "/v1/topics/t/partitions/0/records";
    for id in [1, 2] {
        let api = cluster.api(id);
        eventually("large records are refused", PATIENCE, async || {
            api.post(path, "text/plain", large.clone()).await?.refused(413).map(drop)
        })
        .await?;
        let told = described(&mut cluster, id, TOPIC, "t", "max.message.bytes").await?;
        assert_eq!(told, (Some("300".to_owned()), 1));
    }
    assert_eq!(alter(&mut cluster, 2, "t", "max.message.bytes", None).await?, 0);
    for id in [1, 2] {
        let api = cluster.api(id);
        eventually("large records are taken again", PATIENCE, async || {
            api.post(path, "text/plain", large.clone()).await?.produced().map(drop)
        })
        .await?;
        let (_, source) = described(&mut cluster, id, TOPIC, "t", "max.message.bytes").await?;
        assert_eq!(source, 5, "the default");
    }
    for (asked, of) in [(1, "1"), (1, "2"), (2, "1")] {
        let told = described(&mut cluster, asked, BROKER, of, "broker.id").await?;
        assert_eq!(told, (Some(of.to_owned()), 4), "broker {asked} of broker {of}");
    }
    let answer = cluster.api(2).json(Method::PATCH, "/v1/topics/t", &json!({"config": {}})).await?.ok()?;
    ensure!(!answer.text().contains("max.message.bytes"), "{}", answer.text());
    cluster.finish()
}
