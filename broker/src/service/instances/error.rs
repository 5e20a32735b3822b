//! Why a request about a consumer instance has no good answer.

use crate::groups::GroupError;
use crate::groups::instances::EmbeddedFormat;
use crate::service::{FetchError, GroupCallError};
use crate::types::{Offset, TopicPartition};

/// Why a request about an instance was not carried out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InstanceError {
    /// There is no such instance: it was deleted, has expired, or never was. (404, 40403)
    #[error("Consumer instance not found.")]
    NoInstance,
    /// There is one of that name. (409, 40902)
    #[error("Consumer with specified consumer ID already exists in the specified consumer group.")]
    Exists,
    /// It reads in another way already. (409, 40903)
    #[error(
        "the instance has {is}: choose one way to read (topics, a pattern, or partitions of its own), and unsubscribe \
         before you choose another"
    )]
    OtherMode {
        /// Which way: by topics, by pattern or by assignment.
        is: &'static str,
    },
    /// It reads nothing yet. (409, 40903)
    #[error(
        "the instance is neither subscribed nor assigned: subscribe to topics, or assign partitions, first"
    )]
    NotSubscribed,
    /// The partition is not the instance's. (409, 40903)
    #[error("{tp} is not assigned to the instance{}", hint(*.is_member))]
    NotAssigned {
        /// Which.
        tp: TopicPartition,
        /// Whether the group assigns to it, and not itself.
        is_member: bool,
    },
    /// The instance was silent for so long that its group gave its partitions to others. (409, 40903)
    #[error(
        "the instance was silent for too long, and others of its group have its partitions; poll to have some again"
    )]
    Lapsed,
    /// An instance that assigns partitions itself commits in a group that has members. (409, 40903)
    #[error("the group has members, which commit for it; use a group of its own, or subscribe to topics")]
    NotAMember,
    /// The client wants another format. (406, 40601)
    #[error(
        "The requested embedded data format does not match the deserializer for this consumer instance: it is {}, not \
         {}",
        is.name(),
        wants.name()
    )]
    WrongFormat {
        /// What the instance has.
        is: EmbeddedFormat,
        /// What was wanted.
        wants: EmbeddedFormat,
    },
    /// The next record cannot be told in the instance's format; the position stays. (422)
    #[error(
        "value deserialization error for format {}: {tp} offset {offset}; go past it by a seek to {}, or read it with \
         an instance of format binary",
        format.name(),
        offset.next()
    )]
    Undecodable {
        /// Where.
        tp: TopicPartition,
        /// Which record.
        offset: Offset,
        /// The format.
        format: EmbeddedFormat,
    },
    /// The format wants a schema registry. (422)
    #[error("format {} wants a schema registry, which there is none of; use binary, json or text", .0.name())]
    UnservedFormat(EmbeddedFormat),
    /// There is more than is kept. (429)
    #[error(
        "no more than {max} {what} are kept; delete instances that are not used any more, or raise the limit"
    )]
    TooMany {
        /// Of what.
        what: String,
        /// The bound.
        max: usize,
    },
    /// The pattern cannot be used. (422)
    #[error("the topic pattern cannot be used: {reason}")]
    BadPattern {
        /// Why.
        reason: String,
    },
    /// No offset is committed, or it cannot be read any more, and the instance wants none in its place. (409, 40903, or
    /// as the door likes)
    #[error(
        "{tp} has no offset to go on from: {reason}; seek, or create the instance with auto.offset.reset"
    )]
    NoPosition {
        /// The partition.
        tp: TopicPartition,
        /// Why not.
        reason: String,
    },
    /// The group refuses: it has members of the classic protocol, the name is too long, the offset's metadata is, the
    /// topic is unknown, … ([`GroupError`]'s own texts)
    #[error("{0}")]
    Refused(GroupError),
    /// The topic or partition is not there. (404, 40401 or 40402)
    #[error("{0}")]
    Missing(FetchError),
    /// The request makes no sense. (422)
    #[error("{reason}")]
    Invalid {
        /// Why.
        reason: String,
    },
    /// The coordinator, or the records, cannot be reached: [`GroupCallError::is_retriable`]. (503 or 500)
    #[error("{0}")]
    Call(GroupCallError),
}

fn hint(is_member: bool) -> &'static str {
    if is_member { " by its group now; poll until it is" } else { ": assign it first" }
}
