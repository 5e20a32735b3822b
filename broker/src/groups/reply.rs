//! What a group answers, and what else follows from an input.
//!
//! *Invariant:* a ticket is replied to once at most, and exactly once if its member neither vanishes nor the shard.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::error::GroupError;
use super::ids::{InstanceId, MemberId, Ticket, TopicIdPartition};
use super::instances::{InstanceAnswer, InstanceRefusal};
use super::offsets::Committed;
use super::records::GroupRecord;
use super::view::{GroupListing, GroupView};
use crate::types::{PartitionIndex, TopicName};

/// What follows from one input. The shell appends the records in their order as one batch, and sends these replies once
/// these records, **and all appended before them**, are committed: a reply may rest on an earlier change.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// To append, atomically.
    pub records: Vec<GroupRecord>,
    /// To send after that.
    pub replies: Vec<(Ticket, Reply)>,
}

impl Outcome {
    pub(super) fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.replies.push((ticket, reply));
    }
}

/// The answer to the [`super::Request`] of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To a member's heartbeat.
    ConsumerHeartbeat(Result<ConsumerHeartbeatReply, GroupError>),
    /// To a join.
    Join(Result<JoinReply, GroupError>),
    /// To a request for an assignment.
    Sync(Result<SyncReply, GroupError>),
    /// To a classic heartbeat.
    Heartbeat(Result<(), GroupError>),
    /// To members that go, each for itself.
    Leave(Result<Vec<Left>, GroupError>),
    /// To a commit, each offset for itself, in the order of the request.
    Commit(Result<Vec<Result<(), GroupError>>, GroupError>),
    /// To a fetch: in the order of the request, or of all. What is not kept is `None`.
    FetchOffsets(Result<Vec<FetchedOffset>, GroupError>),
    /// To offsets to forget, each for itself, in the order of the request.
    DeleteOffsets(Result<Vec<Result<(), GroupError>>, GroupError>),
    /// To a group to forget.
    DeleteGroup(Result<(), GroupError>),
    /// To a question.
    Describe(Result<Box<GroupView>, GroupError>),
    /// To something of a consumer instance over HTTP.
    Instance(Result<InstanceAnswer, InstanceRefusal>),
    /// To a question about all.
    List(Vec<GroupListing>),
}

/// Where a member stands after its heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerHeartbeatReply {
    /// Its name.
    pub member: MemberId,
    /// Its epoch; as it came if it leaves.
    pub epoch: i32,
    /// When to heartbeat again.
    pub heartbeat_interval_ms: u32,
    /// What is assigned to it, each partition with the epoch since which it is; `None` if nothing new is to be told.
    pub assignment: Option<BTreeMap<TopicIdPartition, i32>>,
}

/// A classic member has joined a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinReply {
    /// The generation.
    pub generation: i32,
    /// The protocol type.
    pub protocol_type: Option<String>,
    /// The protocol that all understand.
    pub protocol: Option<String>,
    /// Who assigns.
    pub leader: MemberId,
    /// Whether the leader is not to assign, since nothing changed (KIP-814).
    pub skip_assignment: bool,
    /// The member's name.
    pub member: MemberId,
    /// All members with what they say in the protocol; for the leader only.
    pub members: Vec<(MemberId, Option<InstanceId>, Bytes)>,
}

/// A classic member's assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncReply {
    /// The protocol type.
    pub protocol_type: Option<String>,
    /// The protocol.
    pub protocol: Option<String>,
    /// What the leader gave it.
    pub assignment: Bytes,
}

/// One of the members that were to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// As it came.
    pub member: MemberId,
    /// As it came.
    pub instance: Option<InstanceId>,
    /// Whether it is gone.
    pub result: Result<(), GroupError>,
}

/// A kept offset, or that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedOffset {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// What is kept.
    pub committed: Option<Committed>,
}
