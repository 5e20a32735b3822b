//! CreatePartitions: topics that are to have more partitions.

use std::collections::BTreeSet;

use super::call::{repeated, topic_name};
use crate::cluster::Growth;
use crate::kafka::dispatch::Dispatch;
use crate::types::BrokerId;
use crate::wire::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatedPartitions, ErrorCode, NewPartitions,
};

impl Dispatch {
    pub(super) async fn create_partitions(
        &self,
        request: CreatePartitionsRequest,
    ) -> CreatePartitionsResponse {
        let deadline = self.deadline(request.timeout_ms);
        let twice = repeated(request.topics.iter().map(|topic| topic.name.clone()));
        let mut told = BTreeSet::new();
        let mut wanted = request.topics;
        wanted.retain(|topic| !twice.contains(&topic.name) || told.insert(topic.name.clone()));
        let twice = &twice;
        let one = |topic: NewPartitions| async move {
            let NewPartitions { name, count, assignments } = topic;
            let grown = async {
                if twice.contains(&name) {
                    let text = "the request names this topic more than once".to_owned();
                    return Err((ErrorCode::InvalidRequest, text));
                }
                let topic =
                    topic_name(&name).map_err(|(_, text)| (ErrorCode::UnknownTopicOrPartition, text))?;
                let assignment = assignments.map(|all| {
                    let ids = |replicas: Vec<i32>| replicas.into_iter().map(BrokerId).collect();
                    all.into_iter().map(ids).collect()
                });
                let growth = Growth { count, assignment };
                self.in_time(deadline, self.service.grow_topic(&topic, growth, request.validate_only)).await
            };
            let (error, error_message) = match grown.await {
                Ok(_) => (ErrorCode::None, None),
                Err((error, text)) => (error, Some(text)),
            };
            CreatedPartitions { name, error, error_message }
        };
        CreatePartitionsResponse { topics: self.each(wanted, one).await }
    }
}
