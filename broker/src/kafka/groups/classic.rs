//! JoinGroup, SyncGroup, Heartbeat, LeaveGroup: members that make the assignment among themselves.

use bytes::Bytes;
use uuid::Uuid;

use super::call::given;
use crate::groups::{self, GroupError, GroupId, JoinReply, MemberId, Reply, Request};
use crate::kafka::dispatch::Dispatch;
use crate::kafka::errors::{GroupRefusal, group_code, heartbeat_code, join_code, sync_code};
use crate::kafka::handler::Caller;
use crate::kafka::memory::Claim;
use crate::wire::{
    ErrorCode, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, JoinedMember,
    LeaveGroupRequest, LeaveGroupResponse, LeftMember, SyncGroupRequest, SyncGroupResponse,
};

/// From here on a request is larger than what any group takes, and holds its memory until it is refused.
const LARGE_BYTES: usize = 512 << 10;

impl Dispatch {
    pub(super) async fn join_group(
        &self,
        caller: &Caller,
        request: JoinGroupRequest,
        claim: Claim,
    ) -> JoinGroupResponse {
        let member = request.member_id.clone();
        let join = join_of(caller, request);
        let bytes = join.protocols.iter().map(|(name, metadata)| name.len() + metadata.len()).sum();
        let _held = held_if_large(claim, bytes);
        let joined = self.ask(Request::Join(join), |reply| match reply {
            Reply::Join(reply) => Some(reply),
            _ => None,
        });
        match joined.await {
            Ok(reply) => joined_of(reply),
            Err(refusal) => {
                let member = match &refusal {
                    GroupRefusal::Group(GroupError::MemberIdRequired { member }) => {
                        member.as_str().to_owned()
                    }
                    _ => member,
                };
                JoinGroupResponse::refused(join_code(&refusal), member)
            }
        }
    }

    pub(super) async fn sync_group(&self, request: SyncGroupRequest, claim: Claim) -> SyncGroupResponse {
        let sync = sync_of(request);
        let bytes = sync.assignments.iter().map(|(name, bytes)| name.as_str().len() + bytes.len()).sum();
        let _held = held_if_large(claim, bytes);
        let synced = self.ask(Request::Sync(sync), |reply| match reply {
            Reply::Sync(reply) => Some(reply),
            _ => None,
        });
        match synced.await {
            Ok(reply) => SyncGroupResponse {
                error: ErrorCode::None,
                protocol_type: reply.protocol_type,
                protocol: reply.protocol,
                assignment: reply.assignment,
            },
            Err(refusal) => SyncGroupResponse::refused(sync_code(&refusal)),
        }
    }

    pub(super) async fn group_heartbeat(&self, request: HeartbeatRequest) -> HeartbeatResponse {
        let heartbeat = groups::Heartbeat {
            group: request.group_id.into(),
            member: request.member_id.into(),
            instance: given(request.instance_id),
            generation: request.generation,
        };
        let heard = self.ask(Request::Heartbeat(heartbeat), |reply| match reply {
            Reply::Heartbeat(reply) => Some(reply),
            _ => None,
        });
        HeartbeatResponse { error: heard.await.err().as_ref().map_or(ErrorCode::None, heartbeat_code) }
    }

    pub(super) async fn leave_group(
        &self,
        request: LeaveGroupRequest,
        for_broker: bool,
    ) -> LeaveGroupResponse {
        let members = request.members.into_iter();
        let members = members.map(|member| (member.member_id.into(), given(member.instance_id)));
        let leave = groups::Leave { group: request.group_id.into(), members: members.collect() };
        let left = self.ask(Request::Leave(leave), |reply| match reply {
            Reply::Leave(reply) => Some(reply),
            _ => None,
        });
        let member = |left: groups::Left| LeftMember {
            member_id: left.member.as_str().to_owned(),
            instance_id: left.instance.map(|instance| instance.as_str().to_owned()),
            error: left.result.err().map_or(ErrorCode::None, |error| group_code(&error.into(), for_broker)),
        };
        match left.await {
            Ok(left) => {
                LeaveGroupResponse { error: ErrorCode::None, members: left.into_iter().map(member).collect() }
            }
            Err(refusal) => {
                LeaveGroupResponse { error: group_code(&refusal, for_broker), members: Vec::new() }
            }
        }
    }
}

/// Gives the claim back, unless the request is so large that it is going to be refused.
fn held_if_large(claim: Claim, bytes: usize) -> Option<Claim> {
    Some(claim).filter(|_| bytes > LARGE_BYTES)
}

/// Bytes of their own: the group keeps them for long, and a slice would keep the whole frame.
fn own(slice: &Bytes) -> Bytes {
    Bytes::copy_from_slice(slice)
}

fn join_of(caller: &Caller, request: JoinGroupRequest) -> groups::Join {
    // As Kafka names members: by their instance or their client, with something that nobody else has.
    let stem = request.instance_id.as_deref().unwrap_or(&caller.client_id);
    let fresh_member = MemberId::from(format!("{stem}-{}", Uuid::new_v4()));
    let protocols = request.protocols.into_iter();
    groups::Join {
        group: GroupId::from(request.group_id),
        member: request.member_id.into(),
        fresh_member,
        instance: given(request.instance_id),
        client_id: caller.client_id.as_ref().to_owned(),
        client_host: caller.host.as_ref().to_owned(),
        // What is negative is below any bound, and is refused as such.
        session_timeout_ms: u32::try_from(request.session_timeout_ms).unwrap_or(0),
        rebalance_timeout_ms: u32::try_from(request.rebalance_timeout_ms).unwrap_or(0),
        protocol_type: request.protocol_type,
        protocols: protocols.map(|protocol| (protocol.name, own(&protocol.metadata))).collect(),
        requires_known_member: request.requires_known_member,
        may_skip_assignment: request.may_skip_assignment,
    }
}

fn joined_of(reply: JoinReply) -> JoinGroupResponse {
    let member = |(member, instance, metadata): (MemberId, Option<groups::InstanceId>, Bytes)| JoinedMember {
        member_id: member.as_str().to_owned(),
        instance_id: instance.map(|instance| instance.as_str().to_owned()),
        metadata,
    };
    JoinGroupResponse {
        error: ErrorCode::None,
        generation: reply.generation,
        protocol_type: reply.protocol_type,
        protocol: reply.protocol,
        leader: reply.leader.as_str().to_owned(),
        skip_assignment: reply.skip_assignment,
        member_id: reply.member.as_str().to_owned(),
        members: reply.members.into_iter().map(member).collect(),
    }
}

fn sync_of(request: SyncGroupRequest) -> groups::Sync {
    let assignments = request.assignments.into_iter();
    groups::Sync {
        group: request.group_id.into(),
        member: request.member_id.into(),
        instance: given(request.instance_id),
        generation: request.generation,
        protocol_type: request.protocol_type,
        protocol: request.protocol,
        assignments: assignments.map(|given| (given.member_id.into(), own(&given.assignment))).collect(),
    }
}
