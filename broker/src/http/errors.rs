//! The one map from what went wrong to what HTTP says, and the one shape in which it is said:
//! `{"error_code":40401,"message":"...","retriable":false,"written":"no"}`, with a few numbers more where they help.
//!
//! `error_code` is the status, or status * 100 + n where a status has several meanings:
//!
//! | code | status | meaning |
//! | --- | --- | --- |
//! | 400 | 400 | the request is malformed; the message says where |
//! | 40003 | 400 | a new producer epoch must begin at sequence 0 |
//! | 40302 | 403 | a newer epoch of this producer has taken over (`Producer-Epoch`) |
//! | 404, 40401, 40402, 40403 | 404 | no such address, topic, partition, group |
//! | 40410, 40411 | 404 | no such broker; no reassignment of the partition, or no drain of the broker, to take back |
//! | 405, 406, 408, 415 | same | method, answer type, a body that does not come, body type |
//! | 40910 | 409 | a topic of this name exists and differs |
//! | 40911 | 409 | the producer's sequence has a gap (`Producer-Expected-Seq`) |
//! | 40912 | 409 | the topic's cleanup policy does not delete |
//! | 40920 | 409 | the group does not know the member, or not in this epoch: join again |
//! | 40921 | 409 | the group's members are in the way |
//! | 40930 | 409 | a reassignment of the partition is in progress |
//! | 40931 | 409 | not as the brokers stand: the message says what is in the way |
//! | 410 | 410 | the offset lies below the log start (`log_start`) |
//! | 41002 | 410 | a member without `auto_offset_reset` has no position that can be read |
//! | 412 | 412 | the log does not end at `Tidemark-Expected-Offset` (`next_offset`) |
//! | 413, 41301 | 413 | the body, the batch is too large |
//! | 416 | 416 | the offset lies beyond the end (`next_offset`) |
//! | 42208 | 422 | the record batch is not one that may be stored |
//! | 429 | 429 | too many wait |
//! | 431 | 431 | too many headers, or too large |
//! | 500, 50002 | 500 | our own mistake, storage that cannot be read |
//! | 50301 | 503 | the coordination store does not answer |
//! | 50302 | 503 | no leader took the request |
//! | 50303 | 503 | overloaded, starting, or stopping |
//! | 50304 | 503 | too few replicas are in sync |
//! | 50305 | 503 | the leader's followers are quiet |
//! | 50306, 50308 | 503 | the leader's disk is full, cannot be written |
//! | 50307 | 503 | the leader is new and settles |
//! | 50309 | 503 | the group's coordinator does not answer; `written` is `maybe` if offsets may have been kept |
//! | 50310 | 503 | a deletion of records is not confirmed: `written` is `maybe` |
//! | 50401..50404 | 504 | appended or sent, outcome unknown: `written` is `maybe` |
//!
//! *Invariant:* whatever has `"written":"no"` was stored nowhere.

use std::borrow::Cow;
use std::fmt::Write as _;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::groups::GroupError;
use crate::record::RecordError;
use crate::replication::Written;
use crate::service::{
    AdminError, DeleteRecordsError, FetchError, GroupCallError, Overloaded, ProduceError, Refusal,
};

/// A refusal, ready to be said.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: u32,
    message: Cow<'static, str>,
    retriable: bool,
    written: Written,
    numbers: Vec<(&'static str, i64)>,
    headers: Vec<(HeaderName, HeaderValue)>,
    partitions: Option<String>,
}

