//! Offsets: the ends of a partition, the offset of a time, the end of an epoch.

use std::sync::Arc;
use std::time::Duration;

use super::broker::Service;
use super::errors::FetchError;
use super::routing::Route;
use crate::replication::Partition;
use crate::types::{LeaderEpoch, Offset, TopicPartition};

/// Which offset is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetQuery {
    /// The first one kept.
    Earliest,
    /// The next one to be committed.
    Latest,
    /// The record with the greatest timestamp.
    MaxTimestamp,
    /// The first record with this timestamp or a later one.
    Timestamp(i64),
}

impl OffsetQuery {
    /// The query as the Kafka port writes it, in place of a timestamp.
    pub(super) fn in_wire_terms(self) -> i64 {
        match self {
            Self::Latest => -1,
            Self::Earliest => -2,
            Self::MaxTimestamp => -3,
            Self::Timestamp(timestamp_ms) => timestamp_ms,
        }
    }
}

/// An offset that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundOffset {
    /// The offset; [`Offset::NONE`] if no record fits.
    pub offset: Offset,
    /// Its record's timestamp, or -1.
    pub timestamp_ms: i64,
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
}

/// Where an epoch ends in the leader's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The epoch asked for, or the greatest below it that the log knows.
    pub epoch: LeaderEpoch,
    /// Its end.
    pub end: Offset,
}

impl Service {
    /// Answers `query` from the leader's log. `leader_epoch` is the one that the asker believes to be current.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn offset(
        &self,
        tp: &TopicPartition,
        query: OffsetQuery,
        leader_epoch: Option<LeaderEpoch>,
        forward: bool,
    ) -> Result<FoundOffset, FetchError> {
        let deadline = self.parts.clock.now() + Duration::from_millis(self.parts.options.fetch_timeout_ms);
        let mut pursuit = self.pursuit(tp, deadline, forward);
        loop {
            let outcome = match self.route(tp)?.0 {
                Route::Here(partition) => offset_here(&partition, query, leader_epoch).await,
                Route::There { leader, epoch } if forward => {
                    self.offset_there(tp, query, leader, epoch, deadline).await
                }
                Route::There { leader, epoch } => Err(FetchError::NotLeader { leader: Some(leader), epoch }),
                Route::Nowhere(reason) => Err(pursuit.no_leader(reason)),
            };
            match outcome {
                Ok(found) => return Ok(found),
                Err(refusal) => pursuit.again(refusal).await?,
            }
        }
    }

    /// Where `asked` ends in the log of the leader, which must be this broker.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn epoch_end(
        &self,
        tp: &TopicPartition,
        asked: LeaderEpoch,
        leader_epoch: Option<LeaderEpoch>,
    ) -> Result<EpochEnd, FetchError> {
        match self.route(tp)?.0 {
            Route::Here(partition) => {
                let (epoch, end) = partition.epoch_end(asked, leader_epoch)?;
                Ok(EpochEnd { epoch, end })
            }
            Route::There { leader, epoch } => Err(FetchError::NotLeader { leader: Some(leader), epoch }),
            Route::Nowhere(reason) => Err(FetchError::NoLeader { tp: tp.clone(), reason: reason.to_owned() }),
        }
    }
}

async fn offset_here(
    partition: &Arc<Partition>,
    query: OffsetQuery,
    leader_epoch: Option<LeaderEpoch>,
) -> Result<FoundOffset, FetchError> {
    let status = partition.status();
    // Asking for the end of the newest epoch is the check of the asker's epoch, and that this broker leads.
    partition.epoch_end(status.leader_epoch, leader_epoch)?;
    let found =
        |offset, timestamp_ms| FoundOffset { offset, timestamp_ms, leader_epoch: status.leader_epoch };
    let none = found(Offset::NONE, -1);
    Ok(match query {
        OffsetQuery::Earliest => found(status.log_start, -1),
        OffsetQuery::Latest => found(partition.end_offset_for_clients()?, -1),
        OffsetQuery::MaxTimestamp => {
            partition.max_timestamp()?.map_or(none, |(offset, ms)| found(offset, ms))
        }
        OffsetQuery::Timestamp(timestamp_ms) => {
            partition.offset_for_timestamp(timestamp_ms).await?.map_or(none, |(offset, ms)| found(offset, ms))
        }
    })
}
