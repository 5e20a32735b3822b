//! The bounds and defaults of the verbs.

use std::sync::Arc;

use super::admin::BrokerSetting;

/// What `config` may set about serving.
#[derive(Clone, Debug)]
pub struct ServiceOptions {
    /// How long a produce may take when its sender does not say.
    pub produce_timeout_ms_default: u64,
    /// The longest that a produce may be told to take.
    pub produce_timeout_ms_max: u64,
    /// How long a read waits for its answer, apart from waiting for records.
    pub fetch_timeout_ms: u64,
    /// The longest that a read may wait for records.
    pub fetch_wait_ms_max: u64,
    /// The longest that a poll of a consumer instance over HTTP may wait for records.
    pub instance_wait_ms_max: u64,
    /// The longest that a follower's fetch which found records waits for producers that write at the same time.
    pub gather_ms_max: u64,
    /// How many bytes a read returns when its sender does not say.
    pub fetch_bytes_default: usize,
    /// The most bytes that a read returns, except that one batch is always returned whole.
    pub fetch_bytes_max: usize,
    /// The largest record batch that is taken, unless the topic says less or more.
    pub batch_bytes_max: usize,
    /// The most bytes that a compressed batch may hold once inflated.
    pub inflated_bytes_max: usize,
    /// The most records in one batch.
    pub record_count_max: usize,
    /// How many bytes of request bodies may be in memory at once.
    pub body_bytes_in_flight_max: usize,
    /// How many bytes of answers to readers may be in memory at once.
    pub read_bytes_in_flight_max: usize,
    /// How many reads may wait for records at once.
    pub waiting_reads_max: usize,
    /// How long to pause before a broker that refused is asked again, when no newer image arrives.
    pub retry_pause_ms: u64,
    /// How long a change of a topic waits to show in this broker's metadata before it is answered.
    pub settle_ms_max: u64,
    /// How long a producer may wait for an id.
    pub producer_id_ms_max: u64,
    /// How long leaders are waited for when partitions are described.
    pub describe_ms_max: u64,
    /// How the process is set, for showing.
    pub settings: Arc<[BrokerSetting]>,
    /// How long a request that was sent to a broker which then lost the leadership is still waited for.
    pub deposed_leader_grace_ms: u64,
}

impl Default for ServiceOptions {
    fn default() -> Self {
        Self {
            produce_timeout_ms_default: 30_000,
            produce_timeout_ms_max: 120_000,
            fetch_timeout_ms: 10_000,
            fetch_wait_ms_max: 60_000,
            instance_wait_ms_max: 30_000,
            gather_ms_max: 3,
            fetch_bytes_default: 1 << 20,
            fetch_bytes_max: 32 << 20,
            batch_bytes_max: 8 << 20,
            inflated_bytes_max: 64 << 20,
            record_count_max: 1_000_000,
            body_bytes_in_flight_max: 128 << 20,
            read_bytes_in_flight_max: 128 << 20,
            waiting_reads_max: 4_096,
            retry_pause_ms: 50,
            settle_ms_max: 3_000,
            producer_id_ms_max: 5_000,
            describe_ms_max: 1_000,
            settings: Arc::default(),
            deposed_leader_grace_ms: 500,
        }
    }
}
