//! What can be wrong with a frame.

use kafka_wire_core::{DecodeError, EncodeError};

use super::RequestHeader;

/// A frame that cannot be read, or a message that cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A request that we know in a version that we do not. For `ApiVersions` the door answers with version 0 and code
    /// 35; for others it closes the connection, since the body cannot be answered in a form the client reads.
    #[error("api key {} has no version {} here", header.api_key, header.api_version)]
    UnsupportedVersion {
        /// Whose request it was.
        header: RequestHeader,
    },
    /// A request that we do not serve.
    #[error("api key {} is not served", header.api_key)]
    UnknownApi {
        /// Whose request it was.
        header: RequestHeader,
    },
    /// Bytes that are not what they should be.
    #[error("malformed frame: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// A frame over the limit.
    #[error("a frame of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

impl WireError {
    /// A frame that is malformed in this way.
    pub(super) fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed { reason: reason.into() }
    }
}

impl From<DecodeError> for WireError {
    fn from(error: DecodeError) -> Self {
        Self::Malformed { reason: error.to_string() }
    }
}

impl From<EncodeError> for WireError {
    fn from(error: EncodeError) -> Self {
        Self::Malformed { reason: error.to_string() }
    }
}
