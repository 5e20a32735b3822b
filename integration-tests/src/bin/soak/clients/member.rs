//! Members of a group over HTTP, and one who looks at what the group has committed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use integration_tests::api::Answer;
use reqwest::Method;
use serde_json::{Value, json};

use super::http::HttpDoor;
use super::{At, BACK_OFF, Shared, value_in};
use crate::history::Phase;

const GROUP: &str = "g";
const LOOK_PAUSE: Duration = Duration::from_secs(2);

/// One life of a member.
struct Member {
    process: u64,
    name: String,
    token: Value,
    epoch: Option<i64>,
    /// What the token stands for: the next offset of each partition that the last poll delivered.
    delivered: BTreeMap<i32, i64>,
}

/// Joins, polls, and joins again when it was thrown out, until the clients stop.
pub(super) async fn consume(shared: Arc<Shared>, topic: String) {
    let mut door = HttpDoor::new(&shared);
    let mut member: Option<Member> = None;
    while !shared.is_stopping() {
        let alive = match &mut member {
            None => join(&shared, &mut door, &topic).await.map(|joined| {
                member = Some(joined);
                true
            }),
            Some(member) => poll(&shared, &mut door, member, &topic).await,
        };
        match alive {
            Ok(true) => {}
            Ok(false) => member = None,
            Err(_) => tokio::time::sleep(BACK_OFF).await,
        }
    }
}

async fn join(shared: &Shared, door: &mut HttpDoor, topic: &str) -> Result<Member> {
    let wish = json!({"topics": [topic], "auto_offset_reset": "earliest", "session_timeout_ms": 6_000});
    let path = format!("/v1/groups/{GROUP}/members");
    let answer = door.next().json(Method::POST, &path, &wish).await?.ok()?.json()?;
    let name = answer["member_id"].as_str().context("a member's name")?.to_owned();
    Ok(Member {
        process: shared.process(),
        name,
        token: Value::Null,
        epoch: None,
        delivered: BTreeMap::new(),
    })
}

/// One poll, which commits what the one before it delivered. False if the member is to join again.
async fn poll(shared: &Shared, door: &mut HttpDoor, member: &mut Member, topic: &str) -> Result<bool> {
    let commits: Vec<(u64, Value)> = member
        .delivered
        .iter()
        .map(|(partition, next)| {
            let at = At::of(topic, *partition).told();
            let op = json!({"group": GROUP, "at": at, "offset": next});
            (shared.history.begin(member.process, "commit", op.clone()), op)
        })
        .collect();
    let path = format!("/v1/groups/{GROUP}/members/{}/poll?wait_ms=500&max_records=200", member.name);
    let answer = door.next().json(Method::POST, &path, &json!({"ack": member.token})).await;
    // Refused as a whole it may be although its commits were taken.
    let done = answer.as_ref().is_ok_and(|answer| answer.status == 200);
    for (id, op) in commits {
        let phase = if done { Phase::Ok } else { Phase::Unknown };
        shared.history.end(member.process, id, phase, "commit", op);
    }
    let answer = answer?;
    match answer.status {
        200 => take(shared, member, topic, &answer).map(|()| true),
        404 | 409 => Ok(false),
        status => anyhow::bail!("{status}"),
    }
}

fn take(shared: &Shared, member: &mut Member, topic: &str, answer: &Answer) -> Result<()> {
    let answer = answer.json()?;
    let epoch = answer["member_epoch"].as_i64();
    if member.epoch != epoch {
        // Its partitions may be others now, and others may have read on in those that it has.
        let op = json!({"group": GROUP, "member": member.name, "epoch": epoch.unwrap_or(0)});
        shared.history.note(member.process, "assigned", op);
        member.epoch = epoch;
    }
    member.token = answer["token"].clone();
    let mut read: BTreeMap<i32, Vec<(i64, Option<u64>)>> = BTreeMap::new();
    for record in answer["records"].as_array().context("records")? {
        let partition = i32::try_from(record["partition"].as_i64().context("a partition")?)?;
        let offset = record["offset"].as_i64().context("an offset")?;
        let value = record["value"].as_str().and_then(|text| value_in(text.as_bytes()));
        read.entry(partition).or_default().push((offset, value));
    }
    member.delivered.clear();
    for (partition, records) in read {
        member.delivered.extend(records.last().map(|(offset, _)| (partition, offset + 1)));
        let op = json!({"at": At::of(topic, partition).told(), "records": records});
        shared.history.note(member.process, "read", op);
    }
    Ok(())
}

/// Looks at what the group has committed, again and again.
pub(super) async fn look(shared: Arc<Shared>, topic: String, partitions: i32) {
    let (process, mut door) = (shared.process(), HttpDoor::new(&shared));
    let at = |partition| At::of(&topic, partition).told();
    while !shared.is_stopping() {
        let begun: Vec<(i32, u64)> = (0..partitions)
            .map(|partition| {
                let op = json!({"group": GROUP, "at": at(partition)});
                (partition, shared.history.begin(process, "committed", op))
            })
            .collect();
        let path = format!("/v1/groups/{GROUP}/offsets");
        let found = door.next().get(&path).await.and_then(Answer::ok).and_then(|answer| answer.json());
        for (partition, id) in begun {
            let mut op = json!({"group": GROUP, "at": at(partition)});
            let kept = found.as_ref().ok().and_then(|answer| kept_in(answer, &topic, partition));
            if let Some(offset) = kept {
                op["offset"] = json!(offset);
            }
            let phase = if found.is_ok() { Phase::Ok } else { Phase::Unknown };
            shared.history.end(process, id, phase, "committed", op);
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

fn kept_in(answer: &Value, topic: &str, partition: i32) -> Option<i64> {
    let all = answer["offsets"].as_array()?;
    all.iter().find(|one| one["topic"] == topic && one["partition"] == partition)?["offset"].as_i64()
}
