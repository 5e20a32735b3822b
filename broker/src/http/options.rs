//! The bounds of the HTTP door, and what its operator may choose.

use super::rest_v2::PlainJson;
use crate::groups::instances::EmbeddedFormat;

/// What `config` may set about the HTTP door.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// How many connections may be open at once.
    pub connections_max: usize,
    /// How many headers a request may have.
    pub headers_max: usize,
    /// How many bytes a request's headers may have.
    pub header_bytes_max: usize,
    /// How long a connection may take to send the head of its next request; so also how long it may be idle.
    pub idle_timeout_ms: u64,
    /// How many bytes a request's body may have, and how many once inflated.
    pub body_bytes_max: usize,
    /// How long a body may stand still.
    pub body_stall_ms_max: u64,
    /// How long a body may take in all.
    pub body_ms_max: u64,
    /// How long a reader may take nothing of its answer.
    pub write_stall_ms_max: u64,
    /// How often a stream without records says that it lives.
    pub heartbeat_ms: u64,
    /// How long a stream lasts; then its reader resumes.
    pub stream_ms_max: u64,
    /// How many partitions a stream of a whole topic merges at most: each event's id names all of them.
    pub stream_partitions_max: usize,
    /// How long a stream of records may last.
    pub records_ms_max: u64,
    /// How long a stream of records may stand still.
    pub records_idle_ms_max: u64,
    /// How many records `records:batch` takes at once.
    pub records_batch_max: usize,
    /// Whether plain `application/json` means the format binary at the REST Proxy's addresses; else it means json.
    pub plain_json_is_binary: bool,
    /// Whether `Forwarded` and `X-Forwarded-*` are believed.
    pub forwarded_trusted: bool,
    /// How long requests in flight are waited for when the door closes.
    pub drain_ms_max: u64,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            headers_max: 100,
            header_bytes_max: 32 << 10,
            idle_timeout_ms: 75_000,
            body_bytes_max: 16 << 20,
            body_stall_ms_max: 10_000,
            body_ms_max: 120_000,
            write_stall_ms_max: 120_000,
            heartbeat_ms: 10_000,
            stream_ms_max: 300_000,
            stream_partitions_max: 256,
            records_ms_max: 86_400_000,
            records_idle_ms_max: 300_000,
            records_batch_max: 10,
            plain_json_is_binary: false,
            forwarded_trusted: false,
            drain_ms_max: 10_000,
        }
    }
}

impl HttpOptions {
    /// What plain `application/json` stands for where a REST Proxy's records are meant.
    pub(super) fn plain_json(&self) -> PlainJson {
        PlainJson(if self.plain_json_is_binary { EmbeddedFormat::Binary } else { EmbeddedFormat::Json })
    }
}
