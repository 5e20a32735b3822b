//! Topics: create, change, delete. Each is one guarded write in the coordination store; the controller does the rest.

use std::sync::Arc;
use std::time::Duration;

use super::broker::Service;
use super::errors::{AdminError, Wrong};
use crate::cluster::{ClusterError, CreatedTopic, Image, Topic, TopicPatch, TopicSpec};
use crate::groups::coordinator::OFFSETS_TOPIC;
use crate::types::TopicName;

/// Groups are lost by retention, so this stays as it is for their topic.
pub(super) const CLEANUP_POLICY: &str = "cleanup.policy";

impl Service {
    /// Creates a topic, and waits a little for its partitions to have leaders.
    ///
    /// # Errors
    /// Why it was not created.
    pub async fn create_topic(&self, spec: TopicSpec) -> Result<CreatedTopic, AdminError> {
        refuse_for_groups(&spec.name)?;
        self.create_topic_unchecked(spec).await
    }

    /// The same for a topic that clients may not create.
    pub(super) async fn create_topic_unchecked(&self, spec: TopicSpec) -> Result<CreatedTopic, AdminError> {
        let created = self.parts.commands.create_topic(spec).await?;
        if let CreatedTopic::New(topic) = &created {
            let led = |topic: &Topic| {
                let mut records = topic.partitions.iter();
                records.all(|record| record.as_ref().is_some_and(|record| record.state.leader.is_some()))
            };
            self.settled(|image| image.topic_by_id(topic.id).is_some_and(|topic| led(topic))).await;
        }
        Ok(created)
    }

    /// Changes a topic and returns it as it is now.
    ///
    /// # Errors
    /// Why it was not changed.
    pub async fn alter_topic(&self, name: &TopicName, patch: TopicPatch) -> Result<Arc<Topic>, AdminError> {
        if patch.partitions.is_some() {
            // A group would be looked for in another partition than the one it is kept in.
            refuse_for_groups(name)?;
        }
        if patch.config.contains_key(CLEANUP_POLICY) {
            refuse_for_groups(name)?;
        }
        let topic = self.parts.commands.alter_topic(name, patch).await?;
        self.settled(|image| image.revision >= topic.mod_revision).await;
        Ok(topic)
    }

    /// Deletes a topic with all its records.
    ///
    /// # Errors
    /// Why it was not deleted.
    pub async fn delete_topic(&self, name: &TopicName) -> Result<(), AdminError> {
        refuse_for_groups(name)?;
        let id = self.parts.commands.delete_topic(name).await?;
        self.settled(|image| image.topic_by_id(id).is_none()).await;
        Ok(())
    }

    /// Waits a little until the metadata here shows a change that has been made, so that the next request, if it comes
    /// to this broker, meets it. The change stands whether it shows in time or not.
    pub(super) async fn settled(&self, shows: impl Fn(&Image) -> bool) {
        let mut images = self.parts.image.clone();
        let wait = Duration::from_millis(self.parts.options.settle_ms_max);
        let _ = tokio::time::timeout(wait, images.wait_for(|image| shows(image))).await;
    }
}

/// The topic of groups is made when it is needed, and neither deleted nor repartitioned.
pub(super) fn refuse_for_groups(name: &TopicName) -> Result<(), AdminError> {
    if name.as_str() != OFFSETS_TOPIC {
        return Ok(());
    }
    let reason = format!("topic '{name}' is internal: it keeps the consumer groups");
    Err(AdminError::Invalid { what: Wrong::Internal, reason })
}

impl From<ClusterError> for AdminError {
    fn from(error: ClusterError) -> Self {
        let reason = error.to_string();
        if let Some(refused) = Self::of_operators(&error, &reason) {
            return refused;
        }
        match error {
            ClusterError::UnknownTopic(topic) => Self::UnknownTopic(topic),
            ClusterError::TopicConflict { name, difference } => Self::Different { topic: name, difference },
            ClusterError::Store(_) | ClusterError::Contended { .. } if error.certainly_not_applied() => {
                Self::Unavailable { reason }
            }
            ClusterError::Store(_) => Self::OutcomeUnknown { reason },
            ClusterError::InvalidPartitions { .. } => Self::Invalid { what: Wrong::Partitions, reason },
            ClusterError::TooFewBrokers { .. } => Self::Invalid { what: Wrong::ReplicationFactor, reason },
            ClusterError::InvalidAssignment { .. } => Self::Invalid { what: Wrong::Assignment, reason },
            ClusterError::InvalidConfig(_) => Self::Invalid { what: Wrong::Config, reason },
            _ => Self::Invalid { what: Wrong::Command, reason },
        }
    }
}
