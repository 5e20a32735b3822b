//! The one map from what can go wrong in the service to Kafka's error numbers.
//!
//! Clients know by heart which numbers answer which request, and take any other for the end: so a few are chosen by the
//! request that they answer.

use crate::groups::{CoordinatorError, GroupError};
use crate::record::RecordError;
use crate::replication::Written;
use crate::service::{AdminError, DeleteRecordsError, FetchError, GroupCallError, ProduceError, Wrong};
use crate::types::{LeaderEpoch, Offset};
use crate::wire::{ErrorCode, ProduceDetail};

/// The number of a produce that failed. Kafka's clients give up on "throttled" and try again on "no leader now", which
/// an overloaded broker prefers; other brokers are told as it is.
pub(super) fn produce_code(error: &ProduceError, for_broker: bool) -> ErrorCode {
    match error {
        ProduceError::UnknownTopic(_) | ProduceError::UnknownPartition { .. } => {
            ErrorCode::UnknownTopicOrPartition
        }
        ProduceError::NotLeader { .. } | ProduceError::LeadershipLost { .. } => {
            ErrorCode::NotLeaderOrFollower
        }
        ProduceError::NoLeader { .. } => ErrorCode::LeaderNotAvailable,
        ProduceError::Invalid(error) => record_code(error),
        ProduceError::Refused { .. } => ErrorCode::InvalidRecord,
        ProduceError::TooLarge { .. } => ErrorCode::MessageTooLarge,
        ProduceError::UnexpectedOffset { .. } => ErrorCode::OffsetOutOfRange,
        ProduceError::OutOfOrderSequence { .. } | ProduceError::NewEpochNotZero => {
            ErrorCode::OutOfOrderSequence
        }
        ProduceError::FencedProducer { .. } => ErrorCode::InvalidProducerEpoch,
        ProduceError::NotEnoughReplicas { .. } | ProduceError::FollowersQuiet => ErrorCode::NotEnoughReplicas,
        ProduceError::DiskFull | ProduceError::Storage { .. } => ErrorCode::KafkaStorageError,
        ProduceError::Overloaded if for_broker => ErrorCode::ThrottlingQuotaExceeded,
        ProduceError::Overloaded => ErrorCode::LeaderNotAvailable,
        ProduceError::TimedOut { .. } | ProduceError::OutcomeUnknown { .. } => ErrorCode::RequestTimedOut,
        ProduceError::NotEnoughReplicasAfterAppend { .. } => ErrorCode::NotEnoughReplicasAfterAppend,
    }
}

fn record_code(error: &RecordError) -> ErrorCode {
    match error {
        RecordError::Truncated { .. } | RecordError::BadLength(_) | RecordError::CrcMismatch { .. } => {
            ErrorCode::CorruptMessage
        }
        RecordError::BadMagic(_) => ErrorCode::UnsupportedForMessageFormat,
        RecordError::UnknownCompression(_) => ErrorCode::UnsupportedCompressionType,
        RecordError::TooLarge { .. } | RecordError::Inflation { .. } => ErrorCode::MessageTooLarge,
        _ => ErrorCode::InvalidRecord,
    }
}

/// What another broker is told about a failed produce beyond the number.
pub(super) fn produce_detail(error: &ProduceError) -> ProduceDetail {
    let mut detail = ProduceDetail {
        duplicate: false,
        written: match error.written() {
            Written::No => 0,
            Written::Maybe => 1,
            Written::Yes => 2,
        },
        log_end_offset: Offset::NONE,
        expected_sequence: -1,
        producer_epoch: -1,
        leader_epoch: LeaderEpoch::NONE,
    };
    match error {
        ProduceError::UnexpectedOffset { actual } => detail.log_end_offset = *actual,
        ProduceError::OutOfOrderSequence { expected } => detail.expected_sequence = *expected,
        ProduceError::FencedProducer { current_epoch } => detail.producer_epoch = *current_epoch,
        // Any epoch below the batch's says so, and a new one is at least 1.
        ProduceError::NewEpochNotZero => (detail.expected_sequence, detail.producer_epoch) = (0, 0),
        ProduceError::NotLeader { epoch, .. } => detail.leader_epoch = *epoch,
        _ => {}
    }
    detail
}

/// Where a failed produce was appended all the same.
pub(super) fn appended_at(error: &ProduceError) -> Offset {
    match error {
        ProduceError::TimedOut { base_offset }
        | ProduceError::LeadershipLost { base_offset }
        | ProduceError::NotEnoughReplicasAfterAppend { base_offset } => *base_offset,
        _ => Offset::NONE,
    }
}

