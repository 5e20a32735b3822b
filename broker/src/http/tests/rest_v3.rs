//! REST Proxy v3 at the door of a broker of one, which has topic `t` of two partitions.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Answer, Front};
use crate::http::HttpOptions;
use crate::service::test_support::{ME, tp};

const JSON: (&str, &str) = ("content-type", "application/json");
const PATIENCE: Duration = Duration::from_secs(20);

async fn front(options: HttpOptions) -> Front {
    let front = Front::with(options).await;
    front.bench.name_cluster().await;
    front
}

impl Front {
    /// The address of something in the cluster.
    async fn v3(&self, rest: &str) -> String {
        let clusters = self.get("/v3/clusters").await.json();
        format!("/v3/clusters/{}{rest}", clusters["data"][0]["cluster_id"].as_str().unwrap())
    }

    async fn v3_get(&self, rest: &str) -> Answer {
        self.get(&self.v3(rest).await).await
    }

    async fn v3_ask(&self, method: &str, rest: &str, body: Value) -> Answer {
        let answer = self.send(method, &self.v3(rest).await, &[JSON], body.to_string()).await;
        self.bench.sync().await;
        answer
    }
}

impl Answer {
    /// Checks that it is a refusal in v3's shape, with this code.
    #[track_caller]
    fn refused_v3(&self, code: u64) -> Value {
        let status = if code >= 1_000 { code / 100 } else { code };
        assert_eq!(u64::from(self.status.as_u16()), status, "{}", self.body);
        assert_eq!(self.header("content-type"), "application/json");
        let json = self.json();
        let members: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["error_code", "message"]);
        assert_eq!(json["error_code"], code, "{json}");
        json
    }

    /// Receipts, one after the other.
    fn receipts(&self) -> Vec<Value> {
        serde_json::Deserializer::from_str(&self.body).into_iter().map(Result::unwrap).collect()
    }

    fn codes(&self) -> Vec<u64> {
        self.receipts().iter().map(|receipt| receipt["error_code"].as_u64().unwrap()).collect()
    }
}

fn text(data: &str) -> Value {
    json!({"partition_id": 0, "value": {"type": "STRING", "data": data}})
}

#[tokio::test]
async fn every_link_of_every_resource_leads_somewhere() {
    let front = front(HttpOptions::default()).await;
    front.bench.topic("__consumer_offsets", 4, &[]).await;
    let offsets = json!({"offsets": [{"topic": "t", "partition": 0, "offset": 0}]});
    assert_eq!(front.send("PUT", "/v1/groups/g/offsets", &[JSON], offsets.to_string()).await.status, 204);
    let mut open = vec!["/v3/clusters".to_owned()];
    let (mut seen, mut kinds) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
    while let Some(path) = open.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let answer = front.send("GET", &path, &[("host", "h:1")], "").await;
        let later = path.contains("reassignment") || path.ends_with("acls");
        assert_eq!(answer.status, if later { 501 } else { 200 }, "{path}: {}", answer.body);
        if later {
            continue;
        }
        let json = answer.json();
        kinds.insert(json["kind"].as_str().unwrap().to_owned());
        assert_eq!(json["metadata"]["self"].as_str().unwrap(), format!("http://h:1{path}"));
        let mut values = vec![&json];
        while let Some(value) = values.pop() {
            match value {
                Value::Array(items) => values.extend(items),
                Value::Object(members) => {
                    let links = ["related", "self"].iter().filter_map(|name| members.get(*name)?.as_str());
                    open.extend(links.map(|link| link.strip_prefix("http://h:1").unwrap().to_owned()));
                    values.extend(members.values());
                }
                _ => {}
            }
        }
    }
    for kind in ["KafkaCluster", "KafkaBroker", "KafkaBrokerConfig", "KafkaTopic", "KafkaTopicConfig"] {
        assert!(kinds.contains(kind), "{kind} in {kinds:?}");
    }
    for kind in ["KafkaPartition", "KafkaReplica", "KafkaConsumerGroup", "KafkaConsumerGroupLagSummary"] {
        assert!(kinds.contains(kind), "{kind} in {kinds:?}");
    }
}

