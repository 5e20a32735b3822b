//! Groups whose assignment the server makes (KIP-848): members heartbeat, and are told what to read.
//!
//! Three epochs: the group's rises with each change of members, subscriptions or topics; the target's follows when the
//! assignor has run; a member's follows when it has converged. Nobody waits for anybody, except for a partition that
//! another still holds.
//!
//! - `state`: the group, its members, and who holds what
//! - `heartbeat`: what a heartbeat does; `admission`: who may heartbeat, join, replace, leave
//! - `target`: when the assignor runs; `reconcile`: one step of one member towards its target
//! - `departure`: who leaves, and who is gone
//! - `fencing`: whose offsets are taken
//! - `describe`: the group from outside; `instances`: what consumer instances, which are members, know of themselves
//!
//! A member that keeps nothing in process between its calls (HTTP) says so by an empty owned set: it then gives up and
//! takes over in one step.
//!
//! *Invariant:* a partition is held by one member at most, from its assignment until that member has given it up or is
//! gone.
//! *Invariant:* live state changes only by the functions that replay uses, so a reload gives the same group.

mod admission;
mod departure;
mod describe;
mod fencing;
mod heartbeat;
mod instances;
mod reconcile;
mod state;
mod target;

pub(super) use heartbeat::check;
pub(super) use state::ConsumerGroup;
