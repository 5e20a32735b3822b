//! Groups at one broker's door: what each request comes to, and the numbers that clients act on.

use bytes::Bytes;

use super::client::Client;
use super::fixture::{Broker, GROUP_PARTITIONS, ORDERS};
use crate::groups::{GroupId, shard_of};
use crate::types::{BrokerId, LeaderEpoch, Offset};
use crate::wire::{
    CommitPartition, CommitTopic, ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse, CoordinatorKind, DeleteGroupsRequest, DescribeGroupsRequest, ErrorCode,
    FetchedOffset, FindCoordinatorRequest, FoundCoordinator, GroupRequest as Asked, GroupResponse as Answer,
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, JoinProtocol, LeaveGroupRequest, LeavingMember,
    ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetDeleteTopic, OffsetFetchGroup,
    OffsetFetchRequest, OffsetFetchTopic, Request, Response, SyncAssignment, SyncGroupRequest,
    SyncGroupResponse, TopicPartitions,
};

/// A group that is kept in this partition.
fn group_in(partition: i32) -> String {
    let mut names = (0..).map(|n| format!("group-{n}"));
    names.find(|name| shard_of(&GroupId::from(name.as_str()), GROUP_PARTITIONS).0 == partition).unwrap()
}

/// A group that is looked after here.
fn here() -> String {
    group_in(0)
}

async fn ask(client: &mut Client, request: Asked) -> Answer {
    match client.ask(Request::Group(Box::new(request))).await {
        Response::Group(answer) => answer,
        other => panic!("{other:?}"),
    }
}

/// Asks, and takes the answer out of its own kind.
macro_rules! ask {
    ($client:expr, $kind:ident, $request:expr) => {
        match ask($client, Asked::$kind($request)).await {
            Answer::$kind(answer) => answer,
            other => panic!("{other:?}"),
        }
    };
}

fn find(kind: CoordinatorKind, keys: &[String]) -> FindCoordinatorRequest {
    FindCoordinatorRequest { kind, keys: keys.to_vec() }
}

/// The topics that a member says it reads, as the `consumer` protocol has it.
fn subscription(topic: &str) -> Bytes {
    let mut bytes = vec![0, 0, 0, 0, 0, 1, 0, u8::try_from(topic.len()).unwrap()];
    bytes.extend_from_slice(topic.as_bytes());
    bytes.extend_from_slice(&[0xff; 4]);
    bytes.into()
}

fn join(group: &str, member: &str) -> JoinGroupRequest {
    let protocol = JoinProtocol { name: "range".to_owned(), metadata: subscription("orders") };
    JoinGroupRequest {
        group_id: group.to_owned(),
        session_timeout_ms: 30_000,
        rebalance_timeout_ms: 60_000,
        member_id: member.to_owned(),
        instance_id: None,
        protocol_type: "consumer".to_owned(),
        protocols: vec![protocol],
        reason: None,
        requires_known_member: true,
        may_skip_assignment: true,
    }
}

fn sync(group: &str, member: &str, generation: i32) -> SyncGroupRequest {
    let assignment = SyncAssignment { member_id: member.to_owned(), assignment: Bytes::from("all") };
    SyncGroupRequest {
        group_id: group.to_owned(),
        generation,
        member_id: member.to_owned(),
        instance_id: None,
        protocol_type: Some("consumer".to_owned()),
        protocol: Some("range".to_owned()),
        assignments: vec![assignment],
    }
}

fn heartbeat(group: &str, member: &str, generation: i32) -> HeartbeatRequest {
    let (group_id, member_id) = (group.to_owned(), member.to_owned());
    HeartbeatRequest { group_id, generation, member_id, instance_id: None }
}

fn leave(group: &str, members: &[&str]) -> LeaveGroupRequest {
    let member = |name: &&str| LeavingMember {
        member_id: (*name).to_owned(),
        instance_id: None,
        reason: Some("done".to_owned()),
    };
    LeaveGroupRequest { group_id: group.to_owned(), members: members.iter().map(member).collect() }
}

