//! Produce: batches in, offsets out.
//!
//! Read and written by hand, since this is where bytes come in: records pass through uncopied, versions 0 to 2 that the
//! codec lacks are understood, and the number of partitions in one request is bounded over all its topics.

use bytes::Bytes;
use kafka_wire::produce_response::PartitionProduceResponse;
use kafka_wire_core::{BoundedCount, DecodeError, Decoder};

use super::private_tag::{read_detail, read_expected_offset, write_detail, write_expected_offset};
use super::writer::FrameWriter;
use super::{ApiKey, ErrorCode, PRIVATE_TAG, WireError};
use crate::types::{BrokerId, LeaderEpoch, Offset};

/// Asks to append records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceRequest {
    /// Whether a transactional id was given.
    pub transactional: bool,
    /// -1 all in-sync replicas, 1 the leader, 0 no answer at all.
    pub acks: i16,
    /// How long the broker may wait for replicas.
    pub timeout_ms: i32,
    /// Where to.
    pub topics: Vec<ProduceTopic>,
}

/// The records for one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceTopic {
    /// The topic.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<ProducePartition>,
}

/// The records for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducePartition {
    /// The partition.
    pub index: i32,
    /// Record batches, not yet looked at.
    pub records: Option<Bytes>,
    /// Append only if the log ends here; between brokers only.
    pub expected_offset: Option<Offset>,
}

/// What became of a produce.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProduceResponse {
    /// Per topic.
    pub topics: Vec<ProducedTopic>,
}

/// What became of the records for one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducedTopic {
    /// The topic.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<ProducedPartition>,
}

/// What became of the records for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducedPartition {
    /// The partition.
    pub index: i32,
    /// Why they were not appended, if so.
    pub error: ErrorCode,
    /// Offset of the first record; -1 with an error.
    pub base_offset: Offset,
    /// When they were appended; -1 if the producer's times stand.
    pub log_append_time_ms: i64,
    /// The first offset of the log.
    pub log_start_offset: Offset,
    /// The error in words.
    pub error_message: Option<String>,
    /// Who leads now, told with `NotLeaderOrFollower` and `FencedLeaderEpoch`.
    pub leader: Option<(BrokerId, LeaderEpoch)>,
    /// More, between brokers only.
    pub detail: Option<ProduceDetail>,
}

/// What a broker that forwarded a produce needs to know beyond Kafka's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProduceDetail {
    /// The batch had been appended before; the offsets are those of then.
    pub duplicate: bool,
    /// Whether it was written: 0 no, 1 maybe, 2 yes.
    pub written: i8,
    /// Where the log ends.
    pub log_end_offset: Offset,
    /// The sequence that was expected; -1 if that was not the matter.
    pub expected_sequence: i32,
    /// The producer epoch that is known; -1 if that was not the matter.
    pub producer_epoch: i16,
    /// The epoch of the leader that answered.
    pub leader_epoch: LeaderEpoch,
}

impl ProduceRequest {
    /// Reads the body of a request of any version that we speak.
    pub(super) fn read(
        decoder: &mut Decoder,
        version: i16,
        partitions_max: usize,
    ) -> Result<Self, WireError> {
        let flexible = ApiKey::Produce.is_flexible(version);
        let transactional = match version {
            ..3 => false,
            3..9 => decoder.read_nullable_string()?.is_some(),
            _ => decoder.read_compact_nullable_string()?.is_some(),
        };
        let acks = decoder.read_i16()?;
        let timeout_ms = decoder.read_i32()?;
        let mut partitions_left = partitions_max;
        let count = read_array_len(decoder, flexible)?.get();
        let mut topics = Vec::new();
        for _ in 0..count {
            topics.push(ProduceTopic::read(decoder, flexible, &mut partitions_left)?);
        }
        if flexible {
            decoder.read_tagged_fields()?;
        }
        Ok(Self { transactional, acks, timeout_ms, topics })
    }

    /// Writes the body of a request in a flexible version.
    pub(super) fn write(self, writer: &mut FrameWriter) -> Result<(), WireError> {
        if self.transactional {
            return Err(WireError::malformed("transactions are not forwarded"));
        }
        writer.nullable_string(None);
        writer.i16(self.acks);
        writer.i32(self.timeout_ms);
        writer.array_len(self.topics.len());
        for topic in self.topics {
            writer.string(&topic.name);
            writer.array_len(topic.partitions.len());
            for partition in topic.partitions {
                writer.i32(partition.index);
                match partition.records {
                    Some(records) => writer.records([records]),
                    None => writer.null_records(),
                }
                match partition.expected_offset {
                    Some(offset) => writer.tags(&[(PRIVATE_TAG, &write_expected_offset(offset))]),
                    None => writer.tags(&[]),
                }
            }
            writer.tags(&[]);
        }
        writer.tags(&[]);
        Ok(())
    }
}

