//! ListGroups, DescribeGroups, DeleteGroups: groups from outside, as far as they are coordinated here.

use crate::groups::{CoordinatorError, GroupListing, GroupView, MemberDetail, MemberView, Reply, Request};
use crate::kafka::dispatch::Dispatch;
use crate::kafka::errors::{GroupRefusal, group_code};
use crate::wire::{
    DeleteGroupsRequest, DeleteGroupsResponse, DeletedGroup, DescribeGroupsRequest, DescribeGroupsResponse,
    DescribedGroup, DescribedMember, ErrorCode, ListGroupsRequest, ListGroupsResponse, ListedGroup,
};

/// Kafka's state of a group that is not there.
const DEAD: &str = "Dead";

impl Dispatch {
    pub(super) async fn list_groups(
        &self,
        request: ListGroupsRequest,
        for_broker: bool,
    ) -> ListGroupsResponse {
        let passes = |wanted: &[String], is: &str| {
            wanted.is_empty() || wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(is))
        };
        match self.service.list_groups_here().await {
            Ok(groups) => {
                let groups = groups.into_iter().filter(|group| {
                    passes(&request.states, group.state) && passes(&request.types, group.kind)
                });
                ListGroupsResponse { error: ErrorCode::None, groups: groups.map(listed).collect() }
            }
            // Nobody else could list them: those that are not taken up yet are about to be loaded here.
            Err(CoordinatorError::NotCoordinator) => {
                ListGroupsResponse { error: ErrorCode::CoordinatorLoadInProgress, groups: Vec::new() }
            }
            Err(error) => {
                ListGroupsResponse { error: group_code(&error.into(), for_broker), groups: Vec::new() }
            }
        }
    }

    pub(super) async fn describe_classic(
        &self,
        request: DescribeGroupsRequest,
        for_broker: bool,
    ) -> DescribeGroupsResponse {
        let mut groups = Vec::with_capacity(request.groups.len());
        for group_id in request.groups {
            groups.push(match self.view_of(&group_id).await {
                Ok(view) if view.listing.kind == "classic" => described(group_id, *view),
                Ok(_) => {
                    let reason = format!("group '{group_id}' is not a classic group");
                    undescribed(group_id, ErrorCode::GroupIdNotFound, reason)
                }
                Err(refusal) => undescribed(group_id, group_code(&refusal, for_broker), refusal.to_string()),
            });
        }
        DescribeGroupsResponse { groups }
    }

    pub(super) async fn delete_groups(
        &self,
        request: DeleteGroupsRequest,
        for_broker: bool,
    ) -> DeleteGroupsResponse {
        let mut groups = Vec::with_capacity(request.groups.len());
        for group_id in request.groups {
            let gone = self.ask(Request::DeleteGroup(group_id.as_str().into()), |reply| match reply {
                Reply::DeleteGroup(reply) => Some(reply),
                _ => None,
            });
            let refusal = gone.await.err();
            let error = refusal.map_or(ErrorCode::None, |refusal| group_code(&refusal, for_broker));
            groups.push(DeletedGroup { group_id, error });
        }
        DeleteGroupsResponse { groups }
    }

    /// What a group is now.
    pub(super) async fn view_of(&self, group_id: &str) -> Result<Box<GroupView>, GroupRefusal> {
        self.ask(Request::Describe(group_id.into()), |reply| match reply {
            Reply::Describe(reply) => Some(reply),
            _ => None,
        })
        .await
    }
}

fn listed(group: GroupListing) -> ListedGroup {
    ListedGroup {
        group_id: group.group.as_str().to_owned(),
        protocol_type: group.protocol_type,
        state: group.state.to_owned(),
        group_type: group.kind.to_owned(),
    }
}

fn described(group_id: String, view: GroupView) -> DescribedGroup {
    DescribedGroup {
        error: ErrorCode::None,
        error_message: None,
        group_id,
        state: view.listing.state.to_owned(),
        protocol_type: view.listing.protocol_type,
        protocol: view.protocol,
        members: view.members.into_iter().map(member).collect(),
    }
}

fn member(member: MemberView) -> DescribedMember {
    let (metadata, assignment) = match member.detail {
        MemberDetail::Classic { metadata, assignment } => (metadata, assignment),
        MemberDetail::Consumer { .. } => Default::default(),
    };
    DescribedMember {
        member_id: member.member.as_str().to_owned(),
        instance_id: member.instance.map(|instance| instance.as_str().to_owned()),
        client_id: member.client_id,
        client_host: member.client_host,
        metadata,
        assignment,
    }
}

fn undescribed(group_id: String, error: ErrorCode, reason: String) -> DescribedGroup {
    let state = if error == ErrorCode::GroupIdNotFound { DEAD } else { "" };
    DescribedGroup {
        error,
        error_message: Some(reason),
        group_id,
        state: state.to_owned(),
        protocol_type: String::new(),
        protocol: String::new(),
        members: Vec::new(),
    }
}
