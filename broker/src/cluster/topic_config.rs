//! The settings of a topic: Kafka's names for what Kafka has, and `flush`.
//!
//! A topic's own settings stand in its value, cluster-wide defaults in `config/cluster`, and the rest is in the table
//! below; no setting of a topic comes from one process's file, so that brokers cannot disagree about it.
//!
//! *Invariant:* what is refused at the door is refused here, with the nearest known name or the legal values; what
//! stands in the store already and cannot be read falls back to its default, since no value may stop a broker.

use std::collections::BTreeMap;

use super::cleanup::Cleanup;
use crate::types::FlushMode;

/// The name of the setting that is fixed when a topic is created.
pub const FLUSH: &str = "flush";

/// The settings that apply to one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicConfig {
    /// When a record counts as held; fixed at creation.
    pub flush: FlushMode,
    /// The least in-sync set that may commit; capped by the replication factor.
    pub min_insync_replicas: u32,
    /// A segment is closed when it would grow beyond this.
    pub segment_bytes: u64,
    /// A segment is closed when its first record is older than this.
    pub segment_ms: i64,
    /// Records older than this are deleted; `None`: never.
    pub retention_ms: Option<i64>,
    /// The oldest segments beyond this size of a partition are deleted; `None`: never.
    pub retention_bytes: Option<u64>,
    /// The largest record batch.
    pub max_message_bytes: usize,
    /// Whether the broker's time of append replaces the producer's timestamps.
    pub timestamp_log_append: bool,
    /// How many bytes of log lie between two index entries.
    pub index_interval_bytes: u32,
    /// How long a deleted segment's file stays.
    pub file_delete_delay_ms: u64,
    /// What happens to old records.
    pub cleanup: Cleanup,
    /// How long a tombstone stays once what it deletes is gone.
    pub delete_retention_ms: i64,
    /// The share of dirty bytes, in millionths, beyond which a log is compacted.
    pub dirty_ratio_min_ppm: u32,
    /// How long a record stays whatever supersedes it.
    pub compaction_lag_ms_min: i64,
    /// After how long a record is compacted however little is dirty.
    pub compaction_lag_ms_max: i64,
}

/// A setting that is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicConfigError {
    /// There is no such setting.
    #[error("there is no topic setting '{name}'{hint}")]
    Unknown {
        /// The name that was given, cut to a length that is safe to show.
        name: String,
        /// The nearest known name, or nothing.
        hint: String,
    },
    /// The value is not legal.
    #[error("{name}={value} is not possible: {reason}")]
    Invalid {
        /// The setting.
        name: &'static str,
        /// The value, cut to a length that is safe to show.
        value: String,
        /// What would be possible.
        reason: String,
    },
    /// The setting is fixed when the topic is created.
    #[error("{name} is fixed when a topic is created, because {reason}")]
    Fixed {
        /// The setting.
        name: &'static str,
        /// Why.
        reason: &'static str,
    },
}

/// Where the value of a setting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The topic's own.
    Topic,
    /// The cluster's default.
    Cluster,
    /// The program's default.
    Default,
}

/// A setting as it applies, for showing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// Where that comes from.
    pub source: Source,
    /// What it means.
    pub meaning: &'static str,
}

/// One line of the table of settings.
struct Setting {
    name: &'static str,
    default: &'static str,
    meaning: &'static str,
    set: fn(&mut TopicConfig, &str) -> Result<(), String>,
}