#[tokio::test]
async fn topics_are_made_grown_and_deleted() {
    let front = front(HttpOptions::default()).await;
    let wish = json!({"topic_name": "new", "partitions_count": 2, "replication_factor": 1,
        "configs": [{"name": "retention.ms", "value": "5"}]});
    let dry = json!({"topic_name": "new", "validate_only": true});
    assert_eq!(front.v3_ask("POST", "/topics", dry).await.status, 201);
    front.v3_get("/topics/new").await.refused_v3(40_403);
    let made = front.v3_ask("POST", "/topics", wish.clone()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.header("location"), made.json()["metadata"]["self"].as_str().unwrap());
    assert_eq!((&made.json()["kind"], &made.json()["partitions_count"]), (&json!("KafkaTopic"), &json!(2)));
    front.v3_ask("POST", "/topics", wish).await.refused_v3(40_002);
    let grown = front.v3_ask("PATCH", "/topics/new", json!({"partitions_count": 4})).await;
    assert_eq!((grown.status, &grown.json()["partitions_count"]), (StatusCode::OK, &json!(4)));
    front.v3_ask("PATCH", "/topics/new", json!({"partitions_count": 4})).await.refused_v3(40_002);
    let by_hand = json!({"topic_name": "hand", "replicas_assignments": {"0": [1], "1": [1]}});
    assert_eq!(front.v3_ask("POST", "/topics", by_hand).await.json()["partitions_count"], 2);
    assert_eq!(front.v3_ask("DELETE", "/topics/new", json!({})).await.status, 204);
    front.v3_ask("DELETE", "/topics/new", json!({})).await.refused_v3(40_403);
    front.v3_ask("DELETE", "/topics/__consumer_offsets", json!({})).await.refused_v3(40_301);
}

#[tokio::test]
async fn wrong_wishes_have_their_codes() {
    let front = front(HttpOptions::default()).await;
    for (wish, code) in [
        (json!({"topic_name": "a b"}), 40_002),
        (json!({"topic_name": "x", "replication_factor": 7}), 40_002),
        (json!({"topic_name": "x", "partitions_count": 0}), 40_002),
        (json!({"topic_name": "x", "configs": [{"name": "nonsense", "value": "1"}]}), 40_002),
        (json!({"topic_name": "x", "configs": [{"name": "retention.ms", "value": null}]}), 40_002),
        (json!({"topic_name": "x", "replicas_assignments": {"1": [1]}}), 40_002),
        (json!({"topic": "x"}), 400),
        (json!([]), 400),
    ] {
        front.v3_ask("POST", "/topics", wish).await.refused_v3(code);
    }
    let topics = front.v3("/topics").await;
    front.send("POST", &topics, &[("content-type", "text/plain")], "{}").await.refused_v3(415);
    front.send("GET", &topics, &[("accept", "text/html")], "").await.refused_v3(406);
    front.send("PUT", &topics, &[], "").await.refused_v3(405);
    front.v3_get("/nowhere").await.refused_v3(404);
    front.get("/v3/clusters/nope/topics").await.refused_v3(404);
    front.v3_get("/topics/t/partitions/2").await.refused_v3(40_403);
    front.v3_get("/topics/t/partitions/x").await.refused_v3(40_403);
    front.v3_get("/topics/t/partitions/0/replicas/9").await.refused_v3(404);
    front.v3_get("/topics/t/partitions/0/offset?offset_type=x").await.refused_v3(400);
    front.v3_get("/brokers/9").await.refused_v3(404);
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
        for path in ["/acls", "/acls:batch", "/topics/-/partitions/-/reassignment", "/broker-configs:alter"] {
            front.v3_ask(method, path, json!({})).await.refused_v3(501);
        }
    }
    front.v3_ask("PUT", "/brokers/1/configs/num.partitions", json!({"value": "1"})).await.refused_v3(501);
    front.v3_ask("DELETE", "/broker-configs/log.roll.ms", json!({})).await.refused_v3(501);
}

