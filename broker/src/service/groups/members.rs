//! Members over HTTP: they join, say that they live, and leave.
//!
//! Such a member is one of a group with server-side assignment. What the broker that it calls must know of it is in its
//! name, so that any broker serves it: a name ends with what its member wants where nothing is committed.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::error::GroupCallError;
use crate::groups::{
    ConsumerHeartbeat, ConsumerHeartbeatReply, GroupError, GroupId, InstanceId, Leave, MemberDetail,
    MemberId, OffsetReset, Reply, Request, TopicIdPartition,
};
use crate::replication::Written;
use crate::service::Service;
use crate::types::TopicName;

/// What the member of this name wants: its name ends with it.
pub(in crate::service) fn reset_of(member: &MemberId) -> OffsetReset {
    member.as_str().rsplit('.').next().and_then(OffsetReset::from_name).unwrap_or_default()
}

/// What a member reads: partitions by topic.
pub type Assignment = BTreeMap<TopicName, Vec<i32>>;

/// A member that joins.
#[derive(Clone, Debug)]
pub struct JoinGroup {
    /// The group.
    pub group: GroupId,
    /// What it reads.
    pub topics: BTreeSet<TopicName>,
    /// How long it may be silent.
    pub session_timeout_ms: Option<u32>,
    /// Its instance, if it is a static member.
    pub instance: Option<InstanceId>,
    /// Where it begins when nothing is committed.
    pub offset_reset: OffsetReset,
}

/// A member that has joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedGroup {
    /// Its name.
    pub member: MemberId,
    /// Where it stands.
    pub beat: MemberBeat,
}

/// Where a member stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberBeat {
    /// Its epoch.
    pub epoch: i32,
    /// When to be heard again.
    pub heartbeat_interval_ms: u32,
    /// What it reads; `None` if that is as it was.
    pub assignment: Option<Assignment>,
}

impl Service {
    /// A member joins.
    ///
    /// # Errors
    /// Why it has not.
    pub async fn join_group(&self, join: JoinGroup) -> Result<JoinedGroup, GroupCallError> {
        // Named here, so that an attempt whose answer was lost is repeated by the same member.
        let member = MemberId::from(format!("{}.{}", Uuid::new_v4().simple(), join.offset_reset.name()));
        let reply = self
            .beat(ConsumerHeartbeat {
                topics: Some(join.topics),
                session_timeout_ms: join.session_timeout_ms,
                instance: join.instance,
                client_metadata: Some(format!("auto_offset_reset={}", join.offset_reset.name())),
                owned: Some(BTreeSet::new()),
                ..plain_heartbeat(join.group, member.clone(), 0)
            })
            .await?;
        Ok(JoinedGroup { member, beat: self.named(&reply) })
    }

    /// A member says that it lives, and gives nothing up. `epoch` is the one that it knows, if it does.
    ///
    /// # Errors
    /// Why it is not, or no longer, a member.
    pub async fn heartbeat_group(
        &self,
        group: &GroupId,
        member: &MemberId,
        epoch: Option<i32>,
    ) -> Result<MemberBeat, GroupCallError> {
        let epoch = match epoch {
            Some(epoch) => epoch,
            None => self.epoch_of(group, member).await?,
        };
        if epoch < 1 {
            return Err(GroupCallError::Invalid { reason: "a member's epoch is 1 or more".to_owned() });
        }
        let reply = self.beat(plain_heartbeat(group.clone(), member.clone(), epoch)).await?;
        Ok(self.named(&reply))
    }

    /// A member goes; one that is gone already is none to complain about.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn leave_group(&self, group: &GroupId, member: &MemberId) -> Result<(), GroupCallError> {
        let leave = Leave { group: group.clone(), members: vec![(member.clone(), None)] };
        match self.ask_group(Request::Leave(leave)).await? {
            Reply::Leave(Ok(left)) => match left.into_iter().next().map(|one| one.result) {
                Some(Err(refused)) if refused != GroupError::UnknownMember => Err(refused.into()),
                _ => Ok(()),
            },
            Reply::Leave(Err(GroupError::UnknownMember | GroupError::GroupIdNotFound)) => Ok(()),
            Reply::Leave(Err(refused)) => Err(refused.into()),
            other => Err(unexpected(&other)),
        }
    }

    /// A member heartbeats; `beat` is the whole of what it says.
    pub(super) async fn beat(
        &self,
        beat: ConsumerHeartbeat,
    ) -> Result<ConsumerHeartbeatReply, GroupCallError> {
        match self.ask_group(Request::ConsumerHeartbeat(beat)).await? {
            Reply::ConsumerHeartbeat(reply) => Ok(reply?),
            other => Err(unexpected(&other)),
        }
    }

    /// The epoch of a member, as its coordinator has it.
    pub(super) async fn epoch_of(&self, group: &GroupId, member: &MemberId) -> Result<i32, GroupCallError> {
        let view = match self.describe_group(group).await {
            Err(GroupCallError::Refused(GroupError::GroupIdNotFound)) => {
                return Err(GroupError::UnknownMember.into());
            }
            view => view?,
        };
        let found = view.members.into_iter().find(|one| one.member == *member);
        match found.map(|found| found.detail) {
            Some(MemberDetail::Consumer { epoch, .. }) => Ok(epoch),
            Some(MemberDetail::Classic { .. }) => Err(GroupError::GroupTypeMismatch { is: "classic" }.into()),
            None => Err(GroupError::UnknownMember.into()),
        }
    }

    fn named(&self, reply: &ConsumerHeartbeatReply) -> MemberBeat {
        let assigned = reply.assignment.as_ref();
        MemberBeat {
            epoch: reply.epoch,
            heartbeat_interval_ms: reply.heartbeat_interval_ms,
            assignment: assigned.map(|assigned| self.by_name(assigned.keys())),
        }
    }

    /// Partitions by the names of their topics; those of topics that are gone, or not seen here yet, are left out.
    #[must_use]
    pub fn by_name<'a>(&self, partitions: impl IntoIterator<Item = &'a TopicIdPartition>) -> Assignment {
        let image = self.image();
        let mut by_name = Assignment::new();
        for one in partitions {
            if let Some(topic) = image.topic_by_id(one.topic) {
                by_name.entry(topic.name.clone()).or_default().push(one.partition.0);
            }
        }
        by_name
    }
}

/// A heartbeat that says only who and when.
pub(super) fn plain_heartbeat(group: GroupId, member: MemberId, epoch: i32) -> ConsumerHeartbeat {
    ConsumerHeartbeat {
        group,
        fresh_member: member.clone(),
        member,
        epoch,
        instance: None,
        rack: None,
        // The same in every heartbeat, whoever sends it on: a change would be written down.
        client_id: HTTP_CLIENT.to_owned(),
        client_host: String::new(),
        rebalance_timeout_ms: None,
        session_timeout_ms: None,
        topics: None,
        topics_regex: None,
        assignor: None,
        owned: None,
        client_metadata: None,
    }
}

/// What a member over HTTP is called.
const HTTP_CLIENT: &str = "http";

/// A coordinator answered another question than was asked: our own mistake, and no reason to fall over.
pub(super) fn unexpected(reply: &Reply) -> GroupCallError {
    tracing::error!(?reply, "a coordinator answered another question");
    GroupCallError::NoCoordinator {
        reason: "it answered another question".to_owned(),
        written: Written::Maybe,
    }
}
