//! What heads every request, and the bounds under which frames are read.
//!
//! ```text
//! request:  api key i16, api version i16, correlation id i32, client id (length i16, -1 = none), tags if flexible
//! response: correlation id i32, tags if flexible, but never for ApiVersions: its reader may not know the version yet
//! ```

use kafka_wire_core::{DecodeError, DecodeLimits, Decoder};

use super::writer::FrameWriter;
use super::{ApiVersionRange, WireError, known_apis};

/// Strings in messages: names, hosts, versions.
const STRING_BYTES_MAX: usize = 1 << 15;
/// Tagged fields in one structure; real clients send none or one.
const TAGGED_FIELDS_MAX: usize = 64;
/// Bytes of the tagged fields in one structure.
const TAG_BYTES_MAX: usize = 1 << 16;
/// A request without records is no larger than this, whatever the limit for those with records.
const PLAIN_REQUEST_BYTES_MAX: usize = 8 << 20;

/// Bounds on what a peer may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireLimits {
    /// Bytes of one frame.
    pub frame_bytes_max: usize,
    /// Items in any one array of a message.
    pub array_items_max: usize,
}

impl Default for WireLimits {
    fn default() -> Self {
        Self { frame_bytes_max: 100 << 20, array_items_max: 100_000 }
    }
}

impl WireLimits {
    /// The limits in the codec's words.
    pub(super) fn for_codec(&self) -> DecodeLimits {
        let mut limits = DecodeLimits::default();
        limits.max_frame_bytes = self.frame_bytes_max;
        limits.max_string_bytes = STRING_BYTES_MAX;
        limits.max_bytes_bytes = self.frame_bytes_max;
        limits.max_array_elements = self.array_items_max;
        limits.max_tagged_fields = TAGGED_FIELDS_MAX;
        limits.max_tag_bytes = TAG_BYTES_MAX;
        limits.max_total_tag_bytes = TAG_BYTES_MAX;
        limits
    }
}

/// The head of a request, the same for all versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// Which request, see [`ApiKey`].
    pub api_key: i16,
    /// In which version.
    pub api_version: i16,
    /// The client's number for it, echoed in the response.
    pub correlation_id: i32,
    /// What the client calls itself.
    pub client_id: Option<String>,
}

/// The requests that we serve, in the versions of [`supported_apis`](super::supported_apis).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum ApiKey {
    /// Append records.
    Produce = 0,
    /// Read records, as a consumer or a replica.
    Fetch = 1,
    /// Find offsets by time, or the ends.
    ListOffsets = 2,
    /// Brokers, topics, leaders.
    Metadata = 3,
    /// What is served in which versions.
    ApiVersions = 18,
    /// Offsets to keep.
    OffsetCommit = 8,
    /// Kept offsets to read.
    OffsetFetch = 9,
    /// Which broker looks after a group.
    FindCoordinator = 10,
    /// A classic member joins.
    JoinGroup = 11,
    /// A classic member is alive.
    Heartbeat = 12,
    /// Members go.
    LeaveGroup = 13,
    /// A classic member asks for its assignment.
    SyncGroup = 14,
    /// What classic groups are now.
    DescribeGroups = 15,
    /// The groups of a broker.
    ListGroups = 16,
    /// Move the start of a log up.
    DeleteRecords = 21,
    /// Topics to make.
    CreateTopics = 19,
    /// Topics to delete.
    DeleteTopics = 20,
    /// An id for a producer.
    InitProducerId = 22,
    /// Where an epoch ends.
    OffsetForLeaderEpoch = 23,
    /// The settings of topics and brokers.
    DescribeConfigs = 32,
    /// Settings in place of all that are set.
    AlterConfigs = 33,
    /// Topics that are to have more partitions.
    CreatePartitions = 37,
    /// Groups to forget.
    DeleteGroups = 42,
    /// Settings one by one.
    IncrementalAlterConfigs = 44,
    /// Kept offsets to forget.
    OffsetDelete = 47,
    /// The cluster and its brokers.
    DescribeCluster = 60,
    /// The one call of members whose assignment the coordinator makes.
    ConsumerGroupHeartbeat = 68,
    /// What such groups are now.
    ConsumerGroupDescribe = 69,
    /// Something of a consumer instance over HTTP: between brokers only. A number far from Kafka's.
    Instance = 10_000,
}

