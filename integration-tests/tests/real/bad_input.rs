//! Bad input: each kind gets its own clear answer, stores nothing, and costs other clients nothing.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Result;
use integration_tests::api::Api;
use integration_tests::batch::Draft;
use integration_tests::cluster::{Cluster, Plan};
use integration_tests::eventually::eventually;
use integration_tests::kafka::{Wire, frame};
use integration_tests::raw_http::RawHttp;
use reqwest::Method;
use serde_json::json;

const RECORDS: &str = "/v1/topics/t/partitions/0/records";
const BATCH: &str = "application/vnd.tidemark.batch";
const WAIT: Duration = Duration::from_secs(10);

async fn dev() -> Result<(Cluster, Api)> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let api = cluster.api(1);
    Ok((cluster, api))
}

/// Another client is served, and nothing has been stored before it.
async fn unharmed(api: &Api) -> Result<()> {
    assert_eq!(api.post_text("t", 0, "still well").await?.base_offset, 0, "something was stored");
    Ok(())
}

#[tokio::test]
async fn a_wrong_content_type_is_415_with_those_that_are_right() -> Result<()> {
    let (cluster, api) = dev().await?;
    for kind in ["application/xml", "application/x-www-form-urlencoded", "nonsense"] {
        let refusal = api.post(RECORDS, kind, "x").await?.refused(415)?;
        assert!(refusal.message.contains("application/x-ndjson"), "{}", refusal.message);
        assert_eq!(refusal.written.as_deref(), Some("no"));
    }
    api.send(Method::POST, RECORDS, &[], "x").await?.refused(415)?;
    unharmed(&api).await?;
    cluster.finish()
}

#[tokio::test]
async fn bad_json_on_line_three_of_five_stores_none_of_them() -> Result<()> {
    let (cluster, api) = dev().await?;
    let lines = "{\"value\":\"1\"}\n{\"value\":\"2\"}\n{\"value\":\n{\"value\":\"4\"}\n{\"value\":\"5\"}\n";
    let answer = api.post(&format!("{RECORDS}?envelope=true"), "application/x-ndjson", lines).await?;
    let refusal = answer.refused(400)?;
    assert!(refusal.message.contains("line 3"), "{}", refusal.message);
    for body in ["{\"records\":", "{\"records\":7}", "{}", "[]", "{\"records\":[{\"valu\":1}]}", ""] {
        let answer = api.post(RECORDS, "application/json", body).await?;
        assert!(matches!(answer.status, 400 | 422), "{body}: {} {}", answer.status, answer.text());
        answer.refused(answer.status)?;
    }
    unharmed(&api).await?;
    cluster.finish()
}

#[tokio::test]
async fn a_body_that_stops_short_stores_nothing() -> Result<()> {
    let (mut cluster, api) = dev().await?;
    let port = cluster.broker(1).http_port();
    for head in [
        "Content-Length: 100\r\n\r\n{\"a\":1}\n{\"b",
        "Transfer-Encoding: chunked\r\n\r\n9\r\n{\"a\":1}\n\r\n5\r\n{",
    ] {
        let mut connection = RawHttp::connect(port).await?;
        let line = format!("POST {RECORDS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n");
        connection.send(format!("{line}{head}")).await?;
        drop(connection);
    }
    unharmed(&api).await?;
    cluster.finish()
}