fn commit(group: &str, member: &str, epoch: i32, topic: &str, offsets: &[(i32, i64)]) -> OffsetCommitRequest {
    let partition = |(index, offset): &(i32, i64)| CommitPartition {
        index: *index,
        offset: Offset(*offset),
        leader_epoch: LeaderEpoch(4),
        metadata: Some(format!("at {offset}")),
    };
    OffsetCommitRequest {
        group_id: group.to_owned(),
        epoch,
        member_id: member.to_owned(),
        instance_id: None,
        retention_ms: None,
        topics: vec![CommitTopic {
            name: topic.to_owned(),
            partitions: offsets.iter().map(partition).collect(),
        }],
    }
}

async fn committed(client: &mut Client, request: OffsetCommitRequest) -> Vec<ErrorCode> {
    let answer = ask!(client, OffsetCommit, request);
    answer.topics.into_iter().flat_map(|topic| topic.partitions).map(|partition| partition.error).collect()
}

fn fetch(group: &str, topics: Option<Vec<(&str, Vec<i32>)>>) -> OffsetFetchGroup {
    let topic = |(name, partitions): (&str, Vec<i32>)| OffsetFetchTopic { name: name.to_owned(), partitions };
    OffsetFetchGroup {
        group_id: group.to_owned(),
        member_id: None,
        member_epoch: -1,
        topics: topics.map(|topics| topics.into_iter().map(topic).collect()),
    }
}

/// The offsets kept of `orders`, in the order of the answer, and the error.
async fn fetched(client: &mut Client, group: OffsetFetchGroup) -> (ErrorCode, Vec<(i32, i64)>) {
    let request = OffsetFetchRequest { groups: vec![group], require_stable: true };
    let group = ask!(client, OffsetFetch, request).groups.remove(0);
    let partitions = group.topics.into_iter().flat_map(|topic| topic.partitions);
    (group.error, partitions.map(|kept: FetchedOffset| (kept.index, kept.offset.0)).collect())
}

fn beat(group: &str, member: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: group.to_owned(),
        member_id: member.to_owned(),
        member_epoch: epoch,
        instance_id: None,
        rack: None,
        rebalance_timeout_ms: (epoch == 0).then_some(60_000),
        topics: (epoch == 0).then(|| vec!["orders".to_owned()]),
        topics_regex: None,
        assignor: None,
        owned: (epoch == 0).then(Vec::new),
        note: None,
    }
}

/// A member that has joined alone, and its generation.
async fn joined(client: &mut Client, group: &str) -> JoinGroupResponse {
    let named = ask!(client, JoinGroup, join(group, ""));
    assert_eq!(named.error, ErrorCode::MemberIdRequired);
    let joined = ask!(client, JoinGroup, join(group, &named.member_id));
    assert_eq!((joined.error, &joined.member_id), (ErrorCode::None, &named.member_id));
    joined
}

async fn synced(client: &mut Client, group: &str, joined: &JoinGroupResponse) -> SyncGroupResponse {
    ask!(client, SyncGroup, sync(group, &joined.member_id, joined.generation))
}

#[tokio::test]
async fn a_client_is_sent_to_the_broker_that_leads_the_partition_of_its_group() {
    let broker = Broker::start().await;
    let mut client = Client::connect(broker.port, "test").await;
    let groups: Vec<String> = (0..3).map(group_in).collect();
    let found = ask!(&mut client, FindCoordinator, find(CoordinatorKind::Group, &groups)).coordinators;
    let at = |found: &FoundCoordinator| (found.error, found.broker.clone());
    assert_eq!(at(&found[0]), (ErrorCode::None, Some((BrokerId(1), "host1".to_owned(), 9092))));
    assert_eq!(at(&found[1]), (ErrorCode::None, Some((BrokerId(3), "host3".to_owned(), 9092))));
    assert_eq!(at(&found[2]), (ErrorCode::CoordinatorNotAvailable, None), "its leader is dead");
    assert!(found.iter().map(|found| &found.key).eq(&groups));
    for (kind, error) in [
        (CoordinatorKind::Transaction, ErrorCode::TransactionalIdAuthorizationFailed),
        (CoordinatorKind::Other(2), ErrorCode::InvalidRequest),
    ] {
        let found = ask!(&mut client, FindCoordinator, find(kind, &groups[..1])).coordinators;
        assert_eq!(at(&found[0]), (error, None), "{kind:?}");
    }
}

