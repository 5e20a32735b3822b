//! What a produce is answered with: `{"offsets":[…],"key_schema_id":null,"value_schema_id":null}`, an entry for each record
//! in the order of the request, and never an error inside a 200.
//!
//! Confluent answers 200 even when records failed, and clients take that for a success; here such an answer has the
//! status of its gravest failure, and `error_code`, `message` and `written` beside the entries.

use std::fmt::Write as _;

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;

use super::fault::Fault;
use super::plan::Place;
use super::produce::Outcomes;
use super::told::{Told, text};
use crate::http::chunked::Chunks;
use crate::http::door::Door;
use crate::replication::Written;
use crate::service::{Admitted, ProduceError};
use crate::types::PartitionIndex;

/// The code of a record that may succeed later, and of one that will not; Confluent's.
const RETRIABLE_RECORD: u32 = 50_003;
const FAILED_RECORD: u32 = 50_002;
/// In a larger answer each entry has its code, and only the whole has the message.
const TOLD_IN_FULL_MAX: usize = 1_000;

/// Why a batch is not stored, or may not be.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    fault: Fault,
    record_code: u32,
    written: Written,
}

impl Failure {
    /// The one map from what went wrong with a produce to what is said.
    pub(super) fn of(error: &ProduceError) -> Self {
        use ProduceError as E;
        let message = error.to_string();
        let unknown = |code: u32| Fault::new(StatusCode::GATEWAY_TIMEOUT, message.clone()).code(code);
        let (retriable, written) = (error.is_retriable(), error.written());
        let fault = match error {
            E::UnknownTopic(topic) => Fault::no_topic(topic.as_str()),
            E::UnknownPartition { tp, partitions } => {
                Fault::no_partition(tp.topic.as_str(), tp.partition.0.into(), *partitions)
            }
            E::TimedOut { .. } => unknown(50_401),
            E::OutcomeUnknown { .. } => unknown(50_402),
            E::LeadershipLost { .. } => unknown(50_403),
            E::NotEnoughReplicasAfterAppend { .. } => unknown(50_404),
            _ if retriable => {
                Fault::new(StatusCode::SERVICE_UNAVAILABLE, message).code(RETRIABLE_RECORD).retriable()
            }
            _ => Fault::unprocessable(message).code(42_208),
        };
        let record_code = if retriable { RETRIABLE_RECORD } else { FAILED_RECORD };
        Self { fault, record_code, written }
    }

    /// The failure of a batch that was not sent because of this one before it.
    pub(super) fn behind(&self) -> Self {
        Self { written: Written::No, ..self.clone() }
    }
}

/// The answer to records that were sent.
pub(super) fn answer(
    door: &Door,
    told: &Told,
    outcomes: &[(PartitionIndex, Outcomes)],
    places: &[Place],
    admitted: Admitted,
) -> Response {
    let mut json = String::with_capacity(places.len() * 60 + 64);
    json.push_str("\"offsets\":[");
    for (number, place) in places.iter().enumerate() {
        if number > 0 {
            json.push(',');
        }
        let (partition, batches) = &outcomes[place.chain as usize];
        match &batches[place.batch as usize] {
            Ok(produced) => {
                let offset = produced.base_offset.0 + i64::from(place.at);
                // Writing to a string cannot fail.
                let _ = write!(
                    json,
                    "{{\"partition\":{partition},\"offset\":{offset},\"error_code\":null,\"error\":null}}"
                );
            }
            Err(failure) if places.len() > TOLD_IN_FULL_MAX => {
                push_failure(&mut json, failure.record_code, "not confirmed");
            }
            Err(failure) => push_failure(&mut json, failure.record_code, failure.fault.message()),
        }
    }
    json.push_str("],\"key_schema_id\":null,\"value_schema_id\":null");
    let all = outcomes.iter().flat_map(|(_, batches)| batches);
    let stored = all.clone().any(Result::is_ok);
    let failures = all.filter_map(|outcome| outcome.as_ref().err());
    // The gravest stands for all: an unknown outcome before a plain refusal.
    let Some(worst) = failures.clone().max_by_key(|failure| failure.fault.status().as_u16()) else {
        let body = Chunks::new(vec![format!("{{{json}}}").into()], [admitted]);
        return text(door, told.0.plain_answer(), Body::new(body));
    };
    let nothing = !stored && failures.clone().all(|failure| failure.written == Written::No);
    let written = if nothing { "no" } else { "maybe" };
    let _ = write!(json, ",\"written\":\"{written}\"");
    worst.fault.holding(&json, Some(admitted))
}

/// The answer to records of which one is to blame for that none was sent.
pub(super) fn refusal_of_all(fault: &Fault, count: usize, admitted: Admitted) -> Response {
    let mut json = String::with_capacity(count * 80 + 64);
    json.push_str("\"offsets\":[");
    for number in 0..count {
        if number > 0 {
            json.push(',');
        }
        push_failure(&mut json, FAILED_RECORD, "not stored");
    }
    json.push_str("],\"key_schema_id\":null,\"value_schema_id\":null,\"written\":\"no\"");
    fault.holding(&json, Some(admitted))
}

fn push_failure(json: &mut String, code: u32, message: &str) {
    let message = serde_json::to_string(message).expect("a string is always JSON");
    // Writing to a string cannot fail.
    let _ = write!(json, "{{\"partition\":null,\"offset\":null,\"error_code\":{code},\"error\":{message}}}");
}