#[tokio::test]
async fn settings_are_shown_and_changed() {
    let front = front(HttpOptions::default()).await;
    let value = async |name: &str| {
        let config = front.v3_get(&format!("/topics/t/configs/{name}")).await.json();
        (config["value"].as_str().unwrap().to_owned(), config["source"].as_str().unwrap().to_owned())
    };
    let set = front.v3_ask("PUT", "/topics/t/configs/retention.ms", json!({"value": "7"})).await;
    assert_eq!(set.status, 204, "{}", set.body);
    assert_eq!(value("retention.ms").await, ("7".to_owned(), "DYNAMIC_TOPIC_CONFIG".to_owned()));
    let changes = json!({"data": [{"name": "segment.ms", "value": "9"},
        {"name": "retention.ms", "operation": "DELETE"}]});
    assert_eq!(front.v3_ask("POST", "/topics/t/configs:alter", changes).await.status, 204);
    assert_eq!(value("segment.ms").await.0, "9");
    assert_eq!(value("retention.ms").await.1, "DEFAULT_CONFIG");
    let dry = json!({"validate_only": true, "data": [{"name": "segment.ms", "value": "11"}]});
    assert_eq!(front.v3_ask("POST", "/topics/t/configs:alter", dry).await.status, 204);
    assert_eq!(value("segment.ms").await.0, "9");
    assert_eq!(front.v3_ask("DELETE", "/topics/t/configs/segment.ms", json!({})).await.status, 204);
    assert_eq!(value("segment.ms").await.1, "DEFAULT_CONFIG");
    front.v3_ask("PUT", "/topics/t/configs/retention.ms", json!({"value": "x"})).await.refused_v3(40_002);
    front.v3_ask("PUT", "/topics/t/configs/nonsense", json!({"value": "x"})).await.refused_v3(404);
    front.v3_ask("PUT", "/topics/no/configs/retention.ms", json!({"value": "1"})).await.refused_v3(40_403);
    front.v3_ask("PUT", "/topics/t/configs/retention.ms", json!({})).await.refused_v3(400);
    front.v3_get("/topics/t/configs/nonsense").await.refused_v3(404);
    let all = front.v3_get("/topics/-/configs").await.json();
    assert_eq!(all["data"].as_array().unwrap().len(), 16);
}

#[tokio::test]
async fn a_single_record_is_answered_with_its_own_status() {
    let front = front(HttpOptions::default()).await;
    let stored = front.v3_ask("POST", "/topics/t/records", text("a")).await;
    assert_eq!((stored.status, stored.codes()), (StatusCode::OK, vec![200]));
    let receipt = &stored.receipts()[0];
    assert_eq!((&receipt["offset"], &receipt["partition_id"]), (&json!(0), &json!(0)));
    assert_eq!(receipt["value"], json!({"type": "STRING", "size": 1}));
    assert!(receipt.get("key").is_none() && receipt["timestamp"].as_str().unwrap().ends_with('Z'));
    let bad = json!({"value": {"type": "BINARY", "data": 1}});
    front.v3_ask("POST", "/topics/t/records", bad).await.refused_v3(400);
    let far = json!({"partition_id": 9, "value": {"type": "STRING", "data": "x"}});
    front.v3_ask("POST", "/topics/t/records", far).await.refused_v3(40_403);
    let schema = json!({"value": {"type": "AVRO", "data": 1}});
    front.v3_ask("POST", "/topics/t/records", schema).await.refused_v3(42_202);
    let path = front.v3("/topics/t/records").await;
    for (body, code) in [("", 422), (" \n", 422), ("[1]", 400), ("{\"value\":", 400)] {
        front.send("POST", &path, &[JSON], body).await.refused_v3(code);
    }
    front.v3_ask("POST", "/topics/nope/records", text("a")).await.refused_v3(40_403);
    front.send("POST", &path, &[("content-type", "text/plain")], "{}").await.refused_v3(415);
    assert_eq!(front.values().await, ["a"]);
}

#[tokio::test]
async fn many_records_are_answered_one_by_one_in_their_order() {
    let front = front(HttpOptions::default()).await;
    let bad = json!({"value": {"type": "BINARY", "data": 1}});
    let body = format!("{}{}\n{} {} [", text("a"), bad, text("b"), text("c"));
    let answer = front.send("POST", &front.v3("/topics/t/records").await, &[JSON], body).await;
    assert_eq!((answer.status, answer.codes()), (StatusCode::OK, vec![200, 400, 200, 200, 400]));
    let offsets: Vec<_> = answer.receipts().iter().map(|receipt| receipt["offset"].as_i64()).collect();
    assert_eq!(offsets, [Some(0), None, Some(1), Some(2), None]);
    assert_eq!(front.values().await, ["a", "b", "c"]);
}

/// A body that comes as it is sent.
fn open_body() -> (mpsc::Sender<Result<Bytes, std::io::Error>>, Body) {
    let (records, body) = mpsc::channel(1);
    let body = futures_util::stream::unfold(body, async |mut body: mpsc::Receiver<_>| {
        body.recv().await.map(|chunk| (chunk, body))
    });
    (records, Body::from_stream(body))
}

