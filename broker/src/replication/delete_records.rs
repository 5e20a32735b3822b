//! Deleting records on demand: the log start moves up on the leader, and its followers follow (Kafka's DeleteRecords).
//!
//! A follower learns of the new start with the answer to its fetch (rule 9) and tells its own with the next fetch; nothing
//! is sent for this alone. What retention deletes nobody waits for; that is in [`super::upkeep`].
//!
//! *Invariant:* the start never moves beyond the high watermark.
//! *Invariant:* "deleted" is said only once every member of the maximal ISR starts there, for any of them may lead next. A
//! member that has died holds this up until it has left the ISR: with its old start it could be elected again.

use std::sync::Arc;
use std::time::Instant;

use super::error::{DeleteError, ReadError};
use super::partition::{Effects, Partition, Role};
use super::waiters::{Ended, Slot, Ticket};
use crate::types::Offset;

/// A wait for the replicas to follow; dropping it takes it out of its list.
struct StartWait {
    partition: Arc<Partition>,
    at: Offset,
    slot: Arc<Slot>,
    _place: Ticket,
}

impl Drop for StartWait {
    fn drop(&mut self) {
        if self.slot.peek().is_none() {
            self.partition.lock().started.remove(self.at, &self.slot);
        }
    }
}

impl Partition {
    /// Deletes the records below `before` here, and waits until no replica in sync keeps them. Returns where the log starts.
    ///
    /// What has been deleted already may be deleted again. Dropping the call stops the wait, not the deletion.
    ///
    /// # Errors
    /// Why this replica may not do it, or that the others have not followed in time.
    pub async fn delete_records_in_sync(
        self: &Arc<Self>,
        before: Offset,
        deadline: Instant,
    ) -> Result<Offset, DeleteError> {
        let place = self.shared.waits.enter().ok_or(DeleteError::Overloaded)?;
        let start = self.delete_records(before).await?;
        let Some(wait) = self.wait_for_followers(start, place)? else { return Ok(start) };
        match tokio::time::timeout_at(deadline.into(), wait.slot.ended()).await {
            Ok(Ended::Reached) => Ok(start),
            Ok(Ended::Lost | Ended::Failed) => Err(DeleteError::LeadershipLost),
            Err(_) => Err(DeleteError::TimedOut),
        }
    }

    /// Moves the log start to `before`, at most to the high watermark; returns the new log start.
    ///
    /// # Errors
    /// Why this replica may not do it.
    pub async fn delete_records(self: &Arc<Self>, before: Offset) -> Result<Offset, ReadError> {
        self.blocking(move |partition| {
            let mut effects = Effects::default();
            let mut inner = partition.lock();
            let (leader, _) = partition.serving(&inner, None)?;
            let high_watermark = leader.high_watermark();
            if before > high_watermark {
                return Err(ReadError::BeyondEnd { asked: before, end: high_watermark });
            }
            let log = inner.log.as_mut().expect("a serving leader has its log");
            let moved = log.advance_start(before);
            let start = log.start_offset();
            inner.look_for_failure(&mut effects);
            inner.publish(&mut effects);
            drop(inner);
            partition.carry_out(effects);
            moved?;
            Ok(start)
        })
        .await
    }

    /// Enters the list of those who wait for the start, unless all are there already.
    fn wait_for_followers(
        self: &Arc<Self>,
        start: Offset,
        place: Ticket,
    ) -> Result<Option<StartWait>, DeleteError> {
        let mut inner = self.lock();
        let (Role::Leader(leader), Some(log)) = (&inner.role, &inner.log) else {
            return Err(DeleteError::LeadershipLost);
        };
        if leader.low_watermark(log.start_offset()) >= start {
            return Ok(None);
        }
        let slot = inner.started.push(start);
        Ok(Some(StartWait { partition: Arc::clone(self), at: start, slot, _place: place }))
    }
}
