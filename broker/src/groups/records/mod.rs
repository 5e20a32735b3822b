//! What is kept in `__consumer_offsets`, as keys and values.
//!
//! A key begins with a version (two bytes, big-endian), which says what the record is. Offsets and classic groups are
//! Kafka's own bytes, so that Kafka's tools can read them. What a group with server-side assignment keeps is JSON under
//! key versions that Kafka does not use (its own are 0 to 8 and some above, far below ours): it holds more than Kafka's
//! records do, and a person can read it. Kafka's formatter passes over versions that it does not know; so do we.
//!
//! ```text
//! version  key                              value
//! 0, 1     group, topic, partition          offset, leader epoch, metadata, time, topic id      Kafka's, v0-4; written: 4
//! 2        group                            a classic group with its members                   Kafka's, v0-4; written: 3
//! 21504    group                            JSON: epochs, assignor, fingerprint, empty since
//! 21505    group, member                    JSON: what the member said of itself
//! 21506    group, member                    JSON: its target: {"<topic id>":[partition,...]}
//! 21507    group, member                    JSON: its epochs, state, what it has: {"<topic id>":[[partition,since],...]}
//! 21508    group, instance                  JSON: a consumer instance over HTTP, and where it reads
//! ```
//!
//! An empty value is a tombstone. A group's end is written members first, then the group, so that a replay which stops
//! in between revives no group without its members' tombstones still to come (REPLICATION 6.4).
//!
//! *Invariant:* reading is total: hostile bytes give [`BadRecord`], never a panic and no great allocation.
//! *Invariant:* the same record has the same bytes, so that compaction finds its key.

mod classic;
mod consumer;
mod instance;
mod offset;
mod reader;
mod writer;

pub use classic::{ClassicMemberValue, ClassicValue};
pub use consumer::{
    AssignedPartitions, CurrentValue, GroupEpochs, MemberProfile, MemberState, TargetPartitions,
};

pub use instance::{InstanceValue, Position};

use bytes::Bytes;

use reader::Reader;
use writer::Writer;

use super::error::BadRecord;
use super::ids::{GroupId, InstanceName, MemberId};
use super::offsets::Committed;
use crate::types::{PartitionIndex, TopicName};

const CONSUMER_GROUP_KEY: i16 = 21_504;
const CONSUMER_MEMBER_KEY: i16 = 21_505;
const CONSUMER_TARGET_KEY: i16 = 21_506;
const CONSUMER_CURRENT_KEY: i16 = 21_507;
const INSTANCE_KEY: i16 = 21_508;

/// One record; a value of `None` is a tombstone.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupRecord {
    /// A committed offset.
    Offset {
        /// The group.
        group: GroupId,
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// What is kept.
        value: Option<Committed>,
    },
    /// A classic group.
    Classic {
        /// The group.
        group: GroupId,
        /// What is kept.
        value: Option<ClassicValue>,
    },
    /// A group with server-side assignment.
    Consumer {
        /// The group.
        group: GroupId,
        /// What is kept.
        value: Option<GroupEpochs>,
    },
    /// What a member of such a group said of itself.
    Member {
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
        /// What is kept.
        value: Option<MemberProfile>,
    },
    /// What a member of such a group is to have.
    Target {
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
        /// What is kept.
        value: Option<TargetPartitions>,
    },
    /// What a member of such a group has.
    Current {
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
        /// What is kept.
        value: Option<CurrentValue>,
    },
    /// A consumer instance over HTTP.
    Instance {
        /// The group.
        group: GroupId,
        /// The instance.
        instance: InstanceName,
        /// What is kept.
        value: Option<InstanceValue>,
    },
}

impl GroupRecord {
    /// The group that it belongs to.
    #[must_use]
    pub fn group(&self) -> &GroupId {
        match self {
            Self::Offset { group, .. }
            | Self::Classic { group, .. }
            | Self::Consumer { group, .. }
            | Self::Member { group, .. }
            | Self::Target { group, .. }
            | Self::Current { group, .. }
            | Self::Instance { group, .. } => group,
        }
    }

