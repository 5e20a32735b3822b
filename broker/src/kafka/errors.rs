//! The one map from what can go wrong in the service to Kafka's error numbers.

use crate::groups::{CoordinatorError, GroupError};
use crate::record::RecordError;
use crate::replication::Written;
use crate::service::{AdminError, FetchError, ProduceError};
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

/// The number of a group's refusal.
pub(super) fn group_code(error: &GroupError) -> ErrorCode {
    use ErrorCode as C;
    use GroupError as E;
    match error {
        E::InvalidGroupId => C::InvalidGroupId,
        E::InvalidRequest { .. } | E::TooLong { .. } => C::InvalidRequest,
        E::TooMany { .. } => C::InvalidCommitOffsetSize,
        E::GroupIdNotFound => C::GroupIdNotFound,
        E::GroupTypeMismatch { .. } | E::InconsistentGroupProtocol => C::InconsistentGroupProtocol,
        E::NonEmptyGroup => C::NonEmptyGroup,
        E::GroupMaxSizeReached { .. } => C::GroupMaxSizeReached,
        E::UnknownMember => C::UnknownMemberId,
        E::FencedInstance => C::FencedInstanceId,
        E::UnreleasedInstance => C::UnreleasedInstanceId,
        E::FencedEpoch { .. } => C::FencedMemberEpoch,
        E::StaleEpoch { .. } | E::NotAssigned { .. } => C::StaleMemberEpoch,
        E::IllegalGeneration { .. } => C::IllegalGeneration,
        E::RebalanceInProgress => C::RebalanceInProgress,
        E::MemberIdRequired { .. } => C::MemberIdRequired,
        E::InvalidSessionTimeout { .. } => C::InvalidSessionTimeout,
        E::UnsupportedAssignor => C::UnsupportedAssignor,
        E::UnsupportedRegex => C::InvalidRegularExpression,
        E::UnknownTopicOrPartition => C::UnknownTopicOrPartition,
        E::OffsetMetadataTooLarge { .. } => C::OffsetMetadataTooLarge,
        E::InvalidOffset => C::OffsetOutOfRange,
        E::GroupSubscribedToTopic => C::GroupSubscribedToTopic,
    }
}

/// The number for a group that was not asked. Clients are sent to look for the coordinator again, or told to wait; an
/// overloaded one tells other brokers as it is.
pub(super) fn coordinator_code(error: CoordinatorError, for_broker: bool) -> ErrorCode {
    match error {
        CoordinatorError::NotCoordinator => ErrorCode::NotCoordinator,
        CoordinatorError::LoadInProgress => ErrorCode::CoordinatorLoadInProgress,
        CoordinatorError::Overloaded if for_broker => ErrorCode::ThrottlingQuotaExceeded,
        CoordinatorError::Overloaded => ErrorCode::CoordinatorNotAvailable,
    }
}

/// The number for a topic that could not be created by being asked for.
pub(super) fn creation_code(error: &AdminError) -> ErrorCode {
    match error {
        // It is there, then.
        AdminError::Different { .. } => ErrorCode::LeaderNotAvailable,
        AdminError::UnknownTopic(_) => ErrorCode::UnknownTopicOrPartition,
        AdminError::Invalid { .. } => ErrorCode::InvalidReplicationFactor,
        AdminError::Unavailable { .. } | AdminError::OutcomeUnknown { .. } => ErrorCode::LeaderNotAvailable,
    }
}
