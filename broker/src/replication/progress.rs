//! How far one follower is, as its leader sees it. Pure.
//!
//! *Invariant:* `end` is only ever set from a fetch of this leader epoch that did not diverge (rules 3 and 7).

use std::time::{Duration, Instant};

use crate::types::{Incarnation, Offset};

/// One follower in one leader epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The newest life of the broker that the leader knows of.
    pub incarnation: Incarnation,
    /// How far that life holds the log, durably if the partition counts so; `None` until it fetched in this epoch.
    pub end: Option<Offset>,
    /// Where that life's log starts, by its last fetch; `NONE` until it fetched in this epoch.
    pub log_start: Offset,
    /// When it last fetched in this epoch without diverging; at first the start of the epoch.
    pub last_fetch: Instant,
    /// The last moment at which it held all that the leader had.
    pub caught_up_at: Instant,
    /// When the leader first heard of this life.
    pub known_since: Instant,
    /// The leader's end at the last fetch.
    leader_end_then: Offset,
}

impl Progress {
    /// A follower that has yet to fetch; it is given the whole lag time from `now`.
    #[must_use]
    pub fn new(incarnation: Incarnation, now: Instant) -> Self {
        Self {
            incarnation,
            end: None,
            log_start: Offset::NONE,
            last_fetch: now,
            caught_up_at: now,
            known_since: now,
            leader_end_then: Offset(i64::MAX),
        }
    }

    /// Notes a fetch from `end` while the leader's log ends at `leader_end`.
    ///
    /// A follower is caught up when it holds all that the leader has, or had at the fetch before: under a steady load it
    /// never sees the very end.
    pub fn note_fetch(&mut self, end: Offset, leader_end: Offset, now: Instant) {
        if end >= leader_end {
            self.caught_up_at = now;
        } else if end >= self.leader_end_then {
            self.caught_up_at = self.caught_up_at.max(self.last_fetch);
        }
        self.end = Some(end);
        self.last_fetch = now;
        self.leader_end_then = leader_end;
    }

    /// For how long it has not held all that the leader had; zero if it does.
    #[must_use]
    pub fn lag(&self, leader_end: Offset, now: Instant) -> Duration {
        if self.end == Some(leader_end) {
            Duration::ZERO
        } else {
            now.saturating_duration_since(self.caught_up_at)
        }
    }

    /// For how long it has not fetched.
    #[must_use]
    pub fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last_fetch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replication::testing::{incarnation, now};

    #[test]
    fn under_a_steady_load_the_end_of_the_fetch_before_is_enough() {
        let start = now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut follower = Progress::new(incarnation(2), start);
        follower.note_fetch(Offset(0), Offset(10), at(1_000));
        assert_eq!(follower.lag(Offset(10), at(1_000)), Duration::from_secs(1), "it holds nothing yet");
        follower.note_fetch(Offset(10), Offset(20), at(2_000));
        assert_eq!(
            follower.lag(Offset(20), at(2_000)),
            Duration::from_secs(1),
            "it has what there was at 1000"
        );
        follower.note_fetch(Offset(15), Offset(30), at(9_000));
        assert_eq!(follower.lag(Offset(30), at(9_000)), Duration::from_secs(8), "it falls behind");
        follower.note_fetch(Offset(30), Offset(30), at(9_500));
        assert_eq!(follower.lag(Offset(30), at(60_000)), Duration::ZERO, "an idle log makes nobody lag");
    }
}
