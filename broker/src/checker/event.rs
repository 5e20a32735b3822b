//! One line of a history, in the words of its format.
//!
//! *Invariant:* a name that is not in the format is an error, so that a slip of the pen cannot switch a check off.

use std::fmt;
use std::sync::Arc;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::ser::SerializeTuple as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A client's name for a value; sent once.
pub type ValueId = u64;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// When, in microseconds since whenever.
    pub time_us: u64,
    /// Which client.
    pub process: u64,
    /// Which operation: its end has the number of its beginning.
    pub id: u64,
    /// Beginning or end.
    pub phase: Phase,
    /// What.
    pub op: Operation,
}

/// Beginning or end of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It begins.
    Invoke,
    /// It was done.
    Ok,
    /// It was certainly not done.
    Fail,
    /// Nobody knows.
    Unknown,
}

/// What a client did, or what is known of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A batch to one partition.
    Send(SendBatch),
    /// A poll of one partition.
    Read(ReadBatch),
    /// The next read begins elsewhere.
    Seek(Seek),
    /// Records below an offset may go.
    DeleteRecords(DeleteRecords),
    /// What is lawful in a topic.
    Topic(TopicFacts),
    /// A member of a group got its partitions.
    Assigned(Assigned),
    /// A member let go of partitions.
    Revoked(Revoked),
    /// A group took a member's epoch as valid.
    Heartbeat(Heartbeat),
    /// An offset to be kept for a group.
    Commit(Commit),
    /// The offset that is kept.
    Committed(Committed),
    /// What a replica holds.
    Replica(Replica),
}

impl Operation {
    /// Its name in the format.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Send(_) => "send",
            Self::Read(_) => "read",
            Self::Seek(_) => "seek",
            Self::DeleteRecords(_) => "delete_records",
            Self::Topic(_) => "topic",
            Self::Assigned(_) => "assigned",
            Self::Revoked(_) => "revoked",
            Self::Heartbeat(_) => "heartbeat",
            Self::Commit(_) => "commit",
            Self::Committed(_) => "committed",
            Self::Replica(_) => "replica",
        }
    }
}

/// A partition. A topic made anew is another one if its id is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The name of the topic.
    pub topic: Arc<str>,
    /// Its identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_id: Option<Arc<str>>,
    /// The number of the partition.
    pub partition: i32,
}

impl Place {
    /// A partition of a topic that is not made anew.
    #[must_use]
    pub fn of(topic: &str, partition: i32) -> Self {
        Self { topic: topic.into(), topic_id: None, partition }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)?;
        self.topic_id.as_ref().map_or(Ok(()), |id| write!(f, " ({id})"))
    }
}

/// A batch of values to one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendBatch {
    /// Where.
    pub at: Place,
    /// The values, in order. At the end they need not be told again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ValueId>,
    /// The producer, if it is an idempotent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer_id: Option<i64>,
    /// Its epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer_epoch: Option<i32>,
    /// The number of the first value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<i32>,
    /// At `ok`: the offset of the first value; the others follow without a gap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_offset: Option<i64>,
    /// At `ok`: the epoch of the leader that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader_epoch: Option<i64>,
}

impl SendBatch {
    /// A batch as it is about to be sent, by no idempotent producer.
    #[must_use]
    pub fn of(at: Place, values: Vec<ValueId>) -> Self {
        Self {
            at,
            values,
            producer_id: None,
            producer_epoch: None,
            sequence: None,
            base_offset: None,
            leader_epoch: None,
        }
    }
}

/// A poll of one partition, and what it returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadBatch {
    /// Where.
    pub at: Place,
    /// The offset asked for; without it, the read goes on where this process's last one ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    /// What came, in the order in which it came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<ReadRecord>,
    /// The epoch of the leader that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader_epoch: Option<i64>,
    /// The high watermark that it told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_watermark: Option<i64>,
    /// The log start that it told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_start: Option<i64>,
}

impl ReadBatch {
    /// A read that is about to be made.
    #[must_use]
    pub fn of(at: Place, from: Option<i64>) -> Self {
        Self { at, from, records: Vec::new(), leader_epoch: None, high_watermark: None, log_start: None }
    }
}

