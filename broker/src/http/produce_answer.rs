//! What a produce is answered with: one partition flat, several in a list, and never an error inside a 200.

use std::fmt::Write as _;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use super::door::Door;
use super::errors::Problem;
use super::names::{BASE_OFFSET, COUNT, DUPLICATE, JSON, LEADER, LEADER_EPOCH, PARTITION, SERVED_BY, TRUE};
use super::produce::Wish;
use crate::replication::{Acks, Written};
use crate::service::Produced;
use crate::types::PartitionIndex;

/// What became of one partition's batch.
#[derive(Debug)]
pub(super) struct Stored {
    /// The partition.
    pub(super) partition: PartitionIndex,
    /// How many records were sent there.
    pub(super) count: usize,
    /// What became of them.
    pub(super) outcome: Result<Produced, Problem>,
}

/// The answer. `timestamp_ms` is the time that the records got, unless the log stamped another.
pub(super) fn answer(door: &Door, wish: &Wish, timestamp_ms: Option<i64>, outcomes: Vec<Stored>) -> Response {
    let failed = outcomes.iter().any(|stored| stored.outcome.is_err());
    match <[Stored; 1]>::try_from(outcomes) {
        Ok([Stored { outcome: Ok(produced), .. }]) => success_of_one(door, wish, timestamp_ms, &produced),
        Ok([Stored { outcome: Err(problem), .. }]) => {
            problem.header(SERVED_BY, door.served_by.clone()).into_response()
        }
        Err(outcomes) if failed => failure_of_some(door, timestamp_ms, outcomes),
        Err(outcomes) => success_of_all(door, wish, timestamp_ms, &outcomes),
    }
}

fn success_of_one(door: &Door, wish: &Wish, timestamp_ms: Option<i64>, produced: &Produced) -> Response {
    let mut json = String::with_capacity(128);
    json.push('{');
    write_members(&mut json, timestamp_ms, produced);
    json.push_str("}\n");
    let mut response = json_response(door, wish, json);
    let headers = response.headers_mut();
    headers.insert(PARTITION, HeaderValue::from(produced.partition.0));
    headers.insert(BASE_OFFSET, HeaderValue::from(produced.base_offset.0));
    headers.insert(COUNT, HeaderValue::from(produced.count));
    headers.insert(LEADER, HeaderValue::from(produced.leader.0));
    headers.insert(LEADER_EPOCH, HeaderValue::from(produced.leader_epoch.0));
    if produced.duplicate {
        headers.insert(DUPLICATE, TRUE);
    }
    response
}

fn success_of_all(door: &Door, wish: &Wish, timestamp_ms: Option<i64>, outcomes: &[Stored]) -> Response {
    let count: usize = outcomes.iter().map(|stored| stored.count).sum();
    // Writing to a string cannot fail.
    let mut json = String::with_capacity(128 * outcomes.len());
    let _ = write!(json, "{{\"count\":{count},\"partitions\":");
    write_outcomes(&mut json, timestamp_ms, outcomes);
    json.push_str("}\n");
    json_response(door, wish, json)
}

fn failure_of_some(door: &Door, timestamp_ms: Option<i64>, outcomes: Vec<Stored>) -> Response {
    let mut list = String::with_capacity(128 * outcomes.len());
    write_outcomes(&mut list, timestamp_ms, &outcomes);
    let all = outcomes.len();
    let problems: Vec<Problem> = outcomes.into_iter().filter_map(|stored| stored.outcome.err()).collect();
    let nothing =
        problems.len() == all && problems.iter().all(|problem| problem.what_is_written() == Written::No);
    let written = if nothing { Written::No } else { Written::Maybe };
    let failed = problems.len();
    // The gravest stands for all: an unknown outcome before a plain refusal.
    let worst = problems.into_iter().max_by_key(|problem| problem.status().as_u16());
    let worst = worst.expect("at least one partition failed");
    let place = format!("{failed} of {all} partitions failed, each outcome is listed; the gravest");
    let problem = worst.at(&place).written(written).partitions(list);
    problem.header(SERVED_BY, door.served_by.clone()).into_response()
}

fn json_response(door: &Door, wish: &Wish, json: String) -> Response {
    let mut response = Response::new(Body::from(json));
    if wish.acks == Acks::None {
        *response.status_mut() = StatusCode::ACCEPTED;
    }
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response.headers_mut().insert(SERVED_BY, door.served_by.clone());
    response
}

fn write_outcomes(json: &mut String, timestamp_ms: Option<i64>, outcomes: &[Stored]) {
    json.push('[');
    for (number, stored) in outcomes.iter().enumerate() {
        json.push_str(if number == 0 { "{" } else { ",{" });
        match &stored.outcome {
            Ok(produced) => {
                write_members(json, timestamp_ms, produced);
                json.push_str(",\"written\":\"yes\"");
            }
            Err(problem) => {
                // Writing to a string cannot fail.
                let _ = write!(json, "\"partition\":{},\"count\":{},", stored.partition, stored.count);
                problem.write_members(json);
            }
        }
        json.push('}');
    }
    json.push(']');
}

fn write_members(json: &mut String, timestamp_ms: Option<i64>, produced: &Produced) {
    let Produced { partition, base_offset, count, leader_epoch, .. } = produced;
    // Writing to a string cannot fail.
    let _ = write!(
        json,
        "\"partition\":{partition},\"base_offset\":{base_offset},\"count\":{count},\"leader_epoch\":{leader_epoch}"
    );
    let timestamp_ms = Some(produced.append_time_ms).filter(|time| *time >= 0).or(timestamp_ms);
    if let Some(timestamp_ms) = timestamp_ms {
        let _ = write!(json, ",\"timestamp\":{timestamp_ms}");
    }
    if produced.duplicate {
        json.push_str(",\"duplicate\":true");
    }
}
