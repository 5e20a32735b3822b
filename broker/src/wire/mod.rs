//! Kafka's frames and messages, in plain structs of our own that no version number enters. Pure.
//!
//! The codec crate (`kafka-wire`) is wrapped here and seen nowhere else. One frame is a 4-byte length, a header, a body;
//! which fields they have depends on the request's key and version, and that is dealt with here and forgotten.
//!
//! Between brokers the same protocol is spoken, with three facts more, in the tagged field [`PRIVATE_TAG`] that Kafka's own
//! clients skip: the offset at which a forwarded produce is expected to land, what exactly became of it, and what a door
//! knows of a group's member. And one request more, with a key of its own: [`InstanceRequest`].
//!
//! It does not read sockets, and does not look inside record batches.
//!
//! *Invariant:* decoding is total: any bytes give a message or an error, with memory in proportion to the bytes.
//! *Invariant:* record bytes are never copied, neither in nor out.

mod admin;
mod api_versions;
mod delete_records;
mod epochs;
mod error;
mod error_code;
mod family;
mod fetch;
mod frame;
mod groups;
mod header;
mod init_producer_id;
mod instance;
mod link;
mod list_offsets;
mod metadata;
mod private_tag;
mod produce;
mod request;
mod response;
mod texts;
mod topic_ids;
mod writer;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;

pub use admin::{
    AdminRequest, AdminResponse, AlterConfigsRequest, AlterConfigsResource, AlterConfigsResponse,
    AlteredConfigs, ClusterBroker, ConfigKind, ConfigOperation, ConfigSource, ConfigSynonym,
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    CreatedPartitions, DeleteTopicsRequest, DeleteTopicsResponse, DeletedTopic, DescribeClusterRequest,
    DescribeClusterResponse, DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResponse,
    DescribedConfig, DescribedConfigs, DoomedTopic, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResource, IncrementalAlterConfigsResponse, NO_AUTHORIZED_OPERATIONS,
    NewPartitions, NewTopic, NewTopicConfig, NewTopicResult, ResourceKind,
};
use api_versions::known_apis;
pub use api_versions::{ApiVersionRange, ApiVersionsResponse, supported_apis};
pub use delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic, DeletedRecords,
    DeletedRecordsTopic,
};
pub use epochs::{
    EpochEndPartition, EpochEndTopic, EpochPartition, EpochTopic, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
};
pub use error::WireError;
pub use error_code::ErrorCode;
pub use fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchedPartition, FetchedTopic};
pub use frame::{
    DELETE_RECORDS_VERSION, FETCH_VERSION, LIST_OFFSETS_VERSION, METADATA_VERSION,
    OFFSET_FOR_LEADER_EPOCH_VERSION, PRODUCE_VERSION, decode_request, decode_response, encode_request,
    encode_response,
};
pub use groups::{
    CommitPartition, CommitTopic, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse,
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ConsumerMember, CoordinatorKind,
    DeleteGroupsRequest, DeleteGroupsResponse, DeletedGroup, DescribeGroupsRequest, DescribeGroupsResponse,
    DescribedConsumerGroup, DescribedGroup, DescribedMember, FetchedGroup, FetchedOffset, FetchedOffsetTopic,
    FindCoordinatorRequest, FindCoordinatorResponse, FoundCoordinator, GroupRequest, GroupResponse,
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, JoinProtocol, JoinedMember,
    LeaveGroupRequest, LeaveGroupResponse, LeavingMember, LeftMember, ListGroupsRequest, ListGroupsResponse,
    ListedGroup, MemberNote, NamedTopicPartitions, OffsetCommitRequest, OffsetCommitResponse,
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteTopic, OffsetFetchGroup, OffsetFetchRequest,
    OffsetFetchResponse, OffsetFetchTopic, OffsetResult, OffsetTopicResult, SyncAssignment, SyncGroupRequest,
    SyncGroupResponse, TopicPartitions,
};
pub use header::{ApiKey, RequestHeader, WireLimits};
pub use init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
pub use instance::{InstanceRequest, InstanceResponse};
pub use link::{broker_of_link, link_client_id};
pub use list_offsets::{
    DEBUGGING_REPLICA, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
    ListedPartition, ListedTopic,
};
pub use metadata::{
    MetadataBroker, MetadataPartition, MetadataRequest, MetadataResponse, MetadataTopic, MetadataTopicRequest,
};
pub use private_tag::PRIVATE_TAG;
pub use produce::{
    ProduceDetail, ProducePartition, ProduceRequest, ProduceResponse, ProduceTopic, ProducedPartition,
    ProducedTopic,
};
pub use request::Request;
pub use response::Response;
