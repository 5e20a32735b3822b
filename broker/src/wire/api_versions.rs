//! Which requests are served, in which versions: the first thing that a client asks.

use super::{ApiKey, ErrorCode};

/// The answer to `ApiVersions`; the table in it is [`supported_apis`], always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ApiVersionsResponse {
    /// `UnsupportedVersion` if the client asked in a version that we do not know; such an answer goes out as version 0.
    pub error: ErrorCode,
}

/// One request that is served, in versions from `min` to `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiVersionRange {
    /// The request.
    pub key: ApiKey,
    /// The lowest version.
    pub min: i16,
    /// The highest version.
    pub max: i16,
}

/// All that is advertised. Only what is finished is in it: clients change their behaviour on a key's presence.
#[must_use]
pub fn supported_apis() -> &'static [ApiVersionRange] {
    SUPPORTED
}

const SUPPORTED: &[ApiVersionRange] = &[
    ApiVersionRange { key: ApiKey::Produce, min: 0, max: 11 },
    ApiVersionRange { key: ApiKey::Fetch, min: 4, max: 16 },
    ApiVersionRange { key: ApiKey::ListOffsets, min: 1, max: 7 },
    ApiVersionRange { key: ApiKey::Metadata, min: 0, max: 12 },
    ApiVersionRange { key: ApiKey::ApiVersions, min: 0, max: 4 },
    ApiVersionRange { key: ApiKey::OffsetForLeaderEpoch, min: 2, max: 4 },
];