impl Problem {
    /// A refusal that trying again does not cure, nothing written.
    pub(super) fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code: u32::from(status.as_u16()),
            message: message.into(),
            retriable: false,
            written: Written::No,
            numbers: Vec::new(),
            headers: Vec::new(),
            partitions: None,
        }
    }

    /// 400.
    pub(super) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// With the `n` in status * 100 + n.
    pub(super) fn detail(mut self, n: u32) -> Self {
        self.code = u32::from(self.status.as_u16()) * 100 + n;
        self
    }

    /// That trying again may cure, in a second.
    pub(super) fn retriable(mut self) -> Self {
        self.retriable = true;
        if matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            self.headers.push((RETRY_AFTER, HeaderValue::from_static("1")));
        }
        self
    }

    /// With what is known about the records.
    pub(super) fn written(mut self, written: Written) -> Self {
        self.written = written;
        self
    }

    /// With a number more in the body.
    pub(super) fn number(mut self, name: &'static str, value: i64) -> Self {
        self.numbers.push((name, value));
        self
    }

    /// With a header.
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// With each partition's own outcome, a JSON array.
    pub(super) fn partitions(mut self, json: String) -> Self {
        self.partitions = Some(json);
        self
    }

    /// With `place` before the message.
    pub(super) fn at(mut self, place: &str) -> Self {
        self.message = format!("{place}: {}", self.message).into();
        self
    }

    /// What went wrong, in words.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The HTTP status.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The status, or status * 100 + n.
    pub(super) fn error_code(&self) -> u32 {
        self.code
    }

    /// Whether trying again may cure.
    pub(super) fn is_retriable(&self) -> bool {
        self.retriable
    }

    /// What is known about the records.
    pub(super) fn what_is_written(&self) -> Written {
        self.written
    }

    /// The members of the JSON object, without its braces.
    pub(super) fn write_members(&self, json: &mut String) {
        let message = serde_json::to_string(&self.message).expect("a string is always JSON");
        let written = match self.written {
            Written::No => "no",
            Written::Maybe => "maybe",
            Written::Yes => "yes",
        };
        let (code, retriable) = (self.code, self.retriable);
        // Writing to a string cannot fail.
        let _ = write!(
            json,
            "\"error_code\":{code},\"message\":{message},\"retriable\":{retriable},\"written\":\"{written}\""
        );
        for (name, value) in &self.numbers {
            let _ = write!(json, ",\"{name}\":{value}");
        }
        if let Some(partitions) = &self.partitions {
            let _ = write!(json, ",\"partitions\":{partitions}");
        }
    }
}

impl Problem {
    fn to_json(&self) -> String {
        let mut json = String::with_capacity(160);
        json.push('{');
        self.write_members(&mut json);
        json.push_str("}\n");
        json
    }

    /// The whole answer as bytes, for where there is no HTTP machinery to send one; the connection ends with it.
    pub(super) fn into_bytes_of_http1(self) -> Vec<u8> {
        let (json, status) = (self.to_json(), self.status);
        let mut bytes =
            format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n")
                .into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(format!("content-length: {}\r\n\r\n{json}", json.len()).as_bytes());
        bytes
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let json = self.to_json();
        let mut response = Response::new(Body::from(json));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<ProduceError> for Problem {
    fn from(error: ProduceError) -> Self {
        use ProduceError as E;
        use StatusCode as S;
        let message = error.to_string();
        let of = |status: StatusCode, n: u32| Self::new(status, message.clone()).detail(n);
        let problem = match &error {
            E::UnknownTopic(_) => of(S::NOT_FOUND, 1),
            E::UnknownPartition { .. } => of(S::NOT_FOUND, 2),
            E::NotLeader { .. } | E::NoLeader { .. } => of(S::SERVICE_UNAVAILABLE, 2),
            E::Invalid(record) => return record.clone().into(),
            E::Refused { .. } => of(S::UNPROCESSABLE_ENTITY, 8),
            E::TooLarge { limit, .. } => of(S::PAYLOAD_TOO_LARGE, 1).number("limit_bytes", whole(*limit)),
            E::UnexpectedOffset { actual } => {
                Self::new(S::PRECONDITION_FAILED, message).number("next_offset", actual.0)
            }
            E::OutOfOrderSequence { .. } => of(S::CONFLICT, 11),
            E::FencedProducer { .. } => of(S::FORBIDDEN, 2),
            E::NewEpochNotZero => of(S::BAD_REQUEST, 3),
            E::NotEnoughReplicas { .. } => of(S::SERVICE_UNAVAILABLE, 4),
            E::FollowersQuiet => of(S::SERVICE_UNAVAILABLE, 5),
            E::DiskFull => of(S::SERVICE_UNAVAILABLE, 6),
            E::Storage { .. } => of(S::SERVICE_UNAVAILABLE, 8),
            E::Overloaded => of(S::SERVICE_UNAVAILABLE, 3),
            E::TimedOut { base_offset } => of(S::GATEWAY_TIMEOUT, 1).number("base_offset", base_offset.0),
            E::OutcomeUnknown { .. } => of(S::GATEWAY_TIMEOUT, 2),
            E::LeadershipLost { .. } => of(S::GATEWAY_TIMEOUT, 3),
            E::NotEnoughReplicasAfterAppend { base_offset } => {
                of(S::GATEWAY_TIMEOUT, 4).number("base_offset", base_offset.0)
            }
        };
        let problem = problem.written(error.written());
        if error.is_retriable() { problem.retriable() } else { problem }
    }
}

impl From<RecordError> for Problem {
    fn from(error: RecordError) -> Self {
        let message = format!("the record batch is refused: {error}");
        match error {
            RecordError::TooLarge { limit, .. } | RecordError::Inflation { limit } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, message)
                    .detail(1)
                    .number("limit_bytes", whole(limit))
            }
            _ => Self::new(StatusCode::UNPROCESSABLE_ENTITY, message).detail(8),
        }
    }
}

