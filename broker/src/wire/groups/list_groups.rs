//! ListGroups: the groups that a broker looks after.

use kafka_wire::list_groups_response::ListedGroup as CodecGroup;

use super::{into_texts, text, texts};
use crate::wire::{ErrorCode, WireError};

/// Asks for a broker's groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListGroupsRequest {
    /// In these states only, by Kafka's names; all if empty.
    pub states: Vec<String>,
    /// Of these types only, by Kafka's names; all if empty.
    pub types: Vec<String>,
}

/// A broker's groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListGroupsResponse {
    /// Why some may be missing, if so.
    pub error: ErrorCode,
    /// The groups.
    pub groups: Vec<ListedGroup>,
}

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    /// The group.
    pub group_id: String,
    /// `consumer`, `connect` and the like; empty if it only keeps offsets.
    pub protocol_type: String,
    /// Its state by Kafka's name; not told before version 4.
    pub state: String,
    /// Its type by Kafka's name; not told before version 5.
    pub group_type: String,
}

impl ListGroupsRequest {
    pub(super) fn into_codec(self) -> Result<kafka_wire::ListGroupsRequest, WireError> {
        let mut message = kafka_wire::ListGroupsRequest::default();
        message.states_filter = into_texts(self.states);
        message.types_filter = into_texts(self.types);
        Ok(message)
    }

    pub(super) fn from_codec(message: kafka_wire::ListGroupsRequest, _: i16) -> Result<Self, WireError> {
        Ok(Self { states: texts(message.states_filter), types: texts(message.types_filter) })
    }
}

impl ListGroupsResponse {
    pub(super) fn into_codec(self, version: i16) -> kafka_wire::ListGroupsResponse {
        let group = |group: ListedGroup| {
            let mut into = CodecGroup::default();
            into.group_id = group.group_id.into();
            into.protocol_type = group.protocol_type.into();
            into.group_state = if version >= 4 { group.state.into() } else { Default::default() };
            into.group_type = if version >= 5 { group.group_type.into() } else { Default::default() };
            into
        };
        let mut message = kafka_wire::ListGroupsResponse::default();
        message.error_code = self.error.code();
        message.groups = self.groups.into_iter().map(group).collect();
        message
    }

    pub(super) fn from_codec(message: kafka_wire::ListGroupsResponse) -> Self {
        let group = |group: CodecGroup| ListedGroup {
            group_id: text(group.group_id),
            protocol_type: text(group.protocol_type),
            state: text(group.group_state),
            group_type: text(group.group_type),
        };
        Self { error: message.error_code.into(), groups: message.groups.into_iter().map(group).collect() }
    }
}
