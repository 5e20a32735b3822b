//! The catalogue of every key that Tidemark keeps in its coordination store.
//!
//! All stand under `/tidemark/<cluster>/`; every broker watches that whole prefix. Values are one-line JSON with a
//! `"v"` ([`super::values`]), made to be read by a person at `etcdctl`.
//!
//! ```text
//! key                             value            lease      written by
//! cluster                         ClusterMeta                 the first broker, if absent
//! config/cluster                  ClusterConfig               an administrator's command
//! brokers/<id>                    Registration                that broker, once per process;
//!                                                             its mod revision is the broker epoch
//! live/<id>                       Live             broker's   that broker
//! controller                      ControllerSeat   broker's   campaign; its create revision is the fence
//! topics/<name>                   TopicValue                  an administrator's command, the controller
//! partitions/<topic>/<n>          PartitionState              the controller, and the leader for its own ISR;
//!                                                             its mod revision is the partition epoch
//! suspects/<suspect>/<reporter>   Suspicion        reporter's the reporter
//! producer_ids/next               ProducerIds                 any broker, a block at a time
//! reassignments/<topic>/<n>       Reassignment                an administrator's command, the controller
//! drains/<id>                     Drain                       an administrator's command
//! config/reassignment             MoveLimits                  an administrator's command
//! ```
//!
//! *Invariant:* one lease per broker, none per partition. No offset, record, poll or heartbeat of a client is here.
//! *Invariant:* a key that this file does not know is ignored, so that an older broker survives a newer one.

use crate::types::{BrokerId, PartitionIndex, TopicName, TopicPartition};

/// The name of one value, without its prefix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The cluster's identity.
    Cluster,
    /// The cluster-wide defaults of topic settings.
    ClusterConfig,
    /// The durable registration of one broker.
    Broker(BrokerId),
    /// The life sign of one broker.
    Live(BrokerId),
    /// The seat of the controller.
    Controller,
    /// A topic: identity, assignment, settings.
    Topic(TopicName),
    /// The record of one partition.
    Partition(TopicPartition),
    /// A broker's report that another refuses connections.
    Suspect {
        /// The broker that refuses.
        suspect: BrokerId,
        /// The broker that says so.
        reporter: BrokerId,
    },
    /// The next producer id that was not handed out.
    ProducerIds,
    /// The order to move a partition.
    Reassignment(TopicPartition),
    /// The mark of a broker that is to be emptied.
    Drain(BrokerId),
    /// What holds of all moves.
    MoveLimits,
}

/// Where one cluster's keys stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyspace {
    prefix: String,
}

impl Keyspace {
    /// The keys of the cluster `name`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { prefix: format!("/tidemark/{name}/") }
    }

    /// What all keys begin with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What all partitions of a topic begin with.
    #[must_use]
    pub fn partitions_of(&self, topic: &TopicName) -> String {
        format!("{}partitions/{topic}/", self.prefix)
    }

    /// What all orders of reassignments begin with.
    #[must_use]
    pub fn reassignments(&self) -> String {
        format!("{}reassignments/", self.prefix)
    }

    /// The full path of `key`.
    #[must_use]
    pub fn path(&self, key: &Key) -> String {
        let prefix = &self.prefix;
        match key {
            Key::Cluster => format!("{prefix}cluster"),
            Key::ClusterConfig => format!("{prefix}config/cluster"),
            Key::Broker(id) => format!("{prefix}brokers/{id}"),
            Key::Live(id) => format!("{prefix}live/{id}"),
            Key::Controller => format!("{prefix}controller"),
            Key::Topic(name) => format!("{prefix}topics/{name}"),
            Key::Partition(tp) => format!("{prefix}partitions/{}/{}", tp.topic, tp.partition),
            Key::Suspect { suspect, reporter } => format!("{prefix}suspects/{suspect}/{reporter}"),
            Key::ProducerIds => format!("{prefix}producer_ids/next"),
            Key::Reassignment(tp) => format!("{prefix}reassignments/{}/{}", tp.topic, tp.partition),
            Key::Drain(id) => format!("{prefix}drains/{id}"),
            Key::MoveLimits => format!("{prefix}config/reassignment"),
        }
    }

    /// Which key stands at `path`; `None` for those that this version does not know.
    #[must_use]
    pub fn parse(&self, path: &str) -> Option<Key> {
        let mut parts = path.strip_prefix(&self.prefix)?.split('/');
        let key = match (parts.next()?, parts.next(), parts.next()) {
            ("cluster", None, None) => Key::Cluster,
            ("config", Some("cluster"), None) => Key::ClusterConfig,
            ("brokers", Some(id), None) => Key::Broker(broker(id)?),
            ("live", Some(id), None) => Key::Live(broker(id)?),
            ("controller", None, None) => Key::Controller,
            ("topics", Some(name), None) => Key::Topic(TopicName::new(name).ok()?),
            ("partitions", Some(name), Some(index)) => Key::Partition(TopicPartition::new(
                TopicName::new(name).ok()?,
                PartitionIndex(number(index)?),
            )),
            ("suspects", Some(suspect), Some(reporter)) => {
                Key::Suspect { suspect: broker(suspect)?, reporter: broker(reporter)? }
            }
            ("producer_ids", Some("next"), None) => Key::ProducerIds,
            ("reassignments", Some(name), Some(index)) => Key::Reassignment(TopicPartition::new(
                TopicName::new(name).ok()?,
                PartitionIndex(number(index)?),
            )),
            ("drains", Some(id), None) => Key::Drain(broker(id)?),
            ("config", Some("reassignment"), None) => Key::MoveLimits,
            _ => return None,
        };
        parts.next().is_none().then_some(key)
    }
}

fn broker(text: &str) -> Option<BrokerId> {
    number(text).map(BrokerId)
}

/// A plain decimal number, zero or more, in its one spelling: two paths never mean the same key.
fn number(text: &str) -> Option<i32> {
    let number: i32 = text.parse().ok().filter(|number| *number >= 0)?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_read_back() {
        let keyspace = Keyspace::new("main");
        let topic = TopicName::new("my.topic-1").unwrap();
        for key in [
            Key::Cluster,
            Key::ClusterConfig,
            Key::Broker(BrokerId(3)),
            Key::Live(BrokerId(0)),
            Key::Controller,
            Key::Topic(topic.clone()),
            Key::Partition(TopicPartition::new(topic.clone(), PartitionIndex(12))),
            Key::Reassignment(TopicPartition::new(topic, PartitionIndex(12))),
            Key::Drain(BrokerId(3)),
            Key::MoveLimits,
            Key::Suspect { suspect: BrokerId(1), reporter: BrokerId(2) },
            Key::ProducerIds,
        ] {
            let path = keyspace.path(&key);
            assert!(path.starts_with("/tidemark/main/"));
            assert_eq!(keyspace.parse(&path), Some(key), "{path}");
        }
    }

    #[test]
    fn foreign_and_odd_paths_are_ignored() {
        let keyspace = Keyspace::new("main");
        for path in [
            "/tidemark/other/cluster",
            "/tidemark/main/",
            "/tidemark/main/brokers",
            "/tidemark/main/brokers/01",
            "/tidemark/main/brokers/-1",
            "/tidemark/main/brokers/1/x",
            "/tidemark/main/topics/a/b",
            "/tidemark/main/topics/..",
            "/tidemark/main/partitions/a",
            "/tidemark/main/partitions/a/+1",
            "/tidemark/main/partitions/a/1/2",
            "/tidemark/main/groups/a",
        ] {
            assert_eq!(keyspace.parse(path), None, "{path}");
        }
    }
}