#[tokio::test]
async fn what_is_not_coordinated_here_is_refused_in_every_request() {
    let broker = Broker::start().await;
    let mut client = Client::connect(broker.port, "test").await;
    let (client, group) = (&mut client, &group_in(1));
    let all = vec![group.clone()];
    let delete_offsets = OffsetDeleteRequest {
        group_id: group.clone(),
        topics: vec![OffsetDeleteTopic { name: "orders".to_owned(), partitions: vec![0] }],
    };
    let errors = [
        ask!(client, JoinGroup, join(group, "")).error,
        ask!(client, SyncGroup, sync(group, "m", 1)).error,
        ask!(client, Heartbeat, heartbeat(group, "m", 1)).error,
        ask!(client, LeaveGroup, leave(group, &["m"])).error,
        committed(client, commit(group, "", -1, "orders", &[(0, 1)])).await[0],
        fetched(client, fetch(group, None)).await.0,
        ask!(client, OffsetDelete, delete_offsets).error,
        ask!(client, DescribeGroups, DescribeGroupsRequest { groups: all.clone() }).groups[0].error,
        ask!(client, DeleteGroups, DeleteGroupsRequest { groups: all.clone() }).groups[0].error,
        ask!(client, ConsumerGroupHeartbeat, beat(group, "m", 0)).error,
        ask!(client, ConsumerGroupDescribe, ConsumerGroupDescribeRequest { groups: all }).groups[0].error,
    ];
    assert_eq!(errors, [ErrorCode::NotCoordinator; 11]);
}

#[tokio::test]
async fn a_classic_member_joins_commits_and_leaves() {
    let broker = Broker::start().await;
    let (mut client, group) = (Client::connect(broker.port, "app").await, &here());
    let client = &mut client;
    let joined = joined(client, group).await;
    let member = joined.member_id.as_str();
    assert!(member.starts_with("app-"), "{member}");
    assert_eq!((joined.leader.as_str(), joined.members.len()), (member, 1));
    assert_eq!(joined.members[0].metadata, subscription("orders"));
    assert_eq!(
        committed(client, commit(group, member, joined.generation, "orders", &[(0, 1)])).await,
        [ErrorCode::RebalanceInProgress],
        "before it has its assignment"
    );
    let synced = synced(client, group, &joined).await;
    assert_eq!((synced.error, synced.assignment), (ErrorCode::None, Bytes::from("all")));
    assert_eq!(ask!(client, Heartbeat, heartbeat(group, member, joined.generation)).error, ErrorCode::None);

    let request = commit(group, member, joined.generation, "orders", &[(0, 5), (9, 1), (4, 7)]);
    let expected = [ErrorCode::None, ErrorCode::UnknownTopicOrPartition, ErrorCode::None];
    assert_eq!(committed(client, request).await, expected);
    let asked = vec![("..", vec![3]), ("orders", vec![4, 1, 0])];
    let kept = fetched(client, fetch(group, Some(asked))).await;
    assert_eq!(kept, (ErrorCode::None, vec![(3, -1), (4, 7), (1, -1), (0, 5)]));
    assert_eq!(fetched(client, fetch(group, None)).await, (ErrorCode::None, vec![(0, 5), (4, 7)]));

    let described = ask!(client, DescribeGroups, DescribeGroupsRequest { groups: vec![group.clone()] });
    let described = &described.groups[0];
    assert_eq!((described.state.as_str(), described.protocol.as_str()), ("Stable", "range"));
    let one = &described.members[0];
    assert_eq!((one.client_id.as_str(), one.client_host.as_str()), ("app", "/127.0.0.1"));
    assert_eq!((one.member_id.as_str(), one.assignment.as_ref()), (member, b"all".as_slice()));

    let left = ask!(client, LeaveGroup, leave(group, &["nobody", member]));
    let codes: Vec<_> = left.members.iter().map(|left| left.error).collect();
    assert_eq!((left.error, codes), (ErrorCode::None, vec![ErrorCode::UnknownMemberId, ErrorCode::None]));
}

