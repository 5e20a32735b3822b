//! Streams over HTTP: server-sent events and followed NDJSON.

use std::time::Duration;

use anyhow::Result;
use integration_tests::cluster::Cluster;
use integration_tests::raw_http::RawHttp;
use serde_json::json;

const WAIT: Duration = Duration::from_secs(10);

async fn open(port: u16, query: &str, headers: &str) -> Result<RawHttp> {
    let mut stream = RawHttp::connect(port).await?;
    let path = format!("/v1/topics/t/partitions/0/records?{query}");
    stream.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")).await?;
    Ok(stream)
}

#[tokio::test]
async fn events_carry_offsets_and_follow_the_log() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let api = cluster.api(1);
    api.post_text("t", 0, "first").await?;
    let port = cluster.broker(1).http_port();
    let mut stream = open(port, "offset=earliest", "Accept: text/event-stream\r\n").await?;
    let head = stream.read_until("\r\n\r\n", WAIT).await?;
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream"), "{head}");
    assert!(head.to_lowercase().contains("no-cache"), "{head}");
    let event = stream.read_until("first", WAIT).await?;
    assert!(event.contains("id: 0") && event.contains("data: {"), "{event}");
    api.post_text("t", 0, "second").await?;
    let event = stream.read_until("second", WAIT).await?;
    assert!(event.contains("id: 1"), "{event}");
    cluster.finish()
}

#[tokio::test]
async fn the_last_event_id_resumes_and_wins() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let api = cluster.api(1);
    for n in 0..4 {
        api.post_text("t", 0, &format!("v{n}")).await?;
    }
    let port = cluster.broker(1).http_port();
    let headers = "Accept: text/event-stream\r\nLast-Event-ID: 1\r\n";
    let mut stream = open(port, "offset=earliest", headers).await?;
    let events = stream.read_until("v3", WAIT).await?;
    assert!(events.contains("v2") && !events.contains("v0") && !events.contains("v1"), "{events}");
    cluster.finish()
}

#[tokio::test]
async fn followed_lines_are_records_only() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let leader = cluster.partition("t", 0).await?.leader.unwrap();
    let follower = leader % 3 + 1;
    let api = cluster.api(leader);
    api.post_text("t", 0, "first").await?;
    // Through a broker that does not lead.
    let port = cluster.broker(follower).http_port();
    let mut stream = open(port, "offset=0&follow=true", "Accept: application/x-ndjson\r\n").await?;
    stream.read_until("first", WAIT).await?;
    api.post_text("t", 0, "second").await?;
    stream.read_until("second", WAIT).await?;
    cluster.finish()
}

#[tokio::test]
async fn a_stream_outlives_its_leader() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let leader = cluster.partition("t", 0).await?.leader.unwrap();
    let follower = leader % 3 + 1;
    let api = cluster.api(follower);
    api.post_text("t", 0, "first").await?;
    let port = cluster.broker(follower).http_port();
    let mut stream = open(port, "offset=0", "Accept: text/event-stream\r\n").await?;
    stream.read_until("first", WAIT).await?;
    cluster.broker(leader).kill();
    api.post_text("t", 0, "second").await?;
    // It may go on, or be closed politely; then Last-Event-ID resumes where it stopped.
    if stream.read_until("second", WAIT).await.is_err() {
        let headers = "Accept: text/event-stream\r\nLast-Event-ID: 0\r\n";
        let mut stream = open(port, "offset=0", headers).await?;
        let events = stream.read_until("second", WAIT).await?;
        assert!(!events.contains("first"), "{events}");
    }
    cluster.finish()
}
