//! Waking at an offset.

use crate::types::Offset;

/// When a long poll wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeAt {
    /// Once the record at this offset is committed: the high watermark lies beyond it. For consumers.
    HighWatermark(Offset),
    /// Once the record at this offset is in the log. For followers.
    LogEnd(Offset),
}

/// A long poll's bell; it may hang on many partitions at once and is rung by the first that has something to say
/// (records, or a change of role).
///
/// Dropping it takes it down everywhere.
#[derive(Debug, Default)]
pub struct WakeHandle {}

impl WakeHandle {
    /// A bell that hangs nowhere yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits until it rings. Returns at once if it has rung already.
    pub async fn woken(&self) {
        unimplemented!("replication: waiters")
    }

    /// Whether it has rung.
    #[must_use]
    pub fn is_woken(&self) -> bool {
        unimplemented!("replication: waiters")
    }
}
