//! The REST Proxy face without consumers: shapes, codes and types, as its clients look at them.

use serde_json::{Value, json};

use super::super::options::HttpOptions;
use super::{Answer, Front, RECORDS};
use crate::service::test_support::{ME, tp};

const PLAIN: &str = "application/vnd.kafka.v2+json";
const JSON: &str = "application/vnd.kafka.json.v2+json";
const BINARY: &str = "application/vnd.kafka.binary.v2+json";
const TEXT: &str = "application/vnd.kafka.text.v2+json";

impl Answer {
    /// Checks that it is a refusal of the REST Proxy with this code, and returns its message.
    #[track_caller]
    pub(super) fn fault(&self, status: u16, code: u32) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), PLAIN, "{}", self.body);
        let json = self.json();
        assert_eq!(json["error_code"], code, "{json}");
        json["message"].as_str().unwrap().to_owned()
    }

    /// The (partition, offset) of each record of a produce that went well.
    #[track_caller]
    fn offsets(&self) -> Vec<(i64, i64)> {
        assert_eq!(self.status, 200, "{}", self.body);
        let json = self.json();
        let pair = |one: &Value| {
            assert!(one["error_code"].is_null() && one["error"].is_null(), "{one}");
            (one["partition"].as_i64().unwrap(), one["offset"].as_i64().unwrap())
        };
        assert!(json["key_schema_id"].is_null() && json["value_schema_id"].is_null());
        json["offsets"].as_array().unwrap().iter().map(pair).collect()
    }
}

impl Front {
    async fn read_as(&self, accept: &str, query: &str) -> Answer {
        let path = format!("/topics/t/partitions/0/records?{query}");
        self.send("GET", &path, &[("accept", accept)], "").await
    }
}

