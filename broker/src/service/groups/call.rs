//! Asking a group's coordinator: here, or at the broker that leads its partition of the offsets topic.

use std::time::{Duration, Instant};

use super::error::GroupCallError;
use super::from_wire::{Told, reply_of};
use super::instance_wire;
use super::to_wire::request_of;
use crate::groups::instances::InstanceCall;
use crate::groups::{CoordinatorError, GroupId, Reply, Request};
use crate::replication::Written;
use crate::service::Service;
use crate::service::forward::ForwardError;
use crate::service::routing::Route;
use crate::types::{Incarnation, TopicPartition};
use crate::wire;

/// What one attempt came to.
enum Attempt {
    Done(Reply),
    /// Nothing was done.
    Again(String),
    /// It may have been done.
    Lost(String),
    Failed(GroupCallError),
}

impl Attempt {
    fn unanswered(error: &ForwardError) -> Self {
        match error {
            ForwardError::NotSent(_) => Self::Again(error.to_string()),
            ForwardError::Unknown(_) => Self::Lost(error.to_string()),
        }
    }
}

/// Whether this asks for something to be kept or forgotten, of which the answer is to say whether it was.
fn keeps_something(request: &Request) -> bool {
    matches!(request, Request::Commit(_) | Request::DeleteOffsets(_) | Request::DeleteGroup(_))
}

/// Whether this says that it was not done, or not all of it.
fn refuses(reply: &Reply) -> bool {
    match reply {
        Reply::Commit(Ok(offsets)) => offsets.iter().any(Result::is_err),
        Reply::Commit(Err(_)) | Reply::DeleteOffsets(Err(_)) | Reply::DeleteGroup(Err(_)) => true,
        _ => false,
    }
}

impl Service {
    /// Asks the group's coordinator, wherever it is, and again while nobody is it or it is loading. A refusal after an
    /// attempt of unknown outcome tells nothing of that one: it becomes a failure that says so.
    pub(in crate::service) async fn ask_group(&self, request: Request) -> Result<Reply, GroupCallError> {
        let deadline = self.group_deadline();
        let Some(group) = request.group().cloned() else {
            return Err(GroupCallError::Invalid { reason: "a list is asked of every broker".to_owned() });
        };
        let home = match self.home_of(&group) {
            Some(home) => home,
            None if request.makes_a_group() => self.make_home_of(&group, deadline).await?,
            None => return Ok(of_no_group(&request)),
        };
        self.parts.metrics.group_requests.inc();
        let mut news = self.news(deadline);
        let mut written = Written::No;
        loop {
            let reason = match self.attempt(&home, &group, &request, deadline).await {
                Attempt::Done(reply) if written == Written::No || !refuses(&reply) => return Ok(reply),
                Attempt::Failed(error) if written == Written::No => return Err(error),
                Attempt::Done(_) => {
                    let reason = "it refuses now what it may have done before".to_owned();
                    return Err(GroupCallError::NoCoordinator { reason, written });
                }
                Attempt::Failed(error) => {
                    return Err(GroupCallError::NoCoordinator { reason: error.to_string(), written });
                }
                Attempt::Again(reason) => reason,
                Attempt::Lost(reason) => {
                    if keeps_something(&request) {
                        written = Written::Maybe;
                    }
                    reason
                }
            };
            if !news.wait(self.parts.clock.now()).await {
                return Err(GroupCallError::NoCoordinator { reason, written });
            }
        }
    }

