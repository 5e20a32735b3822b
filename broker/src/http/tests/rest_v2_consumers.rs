//! Consumers of the REST Proxy at the door: one broker coordinates, and leads topic `t` of two partitions.

use serde_json::{Value, json};

use super::super::options::HttpOptions;
use super::{Answer, Front};

const PLAIN: &str = "application/vnd.kafka.v2+json";
const JSON: &str = "application/vnd.kafka.json.v2+json";
const BASE: &str = "/consumers/g/instances/c1";

async fn front_with(options: HttpOptions) -> Front {
    let front = Front::with(options).await;
    front.bench.topic("__consumer_offsets", 4, &[]).await;
    front
}

async fn front() -> Front {
    front_with(HttpOptions::default()).await
}

impl Front {
    async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.send(method, path, &[("content-type", PLAIN)], body.to_string()).await
    }

    /// Creates instance `c1` of group `g`.
    async fn create(&self, config: Value) -> Value {
        let mut config = config;
        config["name"] = "c1".into();
        let answer = self.call("POST", "/consumers/g", config).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// A command that is answered with 204 and nothing.
    async fn done(&self, method: &str, path: &str, body: Value) {
        let answer = self.call(method, path, body).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""), "{method} {path}");
    }

    /// Polls `c1`; each record as `topic-partition@offset=value`.
    async fn records(&self, query: &str) -> Vec<String> {
        let answer = self.get(&format!("{BASE}/records?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let told = |one: &Value| {
            format!(
                "{}-{}@{}={}",
                one["topic"].as_str().unwrap(),
                one["partition"],
                one["offset"],
                one["value"]
            )
        };
        answer.json().as_array().unwrap().iter().map(told).collect()
    }

    async fn lines(&self, partition: i32, values: &str) {
        let path = format!("/v1/topics/t/partitions/{partition}/records");
        assert_eq!(self.post(&path, "application/x-ndjson", values.to_owned()).await.status, 200);
    }

    /// What is committed for partition 0.
    async fn committed(&self) -> Value {
        let answer = self.get(&format!("{BASE}/offsets?tp=t:0")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["offsets"][0]["offset"].clone()
    }
}

fn earliest() -> Value {
    json!({"format": "json", "auto.offset.reset": "earliest", "auto.commit.enable": "false"})
}

#[tokio::test]
async fn an_instance_is_created_found_again_and_deleted() {
    let front = front().await;
    let host = [("content-type", JSON), ("host", "kafka.example:80")];
    let body = r#"{"name":"a b","format":"json","topic.metadata.refresh.interval.ms":100}"#;
    let answer = front.send("POST", "/consumers/g%201/", &host, body).await;
    let uri = "http://kafka.example:80/consumers/g%201/instances/a%20b";
    assert_eq!(answer.json(), json!({"instance_id": "a b", "base_uri": uri, "dialect": "confluent"}));
    assert_eq!((answer.status.as_u16(), answer.header("tidemark-dialect")), (200, "confluent"));
    assert_eq!(answer.header("content-type"), PLAIN);
    front.send("POST", "/consumers/g%201", &host, body).await.fault(409, 40_902);
    let path = "/consumers/g%201/instances/a%20b";
    let resumed = front.call("PUT", path, json!({"format": "binary"})).await;
    assert_eq!((resumed.status.as_u16(), &resumed.json()["instance_id"]), (200, &"a b".into()));
    assert_eq!(front.call("PUT", "/consumers/g/instances/new//", json!({})).await.status, 201);
    front.call("PUT", "/consumers/g/instances/new", json!({"name": "other"})).await.fault(422, 42_204);
    // Without a body, or a type.
    let nameless = front.send("POST", "/consumers/g", &[], "").await;
    let name = nameless.json()["instance_id"].as_str().unwrap().to_owned();
    assert!(nameless.status == 200 && name.starts_with("rest-consumer-"), "{name}");
    assert_eq!(nameless.json()["base_uri"], format!("http://127.0.0.1:8082/consumers/g/instances/{name}"));
    assert_eq!(front.send("DELETE", path, &[], "").await.status, 204);
    front.send("DELETE", path, &[("content-type", PLAIN)], "{}").await.fault(404, 40_403);
    front.send("POST", "/consumers/g%201", &host, body).await.json();
    // Decoded once: this one's name holds a percent sign.
    assert_eq!(
        front.call("PUT", "/consumers/g/instances/a%2520b", json!({})).await.json()["instance_id"],
        "a%20b"
    );
}

#[tokio::test]
async fn a_configuration_is_judged_and_the_dialect_is_said() {
    let front = front().await;
    for (config, query, dialect) in [
        (json!({"enable.auto.commit": false}), "", "strimzi"),
        (json!({"auto.commit.enable": "true", "fetch.min.bytes": -1}), "", "confluent"),
        (json!({}), "?dialect=strimzi", "strimzi"),
        (json!({"enable.auto.commit": "true"}), "?dialect=Confluent", "confluent"),
    ] {
        let answer = front.call("POST", &format!("/consumers/g{query}"), config).await;
        assert_eq!(answer.json()["dialect"], dialect);
    }
    for config in [json!({"format": "xml"}), json!({"fetch.min.bytes": -10}), json!({"auto.offset.reset": 5})]
    {
        front.call("POST", "/consumers/g", config).await.fault(422, 42_204);
    }
    front.call("POST", "/consumers/g?dialect=klingon", json!({})).await.fault(400, 40_002);
    front.post("/consumers/g", PLAIN, "{").await.fault(400, 400);
    front.post("/consumers/g", PLAIN, "[]").await.fault(400, 400);
    front.post("/consumers/g", "text/plain", "{}").await.fault(415, 415);
    front.send("POST", "/consumers/g", &[], "{}").await.fault(415, 415);
    front.post("/consumers/a%00b", PLAIN, "{}").await.fault(400, 40_002);
    front.post("/consumers/g", PLAIN, r#"{"format":"avro"}"#).await.json();
}

#[tokio::test]
async fn a_proxy_is_believed_only_if_it_is_trusted() {
    let headers =
        [("content-type", PLAIN), ("host", "a:1"), ("x-forwarded-host", "k"), ("x-forwarded-proto", "https")];
    for (trusted, start) in [(false, "http://a:1/"), (true, "https://k/")] {
        let front = front_with(HttpOptions { forwarded_trusted: trusted, ..HttpOptions::default() }).await;
        let answer = front.send("POST", "/consumers/g", &headers, "{}").await.json();
        assert!(answer["base_uri"].as_str().unwrap().starts_with(start), "{answer}");
    }
}

#[tokio::test]
async fn a_subscribed_instance_gets_each_record_once_it_acknowledges() {
    let front = front().await;
    front.lines(0, "1\n2").await;
    front.create(earliest()).await;
    let subscription = format!("{BASE}/subscription");
    assert_eq!(front.get(&subscription).await.json(), json!({"topics": []}));
    front.get(&format!("{BASE}/records")).await.fault(409, 40_903);
    front.done("POST", &subscription, json!({"topics": ["t"]})).await;
    assert_eq!(front.get(&subscription).await.json(), json!({"topics": ["t"]}));
    assert_eq!(front.records("timeout=20000").await, ["t-0@0=1", "t-0@1=2"]);
    assert_eq!(front.records("replay=true").await, ["t-0@0=1", "t-0@1=2"], "a lost answer loses nothing");
    front.lines(1, "3").await;
    assert_eq!(front.records("timeout=20000").await, ["t-1@0=3"]);
    assert!(front.records("timeout=1").await.is_empty());
    let have = front.get(&format!("{BASE}/assignments")).await.json();
    assert_eq!(have, json!({"partitions": [{"topic": "t", "partition": 0}, {"topic": "t", "partition": 1}]}));
    let waiting = front.records("timeout=20000");
    let (woken, ()) = tokio::join!(waiting, front.lines(0, "4"));
    assert_eq!(woken, ["t-0@2=4"]);
    // Headers, a time and the format's own type.
    let record =
        r#"{"records":[{"key":"k","value":5,"timestamp":7,"headers":[{"key":"h","value":"aGk="}]}]}"#;
    front.post("/topics/t/partitions/0", JSON, record).await;
    let answer = front.send("GET", &format!("{BASE}/records?timeout=20000"), &[("accept", JSON)], "").await;
    assert_eq!(answer.header("content-type"), JSON);
    let expected = json!([{"topic": "t", "key": "k", "value": 5, "partition": 0, "offset": 3, "timestamp": 7,
        "headers": [{"key": "h", "value": "aGk="}]}]);
    assert_eq!(answer.json(), expected);
    front.done("DELETE", &subscription, json!({})).await;
    assert_eq!(front.get(&subscription).await.json(), json!({"topics": []}));
}

#[tokio::test]
async fn a_pattern_follows_the_topics() {
    let front = front().await;
    front.create(earliest()).await;
    let subscription = format!("{BASE}/subscription");
    front.done("POST", &subscription, json!({"topic_pattern": "t[0-9]*"})).await;
    assert_eq!(front.get(&subscription).await.json()["topics"], json!(["t"]));
    front.bench.topic("t2", 1, &[]).await;
    assert_eq!(front.get(&subscription).await.json()["topics"], json!(["t", "t2"]));
    for (body, status, code) in [
        (json!({"topics": ["t"], "topic_pattern": "t"}), 409, 40_903),
        (json!({"topics": ["t"]}), 409, 40_903),
        (json!({"topic_pattern": "("}), 422, 422),
        (json!({}), 422, 422),
        (json!({"topics": "t"}), 422, 422),
        (json!({"topics": [1]}), 422, 422),
        (json!({"topics": ["a b"]}), 422, 422),
        (json!({"topicz": ["t"]}), 422, 422),
    ] {
        front.call("POST", &subscription, body).await.fault(status, code);
    }
    front.post(&subscription, PLAIN, "").await.fault(422, 42_206);
    let assign = json!({"partitions": [{"topic": "t", "partition": 0}]});
    let message = front.call("POST", &format!("{BASE}/assignments"), assign).await.fault(409, 40_903);
    assert!(message.starts_with("Illegal state: "), "{message}");
    front.done("POST", &subscription, json!({"topics": []})).await;
    assert_eq!(front.get(&subscription).await.json()["topics"], json!([]));
}

#[tokio::test]
async fn an_assigned_instance_reads_from_where_it_is_put() {
    let front = front().await;
    for value in ["10", "11", "12"] {
        front.lines(0, value).await;
    }
    front.create(earliest()).await;
    let (assignments, positions) = (format!("{BASE}/assignments"), format!("{BASE}/positions"));
    let zero = json!({"partitions": [{"topic": "t", "partition": 0}]});
    let at =
        |offset: i64| json!({"offsets": [{"topic": "t", "partition": 0, "offset": offset, "metadata": "m"}]});
    front.call("POST", &positions, at(1)).await.fault(409, 40_903);
    assert_eq!(front.get(&assignments).await.json(), json!({"partitions": []}));
    front.done("POST", &assignments, zero.clone()).await;
    assert_eq!(front.get(&assignments).await.json(), zero);
    front.done("POST", &positions, at(2)).await;
    assert_eq!(front.records("timeout=20000").await, ["t-0@2=12"]);
    front.done("POST", &format!("{BASE}//positions//beginning/"), zero.clone()).await;
    assert_eq!(front.records("timeout=20000").await, ["t-0@0=10", "t-0@1=11", "t-0@2=12"]);
    front.done("POST", &format!("{positions}/end"), json!({"partitions": []})).await;
    assert!(front.records("timeout=1").await.is_empty());
    let since = json!({"timestamps": [{"topic": "t", "partition": 0, "timestamp": "2020-01-01T00:00:00Z"}]});
    front.done("POST", &positions, since).await;
    assert_eq!(front.records("timeout=20000&max_bytes=1").await, ["t-0@0=10"]);
    for (path, body, status, code) in [
        (&positions, json!({}), 422, 422),
        (&positions, at(-1), 422, 422),
        (&positions, json!({"timestamps": [{"topic": "t", "partition": 0, "timestamp": "noon"}]}), 422, 422),
        (&positions, json!({"offsets": [{"topic": "t", "partition": 1, "offset": 0}]}), 409, 40_903),
        (&assignments, json!({"partitions": [{"topic": "t", "partition": -1}]}), 422, 422),
        (&assignments, json!({"partition": []}), 422, 422),
    ] {
        front.call("POST", path, body.clone()).await.fault(status, code);
    }
    front.call("POST", &format!("{BASE}/subscription"), json!({"topics": ["t"]})).await.fault(409, 40_903);
}

#[tokio::test]
async fn a_commit_means_what_the_dialect_says() {
    let front = front().await;
    front.lines(0, "1\n2\n3").await;
    let offsets = format!("{BASE}/offsets");
    let one = |offset: i64| json!([{"topic": "t", "partition": 0, "offset": offset}]);
    for (config, committed, status, body) in [
        (json!({"auto.commit.enable": false, "auto.offset.reset": "earliest"}), 2, 200, "[]"),
        (json!({"enable.auto.commit": false, "auto.offset.reset": "earliest"}), 1, 204, ""),
    ] {
        front.create(config).await;
        front
            .done(
                "POST",
                &format!("{BASE}/assignments"),
                json!({"partitions": [{"topic": "t", "partition": 0}]}),
            )
            .await;
        let answer = front.call("POST", &offsets, json!({"offsets": one(1)})).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (status, body));
        assert_eq!(front.committed().await, committed);
        front.done("POST", &offsets, json!({"partitions": one(0)})).await;
        assert_eq!(front.committed().await, 0, "Redpanda's is exact in every dialect");
        front.records("timeout=20000").await;
        let answer = front.send("POST", &format!("{offsets}?async=true"), &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (status, body));
        assert_eq!(front.committed().await, 3, "without offsets, all that was delivered");
        let shown = front.get(&format!("{BASE}/subscription")).await.json();
        let of_strimzi = json!({"topics": [], "partitions": [{"t": [0]}]});
        assert_eq!(shown, if status == 204 { of_strimzi } else { json!({"topics": []}) });
        for (body, status, code) in [
            (json!({"offsets": one(-1)}), 422, 422),
            (json!({"offests": one(1)}), 422, 422),
            (json!({"offsets": one(1), "partitions": one(1)}), 422, 422),
        ] {
            front.call("POST", &offsets, body).await.fault(status, code);
        }
        front.done("DELETE", BASE, json!({})).await;
    }
}

#[tokio::test]
async fn committed_offsets_are_told_for_partitions_in_a_body_or_in_the_query() {
    let front = front().await;
    front.create(earliest()).await;
    let offsets = format!("{BASE}/offsets");
    front.get(&offsets).await.fault(404, 40_402);
    let commit = json!({"offsets": [{"topic": "t", "partition": 1, "offset": 6, "metadata": "note"}]});
    front
        .done("POST", &format!("{BASE}/assignments"), json!({"partitions": [{"topic": "t", "partition": 1}]}))
        .await;
    assert_eq!(front.call("POST", &offsets, commit).await.status, 200);
    let expected = json!({"offsets": [{"topic": "t", "partition": 1, "offset": 7, "metadata": "note"}]});
    let body = r#"{"partitions":[{"topic":"t","partition":0},{"topic":"t","partition":1}]}"#;
    for (query, body) in [("", body), ("?tp=t:0&tp=t:1", ""), ("?topic=t&partition=1", "{}"), ("?tp=t:1", "")]
    {
        let answer = front.send("GET", &format!("{offsets}{query}"), &[], body).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, expected.clone()), "{query}");
    }
    front.get(&format!("{offsets}?tp=t")).await.fault(400, 40_002);
}

