//! Topics: create, change, delete. Each is one guarded write in the coordination store; the controller does the rest.

use std::sync::Arc;

use super::broker::Service;
use super::errors::AdminError;
use crate::cluster::{CreatedTopic, Topic, TopicPatch, TopicSpec};
use crate::types::TopicName;

impl Service {
    /// Creates a topic, and waits briefly for its partitions to have leaders.
    ///
    /// # Errors
    /// Why it was not created.
    pub async fn create_topic(&self, spec: TopicSpec) -> Result<CreatedTopic, AdminError> {
        let _ = spec;
        unimplemented!("create_topic")
    }

    /// Changes a topic and returns it as it is now.
    ///
    /// # Errors
    /// Why it was not changed.
    pub async fn alter_topic(&self, name: &TopicName, patch: TopicPatch) -> Result<Arc<Topic>, AdminError> {
        let _ = (name, patch);
        unimplemented!("alter_topic")
    }

    /// Deletes a topic with all its records.
    ///
    /// # Errors
    /// Why it was not deleted.
    pub async fn delete_topic(&self, name: &TopicName) -> Result<(), AdminError> {
        let _ = name;
        unimplemented!("delete_topic")
    }
}