/// Kafka's and ours; the defaults are Kafka's except where safety asks for more.
const SETTINGS: [Setting; 16] = [
    Setting {
        name: "cleanup.policy",
        default: "delete",
        meaning: "what happens to old records: delete (by age and size), compact (a later one with the same key replaces them), or both",
        set: |config, text| text.parse().map(|cleanup| config.cleanup = cleanup),
    },
    Setting {
        name: "compression.type",
        default: "producer",
        meaning: "batches are kept as the producer compressed them",
        set: |_, text| if text == "producer" { Ok(()) } else { Err("use producer".to_owned()) },
    },
    Setting {
        name: "delete.retention.ms",
        default: "86400000",
        meaning: "how long compaction leaves a tombstone for readers that are behind",
        set: |config, text| number(text, 0, i64::MAX).map(|ms| config.delete_retention_ms = ms),
    },
    Setting {
        name: "file.delete.delay.ms",
        default: "60000",
        meaning: "how long the file of a deleted segment stays",
        set: |config, text| {
            number(text, 0, i64::MAX).map(|ms| config.file_delete_delay_ms = ms.unsigned_abs())
        },
    },
    Setting {
        name: FLUSH,
        default: "ack",
        meaning: "when a record counts as held: ack (fsynced), interval, os",
        set: |config, text| text.parse().map(|mode| config.flush = mode),
    },
    Setting {
        name: "index.interval.bytes",
        default: "4096",
        meaning: "bytes of log between two index entries",
        set: |config, text| {
            number(text, 64, i64::from(i32::MAX))
                .map(|bytes| config.index_interval_bytes = u32::try_from(bytes).unwrap_or(u32::MAX))
        },
    },
    Setting {
        name: "max.compaction.lag.ms",
        default: "9223372036854775807",
        meaning: "after how long a record is compacted however little else there is to do",
        set: |config, text| number(text, 1, i64::MAX).map(|ms| config.compaction_lag_ms_max = ms),
    },
    Setting {
        name: "max.message.bytes",
        default: "8388608",
        meaning: "the largest record batch",
        set: |config, text| {
            number(text, 128, 64 << 20)
                .map(|bytes| config.max_message_bytes = usize::try_from(bytes).unwrap_or(usize::MAX))
        },
    },
    Setting {
        name: "message.timestamp.type",
        default: "CreateTime",
        meaning: "whose clock stamps records: CreateTime (the producer's) or LogAppendTime (the broker's)",
        set: |config, text| match text {
            "CreateTime" | "LogAppendTime" => {
                config.timestamp_log_append = text == "LogAppendTime";
                Ok(())
            }
            _ => Err("use CreateTime or LogAppendTime".to_owned()),
        },
    },
    Setting {
        name: "min.cleanable.dirty.ratio",
        default: "0.5",
        meaning: "the share of a log not compacted yet beyond which it is compacted",
        set: |config, text| ppm(text).map(|ppm| config.dirty_ratio_min_ppm = ppm),
    },
    Setting {
        name: "min.compaction.lag.ms",
        default: "0",
        meaning: "how long compaction leaves a record alone",
        set: |config, text| number(text, 0, i64::MAX).map(|ms| config.compaction_lag_ms_min = ms),
    },
    Setting {
        name: "min.insync.replicas",
        default: "2",
        meaning: "the least in-sync set that may commit, capped by the replication factor",
        set: |config, text| {
            number(text, 1, 1_000)
                .map(|count| config.min_insync_replicas = u32::try_from(count).unwrap_or(u32::MAX))
        },
    },
    Setting {
        name: "retention.bytes",
        default: "-1",
        meaning: "the size of a partition beyond which its oldest segments are deleted; -1: never",
        set: |config, text| {
            number(text, -1, i64::MAX).map(|bytes| config.retention_bytes = u64::try_from(bytes).ok())
        },
    },
    Setting {
        name: "retention.ms",
        default: "604800000",
        meaning: "the age beyond which records are deleted; -1: never",
        set: |config, text| {
            number(text, -1, i64::MAX).map(|ms| config.retention_ms = (ms >= 0).then_some(ms))
        },
    },
    Setting {
        name: "segment.bytes",
        default: "1073741824",
        meaning: "the size at which a segment is closed",
        set: |config, text| {
            number(text, 1 << 14, i64::from(i32::MAX))
                .map(|bytes| config.segment_bytes = bytes.unsigned_abs())
        },
    },
    Setting {
        name: "segment.ms",
        default: "604800000",
        meaning: "the age at which a segment is closed",
        set: |config, text| number(text, 1, i64::MAX).map(|ms| config.segment_ms = ms),
    },
];

/// A whole number within bounds.
fn number(text: &str, least: i64, most: i64) -> Result<i64, String> {
    let legal = text.parse::<i64>().ok().filter(|number| (least..=most).contains(number));
    legal.ok_or_else(|| format!("use a whole number from {least} to {most}"))
}

/// A share from 0 to 1, in millionths.
fn ppm(text: &str) -> Result<u32, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    // At most a million, so that nothing is cut off.
    share.map(|share| (share * 1e6).round() as u32).ok_or_else(|| "use a number from 0 to 1".to_owned())
}

fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

