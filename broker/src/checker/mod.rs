//! A history of what clients did and saw, and what must never be in one.
//!
//! Pure: lines in, anomalies out. It knows nothing of brokers, so that any client of any log can write a history; the
//! definitions are those of Jepsen's Kafka test, and some that leader epochs, replicas and groups add.
//!
#![doc = include_str!("format.md")]
//!
//! *Invariant:* one pass over the events with maps, and a walk over what the maps hold; nothing compares all with all.
//! *Invariant:* what a fault could explain lawfully is no anomaly: each check names what excuses it.

mod event;
mod history;
mod reader;
mod report;
mod run;
mod sense;
mod place;
mod sends;
mod polls;
mod marks;
mod owners;
mod commits;
mod replicas;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
#[cfg(test)]
mod tests;

pub use event::{
    Assigned, Commit, Committed, DeleteRecords, Event, Heartbeat, Operation, Phase, Place, ReadBatch,
    ReadRecord, Replica, ReplicaEntry, Revoked, Seek, SendBatch, TopicFacts, ValueId,
};
pub use history::History;
pub use reader::{Reader, Unreadable};
pub use report::{Anomaly, Counts, Kind, Report};
pub use run::{Checker, check};

/// The format of a history, for those who write one.
pub const FORMAT: &str = include_str!("format.md");
