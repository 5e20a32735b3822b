//! A group's request in the words that brokers speak among themselves. Pure.

use std::collections::BTreeMap;

use crate::groups::{Commit, ConsumerHeartbeat, FetchOffsets, Leave, Request, TopicIdPartition};
use crate::types::{PartitionIndex, TopicName};
use crate::wire;

/// The message, or `None` for what is only taken from the client itself (classic members call their coordinator), and
/// for consumer instances, which have a message of their own.
pub(super) fn request_of(request: &Request) -> Option<wire::GroupRequest> {
    use wire::GroupRequest as G;
    Some(match request {
        Request::ConsumerHeartbeat(request) => G::ConsumerGroupHeartbeat(heartbeat(request)),
        Request::Leave(request) => G::LeaveGroup(leave(request)),
        Request::Commit(request) => G::OffsetCommit(commit(request)),
        Request::FetchOffsets(request) => G::OffsetFetch(fetch(request)),
        Request::DeleteOffsets(request) => G::OffsetDelete(wire::OffsetDeleteRequest {
            group_id: request.group.as_str().to_owned(),
            topics: by_topic(&request.partitions)
                .into_iter()
                .map(|(name, partitions)| wire::OffsetDeleteTopic { name, partitions })
                .collect(),
        }),
        Request::DeleteGroup(group) => {
            G::DeleteGroups(wire::DeleteGroupsRequest { groups: vec![group.as_str().to_owned()] })
        }
        Request::Describe(group) => G::ConsumerGroupDescribe(wire::ConsumerGroupDescribeRequest {
            groups: vec![group.as_str().to_owned()],
        }),
        Request::Join(_)
        | Request::Sync(_)
        | Request::Heartbeat(_)
        | Request::Instance(_)
        | Request::List => return None,
    })
}

fn heartbeat(request: &ConsumerHeartbeat) -> wire::ConsumerGroupHeartbeatRequest {
    let name = if request.member.is_empty() { &request.fresh_member } else { &request.member };
    wire::ConsumerGroupHeartbeatRequest {
        group_id: request.group.as_str().to_owned(),
        member_id: name.as_str().to_owned(),
        member_epoch: request.epoch,
        instance_id: request.instance.as_ref().map(|instance| instance.as_str().to_owned()),
        rack: request.rack.clone(),
        rebalance_timeout_ms: request.rebalance_timeout_ms.and_then(|ms| i32::try_from(ms).ok()),
        topics: request
            .topics
            .as_ref()
            .map(|topics| topics.iter().map(|topic| topic.as_str().to_owned()).collect()),
        topics_regex: request.topics_regex.clone(),
        assignor: request.assignor.clone(),
        owned: request.owned.as_ref().map(owned),
        note: Some(wire::MemberNote {
            session_timeout_ms: request.session_timeout_ms,
            client_id: request.client_id.clone(),
            client_host: request.client_host.clone(),
            client_metadata: request.client_metadata.clone(),
        }),
    }
}

fn owned(all: &std::collections::BTreeSet<TopicIdPartition>) -> Vec<wire::TopicPartitions> {
    let mut topics: BTreeMap<_, Vec<i32>> = BTreeMap::new();
    for one in all {
        topics.entry(one.topic).or_default().push(one.partition.0);
    }
    topics.into_iter().map(|(topic_id, partitions)| wire::TopicPartitions { topic_id, partitions }).collect()
}

fn leave(request: &Leave) -> wire::LeaveGroupRequest {
    let members = request.members.iter().map(|(member, instance)| wire::LeavingMember {
        member_id: member.as_str().to_owned(),
        instance_id: instance.as_ref().map(|instance| instance.as_str().to_owned()),
        reason: None,
    });
    wire::LeaveGroupRequest { group_id: request.group.as_str().to_owned(), members: members.collect() }
}

/// Offsets of the same topic that follow each other become one topic of the message, so that their order stays.
fn commit(request: &Commit) -> wire::OffsetCommitRequest {
    let topics = request.offsets.chunk_by(|one, next| one.topic == next.topic).map(|run| wire::CommitTopic {
        name: run.first().map_or_else(String::new, |one| one.topic.as_str().to_owned()),
        partitions: run
            .iter()
            .map(|one| wire::CommitPartition {
                index: one.partition.0,
                offset: one.offset,
                leader_epoch: one.leader_epoch,
                metadata: Some(one.metadata.clone()),
            })
            .collect(),
    });
    wire::OffsetCommitRequest {
        group_id: request.group.as_str().to_owned(),
        epoch: request.epoch,
        member_id: request.member.as_str().to_owned(),
        instance_id: request.instance.as_ref().map(|instance| instance.as_str().to_owned()),
        retention_ms: None,
        topics: topics.collect(),
    }
}

fn fetch(request: &FetchOffsets) -> wire::OffsetFetchRequest {
    let topics = request.partitions.as_ref().map(|asked| {
        let topic = |(name, partitions)| wire::OffsetFetchTopic { name, partitions };
        by_topic(asked).into_iter().map(topic).collect()
    });
    let group = wire::OffsetFetchGroup {
        group_id: request.group.as_str().to_owned(),
        member_id: request.member.as_ref().map(|(member, _)| member.as_str().to_owned()),
        member_epoch: request.member.as_ref().map_or(-1, |(_, epoch)| *epoch),
        topics,
    };
    wire::OffsetFetchRequest { groups: vec![group], require_stable: false }
}

fn by_topic(partitions: &[(TopicName, PartitionIndex)]) -> Vec<(String, Vec<i32>)> {
    let runs = partitions.chunk_by(|(one, _), (next, _)| one == next);
    runs.map(|run| {
        let name = run.first().map_or_else(String::new, |(topic, _)| topic.as_str().to_owned());
        (name, run.iter().map(|(_, partition)| partition.0).collect())
    })
    .collect()
}
