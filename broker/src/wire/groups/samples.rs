//! One request and one response of each kind, with every field filled, as the highest version has them.

use super::*;
use crate::types::{BrokerId, LeaderEpoch, Offset, TopicId};
use crate::wire::ErrorCode;

fn topic_id() -> TopicId {
    TopicId(uuid::Uuid::from_u128(7))
}

fn held() -> Vec<TopicPartitions> {
    vec![TopicPartitions { topic_id: topic_id(), partitions: vec![1, 3] }]
}

fn results() -> Vec<OffsetTopicResult> {
    let partitions = vec![OffsetResult { index: 1, error: ErrorCode::StaleMemberEpoch }];
    vec![OffsetTopicResult { name: "orders".into(), partitions }]
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

pub(in crate::wire) fn requests() -> Vec<GroupRequest> {
    [classic_requests(), offset_requests(), other_requests()].concat()
}

fn classic_requests() -> Vec<GroupRequest> {
    let (group_id, member_id) = (|| "g".to_owned(), || "m-1".to_owned());
    vec![
        GroupRequest::FindCoordinator(FindCoordinatorRequest {
            kind: CoordinatorKind::Transaction,
            keys: vec![group_id(), "h".into()],
        }),
        GroupRequest::JoinGroup(JoinGroupRequest {
            group_id: group_id(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 60_000,
            member_id: member_id(),
            instance_id: some("i"),
            protocol_type: "consumer".into(),
            protocols: vec![JoinProtocol { name: "range".into(), metadata: "what it says".into() }],
            reason: some("new"),
            requires_known_member: true,
            may_skip_assignment: true,
        }),
        GroupRequest::SyncGroup(SyncGroupRequest {
            group_id: group_id(),
            generation: 4,
            member_id: member_id(),
            instance_id: some("i"),
            protocol_type: some("consumer"),
            protocol: some("range"),
            assignments: vec![SyncAssignment { member_id: member_id(), assignment: "its own".into() }],
        }),
        GroupRequest::Heartbeat(HeartbeatRequest {
            group_id: group_id(),
            generation: 4,
            member_id: member_id(),
            instance_id: some("i"),
        }),
        GroupRequest::LeaveGroup(LeaveGroupRequest {
            group_id: group_id(),
            members: vec![LeavingMember {
                member_id: member_id(),
                instance_id: some("i"),
                reason: some("done"),
            }],
        }),
    ]
}

fn offset_requests() -> Vec<GroupRequest> {
    let offset = CommitPartition {
        index: 1,
        offset: Offset(41),
        leader_epoch: LeaderEpoch(3),
        metadata: some("note"),
    };
    let (group_id, member_id) = (|| "g".to_owned(), || "m-1".to_owned());
    vec![
        GroupRequest::OffsetCommit(OffsetCommitRequest {
            group_id: group_id(),
            epoch: 4,
            member_id: member_id(),
            instance_id: some("i"),
            retention_ms: None,
            topics: vec![CommitTopic {
                name: "orders".into(),
                partitions: vec![offset.clone(), CommitPartition { metadata: None, ..offset }],
            }],
        }),
        GroupRequest::OffsetFetch(OffsetFetchRequest {
            groups: vec![OffsetFetchGroup {
                group_id: group_id(),
                member_id: some("m-1"),
                member_epoch: 4,
                topics: Some(vec![OffsetFetchTopic { name: "orders".into(), partitions: vec![0, 2] }]),
            }],
            require_stable: true,
        }),
        GroupRequest::OffsetDelete(OffsetDeleteRequest {
            group_id: group_id(),
            topics: vec![OffsetDeleteTopic { name: "orders".into(), partitions: vec![0, 2] }],
        }),
    ]
}

fn other_requests() -> Vec<GroupRequest> {
    let (group_id, member_id) = (|| "g".to_owned(), || "m-1".to_owned());
    vec![
        GroupRequest::ListGroups(ListGroupsRequest {
            states: vec!["Stable".into()],
            types: vec!["classic".into()],
        }),
        GroupRequest::DescribeGroups(DescribeGroupsRequest { groups: vec![group_id()] }),
        GroupRequest::DeleteGroups(DeleteGroupsRequest { groups: vec![group_id()] }),
        GroupRequest::ConsumerGroupHeartbeat(ConsumerGroupHeartbeatRequest {
            group_id: group_id(),
            member_id: member_id(),
            member_epoch: -2,
            instance_id: some("i"),
            rack: some("r"),
            rebalance_timeout_ms: Some(60_000),
            topics: Some(vec!["orders".into()]),
            topics_regex: some("o.*"),
            assignor: some("uniform"),
            owned: Some(held()),
            note: Some(MemberNote {
                session_timeout_ms: Some(30_000),
                client_id: "curl".into(),
                client_host: "127.0.0.1".into(),
                client_metadata: some("{}"),
            }),
        }),
        GroupRequest::ConsumerGroupDescribe(ConsumerGroupDescribeRequest { groups: vec![group_id()] }),
    ]
}

fn consumer_member() -> ConsumerMember {
    let named =
        |name: &str, topic_id| NamedTopicPartitions { topic_id, name: name.into(), partitions: vec![1] };
    ConsumerMember {
        member_id: "m-1".into(),
        instance_id: Some("i".into()),
        rack: Some("r".into()),
        epoch: 4,
        client_id: "me".into(),
        client_host: "/127.0.0.1".into(),
        topics: vec!["orders".into()],
        topics_regex: Some("o.*".into()),
        assignment: vec![named("orders", Some(topic_id()))],
        target: vec![named("gone", None)],
        member_type: 1,
    }
}

fn offset_responses() -> Vec<GroupResponse> {
    let kept = FetchedOffset {
        index: 0,
        offset: Offset(41),
        leader_epoch: LeaderEpoch(3),
        metadata: Some("note".into()),
        error: ErrorCode::None,
    };
    let none = FetchedOffset {
        index: 2,
        offset: Offset::NONE,
        leader_epoch: LeaderEpoch::NONE,
        metadata: None,
        error: ErrorCode::UnstableOffsetCommit,
    };
    vec![
        GroupResponse::OffsetCommit(OffsetCommitResponse { topics: results() }),
        GroupResponse::OffsetFetch(OffsetFetchResponse {
            groups: vec![FetchedGroup {
                group_id: "g".into(),
                error: ErrorCode::StaleMemberEpoch,
                topics: vec![FetchedOffsetTopic { name: "orders".into(), partitions: vec![kept, none] }],
            }],
        }),
        GroupResponse::OffsetDelete(OffsetDeleteResponse {
            error: ErrorCode::GroupIdNotFound,
            topics: results(),
        }),
    ]
}

fn describing_responses() -> Vec<GroupResponse> {
    vec![
        GroupResponse::ListGroups(ListGroupsResponse {
            error: ErrorCode::CoordinatorLoadInProgress,
            groups: vec![ListedGroup {
                group_id: "g".into(),
                protocol_type: "consumer".into(),
                state: "Stable".into(),
                group_type: "classic".into(),
            }],
        }),
        GroupResponse::DescribeGroups(DescribeGroupsResponse {
            groups: vec![DescribedGroup {
                error: ErrorCode::GroupIdNotFound,
                error_message: Some("not here".into()),
                group_id: "g".into(),
                state: "Dead".into(),
                protocol_type: "consumer".into(),
                protocol: "range".into(),
                members: vec![DescribedMember {
                    member_id: "m-1".into(),
                    instance_id: Some("i".into()),
                    client_id: "me".into(),
                    client_host: "/127.0.0.1".into(),
                    metadata: "what it says".into(),
                    assignment: "its own".into(),
                }],
            }],
        }),
        GroupResponse::DeleteGroups(DeleteGroupsResponse {
            groups: vec![DeletedGroup { group_id: "g".into(), error: ErrorCode::NonEmptyGroup }],
        }),
        GroupResponse::ConsumerGroupDescribe(ConsumerGroupDescribeResponse {
            groups: vec![DescribedConsumerGroup {
                error: ErrorCode::None,
                error_message: Some("none".into()),
                group_id: "g".into(),
                state: "Reconciling".into(),
                epoch: 5,
                assignment_epoch: 4,
                assignor: "uniform".into(),
                members: vec![consumer_member()],
            }],
        }),
    ]
}

pub(in crate::wire) fn responses() -> Vec<GroupResponse> {
    let found = FoundCoordinator {
        key: "g".into(),
        error: ErrorCode::None,
        error_message: Some("found".into()),
        broker: Some((BrokerId(2), "here".into(), 9092)),
    };
    let member = JoinedMember {
        member_id: "m-1".into(),
        instance_id: Some("i".into()),
        metadata: "what it says".into(),
    };
    let left = LeftMember {
        member_id: "m-1".into(),
        instance_id: Some("i".into()),
        error: ErrorCode::UnknownMemberId,
    };
    let mut all = vec![
        GroupResponse::FindCoordinator(FindCoordinatorResponse { coordinators: vec![found] }),
        GroupResponse::JoinGroup(JoinGroupResponse {
            error: ErrorCode::None,
            generation: 4,
            protocol_type: Some("consumer".into()),
            protocol: Some("range".into()),
            leader: "m-1".into(),
            skip_assignment: true,
            member_id: "m-1".into(),
            members: vec![member],
        }),
        GroupResponse::SyncGroup(SyncGroupResponse {
            error: ErrorCode::None,
            protocol_type: Some("consumer".into()),
            protocol: Some("range".into()),
            assignment: "its own".into(),
        }),
        GroupResponse::Heartbeat(HeartbeatResponse { error: ErrorCode::RebalanceInProgress }),
        GroupResponse::LeaveGroup(LeaveGroupResponse { error: ErrorCode::None, members: vec![left] }),
        GroupResponse::ConsumerGroupHeartbeat(ConsumerGroupHeartbeatResponse {
            error: ErrorCode::None,
            error_message: Some("well".into()),
            member_id: Some("m-1".into()),
            member_epoch: 4,
            heartbeat_interval_ms: 5_000,
            assignment: Some(held()),
        }),
    ];
    all.extend(offset_responses());
    all.extend(describing_responses());
    all
}
