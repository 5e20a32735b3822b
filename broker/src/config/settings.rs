//! The table of settings: the name, the meaning, and the one place in [`Config`] that it sets.
//!
//! Names are Kafka's for what Kafka has. Settings of topics do not stand here: they live in etcd, so that brokers
//! cannot disagree about them ([`crate::cluster::TopicConfig`]).

use std::fmt::Write as _;

use super::gather::Config;
use super::value::Value;
use crate::service::BrokerSetting;

/// Names less alike than this are not offered as a guess.
const ALIKE_MIN: f64 = 0.75;

/// One setting.
pub(super) struct Setting {
    name: &'static str,
    meaning: &'static str,
    set: fn(&mut Config, &str) -> Result<(), String>,
    show: fn(&Config) -> String,
}

impl Setting {
    /// Reads `text` into `config`; the error says what is expected.
    pub(super) fn set(&self, config: &mut Config, text: &str) -> Result<(), String> {
        (self.set)(config, text)
    }
}

macro_rules! settings {
    ($($name:literal $($field:ident).+ : $meaning:literal,)*) => {
        &[$(Setting {
            name: $name,
            meaning: $meaning,
            set: |config, text| { config.$($field).+ = Value::parse(text)?; Ok(()) },
            show: |config| Value::show(&config.$($field).+),
        },)*]
    };
}