#[tokio::test]
async fn a_receipt_comes_while_the_body_is_still_open() {
    let front = front(HttpOptions::default()).await;
    let (records, body) = open_body();
    let path = front.v3("/topics/t/records").await;
    records.send(Ok(text("a").to_string().into())).await.unwrap();
    let response = tokio::time::timeout(PATIENCE, front.open("POST", &path, &[JSON], body)).await.unwrap();
    let mut receipts = response.into_body().into_data_stream();
    for (offset, next) in ["b", "c"].iter().enumerate() {
        let receipt = tokio::time::timeout(PATIENCE, receipts.next()).await.unwrap().unwrap().unwrap();
        let receipt: Value = serde_json::from_slice(&receipt).unwrap();
        assert_eq!(receipt["offset"], offset);
        records.send(Ok(text(next).to_string().into())).await.unwrap();
    }
    drop(records);
    let rest = tokio::time::timeout(PATIENCE, Body::from_stream(receipts).collect()).await.unwrap();
    let rest: Value = serde_json::from_slice(&rest.unwrap().to_bytes()).unwrap();
    assert_eq!(rest["offset"], 2);
}

#[tokio::test]
async fn an_open_stream_knows_the_partitions_that_came_after_it() {
    let front = front(HttpOptions::default()).await;
    let (records, body) = open_body();
    let path = front.v3("/topics/t/records").await;
    records.send(Ok(text("a").to_string().into())).await.unwrap();
    let response = tokio::time::timeout(PATIENCE, front.open("POST", &path, &[JSON], body)).await.unwrap();
    let grown = front.v3_ask("PATCH", "/topics/t", json!({"partitions_count": 3})).await;
    assert_eq!(grown.status, StatusCode::OK, "{}", grown.body);
    front.bench.lead(&tp("t", 2), Some(ME), 0).await;
    let later = json!({"partition_id": 2, "value": {"type": "STRING", "data": "b"}});
    records.send(Ok(later.to_string().into())).await.unwrap();
    drop(records);
    let receipts = tokio::time::timeout(PATIENCE, response.into_body().collect()).await.unwrap();
    let receipts = receipts.unwrap().to_bytes();
    let last = serde_json::Deserializer::from_slice(&receipts).into_iter::<Value>().last().unwrap().unwrap();
    assert_eq!((&last["error_code"], &last["partition_id"]), (&json!(200), &json!(2)), "{last}");
}

#[tokio::test]
async fn a_stream_that_is_silent_for_too_long_is_ended() {
    let front = front(HttpOptions { records_idle_ms_max: 50, ..HttpOptions::default() }).await;
    let body = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from(text("a").to_string()))])
        .chain(futures_util::stream::pending());
    let path = front.v3("/topics/t/records").await;
    let response = front.open("POST", &path, &[JSON], Body::from_stream(body)).await;
    let answer = tokio::time::timeout(PATIENCE, Answer::read(response)).await.unwrap();
    assert_eq!(answer.codes(), [200, 408]);
}

#[tokio::test]
async fn what_is_held_of_a_record_has_bounds_and_is_given_back() {
    let front = front(HttpOptions { body_bytes_max: 1_000, ..HttpOptions::default() }).await;
    let path = front.v3("/topics/t/records").await;
    let endless = format!("{{\"value\":\"{}", "x".repeat(2_000));
    front.send("POST", &path, &[JSON], endless).await.refused_v3(413);
    let many: String = (0..50).map(|n| text(&n.to_string()).to_string()).collect();
    assert_eq!(front.send("POST", &path, &[JSON], many).await.codes(), [200; 50], "each is small enough");
    assert_eq!(front.bench.service.bodies().used(), 0);
}

/// One chunk of very small records took a receipt's room for each at once, without a bound.
#[tokio::test]
async fn very_many_small_records_in_one_chunk_are_all_answered() {
    let front = front(HttpOptions::default()).await;
    let path = front.v3("/topics/t/records").await;
    let answer = front.send("POST", &path, &[JSON], "{}".repeat(9_000)).await;
    assert_eq!(answer.codes(), vec![200; 9_000]);
    let offsets: Vec<_> = answer.receipts().iter().map(|receipt| receipt["offset"].as_i64()).collect();
    assert_eq!(offsets, (0..9_000).map(Some).collect::<Vec<_>>());
    assert_eq!(front.bench.service.bodies().used(), 0);
}

#[tokio::test]
async fn a_compacted_topic_needs_keys() {
    let front = front(HttpOptions::default()).await;
    front.bench.topic("c", 1, &[("cleanup.policy", "compact")]).await;
    let keyed = json!({"key": {"type": "STRING", "data": "k"}, "value": {"type": "STRING", "data": null}});
    let body = format!("{}{keyed}", text("a"));
    let answer = front.send("POST", &front.v3("/topics/c/records").await, &[JSON], body).await;
    assert_eq!(answer.codes(), [42_208, 200], "{}", answer.body);
}