#[tokio::test]
async fn a_waiting_member_holds_up_nobody_else_and_a_rebalance_is_told() {
    let broker = Broker::start().await;
    let (mut first, group) = (Client::connect(broker.port, "first").await, here());
    let one = joined(&mut first, &group).await;
    assert_eq!(synced(&mut first, &group, &one).await.error, ErrorCode::None);

    let mut second = Client::connect(broker.port, "second").await;
    let named = ask!(&mut second, JoinGroup, join(&group, ""));
    let waits = second.send(Request::Group(Box::new(Asked::JoinGroup(join(&group, &named.member_id))))).await;
    // The second waits for the first, which goes on meanwhile and hears of it.
    let heard = async {
        while ask!(&mut first, Heartbeat, heartbeat(&group, &one.member_id, one.generation)).error
            != ErrorCode::RebalanceInProgress
        {}
    };
    tokio::time::timeout(super::client::PATIENCE, heard).await.expect("the first hears of the second");
    let leader = ask!(&mut first, JoinGroup, join(&group, &one.member_id));
    assert_eq!((leader.error, leader.generation), (ErrorCode::None, one.generation + 1));
    assert_eq!(leader.members.len(), 2);
    assert_eq!(second.answered().await, Some(waits));
    let stale = ask!(&mut first, SyncGroup, sync(&group, &one.member_id, one.generation));
    assert_eq!(stale.error, ErrorCode::IllegalGeneration);
}

#[tokio::test]
async fn every_refusal_of_a_classic_group_has_the_number_that_clients_act_on() {
    let broker = Broker::start().await;
    let (mut client, group) = (Client::connect(broker.port, "app").await, &here());
    let client = &mut client;
    let joined = joined(client, group).await;
    assert_eq!(synced(client, group, &joined).await.error, ErrorCode::None);
    let (member, generation) = (joined.member_id.as_str(), joined.generation);

    let mut other_protocol = join(group, "");
    other_protocol.protocols[0].name = "sticky".to_owned();
    let mut large = join(group, "");
    large.protocols[0].metadata = vec![0; 600_000].into();
    let joins = [
        (join("", ""), ErrorCode::InvalidGroupId),
        (join(group, "stranger"), ErrorCode::UnknownMemberId),
        (JoinGroupRequest { session_timeout_ms: 1, ..join(group, "") }, ErrorCode::InvalidSessionTimeout),
        (JoinGroupRequest { session_timeout_ms: -1, ..join(group, "") }, ErrorCode::InvalidSessionTimeout),
        (other_protocol, ErrorCode::InconsistentGroupProtocol),
        (large, ErrorCode::GroupMaxSizeReached),
    ];
    for (request, error) in joins {
        let refused = ask!(client, JoinGroup, request.clone());
        assert_eq!((refused.error, refused.member_id), (error, request.member_id));
    }
    let heartbeats = [
        (heartbeat(group, "stranger", generation), ErrorCode::UnknownMemberId),
        (heartbeat(group, member, generation - 1), ErrorCode::IllegalGeneration),
        (heartbeat(group, member, generation), ErrorCode::None),
    ];
    for (request, error) in heartbeats {
        assert_eq!(ask!(client, Heartbeat, request).error, error);
    }
    let mut long_note = commit(group, member, generation, "orders", &[(0, 1)]);
    long_note.topics[0].partitions[0].metadata = Some("x".repeat(5_000));
    let many: Vec<(i32, i64)> = (0..20_001).map(|index| (index, 1)).collect();
    let commits = [
        (commit(group, "", -1, "orders", &[(0, 1)]), ErrorCode::UnknownMemberId),
        (commit(group, "stranger", generation, "orders", &[(0, 1)]), ErrorCode::UnknownMemberId),
        (commit(group, member, generation + 1, "orders", &[(0, 1)]), ErrorCode::IllegalGeneration),
        (commit(group, member, generation, "nothing", &[(0, 1)]), ErrorCode::UnknownTopicOrPartition),
        (commit(group, member, generation, "..", &[(0, 1)]), ErrorCode::UnknownTopicOrPartition),
        (commit(group, member, generation, "orders", &[(0, -5)]), ErrorCode::OffsetOutOfRange),
        (commit(group, member, generation, "orders", &many), ErrorCode::InvalidCommitOffsetSize),
        (long_note, ErrorCode::OffsetMetadataTooLarge),
    ];
    for (request, error) in commits {
        let shown: String = format!("{request:?}").chars().take(300).collect();
        assert_eq!(committed(client, request).await[0], error, "{shown}");
    }
    assert_eq!(fetched(client, fetch(group, None)).await, (ErrorCode::None, Vec::new()), "nothing was kept");
    assert_eq!(
        fetched(client, fetch("", Some(vec![("orders", vec![0])]))).await.0,
        ErrorCode::InvalidGroupId
    );
    let of_the_other_kind = ask!(client, ConsumerGroupHeartbeat, beat(group, "me", 0));
    assert_eq!(of_the_other_kind.error, ErrorCode::GroupIdNotFound);
}