const SETTINGS: &[Setting] = settings! {
    "broker.id" broker.id: "this broker's number, zero or more, unique in its cluster",
    "cluster" broker.cluster: "the cluster's name; its keys in etcd stand under /tidemark/NAME/",
    "broker.rack" broker.rack: "where this broker stands; replicas are spread over racks",
    "data.dir" broker.data_dir: "the directory that keeps this broker's partitions",
    "http.listen" broker.http_listen: "where HTTP is served",
    "kafka.listen" broker.kafka_listen: "where Kafka's protocol is served, to clients and to other brokers",
    "advertised.http" broker.advertised_http: "the HTTP address that others are told, if not the one listened on",
    "advertised.kafka" broker.advertised_kafka: "the Kafka address that others are told, if not the one listened on",
    "etcd" etcd.endpoints: "etcd's endpoints, separated by commas",
    "etcd.attempt.timeout.ms" etcd.attempt_timeout_ms: "after this long without an answer a read tries another member",
    "etcd.request.timeout.ms" etcd.request_timeout_ms: "the longest that one call to etcd takes",
    "broker.session.timeout.ms" membership.session_timeout_ms: "how long a silent broker counts as alive: its lease",
    "metadata.scan.interval.ms" watcher.scan_interval_ms: "how often the cache is compared with all of etcd's keys",
    "leader.rebalance.after.ms" controller.rebalance_after_ms: "how long a preferred leader must be back before it leads again",
    "controller.brake.ms" controller.brake_ms: "how long the death of more than a third of the brokers is waited out before elections",
    "auto.leader.rebalance.enable" controller.auto_rebalance: "whether leaderships return to preferred leaders by themselves",
    "leader.imbalance.per.broker.percentage" controller.imbalance_percentage_max: "how much of what a broker should lead others may lead before any of it returns",
    "reassignment.partitions.max" controller.moves_max: "partitions that move to other brokers at once",
    "num.partitions" commands.default_partitions: "partitions of a topic that does not say how many",
    "default.replication.factor" commands.default_replication_factor: "replicas of a topic that does not say how many, if there are as many brokers",
    "topic.partitions.max" commands.partitions_max: "the most partitions of one topic",
    "producer.id.expiration.ms" producer_id_expiration_ms: "how long an idle producer's sequence numbers are remembered",
    "replica.lag.time.max.ms" replication.replica_lag_ms_max: "a follower that has not caught up for so long leaves the in-sync set",
    "replica.fetch.wait.max.ms" replication.fetch_wait_ms: "how long a leader may hold a follower's fetch that finds nothing",
    "replica.fetch.max.bytes" replication.fetch_partition_bytes_max: "the most that one replica fetch brings of one partition",
    "replica.fetch.response.max.bytes" replication.fetch_bytes_max: "the most that one replica fetch brings",
    "log.flush.interval.ms" replication.flush_interval_ms: "how often topics with flush=interval are flushed",
    "flush.threads" replication.flush_threads: "threads that fsync; 0 is one for each processor, and at least two",
    "log.retention.check.interval.ms" replication.retention_interval_ms: "how often leaders apply retention",
    "log.cleaner.enable" replication.compaction_enabled: "whether compacted topics are compacted on this broker",
    "log.cleaner.backoff.ms" replication.compaction_interval_ms: "how often compaction looks for work after it found none",
    "log.cleaner.dedupe.buffer.size" replication.compaction_map_bytes_max: "memory for the keys of one run; a log with more is compacted in several",
    "log.cleaner.io.max.bytes.per.second" replication.compaction_bytes_per_second_max: "how fast compaction reads and writes, at most",
    "replica.high.watermark.checkpoint.interval.ms" replication.checkpoint_interval_ms: "how often checkpoints are written",
    "append.waiters.max" replication.waiters_max: "produce requests and long polls that may wait at once",
    "message.max.bytes" service.batch_bytes_max: "the largest record batch, unless its topic allows less",
    "message.inflated.max.bytes" service.inflated_bytes_max: "the most that a compressed batch may hold once inflated",
    "replica.gather.max.ms" service.gather_ms_max: "how long a follower's fetch that found records waits for producers that write at the same time; 0 is not at all",
    "request.timeout.ms" service.produce_timeout_ms_default: "how long a produce may take when its sender does not say",
    "group.consumer.session.timeout.ms" groups.session_timeout_ms: "a member of a group that is silent for so long is gone, if it does not say otherwise",
    "group.consumer.heartbeat.interval.ms" groups.heartbeat_interval_ms: "how often members of groups are told to heartbeat",
    "group.min.session.timeout.ms" groups.session_timeout_ms_min: "the shortest session that a member may ask for",
    "group.max.session.timeout.ms" groups.session_timeout_ms_max: "the longest session that a member may ask for",
    "group.initial.rebalance.delay.ms" groups.initial_rebalance_delay_ms: "how long a new classic group waits for more members",
    "group.max.size" groups.members_max: "the most members of one group",
    "group.max.count" groups.groups_max: "the most groups in one partition of the offsets topic",
    "consumer.instance.timeout.ms" groups.instance_timeout_ms: "a consumer instance over HTTP of which nothing is heard is gone after so long",
    "consumer.instance.session.timeout.ms" groups.instance_session_timeout_ms: "how long a silent consumer instance keeps its partitions",
    "consumer.instances.max" groups.instances_max: "the most consumer instances in one partition of the offsets topic",
    "consumer.instances.per.group.max" groups.instances_per_group_max: "the most consumer instances of one group",
    "consumer.instances.max.bytes" groups.instance_bytes_max: "the most memory that what instances read takes in one partition of the offsets topic",
    "consumer.request.timeout.max.ms" service.instance_wait_ms_max: "the longest that a poll of a consumer instance waits for records",
    "offset.metadata.max.bytes" groups.offset_metadata_bytes_max: "the longest note beside a committed offset",
    "offsets.max.bytes" groups.offset_bytes_max: "the most memory that committed offsets take in one partition of the offsets topic",
    "offsets.retention.minutes" groups.offsets_retention_minutes: "committed offsets that nobody uses go after so many minutes",
    "offsets.retention.check.interval.ms" groups.offsets_retention_check_interval_ms: "how often they are looked for",
    "offsets.topic.num.partitions" coordinator.offsets_partitions: "partitions that the offsets topic is created with",
    "offsets.topic.replication.factor" coordinator.offsets_replication_factor: "replicas of the offsets topic, if there are as many brokers",
    "offsets.topic.segment.bytes" coordinator.offsets_segment_bytes: "the segments of the offsets topic",
    "offsets.load.buffer.size" coordinator.load_bytes: "how much is read at once when groups are loaded",
    "offsets.commit.timeout.ms" coordinator.append_timeout_ms: "how long an offset commit may take to be replicated",
    "group.requests.queued.max" coordinator.queued_max: "requests that may wait to be looked at, in one partition of the offsets topic",
    "group.requests.waiting.max" coordinator.waiting_max: "requests that may wait for their answer there",
    "fetch.max.bytes" service.fetch_bytes_max: "the most bytes that a read returns; one batch is always returned whole",
    "fetch.wait.max.ms" service.fetch_wait_ms_max: "the longest that a read may wait for records",
    "queued.max.request.bytes" service.body_bytes_in_flight_max: "bytes of request bodies in memory at once; beyond it requests are refused with Retry-After",
    "queued.max.response.bytes" service.read_bytes_in_flight_max: "bytes of answers to readers in memory at once",
    "fetch.waiting.max" service.waiting_reads_max: "reads that may wait for records at once",
    "http.connections.max" http.connections_max: "open connections at the HTTP door, at most",
    "http.idle.timeout.ms" http.idle_timeout_ms: "how long an HTTP connection may be idle",
    "http.body.max.bytes" http.body_bytes_max: "the largest request body, also once inflated",
    "http.body.stall.ms" http.body_stall_ms_max: "how long a request body may stand still",
    "http.write.stall.ms" http.write_stall_ms_max: "how long a reader may take nothing of its answer, or of a stream, before it is cut off",
    "http.header.max.bytes" http.header_bytes_max: "the largest head of a request",
    "http.heartbeat.ms" http.heartbeat_ms: "how often an event stream without records says that it lives",
    "http.stream.max.ms" http.stream_ms_max: "how long a stream lasts; then its reader resumes",
    "http.stream.max.partitions" http.stream_partitions_max: "how many partitions a stream of a whole topic merges at most",
    "http.records.max.ms" http.records_ms_max: "how long a stream of records at REST v3 may last",
    "http.records.idle.max.ms" http.records_idle_ms_max: "how long a stream of records at REST v3 may stand still",
    "http.records.batch.max" http.records_batch_max: "records that one request to records:batch may hold",
    "http.forwarded.trusted" http.forwarded_trusted: "whether Forwarded and X-Forwarded-* tell how clients reach this broker: only behind a proxy that sets them",
    "rest.plain.json.is.binary" http.plain_json_is_binary: "whether plain application/json at /topics means base64 (Karapace's reading) instead of JSON",
    "max.connections" kafka.connections_max: "open client connections at the Kafka door, at most",
    "connections.max.idle.ms" kafka.idle_timeout_ms: "how long a Kafka connection may be silent",
    "socket.request.max.bytes" kafka.frame_bytes_max: "the largest request at the Kafka door",
    "admin.changes.max" kafka.admin_changes_max: "changes of topics and settings that Kafka clients may have under way at once",
    "auto.create.topics.enable" kafka.auto_create_topics: "whether asking for an unknown topic at the Kafka door creates it",
    "peer.connect.timeout.ms" peer.connect_timeout_ms: "how long connecting to another broker may take",
    "blocking.threads.max" node.blocking_threads_max: "threads for blocking file work",
    "disk.probe.interval.ms" node.disk_probe_interval_ms: "how often the data directory is asked for a sign of life",
    "disk.probe.timeout.ms" node.disk_probe_timeout_ms: "after this long without one the lease is no longer renewed",
    "disk.reserve.bytes" node.disk_reserve_bytes: "free space below which the disk counts as full and leaderships move away",
    "controlled.shutdown.max.ms" node.drain_ms_max: "how long a controlled stop may take to hand over leaderships",
    "replica.delete.grace.ms" node.delete_grace_ms: "how long files stay after their topic, or their place here, is gone",
};

