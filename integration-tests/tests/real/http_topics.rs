//! Topics, the cluster, health, metrics and the OpenAPI page over HTTP.

use std::time::Duration;

use anyhow::Result;
use integration_tests::cluster::Cluster;
use integration_tests::raw_http::RawHttp;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_topic_is_created_once_and_told_apart_from_another_of_its_name() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    let api = cluster.api(1);
    let spec = json!({"partitions": 3, "replication_factor": 1, "config": {"retention.ms": "60000"}});
    assert_eq!(api.put_json("/v1/topics/orders", &spec).await?.status, 201);
    assert_eq!(api.put_json("/v1/topics/orders", &spec).await?.status, 200);
    let other = json!({"partitions": 4, "replication_factor": 1});
    api.put_json("/v1/topics/orders", &other).await?.refused(409)?;

    let topic = api.get("/v1/topics/orders").await?.ok()?.json()?;
    assert_eq!((&topic["name"], &topic["replication_factor"]), (&json!("orders"), &json!(1)));
    assert_eq!(topic["config"]["retention.ms"], "60000");
    let all = api.get("/v1/topics").await?.ok()?.text();
    assert!(all.contains("\"orders\""), "{all}");
    let partition = api.describe("orders", 2).await?;
    assert_eq!((&partition["leader"], &partition["isr"]), (&json!(1), &json!([1])));
    for offset in ["log_start", "high_watermark", "log_end"] {
        assert_eq!(partition[offset], 0, "{offset} of {partition}");
    }
    cluster.finish()
}

#[tokio::test]
async fn a_topic_without_a_spec_gets_the_defaults() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    let api = cluster.api(1);
    assert_eq!(api.put_json("/v1/topics/plain", &json!({})).await?.status, 201);
    let topic = api.get("/v1/topics/plain").await?.ok()?.json()?;
    assert_eq!(topic["replication_factor"], 1, "as many as there are brokers: {topic}");
    cluster.finish()
}

#[tokio::test]
async fn a_topic_is_changed_and_deleted() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let api = cluster.api(1);
    let change = json!({"partitions": 3, "config": {"retention.ms": "5000"}});
    api.json(Method::PATCH, "/v1/topics/t", &change).await?.ok()?;
    let topic = api.get("/v1/topics/t").await?.ok()?.json()?;
    assert_eq!(topic["config"]["retention.ms"], "5000");
    assert_eq!(api.get("/v1/topics/t/partitions").await?.json()?["partitions"].as_array().unwrap().len(), 3);
    api.json(Method::PATCH, "/v1/topics/t", &json!({"partitions": 2})).await?.refused(400)?;

    assert_eq!(api.delete("/v1/topics/t").await?.status, 204);
    assert_eq!(api.get("/v1/topics/t").await?.refused(404)?.error_code, 40401);
    api.delete("/v1/topics/t").await?.refused(404)?;
    let gone = api.post("/v1/topics/t/records", "text/plain", "x").await?.refused(404)?;
    assert_eq!(gone.written.as_deref(), Some("no"));
    cluster.finish()
}

#[tokio::test]
async fn a_topic_created_again_is_empty() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let api = cluster.api(1);
    api.post_text("t", 0, "old").await?;
    api.delete("/v1/topics/t").await?.ok()?;
    cluster.create_topic("t", 1, json!({})).await?;
    assert_eq!(api.post_text("t", 0, "new").await?.base_offset, 0);
    let records = api.read_all("t", 0).await?;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].value.as_deref(), Some("new"));
    cluster.finish()
}

#[tokio::test]
async fn a_bad_spec_is_refused_with_what_is_wrong() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    let api = cluster.api(1);
    let cases = [
        (json!({"partitions": 0}), "partitions"),
        (json!({"partitions": -1}), "partitions"),
        (json!({"partitions": 1, "replication_factor": 3}), "replication"),
        (json!({"partitions": 1, "config": {"retention.mss": "1"}}), "retention.ms"),
        (json!({"partitions": 1, "config": {"retention.ms": "soon"}}), "retention.ms"),
        (json!({"partitons": 1}), "partitions"),
        (json!([]), ""),
    ];
    for (spec, hint) in cases {
        let refusal = api.put_json("/v1/topics/t", &spec).await?.refused(400)?;
        assert!(refusal.message.contains(hint), "{spec}: {}", refusal.message);
        assert!(!refusal.retriable);
    }
    api.get("/v1/topics/t").await?.refused(404)?;
    cluster.finish()
}

