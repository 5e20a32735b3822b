//! DeleteGroups: groups to forget, with their offsets.

use kafka_wire::delete_groups_response::DeletableGroupResult;

use super::{into_texts, text, texts};
use crate::wire::{ErrorCode, WireError};

/// Groups to forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteGroupsRequest {
    /// Which.
    pub groups: Vec<String>,
}

/// What became of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteGroupsResponse {
    /// In the order of the request.
    pub groups: Vec<DeletedGroup>,
}

/// What became of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedGroup {
    /// The group.
    pub group_id: String,
    /// Why it is still there, if so.
    pub error: ErrorCode,
}

impl DeleteGroupsRequest {
    pub(super) fn into_codec(self) -> Result<kafka_wire::DeleteGroupsRequest, WireError> {
        let mut message = kafka_wire::DeleteGroupsRequest::default();
        message.groups_names = into_texts(self.groups);
        Ok(message)
    }

    pub(super) fn from_codec(message: kafka_wire::DeleteGroupsRequest, _: i16) -> Result<Self, WireError> {
        Ok(Self { groups: texts(message.groups_names) })
    }
}

impl DeleteGroupsResponse {
    pub(super) fn into_codec(self, _: i16) -> kafka_wire::DeleteGroupsResponse {
        let group = |group: DeletedGroup| {
            let mut into = DeletableGroupResult::default();
            into.group_id = group.group_id.into();
            into.error_code = group.error.code();
            into
        };
        let mut message = kafka_wire::DeleteGroupsResponse::default();
        message.results = self.groups.into_iter().map(group).collect();
        message
    }

    pub(super) fn from_codec(message: kafka_wire::DeleteGroupsResponse) -> Self {
        let group = |group: DeletableGroupResult| DeletedGroup {
            group_id: text(group.group_id),
            error: group.error_code.into(),
        };
        Self { groups: message.results.into_iter().map(group).collect() }
    }
}
