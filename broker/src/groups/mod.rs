//! Consumer groups: who reads what, and how far.
//!
//! All of this but `coordinator/` is pure. A [`Shard`] is all groups of one partition of `__consumer_offsets`; it takes a request and the
//! time, changes at once, and gives back records to append and replies to send. Its shell appends the records as one
//! batch in that order, sends a reply once these **and all earlier records** are committed, and, if an append fails,
//! drops the shard, fails whoever waits, and loads it again from the log: so there is nothing to roll back here.
//!
//! - [`Shard`]: `shard` (dispatch), `replay` (loading), `group` (one group: its kind and its offsets), `turn`, `timers`
//! - `commit`, `offsets`, `expiry`, `admin`: committed offsets, and groups from outside
//! - `consumer/`: server-side assignment (KIP-848), also for members over HTTP; `classic/`: JoinGroup and SyncGroup
//! - [`instances`]: consumer instances over HTTP, which are members through their polls
//! - `assignor/`: who is to read what; `records/`: what is kept in the log
//! - [`coordinator`]: the shell: a task for every shard that this broker leads
//! - [`Request`], [`Reply`], [`GroupView`], [`GroupError`], [`GroupOptions`], [`Topics`]: the words spoken here
//!
//! A group is of one kind while it has members; when it is empty it may become the other, and keeps its offsets.
//!
//! *Invariant:* what handling an input leaves in memory is what replaying its records gives, but for deadlines and for
//! classic groups that are gathering.
//! *Invariant:* nothing in the pure part waits, reads a clock or draws a random number; the same inputs give the same outcome.
//! *Invariant:* everything that a client can make grow is bounded by [`GroupOptions`].

mod error;
mod ids;
mod offset_reset;
mod options;
mod topics;

mod request;
mod reply;
mod view;

mod offsets;
mod records;

mod timers;
mod turn;

mod assignor;
mod classic;
mod consumer;

pub mod instances;

mod admin;
mod commit;
mod expiry;
mod group;
mod replay;
mod shard;

pub mod coordinator;

#[cfg(test)]
mod tests;

pub use assignor::Assignor;
pub use coordinator::{Coordinator, CoordinatorError, CoordinatorOptions, CoordinatorParts};
pub use error::{BadRecord, GroupError};
pub use ids::{GroupId, InstanceId, InstanceName, MemberId, Ticket, TopicIdPartition, shard_of};
pub use offset_reset::OffsetReset;
pub use offsets::Committed;
pub use options::GroupOptions;
pub use records::{
    AssignedPartitions, ClassicMemberValue, ClassicValue, CurrentValue, GroupEpochs, GroupRecord,
    InstanceValue, MemberProfile, MemberState, Position, TargetPartitions,
};
pub use reply::{ConsumerHeartbeatReply, FetchedOffset, JoinReply, Left, Outcome, Reply, SyncReply};
pub use request::{
    Commit, CommitOffset, ConsumerHeartbeat, DeleteOffsets, FetchOffsets, Heartbeat, Join, Leave, Request,
    Sync,
};
pub use shard::Shard;
pub use topics::{TopicFacts, Topics};
pub use turn::Now;
pub use view::{GroupListing, GroupView, MemberDetail, MemberView};
