//! A bound on the bytes of requests that are in memory, over all connections.
//!
//! A request grows into the budget as its bytes arrive. When the budget is used up by requests that are all half here,
//! none of them could ever finish; so one at a time may grow whole, past the budget.
//!
//! *Invariant:* never more than the budget and one whole request is claimed.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The budget.
#[derive(Debug)]
pub(super) struct FrameMemory {
    bytes: Arc<Semaphore>,
    /// One permit: the right to grow past the budget.
    finisher: Arc<Semaphore>,
}

/// What one request holds of the budget; given back when dropped.
#[derive(Debug, Default)]
pub(super) struct Claim {
    bytes: Option<OwnedSemaphorePermit>,
    finisher: Option<OwnedSemaphorePermit>,
}

impl Claim {
    /// Whether the request may have `bytes` in memory.
    pub(super) fn covers(&self, bytes: usize) -> bool {
        self.finisher.is_some() || self.held() >= bytes
    }

    fn held(&self) -> usize {
        self.bytes.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    fn add(&mut self, more: OwnedSemaphorePermit) {
        match &mut self.bytes {
            Some(held) => held.merge(more),
            None => self.bytes = Some(more),
        }
    }
}

impl FrameMemory {
    pub(super) fn new(bytes_max: usize) -> Arc<Self> {
        let bytes = Arc::new(Semaphore::new(bytes_max.min(Semaphore::MAX_PERMITS)));
        Arc::new(Self { bytes, finisher: Arc::new(Semaphore::new(1)) })
    }

    /// Waits until `claim` covers `bytes`.
    pub(super) async fn grow(self: Arc<Self>, mut claim: Claim, bytes: usize) -> Claim {
        if claim.covers(bytes) {
            return claim;
        }
        let missing = u32::try_from(bytes - claim.held()).unwrap_or(u32::MAX);
        // Neither semaphore is ever closed, so each branch ends with a permit.
        tokio::select! {
            biased;
            Ok(more) = Arc::clone(&self.bytes).acquire_many_owned(missing) => claim.add(more),
            Ok(alone) = Arc::clone(&self.finisher).acquire_owned() => claim.finisher = Some(alone),
            else => {}
        }
        claim
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_full_budget_lets_one_request_finish_and_the_others_wait() {
        let memory = FrameMemory::new(100);
        let grow = |claim, bytes| Arc::clone(&memory).grow(claim, bytes);
        let (first, second) = (grow(Claim::default(), 60).await, grow(Claim::default(), 40).await);
        let first = grow(first, 1_000).now_or_never().expect("one may grow past the budget");
        assert!(first.covers(1_000_000));
        let mut waiting = Box::pin(grow(second, 80));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(first);
        let second = waiting.await;
        assert!(second.covers(80) && second.finisher.is_none(), "the budget comes before the exception");
    }
}
