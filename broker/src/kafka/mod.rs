//! The Kafka door: Kafka's protocol over TCP, for Kafka's clients and for the other brokers.
//!
//! It translates: frames into requests, requests into the verbs of [`crate::service`], answers back. It decides nothing
//! about records, replicas or topics.
//!
//! *Invariant:* answers leave a connection in the order of its requests, except on a link from another broker, which
//! tells answers apart by their correlation ids: there one long wait must not hold up the requests of other clients.
//! *Invariant:* the Produce requests of one connection reach the log in the order in which they arrived.
//! *Invariant:* whatever arrives costs at most its own connection.

mod options;
mod memory;
mod pipeline;
mod patience;
mod handler;
mod connection;
mod server;
mod waiting;
mod dispatch;
mod errors;
mod metadata;
mod produce;
mod producer_ids;
mod fetch;
mod offsets;
mod delete_records;
mod groups;
mod admin;

#[cfg(test)]
mod tests;

pub use options::KafkaOptions;
pub use server::KafkaServer;
pub use waiting::turn_away;
