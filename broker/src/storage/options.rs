//! What a log may be told: sizes and times, under Kafka's names.

use super::compaction::CompactionOptions;

/// The settings of one log. Topic configuration fills them; they may change while the log is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// `segment.bytes`: a segment is closed before it would grow beyond this.
    pub segment_bytes_max: u64,
    /// `segment.ms`: a segment is closed once it spans this long.
    pub segment_ms_max: i64,
    /// `index.interval.bytes`: how many bytes of log lie between two entries of an index.
    pub index_interval_bytes: u32,
    /// `retention.ms`: how old a segment's newest record may become; `None` keeps it for ever.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`: how large the log may become; `None` sets no bound.
    pub retention_bytes: Option<u64>,
    /// `max.message.bytes`: the largest batch. Validation on entry holds it; recovery uses it to size buffers.
    pub batch_bytes_max: usize,
    /// `message.timestamp.type=LogAppendTime`: the leader stamps its own time on every batch.
    pub timestamp_type_log_append: bool,
    /// `file.delete.delay.ms`: how long a deleted segment's files stay for readers that are under way.
    pub file_delete_delay_ms: u64,
    /// `producer.id.expiration.ms`: how long an idle producer's sequence numbers are remembered.
    pub producer_id_expiration_ms: i64,
    /// `cleanup.policy` with `compact`: how; `None` if superseded records stay.
    pub compaction: Option<CompactionOptions>,
}

impl Default for LogOptions {
    fn default() -> Self {
        const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
        Self {
            segment_bytes_max: 1 << 30,
            segment_ms_max: 7 * DAY_MS,
            index_interval_bytes: 4_096,
            retention_ms: Some(7 * DAY_MS),
            retention_bytes: None,
            batch_bytes_max: 8 << 20,
            timestamp_type_log_append: false,
            file_delete_delay_ms: 60_000,
            producer_id_expiration_ms: DAY_MS,
            compaction: None,
        }
    }
}
