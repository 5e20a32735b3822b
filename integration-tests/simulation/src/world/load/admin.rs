//! The administrator: makes the topic, and what the plan asks of it later.

use serde_json::json;

use super::super::plan::Plan;
use super::{Actor, TOPIC};

/// A topic that comes and goes.
const PASSING: &str = "passing";

pub(super) async fn administers(mut actor: Actor, plan: Plan) -> turmoil::Result {
    let wish = json!({
        "partitions": plan.partitions,
        "replication_factor": 3,
        "config": { "min.insync.replicas": 2, "segment.bytes": plan.segment_bytes },
    });
    loop {
        let made = put(&mut actor, TOPIC, &wish).await;
        if made || actor.is_over() {
            break;
        }
        actor.rest(500).await;
    }
    let does = plan.administration;
    while !actor.is_over() {
        actor.rest(6_000).await;
        match actor.chance.draw() % 3 {
            0 if does.moves => reassign(&mut actor).await,
            1 if does.min_isr => change_min_isr(&mut actor).await,
            2 if does.topics => make_anew(&mut actor).await,
            _ => {}
        }
    }
    Ok(())
}

async fn put(actor: &mut Actor, topic: &str, wish: &serde_json::Value) -> bool {
    let answer =
        actor.call("PUT", &format!("/v1/topics/{topic}"), &media(), wish.to_string().as_bytes()).await;
    answer.is_ok_and(|answer| answer.is_success())
}

async fn reassign(actor: &mut Actor) {
    let partition = actor.partition();
    let mut brokers: Vec<u32> = (1..=actor.load.brokers).collect();
    for at in 0..brokers.len() {
        let other = usize::try_from(actor.chance.draw() % brokers.len() as u64).unwrap_or(0);
        brokers.swap(at, other);
    }
    brokers.truncate(3);
    let wish = json!({ "partitions": [{ "topic": TOPIC, "partition": partition, "replicas": brokers }] });
    // Refused as long as another move is under way.
    let _ = actor.call("POST", "/v1/reassignments", &media(), wish.to_string().as_bytes()).await;
}

async fn change_min_isr(actor: &mut Actor) {
    let min_isr = actor.chance.within(&(1..=3));
    let wish = json!({ "config": { "min.insync.replicas": min_isr } });
    let _ = actor.call("PATCH", &format!("/v1/topics/{TOPIC}"), &media(), wish.to_string().as_bytes()).await;
}

async fn make_anew(actor: &mut Actor) {
    let wish = json!({ "partitions": 1, "replication_factor": 3 });
    if put(actor, PASSING, &wish).await {
        let path = format!("/v1/topics/{PASSING}/partitions/0/records");
        let _ = actor.call("POST", &path, &[("content-type", "text/plain".to_owned())], b"once").await;
        actor.rest(2_000).await;
        let _ = actor.call("DELETE", &format!("/v1/topics/{PASSING}"), &[], b"").await;
    }
}

fn media() -> [(&'static str, String); 1] {
    [("content-type", "application/json".to_owned())]
}
