//! What an error of etcd's client means: pure.
//!
//! The one thing that matters is whether a write was certainly not applied. That is so if no connection could be opened
//! (nothing was sent), and if etcd itself answers with a refusal that it gives before proposing. Everything else,
//! time-outs and broken connections above all, is ambiguous.

use std::error::Error;

use etcd_client::Error as ClientError;
use tonic::{Code, ConnectError, Status};

/// What is known after a call that gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// This member certainly did nothing, another may: no connection, or it knows no leader.
    Elsewhere(String),
    /// Certainly not applied, and no other member would do it now: out of space, too many requests.
    NotNow(String),
    /// Refused for good.
    Invalid(String),
    /// The lease named does not exist.
    LeaseNotFound,
    /// The revision named is compacted.
    Compacted,
    /// The answer is larger than is accepted; the request may have been applied.
    TooLarge(String),
    /// Nobody knows.
    Ambiguous(String),
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::GRpcStatus(status) => Self::from(&status),
            ClientError::LeaseKeepAliveError(reason) if reason == "lease not found" => Self::LeaseNotFound,
            ClientError::InvalidArgs(_)
            | ClientError::InvalidUri(_)
            | ClientError::InvalidMetadataValue(_) => Self::Invalid(error.to_string()),
            _ => Self::Ambiguous(error.to_string()),
        }
    }
}

impl From<&Status> for Failure {
    fn from(status: &Status) -> Self {
        let reason = describe(status);
        if could_not_connect(status) {
            return Self::Elsewhere(reason);
        }
        let Some(said) = status.message().strip_prefix("etcdserver: ") else {
            return Self::of_transport(status, reason);
        };
        match status.code() {
            Code::NotFound if said == "requested lease not found" => Self::LeaseNotFound,
            Code::OutOfRange if said.ends_with("has been compacted") => Self::Compacted,
            Code::Unavailable if matches!(said, "no leader" | "not capable") || said.contains("learner") => {
                Self::Elsewhere(reason)
            }
            Code::ResourceExhausted => Self::NotNow(reason),
            Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented => Self::Invalid(reason),
            _ => Self::Ambiguous(reason),
        }
    }
}

impl Failure {
    /// An error that etcd's own code did not give.
    fn of_transport(status: &Status, reason: String) -> Self {
        match status.code() {
            Code::ResourceExhausted if reason.contains("received message larger than max") => {
                Self::Invalid(reason)
            }
            Code::OutOfRange if reason.contains("message length too large") => Self::TooLarge(reason),
            Code::Unimplemented => Self::Invalid(reason),
            _ => Self::Ambiguous(reason),
        }
    }
}

/// Whether the connection was never made, so that nothing can have been sent.
fn could_not_connect(status: &Status) -> bool {
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<ConnectError>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// The message with the innermost cause, which is where "connection refused" stands.
fn describe(status: &Status) -> String {
    let mut innermost = None;
    let mut source = status.source();
    while let Some(error) = source {
        innermost = Some(error.to_string());
        source = error.source();
    }
    match innermost {
        Some(cause) if cause != status.message() => format!("{}: {cause}", status.message()),
        _ if status.message().is_empty() => status.code().to_string(),
        _ => status.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn of(code: Code, message: &str) -> Failure {
        Failure::from(ClientError::GRpcStatus(Status::new(code, message)))
    }

    #[test]
    fn only_refusals_given_before_proposing_are_certain() {
        assert!(matches!(of(Code::Unavailable, "etcdserver: no leader"), Failure::Elsewhere(_)));
        assert!(matches!(
            of(Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded"),
            Failure::NotNow(_)
        ));
        assert!(matches!(of(Code::ResourceExhausted, "etcdserver: too many requests"), Failure::NotNow(_)));
        for unsure in [
            "request timed out",
            "leader changed",
            "server stopped",
            "request timed out, possibly due to previous leader failure",
        ] {
            let failure = of(Code::Unavailable, &format!("etcdserver: {unsure}"));
            assert!(matches!(failure, Failure::Ambiguous(_)), "{unsure}: {failure:?}");
        }
        assert!(matches!(of(Code::Unavailable, "transport error"), Failure::Ambiguous(_)));
        assert!(matches!(
            of(Code::ResourceExhausted, "h2 protocol error: enhance your calm"),
            Failure::Ambiguous(_)
        ));
        assert!(matches!(of(Code::Unknown, "no leader"), Failure::Ambiguous(_)));
    }

    #[test]
    fn refusals_for_good_are_invalid() {
        for (code, message) in [
            (Code::InvalidArgument, "etcdserver: too many operations in txn request"),
            (Code::InvalidArgument, "etcdserver: duplicate key given in txn request"),
            (Code::InvalidArgument, "etcdserver: request is too large"),
            (Code::PermissionDenied, "etcdserver: permission denied"),
            (Code::OutOfRange, "etcdserver: mvcc: required revision is a future revision"),
            (Code::ResourceExhausted, "grpc: received message larger than max (2097160 vs. 2097152)"),
        ] {
            assert!(matches!(of(code, message), Failure::Invalid(_)), "{message}");
        }
        assert_eq!(of(Code::NotFound, "etcdserver: requested lease not found"), Failure::LeaseNotFound);
        let compacted = of(Code::OutOfRange, "etcdserver: mvcc: required revision has been compacted");
        assert_eq!(compacted, Failure::Compacted);
    }

    #[test]
    fn a_refused_connection_is_certain_and_a_broken_one_is_not() {
        let refused = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let mut status = Status::unavailable("tcp connect error");
        status.set_source(Arc::new(ConnectError(Box::new(refused()))));
        assert!(matches!(Failure::from(&status), Failure::Elsewhere(reason) if reason.contains("refused")));
        let mut status = Status::unavailable("transport error");
        status.set_source(Arc::new(refused()));
        assert!(matches!(Failure::from(&status), Failure::Ambiguous(_)));
    }
}
