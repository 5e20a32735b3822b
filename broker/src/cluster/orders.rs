//! What an operator has asked for and what is not done yet: partitions that move, brokers that are to be emptied.
//!
//! Each stands in the store under a key of its own ([`super::keyspace`]), so that a new controller goes on where the
//! last one stopped, and so that anybody sees with `etcdctl` what is going on. Nothing is decided here.
//!
//! *Invariant:* an order names the topic by identity: it never moves a topic that was made later under the same name.

use serde::{Deserialize, Serialize};

use crate::types::{BrokerId, TopicId};

/// How the orders that empty a broker say whose they are.
pub const DRAIN_OF: &str = "drain of broker ";

/// The order to move one partition; it goes away with the write that ends the move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reassignment {
    /// Version of this format.
    pub v: u32,
    /// The topic that is meant.
    pub topic_id: TopicId,
    /// Where the copies shall be, preferred leader first.
    pub target: Vec<BrokerId>,
    /// Where they were when it was asked for.
    pub original: Vec<BrokerId>,
    /// When it was asked for.
    pub requested_unix_ms: i64,
    /// By whom: a request, a drain, a rebalance, and through which broker.
    pub requested_by: String,
    /// When the controller began it; none while it waits for its turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_unix_ms: Option<i64>,
    /// How fast the new copies may be filled; the cluster's limit if it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle_bytes_per_second: Option<u64>,
    /// Whether it begins even while a broker that it adds is not live.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// Whether the first of the target shall lead at its end, also where the present leader stays.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub elect_preferred: bool,
    /// Whether it is to be taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
}

/// The mark of a broker that is to be emptied: it gets nothing new, and what it has goes elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// Version of this format.
    pub v: u32,
    /// When it was asked for.
    pub requested_unix_ms: i64,
    /// By whom.
    pub requested_by: String,
}

/// What holds of all moves, while they are under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveLimits {
    /// Version of this format.
    pub v: u32,
    /// How fast the new copies on one broker may be filled, where their orders say nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle_bytes_per_second: Option<u64>,
}
