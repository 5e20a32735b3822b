//! JoinGroup, SyncGroup, Heartbeat, LeaveGroup.

use uuid::Uuid;

use crate::groups::{Heartbeat, Join, Leave, MemberId, Reply, Request, Sync};
use crate::kafka::dispatch::Dispatch;
use crate::kafka::errors::group_code;
use crate::kafka::handler::Caller;
use crate::wire::{
    ErrorCode, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, JoinedMember,
    LeaveGroupRequest, LeaveGroupResponse, LeftMember, SyncGroupRequest, SyncGroupResponse,
};

impl Dispatch {
    pub(super) async fn join_group(&self, caller: &Caller, request: JoinGroupRequest) -> JoinGroupResponse {
        let sent_as = request.member_id.clone();
        let positive = |ms: i32| u32::try_from(ms).unwrap_or(0);
        let join = Join {
            group: request.group_id.into(),
            member: request.member_id.into(),
            fresh_member: fresh_member(&caller.client_id),
            instance: super::named(request.instance_id),
            client_id: caller.client_id.clone(),
            client_host: caller.client_host.clone(),
            session_timeout_ms: positive(request.session_timeout_ms),
            rebalance_timeout_ms: positive(request.rebalance_timeout_ms),
            protocol_type: request.protocol_type,
            protocols: request.protocols.into_iter().map(|one| (one.name, one.metadata)).collect(),
            requires_known_member: request.requires_known_member,
            may_skip_assignment: request.may_skip_assignment,
        };
        match self.ask(caller, Request::Join(join)).await {
            Ok(Reply::Join(Ok(joined))) => {
                let member = |(name, instance, metadata): (MemberId, Option<_>, _)| JoinedMember {
                    member_id: name.as_str().to_owned(),
                    instance_id: instance.map(|one: crate::groups::InstanceId| one.as_str().to_owned()),
                    metadata,
                };
                JoinGroupResponse {
                    error: ErrorCode::None,
                    generation: joined.generation,
                    protocol_type: joined.protocol_type,
                    protocol: joined.protocol,
                    leader: joined.leader.as_str().to_owned(),
                    skip_assignment: joined.skip_assignment,
                    member_id: joined.member.as_str().to_owned(),
                    members: joined.members.into_iter().map(member).collect(),
                }
            }
            Ok(Reply::Join(Err(refused))) => {
                let name = match &refused {
                    crate::groups::GroupError::MemberIdRequired { member } => member.as_str().to_owned(),
                    _ => sent_as,
                };
                JoinGroupResponse::refused(group_code(&refused), name)
            }
            Ok(_) => JoinGroupResponse::refused(ErrorCode::UnknownServerError, sent_as),
            Err(code) => JoinGroupResponse::refused(code, sent_as),
        }
    }

    pub(super) async fn sync_group(&self, caller: &Caller, request: SyncGroupRequest) -> SyncGroupResponse {
        let assignments = request.assignments.into_iter().map(|one| (one.member_id.into(), one.assignment));
        let sync = Sync {
            group: request.group_id.into(),
            member: request.member_id.into(),
            instance: super::named(request.instance_id),
            generation: request.generation,
            protocol_type: request.protocol_type,
            protocol: request.protocol,
            assignments: assignments.collect(),
        };
        let error = match self.ask(caller, Request::Sync(sync)).await {
            Ok(Reply::Sync(Ok(synced))) => {
                return SyncGroupResponse {
                    error: ErrorCode::None,
                    protocol_type: synced.protocol_type,
                    protocol: synced.protocol,
                    assignment: synced.assignment,
                };
            }
            Ok(Reply::Sync(Err(refused))) => group_code(&refused),
            Ok(_) => ErrorCode::UnknownServerError,
            Err(code) => code,
        };
        SyncGroupResponse { error, protocol_type: None, protocol: None, assignment: Default::default() }
    }

    pub(super) async fn heartbeat(&self, caller: &Caller, request: HeartbeatRequest) -> HeartbeatResponse {
        let beat = Heartbeat {
            group: request.group_id.into(),
            member: request.member_id.into(),
            instance: super::named(request.instance_id),
            generation: request.generation,
        };
        let error = match self.ask(caller, Request::Heartbeat(beat)).await {
            Ok(Reply::Heartbeat(result)) => result.err().map_or(ErrorCode::None, |error| group_code(&error)),
            Ok(_) => ErrorCode::UnknownServerError,
            Err(code) => code,
        };
        HeartbeatResponse { error }
    }

    pub(super) async fn leave_group(
        &self,
        caller: &Caller,
        request: LeaveGroupRequest,
    ) -> LeaveGroupResponse {
        let members =
            request.members.into_iter().map(|one| (one.member_id.into(), super::named(one.instance_id)));
        let leave = Leave { group: request.group_id.into(), members: members.collect() };
        let error = match self.ask(caller, Request::Leave(leave)).await {
            Ok(Reply::Leave(Ok(left))) => {
                let member = |one: crate::groups::Left| LeftMember {
                    member_id: one.member.as_str().to_owned(),
                    instance_id: one.instance.map(|instance| instance.as_str().to_owned()),
                    error: one.result.err().map_or(ErrorCode::None, |error| group_code(&error)),
                };
                let members = left.into_iter().map(member).collect();
                return LeaveGroupResponse { error: ErrorCode::None, members };
            }
            Ok(Reply::Leave(Err(refused))) => group_code(&refused),
            Ok(_) => ErrorCode::UnknownServerError,
            Err(code) => code,
        };
        LeaveGroupResponse { error, members: Vec::new() }
    }
}

/// A name for a member that has none, as Kafka makes them: what the client calls itself, and something of its own.
pub(super) fn fresh_member(client_id: &str) -> MemberId {
    const SHOWN_BYTES_MAX: usize = 200;
    let mut end = client_id.len().min(SHOWN_BYTES_MAX);
    while !client_id.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}-{}", &client_id[..end], Uuid::new_v4()).into()
}
