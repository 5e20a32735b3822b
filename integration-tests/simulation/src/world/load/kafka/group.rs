//! What members of groups have in common: they find their coordinator, commit, look at what is committed, are at times
//! silent for too long, and are late.
//!
//! *Invariant:* what a member let go of is told before the group is told.

use std::time::Duration;

use tidemark::checker::{Assigned, Commit, Committed, Heartbeat, Operation, Phase, Revoked};
use tidemark::types::{LeaderEpoch, Offset};
use tidemark::wire::{
    CommitPartition, CommitTopic, ConsumerGroupHeartbeatResponse, CoordinatorKind, ErrorCode,
    FindCoordinatorRequest, GroupRequest, GroupResponse, OffsetCommitRequest, OffsetFetchGroup,
    OffsetFetchRequest, OffsetFetchTopic, Request, Response,
};

use super::super::{Actor, TOPIC};

/// The groups: of the classic protocol, and of the newer one.
pub(super) const CLASSIC: &str = "classic";
pub(super) const CONSUMER: &str = "consumer";
/// How long a member may be silent, in milliseconds.
pub(super) const SESSION_MS: i32 = 6_000;

/// A group, seen by one client.
pub(super) struct Group {
    pub(super) name: &'static str,
    coordinator: Option<u32>,
}

/// A member as it knows itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Me {
    pub(super) name: String,
    /// Its epoch, or the generation.
    pub(super) epoch: i32,
}

/// What a member has to do after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Go on.
    Stay,
    /// Join again as who it is.
    Rejoin,
    /// Join as somebody new.
    Begin,
}

impl Next {
    /// What an error asks for.
    pub(super) fn after(error: ErrorCode) -> Self {
        match error {
            ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration | ErrorCode::FencedMemberEpoch => {
                Self::Rejoin
            }
            ErrorCode::UnknownMemberId => Self::Begin,
            _ => Self::Stay,
        }
    }
}

impl Group {
    pub(super) fn of(name: &'static str) -> Self {
        Self { name, coordinator: None }
    }

    /// Asks the coordinator, as far as it is known; `None` if it is silent, or unknown.
    pub(super) async fn ask(&mut self, actor: &mut Actor, request: GroupRequest) -> Option<GroupResponse> {
        if self.coordinator.is_none() {
            self.coordinator = find(actor, self.name).await;
        }
        let answer = actor.ask(self.coordinator?, Request::Group(Box::new(request))).await;
        match answer {
            Ok(Response::Group(answer)) => Some(answer),
            _ => {
                self.coordinator = None;
                None
            }
        }
    }

    /// The coordinator answered with an error: it may be none any more.
    pub(super) fn heard(&mut self, error: ErrorCode) -> ErrorCode {
        if matches!(error, ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable) {
            self.coordinator = None;
        }
        error
    }

    /// Tells what a member owns from now on.
    pub(super) fn note_assigned(&self, actor: &Actor, me: &Me, partitions: impl IntoIterator<Item = i32>) {
        let partitions = partitions.into_iter().map(|partition| actor.place(partition)).collect();
        let (group, member) = (self.name.into(), me.name.as_str().into());
        let assigned = Assigned { group, member, epoch: me.epoch.into(), partitions };
        actor.load.history.note(actor.process, Operation::Assigned(assigned));
    }

    /// Tells what a member has let go of; everything, if nothing is named.
    pub(super) fn note_revoked(&self, actor: &Actor, me: &Me, partitions: Option<Vec<i32>>) {
        let places = |all: Vec<i32>| all.into_iter().map(|partition| actor.place(partition)).collect();
        let (group, member) = (self.name.into(), me.name.as_str().into());
        let revoked = Revoked { group, member, partitions: partitions.map(places) };
        actor.load.history.note(actor.process, Operation::Revoked(revoked));
    }

    /// A heartbeat of the newer protocol. It proves the epoch if it was answered with another, for that was written; a
    /// coordinator that was replaced may go on from memory, as Kafka's may.
    pub(super) async fn beat(
        &mut self,
        actor: &mut Actor,
        me: &Me,
        request: GroupRequest,
    ) -> Option<ConsumerGroupHeartbeatResponse> {
        let (group, member) = (self.name.into(), me.name.as_str().into());
        let operation = Operation::Heartbeat(Heartbeat { group, member, epoch: me.epoch.into() });
        let id = actor.load.history.begin(actor.process, operation.clone());
        let answer = match self.ask(actor, request).await {
            Some(GroupResponse::ConsumerGroupHeartbeat(answer)) => Some(answer),
            _ => None,
        };
        let is_proof = answer
            .as_ref()
            .is_some_and(|answer| answer.error == ErrorCode::None && answer.member_epoch != me.epoch);
        let phase = if is_proof { Phase::Ok } else { Phase::Unknown };
        actor.load.history.end(actor.process, id, phase, operation);
        answer
    }

