//! Groups at the door: one broker coordinates, and leads topic `t` of two partitions.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Answer, Front};

async fn front() -> Front {
    let front = Front::new().await;
    front.bench.topic("__consumer_offsets", 4, &[]).await;
    front
}

impl Front {
    async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        self.send(method, path, &[("content-type", "application/json")], body.to_string()).await
    }

    async fn produce(&self, partition: i32, values: &[&str]) {
        let path = format!("/v1/topics/t/partitions/{partition}/records");
        let answer = self.post(&path, "application/x-ndjson", values.join("\n")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }

    /// Joins group `g` and returns the member's address.
    async fn join(&self, wish: Value) -> String {
        let answer = self.ask("POST", "/v1/groups/g/members", wish).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        format!("/v1/groups/g/members/{}", answer.json()["member_id"].as_str().unwrap())
    }

    async fn poll(&self, member: &str, query: &str, ack: Option<&str>) -> (Vec<String>, String) {
        let answer = self.ask("POST", &format!("{member}/poll?{query}"), json!({ "ack": ack })).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let json = answer.json();
        let place = |record: &Value| {
            format!(
                "{}-{}@{}={}",
                record["topic"].as_str().unwrap(),
                record["partition"],
                record["offset"],
                record["value"].as_str().unwrap()
            )
        };
        let records = json["records"].as_array().unwrap().iter().map(place).collect();
        (records, json["token"].as_str().unwrap().to_owned())
    }
}

#[tokio::test]
async fn a_member_polls_acknowledges_and_gets_each_record_until_then() {
    let front = front().await;
    front.produce(0, &["a", "b"]).await;
    front.produce(1, &["c"]).await;
    let member = front.join(json!({ "topics": ["t"], "auto_offset_reset": "earliest" })).await;

    let (first, token) = front.poll(&member, "", None).await;
    assert_eq!(first, ["t-0@0=a", "t-0@1=b", "t-1@0=c"]);
    let (again, same) = front.poll(&member, "", None).await;
    assert_eq!((&again, &same), (&first, &token), "what was not acknowledged comes again");

    front.produce(1, &["d"]).await;
    let (second, _) = front.poll(&member, "", Some(&token)).await;
    assert_eq!(second, ["t-1@1=d"]);
    let (lost, next) = front.poll(&member, "", Some(&token)).await;
    assert_eq!(lost, second, "a lost answer loses nothing");
    let (nothing, _) = front.poll(&member, "wait_ms=30", Some(&next)).await;
    assert!(nothing.is_empty());

    let offsets = front.get("/v1/groups/g/offsets").await.json();
    let kept: Vec<_> =
        offsets["offsets"].as_array().unwrap().iter().map(|one| one["offset"].as_i64()).collect();
    assert_eq!(kept, [Some(2), Some(2)]);
}

#[tokio::test]
async fn records_are_told_one_by_one_and_turn_about() {
    let front = front().await;
    front.produce(0, &["a", "b"]).await;
    front.produce(1, &["c", "d"]).await;
    let member = front.join(json!({ "topics": ["t"], "auto_offset_reset": "earliest" })).await;
    let mut told = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..4 {
        let (records, next) = front.poll(&member, "max_records=1", token.as_deref()).await;
        assert_eq!(records.len(), 1);
        told.extend(records);
        token = Some(next);
    }
    assert_eq!(told, ["t-0@0=a", "t-1@0=c", "t-0@1=b", "t-1@1=d"]);
}

#[tokio::test]
async fn a_poll_wakes_when_a_record_comes() {
    let front = front().await;
    let member = front.join(json!({ "topics": ["t"] })).await;
    let (none, token) = front.poll(&member, "", None).await;
    assert!(none.is_empty());
    let waiting = front.poll(&member, "wait_ms=20000", Some(&token));
    let produced = async {
        front.produce(1, &["x"]).await;
    };
    let ((records, _), ()) = tokio::join!(waiting, produced);
    assert_eq!(records, ["t-1@0=x"]);
}

