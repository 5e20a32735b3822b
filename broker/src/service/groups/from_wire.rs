//! Another broker's answer about a group in our own words. Pure.

use std::collections::BTreeMap;

use super::refusals::{Meaning, meaning_of};
use crate::groups::{
    Committed, ConsumerHeartbeatReply, FetchedOffset, GroupError, GroupListing, GroupOptions, GroupView,
    Left, MemberDetail, MemberView, Reply, Request, TopicIdPartition,
};
use crate::types::{Offset, PartitionIndex, TopicName};
use crate::wire::{self, ErrorCode, GroupResponse};

/// What an answer says.
pub(super) enum Told {
    /// The group's reply.
    Reply(Reply),
    /// The group is not of the kind that was asked for.
    OfTheOtherKind,
    /// Ask again, there or elsewhere.
    Again(String),
    /// Ask again; it may have been done.
    Lost(String),
    /// There is too much to do there.
    Overloaded,
}

/// What ends the reading of an answer early.
enum Stop {
    Refused(GroupError),
    Told(Told),
}

type Read<T> = Result<T, Stop>;

/// The reply to `request` that `answer` holds.
pub(super) fn reply_of(request: &Request, answer: GroupResponse, options: &GroupOptions) -> Told {
    let read = match (request, answer) {
        (Request::ConsumerHeartbeat(_), GroupResponse::ConsumerGroupHeartbeat(answer)) => {
            replied(heartbeat(answer, options), Reply::ConsumerHeartbeat)
        }
        (Request::Leave(_), GroupResponse::LeaveGroup(answer)) => {
            replied(leave(answer, options), Reply::Leave)
        }
        (Request::Commit(_), GroupResponse::OffsetCommit(answer)) => {
            replied(results(answer.topics, options), Reply::Commit)
        }
        (Request::FetchOffsets(_), GroupResponse::OffsetFetch(answer)) => {
            replied(offsets(answer, options), Reply::FetchOffsets)
        }
        (Request::DeleteOffsets(_), GroupResponse::OffsetDelete(answer)) => {
            let all = check(answer.error, options).and_then(|()| results(answer.topics, options));
            replied(all, Reply::DeleteOffsets)
        }
        (Request::DeleteGroup(_), GroupResponse::DeleteGroups(answer)) => {
            let first = answer.groups.into_iter().next().ok_or_else(nonsense);
            replied(first.and_then(|group| check(group.error, options)), Reply::DeleteGroup)
        }
        (Request::Describe(_), GroupResponse::ConsumerGroupDescribe(answer)) => {
            let first = answer.groups.into_iter().next().ok_or_else(nonsense);
            match first {
                Ok(group) if group.error == ErrorCode::GroupIdNotFound => Err(Told::OfTheOtherKind),
                first => replied(first.and_then(|group| consumer_view(group, options)), Reply::Describe),
            }
        }
        (Request::Describe(_), GroupResponse::DescribeGroups(answer)) => {
            let first = answer.groups.into_iter().next().ok_or_else(nonsense);
            replied(first.and_then(|group| classic_view(group, options)), Reply::Describe)
        }
        _ => Err(lost("it answered another request")),
    };
    match read {
        Ok(reply) => Told::Reply(reply),
        Err(told) => told,
    }
}

fn replied<T>(read: Read<T>, reply: impl FnOnce(Result<T, GroupError>) -> Reply) -> Result<Reply, Told> {
    match read {
        Ok(value) => Ok(reply(Ok(value))),
        Err(Stop::Refused(refused)) => Ok(reply(Err(refused))),
        Err(Stop::Told(told)) => Err(told),
    }
}

fn lost(reason: &str) -> Told {
    Told::Lost(reason.to_owned())
}

fn nonsense() -> Stop {
    Stop::Told(lost("it left the group out of its answer"))
}

/// Stops at an error that concerns the whole answer.
fn check(code: ErrorCode, options: &GroupOptions) -> Read<()> {
    match meaning_of(code, options) {
        Meaning::Fine => Ok(()),
        Meaning::Refused(refused) => Err(Stop::Refused(refused)),
        Meaning::Again(reason) => Err(Stop::Told(Told::Again(reason))),
        Meaning::Lost(reason) => Err(Stop::Told(Told::Lost(reason))),
        Meaning::Overloaded => Err(Stop::Told(Told::Overloaded)),
    }
}

fn heartbeat(
    answer: wire::ConsumerGroupHeartbeatResponse,
    options: &GroupOptions,
) -> Read<ConsumerHeartbeatReply> {
    if answer.error == ErrorCode::GroupIdNotFound {
        // Kafka's word to a member of the one kind in a group of the other.
        return Err(Stop::Refused(GroupError::GroupTypeMismatch { is: "classic" }));
    }
    check(answer.error, options)?;
    let epoch = answer.member_epoch;
    let assignment = answer.assignment.map(|topics| {
        let one = |topic: wire::TopicPartitions| {
            let id = topic.topic_id;
            // Since when is not told; it is not newer than the member's epoch.
            topic.partitions.into_iter().map(move |p| (TopicIdPartition::new(id, PartitionIndex(p)), epoch))
        };
        topics.into_iter().flat_map(one).collect()
    });
    Ok(ConsumerHeartbeatReply {
        member: answer.member_id.unwrap_or_default().into(),
        epoch,
        heartbeat_interval_ms: u32::try_from(answer.heartbeat_interval_ms).unwrap_or(0),
        assignment,
    })
}

fn leave(answer: wire::LeaveGroupResponse, options: &GroupOptions) -> Read<Vec<Left>> {
    check(answer.error, options)?;
    answer
        .members
        .into_iter()
        .map(|member| {
            let result = each(member.error, options)?;
            let instance = member.instance_id.map(Into::into);
            Ok(Left { member: member.member_id.into(), instance, result })
        })
        .collect()
}

