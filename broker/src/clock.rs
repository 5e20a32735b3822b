//! The only reader of the time.
//!
//! Decisions take `now` as an argument; shells get it here. A manual twin stands still until a test moves it.
//! It is not a timer: waiting is tokio's, bounded by deadlines that come from here.
//!
//! *Invariant:* safety never rests on a clock (DESIGN 4); time only decides when to try something.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A source of the time. Cheap to clone; clones of a manual clock move together.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    manual: Option<Arc<Manual>>,
}

#[derive(Debug)]
struct Manual {
    origin: Instant,
    origin_unix_ms: i64,
    advanced_ms: AtomicI64,
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `unix_ms` until [`Clock::advance`] moves it.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one module that reads the clock")]
    pub fn manual(unix_ms: i64) -> Self {
        let manual =
            Manual { origin: Instant::now(), origin_unix_ms: unix_ms, advanced_ms: AtomicI64::new(0) };
        Self { manual: Some(Arc::new(manual)) }
    }

    /// Moves a manual clock forward.
    ///
    /// # Panics
    /// On the machine's clock, which nobody can move.
    pub fn advance(&self, by: Duration) {
        let manual = self.manual.as_ref().expect("only a manual clock is moved by hand");
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        manual.advanced_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// A monotonic instant, for durations and deadlines.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one module that reads the clock")]
    pub fn now(&self) -> Instant {
        match &self.manual {
            None => Instant::now(),
            Some(manual) => {
                let advanced = u64::try_from(manual.advanced_ms.load(Ordering::SeqCst)).unwrap_or(0);
                manual.origin + Duration::from_millis(advanced)
            }
        }
    }

    /// Milliseconds since 1970 in UTC, for timestamps of records and for retention.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one module that reads the clock")]
    pub fn unix_ms(&self) -> i64 {
        match &self.manual {
            None => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            }
            Some(manual) => manual.origin_unix_ms + manual.advanced_ms.load(Ordering::SeqCst),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_hand_and_its_clones_with_it() {
        let clock = Clock::manual(1_000);
        let twin = clock.clone();
        let before = twin.now();
        clock.advance(Duration::from_millis(250));
        assert_eq!(twin.unix_ms(), 1_250);
        assert_eq!(twin.now() - before, Duration::from_millis(250));
    }
}