impl From<FetchError> for Problem {
    fn from(error: FetchError) -> Self {
        use FetchError as E;
        use StatusCode as S;
        let message = error.to_string();
        let of = |status: StatusCode, n: u32| Self::new(status, message.clone()).detail(n);
        let problem = match &error {
            E::UnknownTopic(_) | E::UnknownTopicId | E::InconsistentTopicId => of(S::NOT_FOUND, 1),
            E::UnknownPartition { .. } => of(S::NOT_FOUND, 2),
            E::NotLeader { .. } | E::NoLeader { .. } | E::Replica(_) => of(S::SERVICE_UNAVAILABLE, 2),
            E::BelowStart { start, .. } => {
                let text = format!(
                    "{message}: older records were deleted, read from offset={start} or offset=earliest"
                );
                Self::new(S::GONE, text).number("log_start", start.0)
            }
            E::BeyondEnd { end, .. } => {
                let text = format!("{message}: read from offset={end} or offset=latest");
                Self::new(S::RANGE_NOT_SATISFIABLE, text).number("next_offset", end.0)
            }
            E::OffsetNotAvailable | E::FencedEpoch { .. } | E::UnknownEpoch { .. } => {
                of(S::SERVICE_UNAVAILABLE, 7)
            }
            E::Storage { .. } => of(S::INTERNAL_SERVER_ERROR, 2),
            E::Overloaded => Self::new(S::TOO_MANY_REQUESTS, message),
        };
        if error.is_retriable() { problem.retriable() } else { problem }
    }
}

impl From<DeleteRecordsError> for Problem {
    fn from(error: DeleteRecordsError) -> Self {
        use DeleteRecordsError as E;
        let message = error.to_string();
        match error {
            E::Refused(FetchError::BeyondEnd { asked, end }) => {
                let message =
                    format!("offset {asked} is beyond the high watermark, {end}: no later record may go");
                Self::new(StatusCode::RANGE_NOT_SATISFIABLE, message).number("high_watermark", end.0)
            }
            E::Refused(error) => error.into(),
            E::Kept(_) => Self::new(StatusCode::CONFLICT, message).detail(12),
            E::Unconfirmed { .. } => Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
                .detail(10)
                .retriable()
                .written(Written::Maybe),
        }
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        use AdminError as E;
        use StatusCode as S;
        let message = error.to_string();
        match error {
            E::UnknownTopic(_) => Self::new(S::NOT_FOUND, message).detail(1),
            E::Different { .. } | E::Exists(_) => Self::new(S::CONFLICT, message).detail(10),
            E::Invalid { .. } => Self::bad_request(message),
            E::Operating { refusal, .. } => match refusal {
                Refusal::UnknownPartition => Self::new(S::NOT_FOUND, message).detail(2),
                Refusal::UnknownBroker => Self::new(S::NOT_FOUND, message).detail(10),
                Refusal::NoMove | Refusal::NotDrained => Self::new(S::NOT_FOUND, message).detail(11),
                Refusal::MoveInProgress => Self::new(S::CONFLICT, message).detail(30),
                Refusal::NotNow => Self::new(S::CONFLICT, message).detail(31),
            },
            E::Unavailable { .. } => Self::new(S::SERVICE_UNAVAILABLE, message).detail(1).retriable(),
            E::OutcomeUnknown { .. } => {
                Self::new(S::GATEWAY_TIMEOUT, message).detail(2).retriable().written(Written::Maybe)
            }
        }
    }
}

impl From<GroupCallError> for Problem {
    fn from(error: GroupCallError) -> Self {
        use GroupCallError as E;
        use StatusCode as S;
        let (message, retriable) = (error.to_string(), error.is_retriable());
        let problem = match error {
            E::Refused(refused) => return Self::from(refused),
            E::InPart(refused) => {
                return Self { message: message.into(), ..Self::from(refused) }.written(Written::Maybe);
            }
            E::Read(error) => return error.into(),
            E::NoPosition { .. } => Self::new(S::GONE, message).detail(2),
            E::NoCoordinator { written, .. } => {
                Self::new(S::SERVICE_UNAVAILABLE, message).detail(9).written(written)
            }
            E::NoOffsetsTopic(_) => Self::new(S::SERVICE_UNAVAILABLE, message).detail(9),
            E::Overloaded => Self::new(S::TOO_MANY_REQUESTS, message),
            E::Invalid { .. } => Self::bad_request(message),
        };
        if retriable { problem.retriable() } else { problem }
    }
}

