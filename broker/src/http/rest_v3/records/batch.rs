//! `POST .../records:batch`: a few records at once, answered at once by what was stored and what was not.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::future::join_all;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::docket::Docket;
use super::receipt::{Origin, Receipt};
use super::record::parse;
use super::stream::{place, store};
use crate::http::door::Door;
use crate::http::query::shown;
use crate::http::rest_v3::at::At;
use crate::http::rest_v3::body::{parsed, whole};
use crate::http::rest_v3::refusal::Refusal;
use crate::http::rest_v3::resource::told;

/// How long the id of a record may be, in characters.
const ID_CHARS_MAX: usize = 80;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish<'a> {
    #[serde(borrow)]
    entries: Vec<&'a RawValue>,
}

/// What each record calls itself.
#[derive(Deserialize)]
struct Named {
    id: Option<String>,
}

/// What became of the records.
#[derive(Debug, Default, Serialize)]
struct Outcomes {
    successes: Vec<Receipt>,
    failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
struct Failure {
    id: String,
    error_code: u32,
    message: String,
}

/// Produces a few records at once.
#[utoipa::path(
    post, path = "/v3/clusters/{cluster_id}/topics/{topic_name}/records:batch", tag = "rest v3",
    operation_id = "v3_produce_batch", params(crate::http::rest_v3::openapi::Topic),
    request_body(content = serde_json::Value, content_type = "application/json",
        description = "entries: records, each with an id of its own."),
    responses(
        (status = 207, description = "successes and failures, by the ids of the records", body = serde_json::Value),
        (status = 422, description = "None, or too many, or their ids are not each their own", body = crate::http::rest_v3::openapi::V3Refusal),
        crate::http::rest_v3::openapi::V3Refusals,
    ),
)]
pub(in crate::http) async fn produce(
    State(door): State<Arc<Door>>,
    at: At,
    request: Request,
) -> Result<Response, Refusal> {
    let topic = at.topic(&door.service.image())?;
    let body = whole(&door, request).await?;
    let Wish { entries } = read(&body)?;
    let ids = ids_of(&entries, door.options.records_batch_max)?;
    let origin =
        Origin { cluster: at.links.cluster.clone(), topic: topic.name.as_str().to_owned(), with_code: false };
    let options = door.service.options();
    let mut docket = Docket::new(origin, topic.settings.max_message_bytes, options.record_count_max);
    let (sticky, now_ms) = (door.next_sticky(), door.service.clock().unix_ms());
    // The records are in memory with the body; what they take beside it is as much again.
    let _admitted = door.service.bodies().admit(body.len())?;
    for entry in &entries {
        let placed = parse(entry.get().as_bytes()).and_then(|sent| {
            let partition = place(&door, &topic, sent.key_bytes(), sent.partition, sticky)?;
            Ok((sent, partition))
        });
        match placed {
            Ok((sent, partition)) => docket.add(sent, partition, now_ms, None),
            Err(refusal) => docket.refuse(refusal),
        }
    }
    loop {
        let loads: Vec<_> = std::iter::from_fn(|| docket.next_load()).collect();
        if loads.is_empty() {
            break;
        }
        let partitions: Vec<_> = loads.iter().map(|load| load.partition).collect();
        let stored = join_all(loads.into_iter().map(|load| store(&door, &topic, load))).await;
        for (partition, outcome) in partitions.into_iter().zip(stored) {
            docket.settle(partition, outcome.map_err(Refusal::from));
        }
    }
    let mut outcomes = Outcomes::default();
    for id in ids {
        match docket.pop().expect("every record has its outcome by now") {
            Ok(receipt) => outcomes.successes.push(receipt),
            Err(Refusal { code, message, .. }) => {
                outcomes.failures.push(Failure { id, error_code: code, message });
            }
        }
    }
    Ok(told(StatusCode::MULTI_STATUS, &outcomes))
}

fn read(body: &[u8]) -> Result<Wish<'_>, Refusal> {
    crate::http::envelope::expect_object(body).map_err(Refusal::malformed)?;
    serde_json::from_slice(body)
        .map_err(|error| Refusal::malformed(format!("the body cannot be read: {error}")))
}

/// The ids of all records, of which there is at least one and none has another's.
fn ids_of(entries: &[&RawValue], entries_max: usize) -> Result<Vec<String>, Refusal> {
    let refused = |message: String| Err(Refusal::unprocessable(8, message));
    if entries.is_empty() {
        return refused("\"entries\" is empty: send at least one".to_owned());
    }
    if entries.len() > entries_max {
        return refused(format!("{} entries: at most {entries_max} are taken at once", entries.len()));
    }
    let (mut ids, mut seen) = (Vec::with_capacity(entries.len()), BTreeSet::new());
    for (number, entry) in entries.iter().enumerate() {
        let named: Named = parsed(entry.get().as_bytes())?;
        let id = named.id.filter(|id| (1..=ID_CHARS_MAX).contains(&id.chars().count()));
        let Some(id) = id else {
            return refused(format!("entries[{number}] needs an id of 1 to {ID_CHARS_MAX} characters"));
        };
        if !seen.insert(id.clone()) {
            return refused(format!("the id '{}' stands there more than once", shown(&id)));
        }
        ids.push(id);
    }
    Ok(ids)
}
