//! SyncGroup: a classic member asks for its assignment; the leader brings everyone's.

use bytes::Bytes;
use kafka_wire::sync_group_request::SyncGroupRequestAssignment;

use super::{maybe_text, text};
use crate::wire::{ErrorCode, WireError};

/// A member asks for its assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncGroupRequest {
    /// The group.
    pub group_id: String,
    /// The generation that it joined.
    pub generation: i32,
    /// The member.
    pub member_id: String,
    /// Its instance, if it is a static member.
    pub instance_id: Option<String>,
    /// What it believes the protocol type is; from version 5 on.
    pub protocol_type: Option<String>,
    /// What it believes the protocol is; from version 5 on.
    pub protocol: Option<String>,
    /// Everyone's assignment, from the leader.
    pub assignments: Vec<SyncAssignment>,
}

/// What the leader gives one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncAssignment {
    /// The member.
    pub member_id: String,
    /// Its assignment, in the protocol's own words.
    pub assignment: Bytes,
}

/// A member's assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncGroupResponse {
    /// Why there is none, if so.
    pub error: ErrorCode,
    /// The protocol type; not told before version 5.
    pub protocol_type: Option<String>,
    /// The protocol; not told before version 5.
    pub protocol: Option<String>,
    /// What the leader gave it.
    pub assignment: Bytes,
}

impl SyncGroupRequest {
    pub(super) fn into_codec(self) -> Result<kafka_wire::SyncGroupRequest, WireError> {
        let assignment = |given: SyncAssignment| {
            let mut into = SyncGroupRequestAssignment::default();
            into.member_id = given.member_id.into();
            into.assignment = given.assignment;
            into
        };
        let mut message = kafka_wire::SyncGroupRequest::default();
        message.group_id = self.group_id.into();
        message.generation_id = self.generation;
        message.member_id = self.member_id.into();
        message.group_instance_id = self.instance_id.map(Into::into);
        message.protocol_type = self.protocol_type.map(Into::into);
        message.protocol_name = self.protocol.map(Into::into);
        message.assignments = self.assignments.into_iter().map(assignment).collect();
        Ok(message)
    }

    pub(super) fn from_codec(message: kafka_wire::SyncGroupRequest, _: i16) -> Result<Self, WireError> {
        let assignment = |given: SyncGroupRequestAssignment| SyncAssignment {
            member_id: text(given.member_id),
            assignment: given.assignment,
        };
        Ok(Self {
            group_id: text(message.group_id),
            generation: message.generation_id,
            member_id: text(message.member_id),
            instance_id: maybe_text(message.group_instance_id),
            protocol_type: maybe_text(message.protocol_type),
            protocol: maybe_text(message.protocol_name),
            assignments: message.assignments.into_iter().map(assignment).collect(),
        })
    }
}

impl SyncGroupResponse {
    /// A refusal.
    #[must_use]
    pub fn refused(error: ErrorCode) -> Self {
        Self { error, protocol_type: None, protocol: None, assignment: Bytes::new() }
    }

    pub(super) fn into_codec(self, version: i16) -> kafka_wire::SyncGroupResponse {
        let mut message = kafka_wire::SyncGroupResponse::default();
        message.error_code = self.error.code();
        message.protocol_type = self.protocol_type.filter(|_| version >= 5).map(Into::into);
        message.protocol_name = self.protocol.filter(|_| version >= 5).map(Into::into);
        message.assignment = self.assignment;
        message
    }

    pub(super) fn from_codec(message: kafka_wire::SyncGroupResponse) -> Self {
        Self {
            error: message.error_code.into(),
            protocol_type: maybe_text(message.protocol_type),
            protocol: maybe_text(message.protocol_name),
            assignment: message.assignment,
        }
    }
}
