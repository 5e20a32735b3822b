//! What can go wrong with a verb, with the facts that a sender needs to act.
//!
//! *Invariant:* [`ProduceError::written`] says `no` only if nothing was appended anywhere.

use std::time::Duration;

use crate::record::RecordError;
use crate::replication::Written;
use crate::types::{Incarnation, LeaderEpoch, Offset, TopicName, TopicPartition};
use crate::wire::ErrorCode;

/// Why records were not acknowledged.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProduceError {
    /// There is no such topic.
    #[error("topic '{0}' not found: create it with PUT /v1/topics/{0}")]
    UnknownTopic(TopicName),
    /// The topic has no such partition.
    #[error("topic '{}' has no partition {}: it has {partitions}, from 0", tp.topic, tp.partition)]
    UnknownPartition {
        /// What was asked for.
        tp: TopicPartition,
        /// How many there are.
        partitions: usize,
    },
    /// This broker does not lead the partition, and was asked not to send the request on.
    #[error("this broker does not lead {tp}")]
    NotLeader {
        /// The partition.
        tp: TopicPartition,
        /// Who leads, as far as is known.
        leader: Option<Incarnation>,
        /// In which epoch.
        epoch: LeaderEpoch,
    },
    /// Nobody led the partition, or its leader could not be reached, until the deadline.
    #[error("no leader of {tp} took the request within {} ms: {reason}", waited.as_millis())]
    NoLeader {
        /// The partition.
        tp: TopicPartition,
        /// How long was waited.
        waited: Duration,
        /// What the last attempt met.
        reason: String,
    },
    /// The batch is not one that may be stored.
    #[error("the record batch is refused: {0}")]
    Invalid(#[from] RecordError),
    /// The leader found the batch not fit to be stored.
    #[error("the record batch is refused: {reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
    /// The batch is larger than the topic takes.
    #[error("the records make a batch of {bytes} bytes, the limit is {limit}: send fewer at once")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The log does not end where the sender expected.
    #[error("the next offset is {actual}, not the one expected")]
    UnexpectedOffset {
        /// Where it ends.
        actual: Offset,
    },
    /// The producer's sequence has a gap.
    #[error("the producer's sequence has a gap: expected {expected}")]
    OutOfOrderSequence {
        /// The sequence that would continue.
        expected: i32,
    },
    /// A newer producer with the same id has been seen.
    #[error("a producer with the same id and the newer epoch {current_epoch} has taken over")]
    FencedProducer {
        /// Its epoch.
        current_epoch: i16,
    },
    /// A new epoch of a producer must begin at sequence zero.
    #[error("a new producer epoch must begin at sequence 0")]
    NewEpochNotZero,
    /// Too few replicas are in sync; nothing was appended.
    #[error("{reason}")]
    NotEnoughReplicas {
        /// How many are, and how many are needed.
        reason: String,
    },
    /// The leader has not heard from its followers for a while and cannot know that it still leads.
    #[error("the leader has not heard from its followers and cannot know whether it still leads")]
    FollowersQuiet,
    /// The leader's disk is full.
    #[error("the leader's disk is full: free space there, or wait for the leadership to move")]
    DiskFull,
    /// The leader cannot write.
    #[error("the leader cannot write: {reason}")]
    Storage {
        /// Why.
        reason: String,
        /// Whether some of it was written.
        written: Written,
    },
    /// A bound was reached; nothing was taken.
    #[error("the broker is overloaded: try again shortly")]
    Overloaded,
    /// Appended, but not acknowledged by enough replicas in time.
    #[error("the records were appended at offset {base_offset} but not acknowledged in time")]
    TimedOut {
        /// Where they were appended.
        base_offset: Offset,
    },
    /// Appended, and then the leader was replaced before it could acknowledge.
    #[error("the leader was replaced before the records were acknowledged")]
    LeadershipLost {
        /// Where they were appended in the old leader's log.
        base_offset: Offset,
    },
    /// Appended, and then too few replicas were in sync to commit.
    #[error("the records were appended at offset {base_offset}, then too few replicas were in sync")]
    NotEnoughReplicasAfterAppend {
        /// Where they were appended.
        base_offset: Offset,
    },
    /// The request was sent to the leader, and no answer came.
    #[error("the outcome is unknown: {reason}")]
    OutcomeUnknown {
        /// What happened.
        reason: String,
    },
}

impl ProduceError {
    /// Whether the records may be in the log.
    #[must_use]
    pub fn written(&self) -> Written {
        match self {
            Self::TimedOut { .. }
            | Self::LeadershipLost { .. }
            | Self::NotEnoughReplicasAfterAppend { .. }
            | Self::OutcomeUnknown { .. } => Written::Maybe,
            Self::Storage { written, .. } => *written,
            _ => Written::No,
        }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        matches!(
            self,
            Self::NotLeader { .. }
                | Self::NoLeader { .. }
                | Self::NotEnoughReplicas { .. }
                | Self::FollowersQuiet
                | Self::DiskFull
                | Self::Storage { .. }
                | Self::Overloaded
                | Self::TimedOut { .. }
                | Self::LeadershipLost { .. }
                | Self::NotEnoughReplicasAfterAppend { .. }
                | Self::OutcomeUnknown { .. }
        )
    }
}

