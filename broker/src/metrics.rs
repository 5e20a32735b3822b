//! Every metric in one list: its name, its kind, its meaning.
//!
//! Handles are plain fields, looked up once and kept, so that counting costs one atomic addition. Figures of single
//! partitions are not kept here: they are read from the partitions when somebody asks ([`Metrics::render`]).
//!
//! *Invariant:* names begin with `tidemark_` and end with their base unit; counters end with `_total`.

use std::fmt::Write as _;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The bounds of the latency histograms, in seconds: from a cached append to a failover.
const LATENCY_BOUNDS_S: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

macro_rules! metrics {
    (
        counters { $($counter:ident : $counter_help:literal,)* }
        gauges { $($gauge:ident : $gauge_help:literal,)* }
        latencies { $($latency:ident : $latency_help:literal,)* }
    ) => {
        /// All metrics of one broker process.
        #[derive(Debug)]
        pub struct Metrics {
            registry: Registry,
            $(#[doc = $counter_help] pub $counter: Counter,)*
            $(#[doc = $gauge_help] pub $gauge: Gauge,)*
            $(#[doc = $latency_help] pub $latency: Histogram,)*
        }

        impl Metrics {
            fn registered(mut registry: Registry) -> Self {
                $(
                    let $counter = Counter::default();
                    registry.register(stringify!($counter), $counter_help, $counter.clone());
                )*
                $(
                    let $gauge = Gauge::default();
                    registry.register(stringify!($gauge), $gauge_help, $gauge.clone());
                )*
                $(
                    let $latency = Histogram::new(LATENCY_BOUNDS_S);
                    registry.register_with_unit(
                        stringify!($latency), $latency_help, Unit::Seconds, $latency.clone(),
                    );
                )*
                Self { registry, $($counter,)* $($gauge,)* $($latency,)* }
            }
        }
    };
}

metrics! {
    counters {
        group_requests: "Requests about consumer groups that this broker took, for itself or for another",
        produce_requests: "Produce requests that this broker answered, at either door",
        produce_errors: "Produce requests that were refused or failed",
        produce_records: "Records that producers sent",
        produce_bytes: "Bytes of record batches that producers sent",
        fetch_requests: "Reads that this broker answered, at either door",
        fetch_errors: "Reads that were refused or failed",
        fetch_bytes: "Bytes of record batches that readers were given",
        forwards: "Requests that were sent on to the broker that leads",
        forward_errors: "Requests sent on that got no answer",
        append_bytes: "Bytes appended to logs as leader",
        replicated_bytes: "Bytes appended to logs as follower",
        replica_fetches: "Fetches that this broker sent to leaders",
        replica_fetch_errors: "Fetches to leaders that failed",
        truncations: "Times that a follower cut its log to match its leader's",
        compaction_runs: "Runs of compaction over a log that came to their end",
        compaction_errors: "Runs of compaction that failed; the log stays as it was",
        compaction_read_bytes: "Bytes of record batches that compaction read",
        compaction_written_bytes: "Bytes of record batches that compaction wrote",
        flushes: "Calls of fdatasync on logs",
        flush_errors: "Calls of fdatasync that failed; each one closes a log for writing",
        isr_shrinks: "Members that this broker, as leader, took out of an in-sync set",
        isr_expansions: "Members that this broker, as leader, took into an in-sync set",
        isr_unknown_outcomes: "Writes of an in-sync set whose outcome was not known at once",
        elections: "Leaders that this broker elected as controller",
        controller_writes: "Partition records that this broker wrote as controller",
        suspects_reported: "Times that this broker reported a peer whose port refused connections",
        watch_restarts: "Times that the watch on the coordination store had to be resumed",
        watch_relists: "Times that the whole prefix had to be listed again",
        malformed_values: "Values in the coordination store that could not be read and were passed over",
        image_differences: "Differences that the periodic full scan found between the cache and the store",
        lease_losses: "Times that this broker's lease was lost while it ran",
        rejected_overload: "Requests refused because a bound on memory, waiting or connections was reached",
        malformed_requests: "Requests that could not be decoded, at either door",
    }
    gauges {
        http_connections: "Open connections at the HTTP door",
        kafka_connections: "Open connections at the Kafka door",
        body_bytes_admitted: "Bytes of request bodies now admitted",
        read_bytes_admitted: "Bytes of answers to readers now held",
        waiting_reads: "Reads that now wait for records",
        partitions: "Replicas on this broker",
        leader_partitions: "Partitions that this broker leads",
        under_replicated_partitions: "Partitions led here whose in-sync set is smaller than their replica list",
        reassigning_partitions: "Partitions led here that move to other brokers",
        under_min_isr_partitions: "Partitions led here whose in-sync set is too small to commit",
        compaction_dirty_percent_max: "The largest share of a compacted log that waits for compaction",
        compaction_last_run_milliseconds: "How long the last run of compaction took",
        controller_active: "1 while this broker is the controller",
        coordinator_contact: "1 while the coordination store answers",
        live_brokers: "Brokers that hold a lease",
        disk_full: "1 while a data directory refuses writes for lack of space",
    }
    latencies {
        produce_latency: "From the arrival of a produce request to its answer",
        flush_latency: "Duration of one fdatasync",
        election_latency: "From the loss of a broker to the election of new leaders, as the controller saw it",
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All metrics at zero.
    #[must_use]
    pub fn new() -> Self {
        Self::registered(Registry::with_prefix("tidemark"))
    }

    /// The figures in Prometheus' text format, followed by those of `partitions`.
    #[must_use]
    pub fn render(&self, partitions: &[PartitionFigures]) -> String {
        let mut text = String::with_capacity(16 * 1024);
        // Writing to a string cannot fail; an empty page is the honest answer if the encoder ever refuses.
        if encode(&mut text, &self.registry).is_err() {
            text.clear();
        }
        let end = text.trim_end().strip_suffix("# EOF").map_or(text.len(), str::len);
        text.truncate(end);
        render_partitions(&mut text, partitions);
        text.push_str("# EOF\n");
        text
    }
}

/// The figures of one replica at one moment.
#[derive(Clone, Debug, Default)]
pub struct PartitionFigures {
    /// The topic's name; safe to stand in a label.
    pub topic: String,
    /// The partition in it.
    pub partition: i32,
    /// Whether this broker leads it.
    pub leads: bool,
    /// The first offset kept.
    pub log_start: i64,
    /// One past the last committed record.
    pub high_watermark: i64,
    /// One past the last record.
    pub log_end: i64,
    /// The size of its segments.
    pub size_bytes: u64,
}

/// One figure of a partition: name, meaning, how to read it.
type Figure = (&'static str, &'static str, fn(&PartitionFigures) -> i128);

fn render_partitions(text: &mut String, partitions: &[PartitionFigures]) {
    let figures: [Figure; 5] = [
        ("partition_leader", "1 where this broker leads", |p| i128::from(p.leads)),
        ("partition_log_start_offset", "First offset kept", |p| i128::from(p.log_start)),
        ("partition_high_watermark", "One past the last committed record", |p| i128::from(p.high_watermark)),
        ("partition_log_end_offset", "One past the last record", |p| i128::from(p.log_end)),
        ("partition_size_bytes", "Size of the partition's segments", |p| i128::from(p.size_bytes)),
    ];
    for (name, help, read) in figures {
        let _ = writeln!(text, "# HELP tidemark_{name} {help}.\n# TYPE tidemark_{name} gauge");
        for p in partitions {
            let _ = writeln!(
                text,
                "tidemark_{name}{{topic=\"{}\",partition=\"{}\"}} {}",
                p.topic,
                p.partition,
                read(p)
            );
        }
    }
}

/// A duration as the histograms take it.
#[must_use]
pub fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_units_and_ends_once() {
        let metrics = Metrics::new();
        metrics.produce_requests.inc();
        metrics.produce_latency.observe(0.002);
        let page = metrics.render(&[PartitionFigures {
            topic: "orders".to_owned(),
            log_end: 7,
            ..PartitionFigures::default()
        }]);
        assert!(page.contains("tidemark_produce_requests_total 1"), "{page}");
        assert!(page.contains("tidemark_produce_latency_seconds_count 1"), "{page}");
        assert!(
            page.contains("tidemark_partition_log_end_offset{topic=\"orders\",partition=\"0\"} 7"),
            "{page}"
        );
        assert_eq!(page.matches("# EOF").count(), 1);
    }
}
