//! Which requests are served, in which versions: the first thing that a client asks.

use kafka_wire::api_versions_response::ApiVersion;

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

impl ApiVersionsResponse {
    /// In the codec's words.
    pub(super) fn into_codec(self) -> kafka_wire::ApiVersionsResponse {
        let mut message = kafka_wire::ApiVersionsResponse::default();
        message.error_code = self.error.code();
        message.api_keys = SUPPORTED.iter().map(range_into_codec).collect();
        message
    }

    /// From the codec's words; the table is the other broker's, and not looked at.
    pub(super) fn from_codec(message: &kafka_wire::ApiVersionsResponse) -> Self {
        Self { error: message.error_code.into() }
    }
}

fn range_into_codec(range: &ApiVersionRange) -> ApiVersion {
    let mut version = ApiVersion::default();
    version.api_key = range.key.code();
    version.min_version = range.min;
    version.max_version = range.max;
    version
}

/// The request of a broker as a client.
pub(super) fn request_into_codec() -> kafka_wire::ApiVersionsRequest {
    let mut message = kafka_wire::ApiVersionsRequest::default();
    message.client_software_name = "tidemark".into();
    message.client_software_version = env!("CARGO_PKG_VERSION").into();
    message
}

/// All that is advertised. Only what is finished is in it: clients change their behaviour on a key's presence.
#[must_use]
pub fn supported_apis() -> &'static [ApiVersionRange] {
    SUPPORTED
}

/// All that is understood: what is advertised, and what brokers ask each other and nobody else.
pub(super) fn known_apis() -> impl Iterator<Item = &'static ApiVersionRange> {
    SUPPORTED.iter().chain(BETWEEN_BROKERS)
}

const BETWEEN_BROKERS: &[ApiVersionRange] =
    &[ApiVersionRange { key: ApiKey::Instance, min: 0, max: super::instance::INSTANCE_VERSION }];

/// Produce is advertised from 0 since librdkafka takes its absence for a broker that is too old; batches in the formats
/// of those days are refused one by one. Where else the lowest version is not 0, the codec begins there.
const SUPPORTED: &[ApiVersionRange] = &[
    ApiVersionRange { key: ApiKey::Produce, min: 0, max: 11 },
    ApiVersionRange { key: ApiKey::Fetch, min: 4, max: 16 },
    ApiVersionRange { key: ApiKey::ListOffsets, min: 1, max: 7 },
    ApiVersionRange { key: ApiKey::Metadata, min: 0, max: 12 },
    ApiVersionRange { key: ApiKey::ApiVersions, min: 0, max: 4 },
    ApiVersionRange { key: ApiKey::DeleteRecords, min: 0, max: 2 },
    ApiVersionRange { key: ApiKey::InitProducerId, min: 0, max: 4 },
    ApiVersionRange { key: ApiKey::OffsetForLeaderEpoch, min: 2, max: 4 },
    ApiVersionRange { key: ApiKey::OffsetCommit, min: 2, max: 9 },
    ApiVersionRange { key: ApiKey::OffsetFetch, min: 1, max: 9 },
    ApiVersionRange { key: ApiKey::FindCoordinator, min: 0, max: 4 },
    ApiVersionRange { key: ApiKey::JoinGroup, min: 0, max: 9 },
    ApiVersionRange { key: ApiKey::Heartbeat, min: 0, max: 4 },
    ApiVersionRange { key: ApiKey::LeaveGroup, min: 0, max: 5 },
    ApiVersionRange { key: ApiKey::SyncGroup, min: 0, max: 5 },
    ApiVersionRange { key: ApiKey::DescribeGroups, min: 0, max: 6 },
    ApiVersionRange { key: ApiKey::ListGroups, min: 0, max: 5 },
    ApiVersionRange { key: ApiKey::DeleteGroups, min: 0, max: 2 },
    ApiVersionRange { key: ApiKey::OffsetDelete, min: 0, max: 0 },
    ApiVersionRange { key: ApiKey::CreateTopics, min: 2, max: 7 },
    ApiVersionRange { key: ApiKey::DeleteTopics, min: 1, max: 6 },
    ApiVersionRange { key: ApiKey::CreatePartitions, min: 0, max: 3 },
    ApiVersionRange { key: ApiKey::DescribeConfigs, min: 1, max: 4 },
    ApiVersionRange { key: ApiKey::AlterConfigs, min: 0, max: 2 },
    ApiVersionRange { key: ApiKey::IncrementalAlterConfigs, min: 0, max: 1 },
    ApiVersionRange { key: ApiKey::DescribeCluster, min: 0, max: 1 },
    ApiVersionRange { key: ApiKey::ConsumerGroupHeartbeat, min: 0, max: 1 },
    ApiVersionRange { key: ApiKey::ConsumerGroupDescribe, min: 0, max: 1 },
];
