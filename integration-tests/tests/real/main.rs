//! Tidemark as its users and its operators meet it: real brokers, a real etcd, real faults.
//!
//! One binary, so that it links once; a module for each side of the system. Every test has a cluster of its own and ends
//! with [`integration_tests::cluster::Cluster::finish`]. How many run at once: [`integration_tests::slots`].

#![expect(clippy::unwrap_used, reason = "a test says what it expects")]

mod http_exactly_once;
mod http_produce;
mod http_read;
mod http_routing;
mod bad_input;
mod groups;
mod many_groups;
mod kafka_port;
mod kafka_groups;
mod storage;
mod compaction;
mod dev_mode;
mod explain;
mod cli;
mod scripts;
mod operations;
mod rest_instances;
mod rest_v2;
mod min_isr;
mod coordination;
mod links;
mod failover;
mod reassignment;
mod starting;
mod failing_disk;
mod drill;
mod http_stream;
mod http_topics;
mod delete_records;
mod kafka_admin;
mod rest_v3;
mod merged_streams;
mod topic_again;