impl Default for TopicConfig {
    fn default() -> Self {
        let mut config = Self {
            flush: FlushMode::Ack,
            min_insync_replicas: 1,
            segment_bytes: 0,
            segment_ms: 0,
            retention_ms: None,
            retention_bytes: None,
            max_message_bytes: 0,
            timestamp_log_append: false,
            index_interval_bytes: 0,
            file_delete_delay_ms: 0,
            cleanup: Cleanup::default(),
            delete_retention_ms: 0,
            dirty_ratio_min_ppm: 0,
            compaction_lag_ms_min: 0,
            compaction_lag_ms_max: 0,
        };
        for setting in &SETTINGS {
            (setting.set)(&mut config, setting.default).expect("a test reads every default of the table");
        }
        config
    }
}

impl TopicConfig {
    /// The settings of a topic from what stands in the store: its own before the cluster's before the table's.
    ///
    /// What cannot be read is passed over.
    #[must_use]
    pub fn effective(cluster: &BTreeMap<String, String>, topic: &BTreeMap<String, String>) -> Self {
        let mut config = Self::default();
        for (name, value) in cluster.iter().chain(topic) {
            let mut changed = config;
            if find(name).is_some_and(|setting| (setting.set)(&mut changed, value).is_ok()) {
                config = changed;
            }
        }
        config
    }

    /// When a segment is closed for its age: in time for `max.compaction.lag.ms`, since only closed ones are compacted.
    #[must_use]
    pub fn segment_ms_max(&self) -> i64 {
        if self.cleanup.compacts { self.segment_ms.min(self.compaction_lag_ms_max) } else { self.segment_ms }
    }

    /// The least in-sync set that may commit, for a partition with so many replicas.
    #[must_use]
    pub fn min_isr(&self, replicas: usize) -> u32 {
        self.min_insync_replicas.min(u32::try_from(replicas).unwrap_or(u32::MAX)).max(1)
    }
}

/// Checks one setting from outside.
///
/// # Errors
/// What is wrong with it.
pub fn check(name: &str, value: &str) -> Result<(), TopicConfigError> {
    let Some(setting) = find(name) else {
        return Err(TopicConfigError::Unknown { name: shown(name), hint: hint(name) });
    };
    let mut scratch = TopicConfig::default();
    (setting.set)(&mut scratch, value).map_err(|reason| TopicConfigError::Invalid {
        name: setting.name,
        value: shown(value),
        reason,
    })
}

/// Checks the settings of a new topic.
///
/// # Errors
/// The first that is wrong.
pub fn check_all(config: &BTreeMap<String, String>) -> Result<(), TopicConfigError> {
    config.iter().try_for_each(|(name, value)| check(name, value))
}

/// Checks that a patch leaves alone what is fixed when a topic is created.
///
/// # Errors
/// [`TopicConfigError::Fixed`] otherwise.
pub fn keeps_fixed(
    config: &BTreeMap<String, String>,
    patch: &BTreeMap<String, Option<String>>,
) -> Result<(), TopicConfigError> {
    match patch.get(FLUSH) {
        Some(value) if value.as_ref() != config.get(FLUSH) => {
            let reason = "records that were acknowledged under one rule cannot be made durable by another";
            Err(TopicConfigError::Fixed { name: FLUSH, reason })
        }
        _ => Ok(()),
    }
}

/// Applies a patch to settings; a value of `None` removes one.
///
/// # Errors
/// What is wrong with the patch; then nothing of it applies.
pub fn patched(
    config: &BTreeMap<String, String>,
    patch: &BTreeMap<String, Option<String>>,
) -> Result<BTreeMap<String, String>, TopicConfigError> {
    let mut result = config.clone();
    for (name, value) in patch {
        match value {
            Some(value) => {
                check(name, value)?;
                result.insert(name.clone(), value.clone());
            }
            None if find(name).is_none() && !config.contains_key(name) => {
                return Err(TopicConfigError::Unknown { name: shown(name), hint: hint(name) });
            }
            None => {
                result.remove(name);
            }
        }
    }
    Ok(result)
}

/// Every setting as it applies to a topic, in the order of their names.
#[must_use]
pub fn describe(cluster: &BTreeMap<String, String>, topic: &BTreeMap<String, String>) -> Vec<Shown> {
    let show = |setting: &Setting| {
        let (value, source) = match (topic.get(setting.name), cluster.get(setting.name)) {
            (Some(value), _) => (value.clone(), Source::Topic),
            (None, Some(value)) => (value.clone(), Source::Cluster),
            (None, None) => (setting.default.to_owned(), Source::Default),
        };
        Shown { name: setting.name, value, source, meaning: setting.meaning }
    };
    SETTINGS.iter().map(show).collect()
}

