//! What can go wrong between a broker and what the cluster agrees on.

use coordinator_adapter::{LeaseId, StoreError};

use crate::types::{BrokerId, TopicName, TopicPartition};

use super::topic_config::TopicConfigError;
use super::values::HostPort;

/// Why a command, or joining the cluster, did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// The coordination store did not answer, or said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no topic of that name.
    #[error("there is no topic '{0}'")]
    UnknownTopic(TopicName),
    /// A topic of that name exists and is not what was asked for.
    #[error("topic '{name}' exists with another {difference}: delete it first, or alter it")]
    TopicConflict {
        /// The topic.
        name: TopicName,
        /// What differs: partitions, replication factor or config.
        difference: String,
    },
    /// A setting of a topic is not known, or its value is not legal.
    #[error(transparent)]
    InvalidConfig(#[from] TopicConfigError),
    /// The number of partitions is not possible.
    #[error("{reason}")]
    InvalidPartitions {
        /// Why, and what would be possible.
        reason: String,
    },
    /// There are fewer live brokers than replicas asked for.
    #[error(
        "replication factor {asked} needs {asked} live brokers, there are {live}: ask for at most {live}"
    )]
    TooFewBrokers {
        /// The replication factor asked for.
        asked: usize,
        /// The brokers that are active.
        live: usize,
    },
    /// A replica assignment that was given by hand is not possible.
    #[error("the replica assignment is not possible: {reason}")]
    InvalidAssignment {
        /// Why.
        reason: String,
    },
    /// The topic has no such partition.
    #[error("topic '{}' has no partition {}: it has {partitions}, from 0", tp.topic, tp.partition)]
    UnknownPartition {
        /// What was asked for.
        tp: TopicPartition,
        /// How many there are.
        partitions: usize,
    },
    /// There is no broker of that id.
    #[error("there is no broker {0}: GET /v1/brokers lists them")]
    UnknownBroker(BrokerId),
    /// The broker is not being emptied.
    #[error("broker {0} is not being drained")]
    NotDrained(BrokerId),
    /// A move of the partition is ordered already.
    #[error(
        "a reassignment of partition {tp} is in progress: wait for it, or cancel it with \
         DELETE /v1/reassignments/{}/{}{}", tp.topic, tp.partition, ordered_before(*others_ordered)
    )]
    MoveInProgress {
        /// The partition.
        tp: TopicPartition,
        /// How many of the wish were ordered before.
        others_ordered: usize,
    },
    /// No move of the partition is ordered.
    #[error("no reassignment of partition {tp} is in progress")]
    NoMove {
        /// The partition.
        tp: TopicPartition,
    },
    /// As the brokers stand, it cannot be done.
    #[error("{reason}")]
    NotNow {
        /// Why, and what to do.
        reason: String,
    },
    /// Others kept changing the same key; nothing was written.
    #[error("{what} was changed by others at the same time: try again")]
    Contended {
        /// What was to be written.
        what: String,
    },
    /// Another process lives under this broker's id.
    #[error(
        "broker id {broker} is in use by the process at {address} (lease {lease}) with another data directory: \
         give this broker an id of its own, or stop the other one"
    )]
    BrokerIdInUse {
        /// The id.
        broker: BrokerId,
        /// Where the other one is reached.
        address: HostPort,
        /// The lease of the other one.
        lease: LeaseId,
    },
    /// A newer process has registered under this broker's id.
    #[error("another process has taken over broker id {broker}: this one must stop")]
    Superseded {
        /// The id.
        broker: BrokerId,
    },
    /// A value in the store that this operation needs cannot be read.
    #[error("the value at {key} cannot be read: {reason}")]
    Malformed {
        /// The key.
        key: String,
        /// What the parser said.
        reason: String,
    },
}

fn ordered_before(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" (the first {count} of the request are ordered)") }
}

impl ClusterError {
    /// Whether nothing was changed for certain; otherwise the outcome is unknown.
    #[must_use]
    pub fn certainly_not_applied(&self) -> bool {
        match self {
            Self::Store(error) => error.certainly_not_applied(),
            _ => true,
        }
    }
}
