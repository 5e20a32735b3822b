//! ConsumerGroupHeartbeat and ConsumerGroupDescribe: groups whose assignment the coordinator makes (KIP-848).

use std::collections::BTreeMap;

use uuid::Uuid;

use super::call::given;
use crate::cluster::Image;
use crate::groups::{
    self, ConsumerHeartbeatReply, GroupView, MemberDetail, MemberId, MemberView, Reply, Request,
    TopicIdPartition,
};
use crate::kafka::dispatch::Dispatch;
use crate::kafka::errors::group_code;
use crate::kafka::handler::Caller;
use crate::types::{PartitionIndex, TopicName};
use crate::wire::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse, ConsumerMember, DescribedConsumerGroup, ErrorCode, NamedTopicPartitions,
    TopicPartitions,
};

/// Kafka's number of a member of this protocol.
const OF_THIS_PROTOCOL: i8 = 1;

impl Dispatch {
    pub(super) async fn consumer_heartbeat(
        &self,
        caller: &Caller,
        request: ConsumerGroupHeartbeatRequest,
    ) -> ConsumerGroupHeartbeatResponse {
        let for_broker = caller.link.is_some();
        let heartbeat = match heartbeat_of(caller, request) {
            Ok(heartbeat) => heartbeat,
            Err(topic) => {
                let reason = format!("'{topic}' is not a legal name of a topic");
                return ConsumerGroupHeartbeatResponse::refused(ErrorCode::InvalidTopic, reason);
            }
        };
        let heard = self.ask(Request::ConsumerHeartbeat(heartbeat), |reply| match reply {
            Reply::ConsumerHeartbeat(reply) => Some(reply),
            _ => None,
        });
        match heard.await {
            Ok(reply) => heard_of(reply),
            Err(refusal) => {
                let reason = refusal.to_string();
                ConsumerGroupHeartbeatResponse::refused(group_code(&refusal, for_broker), reason)
            }
        }
    }

    pub(super) async fn describe_consumer(
        &self,
        request: ConsumerGroupDescribeRequest,
        for_broker: bool,
    ) -> ConsumerGroupDescribeResponse {
        let mut groups = Vec::with_capacity(request.groups.len());
        for group_id in request.groups {
            groups.push(match self.view_of(&group_id).await {
                Ok(view) if view.listing.kind == "consumer" => {
                    described(&self.service.image(), group_id, *view)
                }
                Ok(_) => {
                    let reason = format!("group '{group_id}' is not a consumer group");
                    undescribed(group_id, ErrorCode::GroupIdNotFound, reason)
                }
                Err(refusal) => undescribed(group_id, group_code(&refusal, for_broker), refusal.to_string()),
            });
        }
        ConsumerGroupDescribeResponse { groups }
    }
}

/// The heartbeat, or the name that no topic can have.
fn heartbeat_of(
    caller: &Caller,
    request: ConsumerGroupHeartbeatRequest,
) -> Result<groups::ConsumerHeartbeat, String> {
    let topics = request.topics.map(|topics| {
        let names = topics.into_iter().map(|topic| TopicName::new(&topic).map_err(|_| topic));
        names.collect::<Result<_, _>>()
    });
    let owned = request.owned.map(|topics| {
        let one = |topic: TopicPartitions| {
            let id = topic.topic_id;
            topic.partitions.into_iter().map(move |p| TopicIdPartition::new(id, PartitionIndex(p)))
        };
        topics.into_iter().flat_map(one).collect()
    });
    // Only another broker knows more of the member than its client says; a client's note would be its own word.
    let note = request.note.filter(|_| caller.link.is_some());
    let (client_id, client_host, session_timeout_ms, client_metadata) = match note {
        Some(note) => (note.client_id, note.client_host, note.session_timeout_ms, note.client_metadata),
        None => (caller.client_id.as_ref().to_owned(), caller.host.as_ref().to_owned(), None, None),
    };
    Ok(groups::ConsumerHeartbeat {
        group: request.group_id.into(),
        member: request.member_id.into(),
        fresh_member: MemberId::from(Uuid::new_v4().to_string()),
        epoch: request.member_epoch,
        instance: given(request.instance_id),
        rack: request.rack,
        client_id,
        client_host,
        rebalance_timeout_ms: request.rebalance_timeout_ms.and_then(|ms| u32::try_from(ms).ok()),
        session_timeout_ms,
        topics: topics.transpose()?,
        topics_regex: request.topics_regex,
        assignor: request.assignor,
        owned,
        client_metadata,
    })
}

fn heard_of(reply: ConsumerHeartbeatReply) -> ConsumerGroupHeartbeatResponse {
    let assignment = reply.assignment.map(|assigned| {
        let topics = by_topic(assigned.into_keys()).into_iter();
        topics.map(|(topic_id, partitions)| TopicPartitions { topic_id, partitions }).collect()
    });
    ConsumerGroupHeartbeatResponse {
        error: ErrorCode::None,
        error_message: None,
        member_id: Some(reply.member.as_str().to_owned()),
        member_epoch: reply.epoch,
        heartbeat_interval_ms: i32::try_from(reply.heartbeat_interval_ms).unwrap_or(i32::MAX),
        assignment,
    }
}

fn by_topic(all: impl IntoIterator<Item = TopicIdPartition>) -> BTreeMap<crate::types::TopicId, Vec<i32>> {
    let mut topics: BTreeMap<_, Vec<i32>> = BTreeMap::new();
    for one in all {
        topics.entry(one.topic).or_default().push(one.partition.0);
    }
    topics
}

fn described(image: &Image, group_id: String, view: GroupView) -> DescribedConsumerGroup {
    DescribedConsumerGroup {
        error: ErrorCode::None,
        error_message: None,
        group_id,
        state: view.listing.state.to_owned(),
        epoch: view.epoch,
        assignment_epoch: view.assignment_epoch,
        assignor: view.protocol,
        members: view.members.into_iter().filter_map(|member| described_member(image, member)).collect(),
    }
}

fn described_member(image: &Image, member: MemberView) -> Option<ConsumerMember> {
    let MemberDetail::Consumer { epoch, topics, assigned, target, .. } = member.detail else { return None };
    Some(ConsumerMember {
        member_id: member.member.as_str().to_owned(),
        instance_id: member.instance.map(|instance| instance.as_str().to_owned()),
        rack: member.rack,
        epoch,
        client_id: member.client_id,
        client_host: member.client_host,
        topics: topics.into_iter().map(|topic| topic.as_str().to_owned()).collect(),
        topics_regex: None,
        assignment: named(image, assigned.into_keys()),
        target: named(image, target),
        member_type: OF_THIS_PROTOCOL,
    })
}

/// With the topics' names; what has none any more is left out.
fn named(image: &Image, all: impl IntoIterator<Item = TopicIdPartition>) -> Vec<NamedTopicPartitions> {
    let topics = by_topic(all).into_iter();
    topics
        .filter_map(|(id, partitions)| {
            let name = image.topic_by_id(id)?.name.as_str().to_owned();
            Some(NamedTopicPartitions { topic_id: Some(id), name, partitions })
        })
        .collect()
}

fn undescribed(group_id: String, error: ErrorCode, reason: String) -> DescribedConsumerGroup {
    DescribedConsumerGroup {
        error,
        error_message: Some(reason),
        group_id,
        state: String::new(),
        epoch: 0,
        assignment_epoch: 0,
        assignor: String::new(),
        members: Vec::new(),
    }
}
