//! Topics, cluster, health, and what every address has in common.

use serde_json::json;

use super::{Front, RECORDS};
use crate::service::test_support::ME;

#[tokio::test]
async fn a_topic_is_created_changed_and_deleted() {
    let front = Front::new().await;
    let spec = r#"{"partitions":1,"replication_factor":1,"config":{"retention.ms":60000}}"#;
    let created = front.send("PUT", "/v1/topics/new", &[("content-type", "application/json")], spec).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_eq!(created.json()["config"]["retention.ms"], "60000");
    front.bench.sync().await;
    assert_eq!(front.send("PUT", "/v1/topics/new", &[], spec).await.status, 200);
    front.send("PUT", "/v1/topics/new", &[], r#"{"partitions":2}"#).await.refused(409);
    let change = r#"{"config":{"retention.ms":null,"segment.ms":"9000"}}"#;
    let changed = front.send("PATCH", "/v1/topics/new", &[], change).await.json();
    assert_eq!(
        (&changed["config"]["segment.ms"], changed["config"].get("retention.ms")),
        (&json!("9000"), None)
    );
    assert_eq!(front.send("DELETE", "/v1/topics/new", &[], "").await.status, 204);
    front.bench.sync().await;
    assert_eq!(front.get("/v1/topics/new").await.refused(404)["error_code"], 40_401);
    front.send("DELETE", "/v1/topics/new", &[], "").await.refused(404);
}

#[tokio::test]
async fn wrong_wishes_are_refused() {
    let front = Front::new().await;
    for (body, says) in [
        ("{", "line 1"),
        ("[]", "JSON object"),
        (r#"{"partitons":1}"#, "unknown field `partitons`"),
        (r#"{"partitions":0}"#, "partitions"),
        (r#"{"replication_factor":3}"#, "replication factor"),
        (r#"{"config":{"retention":"1"}}"#, "retention.ms"),
        (r#"{"config":{"retention.ms":[1]}}"#, "a setting must be"),
    ] {
        let refusal = front.send("PUT", "/v1/topics/new", &[], body).await.refused(400);
        assert!(refusal["message"].as_str().unwrap().contains(says), "{body}: {refusal}");
    }
    for name in ["..", ".", "a%20b", "a%2fb", "%00", "caf%c3%a9", &"x".repeat(250), "%ff"] {
        front.send("PUT", &format!("/v1/topics/{name}"), &[], "{}").await.refused(400);
    }
    front.send("PUT", "/v1/topics/new", &[("content-type", "application/xml")], "<a/>").await.refused(415);
    front.send("GET", "/v1/topics", &[("accept", "text/html")], "").await.refused(406);
    front.get("/v1/topics?page=2").await.refused(400);
}

#[tokio::test]
async fn producer_ids_are_handed_out_for_the_header() {
    let front = Front::new().await;
    let created = front.send("POST", "/v1/producers", &[], "").await;
    assert_eq!(
        (created.status.as_u16(), created.json()),
        (201, json!({"producer_id": 0, "producer_epoch": 0}))
    );
    let next = front.send("POST", "/v1/producers", &[("content-type", "application/json")], "{}").await;
    assert_eq!((next.status.as_u16(), &next.json()["producer_id"]), (201, &json!(1)));
    let headers = [
        ("content-type", "text/plain"),
        ("producer-id", "1"),
        ("producer-epoch", "0"),
        ("producer-seq", "0"),
    ];
    let path = "/v1/topics/t/partitions/0/records";
    assert_eq!(front.send("POST", path, &headers, "a").await.status, 200);
    assert_eq!(front.send("POST", path, &headers, "a").await.header("tidemark-duplicate"), "true");
    front.send("POST", "/v1/producers", &[], r#"{"transactional_id":"t"}"#).await.refused(400);
    front.send("POST", "/v1/producers", &[("accept", "text/html")], "").await.refused(406);
    front.get("/v1/producers").await.refused(405);
    front.bench.door.cut();
    for _ in 2..1_000 {
        assert_eq!(
            front.send("POST", "/v1/producers", &[], "").await.status,
            201,
            "what is left of the block"
        );
    }
    let answer = front.send("POST", "/v1/producers", &[], "").await;
    let refusal = answer.refused(503);
    assert_eq!(
        (&refusal["error_code"], &refusal["retriable"], &refusal["written"], answer.header("retry-after")),
        (&json!(50_301), &json!(true), &json!("no"), "1")
    );
}

#[tokio::test]
async fn the_cluster_is_described() {
    let front = Front::new().await;
    let cluster = front.get("/v1/cluster").await.json();
    assert_eq!(
        (&cluster["answered_by"], &cluster["topics"], &cluster["partitions"]),
        (&json!(1), &json!(1), &json!(2))
    );
    let brokers = front.get("/v1/brokers").await.json();
    assert_eq!(
        (&brokers["brokers"][0]["state"], &brokers["brokers"][1]["state"]),
        (&json!("active"), &json!("down"))
    );
    assert_eq!(brokers["brokers"][0]["url"], "http://127.0.0.1:8082");
    let partitions = front.get("/v1/topics/t/partitions").await.json();
    assert_eq!(
        (&partitions["partitions"][1]["leader"], &partitions["partitions"][1]["log_end"]),
        (&json!(1), &json!(0))
    );
    assert!(front.get("/v1/topics").await.body.contains("\"name\":\"t\""));
}

#[tokio::test]
async fn health_readiness_and_figures_are_told() {
    let front = Front::new().await;
    assert_eq!(front.get("/healthz").await.json()["status"], "ok");
    assert_eq!(front.get("/readyz").await.json(), json!({"ready": true, "reasons": []}));
    front.bench.set_live(ME, false).await;
    let answer = front.get("/readyz").await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "1"));
    assert!(answer.json()["reasons"][0].as_str().unwrap().contains("lease"));
    let page = front.get("/metrics").await.body;
    assert!(page.contains("tidemark_partition_log_end_offset{topic=\"t\",partition=\"1\"} 0"), "{page}");
}

#[tokio::test]
async fn the_document_names_every_address_and_its_methods() {
    let front = Front::new().await;
    let document = front.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap().iter();
    let native: Vec<_> = paths.filter(|(path, _)| !path.starts_with("/v3/")).collect();
    assert_eq!(native.len(), 46, "addresses");
    for (path, methods) in native {
        let path = path
            .replace("{topic}", "t")
            .replace("{partition}", "0")
            .replace("{group}", "g")
            .replace("{member}", "m")
            .replace("{instance}", "i");
        let options = front.send("OPTIONS", &path, &[], "").await;
        assert_eq!((options.status.as_u16(), options.body.as_str()), (204, ""), "{path}");
        let mut allowed: Vec<String> = options.header("allow").split(',').map(str::to_lowercase).collect();
        allowed.retain(|method| method != "head");
        allowed.sort_unstable();
        let mut documented: Vec<&str> = methods.as_object().unwrap().keys().map(String::as_str).collect();
        documented.sort_unstable();
        assert_eq!(allowed, documented, "{path}");
    }
}

#[tokio::test]
async fn unknown_addresses_methods_and_too_many_headers_are_refused() {
    let front = Front::new().await;
    for path in ["/v1", "/v1/nothing", "/v1/topics/t/nothing", "/V1/topics"] {
        front.get(path).await.refused(404);
    }
    let answer = front.send("POST", "/v1/cluster", &[], "").await;
    answer.refused(405);
    assert_eq!(answer.header("allow"), "GET,HEAD");
    assert_eq!(front.get("//v1//topics/").await.status, 200);
    let many: Vec<(String, &str)> = (0..200).map(|n| (format!("x-{n}"), "y")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    front.send("GET", "/healthz", &many, "").await.refused(431);
    let large = "k".repeat(40_000);
    front.send("GET", "/healthz", &[("tidemark-key", &large)], "").await.refused(431);
}

#[tokio::test]
async fn the_oldest_records_are_deleted() {
    let front = Front::new().await;
    front.post(RECORDS, "application/x-ndjson", "a\nb\nc\n").await;
    let delete = async |query: &str| front.send("DELETE", &format!("{RECORDS}{query}"), &[], "").await;
    let answer = delete("?before_offset=2").await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"partition": 0, "log_start": 2})));
    assert_eq!(delete("?before_offset=0").await.json()["log_start"], 2, "what is gone may be deleted again");
    let gone = front.get(&format!("{RECORDS}?offset=1")).await;
    assert_eq!((&gone.refused(410)["log_start"], gone.header("tidemark-start-offset")), (&json!(2), "2"));
    assert_eq!(front.values().await, ["c"]);
    assert_eq!(delete("?before_offset=4").await.refused(416)["high_watermark"], 3);
    assert_eq!(delete("?before_offset=latest&timeout_ms=5000").await.json()["log_start"], 3);
    front.post(RECORDS, "text/plain", "d").await;
    assert_eq!(front.values().await, ["d"]);
    for query in
        ["", "?before_offset=", "?before_offset=-1", "?before_offset=x", "?before=1", "?timeout_ms=1"]
    {
        delete(query).await.refused(400);
    }
    let missing = "/v1/topics/u/partitions/0/records?before_offset=latest";
    assert_eq!(front.send("DELETE", missing, &[], "").await.refused(404)["error_code"], 40401);
    front.bench.topic("kept", 1, &[("cleanup.policy", "compact")]).await;
    let kept = "/v1/topics/kept/partitions/0/records?before_offset=latest";
    assert_eq!(front.send("DELETE", kept, &[], "").await.refused(409)["error_code"], 40912);
}
