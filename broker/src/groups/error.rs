//! What a group refuses, with the facts that a client needs to go on. Codes and statuses are the doors' affair.

use super::ids::MemberId;

/// Why a request about a group is refused. Nothing changed, unless the variant says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// The group has no name.
    #[error("a group needs a name")]
    InvalidGroupId,
    /// The request makes no sense.
    #[error("{what}")]
    InvalidRequest {
        /// What is wrong, and what to do.
        what: &'static str,
    },
    /// Something is longer than is kept.
    #[error("the {field} has {len} bytes; at most {max} are taken")]
    TooLong {
        /// Which.
        field: &'static str,
        /// Its length.
        len: usize,
        /// The bound.
        max: usize,
    },
    /// There is more of something than is kept.
    #[error("no more than {max} {what} are kept; remove some, or raise the limit")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        max: usize,
    },
    /// There is no such group.
    #[error("there is no such group")]
    GroupIdNotFound,
    /// The group has members of the other kind.
    #[error("the group has members of the {is} protocol; use that one, or wait until the group is empty")]
    GroupTypeMismatch {
        /// What it is.
        is: &'static str,
    },
    /// The group still has members.
    #[error("the group still has members, or consumer instances; stop or delete them first")]
    NonEmptyGroup,
    /// The group has as many members as it may.
    #[error("the group has {max} members, and may not have more")]
    GroupMaxSizeReached {
        /// The bound.
        max: usize,
    },
    /// The member is not in the group: it joins anew.
    #[error("the group knows no such member; join again")]
    UnknownMember,
    /// Another life of this static member has taken its place.
    #[error("another client has joined with this instance id; only one of them may run")]
    FencedInstance,
    /// Another life of this static member is still in the group.
    #[error("a client with this instance id is still a member; stop it, or wait for its session to end")]
    UnreleasedInstance,
    /// The member's epoch is not the group's: it drops all its partitions and joins with epoch 0.
    #[error("the member is at epoch {current}; give up all partitions and join again with epoch 0")]
    FencedEpoch {
        /// What the group thinks.
        current: i32,
    },
    /// The epoch of the commit or fetch is not the member's; with its newest it may be tried again.
    #[error("the member is at epoch {current}; heartbeat, then try again")]
    StaleEpoch {
        /// What the group thinks.
        current: i32,
    },
    /// The generation is not the group's.
    #[error("the group is at generation {current}; join again")]
    IllegalGeneration {
        /// What the group thinks.
        current: i32,
    },
    /// The members are joining anew.
    #[error("the group is rebalancing; join again")]
    RebalanceInProgress,
    /// The member is to join again under the name given here (KIP-394).
    #[error("join again as '{member}'")]
    MemberIdRequired {
        /// The name.
        member: MemberId,
    },
    /// The member's protocols are not those of the others.
    #[error("the protocols do not match those of the group's members")]
    InconsistentGroupProtocol,
    /// The session time is out of bounds.
    #[error("the session timeout must lie between {min} and {max} ms")]
    InvalidSessionTimeout {
        /// The least.
        min: u32,
        /// The most.
        max: u32,
    },
    /// The assignor is not one of ours.
    #[error("the assignor must be one of 'uniform' and 'range'")]
    UnsupportedAssignor,
    /// Subscriptions by pattern are not served.
    #[error("subscriptions by regular expression are not served; name the topics")]
    UnsupportedRegex,
    /// There is no such topic or partition, as far as the coordinator knows.
    #[error("the coordinator knows no such topic or partition")]
    UnknownTopicOrPartition,
    /// The partition is not the member's to commit, or was not yet at the epoch that it names.
    #[error("the partition is not assigned to the member since epoch {epoch}; its new owner commits")]
    NotAssigned {
        /// The epoch that the commit names.
        epoch: i32,
    },
    /// The note beside the offset is too long.
    #[error("the metadata of an offset may have {max} bytes")]
    OffsetMetadataTooLarge {
        /// The bound.
        max: usize,
    },
    /// A negative offset.
    #[error("an offset is not negative")]
    InvalidOffset,
    /// The group's members read the topic.
    #[error("the group's members are subscribed to the topic; stop them first")]
    GroupSubscribedToTopic,
}

/// A record of the offsets topic that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record of the offsets topic cannot be read: {reason}")]
pub struct BadRecord {
    /// Why.
    pub reason: &'static str,
}
