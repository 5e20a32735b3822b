//! Produce over HTTP: every kind of body, acknowledgements, keys, compression.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Result;
use integration_tests::api::{Api, Envelope};
use integration_tests::batch::{self, Draft};
use integration_tests::cluster::Cluster;
use integration_tests::raw_http::RawHttp;
use reqwest::Method;
use serde_json::{Value, json};

const RECORDS: &str = "/v1/topics/t/partitions/0/records";
const NDJSON: &str = "application/x-ndjson";
const BATCH: &str = "application/vnd.tidemark.batch";

async fn dev() -> Result<(Cluster, Api)> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let api = cluster.api(1);
    Ok((cluster, api))
}

fn values(records: &[Envelope]) -> Vec<&str> {
    records.iter().map(|record| record.value.as_deref().unwrap_or("<none>")).collect()
}

#[tokio::test]
async fn one_record_with_key_headers_and_timestamp() -> Result<()> {
    let (cluster, api) = dev().await?;
    let headers = [
        ("content-type", "text/plain; charset=utf-8"),
        ("tidemark-key", "customer-7"),
        ("tidemark-timestamp", "1700000000123"),
        ("tidemark-header-trace", "abc"),
    ];
    let answer = api.send(Method::POST, RECORDS, &headers, "good morning").await?;
    assert_eq!(answer.header("tidemark-partition"), "0");
    assert_eq!(answer.header("tidemark-base-offset"), "0");
    let produced = answer.produced()?;
    assert_eq!((produced.partition, produced.base_offset, produced.count), (0, 0, 1));
    let records = api.read_all("t", 0).await?;
    assert_eq!(values(&records), ["good morning"]);
    let record = &records[0];
    assert_eq!((record.key.as_deref(), record.timestamp), (Some("customer-7"), 1_700_000_000_123));
    assert_eq!(record.headers["trace"], "abc");
    cluster.finish()
}

#[tokio::test]
async fn bytes_come_back_as_they_went() -> Result<()> {
    let (cluster, api) = dev().await?;
    let bytes: Vec<u8> = (0..=255).collect();
    let headers = [("content-type", "application/octet-stream"), ("tidemark-key-base64", "AP8=")];
    api.send(Method::POST, RECORDS, &headers, bytes.clone()).await?.produced()?;
    let answer = api.get_as(&format!("{RECORDS}?offset=0&max_records=1"), "application/octet-stream").await?;
    assert_eq!(answer.body, bytes);
    let record = api.read("t", 0, "offset=0").await?.remove(0);
    assert_eq!((record.key_b64.as_deref(), &record.value), (Some("AP8="), &None));
    assert!(record.value_b64.unwrap().starts_with("AAEC"));
    api.post(RECORDS, "application/octet-stream", "").await?.produced()?;
    let empty = api.read("t", 0, "offset=1").await?.remove(0);
    assert_eq!(empty.value.as_deref(), Some(""), "an empty value is not a missing one");
    cluster.finish()
}

#[tokio::test]
async fn lines_are_stored_as_sent() -> Result<()> {
    let (cluster, api) = dev().await?;
    let lines = ["{\"b\" : 1,   \"a\":2}", "\"text\"", "[ 1 ]", "{\"last\":true}"];
    let answer = api.post(RECORDS, NDJSON, lines.join("\n")).await?.produced()?;
    assert_eq!(answer.count, 4);
    assert_eq!(values(&api.read_all("t", 0).await?), lines);
    cluster.finish()
}

#[tokio::test]
async fn enveloped_lines_and_json_carry_keys_headers_and_timestamps() -> Result<()> {
    let (cluster, api) = dev().await?;
    let records = [
        json!({"key": "k", "value": "v", "headers": {"h": "1"}, "timestamp": 1_700_000_000_001_i64}),
        json!({"value": {"n": 1}}),
        json!({"key": "gone", "value": null}),
        json!({"key_b64": "AP8=", "value_b64": "/wA="}),
    ];
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    api.post(&format!("{RECORDS}?envelope=true"), NDJSON, lines.join("\n")).await?.produced()?;
    let answer = api.post(RECORDS, "application/json", json!({"records": records}).to_string()).await?;
    assert_eq!(answer.produced()?.base_offset, 4);
    let stored = api.read_all("t", 0).await?;
    for half in stored.chunks(4) {
        assert_eq!((half[0].key.as_deref(), half[0].value.as_deref()), (Some("k"), Some("v")));
        assert_eq!((half[0].timestamp, &half[0].headers["h"]), (1_700_000_000_001, &json!("1")));
        assert_eq!(half[1].value.as_deref(), Some("{\"n\":1}"));
        assert_eq!(
            (half[2].key.as_deref(), &half[2].value, &half[2].value_b64),
            (Some("gone"), &None, &None)
        );
        assert_eq!((half[3].key_b64.as_deref(), half[3].value_b64.as_deref()), (Some("AP8="), Some("/wA=")));
    }
    cluster.finish()
}

