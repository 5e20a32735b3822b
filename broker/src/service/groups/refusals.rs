//! What another broker's error number about a group means. Pure.

use crate::groups::{GroupError, GroupOptions};
use crate::wire::ErrorCode;

/// What an error number asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It is none.
    Fine,
    /// The group refuses.
    Refused(GroupError),
    /// Somebody else is to be asked, or the same broker later.
    Again(String),
    /// The same; it may have been done.
    Lost(String),
    /// There is too much to do there.
    Overloaded,
}

/// The facts that a number does not carry are those of this broker's options, or -1.
pub(super) fn meaning_of(code: ErrorCode, options: &GroupOptions) -> Meaning {
    use ErrorCode as C;
    use GroupError as E;
    let current = -1;
    Meaning::Refused(match code {
        C::None => return Meaning::Fine,
        C::ThrottlingQuotaExceeded => return Meaning::Overloaded,
        C::InvalidGroupId => E::InvalidGroupId,
        C::GroupIdNotFound => E::GroupIdNotFound,
        C::NonEmptyGroup => E::NonEmptyGroup,
        C::GroupMaxSizeReached => E::GroupMaxSizeReached { max: options.members_max },
        C::UnknownMemberId => E::UnknownMember,
        C::FencedInstanceId => E::FencedInstance,
        C::UnreleasedInstanceId => E::UnreleasedInstance,
        C::FencedMemberEpoch => E::FencedEpoch { current },
        C::StaleMemberEpoch => E::StaleEpoch { current },
        C::IllegalGeneration => E::IllegalGeneration { current },
        C::RebalanceInProgress => E::RebalanceInProgress,
        C::InconsistentGroupProtocol => E::InconsistentGroupProtocol,
        C::InvalidSessionTimeout => {
            let (min, max) = (options.session_timeout_ms_min, options.session_timeout_ms_max);
            E::InvalidSessionTimeout { min, max }
        }
        C::UnsupportedAssignor => E::UnsupportedAssignor,
        C::InvalidRegularExpression => E::UnsupportedRegex,
        C::UnknownTopicOrPartition => E::UnknownTopicOrPartition,
        C::OffsetMetadataTooLarge => E::OffsetMetadataTooLarge { max: options.offset_metadata_bytes_max },
        C::InvalidCommitOffsetSize => E::TooMany { what: "offsets", max: options.offsets_per_commit_max },
        C::OffsetOutOfRange => E::InvalidOffset,
        C::GroupSubscribedToTopic => E::GroupSubscribedToTopic,
        C::InvalidRequest => {
            E::InvalidRequest { what: "the group's coordinator refuses the request as malformed" }
        }
        // These are said before anything is done.
        C::NotCoordinator | C::CoordinatorLoadInProgress => {
            return Meaning::Again(format!("it answered {code:?}"));
        }
        other => return Meaning::Lost(format!("it answered {other:?}")),
    })
}
