//! Operators' addresses: statuses and shapes. Nobody carries orders out here: there is no controller.

use serde_json::json;

use super::Front;
use crate::service::test_support::{ME, OTHER, tp};

/// A door whose cluster has two live brokers.
async fn two() -> Front {
    let front = Front::new().await;
    front.bench.set_live(OTHER, true).await;
    front
}

#[tokio::test]
async fn moves_are_ordered_listed_and_taken_back() {
    let front = two().await;
    let (me, other) = (ME.0, OTHER.0);
    let wish = |extra: &str| {
        format!(r#"{{"partitions":[{{"topic":"t","partition":0,"replicas":[{me},{other}]}}]{extra}}}"#)
    };
    let dry = front.post("/v1/reassignments", "application/json", wish(r#","dry_run":true"#)).await;
    assert_eq!(dry.status, 200, "{}", dry.body);
    let moves = json!([{"topic": "t", "partition": 0, "from": [me], "to": [me, other]}]);
    assert_eq!(dry.json(), json!({"dry_run": true, "reassignments": moves}));
    front.bench.sync().await;
    assert_eq!(front.get("/v1/reassignments").await.json()["reassignments"], json!([]));

    let ordered =
        front.post("/v1/reassignments", "application/json", wish(r#","throttle_bytes_per_second":5"#)).await;
    assert_eq!(
        (ordered.status.as_u16(), ordered.json()),
        (202, json!({"dry_run": false, "reassignments": moves}))
    );
    front.bench.sync().await;
    let listed = front.get("/v1/reassignments").await.json();
    let found = &listed["reassignments"][0];
    assert_eq!(
        (&found["state"], &found["target"], &found["adding"]),
        (&json!("queued"), &json!([me, other]), &json!([]))
    );
    assert_eq!((&found["throttle_bytes_per_second"], &found["waits_for"]), (&json!(5), &json!("its turn")));
    assert_eq!(found["requested_by"], format!("request through broker {me}"));
    assert!(found["requested_unix_ms"].is_i64() && found["started_unix_ms"].is_null());
    let again = front.post("/v1/reassignments", "application/json", wish("")).await.refused(409);
    assert_eq!((&again["error_code"], &again["written"]), (&json!(40_930), &json!("no")));

    let cancelled = front.send("DELETE", "/v1/reassignments/t/0", &[], "").await;
    assert_eq!(cancelled.json(), json!({"cancelled": [{"topic": "t", "partition": 0}]}));
    front.bench.sync().await;
    assert_eq!(front.get("/v1/reassignments").await.json()["reassignments"][0]["state"], "cancelling");
    let none = front.send("DELETE", "/v1/reassignments/t/1", &[], "").await.refused(404);
    assert_eq!(none["error_code"], 40_411);
    front.send("DELETE", "/v1/reassignments/t/9", &[], "").await.refused(404);
    front.send("DELETE", "/v1/reassignments/u/0", &[], "").await.refused(404);
    let all = front.send("DELETE", "/v1/reassignments", &[], "").await;
    assert_eq!(all.json(), json!({"cancelled": []}), "it is being taken back already");
}

#[tokio::test]
async fn a_move_shows_how_far_its_copies_are() {
    let front = two().await;
    front.post(super::RECORDS, "text/plain", "one").await;
    let mut state = front.bench.image().partition(&tp("t", 0)).unwrap().state.clone();
    state.replicas.push(OTHER);
    state.adding.push(OTHER);
    front.bench.put_record(&tp("t", 0), &state).await;
    let described = front.get("/v1/topics/t/partitions").await.json();
    assert_eq!(described["partitions"][0]["adding"], json!([OTHER.0]));
    let listed = crate::wire::ListOffsetsResponse {
        topics: vec![crate::wire::ListedTopic {
            name: "t".to_owned(),
            partitions: vec![crate::wire::ListedPartition {
                index: 0,
                error: crate::wire::ErrorCode::None,
                timestamp_ms: -1,
                offset: crate::types::Offset(0),
                leader_epoch: crate::types::LeaderEpoch::NONE,
            }],
        }],
    };
    front.bench.other.will_answer(Ok(crate::wire::Response::ListOffsets(listed)));
    let moving = front.get("/v1/reassignments").await.json();
    let found = &moving["reassignments"][0];
    assert_eq!((&found["state"], &found["log_end"]), (&json!("moving"), &json!(1)));
    let copy = json!({"broker": OTHER.0, "in_sync": false, "log_end": 0, "offsets_behind": 1});
    assert_eq!(found["progress"], json!([copy]));
}

#[tokio::test]
async fn wrong_wishes_say_what_to_do() {
    let front = two().await;
    for (body, status, says) in [
        ("{}", 400, "missing field `partitions`"),
        (r#"{"partitions":[]}"#, 400, "at least one partition"),
        (r#"{"partitions":[{"topic":"t","partition":0}]}"#, 400, "missing field `replicas`"),
        (r#"{"partitions":[{"topic":"t","partition":0,"replicas":[]}]}"#, 400, "at least one replica"),
        (r#"{"partitions":[{"topic":"t","partition":0,"replicas":[1,1]}]}"#, 400, "twice"),
        (r#"{"partitions":[{"topic":"t","partition":0,"replicas":[77]}]}"#, 400, "GET /v1/brokers"),
        (r#"{"partitions":[{"topic":"t","partition":5,"replicas":[1]}]}"#, 404, "from 0"),
        (r#"{"partitions":[{"topic":"u","partition":0,"replicas":[1]}]}"#, 404, "'u'"),
        (r#"{"partitions":[{"topic":"a b","partition":0,"replicas":[1]}]}"#, 400, "a b"),
        (
            r#"{"partitions":[{"topic":"t","partition":0,"replicas":[1]}],"throttle_bytes_per_second":0}"#,
            400,
            "1 or more",
        ),
        (r#"{"partition":[]}"#, 400, "unknown field"),
    ] {
        let refusal = front.post("/v1/reassignments", "application/json", body).await.refused(status);
        assert!(refusal["message"].as_str().unwrap().contains(says), "{body}: {refusal}");
    }
    front.bench.set_live(OTHER, false).await;
    let dead = format!(r#"{{"partitions":[{{"topic":"t","partition":0,"replicas":[{}]}}]}}"#, OTHER.0);
    let refusal = front.post("/v1/reassignments", "application/json", dead).await.refused(400);
    assert!(refusal["message"].as_str().unwrap().contains("does not serve now"), "{refusal}");
}

#[tokio::test]
async fn the_limit_is_changed() {
    let front = two().await;
    let change = |body: &'static str| front.send("PATCH", "/v1/reassignments", &[], body);
    assert_eq!(
        change(r#"{"throttle_bytes_per_second":1000}"#).await.json(),
        json!({"throttle_bytes_per_second": 1000})
    );
    front.bench.sync().await;
    assert_eq!(front.get("/v1/reassignments").await.json()["throttle_bytes_per_second"], 1000);
    assert_eq!(change(r#"{"throttle_bytes_per_second":null}"#).await.status, 200);
    change("{}").await.refused(400);
    change(r#"{"throttle_bytes_per_second":0}"#).await.refused(400);
}

#[tokio::test]
async fn a_broker_is_described_drained_and_removed() {
    let front = two().await;
    let (me, other) = (format!("/v1/brokers/{}", ME.0), format!("/v1/brokers/{}", OTHER.0));
    let described = front.get(&me).await.json();
    assert_eq!(
        (&described["replicas"], &described["leaders"], &described["drain"]),
        (&json!(2), &json!(2), &json!(null))
    );
    assert_eq!(described["state"], "active");
    for path in ["/v1/brokers/77", "/v1/brokers/x", "/v1/brokers/-1"] {
        assert_eq!(front.get(path).await.refused(404)["error_code"], 40_410);
        front.send("DELETE", path, &[], "").await.refused(404);
        front.send("POST", &format!("{path}/drain"), &[], "").await.refused(404);
    }
    assert_eq!(front.send("DELETE", &me, &[], "").await.refused(409)["error_code"], 40_931);
    assert_eq!(
        front.send("DELETE", &format!("{other}/drain"), &[], "").await.refused(404)["error_code"],
        40_411
    );

    assert_eq!(front.send("POST", &format!("{other}/drain"), &[], "").await.status, 202);
    front.bench.sync().await;
    let again = front.send("POST", &format!("{other}/drain"), &[], "{}").await;
    assert_eq!(again.status, 200);
    let drain = &again.json()["drain"];
    assert_eq!((&drain["done"], &drain["moving"], &drain["waiting"]), (&json!(true), &json!(0), &json!(0)));
    front.send("POST", &format!("{me}/drain?forse=true"), &[], "").await.refused(400);
    let alone = front.send("POST", &format!("{me}/drain"), &[], "").await.refused(409);
    assert!(alone["message"].as_str().unwrap().contains("too few brokers remain"), "{alone}");
    assert_eq!(front.send("POST", &format!("{me}/drain"), &[], r#"{"force":true}"#).await.status, 202);
    front.bench.sync().await;
    let mine = front.get(&me).await.json();
    assert_eq!((&mine["drain"]["done"], &mine["drain"]["waiting"]), (&json!(false), &json!(2)));
    assert_eq!(front.send("DELETE", &format!("{me}/drain"), &[], "").await.json()["id"], ME.0);
    front.bench.sync().await;
    assert_eq!(front.send("DELETE", &other, &[], "").await.status, 204);
    front.bench.sync().await;
    front.get(&other).await.refused(404);
}

#[tokio::test]
async fn load_is_spread_and_leaders_are_elected() {
    let front = two().await;
    let plan = front.send("POST", "/v1/cluster/rebalance?dry_run=true", &[], "").await;
    assert_eq!(plan.status, 200, "{}", plan.body);
    front.send("POST", "/v1/cluster/rebalance", &[("accept", "text/html")], "").await.refused(406);
    let plan = front.send("POST", "/v1/cluster/rebalance", &[], r#"{"dry_run":true}"#).await;
    assert_eq!(plan.status, 200, "{}", plan.body);
    let moves = plan.json()["reassignments"].clone();
    assert_eq!(moves.as_array().unwrap().len(), 1, "one of two partitions goes to the other: {moves}");
    assert_eq!((&moves[0]["from"], &moves[0]["to"]), (&json!([ME.0]), &json!([OTHER.0])));
    assert_eq!(front.send("POST", "/v1/cluster/rebalance", &[], "").await.status, 202);
    front.bench.sync().await;
    assert_eq!(front.send("POST", "/v1/cluster/rebalance", &[], "").await.json()["reassignments"], json!([]));
    front.send("POST", "/v1/cluster/rebalance", &[], r#"{"dry":1}"#).await.refused(400);

    let elected = front.send("POST", "/v1/cluster/elect-leaders", &[], "").await;
    assert_eq!(elected.json(), json!({"elected": 0, "partitions": []}));
    let one = front
        .send("POST", "/v1/cluster/elect-leaders", &[], r#"{"partitions":[{"topic":"t","partition":1}]}"#)
        .await;
    let already =
        json!({"topic": "t", "partition": 1, "preferred": ME.0, "result": "already", "reason": null});
    assert_eq!(one.json()["partitions"], json!([already]));
    front
        .send("POST", "/v1/cluster/elect-leaders", &[], r#"{"partitions":[{"topic":"t","partition":9}]}"#)
        .await
        .refused(404);
}
