//! Members of one group: they join, poll with the token of the poll before, and leave at times without a word.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::history::Marks;
use super::super::http::Answer;
use super::reader::value_of;
use super::{Actor, TOPIC};

const GROUP: &str = "/v1/groups/watchers/members";

pub(super) async fn polls(mut actor: Actor) -> turmoil::Result {
    while !actor.is_over() {
        let Some(member) = join(&mut actor).await else {
            actor.rest(1_000).await;
            continue;
        };
        let mut token: Option<String> = None;
        while !actor.is_over() {
            let body = token.as_ref().map_or(json!({}), |token| json!({ "ack": token }));
            let path = format!("{GROUP}/{member}/poll?wait_ms=500&max_records=20");
            match actor.call("POST", &path, &media(), body.to_string().as_bytes()).await {
                Ok(answer) if answer.is_success() => {
                    note(&actor, &answer);
                    token = answer.json()["token"].as_str().map(str::to_owned);
                }
                // It is no member any more.
                Ok(answer) if answer.status < 500 && answer.status != 429 => break,
                _ => tokio::time::sleep(Duration::from_millis(300)).await,
            }
            if actor.chance.happens(10_000) {
                break;
            }
            actor.rest(500).await;
        }
        if actor.chance.happens(500_000) {
            // Whether it is heard is all the same: its session ends by itself.
            let _ = actor.call("DELETE", &format!("{GROUP}/{member}"), &[], b"").await;
        }
    }
    Ok(())
}

/// What a poll brought, as one read of each partition.
fn note(actor: &Actor, answer: &Answer) {
    let mut reads: BTreeMap<i64, Vec<(i64, Option<u64>)>> = BTreeMap::new();
    for record in answer.json()["records"].as_array().into_iter().flatten() {
        if let (Some(partition), Some(offset)) = (record["partition"].as_i64(), record["offset"].as_i64()) {
            reads.entry(partition).or_default().push((offset, value_of(record)));
        }
    }
    for (partition, records) in reads {
        let place = actor.place(i32::try_from(partition).unwrap_or(-1));
        let from = records[0].0;
        actor.load.history.read(actor.process, place, from, &records, Marks::from(answer));
    }
}

async fn join(actor: &mut Actor) -> Option<String> {
    let wish = json!({ "topics": [TOPIC], "auto_offset_reset": "earliest", "session_timeout_ms": 6_000 });
    let answer = actor.call("POST", GROUP, &media(), wish.to_string().as_bytes()).await;
    let answer: Value = answer.ok().filter(Answer::is_success)?.json();
    answer["member_id"].as_str().map(str::to_owned)
}

fn media() -> [(&'static str, String); 1] {
    [("content-type", "application/json".to_owned())]
}