#[tokio::test]
async fn a_batch_is_stored_as_it_came_compressed_or_not() -> Result<()> {
    let (cluster, api) = dev().await?;
    let plain = Draft::of(&[b"one", b"two"], 1_700_000_000_000);
    let drafts = [plain.clone(), plain.gzip()];
    for (n, draft) in drafts.iter().enumerate() {
        let produced = api.post(RECORDS, BATCH, draft.bytes()).await?.produced()?;
        assert_eq!((produced.base_offset, produced.count), (2 * n as i64, 2));
    }
    let answer = api.get_as(&format!("{RECORDS}?offset=0&max_bytes=100000"), BATCH).await?.ok()?;
    let stored = batch::all(&answer.body)?;
    assert_eq!(stored.len(), 2);
    for (batch, draft) in stored.iter().zip(&drafts) {
        // Base offset and leader epoch are stamped; the rest is as it was sent.
        assert_eq!(batch.bytes[16..], draft.bytes()[16..]);
    }
    assert_eq!(values(&api.read_all("t", 0).await?), ["one", "two", "one", "two"]);
    cluster.finish()
}

#[tokio::test]
async fn acknowledgements_are_chosen_by_the_client() -> Result<()> {
    let (cluster, api) = dev().await?;
    let post = |acks: &str| format!("{RECORDS}?acks={acks}");
    assert_eq!(api.post(&post("all"), "text/plain", "a").await?.status, 200);
    assert_eq!(api.post(&post("leader"), "text/plain", "b").await?.status, 200);
    assert_eq!(api.post(&post("none"), "text/plain", "c").await?.status, 202);
    let refusal = api.post(&post("most"), "text/plain", "d").await?.refused(400)?;
    assert_eq!(refusal.written.as_deref(), Some("no"));
    let third =
        integration_tests::eventually::eventually("the third record", Duration::from_secs(5), async || {
            let records = api.read_all("t", 0).await?;
            anyhow::ensure!(records.len() == 3, "{records:?}");
            Ok(records)
        });
    assert_eq!(values(&third.await?), ["a", "b", "c"]);
    cluster.finish()
}

#[tokio::test]
async fn compressed_bodies_are_unpacked() -> Result<()> {
    let (cluster, api) = dev().await?;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"{\"n\":1}\n{\"n\":2}\n")?;
    let headers = [("content-type", NDJSON), ("content-encoding", "gzip")];
    let answer = api.send(Method::POST, RECORDS, &headers, encoder.finish()?).await?;
    assert_eq!(answer.produced()?.count, 2);
    assert_eq!(values(&api.read_all("t", 0).await?), ["{\"n\":1}", "{\"n\":2}"]);
    let headers = [("content-type", NDJSON), ("content-encoding", "br")];
    api.send(Method::POST, RECORDS, &headers, "x").await?.refused(415)?;
    cluster.finish()
}

#[tokio::test]
async fn keyed_records_go_where_kafkas_partitioner_sends_them() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("keyed", 7, json!({})).await?;
    let api = cluster.api(1);
    // From Kafka's own test of Utils.murmur2.
    let known: [(&str, i32); 6] = [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ("abc", 479_470_107),
    ];
    for (key, hash) in known {
        let headers = [("content-type", "text/plain"), ("tidemark-key", key)];
        let answer = api.send(Method::POST, "/v1/topics/keyed/records", &headers, "x").await?.produced()?;
        assert_eq!(answer.partition, (hash & 0x7fff_ffff) % 7, "{key}");
    }
    cluster.finish()
}

#[tokio::test]
async fn unkeyed_records_of_one_request_stay_together() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("many", 5, json!({})).await?;
    let api = cluster.api(1);
    let lines: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    let answer = api.post("/v1/topics/many/records", NDJSON, lines.join("\n")).await?.produced()?;
    assert_eq!(answer.count, 50);
    let records = api.read_all("many", answer.partition).await?;
    assert_eq!(values(&records), lines.iter().map(String::as_str).collect::<Vec<_>>());
    cluster.finish()
}

#[tokio::test]
async fn expect_100_continue_is_decided_before_the_body() -> Result<()> {
    let (mut cluster, _) = dev().await?;
    let port = cluster.broker(1).http_port();
    let head = |path: &str, length: u64| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\
             Expect: 100-continue\r\n\r\n"
        )
    };
    let wait = Duration::from_secs(10);
    let mut connection = RawHttp::connect(port).await?;
    connection.send(head(RECORDS, 5)).await?;
    assert_eq!(connection.answer(wait).await?.status, 100);
    connection.send("hello").await?;
    assert_eq!(connection.answer(wait).await?.status, 200);
    let mut connection = RawHttp::connect(port).await?;
    connection.send(head("/v1/topics/nothing/partitions/0/records", 5)).await?;
    assert_eq!(connection.answer(wait).await?.status, 404, "refused without asking for the body");
    let mut connection = RawHttp::connect(port).await?;
    connection.send(head(RECORDS, 10_000_000_000)).await?;
    assert_eq!(connection.answer(wait).await?.status, 413, "refused without asking for the body");
    cluster.finish()
}