/// The setting of this name.
pub(super) fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// The known name most like `name`, if one is alike enough.
pub(super) fn nearest(name: &str) -> Option<String> {
    SETTINGS
        .iter()
        .map(|setting| (strsim::jaro_winkler(setting.name, name), setting.name))
        .filter(|(alike, _)| *alike >= ALIKE_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, nearest)| nearest.to_owned())
}

/// Every setting as `config` has it, for showing.
pub(super) fn shown(config: &Config) -> Vec<BrokerSetting> {
    let defaults = Config::default();
    let shown = |setting: &Setting| BrokerSetting {
        name: setting.name,
        value: (setting.show)(config),
        default: (setting.show)(&defaults),
        meaning: setting.meaning,
    };
    SETTINGS.iter().map(shown).collect()
}

/// Every setting with its default and its meaning, as a table in Markdown.
#[must_use]
pub fn render_settings() -> String {
    let defaults = Config::default();
    let mut text = String::from("| setting | default | meaning |\n| --- | --- | --- |\n");
    for setting in SETTINGS {
        let default = match (setting.show)(&defaults) {
            value if value.is_empty() || value == "-1" && setting.name == "broker.id" => "–".to_owned(),
            value => format!("`{value}`"),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| `{}` | {default} | {} |", setting.name, setting.meaning);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ConfigError, Layer};

    fn layer(pairs: &[(&str, &str)]) -> Layer {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn every_default_can_be_read_back() {
        let mut config = Config::default();
        for setting in SETTINGS.iter().filter(|setting| !["broker.id", "data.dir"].contains(&setting.name)) {
            let shown = (setting.show)(&Config::default());
            setting.set(&mut config, &shown).unwrap_or_else(|reason| panic!("{}: {reason}", setting.name));
            assert_eq!((setting.show)(&config), shown, "{}", setting.name);
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest() {
        let error = Config::from_layers(&[layer(&[("broker.session.timeout", "1")])]).unwrap_err();
        assert_eq!(
            error,
            ConfigError::Unknown {
                name: "broker.session.timeout".to_owned(),
                nearest: Some("broker.session.timeout.ms".to_owned()),
            }
        );
    }

    #[test]
    fn the_later_layer_wins() {
        let config =
            Config::from_layers(&[layer(&[("num.partitions", "5")]), layer(&[("num.partitions", "7")])])
                .unwrap();
        assert_eq!(config.commands.default_partitions, 7);
    }

    #[test]
    fn contradictions_are_refused() {
        let error = Config::from_layers(&[layer(&[("queued.max.request.bytes", "1000")])]).unwrap_err();
        assert!(matches!(error, ConfigError::Relation(_)), "{error}");
    }
}