    /// Commits an offset.
    pub(super) async fn commit(&mut self, actor: &mut Actor, me: &Me, partition: i32, offset: i64) -> Next {
        let operation = Operation::Commit(Commit {
            group: self.name.into(),
            at: actor.place(partition),
            offset,
            member: Some(me.name.as_str().into()),
            epoch: Some(me.epoch.into()),
            reset: false,
        });
        let (leader_epoch, metadata) = (LeaderEpoch::NONE, None);
        let one = CommitPartition { index: partition, offset: Offset(offset), leader_epoch, metadata };
        let request = GroupRequest::OffsetCommit(OffsetCommitRequest {
            group_id: self.name.to_owned(),
            epoch: me.epoch,
            member_id: me.name.clone(),
            instance_id: None,
            retention_ms: None,
            topics: vec![CommitTopic { name: TOPIC.to_owned(), partitions: vec![one] }],
        });
        let id = actor.load.history.begin(actor.process, operation.clone());
        let error = match self.ask(actor, request).await {
            Some(GroupResponse::OffsetCommit(answer)) => {
                answer.topics.iter().flat_map(|topic| &topic.partitions).map(|told| told.error).next()
            }
            _ => None,
        };
        let phase = match error {
            Some(ErrorCode::None) => Phase::Ok,
            // These are said before anything is written; others may be said after it.
            Some(
                ErrorCode::IllegalGeneration
                | ErrorCode::UnknownMemberId
                | ErrorCode::FencedMemberEpoch
                | ErrorCode::StaleMemberEpoch,
            ) => Phase::Fail,
            _ => Phase::Unknown,
        };
        actor.load.history.end(actor.process, id, phase, operation);
        error.map_or(Next::Stay, |error| Next::after(self.heard(error)))
    }

    /// What the group has committed, and so where to begin; 0 if it has nothing. `None` if nobody could tell.
    pub(super) async fn committed(&mut self, actor: &mut Actor, partition: i32) -> Option<i64> {
        let at = actor.place(partition);
        let look =
            |offset| Operation::Committed(Committed { group: self.name.into(), at: at.clone(), offset });
        let (begin, process) = (look(None), actor.process);
        let id = actor.load.history.begin(process, begin.clone());
        let topics = Some(vec![OffsetFetchTopic { name: TOPIC.to_owned(), partitions: vec![partition] }]);
        let group_id = self.name.to_owned();
        let group = OffsetFetchGroup { group_id, member_id: None, member_epoch: -1, topics };
        let request =
            GroupRequest::OffsetFetch(OffsetFetchRequest { groups: vec![group], require_stable: true });
        let name = self.name;
        let found = match self.ask(actor, request).await {
            Some(GroupResponse::OffsetFetch(answer)) => {
                answer.groups.into_iter().find(|one| one.group_id == name)
            }
            _ => None,
        };
        let found = found.filter(|found| self.heard(found.error) == ErrorCode::None);
        let told = found.and_then(|found| found.topics.into_iter().flat_map(|topic| topic.partitions).next());
        let told = told.filter(|told| told.error == ErrorCode::None);
        let Some(told) = told else {
            actor.load.history.end(process, id, Phase::Unknown, begin);
            return None;
        };
        let offset = Some(told.offset.0).filter(|offset| *offset >= 0);
        let look = Operation::Committed(Committed { group: name.into(), at, offset });
        actor.load.history.end(process, id, Phase::Ok, look);
        Some(offset.unwrap_or(0))
    }
}

/// Sometimes a member says nothing for longer than its session lasts, as a process does that is suspended.
pub(super) async fn is_silent_at_times(actor: &mut Actor) {
    if actor.chance.happens(20_000) {
        let silence = actor.chance.within(&(6_500..=11_000));
        tokio::time::sleep(Duration::from_millis(silence)).await;
    }
}

/// Looks at all that groups have committed.
pub(in crate::world) async fn look_at_all(actor: &mut Actor) {
    for name in [CLASSIC, CONSUMER] {
        let mut group = Group::of(name);
        for partition in 0..actor.load.partitions {
            while group.committed(actor, partition).await.is_none() {
                actor.rest(500).await;
            }
        }
    }
}

async fn find(actor: &mut Actor, group: &str) -> Option<u32> {
    let request = FindCoordinatorRequest { kind: CoordinatorKind::Group, keys: vec![group.to_owned()] };
    let request = Request::Group(Box::new(GroupRequest::FindCoordinator(request)));
    let broker = actor.any_broker();
    let Ok(Response::Group(answer)) = actor.ask(broker, request).await else { return None };
    let GroupResponse::FindCoordinator(answer) = answer else { return None };
    let (broker, ..) = answer.coordinators.into_iter().find_map(|found| found.broker)?;
    u32::try_from(broker.0).ok()
}
