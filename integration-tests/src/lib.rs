//! Tidemark from the outside: real processes, real faults, a history of what clients saw, and a checker of it.
//!
//! Of the broker's code nothing is linked but [`tidemark::checker`], the judge: the rest knows the documented command line,
//! the HTTP API, the Kafka port, etcd's keys and the files of a data directory, as a user does.
//!
//! - [`eventually`]: wait for a condition, with a deadline
//! - [`slots`], [`ports`]: what tests that run side by side share on one machine
//! - [`process`], [`etcd`], [`broker`], [`cluster`]: children that never outlive the test
//! - [`proxy`]: a TCP link that can be cut both ways, one way, or slowed
//! - [`api`]: HTTP as a test speaks it; [`raw_http`]: as no client should; [`events`]: streams, with resume; [`kafka`]: the Kafka port, by kcat and by hand
//! - [`batch`]: record batches v2, read and built apart from the broker's own code; [`replicas`]: compare them on disk
//! - [`load`]: clients that write a history, and have it judged
//!
//! *Invariant:* no test sleeps to wait for another process; it waits for a condition, and says which when time runs out.

pub mod api;
pub mod batch;
pub mod broker;
pub mod cluster;
pub mod etcd;
pub mod eventually;
pub mod events;
pub mod kafka;
pub mod load;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod raw_http;
pub mod replicas;
pub mod slots;
