//! Why a call to another broker brought no answer, and what the two floors that call make of it.

use std::fmt;

use crate::net::ConnectError;
use crate::replication::LinkError;
use crate::service::ForwardError;
use crate::types::BrokerId;

/// Why a call brought no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CallError {
    /// Whether the whole request left this process, so that it may be carried out.
    pub(super) sent: bool,
    /// What happened.
    pub(super) reason: Reason,
}

/// What happened to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The peer's port refuses connections.
    Refused(String),
    /// No answer by the deadline.
    TimedOut,
    /// The connection could not be made, or broke, or made no sense.
    Broken(String),
    /// No such broker is registered.
    UnknownBroker(BrokerId),
}

impl CallError {
    pub(super) fn not_sent(reason: Reason) -> Self {
        Self { sent: false, reason }
    }

    pub(super) fn sent(reason: Reason) -> Self {
        Self { sent: true, reason }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) | Self::Broken(reason) => f.write_str(reason),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::UnknownBroker(broker) => write!(f, "broker {broker} is not registered"),
        }
    }
}

impl From<ConnectError> for Reason {
    fn from(error: ConnectError) -> Self {
        match &error {
            ConnectError::Refused { .. } => Self::Refused(error.to_string()),
            ConnectError::TimedOut { .. } | ConnectError::Failed { .. } => Self::Broken(error.to_string()),
        }
    }
}

impl From<CallError> for LinkError {
    fn from(error: CallError) -> Self {
        match error.reason {
            Reason::Refused(reason) => Self::Refused(reason),
            Reason::TimedOut => Self::TimedOut,
            Reason::Broken(reason) => Self::Broken(reason),
            Reason::UnknownBroker(_) => Self::UnknownBroker,
        }
    }
}

impl From<CallError> for ForwardError {
    fn from(error: CallError) -> Self {
        let reason = error.reason.to_string();
        if error.sent { Self::Unknown(reason) } else { Self::NotSent(reason) }
    }
}
