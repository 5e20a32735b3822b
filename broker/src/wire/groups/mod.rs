//! The messages of consumer groups: of the classic protocol, of KIP-848, of offsets, and of those who look after groups.
//!
//! One enum holds all requests and one all responses, so that whoever passes them on to a group's coordinator passes on
//! one thing. What differs between versions is settled here. Two facts about a joining member are the version's only
//! ([`JoinGroupRequest`]), so such a request is never sent on in another version: its client is sent to the coordinator.
//!
//! Between brokers a member's heartbeat says more, in the tagged field [`PRIVATE_TAG`](super::PRIVATE_TAG):
//! [`MemberNote`].

mod consumer_describe;
mod consumer_heartbeat;
mod delete_groups;
mod describe_groups;
mod find_coordinator;
mod heartbeat;
mod join_group;
mod leave_group;
mod list_groups;
mod member_note;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod sync_group;

#[cfg(test)]
pub(super) mod samples;
#[cfg(test)]
mod tests;

pub use consumer_describe::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerMember, DescribedConsumerGroup,
    NamedTopicPartitions,
};
pub use consumer_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
pub use delete_groups::{DeleteGroupsRequest, DeleteGroupsResponse, DeletedGroup};
pub use describe_groups::{DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedMember};
pub use find_coordinator::{
    CoordinatorKind, FindCoordinatorRequest, FindCoordinatorResponse, FoundCoordinator,
};
pub use heartbeat::{HeartbeatRequest, HeartbeatResponse};
pub use join_group::{JoinGroupRequest, JoinGroupResponse, JoinProtocol, JoinedMember};
pub use leave_group::{LeaveGroupRequest, LeaveGroupResponse, LeavingMember, LeftMember};
pub use list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};
pub use member_note::MemberNote;
pub use offset_commit::{
    CommitPartition, CommitTopic, OffsetCommitRequest, OffsetCommitResponse, OffsetResult, OffsetTopicResult,
};
pub use offset_delete::{OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteTopic};
pub use offset_fetch::{
    FetchedGroup, FetchedOffset, FetchedOffsetTopic, OffsetFetchGroup, OffsetFetchRequest,
    OffsetFetchResponse, OffsetFetchTopic,
};
pub use sync_group::{SyncAssignment, SyncGroupRequest, SyncGroupResponse};

use kafka_wire_core::{ApiVersion, Decoder, KafkaDecode};

use super::family::message_family;
use super::texts::{into_texts, maybe_text, text, texts};
use super::writer::FrameWriter;
use super::{ApiKey, WireError};

message_family! {
    /// A request about groups.
    GroupRequest, GroupResponse:

    /// Which broker looks after a group.
    FindCoordinator(FindCoordinatorRequest, FindCoordinatorResponse), sent as 4;
    /// A classic member joins.
    JoinGroup(JoinGroupRequest, JoinGroupResponse), sent as 9;
    /// A classic member asks for its assignment; the leader brings all of them.
    SyncGroup(SyncGroupRequest, SyncGroupResponse), sent as 5;
    /// A classic member is alive.
    Heartbeat(HeartbeatRequest, HeartbeatResponse), sent as 4;
    /// Members go.
    LeaveGroup(LeaveGroupRequest, LeaveGroupResponse), sent as 5;
    /// Offsets to keep.
    OffsetCommit(OffsetCommitRequest, OffsetCommitResponse), sent as 9;
    /// Kept offsets to read.
    OffsetFetch(OffsetFetchRequest, OffsetFetchResponse), sent as 9;
    /// Kept offsets to forget.
    OffsetDelete(OffsetDeleteRequest, OffsetDeleteResponse), sent as 0;
    /// The groups of a broker.
    ListGroups(ListGroupsRequest, ListGroupsResponse), sent as 5;
    /// What classic groups are now.
    DescribeGroups(DescribeGroupsRequest, DescribeGroupsResponse), sent as 6;
    /// Groups to forget.
    DeleteGroups(DeleteGroupsRequest, DeleteGroupsResponse), sent as 2;
    /// The one call of members whose assignment the coordinator makes (KIP-848).
    ConsumerGroupHeartbeat(ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse), sent as 1;
    /// What such groups are now.
    ConsumerGroupDescribe(ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse), sent as 1;
}