#[tokio::test]
async fn records_are_told_in_the_instances_format_or_not_at_all() {
    let front = front().await;
    front.lines(0, "1\nno json\n3").await;
    front.create(earliest()).await;
    front
        .done("POST", &format!("{BASE}/assignments"), json!({"partitions": [{"topic": "t", "partition": 0}]}))
        .await;
    let records = format!("{BASE}/records?timeout=2000");
    let binary = "application/vnd.kafka.binary.v2+json";
    front.send("GET", &records, &[("accept", binary)], "").await.fault(406, 40_601);
    front.send("GET", &records, &[("accept", "text/html")], "").await.fault(406, 406);
    let either = format!("{binary}, {JSON};q=0.5");
    let answer = front.send("GET", &records, &[("accept", &either)], "").await;
    assert_eq!((answer.header("content-type"), answer.json()[0]["value"].clone()), (JSON, 1.into()));
    let message = front.get(&records).await.fault(422, 422);
    assert!(message.contains("format json") && message.contains("offset 1"), "{message}");
    front.get(&records).await.fault(422, 422);
    let past = json!({"offsets": [{"topic": "t", "partition": 0, "offset": 2}]});
    front.done("POST", &format!("{BASE}/positions"), past).await;
    assert_eq!(front.records("timeout=2000").await, ["t-0@2=3"]);
    front.get(&format!("{BASE}/records?timeout=soon")).await.fault(400, 40_002);
}

