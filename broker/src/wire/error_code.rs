//! Kafka's error numbers, as far as we speak them.

/// An error as Kafka's protocol numbers it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum ErrorCode {
    /// The server met an unexpected error.
    UnknownServerError = -1,
    /// No error.
    #[default]
    None = 0,
    /// The offset is not within the log.
    OffsetOutOfRange = 1,
    /// The records are damaged, too large or of an unknown format.
    CorruptMessage = 2,
    /// This server does not host this partition.
    UnknownTopicOrPartition = 3,
    /// The fetch size is not valid.
    InvalidFetchSize = 4,
    /// The partition has no leader at the moment.
    LeaderNotAvailable = 5,
    /// This broker does not lead the partition.
    NotLeaderOrFollower = 6,
    /// The request timed out.
    RequestTimedOut = 7,
    /// The broker is not available.
    BrokerNotAvailable = 8,
    /// The replica is not available.
    ReplicaNotAvailable = 9,
    /// The batch is larger than the topic allows.
    MessageTooLarge = 10,
    /// The metadata of the offset is too large.
    OffsetMetadataTooLarge = 12,
    /// The connection broke before an answer came.
    NetworkException = 13,
    /// The coordinator is loading.
    CoordinatorLoadInProgress = 14,
    /// The coordinator is not available.
    CoordinatorNotAvailable = 15,
    /// This broker is not the coordinator.
    NotCoordinator = 16,
    /// The topic's name is not legal.
    InvalidTopic = 17,
    /// The batch is larger than a segment.
    RecordListTooLarge = 18,
    /// Fewer replicas are in sync than required; nothing was written.
    NotEnoughReplicas = 19,
    /// Written, but to fewer in-sync replicas than required.
    NotEnoughReplicasAfterAppend = 20,
    /// Acks must be -1, 0 or 1.
    InvalidRequiredAcks = 21,
    /// The generation is not the group's.
    IllegalGeneration = 22,
    /// The protocols do not match those of the group's members.
    InconsistentGroupProtocol = 23,
    /// The name of the group is not valid.
    InvalidGroupId = 24,
    /// The group knows no such member.
    UnknownMemberId = 25,
    /// The session timeout is out of bounds.
    InvalidSessionTimeout = 26,
    /// The group is rebalancing.
    RebalanceInProgress = 27,
    /// The offsets are too many to be kept at once.
    InvalidCommitOffsetSize = 28,
    /// Not authorised for the topic.
    TopicAuthorizationFailed = 29,
    /// Not authorised for the group.
    GroupAuthorizationFailed = 30,
    /// Not authorised for the cluster.
    ClusterAuthorizationFailed = 31,
    /// The timestamp is out of range.
    InvalidTimestamp = 32,
    /// The version of the request is not supported.
    UnsupportedVersion = 35,
    /// The topic exists already.
    TopicAlreadyExists = 36,
    /// The number of partitions is not valid.
    InvalidPartitions = 37,
    /// The replication factor is not valid or larger than the number of brokers.
    InvalidReplicationFactor = 38,
    /// The replica assignment is not valid.
    InvalidReplicaAssignment = 39,
    /// The configuration is not valid.
    InvalidConfig = 40,
    /// This broker is not the controller.
    NotController = 41,
    /// The request is not valid.
    InvalidRequest = 42,
    /// The format of the records does not support the request.
    UnsupportedForMessageFormat = 43,
    /// A policy forbids the request.
    PolicyViolation = 44,
    /// A sequence number is missing or out of order.
    OutOfOrderSequence = 45,
    /// The sequence number is a duplicate.
    DuplicateSequence = 46,
    /// A newer life of the producer is known.
    InvalidProducerEpoch = 47,
    /// Transactions are not served.
    TransactionalIdAuthorizationFailed = 53,
    /// The disk failed; the log is closed until it is reopened.
    KafkaStorageError = 56,
    /// Nothing is known of the producer.
    UnknownProducerId = 59,
    /// The group still has members.
    NonEmptyGroup = 68,
    /// There is no such group.
    GroupIdNotFound = 69,
    /// The fetch session is not known.
    FetchSessionIdNotFound = 70,
    /// The fetch session's epoch is not valid.
    InvalidFetchSessionEpoch = 71,
    /// The leader epoch is older than the one known here.
    FencedLeaderEpoch = 74,
    /// The leader epoch is newer than the one known here.
    UnknownLeaderEpoch = 75,
    /// The version of the request does not allow the compression codec.
    UnsupportedCompressionType = 76,
    /// A newer life of the broker is known.
    StaleBrokerEpoch = 77,
    /// The end offset is not known yet: the leader is new.
    OffsetNotAvailable = 78,
    /// The member is to join again under the name that it was given.
    MemberIdRequired = 79,
    /// The preferred leader is not available.
    PreferredLeaderNotAvailable = 80,
    /// The group has as many members as it may.
    GroupMaxSizeReached = 81,
    /// Another client has joined with this instance id.
    FencedInstanceId = 82,
    /// No eligible leader is available.
    EligibleLeadersNotAvailable = 83,
    /// The group's members are subscribed to the topic.
    GroupSubscribedToTopic = 86,
    /// A record is malformed.
    InvalidRecord = 87,
    /// Offsets are not yet stable.
    UnstableOffsetCommit = 88,
    /// Too much at once; try again later.
    ThrottlingQuotaExceeded = 89,
    /// A newer life of the producer is known.
    ProducerFenced = 90,
    /// No topic has this id here.
    UnknownTopicId = 100,
    /// The topic of this name has another id.
    InconsistentTopicId = 103,
    /// The fetch session mixes topic names and ids.
    FetchSessionTopicIdError = 106,
    /// The member's epoch is not the group's: it is to give up its partitions and join again.
    FencedMemberEpoch = 110,
    /// A client with this instance id is still a member.
    UnreleasedInstanceId = 111,
    /// The assignor is not one of those served.
    UnsupportedAssignor = 112,
    /// The member's epoch is older than the group's.
    StaleMemberEpoch = 113,
    /// The endpoint is of another type than the request is for.
    MismatchedEndpointType = 114,
    /// There are no endpoints of this type.
    UnsupportedEndpointType = 115,
    /// The regular expression is not valid.
    InvalidRegularExpression = 128,
}

