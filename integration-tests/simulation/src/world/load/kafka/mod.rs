//! Clients of the Kafka port: they find leaders and coordinators as Kafka's own clients do.
//!
//! - [`topic`]: the topic as the cluster tells it, and reading from it
//! - [`producer`]: idempotent ones with several batches under way, and some that trust the leader alone
//! - [`group`]: what members of groups have in common: a coordinator, commits, positions
//! - [`classic`]: members that join and sync (KIP-62, KIP-394)
//! - [`consumer`]: members that heartbeat only (KIP-848)

pub(super) mod classic;
pub(super) mod consumer;
pub(super) mod group;
pub(super) mod producer;
mod topic;