/// The nearest known name, if one is near.
fn hint(name: &str) -> String {
    let name = name.to_ascii_lowercase().replace(['_', '-'], ".");
    let scored = SETTINGS.iter().map(|setting| (strsim::jaro_winkler(&name, setting.name), setting.name));
    match scored.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((score, nearest)) if score > 0.8 => format!(": did you mean '{nearest}'?"),
        _ => {
            let known: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
            format!(": known are {}", known.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_table_is_sorted_and_its_defaults_are_legal() {
        assert!(SETTINGS.is_sorted_by_key(|setting| setting.name));
        let config = TopicConfig::default();
        assert_eq!(config.min_insync_replicas, 2);
        assert_eq!(config.flush, FlushMode::Ack);
        assert_eq!(config.retention_ms, Some(604_800_000));
        assert_eq!(config.retention_bytes, None);
        assert_eq!(config.segment_bytes, 1 << 30);
    }

    #[test]
    fn a_topics_own_setting_comes_before_the_clusters() {
        let cluster =
            map(&[("retention.ms", "5"), ("segment.ms", "7"), ("nonsense", "x"), ("flush", "never")]);
        let topic = map(&[("retention.ms", "-1"), ("min.insync.replicas", "many")]);
        let config = TopicConfig::effective(&cluster, &topic);
        assert_eq!((config.retention_ms, config.segment_ms, config.min_insync_replicas), (None, 7, 2));
        assert_eq!(config.flush, FlushMode::Ack);
    }

    #[test]
    fn wrong_settings_are_refused_with_the_way_out() {
        let message = |name: &str, value: &str| check(name, value).unwrap_err().to_string();
        assert!(message("retention_ms", "1").contains("did you mean 'retention.ms'?"));
        assert!(message("xyz", "1").contains("known are cleanup.policy"));
        assert!(message("retention.ms", "-2").contains("whole number from -1"));
        assert!(message("cleanup.policy", "compress").contains("delete, compact, or compact,delete"));
        assert!(message("min.cleanable.dirty.ratio", "1.5").contains("from 0 to 1"));
        assert!(message("flush", "fsync").contains("ack, interval, os"));
        assert!(check("min.insync.replicas", "0").is_err());
    }

    #[test]
    fn a_topic_is_compacted_as_it_says() {
        let policy =
            |text: &str| TopicConfig::effective(&map(&[]), &map(&[("cleanup.policy", text)])).cleanup;
        assert_eq!(policy("compact"), Cleanup { deletes: false, compacts: true });
        assert_eq!(policy("compact,delete"), Cleanup { deletes: true, compacts: true });
        assert_eq!(policy("delete, compact"), Cleanup { deletes: true, compacts: true });
        let config = TopicConfig::default();
        assert_eq!(config.cleanup, Cleanup { deletes: true, compacts: false });
        assert_eq!((config.dirty_ratio_min_ppm, config.compaction_lag_ms_max), (500_000, i64::MAX));
        let hasty = map(&[("cleanup.policy", "compact"), ("max.compaction.lag.ms", "7")]);
        assert_eq!(TopicConfig::effective(&map(&[]), &hasty).segment_ms_max(), 7);
    }

    #[test]
    fn a_patch_sets_and_removes_but_never_touches_flush() {
        let config = map(&[("flush", "ack"), ("retention.ms", "5")]);
        let patch = BTreeMap::from([
            ("retention.ms".to_owned(), None),
            ("segment.ms".to_owned(), Some("9".to_owned())),
            ("flush".to_owned(), Some("ack".to_owned())),
        ]);
        assert_eq!(keeps_fixed(&config, &patch), Ok(()));
        assert_eq!(patched(&config, &patch).unwrap(), map(&[("flush", "ack"), ("segment.ms", "9")]));
        for value in [Some("os".to_owned()), None] {
            let patch = BTreeMap::from([("flush".to_owned(), value)]);
            assert!(matches!(keeps_fixed(&config, &patch), Err(TopicConfigError::Fixed { .. })));
        }
        let patch = BTreeMap::from([("retention".to_owned(), None)]);
        assert!(matches!(patched(&config, &patch), Err(TopicConfigError::Unknown { .. })));
    }

    #[test]
    fn min_isr_is_capped_by_the_replicas() {
        let config = TopicConfig { min_insync_replicas: 2, ..TopicConfig::default() };
        assert_eq!([0, 1, 2, 3].map(|replicas| config.min_isr(replicas)), [1, 1, 2, 2]);
    }
}