/// Every code with its text and whether trying again can help.
const CODES: &[(ErrorCode, &str, bool)] = &[
    (ErrorCode::UnknownServerError, "the server met an unexpected error", false),
    (ErrorCode::None, "no error", false),
    (ErrorCode::OffsetOutOfRange, "the offset is not within the log", false),
    (ErrorCode::CorruptMessage, "the records are damaged, too large or of an unknown format", true),
    (ErrorCode::UnknownTopicOrPartition, "this server does not host this partition", true),
    (ErrorCode::InvalidFetchSize, "the fetch size is not valid", false),
    (ErrorCode::LeaderNotAvailable, "the partition has no leader at the moment", true),
    (ErrorCode::NotLeaderOrFollower, "this broker does not lead the partition", true),
    (ErrorCode::RequestTimedOut, "the request timed out", true),
    (ErrorCode::BrokerNotAvailable, "the broker is not available", false),
    (ErrorCode::ReplicaNotAvailable, "the replica is not available", true),
    (ErrorCode::MessageTooLarge, "the batch is larger than the topic allows", false),
    (ErrorCode::OffsetMetadataTooLarge, "the metadata of the offset is too large", false),
    (ErrorCode::NetworkException, "the connection broke before an answer came", true),
    (ErrorCode::CoordinatorLoadInProgress, "the coordinator is loading", true),
    (ErrorCode::CoordinatorNotAvailable, "the coordinator is not available", true),
    (ErrorCode::NotCoordinator, "this broker is not the coordinator", true),
    (ErrorCode::InvalidTopic, "the topic's name is not legal", false),
    (ErrorCode::RecordListTooLarge, "the batch is larger than a segment", false),
    (ErrorCode::NotEnoughReplicas, "fewer replicas are in sync than required; nothing was written", true),
    (ErrorCode::NotEnoughReplicasAfterAppend, "written, but to fewer in-sync replicas than required", true),
    (ErrorCode::InvalidRequiredAcks, "acks must be -1, 0 or 1", false),
    (ErrorCode::IllegalGeneration, "the generation is not the group's", false),
    (ErrorCode::InconsistentGroupProtocol, "the protocols do not match those of the group's members", false),
    (ErrorCode::InvalidGroupId, "the name of the group is not valid", false),
    (ErrorCode::UnknownMemberId, "the group knows no such member", false),
    (ErrorCode::InvalidSessionTimeout, "the session timeout is out of bounds", false),
    (ErrorCode::RebalanceInProgress, "the group is rebalancing", false),
    (ErrorCode::InvalidCommitOffsetSize, "the offsets are too many to be kept at once", false),
    (ErrorCode::TopicAuthorizationFailed, "not authorised for the topic", false),
    (ErrorCode::GroupAuthorizationFailed, "not authorised for the group", false),
    (ErrorCode::ClusterAuthorizationFailed, "not authorised for the cluster", false),
    (ErrorCode::InvalidTimestamp, "the timestamp is out of range", false),
    (ErrorCode::UnsupportedVersion, "the version of the request is not supported", false),
    (ErrorCode::TopicAlreadyExists, "the topic exists already", false),
    (ErrorCode::InvalidPartitions, "the number of partitions is not valid", false),
    (
        ErrorCode::InvalidReplicationFactor,
        "the replication factor is not valid or larger than the number of brokers",
        false,
    ),
    (ErrorCode::InvalidReplicaAssignment, "the replica assignment is not valid", false),
    (ErrorCode::InvalidConfig, "the configuration is not valid", false),
    (ErrorCode::NotController, "this broker is not the controller", true),
    (ErrorCode::InvalidRequest, "the request is not valid", false),
    (ErrorCode::UnsupportedForMessageFormat, "the format of the records does not support the request", false),
    (ErrorCode::PolicyViolation, "a policy forbids the request", false),
    (ErrorCode::OutOfOrderSequence, "a sequence number is missing or out of order", false),
    (ErrorCode::DuplicateSequence, "the sequence number is a duplicate", false),
    (ErrorCode::InvalidProducerEpoch, "a newer life of the producer is known", false),
    (ErrorCode::TransactionalIdAuthorizationFailed, "transactions are not served", false),
    (ErrorCode::KafkaStorageError, "the disk failed; the log is closed until it is reopened", true),
    (ErrorCode::UnknownProducerId, "nothing is known of the producer", false),
    (ErrorCode::NonEmptyGroup, "the group still has members", false),
    (ErrorCode::GroupIdNotFound, "there is no such group", false),
    (ErrorCode::FetchSessionIdNotFound, "the fetch session is not known", true),
    (ErrorCode::InvalidFetchSessionEpoch, "the fetch session's epoch is not valid", true),
    (ErrorCode::FencedLeaderEpoch, "the leader epoch is older than the one known here", true),
    (ErrorCode::UnknownLeaderEpoch, "the leader epoch is newer than the one known here", true),
    (
        ErrorCode::UnsupportedCompressionType,
        "the version of the request does not allow the compression codec",
        false,
    ),
    (ErrorCode::StaleBrokerEpoch, "a newer life of the broker is known", false),
    (ErrorCode::OffsetNotAvailable, "the end offset is not known yet: the leader is new", true),
    (ErrorCode::MemberIdRequired, "the member is to join again under the name that it was given", false),
    (ErrorCode::PreferredLeaderNotAvailable, "the preferred leader is not available", true),
    (ErrorCode::GroupMaxSizeReached, "the group has as many members as it may", false),
    (ErrorCode::FencedInstanceId, "another client has joined with this instance id", false),
    (ErrorCode::EligibleLeadersNotAvailable, "no eligible leader is available", true),
    (ErrorCode::GroupSubscribedToTopic, "the group's members are subscribed to the topic", false),
    (ErrorCode::InvalidRecord, "a record is malformed", false),
    (ErrorCode::UnstableOffsetCommit, "offsets are not yet stable", true),
    (ErrorCode::ThrottlingQuotaExceeded, "too much at once; try again later", true),
    (ErrorCode::ProducerFenced, "a newer life of the producer is known", false),
    (ErrorCode::UnknownTopicId, "no topic has this id here", true),
    (ErrorCode::InconsistentTopicId, "the topic of this name has another id", true),
    (ErrorCode::FetchSessionTopicIdError, "the fetch session mixes topic names and ids", true),
    (
        ErrorCode::FencedMemberEpoch,
        "the member's epoch is not the group's: it is to give up its partitions and join again",
        false,
    ),
    (ErrorCode::UnreleasedInstanceId, "a client with this instance id is still a member", false),
    (ErrorCode::UnsupportedAssignor, "the assignor is not one of those served", false),
    (ErrorCode::StaleMemberEpoch, "the member's epoch is older than the group's", false),
    (ErrorCode::MismatchedEndpointType, "the endpoint is of another type than the request is for", false),
    (ErrorCode::UnsupportedEndpointType, "there are no endpoints of this type", false),
    (ErrorCode::InvalidRegularExpression, "the regular expression is not valid", false),
];