impl ProduceTopic {
    fn read(decoder: &mut Decoder, flexible: bool, partitions_left: &mut usize) -> Result<Self, WireError> {
        let name = if flexible { decoder.read_compact_string()? } else { decoder.read_string()? };
        let count = read_array_len(decoder, flexible)?.get();
        *partitions_left = partitions_left
            .checked_sub(count)
            .ok_or_else(|| WireError::malformed("too many partitions in one produce"))?;
        let mut partitions = Vec::new();
        for _ in 0..count {
            partitions.push(ProducePartition::read(decoder, flexible)?);
        }
        if flexible {
            decoder.read_tagged_fields()?;
        }
        Ok(Self { name: name.into_string(), partitions })
    }
}

impl ProducePartition {
    fn read(decoder: &mut Decoder, flexible: bool) -> Result<Self, WireError> {
        let index = decoder.read_i32()?;
        if !flexible {
            return Ok(Self { index, records: decoder.read_nullable_bytes()?, expected_offset: None });
        }
        let records = decoder.read_compact_nullable_bytes()?;
        let expected_offset = read_expected_offset(&decoder.read_tagged_fields()?)?;
        Ok(Self { index, records, expected_offset })
    }
}

impl ProduceResponse {
    /// Writes the body of a response of any version that we speak.
    pub(super) fn write(&self, writer: &mut FrameWriter, version: i16) {
        writer.array_len(self.topics.len());
        for topic in &self.topics {
            writer.string(&topic.name);
            writer.array_len(topic.partitions.len());
            for partition in &topic.partitions {
                partition.write(writer, version);
            }
            writer.tags(&[]);
        }
        if version >= 1 {
            writer.i32(0); // throttle time
        }
        writer.tags(&[]);
    }

    /// From the codec's words.
    pub(super) fn from_codec(message: kafka_wire::ProduceResponse) -> Self {
        let topic = |topic: kafka_wire::produce_response::TopicProduceResponse| ProducedTopic {
            name: topic.name.into_string(),
            partitions: topic.partition_responses.into_iter().map(ProducedPartition::from_codec).collect(),
        };
        Self { topics: message.responses.into_iter().map(topic).collect() }
    }
}

impl ProducedPartition {
    fn write(&self, writer: &mut FrameWriter, version: i16) {
        writer.i32(self.index);
        writer.i16(self.error.code());
        writer.i64(self.base_offset.0);
        if version >= 2 {
            writer.i64(self.log_append_time_ms);
        }
        if version >= 5 {
            writer.i64(self.log_start_offset.0);
        }
        if version >= 8 {
            writer.array_len(0); // errors of single records
            writer.nullable_string(self.error_message.as_deref());
        }
        let leader = self.leader.filter(|_| version >= 10).map(leader_field);
        let detail = self.detail.as_ref().map(write_detail);
        let mut tags: [(u32, &[u8]); 2] = [(0, &[]); 2];
        let mut count = 0;
        if let Some(leader) = &leader {
            tags[count] = (0, leader);
            count += 1;
        }
        if let Some(detail) = &detail {
            tags[count] = (PRIVATE_TAG, detail);
            count += 1;
        }
        writer.tags(&tags[..count]);
    }

    fn from_codec(partition: PartitionProduceResponse) -> Self {
        let leader = &partition.current_leader;
        Self {
            index: partition.index,
            error: partition.error_code.into(),
            base_offset: Offset(partition.base_offset),
            log_append_time_ms: partition.log_append_time_ms,
            log_start_offset: Offset(partition.log_start_offset),
            leader: (leader.leader_id >= 0)
                .then_some((BrokerId(leader.leader_id), LeaderEpoch(leader.leader_epoch))),
            detail: read_detail(&partition.unknown_tagged_fields),
            error_message: partition.error_message.map(|message| message.into_string()),
        }
    }
}

/// The tagged field that tells who leads: broker id, leader epoch, no tagged fields of its own. The same in `Fetch`.
pub(super) fn leader_field((broker, epoch): (BrokerId, LeaderEpoch)) -> [u8; 9] {
    let mut field = [0; 9];
    field[..4].copy_from_slice(&broker.0.to_be_bytes());
    field[4..8].copy_from_slice(&epoch.0.to_be_bytes());
    field
}

fn read_array_len(decoder: &mut Decoder, flexible: bool) -> Result<BoundedCount, DecodeError> {
    if flexible { decoder.read_compact_array_len() } else { decoder.read_array_len() }
}
