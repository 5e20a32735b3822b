//! The one enum of all requests.

use super::{FetchRequest, ListOffsetsRequest, MetadataRequest, OffsetForLeaderEpochRequest, ProduceRequest};

/// A request's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// What is served in which versions.
    ApiVersions,
    /// Brokers, topics, leaders.
    Metadata(MetadataRequest),
    /// Append records.
    Produce(ProduceRequest),
    /// Read records, as a consumer or a replica.
    Fetch(FetchRequest),
    /// Find offsets by time, or the ends.
    ListOffsets(ListOffsetsRequest),
    /// Where an epoch ends.
    OffsetForLeaderEpoch(OffsetForLeaderEpochRequest),
}
