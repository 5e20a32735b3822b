//! What an instance reads, from where, and what it commits, by its client's word.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::iter;
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::call::unexpected;
use super::error::InstanceError;
use super::types::{CommitInstance, InstancePosition, Seek, SeekTo};
use crate::groups::instances::{InstanceAnswer, InstanceCommit, InstanceVerb, Subscription};
use crate::groups::{GroupId, InstanceName};
use crate::service::{FetchError, GroupCallError, OffsetQuery, Service};
use crate::types::{Offset, TopicPartition};

/// How many offsets are looked up at once.
const LOOKUPS_MAX: usize = 64;

impl Service {
    /// Says what an instance reads, in place of what it read in the same way; [`Subscription::None`], no topics and no
    /// partitions unsubscribe. It joins its group with its next poll.
    ///
    /// # Errors
    /// Why not.
    pub async fn subscribe_instance(
        &self,
        group: &GroupId,
        name: &InstanceName,
        to: Subscription,
    ) -> Result<(), InstanceError> {
        if let Subscription::Assigned(partitions) = &to {
            partitions.iter().try_for_each(|tp| self.check_partition(tp))?;
        }
        self.ask_instance(group, name, InstanceVerb::Subscribe(to)).await.map(|_| ())
    }

    /// Goes on reading elsewhere, in partitions that the instance has; all of them or none.
    ///
    /// # Errors
    /// Why not.
    pub async fn seek_instance(
        &self,
        group: &GroupId,
        name: &InstanceName,
        seeks: Vec<Seek>,
    ) -> Result<(), InstanceError> {
        // The last word about a partition counts.
        let seeks: BTreeMap<TopicPartition, SeekTo> =
            seeks.into_iter().map(|seek| (seek.tp, seek.to)).collect();
        // Before anybody is asked about offsets.
        if seeks.values().any(|to| !matches!(to, SeekTo::Offset(_))) {
            let view = self.instance(group, name).await?;
            let is_member = view.subscription.is_of_a_member();
            let assigned: BTreeSet<_> = view.assignment.iter().collect();
            if let Some(tp) = seeks.keys().find(|tp| !assigned.contains(tp)) {
                return Err(InstanceError::NotAssigned { tp: tp.clone(), is_member });
            }
        }
        let seeks = seeks.into_iter().map(|(tp, to)| self.place_of(Seek { tp, to }));
        let seeks = iter(seeks).buffered(LOOKUPS_MAX).try_collect().await?;
        self.ask_instance(group, name, InstanceVerb::Seek(seeks)).await.map(|_| ())
    }

    async fn place_of(&self, seek: Seek) -> Result<(TopicPartition, Offset), InstanceError> {
        let query = match seek.to {
            SeekTo::Offset(offset) => return Ok((seek.tp, offset)),
            SeekTo::Timestamp(timestamp_ms) => OffsetQuery::Timestamp(timestamp_ms),
            SeekTo::Beginning => OffsetQuery::Earliest,
            SeekTo::End => OffsetQuery::Latest,
        };
        let found = self.offset(&seek.tp, query, None, true).await.map_err(read_error)?.offset;
        if found != Offset::NONE {
            return Ok((seek.tp, found));
        }
        let end = self.offset(&seek.tp, OffsetQuery::Latest, None, true).await.map_err(read_error)?;
        Ok((seek.tp, end.offset))
    }

    /// Commits for an instance.
    ///
    /// # Errors
    /// Why nothing was committed.
    pub async fn commit_instance(
        &self,
        group: &GroupId,
        name: &InstanceName,
        commit: CommitInstance,
    ) -> Result<(), InstanceError> {
        let verb = match commit {
            CommitInstance::Delivered => InstanceVerb::CommitDelivered,
            CommitInstance::Exact(all) => InstanceVerb::Commit(
                all.into_iter()
                    .map(|one| InstanceCommit { tp: one.tp, offset: one.offset, metadata: one.metadata })
                    .collect(),
            ),
        };
        self.ask_instance(group, name, verb).await.map(|_| ())
    }

    /// What the instance's group has committed in these partitions; those without a commit are left out.
    ///
    /// # Errors
    /// Why it is not known.
    pub async fn committed_instance(
        &self,
        group: &GroupId,
        name: &InstanceName,
        partitions: Vec<TopicPartition>,
    ) -> Result<Vec<InstancePosition>, InstanceError> {
        match self.ask_instance(group, name, InstanceVerb::Committed(partitions)).await? {
            InstanceAnswer::Committed(all) => Ok(all
                .into_iter()
                .map(|one| InstancePosition { tp: one.tp, offset: one.offset, metadata: one.metadata })
                .collect()),
            other => Err(unexpected(&other)),
        }
    }
}

/// Why an offset, or records, cannot be read, in the words of instances.
pub(super) fn read_error(error: FetchError) -> InstanceError {
    match error {
        FetchError::UnknownTopic(_) | FetchError::UnknownPartition { .. } => InstanceError::Missing(error),
        other => InstanceError::Call(GroupCallError::Read(other)),
    }
}
