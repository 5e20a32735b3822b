//! What may be asked of a consumer instance, and what it answers. Brokers send these to each other as JSON, so a name here
//! is part of the protocol between versions.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::spec::{EmbeddedFormat, InstanceSpec};
use super::subscription::Subscription;
use crate::groups::ids::{GroupId, InstanceName, MemberId, TopicIdPartition};
use crate::types::{Offset, TopicName, TopicPartition};

/// A request about one instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceCall {
    /// Its group.
    pub group: GroupId,
    /// The instance.
    pub instance: InstanceName,
    /// What is asked.
    pub verb: InstanceVerb,
}

/// What is asked of an instance. All of it may be asked again when an answer was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum InstanceVerb {
    /// To be there.
    Create {
        /// As what.
        spec: InstanceSpec,
        /// Whether one that is there already will do.
        resume: bool,
        /// Which request this is, to know a repeat of it.
        call: Uuid,
    },
    /// To be there no more.
    Delete,
    /// What it is.
    View,
    /// To read this from now on.
    Subscribe(Subscription),
    /// To go on elsewhere.
    Seek(Vec<(TopicPartition, Offset)>),
    /// To begin a poll.
    Begin(BeginPoll),
    /// To know how far a poll is.
    Progress(PollProgress),
    /// That the answer of a poll leaves now: whoever polls next has had it.
    Told(Uuid),
    /// To end a poll that delivers nothing, and settles nothing: it failed.
    Abandon(Uuid),
    /// To commit all that was delivered.
    CommitDelivered,
    /// To commit these.
    Commit(Vec<InstanceCommit>),
    /// What its group has committed.
    Committed(Vec<TopicPartition>),
}

/// A poll begins, or goes on after a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeginPoll {
    /// Which poll.
    pub poll: Uuid,
    /// For a poll that goes on: the turn that it was told before.
    pub goes_on: Option<u64>,
    /// Whether what was delivered last is to be delivered again.
    pub replay: bool,
    /// The format that the client wants, if it says.
    pub wants: Option<EmbeddedFormat>,
    /// How long it may wait for a poll that is under way.
    pub wait_ms: u32,
    /// The name to join the group with, if it is no member.
    pub fresh_member: MemberId,
}

/// How far a poll is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PollProgress {
    /// Which poll.
    pub poll: Uuid,
    /// Whether it ends: the records before `to` leave with its answer. Else positions were found, and nothing delivered.
    pub ends: bool,
    /// Partitions, from where it read them, and up to where.
    pub partitions: Vec<PartitionProgress>,
}

/// How far a poll is in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionProgress {
    /// The partition.
    pub id: TopicIdPartition,
    /// Since when the instance has it, as the poll was told.
    pub since: i32,
    /// Where the poll began.
    pub from: Offset,
    /// The next offset after what it delivers.
    pub to: Offset,
}

/// An offset to commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceCommit {
    /// The partition.
    pub tp: TopicPartition,
    /// The next offset to read.
    pub offset: Offset,
    /// The client's note.
    pub metadata: String,
}

/// What an instance answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum InstanceAnswer {
    /// It is done.
    Done,
    /// It is there.
    Created {
        /// As what.
        spec: InstanceSpec,
        /// Whether it was made by this request.
        created: bool,
    },
    /// What it is.
    View {
        /// What it was created with.
        spec: InstanceSpec,
        /// What it reads.
        subscription: Subscription,
        /// The topics of its subscription.
        topics: BTreeSet<TopicName>,
        /// The partitions that it has.
        assignment: Vec<TopicPartition>,
    },
    /// A poll has begun.
    Begun(Begun),
    /// What is committed.
    Committed(Vec<InstanceCommit>),
}

/// A poll that has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begun {
    /// What the instance was created with.
    pub spec: InstanceSpec,
    /// Which turn this is, to go on with.
    pub turn: u64,
    /// When to go on at the latest.
    pub beat_ms: u32,
    /// What to read.
    pub partitions: Vec<BegunPartition>,
}

/// A partition to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BegunPartition {
    /// The partition.
    pub id: TopicIdPartition,
    /// Since when the instance has it.
    pub since: i32,
    /// From where; `None`: nothing is known, and the instance's `auto.offset.reset` says it.
    pub from: Option<Offset>,
    /// Up to where, exclusive, if it is delivered again.
    pub until: Option<Offset>,
}