#[tokio::test]
async fn nobody_knows_an_instance_that_is_not_there() {
    let front = front().await;
    let topics = json!({"topics": ["t"]});
    let partitions = json!({"partitions": [{"topic": "t", "partition": 0}]});
    let offsets = json!({"offsets": [{"topic": "t", "partition": 0, "offset": 0}]});
    for (method, path, body) in [
        ("POST", "subscription", &topics),
        ("GET", "subscription", &topics),
        ("DELETE", "subscription", &topics),
        ("POST", "assignments", &partitions),
        ("GET", "assignments", &partitions),
        ("POST", "positions", &offsets),
        ("POST", "positions/beginning", &partitions),
        ("POST", "positions/end", &partitions),
        ("GET", "records", &partitions),
        ("POST", "offsets", &offsets),
        ("GET", "offsets", &partitions),
    ] {
        let message = front.call(method, &format!("{BASE}/{path}"), body.clone()).await.fault(404, 40_403);
        assert!(message.starts_with("Consumer instance not found."), "{method} {path}: {message}");
    }
}

/// HEAD was answered as GET, and what it delivered was thrown away.
#[tokio::test]
async fn a_poll_with_head_delivers_nothing() {
    let front = front().await;
    front.create(json!({"format": "json", "auto.offset.reset": "earliest"})).await;
    front.done("POST", &format!("{BASE}/subscription"), json!({"topics": ["t"]})).await;
    front.lines(0, "1\n").await;
    let head = front.send("HEAD", &format!("{BASE}/records?timeout=5000"), &[], "").await;
    assert_eq!(head.status, 405);
    assert_eq!(front.records("timeout=5000").await, ["t-0@0=1"]);
}
