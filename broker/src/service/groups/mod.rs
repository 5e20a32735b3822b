//! Groups from any broker: what is asked of a group reaches its coordinator, wherever that is.
//!
//! - `call`: finds the coordinator, here or elsewhere, and asks again while that can help; `offsets_topic`: creates the
//!   topic that groups are kept in, when it is first needed
//! - `to_wire`, `from_wire`: the same question and its answer in the words that brokers speak; `refusals`: their errors;
//!   `instance_wire`: the same for consumer instances
//! - `members`: join, heartbeat, leave; `offsets`: commit, read, forget; `lag`, `reset`; `listing`: list and describe
//! - `poll`: a member's next records; `positions`: where it goes on; `read_many`: records of many leaders with one wait
//!
//! *Invariant:* a request that may be repeated without harm is all that is repeated: that holds for every request here.
//! *Invariant:* nothing about a member is kept in the broker that it happens to call.

mod call;
mod error;
mod from_wire;
mod instance_wire;
mod lag;
mod listing;
mod members;
mod offsets;
mod offsets_topic;
mod poll;
mod positions;
mod read_many;
mod refusals;
mod reset;
mod to_wire;

#[cfg(test)]
mod tests;

pub(in crate::service) use members::reset_of;
pub(in crate::service) use poll::{EMPTY_HANDED_INTERVAL, STALE_MAX};
pub(in crate::service) use positions::Whose;
pub(in crate::service) use read_many::{Got, Want};

pub use error::GroupCallError;
pub use instance_wire::{asked_by_broker, told_to_broker};
pub use lag::{Lag, LagOfPartition};
pub use members::{Assignment, JoinGroup, JoinedGroup, MemberBeat};
pub use poll::{Poll, PollFailed, PollToken, Polled, PolledPartition};
pub use reset::{ResetOfPartition, ResetOffsets, ResetTo};