impl From<GroupError> for Problem {
    fn from(refused: GroupError) -> Self {
        use GroupError as E;
        use StatusCode as S;
        let message = refused.to_string();
        let retriable = refused == E::RebalanceInProgress;
        let problem = match refused {
            E::GroupIdNotFound => Self::new(S::NOT_FOUND, message).detail(3),
            E::UnknownTopicOrPartition => Self::new(S::NOT_FOUND, message).detail(2),
            E::UnknownMember
            | E::FencedInstance
            | E::FencedEpoch { .. }
            | E::StaleEpoch { .. }
            | E::NotAssigned { .. }
            | E::IllegalGeneration { .. }
            | E::MemberIdRequired { .. } => {
                let advice = "; POST /v1/groups/{group}/members joins anew";
                Self::new(S::CONFLICT, format!("fenced: {message}{advice}")).detail(20)
            }
            E::GroupTypeMismatch { .. }
            | E::NonEmptyGroup
            | E::GroupMaxSizeReached { .. }
            | E::UnreleasedInstance
            | E::RebalanceInProgress
            | E::InconsistentGroupProtocol
            | E::GroupSubscribedToTopic => Self::new(S::CONFLICT, message).detail(21),
            _ => Self::bad_request(message),
        };
        if retriable { problem.retriable() } else { problem }
    }
}

impl From<Overloaded> for Problem {
    fn from(error: Overloaded) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("the broker is overloaded: {error}"))
            .detail(3)
            .retriable()
    }
}

fn whole(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{LeaderEpoch, Offset, PartitionIndex, TopicName, TopicPartition};

    fn tp() -> TopicPartition {
        TopicPartition::new(TopicName::new("orders").unwrap(), PartitionIndex(0))
    }

    fn produce_errors() -> Vec<ProduceError> {
        use ProduceError as E;
        let reason = || "because".to_owned();
        let base_offset = Offset(7);
        vec![
            E::UnknownTopic(tp().topic),
            E::UnknownPartition { tp: tp(), partitions: 1 },
            E::NotLeader { tp: tp(), leader: None, epoch: LeaderEpoch(1) },
            E::NoLeader { tp: tp(), waited: std::time::Duration::from_secs(1), reason: reason() },
            E::Invalid(RecordError::ControlBatch),
            E::Invalid(RecordError::TooLarge { bytes: 2, limit: 1 }),
            E::Refused { reason: reason() },
            E::TooLarge { bytes: 2, limit: 1 },
            E::UnexpectedOffset { actual: Offset(3) },
            E::OutOfOrderSequence { expected: 1 },
            E::FencedProducer { current_epoch: 2 },
            E::NewEpochNotZero,
            E::NotEnoughReplicas { reason: reason() },
            E::FollowersQuiet,
            E::DiskFull,
            E::Storage { reason: reason(), written: Written::No },
            E::Storage { reason: reason(), written: Written::Maybe },
            E::Overloaded,
            E::TimedOut { base_offset },
            E::LeadershipLost { base_offset },
            E::NotEnoughReplicasAfterAppend { base_offset },
            E::OutcomeUnknown { reason: reason() },
        ]
    }

    #[test]
    fn a_code_is_its_status_with_a_number_or_without() {
        for error in produce_errors() {
            let problem = Problem::from(error.clone());
            let status = u32::from(problem.status.as_u16());
            assert!(problem.code == status || problem.code / 100 == status, "{error:?}: {}", problem.code);
            assert!(!problem.status.is_success());
        }
    }

    #[test]
    fn what_is_written_and_retriable_is_what_the_service_says() {
        for error in produce_errors() {
            let problem = Problem::from(error.clone());
            assert_eq!(problem.written, error.written(), "{error:?}");
            assert_eq!(problem.retriable, error.is_retriable(), "{error:?}");
            let told_when = problem.headers.iter().any(|(name, _)| *name == RETRY_AFTER);
            assert_eq!(told_when, problem.status == StatusCode::SERVICE_UNAVAILABLE, "{error:?}");
        }
    }

    #[test]
    fn the_shape_is_json_whatever_the_message_holds() {
        let problem = Problem::bad_request("say \"hi\"\n\u{0}".to_owned()).number("next_offset", 3);
        let mut json = String::from("{");
        problem.write_members(&mut json);
        json.push('}');
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["message"], "say \"hi\"\n\u{0}");
        assert_eq!((value["error_code"].as_i64(), value["next_offset"].as_i64()), (Some(400), Some(3)));
        assert_eq!((value["retriable"].as_bool(), value["written"].as_str()), (Some(false), Some("no")));
    }
}