    /// The bytes of the key.
    #[must_use]
    pub fn key(&self) -> Bytes {
        let mut out = Writer::default();
        match self {
            Self::Offset { group, topic, partition, .. } => {
                offset::write_key(&mut out, group, topic, *partition);
            }
            Self::Classic { group, .. } => out.i16(classic::KEY).string(group.as_str()).done(),
            Self::Consumer { group, .. } => out.i16(CONSUMER_GROUP_KEY).string(group.as_str()).done(),
            Self::Member { group, member, .. } => member_key(&mut out, CONSUMER_MEMBER_KEY, group, member),
            Self::Target { group, member, .. } => member_key(&mut out, CONSUMER_TARGET_KEY, group, member),
            Self::Current { group, member, .. } => member_key(&mut out, CONSUMER_CURRENT_KEY, group, member),
            Self::Instance { group, instance, .. } => {
                out.i16(INSTANCE_KEY).string(group.as_str()).string(instance.as_str()).done();
            }
        }
        out.into_bytes()
    }

    /// The bytes of the value; `None` is a tombstone.
    #[must_use]
    pub fn value(&self) -> Option<Bytes> {
        match self {
            Self::Offset { value, .. } => value.as_ref().map(offset::value),
            Self::Classic { value, .. } => value.as_ref().map(classic::value),
            Self::Consumer { value, .. } => value.as_ref().map(consumer::write),
            Self::Member { value, .. } => value.as_ref().map(consumer::write),
            Self::Target { value, .. } => value.as_ref().map(consumer::write),
            Self::Current { value, .. } => value.as_ref().map(consumer::write),
            Self::Instance { value, .. } => value.as_ref().map(consumer::write),
        }
    }

    /// Reads a record back. `Ok(None)` is a record of a kind that this version does not know: it is passed over.
    ///
    /// # Errors
    /// [`BadRecord`] if the bytes of a known kind make no sense.
    pub fn read(key: Bytes, value: Option<Bytes>) -> Result<Option<Self>, BadRecord> {
        let mut key = Reader::new(key);
        let version = key.i16()?;
        let record = match version {
            0 | 1 => {
                let (group, topic, partition) = offset::read_key(&mut key)?;
                let value = value.map(offset::read).transpose()?;
                Self::Offset { group, topic, partition, value }
            }
            classic::KEY => {
                Self::Classic { group: key.string()?.into(), value: value.map(classic::read).transpose()? }
            }
            CONSUMER_GROUP_KEY => {
                Self::Consumer { group: key.string()?.into(), value: value.map(consumer::read).transpose()? }
            }
            CONSUMER_MEMBER_KEY => {
                let (group, member) = read_member_key(&mut key)?;
                Self::Member { group, member, value: value.map(consumer::read).transpose()? }
            }
            CONSUMER_TARGET_KEY => {
                let (group, member) = read_member_key(&mut key)?;
                Self::Target { group, member, value: value.map(consumer::read).transpose()? }
            }
            CONSUMER_CURRENT_KEY => {
                let (group, member) = read_member_key(&mut key)?;
                Self::Current { group, member, value: value.map(consumer::read).transpose()? }
            }
            INSTANCE_KEY => {
                let (group, instance) = (key.string()?.into(), key.string()?.into());
                Self::Instance { group, instance, value: value.map(consumer::read).transpose()? }
            }
            _ => return Ok(None),
        };
        Ok(Some(record))
    }
}

fn member_key(out: &mut Writer, version: i16, group: &GroupId, member: &MemberId) {
    out.i16(version).string(group.as_str()).string(member.as_str()).done();
}

fn read_member_key(key: &mut Reader) -> Result<(GroupId, MemberId), BadRecord> {
    Ok((key.string()?.into(), key.string()?.into()))
}

#[cfg(test)]
mod tests;
