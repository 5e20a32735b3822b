//! Looks at what a group has committed, again and again, through every broker in turn.

use std::sync::Arc;
use std::time::Duration;

use integration_tests::api::Answer;
use serde_json::{Value, json};

use super::http::HttpDoor;
use super::{At, Shared};
use crate::history::Phase;

const LOOK_PAUSE: Duration = Duration::from_secs(2);

/// Looks at what the group has committed, again and again.
pub(super) async fn look(shared: Arc<Shared>, group: &'static str, topic: String, partitions: i32) {
    let (process, mut door) = (shared.process(), HttpDoor::new(&shared));
    let at = |partition| At::of(&topic, partition).told();
    while !shared.is_stopping() {
        let begun: Vec<(i32, u64)> = (0..partitions)
            .map(|partition| {
                let op = json!({"group": group, "at": at(partition)});
                (partition, shared.history.begin(process, "committed", op))
            })
            .collect();
        let path = format!("/v1/groups/{group}/offsets");
        let found = door.next().get(&path).await.and_then(Answer::ok).and_then(|answer| answer.json());
        for (partition, id) in begun {
            let mut op = json!({"group": group, "at": at(partition)});
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

/// What is kept. An offset of 0 counts as nothing: a token also stands for partitions of which a poll had no room to tell
/// anything, so that acknowledging it keeps 0 for those, and no member knows.
fn kept_in(answer: &Value, topic: &str, partition: i32) -> Option<i64> {
    let all = answer["offsets"].as_array()?;
    let one = all.iter().find(|one| one["topic"] == topic && one["partition"] == partition)?;
    one["offset"].as_i64().filter(|offset| *offset > 0)
}
