//! FindCoordinator, ListGroups, DescribeGroups, ConsumerGroupDescribe, DeleteGroups.

use std::collections::BTreeMap;

use crate::groups::{
    GroupError, GroupId, GroupView, MemberDetail, MemberView, Reply, Request, TopicIdPartition,
};
use crate::kafka::dispatch::Dispatch;
use crate::kafka::errors::{coordinator_code, group_code};
use crate::kafka::handler::Caller;
use crate::wire::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerMember, CoordinatorKind,
    DeleteGroupsRequest, DeleteGroupsResponse, DeletedGroup, DescribeGroupsRequest, DescribeGroupsResponse,
    DescribedConsumerGroup, DescribedGroup, DescribedMember, ErrorCode, FindCoordinatorRequest,
    FindCoordinatorResponse, FoundCoordinator, ListGroupsRequest, ListGroupsResponse, ListedGroup,
    NamedTopicPartitions,
};

/// Kafka's number for a member of a group whose assignment the coordinator makes.
const CONSUMER_MEMBER: i8 = 1;

impl Dispatch {
    pub(super) async fn find_coordinators(&self, request: FindCoordinatorRequest) -> FindCoordinatorResponse {
        let mut coordinators = Vec::with_capacity(request.keys.len());
        for key in request.keys {
            let found = match request.kind {
                CoordinatorKind::Group => self
                    .service
                    .find_coordinator(&GroupId::from(key.as_str()))
                    .await
                    .map_err(|error| (ErrorCode::CoordinatorNotAvailable, error.to_string())),
                // Final, so that a client which wants transactions does not ask for ever.
                CoordinatorKind::Transaction => Err((
                    ErrorCode::TransactionalIdAuthorizationFailed,
                    "transactions are not served".to_owned(),
                )),
                CoordinatorKind::Other(_) => {
                    Err((ErrorCode::InvalidRequest, "no such kind of coordinator".to_owned()))
                }
            };
            let (error, error_message, broker) = match found {
                Ok((broker, at)) => (ErrorCode::None, None, Some((broker, at.host, i32::from(at.port)))),
                Err((code, text)) => (code, Some(text), None),
            };
            coordinators.push(FoundCoordinator { key, error, error_message, broker });
        }
        FindCoordinatorResponse { coordinators }
    }

    pub(super) async fn list_groups(
        &self,
        caller: &Caller,
        request: ListGroupsRequest,
    ) -> ListGroupsResponse {
        let groups = match self.service.list_groups_here().await {
            Ok(groups) => groups,
            Err(error) => {
                let error = coordinator_code(error, caller.link.is_some());
                return ListGroupsResponse { error, groups: Vec::new() };
            }
        };
        let wanted = |filter: &[String], is: &str| {
            filter.is_empty() || filter.iter().any(|one| one.eq_ignore_ascii_case(is))
        };
        let groups = groups
            .into_iter()
            .filter(|group| wanted(&request.states, group.state) && wanted(&request.types, group.kind))
            .map(|group| ListedGroup {
                group_id: group.group.as_str().to_owned(),
                protocol_type: group.protocol_type,
                state: group.state.to_owned(),
                group_type: group.kind.to_owned(),
            });
        ListGroupsResponse { error: ErrorCode::None, groups: groups.collect() }
    }

    pub(super) async fn describe_groups(
        &self,
        caller: &Caller,
        request: DescribeGroupsRequest,
    ) -> DescribeGroupsResponse {
        let mut groups = Vec::with_capacity(request.groups.len());
        for group_id in request.groups {
            groups.push(match self.view(caller, &group_id).await {
                Ok(view) if view.listing.kind == "classic" => classic(group_id, *view),
                // A group of the other kind is not there for those who ask in this way.
                Ok(_) | Err(ErrorCode::GroupIdNotFound) => no_group(group_id, ErrorCode::GroupIdNotFound),
                Err(code) => no_group(group_id, code),
            });
        }
        DescribeGroupsResponse { groups }
    }

    pub(super) async fn describe_consumer_groups(
        &self,
        caller: &Caller,
        request: ConsumerGroupDescribeRequest,
    ) -> ConsumerGroupDescribeResponse {
        let mut groups = Vec::with_capacity(request.groups.len());
        for group_id in request.groups {
            groups.push(match self.view(caller, &group_id).await {
                Ok(view) if view.listing.kind == "consumer" => self.consumer(group_id, *view),
                Ok(_) => no_consumer_group(group_id, ErrorCode::GroupIdNotFound),
                Err(code) => no_consumer_group(group_id, code),
            });
        }
        ConsumerGroupDescribeResponse { groups }
    }

