//! DeleteRecords: moving the starts of logs up.

use std::time::Duration;

use futures_util::future::join_all;

use super::dispatch::Dispatch;
use super::errors::deletion_code;
use crate::service::{DeleteBefore, DeleteRecords};
use crate::types::{Offset, PartitionIndex, TopicName, TopicPartition};
use crate::wire::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsResponse, DeletedRecords, DeletedRecordsTopic,
    ErrorCode,
};

/// What stands for the high watermark.
const HIGH_WATERMARK: Offset = Offset(-1);

impl Dispatch {
    /// All partitions at once: each waits for its own replicas, and all have the same time.
    pub(super) async fn delete_records(&self, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
        let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
        let topics = request.topics.into_iter().map(async |topic| {
            let partitions =
                topic.partitions.iter().map(|asked| self.delete_one(&topic.name, asked, timeout));
            let partitions = join_all(partitions).await;
            DeletedRecordsTopic { partitions, name: topic.name }
        });
        DeleteRecordsResponse { topics: join_all(topics).await }
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
