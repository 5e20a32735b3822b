//! The bounds of the links to other brokers.

/// What `config` may set about the links to other brokers.
#[derive(Clone, Debug)]
pub struct PeerOptions {
    /// How long connecting may take.
    pub connect_timeout_ms: u64,
    /// How long a probe of a suspect may take.
    pub probe_timeout_ms: u64,
    /// The first pause after a connection failed; it doubles with every failure.
    pub reconnect_pause_ms_min: u64,
    /// The longest pause.
    pub reconnect_pause_ms_max: u64,
    /// How many requests may wait to be sent on one link.
    pub queued_requests_max: usize,
    /// How many requests on one link may wait for an answer.
    pub unanswered_requests_max: usize,
    /// The largest answer that is taken.
    pub answer_bytes_max: usize,
    /// How long a replica's fetch waits for its answer, beyond the wait for records that it asks for.
    pub fetch_timeout_ms: u64,
    /// How long a peer that has lost its lease may leave requests unanswered before its link is cut.
    pub lost_lease_silence_ms: u64,
    /// How long an unused link is kept; less than the door's idle timeout.
    pub idle_timeout_ms: u64,
}

impl Default for PeerOptions {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 2_000,
            probe_timeout_ms: 500,
            reconnect_pause_ms_min: 50,
            reconnect_pause_ms_max: 1_000,
            queued_requests_max: 1_024,
            unanswered_requests_max: 4_096,
            answer_bytes_max: 256 << 20,
            fetch_timeout_ms: 10_000,
            lost_lease_silence_ms: 1_000,
            idle_timeout_ms: 240_000,
        }
    }
}
