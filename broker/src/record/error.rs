//! What can be wrong with bytes that claim to be a record batch.

/// A batch that is refused, with the facts of why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The bytes end before the batch does.
    #[error("the batch is cut short: it needs {needed} bytes, there are {have}")]
    Truncated {
        /// Bytes that the batch says it has.
        needed: usize,
        /// Bytes that there are.
        have: usize,
    },
    /// Bytes follow the one batch that was expected.
    #[error("{extra} bytes follow the batch; send exactly one batch")]
    TrailingBytes {
        /// How many.
        extra: usize,
    },
    /// A format other than v2.
    #[error("record batches of format {0} are not supported; use format 2 (magic byte 2)")]
    BadMagic(i8),
    /// A length that no batch can have.
    #[error("batch length {0} is impossible")]
    BadLength(i32),
    /// The checksum does not fit the bytes.
    #[error("the batch is damaged: its CRC-32C is {stored:#010x}, computed {computed:#010x}")]
    CrcMismatch {
        /// As the header says.
        stored: u32,
        /// As the bytes say.
        computed: u32,
    },
    /// Record count, last offset delta and the records themselves disagree.
    #[error(
        "the batch counts wrongly: record count {record_count}, last offset delta {last_offset_delta}, {found} records found"
    )]
    BadCount {
        /// As the header says.
        record_count: i32,
        /// As the header says.
        last_offset_delta: i32,
        /// Whole records in the body before the disagreement was seen.
        found: i32,
    },
    /// More records than one batch may hold.
    #[error("the batch has {count} records, more than the limit of {limit}")]
    TooManyRecords {
        /// As the header says.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// A record that is not well formed.
    #[error("record {index} of the batch is malformed: {reason}")]
    BadRecord {
        /// Its number in the batch, from zero.
        index: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The header's greatest timestamp is not that of its records.
    #[error("the batch's max timestamp is {stored}, but the greatest of its records is {computed}")]
    BadMaxTimestamp {
        /// As the header says.
        stored: i64,
        /// As the records say.
        computed: i64,
    },
    /// A compression codec that does not exist.
    #[error("compression codec {0} is unknown")]
    UnknownCompression(i16),
    /// The compressed records cannot be read.
    #[error("the {codec} data of the batch cannot be decompressed")]
    BadCompression {
        /// The codec, as Kafka calls it.
        codec: &'static str,
    },
    /// The compressed records are larger than allowed once decompressed.
    #[error("the batch inflates to more than the limit of {limit} bytes")]
    Inflation {
        /// The limit.
        limit: usize,
    },
    /// The batch is larger than allowed.
    #[error("the batch has {bytes} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Only brokers write control batches.
    #[error("a producer must not send a control batch")]
    ControlBatch,
    /// Transactions are not supported.
    #[error("transactional batches are not supported")]
    Transactional,
    /// Only a broker says when a batch was appended.
    #[error("a producer must not set the timestamp type to log-append time")]
    LogAppendTime,
    /// Only compaction says from when on tombstones may go.
    #[error("a producer must not set a delete horizon")]
    DeleteHorizon,
    /// A record without a key in a compacted topic.
    #[error(
        "record {index} of the batch has no key, and the topic is compacted: give every record a key, or set cleanup.policy=delete"
    )]
    NoKey {
        /// Its number in the batch, from zero.
        index: usize,
    },
    /// Producer id, epoch and sequence do not belong together.
    #[error(
        "producer id {producer_id}, epoch {producer_epoch} and sequence {base_sequence} do not fit together"
    )]
    BadProducer {
        /// As the header says.
        producer_id: i64,
        /// As the header says.
        producer_epoch: i16,
        /// As the header says.
        base_sequence: i32,
    },
    /// Offsets that do not rise from batch to batch.
    #[error("a batch at offset {base_offset} follows where {expected} or more was expected")]
    BadOffset {
        /// Where the batch says that it begins.
        base_offset: i64,
        /// The least offset that would do.
        expected: i64,
    },
}