    /// Asks the group's coordinator if that is this broker.
    ///
    /// # Errors
    /// That it is not, or not yet.
    pub async fn ask_group_here(&self, request: Request) -> Result<Reply, CoordinatorError> {
        let group = request.group().ok_or(CoordinatorError::NotCoordinator)?;
        let home = self.home_of(group).ok_or(CoordinatorError::NotCoordinator)?;
        match self.route(&home) {
            Ok((Route::Here(partition), _)) if !self.is_handing_over(&partition) => {
                // A classic member may wait for the others to join; nobody waits for longer than that.
                let longest = self.parts.groups.group_options().rebalance_timeout_ms_max;
                let longest = Duration::from_millis(u64::from(longest));
                let asked = self.parts.groups.handle(home.partition, request);
                tokio::time::timeout(longest, asked).await.unwrap_or(Err(CoordinatorError::Lost))
            }
            _ => Err(CoordinatorError::NotCoordinator),
        }
    }

    pub(super) fn group_deadline(&self) -> Instant {
        self.parts.clock.now() + Duration::from_millis(self.parts.options.fetch_timeout_ms)
    }

    async fn attempt(
        &self,
        home: &TopicPartition,
        group: &GroupId,
        request: &Request,
        deadline: Instant,
    ) -> Attempt {
        let route = match self.route(home) {
            Ok((route, _)) => route,
            Err(_) => return Attempt::Again("its topic is not there".to_owned()),
        };
        match route {
            Route::Here(partition) if self.is_handing_over(&partition) => {
                Attempt::Again("it hands over".to_owned())
            }
            Route::Here(_) => self.attempt_here(home, request, deadline).await,
            Route::There { leader, .. } => self.attempt_there(home, leader, group, request, deadline).await,
            Route::Nowhere(reason) => Attempt::Again(reason.to_owned()),
        }
    }

    async fn attempt_here(&self, home: &TopicPartition, request: &Request, deadline: Instant) -> Attempt {
        let asked = self.parts.groups.handle(home.partition, request.clone());
        match tokio::time::timeout_at(deadline.into(), asked).await {
            Ok(Ok(reply)) => Attempt::Done(reply),
            Ok(Err(CoordinatorError::Overloaded)) => Attempt::Failed(GroupCallError::Overloaded),
            Ok(Err(CoordinatorError::Lost)) => Attempt::Lost(CoordinatorError::Lost.to_string()),
            Ok(Err(error)) => Attempt::Again(error.to_string()),
            Err(_) => Attempt::Lost("what it wrote is not committed yet".to_owned()),
        }
    }

    async fn attempt_there(
        &self,
        home: &TopicPartition,
        leader: Incarnation,
        group: &GroupId,
        request: &Request,
        deadline: Instant,
    ) -> Attempt {
        if let Request::Instance(call) = request {
            return self.attempt_instance_there(home, leader, call, deadline).await;
        }
        let Some(message) = request_of(request) else {
            return Attempt::Again("only the coordinator itself takes this".to_owned());
        };
        match self.ask_other(home, leader, message, deadline).await {
            Ok(answer) => match reply_of(request, answer, self.parts.groups.group_options()) {
                Told::Reply(reply) => Attempt::Done(reply),
                // Kafka has a question of its own for groups of the other kind.
                Told::OfTheOtherKind => self.describe_classic_there(home, leader, group, deadline).await,
                Told::Again(reason) => Attempt::Again(reason),
                Told::Lost(reason) => Attempt::Lost(reason),
                Told::Overloaded => Attempt::Failed(GroupCallError::Overloaded),
            },
            Err(error) => Attempt::unanswered(&error),
        }
    }

    async fn attempt_instance_there(
        &self,
        home: &TopicPartition,
        leader: Incarnation,
        call: &InstanceCall,
        deadline: Instant,
    ) -> Attempt {
        let message = wire::Request::Instance(instance_wire::request_of(call));
        match self.ask_leader(home, leader, message, deadline).await {
            Ok(wire::Response::Instance(response)) => match instance_wire::reply_of(&response) {
                Told::Reply(reply) => Attempt::Done(reply),
                Told::Overloaded => Attempt::Failed(GroupCallError::Overloaded),
                Told::Again(reason) => Attempt::Again(reason),
                Told::Lost(reason) => Attempt::Lost(reason),
                Told::OfTheOtherKind => Attempt::Lost("it answered another request".to_owned()),
            },
            Ok(_) => Attempt::Lost("it answered another request".to_owned()),
            Err(error) => Attempt::unanswered(&error),
        }
    }

