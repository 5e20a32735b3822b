//! `OffsetCommitKey` and `OffsetCommitValue`: Kafka's bytes.
//!
//! ```text
//! key 0, 1   group string | topic string | partition i32
//! value 0    offset i64 | metadata string | commit time i64
//! value 1    as 0, and expiry time i64          (passed over)
//! value 2    as 0
//! value 3    offset i64 | leader epoch i32 | metadata string | commit time i64
//! value 4    as 3 with compact lengths, and tagged fields: 0 = topic id (16 bytes)
//! ```

use bytes::Bytes;
use uuid::Uuid;

use super::reader::{Reader, bad};
use super::writer::Writer;
use crate::groups::error::BadRecord;
use crate::groups::ids::GroupId;
use crate::groups::offsets::Committed;
use crate::types::{LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName};

const KEY: i16 = 1;
const VALUE: i16 = 4;
const TOPIC_ID_TAG: u32 = 0;

pub(super) fn write_key(out: &mut Writer, group: &GroupId, topic: &TopicName, partition: PartitionIndex) {
    out.i16(KEY).string(group.as_str()).string(topic.as_str()).i32(partition.0).done();
}

pub(super) fn read_key(key: &mut Reader) -> Result<(GroupId, TopicName, PartitionIndex), BadRecord> {
    let group = key.string()?.into();
    let topic = TopicName::new(&key.string()?).or_else(|_| bad("a topic name is not legal"))?;
    Ok((group, topic, PartitionIndex(key.i32()?)))
}

pub(super) fn value(committed: &Committed) -> Bytes {
    let mut out = Writer::flexible();
    out.i16(VALUE).i64(committed.offset.0).i32(committed.leader_epoch.0);
    out.string(&committed.metadata).i64(committed.commit_timestamp_ms);
    match committed.topic_id {
        Some(id) => {
            out.unsigned_varint(1)
                .unsigned_varint(TOPIC_ID_TAG)
                .unsigned_varint(16)
                .raw(id.0.as_bytes())
                .done();
        }
        None => out.unsigned_varint(0).done(),
    }
    out.into_bytes()
}

pub(super) fn read(value: Bytes) -> Result<Committed, BadRecord> {
    let mut value = Reader::new(value);
    let version = value.i16()?;
    if !(0..=4).contains(&version) {
        return bad("an offset's value has a version that is not known");
    }
    value.flexible = version >= 4;
    let offset = Offset(value.i64()?);
    let leader_epoch = if version >= 3 { LeaderEpoch(value.i32()?) } else { LeaderEpoch::NONE };
    let metadata = value.string()?;
    let commit_timestamp_ms = value.i64()?;
    let mut topic_id = None;
    value.tagged(|tag, bytes| {
        if tag == TOPIC_ID_TAG {
            let id = Reader::new(bytes).uuid()?;
            topic_id = (id != Uuid::nil()).then_some(TopicId(id));
        }
        Ok(())
    })?;
    Ok(Committed { offset, leader_epoch, metadata, commit_timestamp_ms, topic_id })
}
