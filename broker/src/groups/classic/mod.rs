//! Groups whose members make the assignment themselves: JoinGroup, SyncGroup, Heartbeat, LeaveGroup.
//!
//! ```text
//! Empty -> PreparingRebalance -> CompletingRebalance -> Stable -> PreparingRebalance ...
//!            members gather        the leader assigns
//! ```
//!
//! What members say to each other in their protocol is opaque here (cooperative rebalancing is theirs), except for the
//! topics of the `consumer` protocol: they tell which offsets are in use.
//!
//! - `state`: the group and its members
//! - `join`: who joins, and how; `statics`: a static member's new life; `round`: from gathering to a generation
//! - `sync`: the assignment; `departure`: who leaves, and who is gone
//! - `fencing`: whose offsets are taken; `subscription`: the topics that members read; `describe`: from outside
//!
//! Kept in the log is the last stable or empty generation only, as in Kafka: after a reload a group that was gathering
//! is back in it, its members' waiting requests fail with the shard, and they join again.
//!
//! *Invariant:* a member waits with one join and one sync at most; a second of either answers the first.
//! *Invariant:* a generation is used once while the shard lives.

mod departure;
mod describe;
mod fencing;
mod join;
mod round;
mod state;
mod statics;
mod subscription;
mod sync;

pub(super) use join::check;
pub(super) use state::ClassicGroup;
#[cfg(test)]
pub(super) use state::State;