/// The number of a read that failed.
pub(super) fn fetch_code(error: &FetchError) -> ErrorCode {
    match error {
        FetchError::UnknownTopic(_) | FetchError::UnknownPartition { .. } => {
            ErrorCode::UnknownTopicOrPartition
        }
        FetchError::UnknownTopicId => ErrorCode::UnknownTopicId,
        FetchError::InconsistentTopicId => ErrorCode::InconsistentTopicId,
        FetchError::NotLeader { .. } => ErrorCode::NotLeaderOrFollower,
        FetchError::NoLeader { .. } => ErrorCode::LeaderNotAvailable,
        FetchError::BelowStart { .. } | FetchError::BeyondEnd { .. } => ErrorCode::OffsetOutOfRange,
        FetchError::OffsetNotAvailable => ErrorCode::OffsetNotAvailable,
        FetchError::FencedEpoch { .. } => ErrorCode::FencedLeaderEpoch,
        FetchError::UnknownEpoch { .. } => ErrorCode::UnknownLeaderEpoch,
        FetchError::Storage { .. } => ErrorCode::KafkaStorageError,
        FetchError::Overloaded => ErrorCode::ThrottlingQuotaExceeded,
        FetchError::Replica(code) => *code,
    }
}

/// The number of a deletion that failed.
pub(super) fn deletion_code(error: &DeleteRecordsError) -> ErrorCode {
    match error {
        DeleteRecordsError::Refused(error) => fetch_code(error),
        DeleteRecordsError::Kept(_) => ErrorCode::PolicyViolation,
        DeleteRecordsError::Unconfirmed { .. } => ErrorCode::RequestTimedOut,
    }
}

/// The number of an administrator's command that was not carried out.
pub(super) fn admin_code(error: &AdminError) -> ErrorCode {
    match error {
        AdminError::UnknownTopic(_) => ErrorCode::UnknownTopicOrPartition,
        AdminError::Different { .. } | AdminError::Exists(_) => ErrorCode::TopicAlreadyExists,
        AdminError::Invalid { what, .. } => match what {
            Wrong::Partitions => ErrorCode::InvalidPartitions,
            Wrong::ReplicationFactor => ErrorCode::InvalidReplicationFactor,
            Wrong::Assignment => ErrorCode::InvalidReplicaAssignment,
            Wrong::Config => ErrorCode::InvalidConfig,
            // As Kafka says of its own topics of metadata, whoever asks.
            Wrong::Internal => ErrorCode::TopicAuthorizationFailed,
            Wrong::Command => ErrorCode::InvalidRequest,
        },
        AdminError::Operating { .. } => ErrorCode::InvalidRequest,
        // Clients look for another controller, and try again there.
        AdminError::Unavailable { .. } => ErrorCode::NotController,
        AdminError::OutcomeUnknown { .. } => ErrorCode::RequestTimedOut,
    }
}

/// The number for a topic that could not be created by being asked for.
pub(super) fn creation_code(error: &AdminError) -> ErrorCode {
    match error {
        // It is there, then.
        AdminError::Different { .. } | AdminError::Exists(_) => ErrorCode::LeaderNotAvailable,
        AdminError::UnknownTopic(_) => ErrorCode::UnknownTopicOrPartition,
        AdminError::Invalid { .. } | AdminError::Operating { .. } => ErrorCode::InvalidReplicationFactor,
        AdminError::Unavailable { .. } | AdminError::OutcomeUnknown { .. } => ErrorCode::LeaderNotAvailable,
    }
}

