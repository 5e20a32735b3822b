//! The group from outside.

use super::state::ClassicGroup;
use crate::groups::ids::GroupId;
use crate::groups::view::{GroupListing, GroupView, MemberDetail, MemberView};

impl ClassicGroup {
    pub(in crate::groups) fn listing(&self, group: &GroupId) -> GroupListing {
        GroupListing {
            group: group.clone(),
            kind: "classic",
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            state: self.state.name(),
        }
    }

    pub(in crate::groups) fn view(&self, group: &GroupId) -> GroupView {
        let protocol = self.protocol.as_deref();
        let members = self.members.iter().map(|(name, member)| MemberView {
            member: name.clone(),
            instance: member.instance.clone(),
            rack: None,
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            session_timeout_ms: member.session_timeout_ms,
            detail: MemberDetail::Classic {
                metadata: member.metadata(protocol),
                assignment: member.assignment.clone(),
            },
        });
        GroupView {
            listing: self.listing(group),
            epoch: self.generation,
            assignment_epoch: self.generation,
            protocol: self.protocol.clone().unwrap_or_default(),
            members: members.collect(),
        }
    }
}
