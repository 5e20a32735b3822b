//! Producer ids: handed out from a block that this broker took in the coordination store, and from the next when that
//! one is used up.
//!
//! *Invariant:* no id is handed out twice, whichever broker is asked and whatever crashes: a block is one process's for
//! good, and what is left of it when that ends is never used.
//! *Invariant:* one block is asked for at a time; who waits for it waits no longer than `producer_id_ms_max`.

use std::ops::Range;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::broker::Service;
use super::errors::AdminError;

/// The ids that this process may hand out.
#[derive(Debug)]
pub(super) struct ProducerIdBlock {
    left: Mutex<Range<i64>>,
    /// Held by the one who asks for the next block.
    asking: Semaphore,
}

impl Default for ProducerIdBlock {
    fn default() -> Self {
        Self { left: Mutex::new(0..0), asking: Semaphore::new(1) }
    }
}

impl ProducerIdBlock {
    fn next(&self) -> Option<i64> {
        self.left.lock().next()
    }

    fn replace(&self, block: Range<i64>) {
        let mut left = self.left.lock();
        assert!(left.is_empty(), "ids {left:?} would be lost for {block:?}");
        *left = block;
    }
}

impl Service {
    /// An id that no producer had before, in this cluster.
    ///
    /// # Errors
    /// [`AdminError::Unavailable`] if the coordination store did not give a block in time.
    pub async fn next_producer_id(&self) -> Result<i64, AdminError> {
        if let Some(id) = self.producer_ids.next() {
            return Ok(id);
        }
        let limit = Duration::from_millis(self.parts.options.producer_id_ms_max);
        match tokio::time::timeout(limit, self.id_from_next_block()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(AdminError::Unavailable {
                reason: format!("no block of producer ids came within {} ms", limit.as_millis()),
            }),
        }
    }

    async fn id_from_next_block(&self) -> Result<i64, AdminError> {
        loop {
            let _turn = self.producer_ids.asking.acquire().await.expect("it is never closed");
            // Whoever was first may have brought it.
            if let Some(id) = self.producer_ids.next() {
                return Ok(id);
            }
            // Whatever went wrong, the sender got nothing; a block whose outcome is unknown is not used.
            let block = self.parts.commands.next_producer_ids().await;
            let block = block.map_err(|error| AdminError::Unavailable { reason: error.to_string() })?;
            tracing::debug!(first = block.start, end = block.end, "took a block of producer ids");
            self.producer_ids.replace(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ServiceOptions;
    use super::super::test_support::Bench;
    use super::*;

    #[tokio::test]
    async fn ids_are_handed_out_once_and_none_is_left_out() {
        let bench = Bench::new().await;
        let calls = (0..2_500).map(|_| bench.service.next_producer_id());
        let ids = futures_util::future::join_all(calls).await.into_iter();
        let mut ids: Vec<i64> = ids.map(|id| id.unwrap()).collect();
        ids.sort_unstable();
        // A block for each who came too late would leave out what is left of the one before.
        assert_eq!(ids, (0..2_500).collect::<Vec<i64>>());
    }

    #[tokio::test]
    async fn without_the_store_a_block_is_used_up_and_then_there_are_none() {
        let bench = Bench::new().await;
        assert_eq!(bench.service.next_producer_id().await, Ok(0));
        bench.door.cut();
        for expected in 1..1_000 {
            assert_eq!(bench.service.next_producer_id().await, Ok(expected));
        }
        let refused = bench.service.next_producer_id().await;
        assert!(matches!(refused, Err(AdminError::Unavailable { .. })), "{refused:?}");
        bench.door.heal();
        assert_eq!(bench.service.next_producer_id().await, Ok(1_000));
    }

    #[tokio::test]
    async fn a_store_that_says_nothing_is_waited_for_so_long_and_no_longer() {
        let bench = Bench::with(ServiceOptions { producer_id_ms_max: 20, ..ServiceOptions::default() }).await;
        let held = bench.service.producer_ids.asking.acquire().await.unwrap();
        let refused = bench.service.next_producer_id().await;
        assert!(
            matches!(&refused, Err(AdminError::Unavailable { reason }) if reason.contains("20 ms")),
            "{refused:?}"
        );
        drop(held);
        assert_eq!(bench.service.next_producer_id().await, Ok(0));
    }
}
