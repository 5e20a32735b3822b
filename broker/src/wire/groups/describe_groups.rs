//! DescribeGroups: what classic groups are now. Who may do what to them is not told: there is nobody to forbid it.

use bytes::Bytes;
use kafka_wire::describe_groups_response as response;

use super::{into_texts, maybe_text, text, texts};
use crate::wire::{ErrorCode, WireError};

/// From this version on an error can be told in words.
const MESSAGE_SINCE: i16 = 6;

/// Asks what groups are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeGroupsRequest {
    /// Which.
    pub groups: Vec<String>,
}

/// What they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeGroupsResponse {
    /// In the order of the request.
    pub groups: Vec<DescribedGroup>,
}

/// What a group is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedGroup {
    /// Why it cannot be told, if so.
    pub error: ErrorCode,
    /// The error in words; not told before version 6.
    pub error_message: Option<String>,
    /// The group.
    pub group_id: String,
    /// Its state by Kafka's name.
    pub state: String,
    /// `consumer`, `connect` and the like.
    pub protocol_type: String,
    /// The protocol that its members use.
    pub protocol: String,
    /// Its members.
    pub members: Vec<DescribedMember>,
}

/// What a member is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedMember {
    /// Its name.
    pub member_id: String,
    /// Its instance, if it is a static member; not told before version 4.
    pub instance_id: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// Where it called from.
    pub client_host: String,
    /// What it says in the protocol.
    pub metadata: Bytes,
    /// What it was given.
    pub assignment: Bytes,
}

impl DescribeGroupsRequest {
    pub(super) fn into_codec(self) -> Result<kafka_wire::DescribeGroupsRequest, WireError> {
        let mut message = kafka_wire::DescribeGroupsRequest::default();
        message.groups = into_texts(self.groups);
        Ok(message)
    }

    pub(super) fn from_codec(message: kafka_wire::DescribeGroupsRequest, _: i16) -> Result<Self, WireError> {
        Ok(Self { groups: texts(message.groups) })
    }
}

impl DescribeGroupsResponse {
    pub(super) fn into_codec(self, version: i16) -> kafka_wire::DescribeGroupsResponse {
        let mut message = kafka_wire::DescribeGroupsResponse::default();
        message.groups = self.groups.into_iter().map(|group| group.into_codec(version)).collect();
        message
    }

    pub(super) fn from_codec(message: kafka_wire::DescribeGroupsResponse) -> Self {
        Self { groups: message.groups.into_iter().map(DescribedGroup::from_codec).collect() }
    }
}

impl DescribedGroup {
    fn into_codec(self, version: i16) -> response::DescribedGroup {
        let member = |member: DescribedMember| {
            let mut into = response::DescribedGroupMember::default();
            into.member_id = member.member_id.into();
            into.group_instance_id = member.instance_id.filter(|_| version >= 4).map(Into::into);
            into.client_id = member.client_id.into();
            into.client_host = member.client_host.into();
            into.member_metadata = member.metadata;
            into.member_assignment = member.assignment;
            into
        };
        // Those of old versions take a group that is dead for one that is not there, and no error for anything but one.
        let is_told = version >= MESSAGE_SINCE || self.error != ErrorCode::GroupIdNotFound;
        let mut into = response::DescribedGroup::default();
        into.error_code = if is_told { self.error.code() } else { ErrorCode::None.code() };
        into.error_message = self.error_message.filter(|_| version >= MESSAGE_SINCE).map(Into::into);
        into.group_id = self.group_id.into();
        into.group_state = self.state.into();
        into.protocol_type = self.protocol_type.into();
        into.protocol_data = self.protocol.into();
        into.members = self.members.into_iter().map(member).collect();
        into
    }

    fn from_codec(group: response::DescribedGroup) -> Self {
        let member = |member: response::DescribedGroupMember| DescribedMember {
            member_id: text(member.member_id),
            instance_id: maybe_text(member.group_instance_id),
            client_id: text(member.client_id),
            client_host: text(member.client_host),
            metadata: member.member_metadata,
            assignment: member.member_assignment,
        };
        Self {
            error: group.error_code.into(),
            error_message: maybe_text(group.error_message),
            group_id: text(group.group_id),
            state: text(group.group_state),
            protocol_type: text(group.protocol_type),
            protocol: text(group.protocol_data),
            members: group.members.into_iter().map(member).collect(),
        }
    }
}