#[tokio::test]
async fn a_member_whose_group_is_gone_joins_anew() {
    let broker = Broker::start().await;
    let mut client = Client::connect(broker.port, "app").await;
    let lost = commit(&here(), "member", 3, "orders", &[(0, 1)]);
    assert_eq!(committed(&mut client, lost).await, [ErrorCode::IllegalGeneration]);
}

#[tokio::test]
async fn groups_are_listed_filtered_and_deleted_with_their_offsets() {
    let broker = Broker::start().await;
    let (mut client, group) = (Client::connect(broker.port, "app").await, &here());
    let client = &mut client;
    let one = joined(client, group).await;
    assert_eq!(synced(client, group, &one).await.error, ErrorCode::None);
    let offsets = commit(group, &one.member_id, one.generation, "orders", &[(0, 5)]);
    assert_eq!(committed(client, offsets).await, [ErrorCode::None]);

    let mut count = async |states: &[&str], types: &[&str]| {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let listed = ask!(client, ListGroups, ListGroupsRequest { states: own(states), types: own(types) });
        assert_eq!(listed.error, ErrorCode::None);
        assert!(listed.groups.iter().all(|listed| listed.group_id == *group && listed.state == "Stable"));
        listed.groups.len()
    };
    assert_eq!(count(&[], &[]).await, 1);
    assert_eq!(count(&["empty", "stable"], &["Classic"]).await, 1);
    assert_eq!(count(&["Empty"], &[]).await, 0);
    assert_eq!(count(&[], &["consumer"]).await, 0);

    let delete_offsets = OffsetDeleteRequest {
        group_id: group.clone(),
        topics: vec![OffsetDeleteTopic { name: "orders".to_owned(), partitions: vec![0] }],
    };
    let refused = ask!(client, OffsetDelete, delete_offsets.clone());
    assert_eq!(
        (refused.error, refused.topics[0].partitions[0].error),
        (ErrorCode::None, ErrorCode::GroupSubscribedToTopic)
    );
    let delete = DeleteGroupsRequest { groups: vec![group.clone(), "nobody".to_owned()] };
    assert_eq!(ask!(client, DeleteGroups, delete.clone()).groups[0].error, ErrorCode::NonEmptyGroup);
    assert_eq!(ask!(client, LeaveGroup, leave(group, &[&one.member_id])).error, ErrorCode::None);
    let deleted = ask!(client, OffsetDelete, delete_offsets.clone());
    assert_eq!(deleted.topics[0].partitions[0].error, ErrorCode::None);
    assert_eq!(fetched(client, fetch(group, None)).await, (ErrorCode::None, Vec::new()));
    assert_eq!(ask!(client, DeleteGroups, delete.clone()).groups[0].error, ErrorCode::None);
    assert_eq!(ask!(client, DeleteGroups, delete).groups[0].error, ErrorCode::GroupIdNotFound);
    assert_eq!(ask!(client, OffsetDelete, delete_offsets).error, ErrorCode::GroupIdNotFound);
    let described = ask!(client, DescribeGroups, DescribeGroupsRequest { groups: vec![group.clone()] });
    let gone = &described.groups[0];
    assert_eq!((gone.error, gone.state.as_str()), (ErrorCode::GroupIdNotFound, "Dead"));
}

fn owned(partitions: &[i32]) -> Option<Vec<TopicPartitions>> {
    Some(vec![TopicPartitions { topic_id: ORDERS, partitions: partitions.to_vec() }])
}

