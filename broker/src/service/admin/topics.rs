//! Topics made, grown, changed and deleted as Kafka's administrators do it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::settings::{SettingView, settings_of_topic};
use crate::cluster::{CreatedTopic, Growth, Topic, TopicChange, TopicSpec};
use crate::groups::coordinator::OFFSETS_TOPIC;
use crate::service::topics::refuse_for_groups;
use crate::service::{AdminError, Service, Wrong};
use crate::types::{TopicId, TopicName};

impl Service {
    /// Creates a topic that must not be there, or says whether it could be.
    ///
    /// # Errors
    /// Why it was not created; [`AdminError::Exists`] if there is one of its name, however alike.
    pub async fn create_new_topic(
        &self,
        spec: TopicSpec,
        validate_only: bool,
    ) -> Result<Arc<Topic>, AdminError> {
        let name = spec.name.clone();
        if self.image().topic(&name).is_some() {
            return Err(AdminError::Exists(name));
        }
        refuse_for_groups(&name)?;
        if spec.replication_factor.is_some_and(|count| count <= 0) {
            let reason = "the replication factor must be larger than 0, or left to the default".to_owned();
            return Err(AdminError::Invalid { what: Wrong::ReplicationFactor, reason });
        }
        if validate_only {
            return Ok(self.parts.commands.plan_topic(spec)?);
        }
        match self.create_topic_unchecked(spec).await {
            Ok(CreatedTopic::New(topic)) => Ok(topic),
            Ok(CreatedTopic::Same(_)) | Err(AdminError::Different { .. }) => Err(AdminError::Exists(name)),
            Err(error) => Err(error),
        }
    }

    /// Gives a topic more partitions, or says whether it could have them.
    ///
    /// # Errors
    /// Why it has no more.
    pub async fn grow_topic(
        &self,
        name: &TopicName,
        growth: Growth,
        validate_only: bool,
    ) -> Result<Arc<Topic>, AdminError> {
        if self.image().topic(name).is_some() || name.as_str() == OFFSETS_TOPIC {
            // A group would be looked for in another partition than the one it is kept in.
            refuse_for_groups(name)?;
        }
        let change = TopicChange { growth: Some(growth), validate_only, ..TopicChange::default() };
        self.change_topic(name, change).await
    }

    /// Deletes the topic of this id.
    ///
    /// # Errors
    /// Why it was not deleted; `None` if there is no such topic.
    pub async fn delete_topic_by_id(&self, id: TopicId) -> Result<TopicName, Option<AdminError>> {
        let name = self.image().topic_by_id(id).map(|topic| topic.name.clone()).ok_or(None)?;
        refuse_for_groups(&name)?;
        match self.parts.commands.delete_topic_of(&name, id).await.map_err(AdminError::from) {
            Ok(()) => {}
            Err(AdminError::UnknownTopic(_)) => return Err(None),
            Err(error) => return Err(Some(error)),
        }
        self.settled(|image| image.topic_by_id(id).is_none()).await;
        Ok(name)
    }

    /// The settings of a topic that was made, or is to be, as they apply.
    #[must_use]
    pub fn settings_of(&self, own: &BTreeMap<String, String>) -> Vec<SettingView> {
        settings_of_topic(&self.image().config, own)
    }

    /// Changes a topic, and waits a little until that shows here.
    pub(super) async fn change_topic(
        &self,
        name: &TopicName,
        change: TopicChange,
    ) -> Result<Arc<Topic>, AdminError> {
        let topic = self.parts.commands.change_topic(name, &change).await?;
        if !change.validate_only {
            self.settled(|image| image.revision >= topic.mod_revision).await;
        }
        Ok(topic)
    }
}
