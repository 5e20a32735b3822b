//! DeleteRecords: moving the starts of logs up.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::iter;

use super::dispatch::Dispatch;
use super::errors::deletion_code;
use crate::service::{DeleteBefore, DeleteRecords};
use crate::types::{Offset, PartitionIndex, TopicName, TopicPartition};
use crate::wire::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsResponse, DeletedRecords, DeletedRecordsTopic,
    ErrorCode,
};

/// How many partitions wait for their replicas at once.
const AT_ONCE_MAX: usize = 64;
/// What stands for the high watermark.
const HIGH_WATERMARK: Offset = Offset(-1);

impl Dispatch {
    /// Many partitions at once: each waits for its own replicas.
    pub(super) async fn delete_records(&self, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
        let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
        let asked: Vec<_> = request
            .topics
            .iter()
            .enumerate()
            .flat_map(|(at, topic)| {
                topic.partitions.iter().map(move |asked| (at, topic.name.as_str(), asked))
            })
            .map(|(at, name, asked)| async move { (at, self.delete_one(name, asked, timeout).await) })
            .collect();
        let deleted: Vec<_> = iter(asked).buffered(AT_ONCE_MAX).collect().await;
        let topic = |name: &String| DeletedRecordsTopic { partitions: Vec::new(), name: name.clone() };
        let mut topics: Vec<_> = request.topics.iter().map(|asked| topic(&asked.name)).collect();
        for (at, one) in deleted {
            if let Some(topic) = topics.get_mut(at) {
                topic.partitions.push(one);
            }
        }
        DeleteRecordsResponse { topics }
    }

    async fn delete_one(
        &self,
        topic: &str,
        asked: &DeleteRecordsPartition,
        timeout: Duration,
    ) -> DeletedRecords {
        let before = match asked.offset {
            HIGH_WATERMARK => Ok(DeleteBefore::Latest),
            offset if offset < HIGH_WATERMARK => Err(ErrorCode::OffsetOutOfRange),
            offset => Ok(DeleteBefore::Offset(offset)),
        };
        let outcome = match (TopicName::new(topic), before) {
            (Err(_), _) => Err(ErrorCode::UnknownTopicOrPartition),
            (_, Err(code)) => Err(code),
            (Ok(topic), Ok(before)) => {
                let tp = TopicPartition::new(topic, PartitionIndex(asked.index));
                let wish = DeleteRecords { tp, before, timeout, forward: false };
                self.service.delete_records(wish).await.map_err(|error| deletion_code(&error))
            }
        };
        DeletedRecords {
            index: asked.index,
            low_watermark: outcome.unwrap_or(Offset::NONE),
            error: outcome.err().unwrap_or_default(),
        }
    }
}