    pub(super) async fn delete_groups(
        &self,
        caller: &Caller,
        request: DeleteGroupsRequest,
    ) -> DeleteGroupsResponse {
        let mut groups = Vec::with_capacity(request.groups.len());
        for group_id in request.groups {
            let asked = self.ask(caller, Request::DeleteGroup(group_id.as_str().into())).await;
            let error = match asked {
                Ok(Reply::DeleteGroup(result)) => {
                    result.err().map_or(ErrorCode::None, |error| group_code(&error))
                }
                Ok(_) => ErrorCode::UnknownServerError,
                Err(code) => code,
            };
            groups.push(DeletedGroup { group_id, error });
        }
        DeleteGroupsResponse { groups }
    }

    async fn view(&self, caller: &Caller, group: &str) -> Result<Box<GroupView>, ErrorCode> {
        match self.ask(caller, Request::Describe(group.into())).await? {
            Reply::Describe(view) => view.map_err(|refused: GroupError| group_code(&refused)),
            _ => Err(ErrorCode::UnknownServerError),
        }
    }

    fn consumer(&self, group_id: String, view: GroupView) -> DescribedConsumerGroup {
        DescribedConsumerGroup {
            error: ErrorCode::None,
            error_message: None,
            group_id,
            state: view.listing.state.to_owned(),
            epoch: view.epoch,
            assignment_epoch: view.assignment_epoch,
            assignor: view.protocol,
            members: view.members.into_iter().filter_map(|member| self.consumer_member(member)).collect(),
        }
    }

    fn consumer_member(&self, member: MemberView) -> Option<ConsumerMember> {
        let MemberDetail::Consumer { epoch, topics, assigned, target, .. } = member.detail else {
            return None;
        };
        Some(ConsumerMember {
            member_id: member.member.as_str().to_owned(),
            instance_id: member.instance.map(|instance| instance.as_str().to_owned()),
            rack: member.rack,
            epoch,
            client_id: member.client_id,
            client_host: member.client_host,
            topics: topics.into_iter().map(|topic| topic.as_str().to_owned()).collect(),
            topics_regex: None,
            assignment: self.named_partitions(assigned.keys()),
            target: self.named_partitions(target.iter()),
            member_type: CONSUMER_MEMBER,
        })
    }

    fn named_partitions<'a>(
        &self,
        partitions: impl Iterator<Item = &'a TopicIdPartition>,
    ) -> Vec<NamedTopicPartitions> {
        let image = self.service.image();
        let mut topics: BTreeMap<_, Vec<i32>> = BTreeMap::new();
        for one in partitions {
            topics.entry(one.topic).or_default().push(one.partition.0);
        }
        let named = |(id, partitions)| NamedTopicPartitions {
            topic_id: Some(id),
            name: image.topic_by_id(id).map_or_else(String::new, |topic| topic.name.as_str().to_owned()),
            partitions,
        };
        topics.into_iter().map(named).collect()
    }
}

fn classic(group_id: String, view: GroupView) -> DescribedGroup {
    let member = |member: MemberView| {
        let MemberDetail::Classic { metadata, assignment } = member.detail else { return None };
        Some(DescribedMember {
            member_id: member.member.as_str().to_owned(),
            instance_id: member.instance.map(|instance| instance.as_str().to_owned()),
            client_id: member.client_id,
            client_host: member.client_host,
            metadata,
            assignment,
        })
    };
    DescribedGroup {
        error: ErrorCode::None,
        error_message: None,
        group_id,
        state: view.listing.state.to_owned(),
        protocol_type: view.listing.protocol_type,
        protocol: view.protocol,
        members: view.members.into_iter().filter_map(member).collect(),
    }
}

fn no_group(group_id: String, error: ErrorCode) -> DescribedGroup {
    let is_gone = error == ErrorCode::GroupIdNotFound;
    DescribedGroup {
        error,
        error_message: None,
        group_id,
        state: if is_gone { "Dead".to_owned() } else { String::new() },
        protocol_type: String::new(),
        protocol: String::new(),
        members: Vec::new(),
    }
}

fn no_consumer_group(group_id: String, error: ErrorCode) -> DescribedConsumerGroup {
    DescribedConsumerGroup {
        error,
        error_message: None,
        group_id,
        state: String::new(),
        epoch: 0,
        assignment_epoch: 0,
        assignor: String::new(),
        members: Vec::new(),
    }
}