/// Why a group's request has no good answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum GroupRefusal {
    /// The group refuses it.
    #[error("{0}")]
    Group(#[from] GroupError),
    /// The group was not asked, or did not answer.
    #[error("{0}")]
    Coordinator(#[from] CoordinatorError),
}

/// The number of a refused request about a group. A client whose coordinator has too much to do tries again after its
/// backoff when it is told that the coordinator is loading; other brokers are told as it is.
pub(super) fn group_code(refusal: &GroupRefusal, for_broker: bool) -> ErrorCode {
    match refusal {
        GroupRefusal::Group(error) => group_error_code(error),
        GroupRefusal::Coordinator(CoordinatorError::NotCoordinator) => ErrorCode::NotCoordinator,
        // Other brokers learn that it may have been done. Clients are told what all of them know in every answer: Java's
        // gives up for good when offsets are refused in any other way.
        GroupRefusal::Coordinator(CoordinatorError::Lost) if for_broker => ErrorCode::CoordinatorNotAvailable,
        GroupRefusal::Coordinator(CoordinatorError::Lost) => ErrorCode::NotCoordinator,
        GroupRefusal::Coordinator(CoordinatorError::Overloaded) if for_broker => {
            ErrorCode::ThrottlingQuotaExceeded
        }
        GroupRefusal::Coordinator(CoordinatorError::LoadInProgress | CoordinatorError::Overloaded) => {
            ErrorCode::CoordinatorLoadInProgress
        }
    }
}

fn group_error_code(error: &GroupError) -> ErrorCode {
    match error {
        GroupError::InvalidGroupId => ErrorCode::InvalidGroupId,
        GroupError::InvalidRequest { .. } | GroupError::TooLong { .. } | GroupError::TooMany { .. } => {
            ErrorCode::InvalidRequest
        }
        // "classic" is said to those who ask for a group with server-side assignment, and to those Kafka says that.
        GroupError::GroupTypeMismatch { is: "classic" } | GroupError::GroupIdNotFound => {
            ErrorCode::GroupIdNotFound
        }
        GroupError::GroupTypeMismatch { .. } | GroupError::InconsistentGroupProtocol => {
            ErrorCode::InconsistentGroupProtocol
        }
        GroupError::NonEmptyGroup => ErrorCode::NonEmptyGroup,
        GroupError::GroupMaxSizeReached { .. } => ErrorCode::GroupMaxSizeReached,
        GroupError::UnknownMember => ErrorCode::UnknownMemberId,
        GroupError::FencedInstance => ErrorCode::FencedInstanceId,
        GroupError::UnreleasedInstance => ErrorCode::UnreleasedInstanceId,
        GroupError::FencedEpoch { .. } => ErrorCode::FencedMemberEpoch,
        GroupError::StaleEpoch { .. } | GroupError::NotAssigned { .. } => ErrorCode::StaleMemberEpoch,
        GroupError::IllegalGeneration { .. } => ErrorCode::IllegalGeneration,
        GroupError::RebalanceInProgress => ErrorCode::RebalanceInProgress,
        GroupError::MemberIdRequired { .. } => ErrorCode::MemberIdRequired,
        GroupError::InvalidSessionTimeout { .. } => ErrorCode::InvalidSessionTimeout,
        GroupError::UnsupportedAssignor => ErrorCode::UnsupportedAssignor,
        GroupError::UnsupportedRegex => ErrorCode::InvalidRegularExpression,
        GroupError::UnknownTopicOrPartition => ErrorCode::UnknownTopicOrPartition,
        GroupError::OffsetMetadataTooLarge { .. } => ErrorCode::OffsetMetadataTooLarge,
        GroupError::InvalidOffset => ErrorCode::OffsetOutOfRange,
        GroupError::GroupSubscribedToTopic => ErrorCode::GroupSubscribedToTopic,
    }
}

/// The number for a classic member that may not join.
pub(super) fn join_code(refusal: &GroupRefusal) -> ErrorCode {
    match refusal {
        // The one word for "full" that a joining client has.
        GroupRefusal::Group(GroupError::TooMany { .. }) => ErrorCode::GroupMaxSizeReached,
        other => group_code(other, false),
    }
}

/// The number for a classic member that gets no assignment.
pub(super) fn sync_code(refusal: &GroupRefusal) -> ErrorCode {
    match group_code(refusal, false) {
        // A coordinator that loads has forgotten the rebalance: the members begin it anew, as Kafka has them do.
        ErrorCode::CoordinatorLoadInProgress => ErrorCode::RebalanceInProgress,
        code => code,
    }
}

/// The number for a classic member's heartbeat.
pub(super) fn heartbeat_code(refusal: &GroupRefusal) -> ErrorCode {
    match group_code(refusal, false) {
        // Nobody is taken for dead by a coordinator that loads, and clients know no such answer to a heartbeat.
        ErrorCode::CoordinatorLoadInProgress => ErrorCode::None,
        code => code,
    }
}

/// The number for offsets that are not kept.
pub(super) fn commit_code(refusal: &GroupRefusal, for_broker: bool) -> ErrorCode {
    match refusal {
        GroupRefusal::Group(GroupError::TooMany { .. }) => ErrorCode::InvalidCommitOffsetSize,
        // Said to a member whose group is gone; clients join anew.
        GroupRefusal::Group(GroupError::GroupIdNotFound) if !for_broker => ErrorCode::IllegalGeneration,
        other => group_code(other, for_broker),
    }
}

/// The number for a group whose coordinator is not to be found.
pub(super) fn find_code(error: &GroupCallError) -> ErrorCode {
    match error {
        GroupCallError::NoOffsetsTopic(AdminError::Invalid { .. }) => ErrorCode::InvalidReplicationFactor,
        _ => ErrorCode::CoordinatorNotAvailable,
    }
}