/// Why records, or offsets, could not be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FetchError {
    /// There is no such topic.
    #[error("topic '{0}' not found")]
    UnknownTopic(TopicName),
    /// There is no topic with this id.
    #[error("no topic has this id")]
    UnknownTopicId,
    /// The topic of this name has another id.
    #[error("the topic's id is another one")]
    InconsistentTopicId,
    /// The topic has no such partition.
    #[error("topic '{}' has no partition {}: it has {partitions}, from 0", tp.topic, tp.partition)]
    UnknownPartition {
        /// What was asked for.
        tp: TopicPartition,
        /// How many there are.
        partitions: usize,
    },
    /// This broker does not lead the partition, and was asked not to send the request on.
    #[error("this broker does not lead the partition")]
    NotLeader {
        /// Who leads, as far as is known.
        leader: Option<Incarnation>,
        /// In which epoch.
        epoch: LeaderEpoch,
    },
    /// Nobody led the partition, or its leader could not be reached, until the deadline.
    #[error("no leader of {tp} answered in time: {reason}")]
    NoLeader {
        /// The partition.
        tp: TopicPartition,
        /// What the last attempt met.
        reason: String,
    },
    /// The records asked for have been deleted.
    #[error("offset {asked} is below the first one kept, {start}")]
    BelowStart {
        /// What was asked for.
        asked: Offset,
        /// The first offset kept.
        start: Offset,
    },
    /// The offset is not there yet.
    #[error("offset {asked} is beyond the end, {end}")]
    BeyondEnd {
        /// What was asked for.
        asked: Offset,
        /// The next offset that will be readable.
        end: Offset,
    },
    /// A new leader does not know yet how much is committed.
    #[error("the new leader does not know the end yet: try again shortly")]
    OffsetNotAvailable,
    /// The reader's leader epoch is older than the leader's.
    #[error("leader epoch {asked} is over, it is {current} now")]
    FencedEpoch {
        /// The reader's.
        asked: LeaderEpoch,
        /// The leader's epoch.
        current: LeaderEpoch,
    },
    /// The reader has seen a newer leader epoch than the leader.
    #[error("leader epoch {asked} is not known at the leader yet, it is {current} there")]
    UnknownEpoch {
        /// The reader's.
        asked: LeaderEpoch,
        /// The leader's epoch.
        current: LeaderEpoch,
    },
    /// The records cannot be read.
    #[error("the leader cannot read: {reason}")]
    Storage {
        /// Why.
        reason: String,
    },
    /// A bound was reached.
    #[error("too many wait, or too much is being read: try again shortly")]
    Overloaded,
    /// What the leader answers a replica, in the words that brokers speak among themselves.
    #[error("the leader answers the replica with {0:?}")]
    Replica(ErrorCode),
}

impl FetchError {
    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        matches!(
            self,
            Self::NotLeader { .. }
                | Self::NoLeader { .. }
                | Self::OffsetNotAvailable
                | Self::FencedEpoch { .. }
                | Self::UnknownEpoch { .. }
                | Self::Storage { .. }
                | Self::Overloaded
        )
    }
}

/// Why records were not deleted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DeleteRecordsError {
    /// Nothing was deleted.
    #[error(transparent)]
    Refused(#[from] FetchError),
    /// The topic's cleanup policy does not delete; nothing was deleted.
    #[error("the cleanup.policy of topic '{0}' is compact alone: add delete to it first")]
    Kept(TopicName),
    /// Some replicas may have deleted the records, and some not.
    #[error("the deletion of the records below {before} is not confirmed, try again: {reason}")]
    Unconfirmed {
        /// Below which offset they were to be deleted.
        before: Offset,
        /// What happened.
        reason: String,
    },
}

/// What of an administrative command cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The number of partitions.
    Partitions,
    /// The number of replicas.
    ReplicationFactor,
    /// The replicas chosen by hand.
    Assignment,
    /// A setting.
    Config,
    /// That it is about a topic of the system.
    Internal,
    /// Something else.
    Command,
}

/// Why an administrative command was not carried out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AdminError {
    /// There is no such topic.
    #[error("topic '{0}' not found")]
    UnknownTopic(TopicName),
    /// A topic of this name exists and differs from what was asked for.
    #[error("topic '{topic}' exists and differs: {difference}")]
    Different {
        /// The topic.
        topic: TopicName,
        /// In what.
        difference: String,
    },
    /// A topic of this name exists.
    #[error("topic '{0}' already exists")]
    Exists(TopicName),
    /// The command cannot be carried out as it stands.
    #[error("{reason}")]
    Invalid {
        /// What of it is wrong.
        what: Wrong,
        /// Why.
        reason: String,
    },
    /// An operator's command cannot be carried out.
    #[error("{reason}")]
    Operating {
        /// In which way.
        refusal: Refusal,
        /// Why, and what to do.
        reason: String,
    },
    /// The coordination store was not reached; nothing was changed.
    #[error("the coordination store does not answer, nothing was changed: {reason}")]
    Unavailable {
        /// What it said.
        reason: String,
    },
    /// The coordination store gave no answer; the change may have been made.
    #[error("the outcome is unknown, look again: {reason}")]
    OutcomeUnknown {
        /// What it said.
        reason: String,
    },
}

/// In which way an operator's command cannot be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The topic has no such partition.
    UnknownPartition,
    /// There is no such broker.
    UnknownBroker,
    /// The partition does not move.
    NoMove,
    /// The broker is not being emptied.
    NotDrained,
    /// The partition moves already.
    MoveInProgress,
    /// Not as the brokers stand.
    NotNow,
}