#[tokio::test]
async fn a_bad_name_is_refused() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    let api = cluster.api(1);
    let long = "x".repeat(250);
    // By hand: client libraries resolve dots before they send.
    for name in ["..", ".", "%2e%2e", "%2e", "a%20b", "a%2fb", "%00", "caf%c3%a9", &long] {
        let mut connection = RawHttp::connect(cluster.broker(1).http_port()).await?;
        let head = "Host: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        connection.send(format!("PUT /v1/topics/{name} HTTP/1.1\r\n{head}")).await?;
        let answer = connection.answer(Duration::from_secs(10)).await?;
        assert_eq!(answer.status, 400, "{name}: {}", String::from_utf8_lossy(&answer.body));
    }
    let longest = "x".repeat(249);
    for name in ["A.b_c-9", &longest] {
        let answer = api.put_json(&format!("/v1/topics/{name}"), &json!({"partitions": 1})).await?;
        assert_eq!(answer.status, 201, "{name}");
    }
    cluster.finish()
}

#[tokio::test]
async fn the_cluster_shows_itself() -> Result<()> {
    let mut cluster = Cluster::start(3).await?;
    cluster.create_topic("t", 3, json!({})).await?;
    let controller = cluster.controller().await?;
    for id in 1..=3 {
        let api = cluster.api(id);
        let seen = api.get("/v1/cluster").await?.ok()?.json()?;
        assert_eq!(seen["controller"], controller, "{seen}");
        let brokers = api.get("/v1/brokers").await?.ok()?.json()?;
        let brokers = brokers["brokers"].as_array().unwrap().clone();
        let ids: Vec<i64> = brokers.iter().filter_map(|broker| broker["id"].as_i64()).collect();
        assert_eq!(ids, [1, 2, 3]);
        assert!(brokers.iter().all(|broker| broker["state"] == "active"), "{brokers:?}");
        assert_eq!(api.get("/healthz").await?.status, 200);
        assert_eq!(api.get("/readyz").await?.status, 200);
    }
    cluster.finish()
}

#[tokio::test]
async fn metrics_are_prometheus_text_and_count() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let api = cluster.api(1);
    api.post_text("t", 0, "x").await?;
    let metrics = api.get("/metrics").await?.ok()?.text();
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.starts_with("tidemark_"), "{line}");
        let value = line.rsplit(' ').next().unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    assert!(metrics.lines().any(|line| line.starts_with("# HELP tidemark_")), "no help lines");
    cluster.finish()
}

#[tokio::test]
async fn the_openapi_page_matches_the_handlers() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    cluster.create_topic("t", 1, json!({})).await?;
    let api = cluster.api(1);
    let page = api.get("/openapi.json").await?.ok()?.json()?;
    let paths = page["paths"].as_object().unwrap();
    let expected = [
        ("/v1/topics", "get"),
        ("/v1/topics/{topic}", "put"),
        ("/v1/topics/{topic}", "get"),
        ("/v1/topics/{topic}", "patch"),
        ("/v1/topics/{topic}", "delete"),
        ("/v1/topics/{topic}/partitions", "get"),
        ("/v1/topics/{topic}/records", "post"),
        ("/v1/topics/{topic}/partitions/{partition}/records", "post"),
        ("/v1/topics/{topic}/partitions/{partition}/records", "get"),
        ("/v1/cluster", "get"),
        ("/v1/brokers", "get"),
        ("/healthz", "get"),
        ("/readyz", "get"),
        ("/metrics", "get"),
    ];
    for (path, method) in expected {
        assert!(paths.contains_key(path) && !paths[path][method].is_null(), "the page lacks {method} {path}");
    }
    for (path, methods) in paths {
        let concrete = path.replace("{topic}", "t").replace("{partition}", "0");
        for method in methods.as_object().unwrap().keys().filter(|method| *method != "delete") {
            let method: Method = method.to_uppercase().parse()?;
            let answer = api.send(method.clone(), &concrete, &[], "").await?;
            assert_ne!(answer.status, 405, "{method} {path} is on the page only");
            // Any other 404 misses a thing, not the address.
            let misses_address = answer.status == 404 && answer.text().contains("here is no address");
            assert!(!misses_address, "{method} {path} is on the page only: {}", answer.text());
        }
    }
    cluster.finish()
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_refused_in_the_one_shape() -> Result<()> {
    let mut cluster = Cluster::dev(&[]).await?;
    let api = cluster.api(1);
    for path in ["/nothing", "/v1/nothing", "/v1/topics/t/nothing"] {
        api.get(path).await?.refused(404)?;
    }
    api.send(Method::DELETE, "/v1/cluster", &[], "").await?.refused(405)?;
    cluster.finish()
}
