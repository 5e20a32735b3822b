//! The words of `/openapi.json` that no handler holds: parameters, bodies, refusals. The addresses come from the handlers
//! themselves, so that the two cannot drift apart.

// These types are read by the macros that derive their description, and never made.
#![allow(dead_code, reason = "only their descriptions are used")]

use utoipa::{IntoParams, IntoResponses, OpenApi, ToSchema};

/// The head of the document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tidemark",
        description = "A replicated log in Kafka's model, coordinated by etcd, served over HTTP. Any broker answers any \
            request. A 2xx means that all of it is stored at the asked acks; every refusal has one shape.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "produce", description = "Records in"),
        (name = "read", description = "Records out"),
        (name = "groups", description = "Consumer groups: members that share topics, and offsets that are kept"),
        (name = "topics", description = "Topics and partitions"),
        (name = "cluster", description = "Brokers"),
        (name = "operating", description = "Moving partitions, draining and removing brokers, spreading load"),
        (name = "rest v3", description = "What clients of REST Proxy v3 know; refusals are error_code and message"),
        (name = "rest-proxy", description = "What clients of a REST Proxy v2 know"),
        (name = "operations", description = "Health and figures"),
    ),
    components(schemas(RecordsAnswer, RecordAnswer, ProducedAnswer)),
)]
pub(super) struct Head;

/// A refusal.
#[derive(ToSchema)]
pub(super) struct ProblemAnswer {
    /// The status, or status * 100 + n where a status has several meanings.
    #[schema(example = 40401)]
    error_code: i32,
    /// What went wrong, and what to do.
    message: String,
    /// Whether the same request may succeed later.
    retriable: bool,
    /// Whether the records are stored: no, maybe, yes.
    #[schema(example = "no")]
    written: String,
}

/// The group of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct GroupParam {
    /// Any text of up to 512 bytes, percent-encoded.
    group: String,
}

/// The member of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct MemberParams {
    /// Any text of up to 512 bytes, percent-encoded.
    group: String,
    /// As it was given when the member joined.
    member: String,
}

/// How much a poll gives, and how long it waits.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PollParams {
    /// How long to wait for records.
    wait_ms: Option<u64>,
    /// About so many bytes; one record is always returned.
    max_bytes: Option<u64>,
    /// So many records; 500 if left out.
    max_records: Option<u64>,
    /// text (the default), json or base64.
    r#as: Option<String>,
}

/// Which offsets.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OffsetsParams {
    /// The topic.
    topic: String,
    /// The partition; all of the topic's if left out.
    partition: Option<i32>,
}

/// A record of a poll.
#[derive(ToSchema)]
pub(super) struct PolledRecordAnswer {
    /// The topic.
    topic: String,
    /// The partition.
    partition: i32,
    /// Its place in the partition's log.
    offset: i64,
    /// Milliseconds since 1970.
    timestamp: i64,
    /// Its key, if it is text; else key_b64.
    key: Option<String>,
    /// Its value, if it is text; else value_b64.
    value: Option<String>,
    /// A text, null, or an array of these for each name; headers_b64 for what is not text.
    headers: Option<std::collections::BTreeMap<String, String>>,
}

/// What a poll brought.
#[derive(ToSchema)]
pub(super) struct PollAnswer {
    /// In the order of each partition.
    records: Vec<PolledRecordAnswer>,
    /// To be sent as ack with the next poll.
    token: String,
    /// The member's epoch.
    member_epoch: i32,
}

