//! What compaction may touch, when it is worth it, which segments become one, and what stays in a batch. Pure.
//!
//! Kafka's rules. A log is clean up to the offset that its last run reached, and dirty from there. A run covers whole
//! closed segments below `upper` (the high watermark, and what is durable), none of which is younger than
//! `min.compaction.lag.ms`. Of the records below the end of the run only the last of each key stays, a tombstone only
//! until its batch's delete horizon; records without a key, which a topic may hold from before it was compacted, go.
//!
//! *Invariant:* no record at or above the end of a run is taken out, nor the last one of a key below it, unless that is
//! a tombstone whose time has come.
//! *Invariant:* a batch stays, be it empty, if it is the last of a segment or tells a producer's last sequence.

use super::retention::SegmentFacts;
use super::segment::SPAN_MAX;
use crate::types::Offset;

/// All of something, in millionths.
const WHOLE_PPM: u64 = 1_000_000;

/// The settings of a compacted log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompactionOptions {
    /// `min.cleanable.dirty.ratio`, in millionths: the share of dirty bytes beyond which a log is worth a run.
    pub dirty_ratio_min_ppm: u32,
    /// `min.compaction.lag.ms`: how long a record stays whatever supersedes it.
    pub lag_ms_min: i64,
    /// `max.compaction.lag.ms`: after how long a record is compacted however little is dirty.
    pub lag_ms_max: i64,
    /// `delete.retention.ms`: how long a tombstone stays for readers that are behind.
    pub delete_retention_ms: i64,
}

impl Default for CompactionOptions {
    fn default() -> Self {
        Self {
            dirty_ratio_min_ppm: 500_000,
            lag_ms_min: 0,
            lag_ms_max: i64::MAX,
            delete_retention_ms: 24 * 60 * 60 * 1_000,
        }
    }
}

/// How much of a log waits for compaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dirtiness {
    /// Where the dirty part begins.
    pub from: Offset,
    /// How far a run may go.
    pub to: Offset,
    /// Bytes below the dirty part.
    pub clean_bytes: u64,
    /// Bytes that a run may clean.
    pub dirty_bytes: u64,
    /// Whether a record has waited for too long.
    pub is_overdue: bool,
}

impl Dirtiness {
    /// The share of dirty bytes, in millionths.
    #[must_use]
    pub fn ratio_ppm(&self) -> u64 {
        let total = self.clean_bytes + self.dirty_bytes;
        self.dirty_bytes.saturating_mul(WHOLE_PPM).checked_div(total).unwrap_or(0)
    }

    /// Whether a run is worth it.
    #[must_use]
    pub fn is_due(&self, options: &CompactionOptions) -> bool {
        let enough = self.ratio_ppm() > u64::from(options.dirty_ratio_min_ppm);
        self.dirty_bytes > 0 && (self.is_overdue || enough)
    }
}

/// Where the dirty part of a log begins. A mark that does not fit the log any more says nothing.
pub(super) fn dirty_from(segments: &[SegmentFacts], log_start: Offset, cleaned_to: Option<Offset>) -> Offset {
    let active = segments.last().map_or(log_start, |active| active.base);
    cleaned_to.filter(|offset| *offset <= active).unwrap_or(log_start).max(log_start)
}

/// Looks at the segments of a log, the active one last.
///
/// `oldest_dirty_ms` is the time of the first dirty record, if it is known.
pub(super) fn dirtiness(
    segments: &[SegmentFacts],
    from: Offset,
    upper: Offset,
    oldest_dirty_ms: Option<i64>,
    now_ms: i64,
    options: &CompactionOptions,
) -> Dirtiness {
    let closed = &segments[..segments.len().saturating_sub(1)];
    let (mut to, mut clean_bytes, mut dirty_bytes) = (from, 0, 0);
    for segment in closed {
        if segment.end <= from {
            clean_bytes += segment.bytes;
            continue;
        }
        let is_young =
            options.lag_ms_min > 0 && now_ms.saturating_sub(segment.newest_ms) < options.lag_ms_min;
        if segment.end > upper || is_young {
            break;
        }
        to = segment.end;
        dirty_bytes += segment.bytes;
    }
    let waited_ms = oldest_dirty_ms.map_or(0, |oldest| now_ms.saturating_sub(oldest));
    Dirtiness { from, to, clean_bytes, dirty_bytes, is_overdue: waited_ms > options.lag_ms_max }
}

/// Whether one more segment goes into the one that is being written: from `base` on, `bytes` long so far.
pub(super) fn goes_along(base: Offset, bytes: u64, next: &SegmentFacts, bytes_max: u64) -> bool {
    bytes + next.bytes <= bytes_max.min(SPAN_MAX as u64) && next.end.since(base) <= SPAN_MAX
}

/// What decides about one record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verdict {
    /// One past the last offset that this run covers.
    pub(super) end: Offset,
    /// The delete horizon of the record's batch.
    pub(super) horizon_ms: Option<i64>,
    pub(super) now_ms: i64,
}

