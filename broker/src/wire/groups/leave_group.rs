//! LeaveGroup: members go. Before version 3 it is one, and its outcome is the response's.

use kafka_wire::leave_group_request::MemberIdentity;
use kafka_wire::leave_group_response::MemberResponse;

use super::{maybe_text, text};
use crate::wire::{ErrorCode, WireError};

/// Members go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveGroupRequest {
    /// The group.
    pub group_id: String,
    /// Who.
    pub members: Vec<LeavingMember>,
}

/// A member that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeavingMember {
    /// Its name; may be empty if its instance is named.
    pub member_id: String,
    /// Its instance, if it is a static member.
    pub instance_id: Option<String>,
    /// Why, for people.
    pub reason: Option<String>,
}

/// Who is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveGroupResponse {
    /// Why nobody is, if so.
    pub error: ErrorCode,
    /// Each member for itself; not told before version 3.
    pub members: Vec<LeftMember>,
}

/// Whether a member is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftMember {
    /// As it came.
    pub member_id: String,
    /// As it came.
    pub instance_id: Option<String>,
    /// Why not, if so.
    pub error: ErrorCode,
}

impl LeaveGroupRequest {
    pub(super) fn into_codec(self) -> Result<kafka_wire::LeaveGroupRequest, WireError> {
        let member = |member: LeavingMember| {
            let mut into = MemberIdentity::default();
            into.member_id = member.member_id.into();
            into.group_instance_id = member.instance_id.map(Into::into);
            into.reason = member.reason.map(Into::into);
            into
        };
        let mut message = kafka_wire::LeaveGroupRequest::default();
        message.group_id = self.group_id.into();
        message.members = self.members.into_iter().map(member).collect();
        Ok(message)
    }

    pub(super) fn from_codec(
        message: kafka_wire::LeaveGroupRequest,
        version: i16,
    ) -> Result<Self, WireError> {
        let member = |member: MemberIdentity| LeavingMember {
            member_id: text(member.member_id),
            instance_id: maybe_text(member.group_instance_id),
            reason: maybe_text(member.reason),
        };
        let members = if version < 3 {
            vec![LeavingMember { member_id: text(message.member_id), instance_id: None, reason: None }]
        } else {
            message.members.into_iter().map(member).collect()
        };
        Ok(Self { group_id: text(message.group_id), members })
    }
}

impl LeaveGroupResponse {
    pub(super) fn into_codec(self, version: i16) -> kafka_wire::LeaveGroupResponse {
        let member = |member: LeftMember| {
            let mut into = MemberResponse::default();
            into.member_id = member.member_id.into();
            into.group_instance_id = member.instance_id.map(Into::into);
            into.error_code = member.error.code();
            into
        };
        let mut message = kafka_wire::LeaveGroupResponse::default();
        message.error_code = self.error.code();
        if version >= 3 {
            message.members = self.members.into_iter().map(member).collect();
        } else if let Some(only) = self.members.first().filter(|_| self.error.is_none()) {
            message.error_code = only.error.code();
        }
        message
    }

    pub(super) fn from_codec(message: kafka_wire::LeaveGroupResponse) -> Self {
        let member = |member: MemberResponse| LeftMember {
            member_id: text(member.member_id),
            instance_id: maybe_text(member.group_instance_id),
            error: member.error_code.into(),
        };
        Self { error: message.error_code.into(), members: message.members.into_iter().map(member).collect() }
    }
}
