//! The one enum of all responses.

use super::{
    ApiVersionsResponse, FetchResponse, ListOffsetsResponse, MetadataResponse, OffsetForLeaderEpochResponse,
    ProduceResponse,
};

/// A response's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// What is served in which versions.
    ApiVersions(ApiVersionsResponse),
    /// Brokers, topics, leaders.
    Metadata(MetadataResponse),
    /// What became of each batch.
    Produce(ProduceResponse),
    /// Records.
    Fetch(FetchResponse),
    /// Offsets.
    ListOffsets(ListOffsetsResponse),
    /// Ends of epochs.
    OffsetForLeaderEpoch(OffsetForLeaderEpochResponse),
}
