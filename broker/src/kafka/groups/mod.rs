//! Consumer groups in Kafka's words, for clients and for the other brokers.
//!
//! Only the group's coordinator answers here; everyone else is told that this is not it, and clients then ask
//! FindCoordinator. So no request runs in circles.
//!
//! - `classic`: join, sync, heartbeat, leave; `consumer`: the one heartbeat of KIP-848
//! - `offsets`: commit, fetch, delete; `describe`: find, list, describe, delete

mod classic;
mod consumer;
mod describe;
mod offsets;

use super::dispatch::Dispatch;
use super::errors::coordinator_code;
use super::handler::Caller;
use crate::groups::{Reply, Request};
use crate::wire::{ErrorCode, GroupRequest, GroupResponse};

impl Dispatch {
    /// Answers whatever is about groups.
    pub(super) async fn group(&self, caller: &Caller, request: GroupRequest) -> GroupResponse {
        use GroupRequest as Q;
        use GroupResponse as A;
        match request {
            Q::FindCoordinator(request) => A::FindCoordinator(self.find_coordinators(request).await),
            Q::JoinGroup(request) => A::JoinGroup(self.join_group(caller, request).await),
            Q::SyncGroup(request) => A::SyncGroup(self.sync_group(caller, request).await),
            Q::Heartbeat(request) => A::Heartbeat(self.heartbeat(caller, request).await),
            Q::LeaveGroup(request) => A::LeaveGroup(self.leave_group(caller, request).await),
            Q::OffsetCommit(request) => A::OffsetCommit(self.offset_commit(caller, request).await),
            Q::OffsetFetch(request) => A::OffsetFetch(self.offset_fetch(caller, request).await),
            Q::OffsetDelete(request) => A::OffsetDelete(self.offset_delete(caller, request).await),
            Q::ListGroups(request) => A::ListGroups(self.list_groups(caller, request).await),
            Q::DescribeGroups(request) => A::DescribeGroups(self.describe_groups(caller, request).await),
            Q::DeleteGroups(request) => A::DeleteGroups(self.delete_groups(caller, request).await),
            Q::ConsumerGroupHeartbeat(request) => {
                A::ConsumerGroupHeartbeat(self.consumer_heartbeat(caller, request).await)
            }
            Q::ConsumerGroupDescribe(request) => {
                A::ConsumerGroupDescribe(self.describe_consumer_groups(caller, request).await)
            }
        }
    }

    /// Asks the groups here.
    async fn ask(&self, caller: &Caller, request: Request) -> Result<Reply, ErrorCode> {
        let asked = self.service.ask_group_here(request).await;
        asked.map_err(|error| coordinator_code(error, caller.link.is_some()))
    }
}

/// A text that may be left out, as a name; Kafka's clients leave out by null or by emptiness.
fn named<T: From<String>>(text: Option<String>) -> Option<T> {
    text.filter(|text| !text.is_empty()).map(Into::into)
}
