//! The one enum of all responses.

use super::{
    AdminResponse, ApiKey, ApiVersionsResponse, DeleteRecordsResponse, FetchResponse, GroupResponse,
    InitProducerIdResponse, InstanceResponse, ListOffsetsResponse, MetadataResponse,
    OffsetForLeaderEpochResponse, ProduceResponse,
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
    /// Where logs start now.
    DeleteRecords(DeleteRecordsResponse),
    /// Ends of epochs.
    OffsetForLeaderEpoch(OffsetForLeaderEpochResponse),
    /// An id for a producer.
    InitProducerId(InitProducerIdResponse),
    /// Whatever is about consumer groups.
    Group(GroupResponse),
    /// Whatever administrators ask.
    Admin(AdminResponse),
    /// Something of a consumer instance, between brokers.
    Instance(InstanceResponse),
}

impl Response {
    /// The key of the request that it answers.
    #[must_use]
    pub fn key(&self) -> ApiKey {
        match self {
            Self::ApiVersions(_) => ApiKey::ApiVersions,
            Self::Metadata(_) => ApiKey::Metadata,
            Self::Produce(_) => ApiKey::Produce,
            Self::Fetch(_) => ApiKey::Fetch,
            Self::ListOffsets(_) => ApiKey::ListOffsets,
            Self::DeleteRecords(_) => ApiKey::DeleteRecords,
            Self::OffsetForLeaderEpoch(_) => ApiKey::OffsetForLeaderEpoch,
            Self::InitProducerId(_) => ApiKey::InitProducerId,
            Self::Group(response) => response.key(),
            Self::Admin(response) => response.key(),
            Self::Instance(_) => ApiKey::Instance,
        }
    }
}
