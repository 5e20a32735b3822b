//! The group from outside.

use super::state::ConsumerGroup;
use crate::groups::ids::GroupId;
use crate::groups::records::MemberState;
use crate::groups::view::{GroupListing, GroupView, MemberDetail, MemberView};

impl ConsumerGroup {
    pub(in crate::groups) fn listing(&self, group: &GroupId) -> GroupListing {
        let settled = |current: &crate::groups::records::CurrentValue| {
            current.state == MemberState::Stable && current.epoch == self.epochs.target_epoch
        };
        let state = if self.members.is_empty() {
            "Empty"
        } else if self.epochs.epoch > self.epochs.target_epoch {
            "Assigning"
        } else if self.members.values().all(|member| settled(&member.current)) {
            "Stable"
        } else {
            "Reconciling"
        };
        GroupListing { group: group.clone(), kind: "consumer", protocol_type: "consumer".to_owned(), state }
    }

    pub(in crate::groups) fn view(&self, group: &GroupId) -> GroupView {
        let members = self.members.iter().map(|(name, member)| {
            let profile = &member.profile;
            MemberView {
                member: name.clone(),
                instance: profile.instance.clone(),
                rack: profile.rack.clone(),
                client_id: profile.client_id.clone(),
                client_host: profile.client_host.clone(),
                session_timeout_ms: profile.session_timeout_ms,
                detail: MemberDetail::Consumer {
                    epoch: member.current.epoch,
                    topics: profile.topics.clone(),
                    assigned: member.current.assigned.clone(),
                    target: member.target.partitions.clone(),
                    client_metadata: profile.client_metadata.clone(),
                },
            }
        });
        GroupView {
            listing: self.listing(group),
            epoch: self.epochs.epoch,
            assignment_epoch: self.epochs.target_epoch,
            protocol: self.epochs.assignor.clone(),
            members: members.collect(),
        }
    }
}
