//! Consumer instances over HTTP (REST Proxy v2) from any broker: they are state of their group's coordinator.

mod error;
mod types;

pub use error::InstanceError;
pub use types::{
    CommitInstance, CreatedInstance, InstancePosition, InstanceRecord, InstanceView, OnExisting,
    PollInstance, PolledInstance, Seek, SeekTo,
};

use super::Service;
use crate::groups::instances::{InstanceSpec, Subscription};
use crate::groups::{GroupId, InstanceName};
use crate::types::TopicPartition;

impl Service {
    /// Creates an instance; without a name it gets one.
    ///
    /// # Errors
    /// Why it is not there.
    pub async fn create_instance(
        &self,
        group: &GroupId,
        name: Option<InstanceName>,
        spec: InstanceSpec,
        on_existing: OnExisting,
    ) -> Result<CreatedInstance, InstanceError> {
        let _ = (group, name, spec, on_existing);
        Err(InstanceError::NoInstance)
    }

    /// Deletes an instance; as a member of its group it leaves at once.
    ///
    /// # Errors
    /// Why not.
    pub async fn delete_instance(&self, group: &GroupId, name: &InstanceName) -> Result<(), InstanceError> {
        let _ = (group, name);
        Err(InstanceError::NoInstance)
    }

    /// An instance as it is.
    ///
    /// # Errors
    /// Why it is not known.
    pub async fn instance(
        &self,
        group: &GroupId,
        name: &InstanceName,
    ) -> Result<InstanceView, InstanceError> {
        let _ = (group, name);
        Err(InstanceError::NoInstance)
    }

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
        let _ = (group, name, to);
        Err(InstanceError::NoInstance)
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
        let _ = (group, name, seeks);
        Err(InstanceError::NoInstance)
    }

    /// The next records of an instance; empty if none came in time.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn poll_instance(
        &self,
        group: &GroupId,
        name: &InstanceName,
        poll: PollInstance,
    ) -> Result<PolledInstance, InstanceError> {
        let _ = (group, name, poll);
        Err(InstanceError::NoInstance)
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
        let _ = (group, name, commit);
        Err(InstanceError::NoInstance)
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
        let _ = (group, name, partitions);
        Err(InstanceError::NoInstance)
    }
}
