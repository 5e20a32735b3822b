//! Offsets: the ends of a partition, the offset of a time, the end of an epoch.

use super::broker::Service;
use super::errors::FetchError;
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
        let _ = (tp, query, leader_epoch, forward);
        unimplemented!("offset")
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
        let _ = (tp, asked, leader_epoch);
        unimplemented!("epoch_end")
    }
}