#[tokio::test]
async fn what_comes_between_two_polls_of_a_latest_member_is_not_missed() {
    let front = front().await;
    front.produce(0, &["before"]).await;
    let member = front.join(json!({ "topics": ["t"] })).await;
    assert!(front.poll(&member, "", None).await.0.is_empty());
    front.produce(0, &["after"]).await;
    assert_eq!(front.poll(&member, "", None).await.0, ["t-0@1=after"], "even if the first answer is lost");
}

#[tokio::test]
async fn two_members_share_and_the_one_that_is_gone_is_fenced() {
    let front = front().await;
    front.produce(0, &["a"]).await;
    front.produce(1, &["b"]).await;
    let wish = json!({ "topics": ["t"], "auto_offset_reset": "earliest" });
    let one = front.join(wish.clone()).await;
    let (all, token) = front.poll(&one, "", None).await;
    assert_eq!(all.len(), 2);
    let two = front.join(wish).await;
    assert!(front.poll(&two, "", None).await.0.is_empty(), "the first still has them");
    let (mine, _) = front.poll(&one, "", Some(&token)).await;
    assert!(mine.is_empty(), "acknowledged, and half of them given up: {mine:?}");
    front.produce(0, &["c"]).await;
    front.produce(1, &["d"]).await;
    let (mine, token) = front.poll(&one, "", None).await;
    let (others, _) = front.poll(&two, "", None).await;
    assert_eq!((mine.len(), others.len()), (1, 1), "{mine:?} {others:?}");
    assert_ne!(mine, others);

    assert_eq!(front.send("DELETE", &one, &[], "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(front.send("DELETE", &one, &[], "").await.status, StatusCode::NO_CONTENT);
    let refused = front.ask("POST", &format!("{one}/poll"), json!({ "ack": token })).await.refused(409);
    assert_eq!(refused["error_code"], 40920);
    assert!(refused["message"].as_str().unwrap().contains("joins anew"), "{refused}");
    assert_eq!(
        front.poll(&two, "", None).await.0.len(),
        2,
        "all is the other's, and what was not acknowledged"
    );
}

#[tokio::test]
async fn a_commit_is_fenced_and_a_worker_without_a_group_commits_freely() {
    let front = front().await;
    let offsets = json!([{ "topic": "t", "partition": 1, "offset": 7, "metadata": "note" }]);
    let put = |body: Value| front.ask("PUT", "/v1/groups/g/offsets", body);
    assert_eq!(put(json!({ "offsets": offsets })).await.status, StatusCode::NO_CONTENT);
    let kept = front.get("/v1/groups/g/offsets").await.json();
    assert_eq!(
        kept["offsets"][0],
        json!({
            "topic": "t", "partition": 1, "offset": 7, "leader_epoch": null, "metadata": "note"
        })
    );
    let member = front.join(json!({ "topics": ["t"] })).await;
    put(json!({ "offsets": offsets })).await.refused(409);
    let id = member.rsplit('/').next().unwrap();
    let beat = front.ask("POST", &format!("{member}/heartbeat"), json!({})).await.json();
    let epoch = beat["member_epoch"].as_i64().unwrap();
    let commit = |epoch: i64| json!({ "member_id": id, "member_epoch": epoch, "offsets": offsets });
    assert_eq!(put(commit(epoch)).await.status, StatusCode::NO_CONTENT);
    put(commit(epoch + 1)).await.refused(409);
    put(json!({ "member_id": id, "offsets": offsets })).await.refused(400);
    let unknown = json!({ "offsets": [{ "topic": "u", "partition": 0, "offset": 1 }] });
    let other = front.ask("PUT", "/v1/groups/other/offsets", unknown).await.refused(404);
    assert_eq!(other["error_code"], 40402);
}

#[tokio::test]
async fn lag_reset_and_delete() {
    let front = front().await;
    front.produce(0, &["a", "b", "c"]).await;
    front.get("/v1/groups/g").await.refused(404);
    front.get("/v1/groups/g/lag").await.refused(404);
    let commit = json!({ "offsets": [{ "topic": "t", "partition": 0, "offset": 1 }] });
    front.ask("PUT", "/v1/groups/g/offsets", commit).await;
    let lag = front.get("/v1/groups/g/lag").await.json();
    assert_eq!((&lag["total"], &lag["partitions"][0]["lag"]), (&json!(2), &json!(2)), "{lag}");

    let reset = |body: Value| front.ask("POST", "/v1/groups/g/offsets/reset", body);
    let dry = reset(json!({ "to": "latest", "dry_run": true })).await.json();
    assert_eq!(dry["offsets"], json!([{ "topic": "t", "partition": 0, "from": 1, "to": 3 }]));
    let at = async || front.get("/v1/groups/g/offsets").await.json()["offsets"][0]["offset"].clone();
    assert_eq!(at().await, 1, "a dry run moves nothing");
    for (wish, to) in [
        (json!({ "shift_by": -5 }), 0),
        (json!({ "shift_by": 2 }), 2),
        (json!({ "offset": 1 }), 1),
        (json!({ "offset": 99 }), 3),
        (json!({ "timestamp": 0 }), 0),
        (json!({ "to": "latest" }), 3),
        (json!({ "to": "earliest", "topic": "t", "partitions": [0] }), 0),
    ] {
        assert_eq!(reset(wish.clone()).await.status, StatusCode::OK, "{wish}");
        assert_eq!(at().await, to, "{wish}");
    }
    reset(json!({})).await.refused(400);
    reset(json!({ "to": "latest", "offset": 1 })).await.refused(400);

    let member = front.join(json!({ "topics": ["t"] })).await;
    reset(json!({ "to": "latest" })).await.refused(409);
    front.send("DELETE", "/v1/groups/g", &[], "").await.refused(409);
    front.send("DELETE", "/v1/groups/g/offsets?topic=t&partition=0", &[], "").await.refused(409);
    let described = front.get("/v1/groups/g").await.json();
    assert_eq!(described["members"][0]["assignment"], json!([{ "topic": "t", "partitions": [0, 1] }]));
    front.send("DELETE", &member, &[], "").await;
    let gone = front.send("DELETE", "/v1/groups/g/offsets?topic=t&partition=0", &[], "").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let groups = front.get("/v1/groups").await.json();
    assert_eq!(groups["groups"], json!([{ "group": "g", "kind": "consumer", "state": "Empty" }]));
    assert_eq!(front.send("DELETE", "/v1/groups/g", &[], "").await.status, StatusCode::NO_CONTENT);
    front.get("/v1/groups/g").await.refused(404);
}

#[tokio::test]
async fn mistakes_are_refused_in_the_one_shape() {
    let front = front().await;
    front.ask("POST", "/v1/groups/g/members", json!({ "topics": [] })).await.refused(400);
    front.ask("POST", "/v1/groups/g/members", json!({ "topics": ["/"] })).await.refused(400);
    front.ask("POST", "/v1/groups/g/members", json!({ "topic": ["t"] })).await.refused(400);
    let short = json!({ "topics": ["t"], "session_timeout_ms": 1 });
    front.ask("POST", "/v1/groups/g/members", short).await.refused(400);
    front.ask("POST", "/v1/groups/g/members/nobody/poll", json!({})).await.refused(409);
    front.ask("POST", "/v1/groups/g/members/nobody/poll", json!({ "ack": "%" })).await.refused(400);
    front.ask("POST", "/v1/groups/g/members/nobody/poll?max_records=0", json!({})).await.refused(400);
    front.ask("POST", "/v1/groups/g/members/nobody/heartbeat", json!({})).await.refused(409);
    let long = format!("/v1/groups/{}/offsets", "x".repeat(600));
    let commit = json!({ "offsets": [{ "topic": "t", "partition": 0, "offset": 1 }] });
    front.ask("PUT", &long, commit).await.refused(400);
    let member = front.join(json!({ "topics": ["t"], "auto_offset_reset": "none" })).await;
    let refused = front.ask("POST", &format!("{member}/poll"), json!({})).await.refused(410);
    assert_eq!(refused["error_code"], 41002);
    let internal = "/v1/topics/__consumer_offsets";
    front.send("DELETE", internal, &[], "").await.refused(400);
    front.post(&format!("{internal}/partitions/0/records"), "text/plain", "x").await.refused(422);
    assert_eq!(front.get(internal).await.json()["internal"], true);
}
