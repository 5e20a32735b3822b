//! Tidemark: a replicated log in Kafka's model, on etcd's coordination, with HTTP at the door.
//!
//! The folders are the floors of the house, from the ground up; each imports only those above it in this list, and
//! siblings on one floor do not know each other (held by `tests/tidy.rs`):
//!
//! - [`rules`]: a name for each rule that keeps what was acknowledged, and in test builds a switch
//! - [`types`]: ids, offsets, epochs, the record of a partition
//! - [`checker`]: a history of what clients did and saw, and what must never be in one
//! - [`clock`]: the only reader of the time
//! - [`tasks`]: long-lived work, and the news of its panics
//! - [`metrics`]: every metric in one list
//! - [`record`]: record batches over bytes: read, check, build
//! - [`wire`]: Kafka's frames and messages in structs of our own
//! - [`net`]: the only maker of sockets; frames
//! - [`storage`]: the files of one partition
//! - [`replication`]: copies of a partition on several brokers, kept the same
//! - [`cluster`]: what the brokers agree on through the coordination store
//! - [`groups`]: consumer groups: who reads what, and how far
//! - [`service`]: what a broker can do, in its own words
//! - [`http`]: the HTTP door
//! - [`kafka`]: the Kafka door
//! - [`peer`]: links to the other brokers
//! - [`tools`]: a history judged, a cluster tried: what the program does besides running a broker
//! - [`config`]: what may be set, gathered from the components that own it
//! - [`node`]: one process: wires the floors together, drains on shutdown
//!
//! *Invariant:* replication and cluster meet only in [`types::PartitionState`]; `node` carries what one says to the
//! other.

pub mod rules;
pub mod types;
pub mod checker;
pub mod clock;
pub mod tasks;
pub mod metrics;
pub mod record;
pub mod wire;
pub mod net;
pub mod storage;
pub mod replication;
pub mod cluster;
pub mod groups;
pub mod service;
pub mod http;
pub mod kafka;
pub mod peer;
pub mod tools;
pub mod config;
pub mod node;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
