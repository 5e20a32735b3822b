//! Which segments have outlived their use. Pure.
//!
//! Kafka's rules, applied from the oldest segment on: below the log's start; older than `retention.ms`; too much for
//! `retention.bytes`. A segment goes whole or not at all, and only if all of it lies below `upper`, which the caller
//! sets to the high watermark. Who may decide (the leader) is not known here.

use super::LogOptions;
use crate::types::Offset;

/// What the rules look at in one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentFacts {
    pub(super) base: Offset,
    pub(super) end: Offset,
    pub(super) bytes: u64,
    /// The greatest timestamp in it, or when it was last written if its records have none.
    pub(super) newest_ms: i64,
}

/// Why a segment may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    BelowStart,
    Age,
    Size,
}

impl Expiry {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::BelowStart => "below the log's start",
            Self::Age => "older than retention.ms",
            Self::Size => "more than retention.bytes",
        }
    }
}

/// The reasons for the oldest segments, in order; segments beyond the answer's length stay.
pub(super) fn expired(
    segments: &[SegmentFacts],
    log_start: Offset,
    upper: Offset,
    now_ms: i64,
    options: &LogOptions,
) -> Vec<Expiry> {
    let mut total: u64 = segments.iter().map(|segment| segment.bytes).sum();
    let mut reasons = Vec::new();
    for segment in segments {
        if segment.end > upper || segment.bytes == 0 {
            break;
        }
        let aged = options.retention_ms.is_some_and(|age| now_ms.saturating_sub(segment.newest_ms) > age);
        let rest = total - segment.bytes;
        let crowded = options.retention_bytes.is_some_and(|bytes| rest >= bytes);
        let reason = if segment.end <= log_start {
            Expiry::BelowStart
        } else if aged {
            Expiry::Age
        } else if crowded {
            Expiry::Size
        } else {
            break;
        };
        total = rest;
        reasons.push(reason);
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: LogOptions = LogOptions {
        segment_bytes_max: 100,
        segment_ms_max: 100,
        index_interval_bytes: 10,
        retention_ms: None,
        retention_bytes: None,
        batch_bytes_max: 100,
        timestamp_type_log_append: false,
        file_delete_delay_ms: 0,
        producer_id_expiration_ms: 100,
        compaction: None,
    };

    /// Ten segments of ten records and 100 bytes each, the n-th written at n * 1000 ms.
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

    fn expire(options: &LogOptions, start: i64, upper: i64, now_ms: i64) -> Vec<Expiry> {
        expired(&segments(), Offset(start), Offset(upper), now_ms, options)
    }

    #[test]
    fn never_is_never() {
        assert_eq!(expire(&NEVER, 0, 100, i64::MAX), vec![]);
    }

    #[test]
    fn by_age_from_the_oldest_on_and_below_the_watermark_only() {
        let options = LogOptions { retention_ms: Some(5_000), ..NEVER };
        assert_eq!(expire(&options, 0, 100, 8_000), vec![Expiry::Age; 3]);
        assert_eq!(expire(&options, 0, 25, 8_000), vec![Expiry::Age; 2]);
        assert_eq!(expire(&options, 0, 100, 1_000_000), vec![Expiry::Age; 10], "the last one too");
    }

    #[test]
    fn by_size_only_while_enough_remains() {
        let options = LogOptions { retention_bytes: Some(750), ..NEVER };
        assert_eq!(expire(&options, 0, 100, 0), vec![Expiry::Size; 2]);
        let options = LogOptions { retention_bytes: Some(800), ..NEVER };
        assert_eq!(expire(&options, 0, 100, 0), vec![Expiry::Size; 2]);
    }

    #[test]
    fn below_the_start_whole_segments_go() {
        assert_eq!(expire(&NEVER, 29, 100, 0), vec![Expiry::BelowStart; 2]);
        assert_eq!(expire(&NEVER, 30, 100, 0), vec![Expiry::BelowStart; 3]);
    }
}