impl Verdict {
    /// Whether a record stays. `last` is the offset of the last record with its key; `None` if it has no key.
    pub(super) fn keeps(&self, offset: Offset, last: Option<Option<Offset>>, is_tombstone: bool) -> bool {
        if offset >= self.end {
            return true;
        }
        let Some(last) = last else { return false };
        let is_last = last.is_none_or(|last| offset >= last);
        let has_expired = self.horizon_ms.is_some_and(|horizon| horizon <= self.now_ms);
        is_last && !(is_tombstone && has_expired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten segments of ten records and 100 bytes each, the n-th written at n * 1000 ms; the last one is active.
    fn segments() -> Vec<SegmentFacts> {
        (0..10_i64)
            .map(|n| SegmentFacts {
                base: Offset(n * 10),
                end: Offset(n * 10 + 10),
                bytes: 100,
                newest_ms: n * 1_000,
            })
            .collect()
    }

    fn look(from: i64, upper: i64, now_ms: i64, options: &CompactionOptions) -> (i64, u64, u64) {
        let found = dirtiness(&segments(), Offset(from), Offset(upper), Some(0), now_ms, options);
        (found.to.0, found.clean_bytes, found.dirty_bytes)
    }

    #[test]
    fn closed_segments_below_the_watermark_may_be_cleaned() {
        let options = CompactionOptions::default();
        assert_eq!(look(0, 1_000, 0, &options), (90, 0, 900), "never the active one");
        assert_eq!(look(0, 49, 0, &options), (40, 0, 400));
        assert_eq!(look(30, 1_000, 0, &options), (90, 300, 600));
        assert_eq!(look(35, 1_000, 0, &options), (90, 300, 600), "a segment that is clean in part is dirty");
        assert_eq!(look(90, 1_000, 0, &options), (90, 900, 0));
    }

    #[test]
    fn the_young_are_left_alone() {
        let options = CompactionOptions { lag_ms_min: 5_000, ..CompactionOptions::default() };
        assert_eq!(look(0, 1_000, 8_000, &options), (40, 0, 400));
        assert_eq!(look(0, 1_000, 4_999, &options), (0, 0, 0));
    }

    #[test]
    fn a_run_is_due_by_share_or_by_age() {
        let options = CompactionOptions { lag_ms_max: 60_000, ..CompactionOptions::default() };
        let at = |from: i64, oldest_ms: i64| {
            dirtiness(&segments(), Offset(from), Offset(1_000), Some(oldest_ms), 100_000, &options)
                .is_due(&options)
        };
        assert!(at(40, 90_000), "five of nine");
        assert!(!at(50, 90_000), "four of nine");
        assert!(at(50, 39_999), "but one of them has waited for too long");
        assert!(!at(90, 0), "nothing is dirty");
    }

    #[test]
    fn a_mark_beyond_the_log_says_nothing() {
        let from = |start, mark| dirty_from(&segments(), Offset(start), mark);
        assert_eq!(from(5, None), Offset(5));
        assert_eq!(from(5, Some(Offset(40))), Offset(40));
        assert_eq!(from(50, Some(Offset(40))), Offset(50));
        assert_eq!(from(5, Some(Offset(91))), Offset(5));
    }

    #[test]
    fn small_segments_become_one() {
        let next = segments()[5];
        assert!(goes_along(Offset(0), 250, &next, 350));
        assert!(!goes_along(Offset(0), 251, &next, 350));
        assert!(!goes_along(Offset(0), SPAN_MAX as u64, &next, u64::MAX));
        let wide = SegmentFacts { end: Offset(SPAN_MAX + 1), ..next };
        assert!(!goes_along(Offset(0), 0, &wide, 350), "offsets in a segment have four bytes");
    }

    #[test]
    fn the_last_of_a_key_stays_and_a_tombstone_for_a_time() {
        let verdict = |horizon_ms| Verdict { end: Offset(50), horizon_ms, now_ms: 1_000 };
        let none = verdict(None);
        assert!(none.keeps(Offset(7), Some(Some(Offset(7))), false));
        assert!(!none.keeps(Offset(6), Some(Some(Offset(7))), false));
        assert!(none.keeps(Offset(6), Some(None), false), "no later one is known");
        assert!(none.keeps(Offset(50), Some(Some(Offset(60))), false), "beyond the run");
        assert!(none.keeps(Offset(50), None, false), "without a key, but beyond the run");
        assert!(!none.keeps(Offset(49), None, false), "without a key");
        assert!(none.keeps(Offset(7), Some(Some(Offset(7))), true), "its time has not begun");
        assert!(verdict(Some(1_001)).keeps(Offset(7), Some(Some(Offset(7))), true));
        assert!(!verdict(Some(1_000)).keeps(Offset(7), Some(Some(Offset(7))), true));
        assert!(verdict(Some(1_000)).keeps(Offset(7), Some(Some(Offset(7))), false), "no tombstone");
    }
}