impl ErrorCode {
    /// The number.
    #[must_use]
    pub fn code(self) -> i16 {
        self as i16
    }

    /// The error with this number; one that we do not know is an [`ErrorCode::UnknownServerError`].
    #[must_use]
    pub fn from_code(code: i16) -> Self {
        CODES
            .iter()
            .map(|(error, ..)| *error)
            .find(|error| error.code() == code)
            .unwrap_or(Self::UnknownServerError)
    }

    /// Whether it is no error.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::None
    }

    /// Whether Kafka's clients try again by themselves.
    #[must_use]
    pub fn is_retriable(self) -> bool {
        CODES.iter().any(|(error, _, retriable)| *error == self && *retriable)
    }

    /// What it means, for people.
    #[must_use]
    pub fn text(self) -> &'static str {
        CODES.iter().find(|(error, ..)| *error == self).map_or("unknown error", |(_, text, _)| text)
    }
}

impl From<ErrorCode> for i16 {
    fn from(error: ErrorCode) -> Self {
        error.code()
    }
}

impl From<i16> for ErrorCode {
    fn from(code: i16) -> Self {
        Self::from_code(code)
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({:?}, {})", self.text(), self, self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_read_back() {
        for (error, text, retriable) in CODES {
            assert_eq!(ErrorCode::from_code(error.code()), *error);
            assert_eq!((error.text(), error.is_retriable()), (*text, *retriable));
        }
        assert_eq!(ErrorCode::from_code(9_999), ErrorCode::UnknownServerError);
        assert!(ErrorCode::None.is_none() && !ErrorCode::None.is_retriable());
    }
}
