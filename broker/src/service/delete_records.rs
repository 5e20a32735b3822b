//! Delete records: the log start moves up, here or at the broker that leads, and is answered once all replicas in sync have
//! followed.
//!
//! "All that is committed now" is resolved to an offset once, at the beginning. So every attempt asks for the same, and may
//! follow any other, whatever became of that.

use std::time::{Duration, Instant};

use super::broker::Service;
use super::errors::{DeleteRecordsError, FetchError};
use super::offsets::OffsetQuery;
use super::routing::Route;
use crate::replication::DeleteError;
use crate::types::{Incarnation, LeaderEpoch, Offset, TopicPartition};
use crate::wire::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic, ErrorCode, Request, Response,
};

/// The leader is given this much less time than there is, so that its own answer comes before we give up.
const ANSWER_MARGIN: Duration = Duration::from_millis(100);

/// Which records to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteBefore {
    /// Those below this offset.
    Offset(Offset),
    /// All that are committed.
    Latest,
}

/// A wish to delete the oldest records of a partition.
#[derive(Clone, Debug)]
pub struct DeleteRecords {
    /// The partition.
    pub tp: TopicPartition,
    /// Which records.
    pub before: DeleteBefore,
    /// How long it may take.
    pub timeout: Duration,
    /// Whether to ask the leader if that is another broker.
    pub forward: bool,
}

/// How one attempt ended that did not succeed.
enum Attempt {
    /// Nothing was deleted by it.
    Refused(FetchError),
    /// Something may have been; another attempt may succeed.
    Unsure(FetchError),
    /// Another attempt makes no sense.
    Over(DeleteRecordsError),
}

impl Service {
    /// Deletes the oldest records of a partition and returns the first offset kept.
    ///
    /// # Errors
    /// Why they were not deleted, or not for certain.
    pub async fn delete_records(&self, wish: DeleteRecords) -> Result<Offset, DeleteRecordsError> {
        let DeleteRecords { tp, before, timeout, forward } = wish;
        let timeout_max = Duration::from_millis(self.parts.options.produce_timeout_ms_max);
        let deadline = self.parts.clock.now() + timeout.min(timeout_max);
        let mut topic_id = self.image().topic(&tp.topic).map(|topic| topic.id);
        let before = match before {
            DeleteBefore::Offset(offset) => offset,
            DeleteBefore::Latest => self.offset(&tp, OffsetQuery::Latest, None, forward).await?.offset,
        };
        let mut pursuit = self.pursuit(&tp, deadline, forward);
        let mut unsure = false;
        loop {
            let (route, topic) = self.route(&tp).map_err(FetchError::from)?;
            if *topic_id.get_or_insert(topic.id) != topic.id {
                // The records that were meant are gone with it; what was made anew has others.
                return Err(FetchError::UnknownTopic(tp.topic).into());
            }
            if !topic.settings.cleanup.deletes {
                return Err(DeleteRecordsError::Kept(tp.topic));
            }
            let outcome = match route {
                Route::Here(partition) => partition
                    .delete_records_in_sync(before, deadline)
                    .await
                    .map_err(|error| refused_here(error, before)),
                Route::There { leader, epoch } if forward => {
                    self.delete_there(&tp, before, leader, epoch, deadline).await
                }
                Route::There { leader, epoch } => {
                    Err(Attempt::Refused(FetchError::NotLeader { leader: Some(leader), epoch }))
                }
                Route::Nowhere(reason) => Err(Attempt::Refused(pursuit.no_leader(reason))),
            };
            let refusal = match outcome {
                Ok(start) => return Ok(start),
                Err(Attempt::Over(error)) => return Err(error),
                Err(Attempt::Refused(refusal)) => refusal,
                Err(Attempt::Unsure(refusal)) => {
                    unsure = true;
                    refusal
                }
            };
            if let Err(refusal) = pursuit.again(refusal).await {
                return Err(if unsure {
                    DeleteRecordsError::Unconfirmed { before, reason: refusal.to_string() }
                } else {
                    refusal.into()
                });
            }
        }
    }

    async fn delete_there(
        &self,
        tp: &TopicPartition,
        before: Offset,
        leader: Incarnation,
        epoch: LeaderEpoch,
        deadline: Instant,
    ) -> Result<Offset, Attempt> {
        let left = deadline.saturating_duration_since(self.parts.clock.now());
        let timeout = left.saturating_sub(ANSWER_MARGIN.min(left / 10));
        let partition = DeleteRecordsPartition { index: tp.partition.0, offset: before };
        let topic = DeleteRecordsTopic { name: tp.topic.as_str().to_owned(), partitions: vec![partition] };
        let request = Request::DeleteRecords(DeleteRecordsRequest {
            topics: vec![topic],
            timeout_ms: i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
        });
        let unsure = |reason: String| Attempt::Unsure(FetchError::NoLeader { tp: tp.clone(), reason });
        let answer = self.ask(tp, leader, request, deadline).await.map_err(Attempt::Unsure)?;
        let Response::DeleteRecords(mut response) = answer else {
            return Err(unsure("the leader answered another request".to_owned()));
        };
        let told = response.topics.pop().and_then(|mut topic| topic.partitions.pop());
        let told = told
            .filter(|told| told.index == tp.partition.0)
            .ok_or_else(|| unsure("the leader answered for another partition".to_owned()))?;
        match told.error {
            ErrorCode::None => Ok(told.low_watermark),
            ErrorCode::OffsetOutOfRange => {
                let end = self.offset_there(tp, OffsetQuery::Latest, leader, epoch, deadline).await;
                let end = end.map_or(Offset::NONE, |found| found.offset);
                Err(Attempt::Over(FetchError::BeyondEnd { asked: before, end }.into()))
            }
            code => Err(refused_there(tp, before, code)),
        }
    }
}

fn refused_here(error: DeleteError, before: Offset) -> Attempt {
    match error {
        DeleteError::Refused(error) => Attempt::Refused(error.into()),
        DeleteError::Overloaded => Attempt::Refused(FetchError::Overloaded),
        DeleteError::TimedOut => {
            Attempt::Over(DeleteRecordsError::Unconfirmed { before, reason: error.to_string() })
        }
        DeleteError::LeadershipLost => {
            Attempt::Unsure(FetchError::NotLeader { leader: None, epoch: LeaderEpoch::NONE })
        }
    }
}

/// What the leader's refusal means. It says "not the leader" also when it lost that after it had deleted.
fn refused_there(tp: &TopicPartition, before: Offset, code: ErrorCode) -> Attempt {
    use ErrorCode as C;
    let reason = || format!("the leader answered {code:?}");
    match code {
        C::NotLeaderOrFollower => {
            Attempt::Unsure(FetchError::NotLeader { leader: None, epoch: LeaderEpoch::NONE })
        }
        C::LeaderNotAvailable | C::UnknownTopicOrPartition | C::OffsetNotAvailable => {
            Attempt::Refused(FetchError::NoLeader { tp: tp.clone(), reason: reason() })
        }
        C::PolicyViolation => Attempt::Over(DeleteRecordsError::Kept(tp.topic.clone())),
        C::ThrottlingQuotaExceeded => Attempt::Refused(FetchError::Overloaded),
        _ => Attempt::Over(DeleteRecordsError::Unconfirmed { before, reason: reason() }),
    }
}
