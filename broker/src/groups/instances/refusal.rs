//! What an instance refuses. Sent between brokers as JSON, like the requests.

use serde::{Deserialize, Serialize};

use super::spec::EmbeddedFormat;
use super::subscription::Mode;
use crate::groups::error::GroupError;
use crate::types::TopicPartition;

/// Why a request about an instance is refused. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceRefusal {
    /// There is no such instance.
    NoInstance,
    /// There is one of that name.
    Exists,
    /// It reads in another way.
    OtherMode {
        /// Which.
        is: Mode,
    },
    /// It reads nothing.
    NotSubscribed,
    /// It does not have the partition.
    NotAssigned {
        /// Which.
        tp: TopicPartition,
        /// Whether its group assigns to it.
        is_member: bool,
    },
    /// Its records are told otherwise.
    WrongFormat {
        /// How.
        is: EmbeddedFormat,
    },
    /// There are as many as may be.
    TooMany {
        /// Of what.
        what: Bounded,
        /// The bound.
        max: usize,
    },
    /// The pattern cannot be used.
    BadPattern {
        /// Why.
        reason: String,
    },
    /// The coordinator knows no such partition.
    Unknown {
        /// Which.
        tp: TopicPartition,
    },
    /// The instance was silent, and its group has gone on without it.
    Lapsed,
    /// The poll has lost its place: what the instance reads has changed meanwhile. It may begin anew.
    Fenced,
    /// A later poll of the instance has taken its place.
    Superseded,
    /// The group has members of the classic protocol.
    OtherProtocol,
    /// The group has as many members as it may.
    GroupFull {
        /// The bound.
        max: usize,
    },
    /// A consumer that is no member commits in a group that has members.
    NotAMember,
    /// A text is too long, or missing.
    BadName {
        /// Its length.
        len: usize,
        /// The bound.
        max: usize,
    },
    /// The note beside an offset is too long.
    MetadataTooLarge {
        /// The bound.
        max: usize,
    },
    /// An offset is negative.
    NegativeOffset,
    /// Anything else that the group refuses, in words.
    Other {
        /// They.
        reason: String,
    },
}

/// What there may be only so much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bounded {
    /// Instances of one group.
    InstancesOfGroup,
    /// Instances at one coordinator's shard.
    Instances,
    /// Bytes of what they read.
    Bytes,
    /// Groups.
    Groups,
    /// Topics of one instance.
    Topics,
    /// Partitions of one instance, or of one request.
    Partitions,
    /// Polls that wait for their turn.
    Polls,
    /// Committed offsets, or bytes of them.
    Offsets,
}

impl Bounded {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InstancesOfGroup => "instances of one group",
            Self::Instances => "instances in one partition of the offsets topic",
            Self::Bytes => "bytes of what instances read",
            Self::Groups => "groups in one partition of the offsets topic",
            Self::Topics => "topics of one instance",
            Self::Partitions => "partitions of one instance or request",
            Self::Polls => "polls of one instance at once",
            Self::Offsets => "offsets of one request, or bytes of offsets,",
        }
    }
}

impl From<GroupError> for InstanceRefusal {
    fn from(refused: GroupError) -> Self {
        match refused {
            GroupError::GroupTypeMismatch { .. } => Self::OtherProtocol,
            GroupError::GroupMaxSizeReached { max } => Self::GroupFull { max },
            GroupError::TooLong { len, max, .. } => Self::BadName { len, max },
            GroupError::InvalidGroupId => Self::BadName { len: 0, max: 0 },
            GroupError::OffsetMetadataTooLarge { max } => Self::MetadataTooLarge { max },
            GroupError::InvalidOffset => Self::NegativeOffset,
            GroupError::TooMany { what: "groups of one shard", max } => {
                Self::TooMany { what: Bounded::Groups, max }
            }
            GroupError::TooMany { max, .. } => Self::TooMany { what: Bounded::Offsets, max },
            GroupError::UnknownMember | GroupError::StaleEpoch { .. } => Self::NotAMember,
            other => Self::Other { reason: other.to_string() },
        }
    }
}