impl ApiKey {
    /// The key with this number, if we know it.
    #[must_use]
    pub fn from_code(code: i16) -> Option<Self> {
        known_apis().map(|range| range.key).find(|key| key.code() == code)
    }

    /// Its number.
    #[must_use]
    pub fn code(self) -> i16 {
        self as i16
    }

    /// The versions that we speak.
    pub(super) fn range(self) -> ApiVersionRange {
        *known_apis().find(|range| range.key == self).expect("the table has every key")
    }

    /// Whether messages of this version are flexible (KIP-482).
    pub(super) fn is_flexible(self, version: i16) -> bool {
        let first = match self {
            Self::Produce | Self::Metadata => 9,
            Self::Fetch => 12,
            Self::ListOffsets => 6,
            Self::ApiVersions | Self::FindCoordinator | Self::ListGroups => 3,
            Self::OffsetForLeaderEpoch | Self::SyncGroup | Self::Heartbeat | Self::LeaveGroup => 4,
            Self::DeleteRecords | Self::InitProducerId | Self::DeleteGroups => 2,
            Self::CreatePartitions | Self::AlterConfigs => 2,
            Self::CreateTopics => 5,
            Self::DeleteTopics | Self::DescribeConfigs => 4,
            Self::IncrementalAlterConfigs => 1,
            Self::DescribeCluster => 0,
            Self::DescribeGroups => 5,
            Self::JoinGroup | Self::OffsetFetch => 6,
            Self::OffsetCommit => 8,
            Self::ConsumerGroupHeartbeat | Self::ConsumerGroupDescribe | Self::Instance => 0,
            Self::OffsetDelete => i16::MAX,
        };
        version >= first
    }

    /// Whether the head of a response of this version has tagged fields.
    fn has_flexible_response_header(self, version: i16) -> bool {
        self != Self::ApiVersions && self.is_flexible(version)
    }
}

/// Reads the head of a request.
pub(super) fn read_request_header(decoder: &mut Decoder) -> Result<(RequestHeader, ApiKey), WireError> {
    let frame_bytes = decoder.remaining();
    let mut header = RequestHeader {
        api_key: decoder.read_i16()?,
        api_version: decoder.read_i16()?,
        correlation_id: decoder.read_i32()?,
        client_id: None,
    };
    let client_id = decoder.read_nullable_string();
    header.client_id = client_id.as_ref().ok().cloned().flatten().map(|id| id.into_string());
    let Some(range) = known_apis().find(|range| range.key.code() == header.api_key) else {
        return Err(WireError::UnknownApi { header });
    };
    let key = range.key;
    if !(range.min..=range.max).contains(&header.api_version) {
        return Err(WireError::UnsupportedVersion { header });
    }
    client_id?;
    if key != ApiKey::Produce && frame_bytes > PLAIN_REQUEST_BYTES_MAX {
        return Err(WireError::TooLarge { bytes: frame_bytes, limit: PLAIN_REQUEST_BYTES_MAX });
    }
    if key.is_flexible(header.api_version) {
        decoder.read_tagged_fields()?;
    }
    Ok((header, key))
}

/// Begins a request.
pub(super) fn begin_request(key: ApiKey, version: i16, correlation_id: i32, client_id: &str) -> FrameWriter {
    let mut writer = FrameWriter::new(key.is_flexible(version));
    writer.i16(key.code());
    writer.i16(version);
    writer.i32(correlation_id);
    writer.header_string(client_id);
    writer.tags(&[]);
    writer
}

/// Reads the head of a response to a request of this key and version: the correlation id.
pub(super) fn read_response_header(
    decoder: &mut Decoder,
    key: ApiKey,
    version: i16,
) -> Result<i32, DecodeError> {
    let correlation_id = decoder.read_i32()?;
    if key.has_flexible_response_header(version) {
        decoder.read_tagged_fields()?;
    }
    Ok(correlation_id)
}

/// Begins a response to a request of this key and version.
pub(super) fn begin_response(key: ApiKey, version: i16, correlation_id: i32) -> FrameWriter {
    let mut writer = FrameWriter::new(key.is_flexible(version));
    writer.i32(correlation_id);
    if key.has_flexible_response_header(version) {
        writer.tags(&[]);
    }
    writer
}
