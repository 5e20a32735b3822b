//! Kafka's names of a topic's settings where they are a broker's, for all topics that do not say otherwise, and the kinds
//! of their values. Pure.

use super::settings::SettingKind;

/// One setting of topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// Its name at a topic.
    pub(super) topic: &'static str,
    /// Its name at a broker.
    pub(super) broker: &'static str,
    /// What its values are.
    pub(super) kind: SettingKind,
}

const fn named(topic: &'static str, broker: &'static str, kind: SettingKind) -> Named {
    Named { topic, broker, kind }
}

/// Every setting of topics.
const NAMES: [Named; 16] = [
    named("cleanup.policy", "log.cleanup.policy", SettingKind::List),
    named("compression.type", "compression.type", SettingKind::Text),
    named("delete.retention.ms", "log.cleaner.delete.retention.ms", SettingKind::Long),
    named("file.delete.delay.ms", "log.segment.delete.delay.ms", SettingKind::Long),
    named("flush", "flush", SettingKind::Text),
    named("index.interval.bytes", "log.index.interval.bytes", SettingKind::Int),
    named("max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms", SettingKind::Long),
    named("max.message.bytes", "message.max.bytes", SettingKind::Int),
    named("message.timestamp.type", "log.message.timestamp.type", SettingKind::Text),
    named("min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio", SettingKind::Double),
    named("min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms", SettingKind::Long),
    named("min.insync.replicas", "min.insync.replicas", SettingKind::Int),
    named("retention.bytes", "log.retention.bytes", SettingKind::Long),
    named("retention.ms", "log.retention.ms", SettingKind::Long),
    named("segment.bytes", "log.segment.bytes", SettingKind::Int),
    named("segment.ms", "log.roll.ms", SettingKind::Long),
];

/// The setting of this name at a topic.
pub(super) fn of_topic(name: &str) -> Option<&'static Named> {
    NAMES.iter().find(|named| named.topic == name)
}

/// The setting of this name at a broker.
pub(super) fn of_broker(name: &str) -> Option<&'static Named> {
    NAMES.iter().find(|named| named.broker == name)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::cluster::topic_config;

    #[test]
    fn every_setting_of_topics_has_its_other_name() {
        let none = BTreeMap::new();
        let known: Vec<_> =
            topic_config::describe(&none, &none).into_iter().map(|shown| shown.name).collect();
        assert_eq!(NAMES.map(|named| named.topic).to_vec(), known);
        assert_eq!(NAMES.map(|named| named.broker).iter().collect::<BTreeSet<_>>().len(), NAMES.len());
    }
}
