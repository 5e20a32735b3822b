//! Who and what: brokers, their incarnations, topics, partitions.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// The longest topic name, in bytes: with `-` and a partition it must fit a file name.
const TOPIC_NAME_BYTES_MAX: usize = 249;

/// The number of a broker, chosen by its operator; zero or more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BrokerId(pub i32);

impl fmt::Display for BrokerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which life of a broker: the mod revision of its durable, write-once-per-process registration in etcd (KIP-380).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BrokerEpoch(pub i64);

impl fmt::Display for BrokerEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which version of a partition's record: its mod revision in etcd. The guard of every write to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartitionEpoch(pub i64);

impl fmt::Display for PartitionEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One life of one broker, written `[id, epoch]` in etcd, so that a record itself tells a broker that came back
/// from one that stayed (KIP-903).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "(BrokerId, BrokerEpoch)", into = "(BrokerId, BrokerEpoch)")]
pub struct Incarnation {
    /// The broker.
    pub broker: BrokerId,
    /// Which of its lives.
    pub epoch: BrokerEpoch,
}

impl From<(BrokerId, BrokerEpoch)> for Incarnation {
    fn from((broker, epoch): (BrokerId, BrokerEpoch)) -> Self {
        Self { broker, epoch }
    }
}

impl From<Incarnation> for (BrokerId, BrokerEpoch) {
    fn from(incarnation: Incarnation) -> Self {
        (incarnation.broker, incarnation.epoch)
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.broker, self.epoch)
    }
}

/// The identity of one data directory, kept inside it, so that a replaced disk is seen (KIP-858).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DirectoryId(pub Uuid);

impl fmt::Display for DirectoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The identity of a topic, new each time a topic of that name is created (KIP-516).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TopicId(pub Uuid);

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a partition in its topic, from zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartitionIndex(pub i32);

impl fmt::Display for PartitionIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A legal topic name: 1 to 249 of `[A-Za-z0-9._-]`, neither `.` nor `..`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

/// A topic name that is not legal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{shown}' is no topic name: use 1 to 249 of letters, digits, '.', '_' and '-', but not '.' or '..'")]
pub struct InvalidTopicName {
    /// The name that was refused, cut to a length that is safe to show.
    pub shown: String,
}

impl TopicName {
    /// Takes `name` if it is legal.
    ///
    /// # Errors
    /// [`InvalidTopicName`] otherwise.
    pub fn new(name: &str) -> Result<Self, InvalidTopicName> {
        let legal_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let legal = (1..=TOPIC_NAME_BYTES_MAX).contains(&name.len())
            && name.bytes().all(legal_byte)
            && name != "."
            && name != "..";
        if legal {
            Ok(Self(name.into()))
        } else {
            Err(InvalidTopicName { shown: name.chars().take(60).collect() })
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the topic belongs to the system (`__consumer_offsets` and its like) and not to a user.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        self.0.starts_with("__")
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TopicName {
    type Err = InvalidTopicName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl Serialize for TopicName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TopicName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::new(&name).map_err(serde::de::Error::custom)
    }
}

/// One partition of one topic; shown as `topic-3`, which is also the name of its directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicName,
    /// The partition in it.
    pub partition: PartitionIndex,
}

impl TopicPartition {
    /// Puts a topic and a partition together.
    #[must_use]
    pub fn new(topic: TopicName, partition: PartitionIndex) -> Self {
        Self { topic, partition }
    }

    /// Reads the name of a partition's directory, `topic-3`.
    #[must_use]
    pub fn from_dir_name(name: &str) -> Option<Self> {
        let (topic, partition) = name.rsplit_once('-')?;
        let index: i32 = partition.parse().ok().filter(|index| *index >= 0)?;
        (index.to_string() == partition).then_some(())?;
        Some(Self { topic: TopicName::new(topic).ok()?, partition: PartitionIndex(index) })
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_names_follow_kafkas_rule() {
        for good in ["a", "orders", "A.b_c-9", "...", &"x".repeat(249)] {
            assert!(TopicName::new(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a b", "ä", "a\0", &"x".repeat(250)] {
            assert!(TopicName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_directory_name_is_read_back() {
        let partition = TopicPartition::from_dir_name("my-topic-12").unwrap();
        assert_eq!((partition.topic.as_str(), partition.partition), ("my-topic", PartitionIndex(12)));
        for bad in ["topic", "topic-", "topic-x", "topic-01", "-1", "topic-1.deleted"] {
            assert!(TopicPartition::from_dir_name(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_incarnation_is_a_pair_in_json() {
        let incarnation = Incarnation { broker: BrokerId(3), epoch: BrokerEpoch(9021) };
        assert_eq!(serde_json::to_string(&incarnation).unwrap(), "[3,9021]");
        assert_eq!(serde_json::from_str::<Incarnation>("[3,9021]").unwrap(), incarnation);
    }
}