/// The outcome of one of several; what asks for another attempt asks so for all.
fn each(code: ErrorCode, options: &GroupOptions) -> Read<Result<(), GroupError>> {
    match check(code, options) {
        Ok(()) => Ok(Ok(())),
        Err(Stop::Refused(refused)) => Ok(Err(refused)),
        Err(told) => Err(told),
    }
}

fn results(
    topics: Vec<wire::OffsetTopicResult>,
    options: &GroupOptions,
) -> Read<Vec<Result<(), GroupError>>> {
    let partitions = topics.into_iter().flat_map(|topic| topic.partitions);
    let all: Vec<_> = partitions.map(|one| each(one.error, options)).collect::<Read<_>>()?;
    // Kafka says at every partition what concerns the member or the group.
    let of_all = |refused: &GroupError| {
        matches!(
            refused,
            GroupError::UnknownMember
                | GroupError::FencedInstance
                | GroupError::InvalidGroupId
                | GroupError::GroupIdNotFound
                | GroupError::IllegalGeneration { .. }
                | GroupError::RebalanceInProgress
        )
    };
    match all.first() {
        Some(Err(refused)) if of_all(refused) => Err(Stop::Refused(refused.clone())),
        _ => Ok(all),
    }
}

fn offsets(answer: wire::OffsetFetchResponse, options: &GroupOptions) -> Read<Vec<FetchedOffset>> {
    let group = answer.groups.into_iter().next().ok_or_else(nonsense)?;
    check(group.error, options)?;
    let mut all = Vec::new();
    for topic in group.topics {
        let Ok(name) = TopicName::new(&topic.name) else { return Err(nonsense()) };
        for partition in topic.partitions {
            check(partition.error, options)?;
            let committed = (partition.offset > Offset::NONE).then(|| Committed {
                offset: partition.offset,
                leader_epoch: partition.leader_epoch,
                metadata: partition.metadata.unwrap_or_default(),
                commit_timestamp_ms: -1,
                topic_id: None,
            });
            let partition = PartitionIndex(partition.index);
            all.push(FetchedOffset { topic: name.clone(), partition, committed });
        }
    }
    Ok(all)
}

fn state_of(state: &str) -> &'static str {
    const STATES: [&str; 8] = [
        "Empty",
        "Stable",
        "Assigning",
        "Reconciling",
        "PreparingRebalance",
        "CompletingRebalance",
        "Dead",
        "NotReady",
    ];
    STATES.into_iter().find(|known| *known == state).unwrap_or("Unknown")
}

fn kind_of(kind: &str) -> &'static str {
    if kind.eq_ignore_ascii_case("consumer") { "consumer" } else { "classic" }
}

/// A group of a list.
pub(super) fn listing_of(group: wire::ListedGroup) -> GroupListing {
    GroupListing {
        group: group.group_id.into(),
        kind: kind_of(&group.group_type),
        protocol_type: group.protocol_type,
        state: state_of(&group.state),
    }
}

fn consumer_view(group: wire::DescribedConsumerGroup, options: &GroupOptions) -> Read<Box<GroupView>> {
    check(group.error, options)?;
    let listing = GroupListing {
        group: group.group_id.into(),
        kind: "consumer",
        protocol_type: "consumer".to_owned(),
        state: state_of(&group.state),
    };
    Ok(Box::new(GroupView {
        listing,
        epoch: group.epoch,
        assignment_epoch: group.assignment_epoch,
        protocol: group.assignor,
        members: group.members.into_iter().map(consumer_member).collect(),
    }))
}

fn consumer_member(member: wire::ConsumerMember) -> MemberView {
    let epoch = member.epoch;
    let partitions = |topics: Vec<wire::NamedTopicPartitions>| {
        topics.into_iter().flat_map(|topic| {
            let id = topic.topic_id;
            let one = move |p| id.map(|id| TopicIdPartition::new(id, PartitionIndex(p)));
            topic.partitions.into_iter().filter_map(one)
        })
    };
    let assigned: BTreeMap<_, _> = partitions(member.assignment).map(|one| (one, epoch)).collect();
    MemberView {
        member: member.member_id.into(),
        instance: member.instance_id.map(Into::into),
        rack: member.rack,
        client_id: member.client_id,
        client_host: member.client_host,
        session_timeout_ms: 0,
        detail: MemberDetail::Consumer {
            epoch,
            topics: member.topics.iter().filter_map(|topic| TopicName::new(topic).ok()).collect(),
            assigned,
            target: partitions(member.target).collect(),
            client_metadata: String::new(),
        },
    }
}

fn classic_view(group: wire::DescribedGroup, options: &GroupOptions) -> Read<Box<GroupView>> {
    check(group.error, options)?;
    if group.state == "Dead" {
        return Err(Stop::Refused(GroupError::GroupIdNotFound));
    }
    let member = |member: wire::DescribedMember| MemberView {
        member: member.member_id.into(),
        instance: member.instance_id.map(Into::into),
        rack: None,
        client_id: member.client_id,
        client_host: member.client_host,
        session_timeout_ms: 0,
        detail: MemberDetail::Classic { metadata: member.metadata, assignment: member.assignment },
    };
    Ok(Box::new(GroupView {
        listing: GroupListing {
            group: group.group_id.into(),
            kind: "classic",
            protocol_type: group.protocol_type,
            state: state_of(&group.state),
        },
        epoch: -1,
        assignment_epoch: -1,
        protocol: group.protocol,
        members: group.members.into_iter().map(member).collect(),
    }))
}
