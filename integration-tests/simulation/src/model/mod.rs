//! The rules of replication under a model checker: the decisions of production, every history within bounds.
//!
//! One partition on three brokers and the record of it in a store. Not a model of the code, but the code: leader, follower,
//! the rules of the in-sync set, election, proof of recovery, the lookup of epochs and the guards of every write are the
//! functions that a broker runs. Around them is what their shells do, as little as it goes, and a world in which brokers
//! see records late, writes to the store land late or never or without an answer, answers of fetches get lost or come
//! late, leases end while their processes live, and brokers crash with all that they had not fsynced (or with anything,
//! if the partition does not wait for fsyncs).
//!
//! Not here: time (safety rests on no clock), the start of a log, reassignment, several partitions, files, groups,
//! producers. What the files and the shells do is for the simulation of whole brokers.
//!
//! - [`bounds`]: how much may happen; [`action`]: what may happen next
//! - [`log`], [`broker`], [`store`], [`world`]: one state, and the states after it
//! - [`history`]: what must hold
//! - [`suite`]: the bounds that tests run to their ends
//! - [`fingerprint`], [`search`]: all histories, the shortest first; [`walk`]: random ones; [`trace`]: a history in words

pub mod action;
pub mod bounds;
mod fingerprint;
mod log;
mod broker;
mod store;
mod world;
pub mod history;
pub(crate) mod panics;
pub mod search;
pub mod walk;
pub mod trace;
pub mod suite;

pub use log::Entry;

#[cfg(test)]
mod tests;
