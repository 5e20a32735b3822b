//! Read: where from, how much, in which form; streams.

use std::time::Duration;

use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::super::options::HttpOptions;
use super::{Front, RECORDS};

/// Ten records, `v0` to `v9`, at seconds 1 to 10.
async fn ten() -> Front {
    let front = Front::new().await;
    for n in 0..10 {
        let time = (1_000 * (n + 1)).to_string();
        let headers = [("content-type", "text/plain"), ("tidemark-timestamp", time.as_str())];
        front.send("POST", RECORDS, &headers, format!("v{n}")).await;
    }
    front
}

fn offsets(json: &Value) -> Vec<i64> {
    let records = json["records"].as_array().unwrap().iter();
    records.map(|record| record["offset"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_read_begins_and_ends_where_it_is_told() {
    let front = ten().await;
    let cases: [(&str, &[i64], i64); 8] = [
        ("offset=7", &[7, 8, 9], 10),
        ("offset=earliest&max_records=2", &[0, 1], 2),
        ("max_records=1", &[0], 1),
        ("tail=2", &[8, 9], 10),
        ("tail=100&max_records=1", &[0], 1),
        ("timestamp=8500", &[8, 9], 10),
        ("timestamp=1970-01-01T00:00:10Z", &[9], 10),
        ("offset=2&until_offset=5", &[2, 3, 4], 5),
    ];
    for (query, expected, next) in cases {
        let answer = front.get(&format!("{RECORDS}?{query}")).await;
        let json = answer.json();
        assert_eq!((offsets(&json).as_slice(), &json["next_offset"]), (expected, &next.into()), "{query}");
        assert_eq!(answer.header("tidemark-next-offset"), next.to_string(), "{query}");
        assert_eq!(answer.header("tidemark-up-to-date") == "true", next == 10, "{query}");
    }
}

#[tokio::test]
async fn nothing_is_204_and_outside_is_416() {
    let front = ten().await;
    for query in [
        "offset=latest",
        "offset=10",
        "offset=latest&wait_ms=20",
        "timestamp=99000",
        "offset=3&until_offset=3",
    ] {
        let answer = front.get(&format!("{RECORDS}?{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""), "{query}");
        assert_eq!(answer.header("tidemark-high-watermark"), "10");
    }
    let beyond = front.get(&format!("{RECORDS}?offset=11")).await;
    assert_eq!(beyond.refused(416)["next_offset"], 10);
    assert_eq!(beyond.header("tidemark-next-offset"), "10");
}

#[tokio::test]
async fn at_least_one_record_is_told_and_not_many_more_than_fit() {
    let front = ten().await;
    assert_eq!(offsets(&front.get(&format!("{RECORDS}?offset=4&max_bytes=1")).await.json()), [4]);
    let lines: String = (0..100).map(|n| format!("{n:090}\n")).collect();
    front.post(RECORDS, "application/x-ndjson", lines).await;
    let page = front.get(&format!("{RECORDS}?offset=50&max_bytes=2000")).await.json();
    let told = offsets(&page);
    assert_eq!(told[0], 50, "a read may begin inside a batch");
    assert!((5..20).contains(&told.len()), "{}", told.len());
    assert_eq!(page["next_offset"], told[told.len() - 1] + 1);
}

#[tokio::test]
async fn the_reader_chooses_the_form() {
    let front = ten().await;
    let get = async |accept, query: &str| {
        front.send("GET", &format!("{RECORDS}?offset=3&{query}"), &[("accept", accept)], "").await
    };
    let lines = get("application/x-ndjson", "max_records=2").await;
    let told: Vec<Value> = lines.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((told.len(), &told[0]["offset"], &told[1]["value"]), (2, &json!(3), &json!("v4")));
    assert_eq!(get("text/plain", "max_records=2").await.body, "v3\nv4\n");
    let value = get("application/octet-stream", "").await;
    assert_eq!(
        (value.body.as_str(), value.header("tidemark-offset"), value.header("tidemark-next-offset")),
        ("v3", "3", "4")
    );
    let raw = get("application/vnd.tidemark.batch", "").await;
    assert_eq!((raw.status.as_u16(), raw.header("tidemark-next-offset")), (200, "10"));
    get("image/png", "").await.refused(406);
    assert_eq!(front.send("HEAD", RECORDS, &[], "").await.body, "");
}

#[tokio::test]
async fn the_next_page_is_linked() {
    let front = ten().await;
    let answer = front.get(&format!("{RECORDS}?offset=4&max_records=2&as=text")).await;
    assert_eq!(answer.header("link"), format!("<{RECORDS}?offset=6&max_records=2&as=text>; rel=\"next\""));
}

#[tokio::test]
async fn wrong_parameters_are_refused() {
    let front = ten().await;
    for query in
        ["offset=-1", "offset=x", "tail=-1", "timestamp=noon", "offset=1&tail=1", "ofset=1", "wait_ms=x"]
    {
        front.get(&format!("{RECORDS}?{query}")).await.refused(400);
    }
    front.get("/v1/topics/u/partitions/0/records").await.refused(404);
    front.get("/v1/topics/t/partitions/7/records").await.refused(404);
    front.get("/v1/topics/t/partitions/-1/records").await.refused(404);
}

#[tokio::test]
async fn a_reader_may_ask_to_be_sent_to_the_leader() {
    use crate::service::test_support::{OTHER, tp};
    let front = ten().await;
    assert_eq!(
        front.get(&format!("{RECORDS}?offset=9&redirect=true")).await.status,
        200,
        "it is the leader itself"
    );
    front.bench.set_live(OTHER, true).await;
    front.bench.lead(&tp("t", 0), Some(OTHER), 1).await;
    let there = front.send("GET", &format!("{RECORDS}?offset=9"), &[("tidemark-redirect", "true")], "").await;
    assert_eq!(there.status, 307);
    assert_eq!(there.header("location"), format!("http://127.0.0.1:8083{RECORDS}?offset=9"));
    front.bench.lead(&tp("t", 0), None, 2).await;
    front.get(&format!("{RECORDS}?redirect=true")).await.refused(503);
}

/// Reads a stream until it holds `end`.
async fn until(stream: &mut axum::body::Body, end: &str) -> String {
    let mut text = String::new();
    let reading = async {
        while !text.contains(end) {
            let frame = stream.frame().await.expect("the stream goes on").unwrap();
            text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("in time");
    text
}

#[tokio::test]
async fn events_follow_the_log_and_end_politely() {
    let front = Front::with(HttpOptions { heartbeat_ms: 20, ..HttpOptions::default() }).await;
    front.post(RECORDS, "text/plain", "first").await;
    let response = front.open("GET", RECORDS, &[("accept", "text/event-stream")], "").await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = response.into_body();
    let text = until(&mut stream, "up_to_date\":true").await;
    assert!(
        text.starts_with("retry: 1000\n\nid: 0\nevent: record\ndata: {\"partition\":0,\"offset\":0,"),
        "{text}"
    );
    assert!(text.contains("\"value\":\"first\"}\n\nevent: control\ndata: {\"next_offset\":1,"), "{text}");
    until(&mut stream, ": heartbeat\n\n").await;
    front.post(RECORDS, "text/plain", "second").await;
    let text = until(&mut stream, "second").await;
    assert!(text.contains("id: 1\n"), "{text}");
    front.stop.cancel();
    until(&mut stream, "\"reason\":\"stopping\"").await;
    assert!(stream.frame().await.is_none());
}

#[tokio::test]
async fn a_stream_resumes_and_ends_where_it_is_told() {
    let front = ten().await;
    let headers = [("accept", "text/event-stream"), ("last-event-id", "6")];
    let answer = front.send("GET", &format!("{RECORDS}?offset=0&until_offset=9"), &headers, "").await;
    let ids: Vec<&str> = answer.body.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    assert_eq!(ids, ["7", "8"]);
    assert!(answer.body.contains("end_reached"), "{}", answer.body);
    let follow = format!("{RECORDS}?follow=true&max_records=3");
    let lines = front.send("GET", &follow, &[("accept", "application/x-ndjson")], "").await;
    assert_eq!(lines.body.lines().count(), 3);
    let beyond = format!("{RECORDS}?offset=99");
    front.send("GET", &beyond, &[("accept", "text/event-stream")], "").await.refused(416);
}

#[tokio::test]
async fn values_are_told_as_the_reader_wants() {
    let front = Front::new().await;
    front.post(RECORDS, "text/plain", "{\"n\":\n1}").await;
    let first =
        async |query: &str| front.get(&format!("{RECORDS}?{query}")).await.json()["records"][0].clone();
    assert_eq!(first("").await["value"], "{\"n\":\n1}");
    assert_eq!(first("as=json").await["value"], json!({"n": 1}));
    assert_eq!(first("as=base64").await["value_b64"], "eyJuIjoKMX0=");
}