#[tokio::test]
async fn what_there_is_is_described_in_the_shapes_of_confluent() {
    let front = Front::new().await;
    front.bench.topic("__consumer_offsets", 1, &[]).await;
    for (method, path, body) in [
        ("GET", "/", "{}"),
        ("POST", "/", "{}"),
        ("GET", "/topics", r#"["t"]"#),
        ("GET", "/brokers", r#"{"brokers":[1]}"#),
        (
            "GET",
            "/topics/t/partitions/1",
            r#"{"partition":1,"leader":1,"replicas":[{"broker":1,"leader":true,"in_sync":true}]}"#,
        ),
        ("GET", "/topics/t/partitions/1/offsets", r#"{"beginning_offset":0,"end_offset":0}"#),
    ] {
        let answer = front.send(method, path, &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, body), "{method} {path}");
        assert_eq!(answer.header("content-type"), PLAIN, "{path}");
    }
    front.post(RECORDS, "text/plain", "x").await;
    let ends = front.get("/topics/t/partitions/0/offsets").await.json();
    assert_eq!(ends, json!({"beginning_offset": 0, "end_offset": 1}));
    let topic = front.get("/topics/t").await.json();
    assert_eq!((&topic["name"], topic["partitions"].as_array().unwrap().len()), (&"t".into(), 2));
    assert_eq!(topic["configs"]["retention.ms"], "604800000");
    assert!(topic["configs"].as_object().unwrap().values().all(Value::is_string), "{topic}");
    assert_eq!(front.get("/topics/t/partitions").await.json(), topic["partitions"]);
    front.bench.lead(&tp("t", 1), None, 1).await;
    let orphan = front.get("/topics/t/partitions/1").await.json();
    assert_eq!((&orphan["leader"], &orphan["replicas"][0]["leader"]), (&(-1).into(), &false.into()));
}

#[tokio::test]
async fn what_there_is_not_is_told_in_one_shape() {
    let front = Front::new().await;
    let cases = [
        ("GET", "/topics/u", 404, 40_401, "Topic not found."),
        ("GET", "/topics/u%20v", 404, 40_401, "Topic not found."),
        ("GET", "/topics/u/partitions", 404, 40_401, "Topic not found."),
        ("GET", "/topics/u/partitions/0/offsets", 404, 40_401, "Topic not found."),
        ("GET", "/topics/t/partitions/2", 404, 40_402, "it has 2"),
        ("GET", "/topics/t/partitions/-1", 404, 40_402, "Partition not found."),
        ("GET", "/topics/t/partitions/99999999999", 404, 40_402, "Partition not found."),
        ("GET", "/topics/t/partitions/9/offsets", 404, 40_402, "Partition not found."),
        ("GET", "/topics/t/partitions/x", 404, 404, "'x' is no partition"),
        ("GET", "/topics/t/nonsense", 404, 404, "/openapi.json"),
        ("GET", "/consumers", 404, 404, "/openapi.json"),
        ("GET", "/consumers/g/nonsense", 404, 404, "/openapi.json"),
        ("GET", "/admin", 404, 404, "/openapi.json"),
        ("DELETE", "/topics", 405, 405, "Allow"),
        ("PUT", "/topics/t", 405, 405, "Allow"),
        ("PATCH", "/", 405, 405, "Allow"),
        ("GET", "/consumers/g", 405, 405, "Allow"),
    ];
    for (method, path, status, code, says) in cases {
        let message = front.send(method, path, &[], "").await.fault(status, code);
        assert!(message.contains(says), "{method} {path}: {message}");
    }
    // Beside these roots the native shape is told.
    front.get("/nonsense").await.refused(404);
}

#[tokio::test]
async fn an_answer_is_of_a_type_that_is_admitted_or_refused_before_anything_is_done() {
    let front = Front::new().await;
    for (accept, told) in [("*/*", PLAIN), ("application/json", "application/json"), (JSON, PLAIN)] {
        let answer = front.send("GET", "/brokers", &[("accept", accept)], "").await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, told), "{accept}");
    }
    let bad = [("accept", "text/html"), ("content-type", JSON)];
    for (method, path) in [
        ("GET", "/topics"),
        ("GET", "/topics/t"),
        ("POST", "/topics/t"),
        ("DELETE", "/consumers/g/instances/i"),
    ] {
        front.send(method, path, &bad, r#"{"records":[{"value":1}]}"#).await.fault(406, 406);
    }
    assert!(front.values().await.is_empty());
}

#[tokio::test]
async fn records_go_in_and_come_out_in_each_format() {
    let front = Front::new().await;
    let rest = r#""headers":[{"key":"h","value":"aGk="},{"key":"n","value":null}],"timestamp":7"#;
    let cases = [
        (
            JSON,
            format!(r#"{{"key":{{"id": 1}},"value":[1.50,"\u00e9"],{rest}}}"#),
            json!([{"id": 1}, [1.5, "é"]]),
        ),
        (BINARY, format!(r#"{{"key":"/w==","value":"aGk=",{rest}}}"#), json!(["/w==", "aGk="])),
        (TEXT, format!(r#"{{"key":"k","value":"say \"hi\"",{rest}}}"#), json!(["k", "say \"hi\""])),
    ];
    for (offset, (media_type, record, expected)) in (0..).zip(cases) {
        let body = format!(r#"{{"records":[{record}]}}"#);
        let answer = front.post("/topics/t/partitions/0", media_type, body).await;
        assert_eq!(answer.offsets(), [(0, offset)]);
        assert_eq!(answer.header("content-type"), PLAIN);
        let read = front.read_as(media_type, &format!("offset={offset}")).await;
        assert_eq!(read.header("content-type"), media_type);
        let record = &read.json()[0];
        assert_eq!(json!([record["key"], record["value"]]), expected);
        let told = json!([
            record["topic"],
            record["partition"],
            record["offset"],
            record["timestamp"],
            record["headers"]
        ]);
        let headers = json!([{"key": "h", "value": "aGk="}, {"key": "n", "value": null}]);
        assert_eq!(told, json!(["t", 0, offset, 7, headers]));
    }
    assert_eq!(front.values().await[0], r#"[1.50,"é"]"#, "JSON is stored without its layout");
    let nothing = r#"{"records":[{"value":null},{"key":null},{}]}"#;
    for media_type in [JSON, BINARY, TEXT] {
        assert_eq!(front.post("/topics/t/partitions/0", media_type, nothing).await.offsets().len(), 3);
    }
    let read = front.read_as(BINARY, "offset=3&max_bytes=1000").await;
    assert!(
        read.json()
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["value"].is_null() && one.get("headers").is_none())
    );
}

#[tokio::test]
async fn media_types_are_read_laxly_and_none_is_refused_with_what_is_taken() {
    let front = Front::new().await;
    let json = r#"{"records":[{"value":"aGk="}]}"#;
    for media_type in [
        "application/vnd.kafka.json.v2+json; charset=utf-8",
        "APPLICATION/JSON",
        "application/vnd.kafka+json",
        PLAIN,
        "application/octet-stream",
    ] {
        front.post("/topics/t/partitions/0", media_type, json).await.offsets();
    }
    assert_eq!(front.values().await, [r#""aGk=""#, r#""aGk=""#, "hi", "hi", "hi"]);
    for media_type in ["application/vnd.kafka.v3+json", "text/plain", "application/x-www-form-urlencoded"] {
        let message = front.post("/topics/t", media_type, json).await.fault(415, 415);
        assert!(message.contains(media_type) && message.contains(BINARY), "{message}");
    }
    let message = front.send("POST", "/topics/t", &[], json).await.fault(415, 415);
    assert!(message.contains("no Content-Type"), "{message}");
    // The one setting turns plain JSON into Karapace's reading of it.
    let front = Front::with(HttpOptions { plain_json_is_binary: true, ..HttpOptions::default() }).await;
    front.post("/topics/t/partitions/0", "application/json", json).await.offsets();
    assert_eq!(front.values().await, ["hi"]);
}

#[tokio::test]
async fn records_choose_their_partitions_and_offsets_stand_in_the_order_of_the_request() {
    let front = Front::new().await;
    let own =
        r#"{"records":[{"value":1,"partition":1},{"value":2,"partition":0},{"value":3,"partition":"1"}]}"#;
    assert_eq!(front.post("/topics/t", JSON, own).await.offsets(), [(1, 0), (0, 0), (1, 1)]);
    assert_eq!(
        front.post("/topics/t/partitions/0", JSON, own).await.offsets(),
        [(1, 2), (0, 1), (1, 3)],
        "a record's own wins"
    );
    let keyed = r#"{"records":[{"key":"a","value":1},{"key":"b","value":2},{"key":"a","value":3}]}"#;
    let placed = front.post("/topics/t", JSON, keyed).await.offsets();
    assert_eq!(placed[0].0, placed[2].0);
    let escaped = r#"{"records":[{"key":"\u0061","value":4}]}"#;
    assert_eq!(
        front.post("/topics/t", JSON, escaped).await.offsets()[0].0,
        placed[0].0,
        "one key, however it is written"
    );
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..10 {
        let keyless = r#"{"records":[{"value":1},{"value":2},{"value":3}]}"#;
        let placed = front.post("/topics/t", JSON, keyless).await.offsets();
        assert!(
            placed.iter().all(|(partition, _)| *partition == placed[0].0),
            "one request sticks to one partition"
        );
        seen.insert(placed[0].0);
    }
    assert_eq!(seen.len(), 2, "and the next one may go elsewhere");
}

#[tokio::test]
async fn a_request_that_says_async_is_stored_all_the_same_and_answered_without_a_body() {
    let front = Front::new().await;
    let body = r#"{"records":[{"value":1}]}"#;
    let answer = front.post("/topics/t/partitions/0?async=true", JSON, body).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""));
    assert_eq!(front.values().await, ["1"]);
    front.post("/topics/t?async=perhaps", JSON, body).await.fault(400, 40_002);
    front.bench.lead(&tp("t", 0), None, 1).await;
    let late = front.post("/topics/t/partitions/0?async=true", "text/plain", body).await;
    late.fault(415, 415);
}

#[tokio::test]
async fn a_wrong_body_stores_nothing_and_says_what_is_wrong() {
    let front = Front::with(HttpOptions { body_bytes_max: 1_000, ..HttpOptions::default() }).await;
    let avro = "application/vnd.kafka.avro.v2+json";
    let cases = [
        (JSON, "{oops", 400, 400, "key must be a string"),
        (JSON, "[]", 400, 400, "JSON object"),
        (JSON, "", 422, 42_206, "Data is required"),
        (JSON, r#"{"foo":"bar"}"#, 422, 422, "unknown field `foo`"),
        (JSON, r#"{"records":[]}"#, 422, 422, "empty"),
        (JSON, r#"{"records":"x"}"#, 400, 400, "not an array"),
        (JSON, r#"{"records":[{"value":1},{"valur":1}]}"#, 422, 422, "records[1]: "),
        (
            JSON,
            r#"{"records":[{"value":1},{"value":2,"partition":2}]}"#,
            404,
            40_402,
            "records[1]: Partition not found.",
        ),
        (
            BINARY,
            r#"{"records":[{"value":"aGk="},{"value":"not base64"}]}"#,
            400,
            400,
            "records[1]: value is not a proper base64",
        ),
        (avro, r#"{"records":[{"value":{}}]}"#, 422, 42_202, "value_schema"),
        (avro, r#"{"records":[{"key":{}}]}"#, 422, 42_201, "key_schema"),
        (avro, r#"{"value_schema":"x","records":[{"value":{}}]}"#, 422, 42_205, "no schema registry"),
    ];
    for (media_type, body, status, code, says) in cases {
        for path in ["/topics/t", "/topics/t/partitions/0"] {
            let message = front.post(path, media_type, body).await.fault(status, code);
            assert!(message.contains(says), "{body}: {message}");
        }
    }
    front.post("/topics/u", avro, r#"{"records":[{"value":{}}]}"#).await.fault(404, 40_401);
    let large = format!(r#"{{"records":[{{"value":"{}"}}]}}"#, "x".repeat(2_000));
    front.post("/topics/t", JSON, large).await.fault(413, 413);
    let declared = [("content-type", "nonsense"), ("content-length", "99999999999")];
    front.send("POST", "/topics/t", &declared, "").await.fault(413, 413);
    assert!(front.values().await.is_empty());
    assert_eq!(front.bench.service.bodies().used(), 0, "what was admitted is given back");
}

#[tokio::test]
async fn a_record_that_may_not_be_stored_takes_the_request_with_it() {
    let front = Front::new().await;
    front.bench.topic("small", 1, &[("max.message.bytes", "400")]).await;
    front.bench.topic("latest", 1, &[("cleanup.policy", "compact")]).await;
    let body = json!({"records": [{"value": "x"}, {"value": "x".repeat(500)}]}).to_string();
    let answer = front.post("/topics/small", JSON, body).await;
    let message = answer.fault(422, 42_208);
    assert!(message.starts_with("records[1]: ") && message.contains("max.message.bytes"), "{message}");
    let json = answer.json();
    assert_eq!((&json["written"], json["offsets"].as_array().unwrap().len()), (&"no".into(), 2));
    assert_eq!(json["offsets"][1]["error_code"], 50_002);
    let answer =
        front.post("/topics/latest", JSON, r#"{"records":[{"key":"a","value":1},{"value":2}]}"#).await;
    assert!(answer.fault(422, 42_208).contains("records[1]: the record has no key"), "{answer:?}");
    for topic in ["small", "latest"] {
        let ends = front.get(&format!("/topics/{topic}/partitions/0/offsets")).await.json();
        assert_eq!(ends["end_offset"], 0, "{topic}");
    }
    let many = json!({"records": (0..20).map(|n| json!({"value": "x".repeat(100 + n)})).collect::<Vec<_>>()});
    let stored = front.post("/topics/small", JSON, many.to_string()).await.offsets();
    assert_eq!(
        stored,
        (0..20).map(|n| (0, n)).collect::<Vec<_>>(),
        "many small ones go in several batches, in order"
    );
}

#[tokio::test]
async fn outcomes_that_differ_are_no_success_and_each_is_told() {
    let options = crate::service::ServiceOptions {
        produce_timeout_ms_default: 50,
        settle_ms_max: 20,
        retry_pause_ms: 5,
        ..Default::default()
    };
    let front =
        Front::over(crate::service::test_support::Bench::with(options).await, HttpOptions::default()).await;
    front.bench.lead(&tp("t", 1), None, 1).await;
    let body =
        r#"{"records":[{"partition":0,"value":1},{"partition":1,"value":2},{"partition":0,"value":3}]}"#;
    let answer = front.post("/topics/t", JSON, body).await;
    let message = answer.fault(503, 50_003);
    assert!(message.contains("no leader"), "{message}");
    assert_eq!(answer.header("retry-after"), "1");
    let json = answer.json();
    assert_eq!(json["written"], "maybe");
    assert_eq!(json["offsets"][0], json!({"partition": 0, "offset": 0, "error_code": null, "error": null}));
    assert_eq!(json["offsets"][2]["offset"], 1);
    let failed = &json["offsets"][1];
    assert!(failed["partition"].is_null() && failed["offset"].is_null(), "{failed}");
    assert_eq!(failed["error_code"], 50_003);
    assert!(failed["error"].as_str().unwrap().contains("no leader"), "{failed}");
    let none = front.post("/topics/t/partitions/1?async=true", JSON, r#"{"records":[{"value":1}]}"#).await;
    none.fault(503, 50_003);
    assert_eq!(none.json()["written"], "no");
    front.bench.lead(&tp("t", 1), Some(ME), 2).await;
}

#[tokio::test]
async fn a_read_by_offset_waits_bounds_itself_and_needs_no_consumer() {
    let front = Front::new().await;
    let values = |answer: &Answer| -> Vec<Value> {
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json().as_array().unwrap().iter().map(|one| one["value"].clone()).collect()
    };
    assert_eq!(front.read_as(JSON, "offset=0&timeout=1&max_bytes=10").await.body, "[]");
    front.post(RECORDS, "application/x-ndjson", "1\n22\n333\nno json\n5\n").await;
    assert_eq!(values(&front.read_as(JSON, "offset=1").await), [22, 333], "up to what cannot be told");
    let message = front.read_as(JSON, "offset=3").await.fault(422, 422);
    assert!(message.contains("format json") && message.contains("offset 4"), "{message}");
    assert_eq!(values(&front.read_as(TEXT, "offset=3").await), ["no json", "5"]);
    assert_eq!(values(&front.read_as("*/*", "offset=4").await), ["NQ=="], "binary unless it is said");
    let some = front.read_as(TEXT, "offset=0&max_bytes=3").await;
    assert_eq!((values(&some), some.header("tidemark-next-offset")), (vec!["1".into(), "22".into()], "2"));
    assert_eq!(values(&front.read_as(TEXT, "offset=2&max_bytes=1").await), ["333"], "one at least");
    assert_eq!(values(&front.read_as(TEXT, "offset=0&max_bytes=0&unknown=1").await).len(), 5);
    for (query, status, code) in [
        ("timeout=5", 400, 40_002),
        ("offset=x", 400, 40_002),
        ("offset=-1", 400, 40_002),
        ("offset=0&timeout=soon", 400, 40_002),
        ("offset=6", 416, 416),
    ] {
        front.read_as(JSON, query).await.fault(status, code);
    }
    front.read_as("application/vnd.kafka.avro.v2+json", "offset=0").await.fault(422, 422);
    front.read_as("text/html", "offset=0").await.fault(406, 406);
    let waiting = front.read_as(TEXT, "offset=5&timeout=20000");
    let (woken, _) = tokio::join!(waiting, front.post(RECORDS, "text/plain", "new"));
    assert_eq!(values(&woken), ["new"]);
}

#[tokio::test]
async fn topics_are_created_as_by_strimzis_bridge() {
    let front = Front::new().await;
    let wish = r#"{"topic_name":"new","partitions_count":2,"replication_factor":1}"#;
    let answer = front.post("/admin/topics", PLAIN, wish).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (201, "{}"));
    front.bench.sync().await;
    assert!(
        front
            .post("/admin/topics", "application/json", wish)
            .await
            .fault(409, 409)
            .contains("already exists")
    );
    front.post("/admin/topics", PLAIN, r#"{"topic_name":"new","partitions_count":3}"#).await.fault(409, 409);
    for (body, status, code) in [
        ("", 422, 422),
        ("{}", 422, 422),
        ("{", 400, 400),
        (r#"{"topic_name":"a b"}"#, 400, 40_002),
        (r#"{"topic_name":"x","partitions_count":0}"#, 400, 40_002),
        (r#"{"topic_name":"x","replication_factor":9}"#, 400, 40_002),
        (r#"{"topic_name":"x","partitions":1}"#, 422, 422),
        (r#"{"topic_name":"__consumer_offsets"}"#, 400, 40_002),
    ] {
        front.post("/admin/topics", PLAIN, body).await.fault(status, code);
    }
    front.post("/admin/topics", "text/plain", wish).await.fault(415, 415);
}

#[tokio::test]
async fn slashes_collapse_and_names_are_decoded_once() {
    let front = Front::new().await;
    for path in
        ["/topics/", "//topics", "/topics//t/", "/topics/t//partitions/0//offsets/", "/brokers//", "//"]
    {
        assert_eq!(front.get(path).await.status, 200, "{path}");
    }
    let answer = front.post("/topics/t//partitions/0/", JSON, r#"{"records":[{"value":1}]}"#).await;
    assert_eq!(answer.offsets(), [(0, 0)]);
    assert_eq!(front.get("/topics/%74").await.status, 200);
    let message = front.get("/topics/%2574").await.fault(404, 40_401);
    assert!(message.contains("'%74'"), "{message}");
}

#[tokio::test]
async fn the_document_has_all_words_that_it_uses() {
    let front = Front::new().await;
    let text = front.get("/openapi.json").await.body;
    let document: Value = serde_json::from_str(&text).unwrap();
    let references: Vec<&str> =
        text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(references.len() > 50);
    let missing: Vec<&str> =
        references.into_iter().filter(|reference| document.pointer(reference).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
