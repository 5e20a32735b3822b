//! What may be asked of a group. The doors build these from their own messages; nothing here is checked yet.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::ids::{GroupId, InstanceId, MemberId, TopicIdPartition};
use super::instances::{InstanceCall, InstanceVerb};
use crate::types::{LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName};

/// One request. Each is answered once, by the [`super::Reply`] of the same name.
#[derive(Clone, Debug)]
pub enum Request {
    /// The one call of members whose assignment the server makes (KIP-848).
    ConsumerHeartbeat(ConsumerHeartbeat),
    /// JoinGroup of the classic protocol: waits until the members have gathered.
    Join(Join),
    /// SyncGroup of the classic protocol: waits until the leader has brought the assignment.
    Sync(Sync),
    /// Heartbeat of the classic protocol.
    Heartbeat(Heartbeat),
    /// LeaveGroup, for members of both kinds of group.
    Leave(Leave),
    /// Offsets to keep.
    Commit(Commit),
    /// Kept offsets to read.
    FetchOffsets(FetchOffsets),
    /// Kept offsets to forget (KIP-496).
    DeleteOffsets(DeleteOffsets),
    /// A group to forget, with its offsets.
    DeleteGroup(GroupId),
    /// What a group is now.
    Describe(GroupId),
    /// Something of a consumer instance over HTTP.
    Instance(Box<InstanceCall>),
    /// The groups of the shard.
    List,
}

/// A member's heartbeat. What is `None` is as it was.
#[derive(Clone, Debug)]
pub struct ConsumerHeartbeat {
    /// The group.
    pub group: GroupId,
    /// The member; empty in the first heartbeat of a client that does not name itself.
    pub member: MemberId,
    /// The name that such a client is given: the shell makes it.
    pub fresh_member: MemberId,
    /// Its epoch: 0 joins, -1 leaves, -2 leaves for a while and keeps its partitions (static members).
    pub epoch: i32,
    /// Its instance, if it is a static member.
    pub instance: Option<InstanceId>,
    /// Where it stands.
    pub rack: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// Where it called from.
    pub client_host: String,
    /// How long it may take to give up partitions.
    pub rebalance_timeout_ms: Option<u32>,
    /// How long it may be silent.
    pub session_timeout_ms: Option<u32>,
    /// What it reads.
    pub topics: Option<BTreeSet<TopicName>>,
    /// What it reads, by pattern; refused unless empty.
    pub topics_regex: Option<String>,
    /// Who assigns: `uniform` or `range`.
    pub assignor: Option<String>,
    /// What it holds.
    pub owned: Option<BTreeSet<TopicIdPartition>>,
    /// A note that is kept with the member and given back in its view.
    pub client_metadata: Option<String>,
}

/// A classic member joins, or joins again.
#[derive(Clone, Debug)]
pub struct Join {
    /// The group.
    pub group: GroupId,
    /// The member; empty the first time.
    pub member: MemberId,
    /// The name that it is given then: the shell makes it.
    pub fresh_member: MemberId,
    /// Its instance, if it is a static member.
    pub instance: Option<InstanceId>,
    /// `client.id`.
    pub client_id: String,
    /// Where it called from.
    pub client_host: String,
    /// How long it may be silent.
    pub session_timeout_ms: u32,
    /// How long it may take to join again.
    pub rebalance_timeout_ms: u32,
    /// `consumer`, `connect` and the like.
    pub protocol_type: String,
    /// Its protocols, best first, with what it says in each.
    pub protocols: Vec<(String, Bytes)>,
    /// Whether a new member is to be given its name first (KIP-394, version 4 and later).
    pub requires_known_member: bool,
    /// Whether it understands `skip_assignment` (KIP-814, version 9 and later).
    pub may_skip_assignment: bool,
}

/// A classic member asks for its assignment; the leader brings all of them.
#[derive(Clone, Debug)]
pub struct Sync {
    /// The group.
    pub group: GroupId,
    /// The member.
    pub member: MemberId,
    /// Its instance, if it is a static member.
    pub instance: Option<InstanceId>,
    /// The generation that it joined.
    pub generation: i32,
    /// What it believes the protocol type is.
    pub protocol_type: Option<String>,
    /// What it believes the protocol is.
    pub protocol: Option<String>,
    /// Everyone's, from the leader.
    pub assignments: Vec<(MemberId, Bytes)>,
}

/// A classic member is alive.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// The group.
    pub group: GroupId,
    /// The member.
    pub member: MemberId,
    /// Its instance, if it is a static member.
    pub instance: Option<InstanceId>,
    /// The generation that it joined.
    pub generation: i32,
}

/// Members go.
#[derive(Clone, Debug)]
pub struct Leave {
    /// The group.
    pub group: GroupId,
    /// Who: by member, by instance, or by both.
    pub members: Vec<(MemberId, Option<InstanceId>)>,
}

/// Offsets to keep.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The group.
    pub group: GroupId,
    /// The member; empty from those who are none.
    pub member: MemberId,
    /// Its instance, if it is a static member.
    pub instance: Option<InstanceId>,
    /// Its generation or member epoch; negative from those who are no members.
    pub epoch: i32,
    /// The offsets.
    pub offsets: Vec<CommitOffset>,
}

/// One offset to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitOffset {
    /// The topic by name.
    pub topic: TopicName,
    /// The topic by identity, if the client knows it.
    pub topic_id: Option<TopicId>,
    /// The partition.
    pub partition: PartitionIndex,
    /// The next offset to read.
    pub offset: Offset,
    /// The epoch of the last record read, or [`LeaderEpoch::NONE`].
    pub leader_epoch: LeaderEpoch,
    /// The client's note.
    pub metadata: String,
}

/// Kept offsets to read.
#[derive(Clone, Debug)]
pub struct FetchOffsets {
    /// The group.
    pub group: GroupId,
    /// The member and its epoch, from those who are one.
    pub member: Option<(MemberId, i32)>,
    /// Which; all if `None`.
    pub partitions: Option<Vec<(TopicName, PartitionIndex)>>,
}

/// Kept offsets to forget.
#[derive(Clone, Debug)]
pub struct DeleteOffsets {
    /// The group.
    pub group: GroupId,
    /// Which.
    pub partitions: Vec<(TopicName, PartitionIndex)>,
}

impl Request {
    /// Whether a group may come to be by it that was not there.
    #[must_use]
    pub fn makes_a_group(&self) -> bool {
        match self {
            Self::ConsumerHeartbeat(_) | Self::Join(_) | Self::Commit(_) => true,
            Self::Instance(call) => matches!(call.verb, InstanceVerb::Create { .. }),
            _ => false,
        }
    }

    /// The group that it is about; none if it is about all.
    #[must_use]
    pub fn group(&self) -> Option<&GroupId> {
        match self {
            Self::ConsumerHeartbeat(request) => Some(&request.group),
            Self::Join(request) => Some(&request.group),
            Self::Sync(request) => Some(&request.group),
            Self::Heartbeat(request) => Some(&request.group),
            Self::Leave(request) => Some(&request.group),
            Self::Commit(request) => Some(&request.group),
            Self::FetchOffsets(request) => Some(&request.group),
            Self::DeleteOffsets(request) => Some(&request.group),
            Self::DeleteGroup(group) | Self::Describe(group) => Some(group),
            Self::Instance(call) => Some(&call.group),
            Self::List => None,
        }
    }
}