    async fn describe_classic_there(
        &self,
        home: &TopicPartition,
        leader: Incarnation,
        group: &GroupId,
        deadline: Instant,
    ) -> Attempt {
        let groups = vec![group.as_str().to_owned()];
        let message = wire::GroupRequest::DescribeGroups(wire::DescribeGroupsRequest { groups });
        match self.ask_other(home, leader, message, deadline).await {
            Ok(answer) => {
                let asked = Request::Describe(group.clone());
                match reply_of(&asked, answer, self.parts.groups.group_options()) {
                    Told::Reply(reply) => Attempt::Done(reply),
                    Told::Overloaded => Attempt::Failed(GroupCallError::Overloaded),
                    Told::Again(reason) | Told::Lost(reason) => Attempt::Again(reason),
                    Told::OfTheOtherKind => Attempt::Again("the group changes its kind".to_owned()),
                }
            }
            Err(error) => Attempt::Again(error.to_string()),
        }
    }

    async fn ask_other(
        &self,
        home: &TopicPartition,
        leader: Incarnation,
        message: wire::GroupRequest,
        deadline: Instant,
    ) -> Result<wire::GroupResponse, ForwardError> {
        match self.ask_leader(home, leader, wire::Request::Group(Box::new(message)), deadline).await? {
            wire::Response::Group(response) => Ok(response),
            _ => Err(ForwardError::Unknown("it answered another request".to_owned())),
        }
    }

    async fn ask_leader(
        &self,
        home: &TopicPartition,
        leader: Incarnation,
        message: wire::Request,
        deadline: Instant,
    ) -> Result<wire::Response, ForwardError> {
        self.parts.metrics.forwards.inc();
        let asked = self.parts.forward.call(leader.broker, message, deadline);
        let answer = tokio::select! {
            biased;
            answer = asked => answer,
            () = self.deposed(home, leader) => {
                Err(ForwardError::Unknown("it is not the coordinator any more".to_owned()))
            }
        };
        if answer.is_err() {
            self.parts.metrics.forward_errors.inc();
        }
        answer
    }
}

/// What a group answers that cannot be there, since none is kept anywhere.
fn of_no_group(request: &Request) -> Reply {
    use crate::groups::GroupError as E;
    match request {
        Request::FetchOffsets(fetch) => {
            let none = |(topic, partition): &(_, _)| crate::groups::FetchedOffset {
                topic: Clone::clone(topic),
                partition: *partition,
                committed: None,
            };
            Reply::FetchOffsets(Ok(fetch.partitions.iter().flatten().map(none).collect()))
        }
        Request::DeleteOffsets(_) => Reply::DeleteOffsets(Err(E::GroupIdNotFound)),
        Request::DeleteGroup(_) => Reply::DeleteGroup(Err(E::GroupIdNotFound)),
        Request::Leave(_) => Reply::Leave(Err(E::UnknownMember)),
        Request::Sync(_) => Reply::Sync(Err(E::UnknownMember)),
        Request::Heartbeat(_) => Reply::Heartbeat(Err(E::UnknownMember)),
        Request::ConsumerHeartbeat(_) => Reply::ConsumerHeartbeat(Err(E::UnknownMember)),
        Request::Join(_) => Reply::Join(Err(E::UnknownMember)),
        Request::Commit(_) => Reply::Commit(Err(E::GroupIdNotFound)),
        Request::Describe(_) => Reply::Describe(Err(E::GroupIdNotFound)),
        Request::Instance(_) => Reply::Instance(Err(crate::groups::instances::InstanceRefusal::NoInstance)),
        Request::List => Reply::List(Vec::new()),
    }
}
