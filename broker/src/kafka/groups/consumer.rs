//! ConsumerGroupHeartbeat.

use std::collections::BTreeMap;

use super::classic::fresh_member;
use crate::groups::{
    ConsumerHeartbeat, ConsumerHeartbeatReply, GroupError, Reply, Request, TopicIdPartition,
};
use crate::kafka::dispatch::Dispatch;
use crate::kafka::errors::group_code;
use crate::kafka::handler::Caller;
use crate::types::{PartitionIndex, TopicName};
use crate::wire::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ErrorCode, MemberNote, TopicPartitions,
};

impl Dispatch {
    pub(super) async fn consumer_heartbeat(
        &self,
        caller: &Caller,
        request: ConsumerGroupHeartbeatRequest,
    ) -> ConsumerGroupHeartbeatResponse {
        let refused = |code: ErrorCode, text: String| ConsumerGroupHeartbeatResponse::refused(code, text);
        let Some(beat) = heartbeat(caller, request) else {
            return refused(ErrorCode::InvalidRequest, "a topic's name is not legal".to_owned());
        };
        match self.ask(caller, Request::ConsumerHeartbeat(beat)).await {
            Ok(Reply::ConsumerHeartbeat(Ok(reply))) => answer(reply),
            Ok(Reply::ConsumerHeartbeat(Err(error))) => {
                let code = match &error {
                    // Kafka's word to a member of the one kind in a group of the other.
                    GroupError::GroupTypeMismatch { .. } => ErrorCode::GroupIdNotFound,
                    other => group_code(other),
                };
                refused(code, error.to_string())
            }
            Ok(_) => refused(ErrorCode::UnknownServerError, String::new()),
            Err(code) => refused(code, "this broker cannot answer for the group now".to_owned()),
        }
    }
}

fn heartbeat(caller: &Caller, request: ConsumerGroupHeartbeatRequest) -> Option<ConsumerHeartbeat> {
    let topics = match request.topics {
        Some(topics) => Some(topics.iter().map(|one| TopicName::new(one)).collect::<Result<_, _>>().ok()?),
        None => None,
    };
    let owned = request.owned.map(|topics| {
        let one = |topic: TopicPartitions| {
            let id = topic.topic_id;
            topic.partitions.into_iter().map(move |p| TopicIdPartition::new(id, PartitionIndex(p)))
        };
        topics.into_iter().flat_map(one).collect()
    });
    // Only another broker knows more of a member than it says itself.
    let note = request.note.filter(|_| caller.link.is_some()).unwrap_or_else(|| MemberNote {
        session_timeout_ms: None,
        client_id: caller.client_id.clone(),
        client_host: caller.client_host.clone(),
        client_metadata: None,
    });
    Some(ConsumerHeartbeat {
        group: request.group_id.into(),
        member: request.member_id.into(),
        fresh_member: fresh_member(&caller.client_id),
        epoch: request.member_epoch,
        instance: request.instance_id.map(Into::into),
        rack: request.rack,
        client_id: note.client_id,
        client_host: note.client_host,
        rebalance_timeout_ms: request.rebalance_timeout_ms.and_then(|ms| u32::try_from(ms).ok()),
        session_timeout_ms: note.session_timeout_ms,
        topics,
        topics_regex: request.topics_regex,
        assignor: request.assignor,
        owned,
        client_metadata: note.client_metadata,
    })
}

fn answer(reply: ConsumerHeartbeatReply) -> ConsumerGroupHeartbeatResponse {
    let assignment = reply.assignment.map(|assigned| {
        let mut topics: BTreeMap<_, Vec<i32>> = BTreeMap::new();
        for one in assigned.keys() {
            topics.entry(one.topic).or_default().push(one.partition.0);
        }
        topics.into_iter().map(|(topic_id, partitions)| TopicPartitions { topic_id, partitions }).collect()
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