#[tokio::test]
async fn a_few_records_at_once_are_told_apart_by_their_ids() {
    let front = front(HttpOptions::default()).await;
    let entry =
        |id: &str, kind: &str| json!({"id": id, "partition_id": 0, "value": {"type": kind, "data": "a"}});
    let entries = json!({"entries": [entry("1", "STRING"), entry("2", "XML"), entry("3", "STRING")]});
    let answer = front.v3_ask("POST", "/topics/t/records:batch", entries).await;
    assert_eq!(answer.status, 207, "{}", answer.body);
    let json = answer.json();
    let ids = |list: &str| -> Vec<String> {
        let items = json[list].as_array().unwrap().iter();
        items.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((ids("successes"), ids("failures")), (vec!["1".into(), "3".into()], vec!["2".to_owned()]));
    assert_eq!(
        (&json["successes"][1]["offset"], &json["failures"][0]["error_code"]),
        (&json!(1), &json!(400))
    );
    let twice = json!({"entries": [entry("1", "STRING"), entry("1", "STRING")]});
    let long = json!({"entries": [entry(&"x".repeat(81), "STRING")]});
    let many: Vec<_> = (0..11).map(|n| entry(&n.to_string(), "STRING")).collect();
    for wish in [json!({"entries": []}), twice, long, json!({ "entries": many })] {
        front.v3_ask("POST", "/topics/t/records:batch", wish).await.refused_v3(42_208);
    }
    assert_eq!(front.values().await, ["a", "a"]);
}

#[tokio::test]
async fn groups_consumers_and_lags_are_told() {
    let front = front(HttpOptions::default()).await;
    front.bench.topic("__consumer_offsets", 4, &[]).await;
    front.v3_ask("POST", "/topics/t/records", text("a")).await;
    front.v3_get("/consumer-groups/g").await.refused_v3(404);
    let wish = json!({"topics": ["t"], "auto_offset_reset": "earliest"}).to_string();
    let joined = front.send("POST", "/v1/groups/g/members", &[JSON], wish).await;
    assert_eq!(joined.status, 201, "{}", joined.body);
    let member = joined.json()["member_id"].as_str().unwrap().to_owned();
    let poll = format!("/v1/groups/g/members/{member}/poll?wait_ms=0");
    assert_eq!(front.send("POST", &poll, &[JSON], "{}").await.status, 200);

    let group = front.v3_get("/consumer-groups/g").await.json();
    assert_eq!((&group["type"], &group["is_simple"]), (&json!("CONSUMER"), &json!(false)));
    let consumers = front.v3_get("/consumer-groups/g/consumers").await.json();
    assert_eq!(consumers["data"][0]["consumer_id"], member.as_str());
    let path = format!("/consumer-groups/g/consumers/{member}/assignments");
    assert_eq!(front.v3_get(&path).await.json()["data"].as_array().unwrap().len(), 2);
    let lag = front.v3_get("/consumer-groups/g/lags/t/partitions/0").await.json();
    assert_eq!((&lag["lag"], &lag["consumer_id"]), (&json!(1), &json!(member)));
    let sum = front.v3_get("/consumer-groups/g/lag-summary").await.json();
    assert_eq!((&sum["total_lag"], &sum["max_lag_topic_name"]), (&json!(1), &json!("t")));
    front.v3_get("/consumer-groups/g/consumers/nobody").await.refused_v3(404);
    front.v3_get("/consumer-groups/g/lags/t/partitions/7").await.refused_v3(404);
}

#[tokio::test]
async fn the_document_names_every_address_and_its_methods() {
    let front = front(HttpOptions::default()).await;
    let document = front.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap().iter();
    let ours: Vec<_> = paths.filter(|(path, _)| path.starts_with("/v3/")).collect();
    assert_eq!(ours.len(), 32, "{ours:?}");
    for (path, methods) in ours {
        let path = path.replace("{cluster_id}", "c").replace(['{', '}'], "x");
        let options = front.send("OPTIONS", &path, &[], "").await;
        assert_eq!((options.status.as_u16(), options.body.as_str()), (204, ""), "{path}");
        let allowed = options.header("allow").to_lowercase();
        for method in methods.as_object().unwrap().keys() {
            assert!(allowed.split(',').any(|one| one == method), "{path}: {method} in {allowed}");
        }
    }
}
