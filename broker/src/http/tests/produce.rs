//! Produce: every kind of body, and every way in which one can be wrong.

use std::convert::Infallible;
use std::io::{Error, Write as _};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};

use super::super::options::HttpOptions;
use super::{Answer, Front, RECORDS};
use crate::record::BatchBuilder;

const NDJSON: &str = "application/x-ndjson";

fn chunks(chunks: Vec<Result<&'static str, Error>>) -> Body {
    Body::from_stream(stream::iter(chunks))
}

#[tokio::test]
async fn one_record_is_answered_in_headers_too() {
    let front = Front::new().await;
    let answer = front.post(RECORDS, "text/plain; charset=utf-8", "good morning").await;
    assert_eq!(answer.status, 200);
    for (name, value) in [
        ("tidemark-partition", "0"),
        ("tidemark-base-offset", "0"),
        ("tidemark-count", "1"),
        ("tidemark-leader", "1"),
        ("tidemark-served-by", "1"),
        ("tidemark-duplicate", ""),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    let json = answer.json();
    assert_eq!((&json["partition"], &json["base_offset"], &json["count"]), (&0.into(), &0.into(), &1.into()));
    assert!(json["timestamp"].as_i64().unwrap() > 1_700_000_000_000);
    assert_eq!(front.values().await, ["good morning"]);
}

#[tokio::test]
async fn lines_come_out_as_they_went_in_however_they_were_cut() {
    let front = Front::new().await;
    let body = chunks(vec![Ok("{\"a\" : 1}\nte"), Ok("xt\n\n"), Ok("last")]);
    assert_eq!(front.post(RECORDS, NDJSON, body).await.json()["count"], 4);
    assert_eq!(front.values().await, ["{\"a\" : 1}", "text", "", "last"]);
}

#[tokio::test]
async fn key_time_and_headers_come_from_headers() {
    let front = Front::new().await;
    let headers = [
        ("content-type", "application/octet-stream"),
        ("tidemark-key", "ann"),
        ("tidemark-timestamp", "1700000000123"),
        ("tidemark-header-trace", "7"),
    ];
    front.send("POST", RECORDS, &headers, "x").await;
    let record = front.get(RECORDS).await.json()["records"][0].clone();
    assert_eq!((&record["key"], &record["timestamp"]), (&"ann".into(), &1_700_000_000_123_i64.into()));
    assert_eq!(record["headers"]["trace"], "7");
}

#[tokio::test]
async fn a_whole_batch_is_taken_and_a_lying_one_is_not() {
    let front = Front::new().await;
    let mut builder = BatchBuilder::new();
    builder.push(5, None, Some(b"raw"), &[]);
    let batch = builder.finish(None);
    assert_eq!(front.post(RECORDS, "application/vnd.tidemark.batch", batch.clone()).await.status, 200);
    let mut lying = batch.to_vec();
    lying[60] = 9;
    for body in [lying, batch[..20].to_vec(), Vec::new(), [&batch[..], &batch[..]].concat()] {
        let refusal = front.post(RECORDS, "application/vnd.tidemark.batch", body).await.refused(422);
        assert_eq!((&refusal["error_code"], &refusal["written"]), (&42_208.into(), &"no".into()));
    }
    assert_eq!(front.values().await, ["raw"]);
}

#[tokio::test]
async fn records_of_one_request_may_go_to_several_partitions() {
    let front = Front::new().await;
    let body = r#"{"records":[{"partition":0,"value":"a"},{"partition":1,"value":"b"},{"partition":0,"value":"c"}]}"#;
    let answer = front.post("/v1/topics/t/records", "application/json", body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let json = answer.json();
    assert_eq!(json["count"], 3);
    assert_eq!((&json["partitions"][0]["count"], &json["partitions"][1]["count"]), (&2.into(), &1.into()));
    assert_eq!(front.values().await, ["a", "c"]);
    let nowhere = r#"{"records":[{"value":"a"},{"partition":2,"value":"b"}]}"#;
    let refusal = front.post("/v1/topics/t/records", "application/json", nowhere).await.refused(404);
    assert!(refusal["message"].as_str().unwrap().starts_with("records[1]: "), "{refusal}");
    let elsewhere = r#"{"records":[{"partition":1,"value":"b"}]}"#;
    front.post(RECORDS, "application/json", elsewhere).await.refused(400);
}

#[tokio::test]
async fn outcomes_that_differ_are_no_success_and_each_is_told() {
    let front = Front::new().await;
    front.bench.lead(&crate::service::test_support::tp("t", 1), None, 1).await;
    let body = r#"{"records":[{"partition":0,"value":"a"},{"partition":1,"value":"b"}]}"#;
    let answer = front.post("/v1/topics/t/records?timeout_ms=50", "application/json", body).await;
    let refusal = answer.refused(503);
    assert_eq!((&refusal["written"], &refusal["retriable"]), (&"maybe".into(), &true.into()));
    assert_eq!(
        (&refusal["partitions"][0]["written"], &refusal["partitions"][0]["base_offset"]),
        (&"yes".into(), &0.into())
    );
    assert_eq!(
        (&refusal["partitions"][1]["written"], &refusal["partitions"][1]["error_code"]),
        (&"no".into(), &50_302.into())
    );
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn a_wrong_body_stores_nothing_and_says_what_is_wrong() {
    let front = Front::new().await;
    let envelope = format!("{RECORDS}?envelope=true");
    let cases: [(&str, &str, &str, u16, &str); 14] = [
        (RECORDS, "application/xml", "x", 415, "application/x-ndjson"),
        (RECORDS, "application/x-www-form-urlencoded", "x", 415, "application/octet-stream"),
        (RECORDS, NDJSON, "", 400, "empty"),
        (&envelope, NDJSON, "{\"value\":1}\n{\"value\":2}\n{oops\n{}\n{}", 400, "line 3: "),
        (&envelope, NDJSON, "{\"value\":1}\n{\"valu\":2}", 400, "line 2: unknown field `valu`"),
        (&envelope, NDJSON, "\n", 400, "empty"),
        (RECORDS, "application/json", "", 400, "JSON object"),
        (RECORDS, "application/json", "{}", 400, "missing field `records`"),
        (RECORDS, "application/json", "[]", 400, "JSON object"),
        (RECORDS, "application/json", "{\"records\":[]}", 400, "at least one"),
        (
            RECORDS,
            "application/json",
            "{\"records\":[{\"value_b64\":\"?\"}]}",
            400,
            "records[0]: value_b64 is not base64",
        ),
        ("/v1/topics/u/records", "text/plain", "x", 404, "PUT /v1/topics/u"),
        ("/v1/topics/t/partitions/2/records", "text/plain", "x", 404, "it has 2"),
        ("/v1/topics/t/partitions/x/records", "text/plain", "x", 404, "'x' is no partition"),
    ];
    for (path, content_type, body, status, says) in cases {
        let refusal = front.post(path, content_type, body).await.refused(status);
        assert!(refusal["message"].as_str().unwrap().contains(says), "{path} {body}: {refusal}");
        assert_eq!(refusal["written"], "no");
    }
    front.send("POST", RECORDS, &[], "x").await.refused(415);
    assert!(front.values().await.is_empty());
}

#[tokio::test]
async fn wrong_parameters_are_refused() {
    let front = Front::new().await;
    for query in
        ["acks=most", "timeout_ms=soon", "timeout_ms=-1", "envelope=maybe", "ack=all", "acks=all&acks=all"]
    {
        front.post(&format!("{RECORDS}?{query}"), "text/plain", "x").await.refused(400);
    }
    for (name, value) in [
        ("tidemark-expected-offset", "soon"),
        ("tidemark-timestamp", "now"),
        ("tidemark-key-base64", "?"),
        ("producer-id", "5"),
    ] {
        front.send("POST", RECORDS, &[("content-type", "text/plain"), (name, value)], "x").await.refused(400);
    }
    assert!(front.values().await.is_empty());
}

#[tokio::test]
async fn a_body_that_stops_short_or_stands_still_is_refused() {
    let options = HttpOptions { body_stall_ms_max: 30, ..HttpOptions::default() };
    let front = Front::with(options).await;
    let cut = chunks(vec![Ok("a\nb"), Err(Error::other("reset"))]);
    let refusal = front.post(RECORDS, NDJSON, cut).await.refused(400);
    assert!(refusal["message"].as_str().unwrap().contains("stopped short after 3 bytes"), "{refusal}");
    let endless = stream::iter([Ok::<_, Infallible>("a\n")]).chain(stream::pending());
    front.post(RECORDS, NDJSON, Body::from_stream(endless)).await.refused(408);
    assert!(front.values().await.is_empty());
    assert_eq!(front.bench.service.bodies().used(), 0, "what was admitted is given back");
}

#[tokio::test]
async fn sizes_are_bounded_and_told() {
    let options = HttpOptions { body_bytes_max: 1_000, ..HttpOptions::default() };
    let front = Front::with(options).await;
    let refusal = front.post(RECORDS, "text/plain", "x".repeat(2_000)).await.refused(413);
    assert_eq!(refusal["limit_bytes"], 1_000);
    let declared = [("content-type", "nonsense"), ("content-length", "99999999999")];
    front.send("POST", RECORDS, &declared, "").await.refused(413);
    front.bench.topic("small", 1, &[("max.message.bytes", "200")]).await;
    for (content_type, body) in [("text/plain", "x".repeat(300)), (NDJSON, "x\n".repeat(100))] {
        let refusal = front.post("/v1/topics/small/records", content_type, body).await.refused(413);
        assert_eq!(refusal["limit_bytes"], 200);
    }
}

#[tokio::test]
async fn compressed_bodies_are_inflated_within_the_same_bounds() {
    let options = HttpOptions { body_bytes_max: 100_000, ..HttpOptions::default() };
    let front = Front::with(options).await;
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let send = async |coding, body: Vec<u8>| {
        front.send("POST", RECORDS, &[("content-type", NDJSON), ("content-encoding", coding)], body).await
    };
    assert_eq!(send("gzip", gzip(b"a\nb\n")).await.json()["count"], 2);
    assert_eq!(send("zstd", zstd::encode_all(&b"c\n"[..], 1).unwrap()).await.json()["count"], 1);
    send("br", b"x".to_vec()).await.refused(415);
    send("gzip", b"not gzip".to_vec()).await.refused(400);
    let mut torn = gzip(&b"abc\n".repeat(100));
    torn.truncate(30);
    send("gzip", torn).await.refused(400);
    send("gzip", gzip(&vec![0; 10 << 20])).await.refused(413);
    send("zstd", zstd::encode_all(&vec![0; 10 << 20][..], 1).unwrap()).await.refused(413);
    assert_eq!(front.values().await, ["a", "b", "c"]);
    assert_eq!(front.bench.service.bodies().used(), 0);
}

#[tokio::test]
async fn more_bytes_than_the_budget_are_refused_before_they_are_read() {
    let front = Front::new().await;
    let limit = front.bench.service.options().body_bytes_in_flight_max;
    let taken = front.bench.service.bodies().admit(limit - 10).unwrap();
    let answer =
        front.send("POST", RECORDS, &[("content-type", "text/plain"), ("content-length", "50")], "").await;
    assert_eq!(answer.refused(503)["retriable"], true);
    assert_eq!(answer.header("retry-after"), "1");
    drop(taken);
    assert_eq!(front.post(RECORDS, "text/plain", "x").await.status, 200);
}

async fn sequenced(front: &Front, epoch: &str, seq: &str) -> Answer {
    let headers = [
        ("content-type", "text/plain"),
        ("producer-id", "till-4"),
        ("producer-epoch", epoch),
        ("producer-seq", seq),
    ];
    front.send("POST", RECORDS, &headers, format!("{epoch}-{seq}")).await
}

#[tokio::test]
async fn a_producers_requests_are_stored_exactly_once_and_in_order() {
    let front = Front::new().await;
    for seq in ["0", "1"] {
        assert_eq!(sequenced(&front, "0", seq).await.status, 200);
    }
    let repeat = sequenced(&front, "0", "1").await;
    assert_eq!((repeat.header("tidemark-duplicate"), repeat.header("tidemark-base-offset")), ("true", "1"));
    let gap = sequenced(&front, "0", "5").await;
    gap.refused(409);
    assert_eq!((gap.header("producer-expected-seq"), gap.header("producer-received-seq")), ("2", "5"));
    assert_eq!(sequenced(&front, "1", "3").await.refused(400)["error_code"], 40_003);
    assert_eq!(sequenced(&front, "1", "0").await.status, 200);
    let fenced = sequenced(&front, "0", "2").await;
    fenced.refused(403);
    assert_eq!(fenced.header("producer-epoch"), "1");
    assert_eq!(front.values().await, ["0-0", "0-1", "1-0"]);
}

#[tokio::test]
async fn a_condition_holds_or_tells_the_end() {
    let front = Front::new().await;
    let at = |offset| [("content-type", "text/plain"), ("tidemark-expected-offset", offset)];
    assert_eq!(front.send("POST", RECORDS, &at("0"), "first").await.status, 200);
    let late = front.send("POST", RECORDS, &at("0"), "second").await.refused(412);
    assert_eq!((&late["next_offset"], &late["written"]), (&1.into(), &"no".into()));
    front.send("POST", "/v1/topics/t/records", &at("1"), "x").await.refused(400);
}

#[tokio::test]
async fn nobody_needs_to_wait_for_an_answer() {
    let front = Front::new().await;
    assert_eq!(front.post(&format!("{RECORDS}?acks=none"), "text/plain", "x").await.status, 202);
    assert_eq!(
        front.post(&format!("{RECORDS}?acks=leader"), "text/plain", Bytes::from_static(b"y")).await.status,
        200
    );
}
