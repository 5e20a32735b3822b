//! JoinGroup: a classic member joins, and waits until all have gathered.

use bytes::Bytes;
use kafka_wire::join_group_request::JoinGroupRequestProtocol;
use kafka_wire::join_group_response::JoinGroupResponseMember;

use super::{maybe_text, text};
use crate::wire::{ErrorCode, WireError};

/// From this version on a new member can be told to join again under a name (KIP-394).
const MEMBER_ID_REQUIRED_SINCE: i16 = 4;
/// From this version on a leader can be told that its assignment stands (KIP-814).
const SKIP_ASSIGNMENT_SINCE: i16 = 9;

/// A member joins, or joins again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinGroupRequest {
    /// The group.
    pub group_id: String,
    /// How long it may be silent.
    pub session_timeout_ms: i32,
    /// How long it may take to join again; in version 0 the session's time.
    pub rebalance_timeout_ms: i32,
    /// The member; empty the first time.
    pub member_id: String,
    /// Its instance, if it is a static member.
    pub instance_id: Option<String>,
    /// `consumer`, `connect` and the like.
    pub protocol_type: String,
    /// Its protocols, best first.
    pub protocols: Vec<JoinProtocol>,
    /// Why it joins, for people.
    pub reason: Option<String>,
    /// Whether its version lets it be told to join again under a name.
    pub requires_known_member: bool,
    /// Whether its version lets it be told that nothing is to be assigned.
    pub may_skip_assignment: bool,
}

/// One protocol that a member understands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinProtocol {
    /// Its name.
    pub name: String,
    /// What the member says in it.
    pub metadata: Bytes,
}

/// Where a member stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinGroupResponse {
    /// Why it has not joined, if so.
    pub error: ErrorCode,
    /// The generation; -1 with an error.
    pub generation: i32,
    /// The protocol type; not told before version 7.
    pub protocol_type: Option<String>,
    /// The protocol that all understand; empty for none before version 7.
    pub protocol: Option<String>,
    /// Who assigns.
    pub leader: String,
    /// Whether the leader is not to assign; not told before version 9.
    pub skip_assignment: bool,
    /// The member's name.
    pub member_id: String,
    /// All members; for the leader only.
    pub members: Vec<JoinedMember>,
}

/// A member as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    /// Its name.
    pub member_id: String,
    /// Its instance, if it is a static member; not told before version 5.
    pub instance_id: Option<String>,
    /// What it says in the protocol.
    pub metadata: Bytes,
}

impl JoinGroupRequest {
    pub(super) fn into_codec(self) -> Result<kafka_wire::JoinGroupRequest, WireError> {
        if !(self.requires_known_member && self.may_skip_assignment) {
            return Err(WireError::malformed("a join in an old version is not sent on"));
        }
        let protocol = |protocol: JoinProtocol| {
            let mut into = JoinGroupRequestProtocol::default();
            into.name = protocol.name.into();
            into.metadata = protocol.metadata;
            into
        };
        let mut message = kafka_wire::JoinGroupRequest::default();
        message.group_id = self.group_id.into();
        message.session_timeout_ms = self.session_timeout_ms;
        message.rebalance_timeout_ms = self.rebalance_timeout_ms;
        message.member_id = self.member_id.into();
        message.group_instance_id = self.instance_id.map(Into::into);
        message.protocol_type = self.protocol_type.into();
        message.protocols = self.protocols.into_iter().map(protocol).collect();
        message.reason = self.reason.map(Into::into);
        Ok(message)
    }

    pub(super) fn from_codec(message: kafka_wire::JoinGroupRequest, version: i16) -> Result<Self, WireError> {
        let protocol = |protocol: JoinGroupRequestProtocol| JoinProtocol {
            name: text(protocol.name),
            metadata: protocol.metadata,
        };
        let session_timeout_ms = message.session_timeout_ms;
        Ok(Self {
            group_id: text(message.group_id),
            session_timeout_ms,
            rebalance_timeout_ms: if version == 0 {
                session_timeout_ms
            } else {
                message.rebalance_timeout_ms
            },
            member_id: text(message.member_id),
            instance_id: maybe_text(message.group_instance_id),
            protocol_type: text(message.protocol_type),
            protocols: message.protocols.into_iter().map(protocol).collect(),
            reason: maybe_text(message.reason),
            requires_known_member: version >= MEMBER_ID_REQUIRED_SINCE,
            may_skip_assignment: version >= SKIP_ASSIGNMENT_SINCE,
        })
    }
}

impl JoinGroupResponse {
    /// A refusal of this member.
    #[must_use]
    pub fn refused(error: ErrorCode, member_id: String) -> Self {
        Self {
            error,
            generation: -1,
            protocol_type: None,
            protocol: None,
            leader: String::new(),
            skip_assignment: false,
            member_id,
            members: Vec::new(),
        }
    }

    pub(super) fn into_codec(self, version: i16) -> kafka_wire::JoinGroupResponse {
        let member = |member: JoinedMember| {
            let mut into = JoinGroupResponseMember::default();
            into.member_id = member.member_id.into();
            into.group_instance_id = member.instance_id.filter(|_| version >= 5).map(Into::into);
            into.metadata = member.metadata;
            into
        };
        let mut message = kafka_wire::JoinGroupResponse::default();
        message.error_code = self.error.code();
        message.generation_id = self.generation;
        message.protocol_type = self.protocol_type.filter(|_| version >= 7).map(Into::into);
        message.protocol_name = self.protocol.or_else(|| (version < 7).then(String::new)).map(Into::into);
        message.leader = self.leader.into();
        message.skip_assignment = self.skip_assignment && version >= SKIP_ASSIGNMENT_SINCE;
        message.member_id = self.member_id.into();
        message.members = self.members.into_iter().map(member).collect();
        message
    }

    pub(super) fn from_codec(message: kafka_wire::JoinGroupResponse) -> Self {
        let member = |member: JoinGroupResponseMember| JoinedMember {
            member_id: text(member.member_id),
            instance_id: maybe_text(member.group_instance_id),
            metadata: member.metadata,
        };
        Self {
            error: message.error_code.into(),
            generation: message.generation_id,
            protocol_type: maybe_text(message.protocol_type),
            protocol: maybe_text(message.protocol_name),
            leader: text(message.leader),
            skip_assignment: message.skip_assignment,
            member_id: text(message.member_id),
            members: message.members.into_iter().map(member).collect(),
        }
    }
}
