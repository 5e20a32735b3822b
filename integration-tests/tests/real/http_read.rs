//! Reads over HTTP: where to start, how much, how long to wait, and in which form.

use std::time::Duration;

use anyhow::Result;
use integration_tests::api::Api;
use integration_tests::cluster::Cluster;
use reqwest::Method;
use serde_json::json;
use tokio::time::Instant;

const RECORDS: &str = "/v1/topics/t/partitions/0/records";

/// Ten records whose timestamps are 1,000 to 10,000.
async fn ten() -> Result<(Cluster, Api)> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({"retention.ms": "-1"})).await?;
    let api = cluster.api(1);
    for n in 0..10 {
        let time = ((n + 1) * 1_000).to_string();
        let headers = [("content-type", "text/plain"), ("tidemark-timestamp", &time)];
        api.send(Method::POST, RECORDS, &headers, format!("v{n}")).await?.produced()?;
    }
    Ok((cluster, api))
}

async fn offsets(api: &Api, query: &str) -> Result<Vec<i64>> {
    Ok(api.read("t", 0, query).await?.iter().map(|record| record.offset).collect())
}

#[tokio::test]
async fn a_read_starts_where_it_is_told() -> Result<()> {
    let (cluster, api) = ten().await?;
    let cases: [(&str, &[i64]); 9] = [
        ("offset=7", &[7, 8, 9]),
        ("offset=earliest&max_records=2", &[0, 1]),
        ("offset=latest", &[]),
        ("offset=10", &[]),
        ("tail=3", &[7, 8, 9]),
        ("tail=100&max_records=1", &[0]),
        ("timestamp=8500", &[8, 9]),
        ("timestamp=1970-01-01T00:00:10Z", &[9]),
        ("offset=2&until_offset=5", &[2, 3, 4]),
    ];
    for (query, expected) in cases {
        assert_eq!(offsets(&api, query).await?, expected, "{query}");
    }
    for query in ["offset=-1", "offset=x", "tail=-1", "timestamp=yesterday", "offset=1&tail=1", "ofset=1"] {
        api.get(&format!("{RECORDS}?{query}")).await?.refused(400)?;
    }
    cluster.finish()
}

#[tokio::test]
async fn a_read_says_where_the_log_stands() -> Result<()> {
    let (cluster, api) = ten().await?;
    let answer = api.get(&format!("{RECORDS}?offset=4&max_records=2")).await?.ok()?;
    assert_eq!(answer.header("tidemark-next-offset"), "6");
    assert_eq!(answer.header("tidemark-high-watermark"), "10");
    assert_eq!(answer.header("tidemark-start-offset"), "0");
    assert!(!answer.header("tidemark-leader-epoch").is_empty());
    assert_ne!(answer.header("tidemark-up-to-date"), "true");
    let link = answer.header("link");
    assert!(link.contains("offset=6") && link.contains("rel=\"next\""), "{link}");
    let answer = api.get(&format!("{RECORDS}?offset=8")).await?.ok()?;
    assert_eq!(answer.header("tidemark-up-to-date"), "true");
    // The same question has the same answer.
    let twice =
        [api.get(&format!("{RECORDS}?offset=0")).await?, api.get(&format!("{RECORDS}?offset=0")).await?];
    assert_eq!(twice[0].body, twice[1].body);
    cluster.finish()
}

#[tokio::test]
async fn beyond_the_end_is_416_and_says_where_the_end_is() -> Result<()> {
    let (cluster, api) = ten().await?;
    let answer = api.get(&format!("{RECORDS}?offset=11")).await?;
    answer.refused(416)?;
    assert_eq!(answer.json()?["next_offset"], 10);
    for path in
        ["/v1/topics/none/partitions/0/records?offset=0", "/v1/topics/t/partitions/1/records?offset=0"]
    {
        api.get(path).await?.refused(404)?;
    }
    cluster.finish()
}

#[tokio::test]
async fn at_least_one_record_is_returned_however_large() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let api = cluster.api(1);
    for letter in ["a", "b"] {
        api.post(RECORDS, "text/plain", letter.repeat(200_000)).await?.produced()?;
    }
    assert_eq!(offsets(&api, "offset=0&max_bytes=1").await?, [0]);
    assert_eq!(offsets(&api, "offset=1&max_bytes=1").await?, [1]);
    cluster.finish()
}

