//! Pauses between attempts: they double up to a longest, and vary so that brokers do not knock in step.

use std::time::Duration;

/// A growing pause.
#[derive(Clone, Debug)]
pub(super) struct Pause {
    min_ms: u64,
    max_ms: u64,
    next_ms: u64,
}

impl Pause {
    pub(super) fn new(min_ms: u64, max_ms: u64) -> Self {
        Self { min_ms, max_ms, next_ms: min_ms }
    }

    /// Begins again with the shortest.
    pub(super) fn reset(&mut self) {
        self.next_ms = self.min_ms;
    }

    /// Waits, longer than the last time.
    pub(super) async fn wait(&mut self) {
        let ms = self.next_ms;
        self.next_ms = ms.saturating_mul(2).min(self.max_ms);
        tokio::time::sleep(Duration::from_millis(ms / 2 + jitter_ms(ms.div_ceil(2)))).await;
    }
}

/// A time from zero to `max_ms`, a different one at each call.
pub(super) fn jitter_ms(max_ms: u64) -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().1 % max_ms.saturating_add(1)
}
