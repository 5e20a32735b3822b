//! What replication asks of the world outside: the way to a leader, and the store that holds the partition records.
//!
//! `node` wires both. Neither may retry by itself anything that changes state.

use async_trait::async_trait;

use crate::types::{BrokerId, Incarnation, PartitionEpoch, PartitionRecord, PartitionState, TopicPartition};
use crate::wire;

/// The way to the leaders of the partitions that this broker follows.
#[async_trait]
pub trait LeaderLink: Send + Sync {
    /// Sends one fetch and waits for its answer.
    ///
    /// The caller drops the call when the set of its partitions changes, which happens in every failover; the next call
    /// to the same leader must not wait behind the dropped one. (An implementation over one in-order connection closes
    /// it, or opens another.)
    async fn fetch(
        &self,
        leader: BrokerId,
        request: wire::FetchRequest,
    ) -> Result<wire::FetchResponse, LinkError>;
}

/// Why a leader gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Its port refused or reset the connection: its process is likely gone, which is worth reporting.
    #[error("connection refused: {0}")]
    Refused(String),
    /// No answer came in time; says nothing about the process.
    #[error("no answer in time")]
    TimedOut,
    /// Anything else.
    #[error("{0}")]
    Broken(String),
    /// No address is known.
    #[error("the broker's address is not known")]
    UnknownBroker,
}

/// A new version of a partition's record that its leader wants written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsrProposal {
    /// The partition.
    pub tp: TopicPartition,
    /// The version that it replaces; compared in the transaction.
    pub guard: PartitionEpoch,
    /// The new value.
    pub state: PartitionState,
    /// Who joins the ISR: the transaction also compares that this is still the broker's registration and that it is
    /// live and active.
    pub joiner: Option<Incarnation>,
}

/// What became of a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IsrOutcome {
    /// It is the record now, with this version.
    Committed(PartitionRecord),
    /// A compare failed; `current` is what the else-branch read in the same transaction.
    Refused {
        /// The record as it is; `None` if there is none.
        current: Option<PartitionRecord>,
    },
    /// No answer: it may have been applied, or may yet be.
    Unknown,
    /// Certainly neither applied nor on its way.
    NotSent,
}

/// The store of the partition records.
#[async_trait]
pub trait IsrStore: Send + Sync {
    /// Tries one compare-and-put, once.
    async fn propose(&self, proposal: IsrProposal) -> IsrOutcome;
}
