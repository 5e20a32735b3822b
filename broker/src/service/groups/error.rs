//! Why a question about a group has no good answer.

use crate::groups::GroupError;
use crate::replication::Written;
use crate::service::{AdminError, FetchError};

/// Why a group's request was not carried out, or may not have been.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GroupCallError {
    /// The group refuses it.
    #[error("{0}")]
    Refused(GroupError),
    /// A position cannot be read any more, and the member wants none in its place.
    #[error("{topic}-{partition}: {source}; reset the group's offsets, or join with auto_offset_reset")]
    NoPosition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Why not.
        source: Box<FetchError>,
    },
    /// Nobody coordinated the group until the deadline. The request may be repeated.
    #[error("the coordinator of the group does not answer: {reason}")]
    NoCoordinator {
        /// What the last attempt met.
        reason: String,
        /// Whether an attempt may have kept what was to be kept.
        written: Written,
    },
    /// The group keeps some of the offsets, and refuses others.
    #[error("some offsets are kept, others are not: {0}")]
    InPart(GroupError),
    /// A bound was reached.
    #[error("the broker is overloaded: try again shortly")]
    Overloaded,
    /// The topic that groups are kept in cannot be created.
    #[error("the topic of groups cannot be created: {0}")]
    NoOffsetsTopic(AdminError),
    /// The records, or the ends of partitions, cannot be read.
    #[error("{0}")]
    Read(#[from] FetchError),
    /// The question makes no sense.
    #[error("{reason}")]
    Invalid {
        /// Why.
        reason: String,
    },
}

impl GroupCallError {
    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Refused(refused) | Self::InPart(refused) => *refused == GroupError::RebalanceInProgress,
            Self::NoCoordinator { .. } | Self::Overloaded => true,
            Self::NoOffsetsTopic(error) => !matches!(error, AdminError::Invalid { .. }),
            Self::Read(error) => error.is_retriable(),
            Self::NoPosition { .. } | Self::Invalid { .. } => false,
        }
    }
}

impl From<GroupError> for GroupCallError {
    fn from(refused: GroupError) -> Self {
        Self::Refused(refused)
    }
}
