//! Committed offsets: kept, read, forgotten.

use super::error::GroupCallError;
use super::members::unexpected;
use crate::groups::{
    Commit, CommitOffset, DeleteOffsets, FetchOffsets, FetchedOffset, GroupError, GroupId, MemberId, Reply,
    Request,
};
use crate::service::Service;
use crate::types::{PartitionIndex, TopicName};

impl Service {
    /// Keeps offsets, each for itself: the outcomes are in the order given. `member` is who commits and in which epoch;
    /// without one, the group may have no members.
    ///
    /// # Errors
    /// Why none was kept.
    pub async fn commit_offsets(
        &self,
        group: &GroupId,
        member: Option<(MemberId, i32)>,
        offsets: Vec<CommitOffset>,
    ) -> Result<Vec<Result<(), GroupError>>, GroupCallError> {
        let (member, epoch) = member.unwrap_or_else(|| ("".into(), -1));
        let count = offsets.len();
        let commit = Commit { group: group.clone(), member, instance: None, epoch, offsets };
        match self.ask_group(Request::Commit(commit)).await? {
            Reply::Commit(Ok(results)) if results.len() == count => Ok(results),
            Reply::Commit(Err(refused)) => Err(refused.into()),
            other => Err(unexpected(&other)),
        }
    }

    /// Kept offsets; all of the group's if `partitions` is `None`.
    ///
    /// # Errors
    /// Why they cannot be read.
    pub async fn committed_offsets(
        &self,
        group: &GroupId,
        member: Option<(MemberId, i32)>,
        partitions: Option<Vec<(TopicName, PartitionIndex)>>,
    ) -> Result<Vec<FetchedOffset>, GroupCallError> {
        let fetch = FetchOffsets { group: group.clone(), member, partitions };
        match self.ask_group(Request::FetchOffsets(fetch)).await? {
            Reply::FetchOffsets(fetched) => Ok(fetched?),
            other => Err(unexpected(&other)),
        }
    }

    /// Forgets offsets of topics that no member reads, each for itself.
    ///
    /// # Errors
    /// Why none was forgotten.
    pub async fn delete_offsets(
        &self,
        group: &GroupId,
        partitions: Vec<(TopicName, PartitionIndex)>,
    ) -> Result<Vec<Result<(), GroupError>>, GroupCallError> {
        let delete = DeleteOffsets { group: group.clone(), partitions };
        match self.ask_group(Request::DeleteOffsets(delete)).await? {
            Reply::DeleteOffsets(results) => Ok(results?),
            other => Err(unexpected(&other)),
        }
    }

    /// Forgets a group that has no members, with its offsets.
    ///
    /// # Errors
    /// Why not.
    pub async fn delete_group(&self, group: &GroupId) -> Result<(), GroupCallError> {
        match self.ask_group(Request::DeleteGroup(group.clone())).await? {
            Reply::DeleteGroup(deleted) => Ok(deleted?),
            other => Err(unexpected(&other)),
        }
    }
}
