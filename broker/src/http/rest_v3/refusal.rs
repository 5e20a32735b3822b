//! The one map from what went wrong to what v3 says: `{"error_code":40403,"message":"..."}`.
//!
//! | code | status | meaning |
//! | --- | --- | --- |
//! | 400, 40002 | 400 | malformed; what Kafka would refuse: the topic exists, too many replicas, a setting's value |
//! | 40301 | 403 | a topic of the system |
//! | 404, 40403 | 404 | no such address, cluster, broker, setting, group, consumer; no such topic or partition |
//! | 405, 406, 408, 413, 415, 429 | same | method, answer type, a body that does not come, too large, body type, too many |
//! | 42201, 42202, 42208 | 422 | a key, a value with a schema; records that may not be stored |
//! | 500, 50002 | 500 | what cannot be read |
//! | 501 | 501 | not served yet |
//! | 50003 | 503 | the same request may succeed later; nothing was done |
//! | 504 | 504 | sent, outcome unknown |

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, StatusCode};
use serde::Serialize;

use crate::groups::GroupError;
use crate::http::errors::Problem;
use crate::http::names::JSON;
use crate::http::query::shown;
use crate::replication::Written;
use crate::service::{AdminError, FetchError, GroupCallError, NoSettings, Overloaded, ProduceError, Wrong};

/// A refusal, ready to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: u32,
    pub(super) message: String,
}

#[derive(Serialize)]
struct Said<'a> {
    error_code: u32,
    message: &'a str,
}

impl Refusal {
    /// A refusal whose code is its status.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, code: u32::from(status.as_u16()), message: message.into() }
    }

    /// With another code.
    pub(super) fn code(mut self, code: u32) -> Self {
        self.code = code;
        self
    }

    /// 400: malformed.
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404: there is no such thing.
    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 404 with 40403: there is no such topic, or it has no such partition.
    pub(super) fn unknown_topic_or_partition(message: impl Into<String>) -> Self {
        Self::missing(message).code(40_403)
    }

    /// 422 with one of its codes.
    pub(super) fn unprocessable(n: u32, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message).code(42_200 + n)
    }

    fn bad_wish(message: impl Into<String>) -> Self {
        Self::malformed(message).code(40_002)
    }

    fn later(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message).code(50_003)
    }

    /// The JSON of it.
    pub(super) fn json(&self) -> Vec<u8> {
        let said = Said { error_code: self.code, message: &self.message };
        serde_json::to_vec(&said).expect("a number and a text are always JSON")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut json = self.json();
        json.push(b'\n');
        let mut response = Response::new(Body::from(json));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, JSON);
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::new(problem.status(), problem.message())
    }
}

impl From<Overloaded> for Refusal {
    fn from(error: Overloaded) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, format!("the broker is overloaded: {error}"))
    }
}

impl From<AdminError> for Refusal {
    fn from(error: AdminError) -> Self {
        let message = error.to_string();
        match error {
            AdminError::UnknownTopic(_) => Self::unknown_topic_or_partition(message),
            AdminError::Invalid { what: Wrong::Internal, .. } => {
                Self::new(StatusCode::FORBIDDEN, message).code(40_301)
            }
            AdminError::Exists(_)
            | AdminError::Different { .. }
            | AdminError::Invalid { .. }
            | AdminError::Operating { .. } => Self::bad_wish(message),
            AdminError::Unavailable { .. } => Self::later(message),
            AdminError::OutcomeUnknown { .. } => Self::new(StatusCode::GATEWAY_TIMEOUT, message),
        }
    }
}

impl From<FetchError> for Refusal {
    fn from(error: FetchError) -> Self {
        use FetchError as E;
        let message = error.to_string();
        match &error {
            E::UnknownTopic(_) | E::UnknownTopicId | E::InconsistentTopicId | E::UnknownPartition { .. } => {
                Self::unknown_topic_or_partition(message)
            }
            E::Overloaded => Self::new(StatusCode::TOO_MANY_REQUESTS, message),
            E::Storage { .. } => Self::new(StatusCode::INTERNAL_SERVER_ERROR, message).code(50_002),
            _ => Self::later(message),
        }
    }
}

impl From<ProduceError> for Refusal {
    fn from(error: ProduceError) -> Self {
        use ProduceError as E;
        let message = error.to_string();
        match &error {
            E::UnknownTopic(topic) => {
                Self::unknown_topic_or_partition(format!("there is no topic '{topic}'"))
            }
            E::UnknownPartition { .. } => Self::unknown_topic_or_partition(message),
            E::TooLarge { .. } => Self::new(StatusCode::PAYLOAD_TOO_LARGE, message),
            E::Overloaded => Self::new(StatusCode::TOO_MANY_REQUESTS, message),
            _ if error.written() != Written::No => Self::new(StatusCode::GATEWAY_TIMEOUT, message),
            _ if error.is_retriable() => Self::later(message),
            _ => Self::unprocessable(8, message),
        }
    }
}

impl From<GroupCallError> for Refusal {
    fn from(error: GroupCallError) -> Self {
        use GroupCallError as E;
        let (message, retriable) = (error.to_string(), error.is_retriable());
        match error {
            E::Refused(GroupError::GroupIdNotFound) => Self::missing(message),
            E::Read(error) => error.into(),
            E::Overloaded => Self::new(StatusCode::TOO_MANY_REQUESTS, message),
            _ if retriable => Self::later(message),
            E::NoOffsetsTopic(error) => error.into(),
            _ => Self::malformed(message),
        }
    }
}

impl From<NoSettings> for Refusal {
    fn from(error: NoSettings) -> Self {
        let message = error.to_string();
        match error {
            NoSettings::UnknownBroker(_) => Self::missing(message),
            NoSettings::Silent { .. } => Self::later(message),
        }
    }
}

/// Whether a path is this face's, so that its refusals are told in this face's shape.
pub(in crate::http) fn is_ours(path: &str) -> bool {
    path == "/v3" || path.starts_with("/v3/")
}

/// There is no such address.
pub(in crate::http) fn no_address(path: &str) -> Response {
    let message = format!("there is no address '{}': /openapi.json lists them all", shown(path));
    Refusal::missing(message).into_response()
}

/// The address does not take the method; the router adds `Allow`.
pub(in crate::http) fn no_method(method: &Method) -> Response {
    let message = format!("{} is not possible here: the header Allow lists what is", shown(method.as_str()));
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message).into_response()
}
