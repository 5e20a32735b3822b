//! Heartbeat: a classic member is alive.

use super::{maybe_text, text};
use crate::wire::{ErrorCode, WireError};

/// A member is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatRequest {
    /// The group.
    pub group_id: String,
    /// The generation that it joined.
    pub generation: i32,
    /// The member.
    pub member_id: String,
    /// Its instance, if it is a static member.
    pub instance_id: Option<String>,
}

/// Whether it is still wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeartbeatResponse {
    /// Why not, if so.
    pub error: ErrorCode,
}

impl HeartbeatRequest {
    pub(super) fn into_codec(self) -> Result<kafka_wire::HeartbeatRequest, WireError> {
        let mut message = kafka_wire::HeartbeatRequest::default();
        message.group_id = self.group_id.into();
        message.generation_id = self.generation;
        message.member_id = self.member_id.into();
        message.group_instance_id = self.instance_id.map(Into::into);
        Ok(message)
    }

    pub(super) fn from_codec(message: kafka_wire::HeartbeatRequest, _: i16) -> Result<Self, WireError> {
        Ok(Self {
            group_id: text(message.group_id),
            generation: message.generation_id,
            member_id: text(message.member_id),
            instance_id: maybe_text(message.group_instance_id),
        })
    }
}

impl HeartbeatResponse {
    pub(super) fn into_codec(self, _: i16) -> kafka_wire::HeartbeatResponse {
        let mut message = kafka_wire::HeartbeatResponse::default();
        message.error_code = self.error.code();
        message
    }

    pub(super) fn from_codec(message: kafka_wire::HeartbeatResponse) -> Self {
        Self { error: message.error_code.into() }
    }
}