#[tokio::test]
async fn max_bytes_bounds_an_answer_also_inside_one_batch() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let api = cluster.api(1);
    let lines: Vec<String> = (0..1_000).map(|n| format!("\"{n:0>98}\"")).collect();
    api.post_lines("t", 0, &lines).await?;
    let mut seen = 0;
    while seen < 1_000 {
        let page = api.read("t", 0, &format!("offset={seen}&max_bytes=10000")).await?;
        assert!(!page.is_empty() && page.len() < 500, "{} records of 100 bytes", page.len());
        assert_eq!(page[0].offset, seen);
        seen = page[page.len() - 1].offset + 1;
    }
    cluster.finish()
}

#[tokio::test]
async fn an_empty_long_poll_is_204_after_its_time() -> Result<()> {
    let (cluster, api) = ten().await?;
    let begin = Instant::now();
    let answer = api.get(&format!("{RECORDS}?offset=latest&wait_ms=300")).await?;
    assert_eq!((answer.status, answer.header("tidemark-next-offset").as_str()), (204, "10"));
    assert!(begin.elapsed() >= Duration::from_millis(290), "{:?}", begin.elapsed());
    assert_eq!(api.get(&format!("{RECORDS}?offset=10")).await?.status, 204, "and at once without wait_ms");
    cluster.finish()
}

#[tokio::test]
async fn a_long_poll_wakes_when_a_record_comes() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let leader = cluster.partition("t", 0).await?.leader.unwrap();
    // One waits at the leader, one at a broker that forwards.
    let apis = [cluster.api(leader), cluster.api(leader % 3 + 1)];
    let waiting: Vec<_> = apis
        .iter()
        .map(|api| {
            let api = api.clone();
            tokio::spawn(async move { api.read("t", 0, "offset=0&wait_ms=30000").await })
        })
        .collect();
    let begin = Instant::now();
    apis[0].post_text("t", 0, "hello").await?;
    for waiter in waiting {
        let records = waiter.await??;
        assert_eq!(records[0].value.as_deref(), Some("hello"));
    }
    assert!(begin.elapsed() < Duration::from_secs(5), "woken after {:?}", begin.elapsed());
    cluster.finish()
}

#[tokio::test]
async fn the_reader_chooses_the_form() -> Result<()> {
    let (cluster, api) = ten().await?;
    let path = format!("{RECORDS}?offset=3&max_records=2");
    let lines = api.get_as(&path, "application/x-ndjson").await?.ok()?;
    assert!(lines.header("content-type").starts_with("application/x-ndjson"));
    let parsed: Vec<serde_json::Value> =
        lines.text().lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert_eq!((parsed.len(), &parsed[0]["offset"], &parsed[1]["value"]), (2, &json!(3), &json!("v4")));
    assert_eq!(api.get_as(&path, "text/plain").await?.ok()?.text(), "v3\nv4\n");
    let value = api.get_as(&format!("{RECORDS}?offset=3&max_records=1"), "application/octet-stream").await?;
    assert_eq!(value.ok()?.text(), "v3");
    api.get_as(&path, "image/png").await?.refused(406)?;
    cluster.finish()
}

#[tokio::test]
async fn a_reading_of_values_can_be_forced() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let api = cluster.api(1);
    api.post_text("t", 0, "{\"n\":1}").await?;
    let first = async |query: &str| -> Result<serde_json::Value> {
        let answer = api.get(&format!("{RECORDS}?offset=0{query}")).await?.ok()?.json()?;
        Ok(answer["records"][0].clone())
    };
    assert_eq!(first("").await?["value"], "{\"n\":1}");
    assert_eq!(first("&as=json").await?["value"], json!({"n": 1}));
    assert_eq!(first("&as=text").await?["value"], "{\"n\":1}");
    assert_eq!(first("&as=base64").await?["value_b64"], "eyJuIjoxfQ==");
    api.get(&format!("{RECORDS}?offset=0&as=xml")).await?.refused(400)?;
    cluster.finish()
}