/// What a request about a group may be refused with.
#[derive(IntoResponses)]
pub(super) enum GroupRefusals {
    /// Malformed, or beyond a limit.
    #[response(status = 400)]
    Malformed(#[to_schema] ProblemAnswer),
    /// No such group, topic or partition.
    #[response(status = 404)]
    Missing(#[to_schema] ProblemAnswer),
    /// The answer would be JSON.
    #[response(status = 406)]
    NotAcceptable(#[to_schema] ProblemAnswer),
    /// Fenced: the member is to join again (40920); or the group's members are in the way (40921).
    #[response(status = 409)]
    Conflict(#[to_schema] ProblemAnswer),
    /// Too many requests wait.
    #[response(status = 429)]
    TooMany(#[to_schema] ProblemAnswer),
    /// The group's coordinator does not answer: the same request may be sent again.
    #[response(status = 503)]
    NotNow(#[to_schema] ProblemAnswer),
}

/// The broker of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct BrokerParam {
    /// Its number.
    #[param(minimum = 0)]
    broker: i32,
}

/// Whether something is only to be told.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DryRunParam {
    /// Only tell what would be done, as in the body.
    dry_run: Option<bool>,
}

/// Whether something is to be done all the same.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ForceParam {
    /// As in the body.
    force: Option<bool>,
}

/// What an operator's command may be refused with.
#[derive(IntoResponses)]
pub(super) enum OperatingRefusals {
    /// Malformed, or naming brokers that are not possible.
    #[response(status = 400)]
    Malformed(#[to_schema] ProblemAnswer),
    /// No such topic, partition or broker (40410), or nothing to take back (40411).
    #[response(status = 404)]
    Missing(#[to_schema] ProblemAnswer),
    /// The answer would be JSON.
    #[response(status = 406)]
    NotAcceptable(#[to_schema] ProblemAnswer),
    /// In progress already (40930), or not as the brokers stand (40931).
    #[response(status = 409)]
    Conflict(#[to_schema] ProblemAnswer),
    /// The coordination store does not answer.
    #[response(status = 503)]
    NotNow(#[to_schema] ProblemAnswer),
    /// The coordination store gave no answer: look again.
    #[response(status = 504)]
    Unknown(#[to_schema] ProblemAnswer),
}

/// The topic of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct TopicParam {
    /// 1 to 249 of letters, digits, '.', '_' and '-'.
    #[param(pattern = "^[A-Za-z0-9._-]{1,249}$")]
    topic: String,
}

/// The partition of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct PartitionParams {
    /// 1 to 249 of letters, digits, '.', '_' and '-'.
    #[param(pattern = "^[A-Za-z0-9._-]{1,249}$")]
    topic: String,
    /// From 0.
    #[param(minimum = 0)]
    partition: i32,
}

/// How records are stored.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ProduceParams {
    /// all (the default), leader, or none.
    acks: Option<String>,
    /// How long it may take.
    timeout_ms: Option<u64>,
    /// With application/x-ndjson: each line is an object with key, value, headers, timestamp, partition.
    envelope: Option<bool>,
    /// Answer 307 to the leader instead of forwarding (partition address only).
    redirect: Option<bool>,
}

/// Exactly-once and compare-and-append, on the partition address.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(super) struct ExactlyOnceParams {
    /// A name of 1 to 255 visible ASCII characters, or a number from POST /v1/producers. The three belong together.
    #[param(rename = "Producer-Id")]
    producer_id: Option<String>,
    /// Rises when the producer starts anew; fences the one before.
    #[param(rename = "Producer-Epoch")]
    producer_epoch: Option<i16>,
    /// Counts this producer's requests to this partition, from 0.
    #[param(rename = "Producer-Seq")]
    producer_seq: Option<i64>,
    /// Append only if the log ends here.
    #[param(rename = "Tidemark-Expected-Offset")]
    expected_offset: Option<i64>,
}

/// Where to read, how much, how long to wait.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ReadParams {
    /// A number, earliest (the default) or latest.
    offset: Option<String>,
    /// Milliseconds since 1970, or like 2026-01-31T12:00:00Z.
    timestamp: Option<String>,
    /// So many records before the end.
    tail: Option<u64>,
    /// Up to this offset, exclusive.
    until_offset: Option<i64>,
    /// About so many bytes; one record is always returned.
    max_bytes: Option<u64>,
    /// So many records.
    max_records: Option<u64>,
    /// How many bytes to wait for.
    min_bytes: Option<u64>,
    /// How long to wait for records.
    wait_ms: Option<u64>,
    /// text (the default), json or base64.
    r#as: Option<String>,
    /// With application/x-ndjson: go on as records come.
    follow: Option<bool>,
    /// Answer 307 to the leader instead of forwarding.
    redirect: Option<bool>,
    /// The newest leader epoch seen; an older leader does not answer.
    leader_epoch: Option<i32>,
}

/// A record as JSON.
#[derive(ToSchema)]
pub(super) struct RecordAnswer {
    /// Its place in the log.
    offset: i64,
    /// Milliseconds since 1970.
    timestamp: i64,
    /// Its key, if it is text; else key_b64.
    key: Option<String>,
    /// Its value, if it is text; else value_b64.
    value: Option<String>,
    /// A text, null, or an array of these for each name; headers_b64 for what is not text.
    headers: Option<std::collections::BTreeMap<String, String>>,
}

/// Records as one JSON object.
#[derive(ToSchema)]
pub(super) struct RecordsAnswer {
    /// In order.
    records: Vec<RecordAnswer>,
    /// The partition.
    partition: i32,
    /// The offset to read next.
    next_offset: i64,
    /// One past the last committed record.
    high_watermark: i64,
    /// The first offset kept.
    log_start: i64,
    /// The leader's reign.
    leader_epoch: i32,
}

/// A record to be stored, with key, value, or both.
#[derive(ToSchema)]
pub(super) struct RecordWish {
    /// A text; any other JSON stands for its own bytes. key_b64 for bytes.
    key: Option<serde_json::Value>,
    /// A text; any other JSON stands for its own bytes, null for none. value_b64 for bytes.
    value: Option<serde_json::Value>,
    /// The key in base64.
    key_b64: Option<String>,
    /// The value in base64.
    value_b64: Option<String>,
    /// A text, null, or an array of these for each name.
    headers: Option<std::collections::BTreeMap<String, serde_json::Value>>,
    /// The same in base64.
    headers_b64: Option<std::collections::BTreeMap<String, serde_json::Value>>,
    /// Milliseconds since 1970; the time of arrival if left out.
    timestamp: Option<i64>,
    /// The partition; chosen by the key if left out.
    partition: Option<i32>,
}

/// Records to be stored.
#[derive(ToSchema)]
pub(super) struct RecordsWish {
    /// In order.
    records: Vec<RecordWish>,
}

/// Where records were stored.
#[derive(ToSchema)]
pub(super) struct ProducedAnswer {
    /// The partition.
    partition: i32,
    /// The offset of the first record.
    base_offset: i64,
    /// How many records.
    count: i32,
    /// The leader's reign.
    leader_epoch: i32,
    /// The time that the records got, if they had none.
    timestamp: Option<i64>,
    /// Whether they had been stored before.
    duplicate: Option<bool>,
}

/// What a produce is answered with.
#[derive(IntoResponses)]
pub(super) enum ProduceResponses {
    /// All of it is stored. Records that went to several partitions are listed under "partitions".
    #[response(status = 200)]
    Stored(ProducedAnswer),
    /// With acks=none: taken.
    #[response(status = 202)]
    Taken(ProducedAnswer),
    /// The leader is elsewhere (only if asked for).
    #[response(status = 307)]
    Elsewhere,
    /// A newer producer epoch has taken over.
    #[response(status = 403)]
    Fenced(#[to_schema] ProblemAnswer),
    /// The producer's sequence has a gap.
    #[response(status = 409)]
    Gap(#[to_schema] ProblemAnswer),
    /// The log ends elsewhere.
    #[response(status = 412)]
    Unexpected(#[to_schema] ProblemAnswer),
    /// Body, batch or record too large.
    #[response(status = 413)]
    TooLarge(#[to_schema] ProblemAnswer),
    /// No records in this media type.
    #[response(status = 415)]
    Unsupported(#[to_schema] ProblemAnswer),
    /// The batch is not one that may be stored.
    #[response(status = 422)]
    Refused(#[to_schema] ProblemAnswer),
    /// The outcome is unknown.
    #[response(status = 504)]
    Unknown(#[to_schema] ProblemAnswer),
    /// Malformed.
    #[response(status = 400)]
    Malformed(#[to_schema] ProblemAnswer),
    /// No such topic or partition.
    #[response(status = 404)]
    Missing(#[to_schema] ProblemAnswer),
    /// Not now; nothing was stored.
    #[response(status = 503)]
    NotNow(#[to_schema] ProblemAnswer),
}

/// What a read is answered with.
#[derive(IntoResponses)]
pub(super) enum ReadResponses {
    /// Records, in the form that Accept prefers.
    #[response(status = 200)]
    Records(RecordsAnswer),
    /// None came.
    #[response(status = 204)]
    Nothing,
    /// The leader is elsewhere (only if asked for).
    #[response(status = 307)]
    Elsewhere,
    /// Malformed.
    #[response(status = 400)]
    Malformed(#[to_schema] ProblemAnswer),
    /// No such topic or partition.
    #[response(status = 404)]
    Missing(#[to_schema] ProblemAnswer),
    /// Nothing that Accept names can be given.
    #[response(status = 406)]
    NotAcceptable(#[to_schema] ProblemAnswer),
    /// Below the first offset kept.
    #[response(status = 410)]
    Gone(#[to_schema] ProblemAnswer),
    /// Beyond the end.
    #[response(status = 416)]
    Beyond(#[to_schema] ProblemAnswer),
    /// Too many readers wait.
    #[response(status = 429)]
    TooMany(#[to_schema] ProblemAnswer),
    /// Not now.
    #[response(status = 503)]
    NotNow(#[to_schema] ProblemAnswer),
}

/// What any command may be refused with.
#[derive(IntoResponses)]
pub(super) enum Refusals {
    /// Malformed.
    #[response(status = 400)]
    Malformed(#[to_schema] ProblemAnswer),
    /// No such topic.
    #[response(status = 404)]
    Missing(#[to_schema] ProblemAnswer),
    /// The answer would be JSON.
    #[response(status = 406)]
    NotAcceptable(#[to_schema] ProblemAnswer),
    /// The coordination store does not answer.
    #[response(status = 503)]
    NotNow(#[to_schema] ProblemAnswer),
    /// The coordination store gave no answer: look again.
    #[response(status = 504)]
    Unknown(#[to_schema] ProblemAnswer),
}
