//! Consumer instances over HTTP (REST Proxy v2): what a client creates at one broker and polls at any other.
//!
//! An instance is state of its group, kept in the group's log like its members and offsets: what it was created with, what
//! it reads, and where. Subscribed, it is a member of the group (KIP-848) whose polls are its heartbeats: it joins with
//! the first, and may share the group with members of any other kind but the classic protocol's. Silent for a session, it
//! loses its partitions to the others and stays itself; it joins again with its next poll, and is gone when nothing is
//! heard of it for much longer.
//!
//! - `spec`, `subscription`: what it was created with, what it reads; `pattern`: topics by regular expression
//! - `call`, `refusal`: what is asked and answered, also between brokers
//! - `state`: the instances of a group; `lifecycle`: they come and go; `reading`: subscriptions and seeks
//! - `membership`: the member that an instance is
//! - `queue`, `begin`, `progress`: a poll, from its turn to its end
//! - `commit`: what it commits
//!
//! *Invariant:* what was delivered counts as done with only when a later poll or a commit says so.
//! *Invariant:* polls of one instance follow each other; one that lost its turn moves nothing.
//! *Invariant:* a poll under way is in memory only: what is in the log does not depend on it.

mod spec;
mod subscription;
mod pattern;

mod call;
mod refusal;

mod state;
mod lifecycle;
mod reading;
mod membership;
mod queue;
mod begin;
mod progress;
mod commit;

pub use call::{
    BeginPoll, Begun, BegunPartition, InstanceAnswer, InstanceCall, InstanceCommit, InstanceVerb,
    PartitionProgress, PollProgress,
};
pub use refusal::{Bounded, InstanceRefusal};
pub use spec::{Dialect, EmbeddedFormat, InstanceSpec};
pub use subscription::{Mode, Subscription};

pub(super) use state::GroupInstances;
