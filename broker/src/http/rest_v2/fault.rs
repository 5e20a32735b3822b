//! The one map from what went wrong to what the REST Proxy says: `{"error_code":40401,"message":"Topic not found. …"}`.
//!
//! The code is the status, or status * 100 + n; the statuses, codes and first sentences are Confluent's:
//!
//! | code | status | meaning |
//! | --- | --- | --- |
//! | 400, 40002 | 400 | malformed; a parameter that makes no sense |
//! | 404, 40401, 40402, 40403 | 404 | no such address, topic, partition, consumer instance |
//! | 405, 406, 408, 413, 415 | same | method, answer type, a body that does not come, body too large, body type |
//! | 40601 | 406 | records in another format than the instance's |
//! | 409, 40902, 40903 | 409 | the topic exists; the instance exists; not in this state |
//! | 410, 416 | 410, 416 | an offset below the first record kept, beyond the end |
//! | 422, 42201, 42202, 42204, 42205, 42206, 42208 | 422 | fields, schemas, configuration, records |
//! | 429 | 429 | too many |
//! | 50002 | 500 | what cannot be read |
//! | 50003 | 503 | try again: no leader, no coordinator, too few in-sync replicas |
//! | 50301, 50302, 50303 | 503 | the coordination store, a leader does not answer; overloaded |
//! | 504.. | 504 | sent, outcome unknown |

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::media::{BODY_TYPES, PLAIN_TYPE};
use crate::groups::GroupError;
use crate::http::chunked::Chunks;
use crate::http::errors::Problem;
use crate::http::query::shown;
use crate::service::{AdminError, Admitted, FetchError, GroupCallError, InstanceError, Overloaded};

/// A refusal, ready to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Fault {
    status: StatusCode,
    code: u32,
    message: String,
    retriable: bool,
}

impl Fault {
    /// A refusal whose code is its status.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, code: u32::from(status.as_u16()), message: message.into(), retriable: false }
    }

    /// 400: malformed.
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 422: well-formed, and not what is taken here.
    pub(super) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    /// 400 with 40002: a parameter that makes no sense.
    pub(super) fn bad_parameter(message: impl Into<String>) -> Self {
        Self::malformed(message).code(40_002)
    }

    /// There is no such topic.
    pub(super) fn no_topic(name: &str) -> Self {
        let name = shown(name);
        let message = format!("Topic not found. There is no topic '{name}': POST /admin/topics creates one.");
        Self::new(StatusCode::NOT_FOUND, message).code(40_401)
    }

    /// The topic has no such partition.
    pub(super) fn no_partition(topic: &str, partition: i64, count: usize) -> Self {
        let message = format!(
            "Partition not found. Topic '{topic}' has no partition {partition}: it has {count}, from 0."
        );
        Self::new(StatusCode::NOT_FOUND, message).code(40_402)
    }

    /// The body is of a type that is not taken.
    pub(super) fn unsupported(content_type: Option<&str>) -> Self {
        let given = content_type.map_or("no Content-Type".to_owned(), |given| format!("'{}'", shown(given)));
        let message =
            format!("HTTP 415 Unsupported Media Type. The body has {given}; use one of: {BODY_TYPES}");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
    }

    /// The instance is not in the state for it.
    pub(super) fn illegal_state(message: &str) -> Self {
        Self::new(StatusCode::CONFLICT, format!("Illegal state: {message}")).code(40_903)
    }

    /// With another code than the status.
    pub(super) fn code(mut self, code: u32) -> Self {
        self.code = code;
        self
    }

    /// That trying again may cure, in a second.
    pub(super) fn retriable(mut self) -> Self {
        self.retriable = true;
        self
    }

    /// With `place` before the message.
    pub(super) fn at(mut self, place: &str) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// The HTTP status.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The message.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The answer, with `more` members behind the two that every refusal has.
    pub(super) fn with_members(&self, more: &str) -> Response {
        self.holding(more, None)
    }

    /// The same; a large answer keeps its place in a budget for as long as its reader takes.
    pub(super) fn holding(&self, more: &str, admitted: Option<Admitted>) -> Response {
        let mut json = json!({ "error_code": self.code, "message": self.message }).to_string();
        if !more.is_empty() {
            json.pop();
            json.push(',');
            json.push_str(more);
            json.push('}');
        }
        let mut response = Response::new(Body::new(Chunks::new(vec![json.into()], admitted)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PLAIN_TYPE));
        let is_for_now = matches!(self.status.as_u16(), 429 | 503);
        if self.retriable && is_for_now {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        self.with_members("")
    }
}

/// What the ways of taking a body refuse.
impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        let fault = Self::new(problem.status(), problem.message()).code(problem.error_code());
        if problem.is_retriable() { fault.retriable() } else { fault }
    }
}

impl From<Overloaded> for Fault {
    fn from(error: Overloaded) -> Self {
        Problem::from(error).into()
    }
}

