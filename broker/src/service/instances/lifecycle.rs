//! Instances are created, looked at, and deleted.

use uuid::Uuid;

use super::call::unexpected;
use super::error::InstanceError;
use super::types::{CreatedInstance, InstanceView, OnExisting};
use crate::groups::instances::{InstanceAnswer, InstanceSpec, InstanceVerb};
use crate::groups::{GroupId, InstanceName};
use crate::service::Service;

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
        let name = name.unwrap_or_else(|| format!("rest-consumer-{}", Uuid::new_v4()).into());
        let resume = on_existing == OnExisting::Resume;
        let verb = InstanceVerb::Create { spec, resume, call: Uuid::new_v4() };
        match self.ask_instance(group, &name, verb).await? {
            InstanceAnswer::Created { spec, created } => Ok(CreatedInstance { name, spec, created }),
            other => Err(unexpected(&other)),
        }
    }

    /// Deletes an instance; as a member of its group it leaves at once.
    ///
    /// # Errors
    /// Why not.
    pub async fn delete_instance(&self, group: &GroupId, name: &InstanceName) -> Result<(), InstanceError> {
        // First of all, since a delete whose answer was lost and that is asked again finds none.
        self.instance(group, name).await?;
        match self.ask_instance(group, name, InstanceVerb::Delete).await {
            Ok(_) | Err(InstanceError::NoInstance) => Ok(()),
            Err(error) => Err(error),
        }
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
        match self.ask_instance(group, name, InstanceVerb::View).await? {
            InstanceAnswer::View { spec, subscription, topics, assignment } => {
                Ok(InstanceView { spec, subscription, topics: topics.into_iter().collect(), assignment })
            }
            other => Err(unexpected(&other)),
        }
    }
}
