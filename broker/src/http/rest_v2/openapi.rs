//! The words of `/openapi.json` for this face that no handler holds.

// These types are read by the macros that derive their description, and never made.
#![allow(dead_code, reason = "only their descriptions are used")]

use utoipa::{IntoParams, IntoResponses, OpenApi, ToSchema};

/// Words that stand in others only, where nothing collects them.
#[derive(OpenApi)]
#[openapi(components(schemas(RestOffsetAnswer, RestHeader, RestRecordWish)))]
pub(super) struct Words;

/// A refusal.
#[derive(ToSchema)]
pub(in crate::http) struct RestProblemAnswer {
    /// The status, or status * 100 + n.
    #[schema(example = 40401)]
    error_code: i32,
    /// What went wrong, and what to do.
    #[schema(example = "Topic not found.")]
    message: String,
}

/// How records are stored.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct RestProduceParams {
    /// Answer 204 without a body once all is stored.
    r#async: Option<bool>,
}

/// Where to read, how much, how long to wait.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct RestReadParams {
    /// The first offset; or earliest, latest.
    offset: String,
    /// How long to wait for records, in milliseconds; 100 if left out.
    timeout: Option<i64>,
    /// How many bytes of keys and values; one record is always returned.
    max_bytes: Option<i64>,
}

/// A record to be stored.
#[derive(ToSchema)]
pub(in crate::http) struct RestRecordWish {
    /// As the format says.
    key: Option<serde_json::Value>,
    /// As the format says; null for none.
    value: Option<serde_json::Value>,
    /// The partition; the address's, or chosen by the key, if left out.
    partition: Option<i32>,
    /// Milliseconds since 1970; the time of arrival if left out.
    timestamp: Option<i64>,
    /// Named values beside it.
    headers: Option<Vec<RestHeader>>,
}

/// A record's header.
#[derive(ToSchema)]
pub(in crate::http) struct RestHeader {
    /// Its name.
    key: String,
    /// Its value in base64.
    value: Option<String>,
}

/// Records to be stored.
#[derive(ToSchema)]
pub(in crate::http) struct RestRecordsWish {
    /// In order.
    records: Vec<RestRecordWish>,
}

/// A record.
#[derive(ToSchema)]
pub(in crate::http) struct RestRecordAnswer {
    /// The topic.
    topic: String,
    /// As the format says.
    key: Option<serde_json::Value>,
    /// As the format says.
    value: Option<serde_json::Value>,
    /// The partition.
    partition: i32,
    /// Its place in the partition's log.
    offset: i64,
    /// Milliseconds since 1970.
    timestamp: i64,
    /// Named values beside it, if there are any.
    headers: Option<Vec<RestHeader>>,
}

/// What became of a record.
#[derive(ToSchema)]
pub(in crate::http) struct RestOffsetAnswer {
    /// The partition that took it.
    partition: Option<i32>,
    /// Its place there.
    offset: Option<i64>,
    /// 50003 if it may succeed later, 50002 if not; null if it is stored.
    error_code: Option<i32>,
    /// Why it is not stored.
    error: Option<String>,
}

/// Where records were stored.
#[derive(ToSchema)]
pub(in crate::http) struct RestProducedAnswer {
    /// One for each record, in order.
    offsets: Vec<RestOffsetAnswer>,
    /// Always null: there are no schemas.
    key_schema_id: Option<i32>,
    /// Always null.
    value_schema_id: Option<i32>,
}

/// What became of records of which not all were stored.
#[derive(ToSchema)]
pub(in crate::http) struct RestNotProducedAnswer {
    /// The status, or status * 100 + n.
    error_code: i32,
    /// The gravest failure.
    message: String,
    /// One for each record, in order.
    offsets: Vec<RestOffsetAnswer>,
    /// Always null.
    key_schema_id: Option<i32>,
    /// Always null.
    value_schema_id: Option<i32>,
    /// Whether any of it may be stored: no, maybe.
    written: String,
}

