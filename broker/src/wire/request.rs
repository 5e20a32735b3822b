//! The one enum of all requests.

use super::frame::{
    API_VERSIONS_VERSION, DELETE_RECORDS_VERSION, FETCH_VERSION, INIT_PRODUCER_ID_VERSION,
    LIST_OFFSETS_VERSION, METADATA_VERSION, OFFSET_FOR_LEADER_EPOCH_VERSION, PRODUCE_VERSION,
};
use super::instance::INSTANCE_VERSION;
use super::{
    AdminRequest, ApiKey, DeleteRecordsRequest, FetchRequest, GroupRequest, InitProducerIdRequest,
    InstanceRequest, ListOffsetsRequest, MetadataRequest, OffsetForLeaderEpochRequest, ProduceRequest,
};

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
    /// Move the starts of logs up.
    DeleteRecords(DeleteRecordsRequest),
    /// Where an epoch ends.
    OffsetForLeaderEpoch(OffsetForLeaderEpochRequest),
    /// An id for a producer.
    InitProducerId(InitProducerIdRequest),
    /// Whatever is about consumer groups.
    Group(Box<GroupRequest>),
    /// Whatever administrators ask.
    Admin(Box<AdminRequest>),
    /// Something of a consumer instance, between brokers.
    Instance(InstanceRequest),
}

impl Request {
    /// Its key.
    #[must_use]
    pub fn key(&self) -> ApiKey {
        match self {
            Self::ApiVersions => ApiKey::ApiVersions,
            Self::Metadata(_) => ApiKey::Metadata,
            Self::Produce(_) => ApiKey::Produce,
            Self::Fetch(_) => ApiKey::Fetch,
            Self::ListOffsets(_) => ApiKey::ListOffsets,
            Self::DeleteRecords(_) => ApiKey::DeleteRecords,
            Self::OffsetForLeaderEpoch(_) => ApiKey::OffsetForLeaderEpoch,
            Self::InitProducerId(_) => ApiKey::InitProducerId,
            Self::Group(request) => request.key(),
            Self::Admin(request) => request.key(),
            Self::Instance(_) => ApiKey::Instance,
        }
    }

    /// The version in which [`encode_request`](super::encode_request) writes it, and so that of its response.
    #[must_use]
    pub fn version_sent(&self) -> i16 {
        match self {
            Self::ApiVersions => API_VERSIONS_VERSION,
            Self::Metadata(_) => METADATA_VERSION,
            Self::Produce(_) => PRODUCE_VERSION,
            Self::Fetch(_) => FETCH_VERSION,
            Self::ListOffsets(_) => LIST_OFFSETS_VERSION,
            Self::DeleteRecords(_) => DELETE_RECORDS_VERSION,
            Self::OffsetForLeaderEpoch(_) => OFFSET_FOR_LEADER_EPOCH_VERSION,
            Self::InitProducerId(_) => INIT_PRODUCER_ID_VERSION,
            Self::Group(request) => request.version_sent(),
            Self::Admin(request) => request.version_sent(),
            Self::Instance(_) => INSTANCE_VERSION,
        }
    }
}
