//! Fetch: records out, to consumers and to replicas.
//!
//! Responses are written by hand in every version, around record bytes that are not copied.

use bytes::Bytes;
use kafka_wire::{fetch_request as request, fetch_response as response};

use super::ErrorCode;
use super::produce::leader_field;
use super::topic_ids::{from_codec_id, into_codec_id};
use super::writer::FrameWriter;
use crate::types::{BrokerEpoch, BrokerId, Incarnation, LeaderEpoch, Offset, TopicId};

/// From this version on a follower tells its broker epoch.
const REPLICA_STATE_VERSION: i16 = 15;
/// From this version on topics go by their ids.
const TOPIC_ID_VERSION: i16 = 13;

/// Asks for records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// The follower that asks; `None` for a consumer. Its epoch is -1 if it does not say (before version 15).
    pub replica: Option<Incarnation>,
    /// How long to wait for `min_bytes`.
    pub max_wait_ms: i32,
    /// The least to answer with before the wait is over.
    pub min_bytes: i32,
    /// The most to answer with, but always a batch.
    pub max_bytes: i32,
    /// An incremental fetch session; 0 is none.
    pub session_id: i32,
    /// Its epoch; -1 is no session.
    pub session_epoch: i32,
    /// From where.
    pub topics: Vec<FetchTopic>,
}

/// The partitions wanted of one topic, named (to version 12) or by id (from version 13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchTopic {
    /// The topic's name.
    pub name: Option<String>,
    /// The topic's id.
    pub topic_id: Option<TopicId>,
    /// Its partitions.
    pub partitions: Vec<FetchPartition>,
}

/// Where to read one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchPartition {
    /// The partition.
    pub index: i32,
    /// The reign that the asker knows; `NONE` if it does not say.
    pub current_leader_epoch: LeaderEpoch,
    /// From where.
    pub fetch_offset: Offset,
    /// The epoch of the last record that the asker has; `NONE` if it does not say.
    pub last_fetched_epoch: LeaderEpoch,
    /// Where the follower's log starts; `NONE` for a consumer.
    pub log_start_offset: Offset,
    /// The most of this partition.
    pub max_bytes: i32,
}

/// Records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchResponse {
    /// An error of the whole request.
    pub error: ErrorCode,
    /// Per topic.
    pub topics: Vec<FetchedTopic>,
}

/// Records of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedTopic {
    /// The topic's name.
    pub name: Option<String>,
    /// The topic's id.
    pub topic_id: Option<TopicId>,
    /// Its partitions.
    pub partitions: Vec<FetchedPartition>,
}

/// Records of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedPartition {
    /// The partition.
    pub index: i32,
    /// Why there are none, if so.
    pub error: ErrorCode,
    /// Up to where consumers may read.
    pub high_watermark: Offset,
    /// Where the log starts.
    pub log_start_offset: Offset,
    /// The epoch and end at which the follower's log parts from the leader's.
    pub diverging: Option<(LeaderEpoch, Offset)>,
    /// Who leads now, told with `NotLeaderOrFollower` and `FencedLeaderEpoch`.
    pub leader: Option<(BrokerId, LeaderEpoch)>,
    /// Whole record batches, in chunks that are sent one after the other.
    pub records: Vec<Bytes>,
}

impl FetchRequest {
    /// In the codec's words, for a version that tells the replica's epoch and the topics' ids.
    pub(super) fn into_codec(self) -> kafka_wire::FetchRequest {
        let mut message = kafka_wire::FetchRequest::default();
        if let Some(replica) = self.replica {
            message.replica_state.replica_id = replica.broker.0;
            message.replica_state.replica_epoch = replica.epoch.0;
        }
        message.max_wait_ms = self.max_wait_ms;
        message.min_bytes = self.min_bytes;
        message.max_bytes = self.max_bytes;
        message.session_id = self.session_id;
        message.session_epoch = self.session_epoch;
        message.topics = self.topics.into_iter().map(asked_into_codec).collect();
        message
    }

    /// From the codec's words.
    pub(super) fn from_codec(message: kafka_wire::FetchRequest, version: i16) -> Self {
        let (id, epoch) = if version >= REPLICA_STATE_VERSION {
            (message.replica_state.replica_id, message.replica_state.replica_epoch)
        } else {
            (message.replica_id, -1)
        };
        let replica = (id >= 0).then_some(Incarnation { broker: BrokerId(id), epoch: BrokerEpoch(epoch) });
        Self {
            replica,
            max_wait_ms: message.max_wait_ms,
            min_bytes: message.min_bytes,
            max_bytes: message.max_bytes,
            session_id: message.session_id,
            session_epoch: message.session_epoch,
            topics: message.topics.into_iter().map(|topic| asked_from_codec(topic, version)).collect(),
        }
    }
}