async fn heard(
    client: &mut Client,
    request: ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatResponse {
    ask!(client, ConsumerGroupHeartbeat, request)
}

#[tokio::test]
async fn a_member_of_the_newer_protocol_is_given_its_partitions() {
    let broker = Broker::start().await;
    let (mut client, group) = (Client::connect(broker.port, "app").await, &here());
    let client = &mut client;
    let joined = heard(client, beat(group, "", 0)).await;
    assert_eq!((joined.error, joined.member_epoch), (ErrorCode::None, 1), "{joined:?}");
    assert_eq!(joined.assignment, owned(&[0, 1, 2, 3, 4]));
    assert!(joined.heartbeat_interval_ms > 0);
    let member = joined.member_id.as_deref().unwrap();
    assert!(!member.is_empty(), "the broker names it");

    let described =
        ask!(client, ConsumerGroupDescribe, ConsumerGroupDescribeRequest { groups: vec![group.clone()] });
    let described = &described.groups[0];
    assert_eq!((described.error, described.epoch, described.members.len()), (ErrorCode::None, 1, 1));
    let one = &described.members[0];
    assert_eq!((one.client_id.as_str(), one.client_host.as_str()), ("app", "/127.0.0.1"));
    assert_eq!((one.assignment[0].name.as_str(), one.assignment[0].partitions.len()), ("orders", 5));
    let classic = ask!(client, DescribeGroups, DescribeGroupsRequest { groups: vec![group.clone()] });
    assert_eq!(classic.groups[0].error, ErrorCode::GroupIdNotFound);

    assert_eq!(committed(client, commit(group, member, 1, "orders", &[(0, 5)])).await, [ErrorCode::None]);
    let mut own = fetch(group, None);
    (own.member_id, own.member_epoch) = (Some(member.to_owned()), 1);
    assert_eq!(fetched(client, own.clone()).await, (ErrorCode::None, vec![(0, 5)]));
    own.member_epoch = 2;
    assert_eq!(fetched(client, own).await.0, ErrorCode::StaleMemberEpoch);
    let left = heard(client, beat(group, member, -1)).await;
    assert_eq!((left.error, left.member_epoch), (ErrorCode::None, -1));
}

#[tokio::test]
async fn every_refusal_of_a_consumer_group_has_the_number_that_clients_act_on() {
    let broker = Broker::start().await;
    let (mut client, group) = (Client::connect(broker.port, "app").await, &here());
    let client = &mut client;
    assert_eq!(heard(client, beat(group, "me", 0)).await.error, ErrorCode::None);
    let new = || beat(group, "other", 0);
    let refusals = [
        (beat("", "me", 0), ErrorCode::InvalidGroupId),
        (beat(group, "stranger", 1), ErrorCode::UnknownMemberId),
        (beat(group, "me", 9), ErrorCode::FencedMemberEpoch),
        (beat(group, "me", -5), ErrorCode::InvalidRequest),
        (
            ConsumerGroupHeartbeatRequest { topics: Some(vec!["..".to_owned()]), ..new() },
            ErrorCode::InvalidTopic,
        ),
        (
            ConsumerGroupHeartbeatRequest { topics_regex: Some("a.*".to_owned()), ..new() },
            ErrorCode::InvalidRegularExpression,
        ),
        (
            ConsumerGroupHeartbeatRequest { assignor: Some("mine".to_owned()), ..new() },
            ErrorCode::UnsupportedAssignor,
        ),
    ];
    for (request, error) in refusals {
        let shown = format!("{request:?}");
        let refused = heard(client, request).await;
        assert_eq!(refused.error, error, "{shown}");
        assert!(refused.error_message.is_some_and(|message| !message.is_empty()), "{shown}");
    }
    let stale = commit(group, "me", 9, "orders", &[(0, 1)]);
    assert_eq!(committed(client, stale).await, [ErrorCode::StaleMemberEpoch]);
    let classic = ask!(client, JoinGroup, join(group, ""));
    assert_eq!(classic.error, ErrorCode::InconsistentGroupProtocol);
    let instance = |member: &str| ConsumerGroupHeartbeatRequest {
        instance_id: Some("i".to_owned()),
        ..beat(group, member, 0)
    };
    assert_eq!(heard(client, instance("one")).await.error, ErrorCode::None);
    assert_eq!(heard(client, instance("two")).await.error, ErrorCode::UnreleasedInstanceId);
}