#[tokio::test]
async fn bodies_that_never_end_do_not_keep_others_waiting() -> Result<()> {
    let (mut cluster, api) = dev().await?;
    let port = cluster.broker(1).http_port();
    let mut open = Vec::new();
    for _ in 0..60 {
        let mut connection = RawHttp::connect(port).await?;
        let head = format!(
            "POST {RECORDS} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        connection.send(head).await?;
        connection.send("1\r\nx\r\n").await?;
        open.push(connection);
    }
    unharmed(&api).await?;
    drop(open);
    cluster.finish()
}

#[tokio::test]
async fn a_header_bomb_is_431() -> Result<()> {
    let (mut cluster, api) = dev().await?;
    let port = cluster.broker(1).http_port();
    let many: String = (0..2_000).map(|n| format!("X-{n}: y\r\n")).collect();
    let large = format!("Tidemark-Key: {}\r\n", "k".repeat(1_000_000));
    for headers in [many, large] {
        let mut connection = RawHttp::connect(port).await?;
        // The broker may answer and close before it has read everything.
        let _ = connection.send(format!("GET {RECORDS} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")).await;
        assert_eq!(connection.answer(WAIT).await?.status, 431);
    }
    unharmed(&api).await?;
    cluster.finish()
}

#[tokio::test]
async fn nonsense_instead_of_http_costs_only_its_own_connection() -> Result<()> {
    let (mut cluster, api) = dev().await?;
    let port = cluster.broker(1).http_port();
    for nonsense in
        ["\0\0\0\x10hello", "GET\r\n\r\n", "BREW / HTCPCP/1.0\r\n\r\n", "\x16\x03\x01\x02\0\x01\0\x01"]
    {
        let mut connection = RawHttp::connect(port).await?;
        connection.send(nonsense).await?;
        drop(connection);
    }
    unharmed(&api).await?;
    cluster.finish()
}

#[tokio::test]
async fn sizes_over_the_limits_are_413() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({"max.message.bytes": "100000"})).await?;
    let api = cluster.api(1);
    let refusal = api.post(RECORDS, "text/plain", "x".repeat(200_000)).await?.refused(413)?;
    assert!(refusal.message.contains("100000"), "it says the limit: {}", refusal.message);
    assert_eq!(refusal.written.as_deref(), Some("no"));
    let port = cluster.broker(1).http_port();
    let mut connection = RawHttp::connect(port).await?;
    let head = "Host: x\r\nContent-Type: text/plain\r\nContent-Length: 99999999999";
    connection.send(format!("POST {RECORDS} HTTP/1.1\r\n{head}\r\n\r\n")).await?;
    assert_eq!(connection.answer(WAIT).await?.status, 413);
    unharmed(&api).await?;
    cluster.finish()
}

#[tokio::test]
async fn a_million_character_key_is_a_record_like_any_other() -> Result<()> {
    let (cluster, api) = dev().await?;
    let key = "k".repeat(1_000_000);
    let body = json!({"records": [{"key": key, "value": "v"}]}).to_string();
    api.post(RECORDS, "application/json", body).await?.produced()?;
    assert_eq!(api.read_all("t", 0).await?[0].key.as_ref().map(String::len), Some(1_000_000));
    cluster.finish()
}

#[tokio::test]
async fn a_batch_with_false_claims_is_refused() -> Result<()> {
    let (cluster, api) = dev().await?;
    let good = Draft::of(&[b"one", b"two"], 1_700_000_000_000);
    let mut cut = good.bytes();
    cut.truncate(cut.len() - 3);
    let mut long = good.bytes();
    long[8..12].copy_from_slice(&i32::MAX.to_be_bytes());
    let mut garbage_records = good.clone();
    garbage_records.records = vec![0xff; 40];
    let lies = [
        ("checksum", Draft { checksum_error: 1, ..good.clone() }.bytes()),
        ("count", Draft { count: 3, ..good.clone() }.bytes()),
        ("negative count", Draft { count: -1, ..good.clone() }.bytes()),
        ("huge count", Draft { count: i32::MAX, last_offset_delta: i32::MAX - 1, ..good.clone() }.bytes()),
        ("last offset delta", Draft { last_offset_delta: 9, ..good.clone() }.bytes()),
        ("magic", Draft { magic: 1, ..good.clone() }.bytes()),
        ("records", garbage_records.bytes()),
        ("cut", cut),
        ("length", long),
        ("nothing", Vec::new()),
        ("two batches", [good.bytes(), good.bytes()].concat()),
        ("control", Draft { attributes: 0x20, ..good.clone() }.bytes()),
        ("codec", Draft { attributes: 7, ..good.clone() }.bytes()),
    ];
    for (what, bytes) in lies {
        let answer = api.post(RECORDS, BATCH, bytes).await?;
        if what == "two batches" && answer.status == 200 {
            continue;
        }
        assert!(matches!(answer.status, 400 | 413 | 422), "{what}: {} {}", answer.status, answer.text());
        assert_eq!(answer.refused(answer.status)?.written.as_deref(), Some("no"), "{what}");
    }
    let stored = api.read_all("t", 0).await?;
    assert!(stored.iter().all(|record| record.value.as_deref().is_some_and(|value| value.len() == 3)));
    cluster.finish()
}