/// A record that was read: `[offset,value]` or `[offset,value,epoch]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRecord {
    /// Where it stands.
    pub offset: i64,
    /// What it is; `None` is a record that is no value of this history.
    pub value: Option<ValueId>,
    /// The leader epoch in which it was written.
    pub epoch: Option<i64>,
}

impl Serialize for ReadRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(2 + usize::from(self.epoch.is_some()))?;
        tuple.serialize_element(&self.offset)?;
        tuple.serialize_element(&self.value)?;
        if let Some(epoch) = self.epoch {
            tuple.serialize_element(&epoch)?;
        }
        tuple.end()
    }
}

impl<'de> Deserialize<'de> for ReadRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;
        impl<'de> Visitor<'de> for Parts {
            type Value = ReadRecord;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("[offset,value] or [offset,value,epoch]")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<ReadRecord, A::Error> {
                let offset = parts.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
                let value = parts.next_element()?.ok_or_else(|| A::Error::invalid_length(1, &self))?;
                Ok(ReadRecord { offset, value, epoch: parts.next_element()? })
            }
        }
        deserializer.deserialize_seq(Parts)
    }
}

/// The next read of this process begins elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seek {
    /// Where.
    pub at: Place,
}

/// Records below an offset may go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteRecords {
    /// Where.
    pub at: Place,
    /// The first offset that stays.
    pub before: i64,
}

/// What is lawful in a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicFacts {
    /// The name.
    pub topic: Arc<str>,
    /// The identity, if it is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_id: Option<Arc<str>>,
    /// Whether it is compacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compacted: Option<bool>,
    /// Whether it was, or may have been, deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<bool>,
    /// Whether time or size may move the log start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<bool>,
}

/// A member of a group got its partitions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assigned {
    /// The group.
    pub group: Arc<str>,
    /// The member.
    pub member: Arc<str>,
    /// Its epoch, or the generation.
    pub epoch: i64,
    /// All that it owns from now on.
    #[serde(default)]
    pub partitions: Vec<Place>,
}

/// A member let go of partitions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    /// The group.
    pub group: Arc<str>,
    /// The member.
    pub member: Arc<str>,
    /// Which; `None` is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<Vec<Place>>,
}

/// A group was asked whether a member's epoch is valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// The group.
    pub group: Arc<str>,
    /// The member.
    pub member: Arc<str>,
    /// The epoch that it sent.
    pub epoch: i64,
}

/// An offset to be kept for a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// The group.
    pub group: Arc<str>,
    /// Where.
    pub at: Place,
    /// The next offset to read.
    pub offset: i64,
    /// The member, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Arc<str>>,
    /// Its epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
    /// Whether it may go back, as an administrator's does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reset: bool,
}

/// The offset that is kept for a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Committed {
    /// The group.
    pub group: Arc<str>,
    /// Where.
    pub at: Place,
    /// At `ok`: the offset, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
}

/// What a replica holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replica {
    /// Where.
    pub at: Place,
    /// Whose.
    pub broker: i32,
    /// The high watermark that it knows.
    pub high_watermark: i64,
    /// One past its last record.
    pub log_end: i64,
    /// Its first offset.
    #[serde(default)]
    pub log_start: i64,
    /// Whether it is in sync, and so must hold all that is below anybody's high watermark.
    #[serde(default)]
    pub in_sync: bool,
    /// Its batches or records, in order.
    #[serde(default)]
    pub entries: Vec<ReplicaEntry>,
}

/// A batch or a record of a replica, as `[base,end,epoch,digest]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(i64, i64, i64, String)", into = "(i64, i64, i64, String)")]
pub struct ReplicaEntry {
    /// Its first offset.
    pub base: i64,
    /// One past its last.
    pub end: i64,
    /// The leader epoch in which it was written.
    pub epoch: i64,
    /// Whatever tells its content.
    pub digest: String,
}

impl From<(i64, i64, i64, String)> for ReplicaEntry {
    fn from((base, end, epoch, digest): (i64, i64, i64, String)) -> Self {
        Self { base, end, epoch, digest }
    }
}

impl From<ReplicaEntry> for (i64, i64, i64, String) {
    fn from(entry: ReplicaEntry) -> Self {
        (entry.base, entry.end, entry.epoch, entry.digest)
    }
}
