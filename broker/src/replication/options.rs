//! The settings of replication, for one process.

/// How this broker replicates. `config` fills it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicationOptions {
    /// `replica.lag.time.max.ms`: a follower that has not reached the leader's end for so long leaves the ISR.
    pub replica_lag_ms_max: u64,
    /// `replica.fetch.wait.max.ms`: how long a leader may hold a fetch that finds nothing.
    pub fetch_wait_ms: u64,
    /// `replica.fetch.response.max.bytes`: the most that one fetch brings.
    pub fetch_bytes_max: usize,
    /// `replica.fetch.max.bytes`: the most that one fetch brings of one partition.
    pub fetch_partition_bytes_max: usize,
    /// How long a fetch may take beyond its wait before it counts as failed.
    pub fetch_timeout_ms: u64,
    /// The longest pause after failed fetches; the first is a hundredth of it.
    pub fetch_backoff_ms_max: u64,
    /// How often logs with `flush=interval` are flushed.
    pub flush_interval_ms: u64,
    /// Threads that fsync. Zero flushes on the thread that asks, which is for simulation only.
    pub flush_threads: usize,
    /// Appends and long polls that may wait at once; more are refused.
    pub waiters_max: usize,
    /// `acks=leader` is refused when the lease has run out and no follower has fetched for so long.
    pub acks_leader_quiet_ms: u64,
    /// How often leaders look at their ISR.
    pub isr_tick_ms: u64,
    /// ISR writes under way at once.
    pub isr_writes_max: usize,
    /// The longest pause before an ISR write of unknown outcome is sent again.
    pub isr_backoff_ms_max: u64,
    /// `replica.high.watermark.checkpoint.interval.ms`: how often checkpoints are written.
    pub checkpoint_interval_ms: u64,
    /// `log.retention.check.interval.ms`: how often leaders apply retention.
    pub retention_interval_ms: u64,
    /// `log.cleaner.enable`: whether compacted logs are compacted here.
    pub compaction_enabled: bool,
    /// `log.cleaner.backoff.ms`: how long compaction rests when it has found nothing to do.
    pub compaction_interval_ms: u64,
    /// `log.cleaner.dedupe.buffer.size`: memory for the keys of one run.
    pub compaction_map_bytes_max: usize,
    /// `log.cleaner.io.max.bytes.per.second`: how fast compaction reads and writes.
    pub compaction_bytes_per_second_max: u64,
}

impl Default for ReplicationOptions {
    fn default() -> Self {
        Self {
            replica_lag_ms_max: 10_000,
            fetch_wait_ms: 500,
            fetch_bytes_max: 16 << 20,
            fetch_partition_bytes_max: 4 << 20,
            fetch_timeout_ms: 3_000,
            fetch_backoff_ms_max: 1_000,
            flush_interval_ms: 1_000,
            flush_threads: 0,
            waiters_max: 100_000,
            acks_leader_quiet_ms: 2_000,
            isr_tick_ms: 200,
            isr_writes_max: 64,
            isr_backoff_ms_max: 1_000,
            checkpoint_interval_ms: 5_000,
            retention_interval_ms: 300_000,
            compaction_enabled: true,
            compaction_interval_ms: 15_000,
            compaction_map_bytes_max: 64 << 20,
            compaction_bytes_per_second_max: 64 << 20,
        }
    }
}