/// What a produce is answered with.
#[derive(IntoResponses)]
pub(in crate::http) enum RestProduceResponses {
    /// All of it is stored.
    #[response(status = 200, content_type = "application/vnd.kafka.v2+json")]
    Stored(#[to_schema] RestProducedAnswer),
    /// The same, with async=true.
    #[response(status = 204)]
    StoredSilently,
    /// Malformed.
    #[response(status = 400, content_type = "application/vnd.kafka.v2+json")]
    Malformed(#[to_schema] RestProblemAnswer),
    /// No such topic or partition.
    #[response(status = 404, content_type = "application/vnd.kafka.v2+json")]
    Missing(#[to_schema] RestProblemAnswer),
    /// The answer would be JSON.
    #[response(status = 406, content_type = "application/vnd.kafka.v2+json")]
    NotAcceptable(#[to_schema] RestProblemAnswer),
    /// The body is too large.
    #[response(status = 413, content_type = "application/vnd.kafka.v2+json")]
    TooLarge(#[to_schema] RestProblemAnswer),
    /// No records in this media type.
    #[response(status = 415, content_type = "application/vnd.kafka.v2+json")]
    Unsupported(#[to_schema] RestProblemAnswer),
    /// Members that nobody knows, a format that needs schemas, or records that may not be stored.
    #[response(status = 422, content_type = "application/vnd.kafka.v2+json")]
    Unprocessable(#[to_schema] RestProblemAnswer),
    /// Not now; each record's outcome is listed.
    #[response(status = 503, content_type = "application/vnd.kafka.v2+json")]
    NotNow(#[to_schema] RestNotProducedAnswer),
    /// The outcome is unknown.
    #[response(status = 504, content_type = "application/vnd.kafka.v2+json")]
    Unknown(#[to_schema] RestNotProducedAnswer),
}

/// What any request may be refused with.
#[derive(IntoResponses)]
pub(in crate::http) enum RestRefusals {
    /// Malformed.
    #[response(status = 400, content_type = "application/vnd.kafka.v2+json")]
    Malformed(#[to_schema] RestProblemAnswer),
    /// No such topic, partition, or consumer instance.
    #[response(status = 404, content_type = "application/vnd.kafka.v2+json")]
    Missing(#[to_schema] RestProblemAnswer),
    /// The answer would be of another type.
    #[response(status = 406, content_type = "application/vnd.kafka.v2+json")]
    NotAcceptable(#[to_schema] RestProblemAnswer),
    /// Not as it should be.
    #[response(status = 422, content_type = "application/vnd.kafka.v2+json")]
    Unprocessable(#[to_schema] RestProblemAnswer),
    /// Not now.
    #[response(status = 503, content_type = "application/vnd.kafka.v2+json")]
    NotNow(#[to_schema] RestProblemAnswer),
}

/// The instance of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(in crate::http) struct RestInstanceParams {
    /// Any text, percent-encoded.
    group: String,
    /// As it was named when it was created.
    instance: String,
}

/// What an instance is created with; everything may be left out, values may be texts, and other settings are passed over.
#[derive(ToSchema)]
pub(in crate::http) struct RestInstanceWish {
    /// Its name; it gets one if left out.
    name: Option<String>,
    /// binary (the default), json or text.
    format: Option<String>,
    /// earliest, latest (the default) or none.
    #[schema(rename = "auto.offset.reset")]
    auto_offset_reset: Option<String>,
    /// Whether a poll commits what the poll before brought. Confluent's name; `enable.auto.commit`, Strimzi's, chooses its dialect.
    #[schema(rename = "auto.commit.enable")]
    auto_commit_enable: Option<bool>,
    /// How many bytes a poll waits for; 1 if left out.
    #[schema(rename = "fetch.min.bytes")]
    fetch_min_bytes: Option<i32>,
    /// How long a poll waits that does not say; 1000 if left out.
    #[schema(rename = "consumer.request.timeout.ms")]
    consumer_request_timeout_ms: Option<i32>,
}

/// How long a poll waits, and how much it brings.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct RestPollParams {
    /// How long to wait for records, in milliseconds; as long as the instance says if left out.
    timeout: Option<i64>,
    /// How many bytes of keys and values; one record is always returned.
    max_bytes: Option<i64>,
    /// Return again what the last poll brought, whose answer was lost.
    replay: Option<bool>,
}

/// Which partitions.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct RestCommittedParams {
    /// TOPIC:PARTITION, once or more; a body names them too.
    tp: Option<Vec<String>>,
}

/// What a request about an instance may be refused with.
#[derive(IntoResponses)]
pub(in crate::http) enum RestInstanceRefusals {
    /// Malformed.
    #[response(status = 400, content_type = "application/vnd.kafka.v2+json")]
    Malformed(#[to_schema] RestProblemAnswer),
    /// No such instance (40403), topic (40401) or partition (40402).
    #[response(status = 404, content_type = "application/vnd.kafka.v2+json")]
    Missing(#[to_schema] RestProblemAnswer),
    /// The answer would be of another type, or the records of another format (40601).
    #[response(status = 406, content_type = "application/vnd.kafka.v2+json")]
    NotAcceptable(#[to_schema] RestProblemAnswer),
    /// The instance exists (40902), or is not in this state (40903).
    #[response(status = 409, content_type = "application/vnd.kafka.v2+json")]
    Conflict(#[to_schema] RestProblemAnswer),
    /// The body's type is not taken.
    #[response(status = 415, content_type = "application/vnd.kafka.v2+json")]
    Unsupported(#[to_schema] RestProblemAnswer),
    /// A configuration, a body, a value that is not as it should be.
    #[response(status = 422, content_type = "application/vnd.kafka.v2+json")]
    Unprocessable(#[to_schema] RestProblemAnswer),
    /// Too many instances, or too many requests that wait.
    #[response(status = 429, content_type = "application/vnd.kafka.v2+json")]
    TooMany(#[to_schema] RestProblemAnswer),
    /// The group's coordinator does not answer: the same request may be sent again.
    #[response(status = 503, content_type = "application/vnd.kafka.v2+json")]
    NotNow(#[to_schema] RestProblemAnswer),
}
