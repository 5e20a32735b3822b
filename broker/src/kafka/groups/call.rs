//! From a request about groups to the handler that understands it, and from there to the coordinator.

use crate::groups::{GroupError, Reply, Request};
use crate::kafka::dispatch::Dispatch;
use crate::kafka::errors::GroupRefusal;
use crate::kafka::handler::Caller;
use crate::kafka::memory::Claim;
use crate::wire::{GroupRequest as Asked, GroupResponse as Answer};

impl Dispatch {
    pub(in crate::kafka) async fn group(&self, caller: Caller, request: Asked, claim: Claim) -> Answer {
        let for_broker = caller.link.is_some();
        let _claim = match request {
            // These two give their claim back themselves, before they wait.
            Asked::JoinGroup(request) => {
                return Answer::JoinGroup(self.join_group(&caller, request, claim).await);
            }
            Asked::SyncGroup(request) => return Answer::SyncGroup(self.sync_group(request, claim).await),
            _ => claim,
        };
        match request {
            Asked::FindCoordinator(request) => Answer::FindCoordinator(self.find_coordinators(request).await),
            Asked::Heartbeat(request) => Answer::Heartbeat(self.group_heartbeat(request).await),
            Asked::LeaveGroup(request) => Answer::LeaveGroup(self.leave_group(request, for_broker).await),
            Asked::OffsetCommit(request) => {
                Answer::OffsetCommit(self.commit_offsets(request, for_broker).await)
            }
            Asked::OffsetFetch(request) => Answer::OffsetFetch(self.fetch_offsets(request, for_broker).await),
            Asked::OffsetDelete(request) => {
                Answer::OffsetDelete(self.delete_offsets(request, for_broker).await)
            }
            Asked::ListGroups(request) => Answer::ListGroups(self.list_groups(request, for_broker).await),
            Asked::DescribeGroups(request) => {
                Answer::DescribeGroups(self.describe_classic(request, for_broker).await)
            }
            Asked::DeleteGroups(request) => {
                Answer::DeleteGroups(self.delete_groups(request, for_broker).await)
            }
            Asked::ConsumerGroupHeartbeat(request) => {
                Answer::ConsumerGroupHeartbeat(self.consumer_heartbeat(&caller, request).await)
            }
            Asked::ConsumerGroupDescribe(request) => {
                Answer::ConsumerGroupDescribe(self.describe_consumer(request, for_broker).await)
            }
            Asked::JoinGroup(_) | Asked::SyncGroup(_) => unreachable!("they have been answered"),
        }
    }

    /// Asks the coordinator here; `read` takes the reply out of its own kind.
    pub(super) async fn ask<T>(
        &self,
        request: Request,
        read: impl FnOnce(Reply) -> Option<Result<T, GroupError>>,
    ) -> Result<T, GroupRefusal> {
        let reply = self.service.ask_group_here(request).await?;
        Ok(read(reply).expect("a request is answered by the reply of its name")?)
    }
}

/// A name that may be left out; some clients do so by an empty one.
pub(super) fn given<T: From<String>>(name: Option<String>) -> Option<T> {
    name.filter(|name| !name.is_empty()).map(Into::into)
}