#[tokio::test]
async fn decompression_bombs_are_refused_without_being_unpacked() -> Result<()> {
    let (mut cluster, api) = dev().await?;
    // 512 MiB of nothing, told in half a MB of gzip.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let piece = vec![0; 1 << 20];
    for _ in 0..512 {
        encoder.write_all(&piece)?;
    }
    let bomb = encoder.finish()?;
    let draft = Draft { attributes: 1, records: bomb.clone(), ..Draft::of(&[b"x"], 1) };
    let answer = api.post(RECORDS, BATCH, draft.bytes()).await?;
    assert!(matches!(answer.status, 413 | 422), "{} {}", answer.status, answer.text());
    let headers = [("content-type", "text/plain"), ("content-encoding", "gzip")];
    api.send(Method::POST, RECORDS, &headers, bomb).await?.refused(413)?;
    let memory = integration_tests::process::usage(cluster.broker(1).process()?.id())?.resident_bytes;
    assert!(memory < 300 << 20, "resident: {memory}");
    unharmed(&api).await?;
    cluster.finish()
}

#[tokio::test]
async fn kafka_frames_that_lie_close_only_their_own_connection() -> Result<()> {
    let (mut cluster, api) = dev().await?;
    let port = cluster.broker(1).kafka_port();
    let mut good = Wire::connect(port).await?;
    let lies: [(&str, Vec<u8>); 7] = [
        ("a huge length", i32::MAX.to_be_bytes().to_vec()),
        ("a negative length", (-5_i32).to_be_bytes().to_vec()),
        ("nothing at all", 0_i32.to_be_bytes().to_vec()),
        ("an unknown api", frame(9_999, 0, 1, &[])),
        ("a metadata request for 2^31 topics", frame(3, 0, 1, &i32::MAX.to_be_bytes())),
        ("a produce with garbage", frame(0, 7, 1, &[0xff; 64])),
        ("http", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
    ];
    for (what, bytes) in lies {
        let mut connection = Wire::connect(port).await?;
        connection.send(&bytes).await?;
        let answer = connection.answer(WAIT).await?;
        assert_eq!(answer, None, "{what} is answered by closing");
    }
    // The connection that was open all the while is served: ApiVersions 0.
    good.send(&frame(18, 0, 7, &[])).await?;
    let answer = good.answer(WAIT).await?.unwrap();
    assert_eq!(answer[..6], [0, 0, 0, 7, 0, 0], "correlation id and no error");
    unharmed(&api).await?;
    cluster.finish()
}

#[tokio::test]
async fn an_unknown_version_of_api_versions_is_answered_in_version_nought() -> Result<()> {
    let (mut cluster, _) = dev().await?;
    let mut connection = Wire::connect(cluster.broker(1).kafka_port()).await?;
    connection.send(&frame(18, 99, 3, &[0, 0])).await?;
    let answer = connection.answer(WAIT).await?.unwrap();
    assert_eq!(answer[..6], [0, 0, 0, 3, 0, 35], "correlation id and UNSUPPORTED_VERSION");
    cluster.finish()
}

#[tokio::test]
async fn running_out_of_file_descriptors_is_survived() -> Result<()> {
    let mut cluster = Cluster::prepare(Plan { brokers: 1, etcd_members: 0, ..Plan::default() }).await?;
    cluster.broker(1).spec_mut().before = Some("ulimit -n 100".to_owned());
    cluster.broker(1).start()?;
    cluster.wait_ready().await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let (api, port) = (cluster.api(1), cluster.broker(1).http_port());
    let mut open = Vec::new();
    for _ in 0..150 {
        // Connecting succeeds in the kernel's queue even when the broker cannot accept.
        open.push(RawHttp::connect(port).await?);
    }
    drop(open);
    eventually("service after the flood", WAIT, async || api.post_text("t", 0, "x").await.map(drop)).await?;
    assert!(cluster.broker(1).is_running());
    cluster.finish()
}