impl From<FetchError> for Fault {
    fn from(error: FetchError) -> Self {
        use FetchError as E;
        let message = error.to_string();
        match error {
            E::UnknownTopic(topic) => Self::no_topic(topic.as_str()),
            E::UnknownTopicId | E::InconsistentTopicId => {
                Self::new(StatusCode::NOT_FOUND, format!("Topic not found. {message}")).code(40_401)
            }
            E::UnknownPartition { tp, partitions } => {
                Self::no_partition(tp.topic.as_str(), tp.partition.0.into(), partitions)
            }
            E::BelowStart { start, .. } => {
                Self::new(StatusCode::GONE, format!("{message}: read from {start}"))
            }
            E::BeyondEnd { end, .. } => {
                Self::new(StatusCode::RANGE_NOT_SATISFIABLE, format!("{message}: read from {end}"))
            }
            E::NotLeader { .. }
            | E::NoLeader { .. }
            | E::Replica(_)
            | E::OffsetNotAvailable
            | E::FencedEpoch { .. }
            | E::UnknownEpoch { .. } => {
                let message = format!("Leader not available. {message}");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, message).code(50_302).retriable()
            }
            E::Storage { .. } => {
                let message = format!("Kafka error: {message}");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, message).code(50_002)
            }
            E::Overloaded => Self::new(StatusCode::TOO_MANY_REQUESTS, message).retriable(),
        }
    }
}

impl From<AdminError> for Fault {
    fn from(error: AdminError) -> Self {
        use AdminError as E;
        let message = error.to_string();
        match error {
            E::UnknownTopic(topic) => Self::no_topic(topic.as_str()),
            E::Different { .. } | E::Exists(_) => Self::new(StatusCode::CONFLICT, message),
            E::Invalid { .. } | E::Operating { .. } => Self::malformed(message).code(40_002),
            E::Unavailable { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, message).code(50_301).retriable()
            }
            E::OutcomeUnknown { .. } => Self::new(StatusCode::GATEWAY_TIMEOUT, message).code(50_402),
        }
    }
}

impl From<GroupCallError> for Fault {
    fn from(error: GroupCallError) -> Self {
        use GroupCallError as E;
        let (message, retriable) = (error.to_string(), error.is_retriable());
        match error {
            E::Read(error) => error.into(),
            E::NoCoordinator { .. } | E::NoOffsetsTopic(_) => {
                let fault = Self::new(StatusCode::SERVICE_UNAVAILABLE, message).code(50_003);
                if retriable { fault.retriable() } else { fault }
            }
            E::Overloaded => Self::new(StatusCode::TOO_MANY_REQUESTS, message).retriable(),
            E::Invalid { .. } => Self::unprocessable(message),
            E::Refused(refused) | E::InPart(refused) => refused.into(),
            E::NoPosition { .. } => Self::illegal_state(&message),
        }
    }
}

impl From<GroupError> for Fault {
    fn from(refused: GroupError) -> Self {
        use GroupError as E;
        let message = refused.to_string();
        match refused {
            E::GroupIdNotFound => Self::new(StatusCode::NOT_FOUND, message).code(40_405),
            E::UnknownTopicOrPartition => Self::new(StatusCode::NOT_FOUND, message).code(40_402),
            E::GroupTypeMismatch { .. }
            | E::NonEmptyGroup
            | E::GroupSubscribedToTopic
            | E::UnreleasedInstance
            | E::InconsistentGroupProtocol
            | E::NotAssigned { .. } => Self::illegal_state(&message),
            E::GroupMaxSizeReached { .. } | E::TooMany { .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, message).retriable()
            }
            // The member that stands for an instance was overtaken; the next request finds it where it is now.
            E::RebalanceInProgress
            | E::UnknownMember
            | E::FencedInstance
            | E::FencedEpoch { .. }
            | E::StaleEpoch { .. }
            | E::IllegalGeneration { .. }
            | E::MemberIdRequired { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, message).code(50_003).retriable()
            }
            _ => Self::unprocessable(message),
        }
    }
}

impl From<InstanceError> for Fault {
    fn from(error: InstanceError) -> Self {
        use InstanceError as E;
        let message = error.to_string();
        match error {
            E::NoInstance => Self::new(StatusCode::NOT_FOUND, message).code(40_403),
            E::Exists => Self::new(StatusCode::CONFLICT, message).code(40_902),
            E::OtherMode { .. }
            | E::NotSubscribed
            | E::NotAssigned { .. }
            | E::NoPosition { .. }
            | E::Lapsed
            | E::NotAMember => Self::illegal_state(&message),
            E::WrongFormat { .. } => Self::new(StatusCode::NOT_ACCEPTABLE, message).code(40_601),
            E::Undecodable { .. } | E::UnservedFormat(_) | E::BadPattern { .. } | E::Invalid { .. } => {
                Self::unprocessable(message)
            }
            E::TooMany { .. } => Self::new(StatusCode::TOO_MANY_REQUESTS, message).retriable(),
            E::Refused(refused) => refused.into(),
            E::Missing(error) => error.into(),
            E::Call(error) => error.into(),
        }
    }
}