impl FetchResponse {
    /// Writes the body of a response of any version that we speak.
    pub(super) fn write(self, writer: &mut FrameWriter, version: i16) {
        writer.i32(0); // throttle time
        if version >= 7 {
            writer.i16(self.error.code());
            writer.i32(0); // session id: none
        }
        writer.array_len(self.topics.len());
        for topic in self.topics {
            if version >= TOPIC_ID_VERSION {
                writer.topic_id(topic.topic_id);
            } else {
                writer.string(topic.name.as_deref().unwrap_or_default());
            }
            writer.array_len(topic.partitions.len());
            for partition in topic.partitions {
                partition.write(writer, version);
            }
            writer.tags(&[]);
        }
        writer.tags(&[]);
    }

    /// From the codec's words.
    pub(super) fn from_codec(message: kafka_wire::FetchResponse, version: i16) -> Self {
        let topic = |topic: response::FetchableTopicResponse| FetchedTopic {
            name: (version < TOPIC_ID_VERSION).then(|| topic.topic.into_string()),
            topic_id: from_codec_id(topic.topic_id),
            partitions: topic.partitions.into_iter().map(FetchedPartition::from_codec).collect(),
        };
        Self { error: message.error_code.into(), topics: message.responses.into_iter().map(topic).collect() }
    }
}

impl FetchedPartition {
    fn write(self, writer: &mut FrameWriter, version: i16) {
        writer.i32(self.index);
        writer.i16(self.error.code());
        writer.i64(self.high_watermark.0);
        writer.i64(self.high_watermark.0); // last stable offset: there are no transactions
        if version >= 5 {
            writer.i64(self.log_start_offset.0);
        }
        writer.null_array(); // aborted transactions
        if version >= 11 {
            writer.i32(-1); // preferred read replica
        }
        writer.records(self.records);
        let diverging = self.diverging.map(diverging_field);
        let leader = self.leader.map(leader_field);
        let mut tags: [(u32, &[u8]); 2] = [(0, &[]); 2];
        let mut count = 0;
        if let Some(diverging) = &diverging {
            tags[count] = (0, diverging);
            count += 1;
        }
        if let Some(leader) = &leader {
            tags[count] = (1, leader);
            count += 1;
        }
        writer.tags(&tags[..count]);
    }

    fn from_codec(partition: response::PartitionData) -> Self {
        let diverging = &partition.diverging_epoch;
        let leader = &partition.current_leader;
        Self {
            index: partition.partition_index,
            error: partition.error_code.into(),
            high_watermark: Offset(partition.high_watermark),
            log_start_offset: Offset(partition.log_start_offset),
            diverging: (diverging.end_offset >= 0)
                .then_some((LeaderEpoch(diverging.epoch), Offset(diverging.end_offset))),
            leader: (leader.leader_id >= 0)
                .then_some((BrokerId(leader.leader_id), LeaderEpoch(leader.leader_epoch))),
            records: partition.records.into_iter().filter(|records| !records.is_empty()).collect(),
        }
    }
}

/// The tagged field that tells where logs part: epoch, end offset, no tagged fields of its own.
fn diverging_field((epoch, end): (LeaderEpoch, Offset)) -> [u8; 13] {
    let mut field = [0; 13];
    field[..4].copy_from_slice(&epoch.0.to_be_bytes());
    field[4..12].copy_from_slice(&end.0.to_be_bytes());
    field
}

fn asked_into_codec(topic: FetchTopic) -> request::FetchTopic {
    let mut asked = request::FetchTopic::default();
    asked.topic_id = into_codec_id(topic.topic_id);
    for partition in topic.partitions {
        let mut into = request::FetchPartition::default();
        into.partition = partition.index;
        into.current_leader_epoch = partition.current_leader_epoch.0;
        into.fetch_offset = partition.fetch_offset.0;
        into.last_fetched_epoch = partition.last_fetched_epoch.0;
        into.log_start_offset = partition.log_start_offset.0;
        into.partition_max_bytes = partition.max_bytes;
        asked.partitions.push(into);
    }
    asked
}

fn asked_from_codec(topic: request::FetchTopic, version: i16) -> FetchTopic {
    let partition = |asked: request::FetchPartition| FetchPartition {
        index: asked.partition,
        current_leader_epoch: LeaderEpoch(asked.current_leader_epoch),
        fetch_offset: Offset(asked.fetch_offset),
        last_fetched_epoch: LeaderEpoch(asked.last_fetched_epoch),
        log_start_offset: Offset(asked.log_start_offset),
        max_bytes: asked.partition_max_bytes,
    };
    FetchTopic {
        name: (version < TOPIC_ID_VERSION).then(|| topic.topic.into_string()),
        topic_id: from_codec_id(topic.topic_id),
        partitions: topic.partitions.into_iter().map(partition).collect(),
    }
}
