//! How fast new copies are filled: a pace for all that this broker fetches of partitions that it is being added to.
//!
//! Bytes are counted when they have come, and the next fetch waits until their time is paid; so one answer may come in a
//! burst, and the average holds. A copy that is in sync is never held back: it acknowledges.
//!
//! *Invariant:* without a limit nothing is counted and nobody waits.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The least that a fetch asks for, however slow the pace: a batch comes whole in any case.
const FETCH_BYTES_MIN: u64 = 16 << 10;

/// The pace of this broker; it may change at any time.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    pace: Mutex<Pace>,
}

#[derive(Debug, Default)]
struct Pace {
    bytes_per_second: Option<u64>,
    /// When what has come will be paid.
    free_at: Option<Instant>,
}

impl Throttle {
    /// Sets the limit, or takes it away. What came before is not held against a new pace.
    pub(super) fn set(&self, bytes_per_second: Option<u64>) {
        let mut pace = self.pace.lock();
        if pace.bytes_per_second != bytes_per_second {
            *pace = Pace { bytes_per_second, free_at: None };
        }
    }

    /// Whether there is a limit.
    pub(super) fn is_set(&self) -> bool {
        self.pace.lock().bytes_per_second.is_some()
    }

    /// When the next fetch may go, if not now.
    pub(super) fn wait_until(&self, now: Instant) -> Option<Instant> {
        self.pace.lock().free_at.filter(|free_at| *free_at > now)
    }

    /// The most that one fetch should ask for: what takes a second.
    pub(super) fn fetch_bytes_max(&self, otherwise: usize) -> usize {
        let per_second = self.pace.lock().bytes_per_second;
        let most = per_second.map(|rate| usize::try_from(rate.max(FETCH_BYTES_MIN)).unwrap_or(usize::MAX));
        most.map_or(otherwise, |most| most.min(otherwise))
    }

    /// Counts what has come.
    pub(super) fn charge(&self, bytes: usize, now: Instant) {
        let mut pace = self.pace.lock();
        let Some(rate) = pace.bytes_per_second else { return };
        let millis = (bytes as u64).saturating_mul(1_000) / rate.max(1);
        let from = pace.free_at.filter(|free_at| *free_at > now).unwrap_or(now);
        pace.free_at = from.checked_add(Duration::from_millis(millis));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_come_is_paid_before_the_next_fetch() {
        let throttle = Throttle::default();
        let now = crate::clock::Clock::system().now();
        throttle.charge(1_000_000, now);
        assert_eq!((throttle.wait_until(now), throttle.fetch_bytes_max(7)), (None, 7), "no limit");
        throttle.set(Some(1_000_000));
        throttle.charge(2_000_000, now);
        assert_eq!(throttle.wait_until(now), Some(now + Duration::from_secs(2)));
        throttle.charge(1_000_000, now);
        assert_eq!(throttle.wait_until(now), Some(now + Duration::from_secs(3)));
        assert_eq!(throttle.wait_until(now + Duration::from_secs(3)), None);
        assert_eq!(throttle.fetch_bytes_max(4 << 20), 1_000_000);
        throttle.set(Some(1));
        assert_eq!(throttle.wait_until(now), None, "a new pace begins anew");
        assert_eq!(throttle.fetch_bytes_max(4 << 20), 16 << 10);
        throttle.set(None);
        assert!(!throttle.is_set());
    }
}
