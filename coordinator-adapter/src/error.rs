//! What can go wrong between a broker and its coordination store.

use crate::store::{LeaseId, Revision};

/// The outcome of an operation that did not give an answer.
///
/// The one distinction that matters: was the write certainly *not* applied, or is it unknown?
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store was not reached: the operation was certainly not applied. Try again later.
    #[error("the coordination store cannot be reached: {reason}")]
    Unavailable {
        /// What the transport said.
        reason: String,
    },
    /// The request may have been applied: its answer was lost. Settle it by writing with the same guard, or by
    /// seeing a newer revision; never by reading "unchanged".
    #[error("the outcome of the operation is unknown: {reason}")]
    Unknown {
        /// What the transport said.
        reason: String,
    },
    /// The lease has expired or was revoked.
    #[error("lease {0} is gone")]
    LeaseNotFound(LeaseId),
    /// The revision asked for has been compacted away: list again.
    #[error("revision {requested} was compacted, the oldest kept is {compacted}")]
    Compacted {
        /// The revision asked for.
        requested: Revision,
        /// The oldest revision that can still be read, or more.
        compacted: Revision,
    },
    /// The store refuses the request and always will.
    #[error("the coordination store refuses the request: {reason}")]
    Invalid {
        /// Why.
        reason: String,
    },
}

impl StoreError {
    /// Whether the operation was certainly not applied.
    #[must_use]
    pub fn certainly_not_applied(&self) -> bool {
        !matches!(self, Self::Unknown { .. })
    }
}
